#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_chroot.sh MADE SOURCE CACHE: what a stranger does with the package (it lies in MADE), on a Debian 12 that has nothing else.
#   1. the container recipe, line by line: the package with what it depends on, a daemon with a tenant
#   2. what the package recommends, by apt's word: the README's five commands, the pages that need nothing but the package
# CACHE keeps downloads for the next run. Exit 77: cannot be done here, and why; where CI is set that is a failure.
set -euo pipefail
deb=$(echo "$1"/lithos_*.deb) source=$2 cache=$3
. "$(dirname "$0")/chroot.sh"

reason=$(why_no_chroot)
if [ -n "$reason" ]; then
  echo "SKIP: no clean chroot here: $reason"
  [ -z "${CI:-}" ] || exit 1
  exit 77
fi
# Once more, inside: mounts and processes end with this one, also when somebody kills it.
if [ -z "${LITHOS_INSIDE_NAMESPACE:-}" ]; then
  LITHOS_INSIDE_NAMESPACE=1 exec unshare --mount --pid --fork --kill-child --propagation private "$0" "$@"
fi

here=$(mktemp -d)
root=$here/root
trap 'umount "$root/proc" "$root/dev/shm" 2>/dev/null || true; rm -rf --one-file-system "$here"' EXIT
step() { printf '== %4d s  %s\n' "$SECONDS" "$*"; }

step "Debian 12, minimal"
make_chroot "$root" "$cache"

step "the container recipe"
mkdir "$here/context"
cp "$deb" "$here/context/"
run_containerfile "$root" "$source/framework/packaging/container/Containerfile" "$here/context"
keep_downloads "$root" "$cache"
if in_chroot "$root" sh -c 'command -v g++ || command -v cmake'; then
  echo "the package depends on a compiler: who runs a daemon needs none"
  exit 1
fi
# What the recipe starts, and a tenant.
start=$(sed -nE 's/^(ENTRYPOINT|CMD) \[(.*)\]$/\2/p' "$source/framework/packaging/container/Containerfile" | tr -d '",' | tr '\n' ' ')
in_chroot "$root" bash -ec "$start 2>/tmp/lithosd.log &"'
  daemon=$!
  for i in $(seq 600); do lithos status >/dev/null 2>&1 && break; sleep 0.05; done
  lithos-tenant --socket /run/lithos/tenants.sock --config /usr/share/lithos/demo.toml --name hp --requests 5 --duration 30s
  lithos status
  kill $daemon && wait $daemon' || { cat "$root/tmp/lithosd.log"; exit 1; }

step "what the package recommends"
# The first alternative of each; apt takes the same when it installs the package as a person does.
recommended=$(dpkg-deb -f "$deb" Recommends | tr ',' '\n' | sed 's/|.*//; s/(.*)//')
in_chroot "$root" apt-get install -y -qq --no-install-recommends $recommended >"$here/apt.log" 2>&1 || { cat "$here/apt.log"; exit 1; }
keep_downloads "$root" "$cache"

step "the first steps"
in_chroot "$root" bash -ec 'cd "$(mktemp -d)"
  lithos policy new scheduler my_fair && cd my_fair && ./build.sh && lithos policy check my_fair.so && lithos policy sim my_fair.so'

cp "$source/tests/e2e/policy_tools/run_docs.sh" "$root/usr/local/bin/"
mkdir "$root/docs"
for page in first-hour write-a-policy failures; do
  step "docs/$page.md"
  cp "$source/docs/$page.md" "$root/docs/"
  in_chroot "$root" run_docs.sh "/docs/$page.md" /usr /nowhere /nowhere >"$here/page.log" 2>&1 || { cat "$here/page.log"; exit 1; }
done
step "done"
