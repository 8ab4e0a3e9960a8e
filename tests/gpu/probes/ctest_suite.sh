#!/usr/bin/env bash
# One suite of the GPU probes as a CTest test: ctest_suite.sh FOLDER SUITE
# Fails when a probe of the suite fails; exit 77 (skipped) with the reason where none can run.
set -u
folder=$1 suite=$2
skip() { echo "skipped: $1"; exit 77; }
out=$folder/results
SCALE=${SCALE:-0.3} "$folder/run_all.sh" "$out" map "$suite" | tee "$out.$suite.log"
log=$out.$suite.log
grep -E 'rc [1-9]' "$log" | grep -v 'rc 77' | grep -q . && exit 1
# Nothing ran but the map, or not even that: the GPU is of another kind, or PyTorch or MPS is missing.
ran=$(grep -E 'rc 0,' "$log" | grep -vc '] tpc_map:')
[ "$suite" = map ] && ran=$(grep -cE 'rc 0,' "$log")
[ "$ran" -gt 0 ] || skip "no probe of the suite could run here: $(cat "$out"/*.json 2>/dev/null | grep -o '"skipped": "[^"]*"' | sort -u | head -n 3 | tr '\n' ' ')"
