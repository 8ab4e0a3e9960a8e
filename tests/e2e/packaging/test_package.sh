#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_package.sh MADE: unpacks the package that lies in MADE into a scratch folder and looks at what is there.
set -euo pipefail
deb=$(echo "$1"/lithos_*.deb)
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
fail() { echo "$*"; exit 1; }

dpkg-deb -x "$deb" "$here/root"
usr=$here/root/usr
# Through here-strings: a pipe's writer would die of a reader that has seen enough.
grep -q libstdc++6 <<<"$(dpkg-deb -f "$deb" Depends)" || fail "no dependency on the C++ runtime"
! grep -qF g++ <<<"$(dpkg-deb -f "$deb" Depends)" || fail "who runs the daemon needs no compiler"
grep -qF g++ <<<"$(dpkg-deb -f "$deb" Recommends)" || fail "who writes policies needs a compiler"

export PATH=$usr/bin:$PATH
unset LITHOS_POLICY_PATH
[ "$(command -v lithos)" = "$usr/bin/lithos" ]
cd "$here"
lithos config check "$usr/share/lithos/demo.toml"
grep -q org.lithos.scheduler.tpc_borrowing <<<"$(lithos policy describe --all)"

# Manual pages: well formed, and with what only the program knows.
for program in lithos lithosd lithos-tenant; do
  page=$usr/share/man/man1/$program.1
  grep -qE '[0-9]+\.[0-9]+\.[0-9]+' <<<"$("$program" --version)" || fail "$program has no version"
  # Every option of the program itself and, of lithos, every command is there.
  for word in $("$program" --help | sed -nE 's/^  (-[a-z],)?(--[a-z-]+).*/\2/p; /^Subcommands:/,/^$/ s/^  ([a-z_-]+) .*/\1/p'); do
    [ "$word" = --help ] || grep -qF -- "${word//-/\\-}" "$page" || fail "$program(1) lacks $word"
  done
  ! command -v groff >/dev/null || [ -z "$(groff -Kutf8 -man -Tutf8 -ww -z "$page" 2>&1)" ] || fail "$program(1): $(groff -Kutf8 -man -Tutf8 -ww -z "$page" 2>&1)"
done
grep -q '^.SS policy swap' "$usr/share/man/man1/lithos.1" || fail "lithos(1) lacks a command of a command"

# The unit starts what is there.
unit=$usr/lib/systemd/system/lithosd.service
[ -x "$here/root$(sed -nE 's/^ExecStart=([^ ]+).*/\1/p' "$unit")" ] || fail "the unit starts what is not there"
for option in $(sed -n 's/^ExecStart=//p' "$unit" | grep -oE -- ' --[a-z-]+'); do
  grep -qF -- "  $option " <<<"$(lithosd --help)" || fail "the unit gives lithosd $option, which it does not know"
done

# The completion knows commands, options and kinds.
. "$usr/share/bash-completion/completions/lithos"
completes() {  # completes PROGRAM WORD… EXPECTED: what stands before the cursor, and a word that must be offered
  local expected=${*: -1}
  COMP_WORDS=("${@:1:$#-1}" "")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  _lithos
  [[ " ${COMPREPLY[*]} " == *" $expected "* ]] || fail "completion of '${*:1:$#-1}' lacks $expected: ${COMPREPLY[*]}"
}
completes lithos policy
completes lithos policy describe
completes lithos policy new right_sizer
completes lithos policy check --level
completes lithos sim --config
completes lithosd --state-dir
completes lithos-tenant --kernels
cmp "$usr/share/bash-completion/completions/lithos" "$usr/share/bash-completion/completions/lithosd"

# The same of zsh, where there is one: its own functions are stood in for, so that what is offered can be seen.
if command -v zsh >/dev/null; then
  offered=$(zsh -fc '_describe() { print -l -- "${(@P)4}" }; words=(lithos policy check ""); CURRENT=4; source "$1"' \
    - "$usr/share/zsh/vendor-completions/_lithos")
  grep -qx -- --level <<<"$offered" || fail "completion for zsh lacks --level: $offered"
fi
