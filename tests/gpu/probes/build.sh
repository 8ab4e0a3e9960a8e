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
flags=(-std=c++20 -O2 -arch=sm_90 -I"$here" -cudart static -L"$stubs" -lcuda -lrt -lpthread
       -Xcompiler -static-libstdc++,-static-libgcc,-Wall --diag-suppress 20012)

newer() { [ ! -e "$1" ] || [ -n "$(find "${@:2}" -newer "$1" -print -quit)" ]; }

hook=("$here"/common/*.hpp "$here"/common/descriptor_hook.cpp)
if newer "$out/libprobehook.so" "${hook[@]}" "$here/common/hook_library.cpp"; then
  c++ -std=c++20 -O2 -fPIC -shared -Wall -static-libstdc++ -static-libgcc -I"$(dirname "$nvcc")/../include" \
    -o "$out/libprobehook.so" "$here/common/hook_library.cpp" "$here/common/descriptor_hook.cpp" -L"$stubs" -lcuda
fi
for source in "$here"/*.cu; do
  name=$(basename "$source" .cu)
  newer "$out/$name" "$source" "${hook[@]}" || continue
  echo "building $name"
  "$nvcc" -o "$out/$name" "$source" "$here/common/descriptor_hook.cpp" "${flags[@]}"
done
cp "$here"/py/*.py "$out"/ 2>/dev/null || true
cp "$here"/run_all.sh "$out"/ 2>/dev/null || true
du -sh "$out"
