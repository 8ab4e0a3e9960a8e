// Subscription to the driver's descriptor callback, and the patches that the probes apply in it.
//
// Purpose: see and change every launch descriptor of this process just before the driver uploads it.
// Threads: the visitor runs on the launching thread; install() once, set_visitor() while nothing launches.
// Failure: install() returns a reason in words and leaves the process unhooked; a descriptor of another
//   version than Hopper's is never touched.
#pragma once

#include <cstdint>
#include <string>

#include "descriptor.hpp"

namespace lithos::probe {

using DescriptorVisitor = void (*)(Descriptor& descriptor, void* user);

// Empty on success. cuInit must have run.
std::string install_descriptor_hook();
// Turns the callback off and on again without undoing the subscription.
std::string enable_descriptor_hook(bool on);
void set_visitor(DescriptorVisitor visitor, void* user);
std::uint64_t descriptors_seen();
// Calls another entry of the same table with our handle, for the probe that looks for an unsubscribe.
int call_table_entry(int index);

// Confines a launch to `enabled`, on top of whatever the driver already switched off. Leaves the descriptor
// alone and returns false where that would leave no TPC, or no room for one cluster in one GPC: such a launch
// would hang for ever.
bool confine(Descriptor& descriptor, const TpcSet& enabled);
// The same without the check, for the probes that ask what happens then.
void confine_unchecked(Descriptor& descriptor, const TpcSet& enabled);

}  // namespace lithos::probe
