#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One relocatable folder with the shim and its checks: build.sh BUILD-FOLDER [OUT]. Needs nvcc and a built LithOS, no GPU.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?usage: build.sh BUILD-FOLDER [OUT]}" && pwd)
out=${2:-$build/gpu-shim}
mkdir -p "$out"
nvcc=${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
flags=(-std=c++20 -O2 -arch=sm_90 -I"$here" -cudart static -ldl -Xcompiler -static-libstdc++,-static-libgcc)
for name in launch_overhead confinement times routes routes_per_thread; do
  source=$here/${name%_per_thread}.cu
  [ "$out/$name" -nt "$source" ] && [ "$out/$name" -nt "$here/kernels.cuh" ] && continue
  echo "building $name"
  extra=()
  [ "$name" = routes_per_thread ] && extra=(--default-stream per-thread)
  "$nvcc" -o "$out/$name" "$source" "${flags[@]}" "${extra[@]}"
done
echo "building calibrate"
g++ -std=c++20 -O2 -I"$here/../../../framework" -static-libstdc++ -static-libgcc -o "$out/calibrate" "$here/calibrate_main.cpp" \
  "$build/framework/cuda/liblithos_cuda_calibrate.a" "$build/framework/cuda/liblithos_cuda_descriptor.a" -ldl
# The shipped kernel rules as `lithos run` hands them to the shim.
python3 - "$here/../../../configs/kernels.toml" >"$out/kernel_rules.txt" <<'PY'
import sys
import tomllib
natures = ["unknown", "independent", "co_resident", "never_touch"]
for rule in tomllib.load(open(sys.argv[1], "rb"))["kernel"]:
    print(natures.index(rule["nature"]), int(rule.get("persistent", False)), rule["pattern"])
PY
cp -L "$build/lib/lithos/cuda/libcuda.so.1" "$out/libcuda_shim.so"
# Where, from cuLaunchKernel on, the shim keeps whether it stands aside: steps.py switches it.
nm -C "$out/libcuda_shim.so" | awk '/ T cuLaunchKernel$/ {from = $1} /Process::made_$/ {to = $1} END {print from, to}' |
  { read -r from to; echo $((16#$to - 16#$from)); } >"$out/standing.offset"
cp "$here"/*.py "$here/../probes/py/workloads.py" "$here/run_all.sh" "$here/../run_checks.sh" "$out/"
du -sh "$out"
