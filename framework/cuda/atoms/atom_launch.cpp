// SPDX-License-Identifier: Apache-2.0
#include "cuda/atoms/atom_launch.hpp"

namespace lithos::cuda {

NoAtom plan_atom(const AtomRequest& request, const LoadedPreludes& preludes, AtomPlan& plan) {
  const auto box = box_of(request.grid, request.cluster, request.range);
  if (!box) return NoAtom::not_a_range;
  plan = {};
  plan.grid = box->grid;
  if (!box->tested && !request.force) return NoAtom::planned;
  if (preludes.image == nullptr) return NoAtom::no_prelude;
  const std::uint64_t program = preludes.address[static_cast<std::size_t>(box->test)];
  if (program == 0 || request.kernel_entry == 0) return NoAtom::address_unknown;
  const PreludeManifest& prelude = prelude_of(*preludes.image, box->test);
  plan.redirected = true;
  plan.slot = {box->first, request.kernel_entry, box->end};
  plan.program = program + prelude.entry_offset;
  plan.registers = prelude.registers;
  plan.constant_bank = prelude.constant_bank;
  return NoAtom::planned;
}

}  // namespace lithos::cuda
