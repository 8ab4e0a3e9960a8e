// SPDX-License-Identifier: Apache-2.0
#include "sim/device_model.hpp"

namespace lithos {

DeviceModel h200_model() { return {}; }

}  // namespace lithos
