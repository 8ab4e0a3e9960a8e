#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One relocatable folder with an installed LithOS, its libraries, and the tenants of `lithos bench colocate`: build.sh BUILD-FOLDER OUT. Needs a
# built LithOS with the shim (the targets programs, lithos_shim and lithos_shim_queued), no GPU. On a machine with a GPU, PyTorch and MPS:
#   OUT/lithos bench colocate --config OUT/configs/experiments/colocate.toml --tenants OUT --out r.json
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
build=$(cd "${1:?usage: build.sh BUILD-FOLDER OUT}" && pwd)
out=${2:?usage: build.sh BUILD-FOLDER OUT}
mkdir -p "$out"
out=$(cd "$out" && pwd)
mkdir -p "$out"/{bin,lib/lithos/cuda,share/lithos,configs/experiments,configs/traces}
cp "$build"/bin/{lithos,lithosd} "$out/bin/"
cp -rL "$build/lib/lithos/policies" "$build/lib/lithos/plugins" "$out/lib/lithos/"
cp -L "$build"/lib/lithos/cuda/libcuda*.so.1 "$out/lib/lithos/cuda/"
cp "$root/configs/kernels.toml" "$out/share/lithos/"
cp "$root/configs/kernels.toml" "$out/configs/"
cp "$root"/configs/experiments/*.toml "$out/configs/experiments/"
cp "$root"/configs/traces/*.csv "$out/configs/traces/"
cp "$here"/*.py "$here/four_gpus.sh" "$here/../probes/py/workloads.py" "$out/"
# Every library but those of the C library and the loader. The programs look in $ORIGIN/../lib and nothing of it is in the environment:
# PyTorch must get its own.
for file in "$out"/bin/* "$out"/lib/lithos/p*/*.so; do ldd "$file"; done | awk -v out="$out/" '$3 ~ /^\// && index($3, out) != 1 && $1 !~ /^(libc|libm|libdl|libpthread|librt|libresolv)\.so/ {print $3}' | sort -u |
  xargs -I{} cp -L {} "$out/lib/"
# A script and not a link: links do not survive every copy.
printf '#!/bin/sh\nexec "$(dirname "$0")/bin/lithos" "$@"\n' >"$out/lithos"
chmod +x "$out/lithos"
find "$out" -type f \( -name '*.so*' -o -path '*/bin/*' \) -exec strip -g {} + 2>/dev/null || true
"$out/lithos" --version >/dev/null
if missing=$(for program in "$out"/bin/*; do ldd "$program"; done | grep "not found"); then
  echo "$missing" >&2
  exit 1
fi
du -sh "$out"
