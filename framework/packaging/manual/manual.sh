#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# manual.sh PROGRAM PAGE.in: the page on stdout, with what only the program knows filled in:
#   .\" @options@    its options, from --help
#   .\" @commands@   each of its commands with arguments and options, from COMMAND --help, commands of commands too
# So a page cannot fall behind its program. Made while building; nobody edits the result.
set -euo pipefail
program=$1 page=$2
name=$(basename "$program")

# An argument or option begins two columns in; what it does stands two blanks or more behind it, or alone on further lines.
options() {
  awk '
    function roff(text) { gsub(/\\/, "\\e", text); gsub(/-/, "\\-", text); return text }
    function flush() { if (head != "") print ".TP\n.B " roff(head) "\n" roff(doc); head = doc = "" }
    /^  [^ ]/ && wanted {
      flush()
      at = match(substr($0, 3), /  +/) + 2
      if (at == 2 && substr($0, 28, 1) == " ") { at = 28; RLENGTH = 1 }  # the column of what it does, just reached
      head = at > 2 ? substr($0, 3, at - 3) : substr($0, 3)
      doc = at > 2 ? substr($0, at + RLENGTH) : ""
      sub(/ REQUIRED$/, "", head)
      sub(/:INT in /, " ", head)
      sub(/DIR:DIR/, "DIR", head)
      if (head ~ /--help/) head = ""
      next
    }
    /^          / { if (head != "") { sub(/^ +/, ""); doc = doc (doc == "" ? "" : " ") $0 } next }
    { flush(); wanted = /^(Options|Positionals|usage):?/ }
    END { flush() }'
}

# Depth first, in the order of --help.
commands() {
  local help word
  help=$("$program" "$@" --help)
  local subcommands
  subcommands=$(sed -nE '/^Subcommands:/,/^$/ s/^  ([a-z_-]+) .*/\1/p' <<<"$help")
  if [ -n "$subcommands" ]; then
    for word in $subcommands; do commands "$@" "$word"; done
    return
  fi
  sed -nE "s/^Usage: $name (.*)/.SS \1/p" <<<"$help" | sed 's/-/\\-/g'
  head -1 <<<"$help" | sed 's/\\/\\e/g; s/-/\\-/g'
  options <<<"$help"
}

while IFS= read -r line; do
  case $line in
    '.\" @options@') "$program" --help | options ;;
    '.\" @commands@') commands ;;
    *) printf '%s\n' "$line" ;;
  esac
done <"$page"
