// SPDX-License-Identifier: Apache-2.0
// Two ways to stay in memory for ever: a unique symbol, and a thread_local object with a destructor.
#include <memory>

#include <lithos/policy.hpp>

#ifdef FAULT_UNIQUE
template <class T>
struct Shared {
  static inline int count = 0;  // STB_GNU_UNIQUE without the flags of lithos_add_policy()
};
#else
struct Notes {
  ~Notes() { last = 0; }
  volatile int last = 1;
};
thread_local Notes notes;
#endif

class Pinned {
 public:
  static constexpr const char* id = "org.example.pinned";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Cannot be unloaded.";
  void decide(const lithos::SchedView&, lithos::SchedAnswer& answer) {
#ifdef FAULT_UNIQUE
    (void)answer;
    ++Shared<Pinned>::count;
#else
    notes.last = static_cast<int>(answer->tenants);
#endif
  }
};
LITHOS_EXPORT_SCHEDULER(Pinned)
