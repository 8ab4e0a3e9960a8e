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
export CUDA_VISIBLE_DEVICES=${PROBE_GPU:-0} NCCL_NVLS_ENABLE=0 PYTHONUNBUFFERED=1
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
  nvidia-cuda-mps-control -d && sleep 1
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

for suite in "${@:-map}"; do
  "suite_$suite"
done
nvidia-smi --query-gpu=uuid,driver_version,clocks.sm,clocks.mem,temperature.gpu,power.draw --format=csv >"$out/gpu.txt" 2>&1
echo "all: $((SECONDS - started)) s"
