#!/usr/bin/env bash
# Builds every probe into one relocatable folder: ./build.sh [folder]. Needs nvcc; no GPU.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../../../build/gpu-probes}
mkdir -p "$out"
out=$(cd "$out" && pwd)
nvcc=${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
stubs=$(dirname "$(dirname "$(readlink -f "$nvcc")")")/lib64/stubs
[ -d "$stubs" ] || stubs=$(dirname "$(dirname "$(readlink -f "$nvcc")")")/lib/stubs
flags=(-std=c++20 -O2 -arch=sm_90 -I"$here" -cudart static -L"$stubs" -lcuda -lrt -lpthread -ldl
       -Xcompiler -static-libstdc++,-static-libgcc,-Wall --diag-suppress 20012)

newer() { [ ! -e "$1" ] || [ -n "$(find "${@:2}" -newer "$1" -print -quit)" ]; }

hook=("$here"/common/*.hpp "$here"/common/*.cuh "$here"/common/descriptor_hook.cpp)
if newer "$out/libprobehook.so" "${hook[@]}" "$here/common/hook_library.cpp" "$here/common/marker.cu"; then
  echo "building libprobehook.so"
  "$nvcc" -shared -Xcompiler -fPIC -o "$out/libprobehook.so" "$here/common/hook_library.cpp" \
    "$here/common/descriptor_hook.cpp" "$here/common/marker.cu" "${flags[@]}"
fi
for source in "$here"/*.cu; do
  [[ $source == *.cubin.cu ]] && continue
  name=$(basename "$source" .cu)
  newer "$out/$name" "$source" "${hook[@]}" || continue
  echo "building $name"
  extra=(); grep -qE "cudaGraphInstantiateFlagDeviceLaunch|cudaGraphKernelNodeSetGridDim" "$source" && extra=(-rdc=true -lcudadevrt)
  "$nvcc" -o "$out/$name" "$source" "$here/common/descriptor_hook.cpp" "${flags[@]}" "${extra[@]}"
done
"$nvcc" -std=c++20 -arch=sm_90 -cubin -o "$out/prelude.cubin" "$here/prelude_code.cubin.cu"
cp "$here"/py/*.py "$out"/ 2>/dev/null || true
cp "$here"/run_all.sh "$out"/ 2>/dev/null || true
du -sh "$out"
