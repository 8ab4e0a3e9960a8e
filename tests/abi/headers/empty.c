/* SPDX-License-Identifier: Apache-2.0
 * Nothing of its own: the header under test is force-included. */
int lithos_header_test(void);
int lithos_header_test(void) { return 0; }
