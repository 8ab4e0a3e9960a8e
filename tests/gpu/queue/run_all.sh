#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The queued path on a GPU: run_all.sh OUT [suite ...]; suites: map order held cut deadlock throughput. Lives beside what build.sh
# made. One file for each run, and summary.json with what was wanted. SEEDS=1000, TURNS=100.
set -u
here=$(cd "$(dirname "$0")" && pwd)
suffix=out  # order says lines
source "$here/run_checks.sh"
seeds=${SEEDS:-1000}
put_shim "$folder/inline" "$here/libcuda_shim.so"
put_shim "$folder/queued" "$here/libcuda_queued_shim.so"

# under inline|queued NAME SECONDS "VARIABLES" COMMAND...: the same, as a tenant.
under() {
  local kind=$1 name=$2 limit=$3 variables=$4
  shift 4
  # shellcheck disable=SC2086
  run "$name" "$limit" env LD_LIBRARY_PATH="$folder/$kind${before:+:$before}" LITHOS_TENANT=check LITHOS_TPC_MAP="$map" $variables "$@"
}

suite_order() {
  run order_bare 300 "$here/order" 1 "$seeds" 2
  run order_bare_again 300 "$here/order" 1 "$seeds" 2
  under queued order_queued 500 "LITHOS_TPCS=0-31" "$here/order" 1 "$seeds" 2
  under queued order_unmasked 500 "" "$here/order" 1 "$((seeds / 4))" 3
  run order_bare_three 300 "$here/order" 1 "$((seeds / 4))" 3
}
suite_held() { # every launch is held for so long: deep queues
  local us
  for us in 200 2000; do
    under queued "order_held_$us" 300 "LITHOS_TPCS=0-31 LITHOS_HOLD_US=$us" "$here/order" 1 "$((seeds * 20 / (us + 200) + 5))" 2
  done
}
suite_cut() {
  local n
  for n in 3 16; do
    under queued "order_cut_$n" 300 "LITHOS_TPCS=0-31 LITHOS_FORCE_ATOMS=$n" "$here/order" 1 "$((seeds / 5))" 2
  done
}
suite_deadlock() {
  run deadlock_bare 60 "$here/deadlock" "${TURNS:-100}"
  under queued deadlock_queued 60 "LITHOS_TPCS=0-31" "$here/deadlock" "${TURNS:-100}"
  under queued deadlock_held 120 "LITHOS_TPCS=0-31 LITHOS_HOLD_US=5000" "$here/deadlock" "${TURNS:-100}"
  under queued deadlock_held_long 120 "LITHOS_TPCS=0-31 LITHOS_HOLD_US=100000" "$here/deadlock" 10
}
suite_throughput() {
  local us turn
  for us in 2 50 100 500; do
    for turn in 1 2 3; do
      run "throughput_bare_${us}_$turn" 60 "$here/throughput" "$us"
      under inline "throughput_inline_${us}_$turn" 60 "LITHOS_TPCS=0-31" "$here/throughput" "$us"
      under queued "throughput_queued_${us}_$turn" 60 "LITHOS_TPCS=0-31" "$here/throughput" "$us"
    done
  done
}

[ $# -gt 0 ] || set -- map order held cut deadlock throughput
for suite in "$@"; do "suite_$suite"; done
"$python" "$here/summary.py" "$out"
