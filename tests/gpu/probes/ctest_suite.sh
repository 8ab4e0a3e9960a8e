#!/usr/bin/env bash
# One suite of the GPU probes as a CTest test: ctest_suite.sh FOLDER SUITE
# Exit 77 (skipped) with the reason where there is no GPU or nothing built; fails when a probe of the suite fails.
set -u
folder=$1 suite=$2
skip() { echo "skipped: $1"; exit 77; }
[ -x "$folder/run_all.sh" ] || skip "the probes are not built (cmake --build . --target gpu_probes)"
command -v nvidia-smi >/dev/null || skip "no NVIDIA driver"
nvidia-smi -L 2>/dev/null | grep -q '^GPU' || skip "no GPU"
out=$folder/results
SCALE=${SCALE:-0.3} "$folder/run_all.sh" "$out" map "$suite" | tee "$out.$suite.log"
! grep -E 'rc [1-9]' "$out.$suite.log" | grep -vq 'rc 77'
