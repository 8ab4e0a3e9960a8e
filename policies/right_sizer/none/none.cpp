// SPDX-License-Identifier: Apache-2.0
// No right-sizing: a launch gets all TPCs its lease has.
#include <lithos/policy.hpp>

class None {
 public:
  static constexpr const char* id = "org.lithos.right_sizer.none";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Every launch gets all TPCs that its tenant may use.";
  static constexpr const char* license = "Apache-2.0";

  lithos::Size choose(const lithos::SizeQuery& query) { return {query.tpcs, 0, 1.0}; }
};
LITHOS_EXPORT_RIGHT_SIZER(None)
