#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_package.sh BUILD: makes the package, unpacks it into a scratch folder, and uses what is there and nothing else.
set -euo pipefail
build=$1
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cpack -G DEB --config "$build/CPackConfig.cmake" -B "$here/made" >"$here/log" 2>&1 || { cat "$here/log"; exit 1; }
dpkg-deb -x "$here"/made/lithos_*.deb "$here/root"
dpkg-deb -f "$here"/made/lithos_*.deb Depends | grep -q libstdc++6 || { echo "no dependency on the C++ runtime"; exit 1; }

export PATH=$here/root/usr/bin:$PATH
unset LITHOS_POLICY_PATH
[ "$(command -v lithos)" = "$here/root/usr/bin/lithos" ]
test -s "$here/root/usr/share/man/man1/lithos.1"
cd "$here"
lithos config check root/usr/share/lithos/demo.toml
lithos policy describe --all | grep -q org.lithos.scheduler.tpc_borrowing
lithos policy new right_sizer mine
./mine/build.sh
lithos policy check mine/mine.so
lithos policy sim mine/mine.so -- --set alone --set mine --duration 600ms --quiet

# The completion knows commands, options and kinds.
. root/usr/share/bash-completion/completions/lithos
completes() {  # completes WORD… EXPECTED: what stands before the cursor, and a word that must be offered
  local expected=${*: -1}
  COMP_WORDS=(lithos "${@:1:$#-1}" "")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  _lithos
  [[ " ${COMPREPLY[*]} " == *" $expected "* ]] || { echo "completion of 'lithos ${*:1:$#-1}' lacks $expected: ${COMPREPLY[*]}"; exit 1; }
}
completes policy
completes policy describe
completes policy new right_sizer
completes policy check --level
completes sim --config
