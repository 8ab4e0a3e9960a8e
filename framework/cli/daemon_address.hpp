// SPDX-License-Identifier: Apache-2.0
// Where lithosd's sockets are: as told, else $LITHOS_RUN_DIR, else /run/lithos. Any thread.
#pragma once

#include <string>

namespace lithos {

std::string admin_socket_of(const std::string& run_folder);

}  // namespace lithos
