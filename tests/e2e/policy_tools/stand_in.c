/* SPDX-License-Identifier: Apache-2.0
 * Has the driver's name and nothing else of it. */
int lithos_stand_in_for_the_driver(void) { return 0; }
