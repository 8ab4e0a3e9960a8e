#!/usr/bin/env bash
# Runs the probes on one GPU and collects their JSON: run_all.sh OUT [suite ...]
#
# Lives beside the built probes (build.sh copies it there). Every probe is a throw-away process under a timeout,
# because a wrong mask hangs a kernel for ever; a probe that fails leaves its log and the others go on.
# SCALE stretches the timed phases (1 = the committed figures); PROBE_GPU picks the GPU.
set -u
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: run_all.sh OUT [suite ...]}
shift
mkdir -p "$out"
out=$(cd "$out" && pwd)
# By UUID, because MPS renumbers the devices that it is shown.
uuid=$(nvidia-smi -L 2>/dev/null | sed -n "s/^GPU ${PROBE_GPU:-0}:.*UUID: \(GPU-[^)]*\)).*/\1/p")
export CUDA_VISIBLE_DEVICES=$uuid NCCL_NVLS_ENABLE=0 PYTHONUNBUFFERED=1
export LITHOS_TPC_MAP=$out/tpc_map.txt
scale=${SCALE:-1}
python=${PYTHON:-python3}
started=$SECONDS

# run NAME SECONDS COMMAND...: standard output is the finding.
run() {
  local name=$1 limit=$2
  shift 2
  local begin=$SECONDS
  timeout -k 3 "$limit" "$@" >"$out/$name.json" 2>"$out/$name.err"
  local rc=$?
  [ -s "$out/$name.json" ] || rm -f "$out/$name.json"
  [ -s "$out/$name.err" ] || rm -f "$out/$name.err"
  echo "[$((SECONDS - started)) s] $name: rc $rc, $((SECONDS - begin)) s"
  [ $rc -eq 0 ] || tail -n 4 "$out/$name.err" "$out/$name.json" 2>/dev/null | cut -c1-400
}

# with_mps COMMAND...: a fresh control daemon around the command.
with_mps() {
  local folder
  folder=$(mktemp -d)
  export CUDA_MPS_PIPE_DIRECTORY=$folder/pipe CUDA_MPS_LOG_DIRECTORY=$folder/log
  mkdir -p "$CUDA_MPS_PIPE_DIRECTORY" "$CUDA_MPS_LOG_DIRECTORY"
  # Without a daemon the probes would run without MPS and their findings would say that they had it.
  if ! nvidia-cuda-mps-control -d; then
    echo "[$((SECONDS - started)) s] $*: no MPS daemon, rc 77"
    unset CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY
    rm -rf "$folder"
    return
  fi
  sleep 1
  "$@"
  echo quit | timeout 20 nvidia-cuda-mps-control >/dev/null 2>&1 || echo "MPS did not quit"
  unset CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY
  rm -rf "$folder"
}

suite_map() { run tpc_map 60 "$here/tpc_map" "$LITHOS_TPC_MAP"; }

traces="resnet50_infer_b16 llama8l_prefill_b8_s2048 gpt2_medium_train_b16_s1024 llama8b_decode_b1_kv512
        llama8b_prefill_b1_s512 bert_base_train_b32_s128"
suite_traces() {
  local w
  for w in ${TRACES:-$traces}; do
    run "trace_$w.log" 90 "$python" "$here/capture_trace.py" "$w" "$out/trace_$w.json"
  done
}
suite_profile() {
  local w
  for w in ${TRACES:-$traces}; do
    run "profile_$w.log" 90 "$python" "$here/capture_trace.py" "$w" "$out/profile_$w.json" --profile
  done
}
suite_solo() { run colocate_solo.log 400 "$python" "$here/colocate.py" "$out/colocate_solo.json" --scale "$scale"; }
suite_mps() {
  with_mps run colocate_mps.log 400 "$python" "$here/colocate.py" "$out/colocate_mps.json" --mps --scale "$scale"
}
# How much MPS alone costs, with the BE client at normal priority; suite_mps_below measures the same below normal.
suite_mps_short() {
  with_mps run colocate_short.log 100 "$python" "$here/colocate.py" "$out/colocate_short.json" --mps --scale "$scale" --phases alone_short
  with_mps run colocate_hp_only.log 100 "$python" "$here/colocate.py" "$out/colocate_hp_only.json" --mps --hp-only --phases alone_short
  run colocate_no_mps.log 100 "$python" "$here/colocate.py" "$out/colocate_no_mps.json" --mps --hp-only --phases alone_short
}
suite_mps_below() {
  with_mps run colocate_below.log 200 "$python" "$here/colocate.py" "$out/colocate_below.json" --mps --be-below --scale "$scale"
}

