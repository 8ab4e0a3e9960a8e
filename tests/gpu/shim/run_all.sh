#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The shim's checks on a GPU: run_all.sh OUT [suite ...]; suites: map overhead across
# steps confined times routes covered few_tpcs cut faults.
# Lives beside what build.sh made. One JSON file for each check, and summary.json with what was wanted. SCALE=0.1 makes it short.
set -u
here=$(cd "$(dirname "$0")" && pwd)
source "$here/run_checks.sh"
scale=${SCALE:-1}
times() { awk "BEGIN {print int($1 * $scale)}"; }
put_shim "$folder" "$here/libcuda_shim.so"

# under NAME SECONDS "VARIABLES" COMMAND...: the same, as a tenant.
under() {
  local name=$1 limit=$2 variables=$3
  shift 3
  # shellcheck disable=SC2086
  run "$name" "$limit" env LD_LIBRARY_PATH="$folder${before:+:$before}" LITHOS_TENANT=check LITHOS_TPC_MAP="$map" \
    LITHOS_KERNEL_RULES="$here/kernel_rules.txt" LITHOS_STATS="$out/$name.stats" $variables "$@"
}
sms_of() { # the SMs of TPCs FIRST..LAST of the map
  awk -v first="$1" -v last="$2" '/^tpc/ {if (n >= first && n <= last) {printf "%s%s,%s", sep, $4, $5; sep = ","} n++}' "$map"
}
count() { grep -c '^tpc' "$map"; }

suite_overhead() {
  local n
  n=$(times 1000000)
  run overhead_without_shim 120 "$here/launch_overhead" "$n"
  run overhead_forwarding 120 env LD_LIBRARY_PATH="$folder${before:+:$before}" "$here/launch_overhead" "$n"
  under overhead_counted 120 "" "$here/launch_overhead" "$n"
  under overhead_masked 120 "LITHOS_TPCS=0-31" "$here/launch_overhead" "$n"
}
# Two processes in turns: what the hook itself costs shows here alone, since inside one process the bare launches have it too.
suite_across() {
  local n turn
  n=$(times 100000)
  for turn in 1 2 3 4 5 6 7; do
    run across_bare_$turn 60 "$here/launch_overhead" "$n" >/dev/null
    under across_counted_$turn 60 "" "$here/launch_overhead" "$n" >/dev/null
    under across_masked_$turn 60 "LITHOS_TPCS=0-31" "$here/launch_overhead" "$n" >/dev/null
  done
}
suite_steps() {
  # shellcheck disable=SC2086
  under steps 400 "" "$python" "$here/steps.py" "${STEPS_SECONDS:-12}" ${STEPS_MODELS:-}
  # A mask of all TPCs confines nothing and must cost nothing: it once took 11 % from GPT-2's training (docs/design/hardware.md section 4).
  # shellcheck disable=SC2086
  under steps_masked 400 "LITHOS_TPCS=0-$(($(count) - 1))" "$python" "$here/steps.py" "${STEPS_SECONDS:-12}" ${STEPS_MASKED_MODELS:-gpt2_medium_train_b16_s1024 llama8l_prefill_b8_s2048}
}
suite_routes() {
  local name
  for name in routes routes_per_thread; do
    run "bare_$name" 30 "$here/$name" 1000
    run "bare_again_$name" 30 "$here/$name" 1000
    under "shim_$name" 30 "" "$here/$name" 1000
  done
  run bare_routes_dlsym 30 "$here/routes" 1000 dlsym
  run bare_again_routes_dlsym 30 "$here/routes" 1000 dlsym
  under shim_routes_dlsym 30 "" "$here/routes" 1000 dlsym
}
suite_confined() {
  local set first last
  for set in 0-0 1-1 0-3 4-11 12-40 33-65 60-65 0-65; do
    first=${set%-*} last=${set#*-}
    under "confined_$set" 30 "LITHOS_TPCS=$set" "$here/confinement" "$(sms_of "$first" "$last")"
  done
  for first in $(seq 0 "$(($(count) - 1))"); do
    under "confined_one_$first" 20 "LITHOS_TPCS=$first" "$here/confinement" "$(sms_of "$first" "$first")" >/dev/null
  done
}
suite_times() {
  under times_events 60 "LITHOS_TIMES=$out/times.txt" "$here/times" "$(times 10000)" &&
    "$python" "$here/times.py" "$out/times_events.json" "$out/times.txt" | tee "$out/times.json"
}
traced="resnet50_infer_b16 llama8l_prefill_b8_s2048 gpt2_medium_train_b16_s1024 llama8b_decode_b1_kv512 llama8b_prefill_b1_s512
        bert_base_train_b32_s128"
workloads="gemm fft convolution attention graph compiled threads forks triton_kernel cupy_arrays jax_arrays"
suite_covered() {
  local w
  for w in ${WORKLOADS:-$workloads}; do
    { run "bare_again_$w" 120 "$python" "$here/workload.py" "$w"  # first: it fills the compilers' caches
      run "bare_$w" 120 "$python" "$here/workload.py" "$w" --count
      under "shim_$w" 120 "" "$python" "$here/workload.py" "$w"; } &
  done
  wait
}
suite_few_tpcs() { # VGG-16 training on 4 TPCs is the case that once hung
  local w n
  for n in ${COUNTS:-4 1 2 16 33 65}; do
    for w in ${FEW:-vgg16_training $traced}; do
      under "few_${w}_$n" 150 "LITHOS_TPCS=0-$((n - 1))" "$python" "$here/workload.py" "$w" &
      [ "$(jobs -r | wc -l)" -lt 4 ] || wait -n  # they share the GPU's memory
    done
  done
  wait
}
# Every workload with whatever can be cut cut into so many parts: the same bits as the bare driver's.
suite_cut() {
  local w n
  for w in ${CUT:-gemm fft convolution attention triton_kernel cupy_arrays jax_arrays $traced}; do
    for n in bare bare_again ${ATOMS:-2 3 7 64}; do
      case $n in
        bare*) run "cut_${w}_$n" 150 "$python" "$here/workload.py" "$w" & ;;
        *) under "cut_${w}_$n" 150 "LITHOS_FORCE_ATOMS=$n" "$python" "$here/workload.py" "$w" & ;;
      esac
      [ "$(jobs -r | wc -l)" -lt "${JOBS:-5}" ] || wait -n
    done
  done
  wait
}
suite_faults() {
  under fault_no_daemon 60 "LITHOS_SOCKET=/nowhere/tenants.sock" "$here/launch_overhead" 2000
  under fault_no_hook 60 "LITHOS_HOOK=0" "$here/launch_overhead" 2000
  under fault_no_map 60 "LITHOS_TPC_MAP=/nowhere" "$here/launch_overhead" 2000
  under fault_profiler_after 60 "LITHOS_TPCS=0-31" "$python" "$here/workload.py" gemm --count
  under fault_profiler_no_hook 60 "LITHOS_HOOK=0" "$python" "$here/workload.py" gemm --count
  under fault_refuse 60 "LITHOS_HOOK=0 LITHOS_UNMANAGED=refuse" "$here/launch_overhead" 2000 && echo "was not refused"
}

for suite in "${@:-map}"; do "suite_$suite"; done
"$python" "$here/summary.py" "$out"
