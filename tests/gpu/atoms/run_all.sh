#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs what build.sh made, one JSON file for each program: ./run_all.sh OUT. About two minutes on an H200. Every program under `timeout`; one
# that hangs or fails does not stop the others. LITHOS_TPC_MAP names the map that the probe tpc_map wrote (for the reassignment).
set -u
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: run_all.sh OUT}
mkdir -p "$out"
export CUDA_MODULE_LOADING=LAZY
failed=0
run() {  # name, seconds, file descriptor of the report
  local name=$1 limit=$2
  timeout -k 10 "$limit" "$here/$name" > "$out/$name.stdout" 2> "$out/$name.stderr"
  local rc=$?
  # exactly_once prints from its kernels; its report comes on stderr.
  if [ "$name" = exactly_once ]; then mv "$out/$name.stderr" "$out/$name.json"; else cp "$out/$name.stdout" "$out/$name.json"; fi
  rm -f "$out/$name.stdout"
  [ -s "$out/$name.stderr" ] || rm -f "$out/$name.stderr"
  echo "$name: rc $rc"
  [ $rc -eq 0 ] || [ $rc -eq 77 ] || failed=1
}
nvidia-smi --query-gpu=name,uuid,driver_version --format=csv > "$out/gpu.txt" 2>&1
run exactly_once 120
run libraries 180
run cost 180
run benefit 180
if command -v compute-sanitizer > /dev/null; then
  timeout -k 10 300 compute-sanitizer --tool memcheck "$here/exactly_once" > "$out/sanitizer.txt" 2>&1
  echo "compute-sanitizer: rc $?"
fi
exit $failed
