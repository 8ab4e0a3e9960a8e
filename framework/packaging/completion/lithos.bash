# SPDX-License-Identifier: Apache-2.0
# Completion for bash, of lithos, lithosd and lithos-tenant. Asks the programs themselves for their commands and options, so
# it never falls behind.
_lithos() {
  local current=${COMP_WORDS[COMP_CWORD]} word
  local -a given=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word =~ ^[a-z_]+$ ]] && given+=("$word")
  done
  local known
  known=$("${COMP_WORDS[0]}" "${given[@]}" --help 2>/dev/null |
    sed -nE '/^Subcommands:/,/^$/ s/^  ([a-z_-]+) .*/\1/p; s/^  (-[a-z],)?(--[a-z-]+).*/\2/p
             s/.*\{([a-z_,]+)\}.*REQUIRED.*/\1/p' | tr ',' ' ')
  mapfile -t COMPREPLY < <(compgen -W "$known" -- "$current")
  [ ${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$current")
}
complete -o filenames -F _lithos lithos lithosd lithos-tenant
