#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the commands of a page of documentation as a reader would: run_docs.sh PAGE PREFIX SOURCE BUILD
#
# Every ```sh block of PAGE runs, in order, in one shell that stops at the first failure, in an empty folder, with
# PREFIX/bin on the PATH: an installed LithOS and nothing else of this tree. A block does not run if the line before it
# is <!-- not run: why -->. With <!-- in the sources --> it runs in a copy of the source folder's shape, where
# build/release is this build.
set -euo pipefail
page=$1 prefix=$2 source=$3 build=$4
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT

# One script out of the page. Each block names itself first, so that a failure says where it was.
awk -v page="$(basename "$page")" '
  /^```sh$/ { skip = (before ~ /^<!-- not run: .+ -->$/); inside = 1
              if (!skip) printf "echo \"== %s:%d\"\n", page, NR
              if (!skip && before ~ /^<!-- in the sources -->$/) { print "cd \"$LITHOS_DOCS_TREE\""; tree = 1 } else tree = 0
              next }
  /^```$/ && inside { inside = 0; if (tree) print "cd \"$LITHOS_DOCS_HOME\""; next }
  inside && !skip { print }
  { before = $0 }' "$page" >"$here/commands.sh"

mkdir -p "$here/tree/build" "$here/home"
ln -s "$build" "$here/tree/build/release"
for part in configs sdk policies docs; do ln -s "$source/$part" "$here/tree/$part"; done
cd "$here/home"
export LITHOS_DOCS_TREE=$here/tree LITHOS_DOCS_HOME=$here/home PATH=$prefix/bin:$PATH HOME=$here/home NO_COLOR=1
unset LITHOS_POLICY_PATH
bash -euo pipefail "$here/commands.sh" </dev/null