# Probes without PyTorch, outside MPS.
suite_small() {
  run mask_launches 60 "$here/mask_launches"
  run mask_interference 60 "$here/mask_interference"
  run completion_writes 60 "$here/completion_writes"
  run graph_callbacks 40 "$here/graph_callbacks"
  run launch_attributes 40 "$here/launch_attributes"
  run callback_coverage 30 "$here/callback_coverage" hook_first
  run callback_coverage_then_cupti 30 "$here/callback_coverage" hook_first_then_cupti
  run callback_coverage_unsubscribe 30 "$here/callback_coverage" unsubscribe
  run callback_coverage_after_cupti 30 "$here/callback_coverage" cupti_first
  run wakeup 40 "$here/wakeup"
  local v
  for v in 0 1 2 3 4; do PRELUDE_VARIANT=$v run prelude_cost_$v 40 "$here/prelude_cost"; done
  [ -n "${QUICK:-}" ] || run registration_death 60 "$here/registration_death"
}
# The same under MPS, and what only MPS has.
suite_small_mps() {
  with_mps mps_probes
  with_mps run registration_death_mps 90 "$here/registration_death" mps
  suite_kill_mps
}
suite_kill_mps() {
  with_mps run kill_with_slot_mps 40 "$here/registration_death" mps kill
  with_mps run kill_without_slot_mps 40 "$here/registration_death" mps kill_without_slot
}
mps_probes() {
  run completion_writes_mps 60 "$here/completion_writes"
  run displacement 120 "$here/displacement"
  PRELUDE_VARIANT=1 run prelude_cost_1_mps 40 "$here/prelude_cost"
  PRELUDE_VARIANT=2 run prelude_cost_2_mps 40 "$here/prelude_cost"
  run mps_limits 60 "$here/mps_limits"
  run mask_interference_mps 60 "$here/mask_interference"
}
# Masks that cannot work: each hangs its own process for its three seconds and is left behind.
suite_impossible() {
  run mask_empty 12 "$here/mask_launches" empty
  run mask_cluster 12 "$here/mask_launches" cluster
  run cluster_places 240 "$here/cluster_places"
  run cooperative_whole_chip 12 "$here/launch_attributes" whole_chip
  run tpc_map_after 60 "$here/tpc_map"
}
# What hardware.md called not known; about two minutes. Each can be run alone: suite_rest_NAME.
rest="jump_constant module_in_callback prelude_dependent device_updatable split_gemms short_cuts service_levels capture_calls"
suite_rest() {
  local part
  for part in $rest; do "suite_rest_$part"; done
}
suite_rest_jump_constant() { run jump_constant 60 "$here/jump_constant"; }
suite_rest_module_in_callback() { run module_in_callback 20 "$here/module_in_callback"; }
suite_rest_prelude_dependent() { run prelude_dependent 20 "$here/prelude_dependent"; }
suite_rest_device_updatable() { run device_updatable 20 "$here/device_updatable"; }
suite_rest_split_gemms() { LITHOS_CUBLASLT=$(torch_cublaslt) run split_gemms 75 "$here/split_gemms"; }
suite_rest_short_cuts() {
  run short_cuts.log 65 "$python" "$here/persistent_kernels.py" "$out/short_cuts.json" --short-cuts
}
suite_rest_capture_calls() { run capture_calls 30 "$here/capture_calls"; }
suite_rest_service_levels() { with_mps run service_levels 60 "$here/service_levels"; }
# The cuBLASLt that PyTorch would load, empty where there is none: then the loader's.
torch_cublaslt() {
  "$python" - <<'PYTHON' 2>/dev/null
import glob, importlib.util
spec = importlib.util.find_spec("nvidia")
for folder in spec.submodule_search_locations if spec else []:
    for path in sorted(glob.glob(folder + "/*/lib/libcublasLt.so.1[0-9]")):
        print(path)
        raise SystemExit
PYTHON
}
suite_persistent() { run persistent.log 240 "$python" "$here/persistent_kernels.py" "$out/persistent.json"; }

for suite in "${@:-map}"; do
  "suite_$suite"
done
nvidia-smi --query-gpu=uuid,driver_version,clocks.sm,clocks.mem,temperature.gpu,power.draw --format=csv >"$out/gpu.txt" 2>&1
echo "all: $((SECONDS - started)) s"
