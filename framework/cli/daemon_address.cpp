// SPDX-License-Identifier: Apache-2.0
#include "cli/daemon_address.hpp"

#include <cstdlib>

#include "daemon/admin_client.hpp"

namespace lithos {

std::string admin_socket_of(const std::string& run_folder) {
  const char* from_environment = std::getenv("LITHOS_RUN_DIR");
  const bool set = from_environment != nullptr && *from_environment != '\0';
  return (!run_folder.empty() ? run_folder : set ? from_environment : kDefaultRunFolder) + "/admin.sock";
}

}  // namespace lithos
