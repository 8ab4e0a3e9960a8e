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

NoAtom apply_atom(const AtomPlan& plan, std::uint64_t slot_address, Descriptor& descriptor) {
  const Dims whole = descriptor.grid(), part{plan.grid.x, plan.grid.y, plan.grid.z};
  for (std::size_t axis = 0; axis < part.size(); ++axis)
    if (part[axis] == 0 || part[axis] > whole[axis]) return NoAtom::other_launch;
  if (plan.redirected) {
    if (descriptor.program() != plan.slot.entry) return NoAtom::other_launch;
    if (descriptor.bank_state(plan.constant_bank) != 0) return NoAtom::bank_taken;
    descriptor.set_bank(plan.constant_bank, kBankValidInvalidate, slot_address, sizeof(AtomSlot));
    if (descriptor.registers() < plan.registers) descriptor.set_registers(plan.registers);
    descriptor.set_program(plan.program);
  }
  for (unsigned axis = 0; axis < part.size(); ++axis) descriptor.set_grid(axis, part[axis]);
  return NoAtom::planned;
}

}  // namespace lithos::cuda
