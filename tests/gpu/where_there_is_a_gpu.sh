#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command of a folder that a GPU target has built: where_there_is_a_gpu.sh TARGET FOLDER COMMAND [ARGUMENT ...], COMMAND being in FOLDER or a
# path. Exit 77 (skipped) with the reason where nothing is built or there is no GPU.
set -u
target=$1 folder=$2 command=$3
shift 3
skip() { echo "skipped: $1"; exit 77; }
[ -e "$folder" ] || skip "not built (cmake --build . --target $target)"
command -v nvidia-smi >/dev/null || skip "no NVIDIA driver"
nvidia-smi -L 2>/dev/null | grep -q '^GPU' || skip "no GPU"
case $command in /*) ;; *) command=$folder/$command ;; esac
exec "$command" "$@"
