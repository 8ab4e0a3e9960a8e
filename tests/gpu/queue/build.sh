#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One relocatable folder with both shims and the checks of the queued path: build.sh BUILD-FOLDER [OUT]. Needs nvcc and a built LithOS
# (lithos_shim, lithos_shim_queued, lithos_cuda_calibrate), no GPU.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?usage: build.sh BUILD-FOLDER [OUT]}" && pwd)
out=${2:-$build/gpu-queue}
mkdir -p "$out"
nvcc=${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
for name in order deadlock throughput; do
  [ "$out/$name" -nt "$here/$name.cu" ] && [ "$out/$name" -nt "$here/../shim/kernels.cuh" ] && continue
  echo "building $name"
  "$nvcc" -std=c++20 -O2 -arch=sm_90 -cudart static -o "$out/$name" "$here/$name.cu" -ldl -Xcompiler -static-libstdc++,-static-libgcc
done
echo "building calibrate"
g++ -std=c++20 -O2 -I"$here/../../../framework" -static-libstdc++ -static-libgcc -o "$out/calibrate" "$here/../shim/calibrate_main.cpp" \
  "$build/framework/cuda/liblithos_cuda_calibrate.a" "$build/framework/cuda/liblithos_cuda_descriptor.a" -ldl
cp -L "$build/lib/lithos/cuda/libcuda.so.1" "$out/libcuda_shim.so"
cp -L "$build/lib/lithos/cuda/libcuda_queued.so.1" "$out/libcuda_queued_shim.so"
cp "$here/run_all.sh" "$here/../run_checks.sh" "$here/summary.py" "$out/"
du -sh "$out"
