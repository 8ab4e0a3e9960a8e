#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One relocatable folder with lithosd, its policies, the shim and the tenants: build.sh BUILD-FOLDER OUT. Needs a built LithOS, no GPU.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?usage: build.sh BUILD-FOLDER OUT}" && pwd)
out=${2:?usage: build.sh BUILD-FOLDER OUT}
mkdir -p "$out/lib" "$out/policies"
"$here/../shim/build.sh" "$build" "$out" >/dev/null
cp "$here"/*.py "$out/"
mkdir -p "$out/configs/experiments" "$out/configs/traces"
cp "$here/../../../configs/kernels.toml" "$out/configs/"
cp "$here/../../../configs/experiments/colocate.toml" "$out/configs/experiments/"
cp "$here"/../../../configs/traces/{resnet50_infer_b16,llama8l_prefill_b8_s2048}.csv "$out/configs/traces/"
cp "$build"/bin/{lithosd,lithos} "$out/"
cp "$build"/lib/lithos/policies/*.so "$out/policies/"
mkdir -p "$out/plugins"
cp "$build"/lib/lithos/plugins/*.so "$out/plugins/"
ldd "$build/bin/lithosd" "$build/bin/lithos" | awk '/tomlplusplus|spdlog|fmt|tbb|libstdc|libgcc_s/ {print $3}' | xargs -I{} cp -L {} "$out/lib/"
find "$out" -type f \( -name '*.so*' -o -perm -u+x \) -exec strip -g {} + 2>/dev/null || true
du -sh "$out"
