// SPDX-License-Identifier: Apache-2.0
// The daemon's half of the handshake: judges a hello, and says welcome, no, or "here is another tenant's page".
// Stateless; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.hpp"
#include "base/time.hpp"
#include "engine/gpu_shape.hpp"
#include "ipc/channel.hpp"
#include "ipc/shared_memory.hpp"

namespace lithos::ipc {

// The name that a tenant gives. incompatible: built for another layout; invalid_argument: not a hello, or not a name.
Result<std::string> judge_hello(const Received& message);

Status send_welcome(Channel& channel, const SharedMemory& memory, TenantId slot, std::uint32_t incarnation,
                    const GpuShape& gpu, const TenantTerms& terms = {});
void send_refused(Channel& channel, const Status& why);
Status send_board(Channel& channel, int page_fd, TenantId slot, std::uint32_t incarnation);
Status send_reached(Channel& channel, std::uint64_t number, std::uint64_t refused, const std::string& why);

}  // namespace lithos::ipc
