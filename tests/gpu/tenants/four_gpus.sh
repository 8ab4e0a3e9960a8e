#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What needs many ways, on several GPUs of one host at once, each with its own MPS, lithosd and share of the processors: four_gpus.sh FOLDER (which build.sh made) OUT
# [SECONDS, within which all of it ends]. Stacking (three triples), hybrid (three pairs), 32 tenants that join and leave, and what the kernel rules buy.
set -u
folder=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
within=${3:-560}
mapfile -t gpus < <(nvidia-smi --query-gpu=uuid --format=csv,noheader)
[ ${#gpus[@]} -ge 4 ] || { echo "skipped: fewer than four GPUs"; exit 77; }
cores=$(($(nproc) / 4))
begin=$SECONDS

# bench NAME SECONDS FILE ARGUMENT...
bench() {
  local name=$1 seconds=$2 file=$3
  shift 3
  [ "$seconds" -gt 30 ] || return
  timeout -k 5 "$((seconds + 60))" "$folder/lithos" bench colocate --config "$folder/configs/experiments/$file" --tenants "$folder" --within "$seconds" --out "$out/$name.json" "$@" >"$out/$name.txt" 2>&1
  echo "[$((SECONDS - begin)) s] $name: rc $?"
}
left() { echo $((within - (SECONDS - begin) - 40)); }
stacking() { bench "stacking_$1" "$2" colocate_stacking.toml --case "$1" --seconds 6 --ways lithos_all,lithos_all_40,lithos_half,orion,static_54_6_6,static_48_12_6,mps_threads_10,mps_priority; }
hybrid() { bench "hybrid_$1" "$2" colocate_hybrid.toml --case "$1" --seconds 6 --ways tpc_borrowing,tpc_borrowing_60,tpc_borrowing_95,orion,static_48_18,static_60_6,mps_priority,tgs,mps_threads_25,mps,time_slicing; }
rules() {
  printf '# No rules: every kernel is unknown.\n' >"$folder/configs/no_rules.toml"
  sed 's|^kernel_rules.*|kernel_rules = "../no_rules.toml"|' "$folder/configs/experiments/ideas.toml" >"$folder/configs/experiments/ideas_no_rules.toml"
  bench "rules" "$(($(left) / 2))" ideas.toml --rates 300 --seconds 6 --ways and_never_lent,right_sizing
  bench "no_rules" "$(left)" ideas_no_rules.toml --rates 300 --seconds 6 --ways and_never_lent,right_sizing
}
on() { # on GPU COMMAND...
  local gpu=$1
  shift
  (
    export CUDA_VISIBLE_DEVICES=${gpus[$gpu]} LITHOS_MAP_DIR=$out/maps
    taskset -pc "$((gpu * cores))-$((gpu * cores + cores - 1))" $BASHPID >/dev/null
    "$@"
  ) &
}
first() { stacking resnet_decode_prefill $((within / 2 - 40)); stacking bert_resnet_gpt2 "$(left)"; }
second() { stacking resnet1_bert_vgg $((within / 2 - 40)); hybrid resnet_gpt2 "$(left)"; }
third() { hybrid bert_resnet $((within / 2 - 40)); hybrid llama_vgg "$(left)"; }
fourth() { timeout -k 5 "$((within - 20))" python3 "$folder/churn.py" "$folder" "$out/churn.json" 300 32 >"$out/churn.txt" 2>&1; echo "churn: rc $?"; rules; }
on 0 first
on 1 second
on 2 third
on 3 fourth
wait
tail -n 4 "$out"/*.txt
