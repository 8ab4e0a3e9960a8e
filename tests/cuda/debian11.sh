#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The shim in a Debian 11 (glibc 2.31, GCC 10's runtime) that has nothing but Python: debian11.sh SHIM STAND-IN. Exit 77, with the reason, where
# no such system can be made.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../e2e/packaging/chroot.sh"
shim=$1 driver=$2
reason=$(why_no_chroot)
[ -z "$reason" ] || { echo "skipped: $reason"; exit 77; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mmdebstrap --quiet --mode=root --variant=extract --include=libc6,python3-minimal,libpython3.9-minimal,libpython3.9-stdlib,python3.9-minimal,libffi7,libexpat1,zlib1g \
  --dpkgopt='path-exclude=/usr/share/doc/*' bullseye "$root" "$mirror" || { echo "skipped: no Debian 11 at $mirror"; exit 77; }
install -D "$shim" "$root/shim/libcuda.so.1"
install -D "$driver" "$root/shim/liblithos_real_cuda.so.1"
cp "$here/debian11.py" "$root/shim/"
mkdir -p "$root/dev/shm"
for bit in $(seq 0 65); do echo "tpc $bit $((bit / 9))"; done >"$root/shim/map.txt"
said=$(LD_LIBRARY_PATH=/shim LITHOS_TENANT=old LITHOS_TPCS=0-7 LITHOS_TPC_MAP=/shim/map.txt chroot "$root" /usr/bin/python3.9 /shim/debian11.py)
echo "$said"
grep -q '"standing": "active", "reason": "", "launches": 50, "masked": 50, "timed": 50, "at the driver": 50' <<<"$said"
