#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the atoms' GPU programs into one folder that can be copied to a machine with a GPU: ./build.sh [folder]. Needs nvcc; no GPU.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
out=${1:-$root/build/gpu-atoms}
mkdir -p "$out/obj"
out=$(cd "$out" && pwd)
nvcc=${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
cuda=$(dirname "$(dirname "$(readlink -f "$nvcc")")")
stubs=$cuda/lib64/stubs
[ -d "$stubs" ] || stubs=$cuda/lib/stubs
include=(-I"$root/framework" -I"$root/tests/gpu/probes" -I"$root/sdk/include" -I"$here")
flags=(-std=c++20 -O2 -arch=sm_90 "${include[@]}" -cudart static --diag-suppress 20012 -Xcompiler -Wall)

# The preludes, as the library's own build makes them.
"$nvcc" -std=c++17 -arch=compute_75 -ptx -o "$out/obj/prelude.ptx" "$root/framework/cuda/atoms/prelude.cu"
"$(dirname "$nvcc")/ptxas" -arch=sm_90 -o "$out/obj/prelude.cubin" "$out/obj/prelude.ptx"
c++ -std=c++20 -O1 "${include[@]}" -o "$out/obj/embed_preludes" "$root"/framework/cuda/atoms/{embed_preludes,cubin,prelude_patch}.cpp
"$out/obj/embed_preludes" "$out/obj/built_preludes.cpp" "$out/obj/prelude.cubin"

objects=()
for source in "$root"/framework/cuda/atoms/{atom_launch,preludes}.cpp "$root/framework/cuda/descriptor_layout.cpp" \
  "$root/framework/executor/block_range.cpp" "$out/obj/built_preludes.cpp" "$root/tests/gpu/probes/common/descriptor_hook.cpp" \
  "$here/cut_launcher.cu"; do
  object=$out/obj/$(basename "${source%.*}").o
  "$nvcc" "${flags[@]}" -c -o "$object" "$source"
  objects+=("$object")
done
for name in exactly_once cost benefit libraries; do
  echo "building $name"
  libs=()
  [ "$name" = libraries ] && libs=(-lcublas -lcufft)
  "$nvcc" "${flags[@]}" -o "$out/$name" "$here/$name.cu" "${objects[@]}" "${libs[@]}" -L"$stubs" -lcuda -lpthread -ldl \
    -Xcompiler -static-libstdc++,-static-libgcc
done
cp "$here/run_all.sh" "$out/"
rm -rf "$out/obj"
du -sh "$out"
