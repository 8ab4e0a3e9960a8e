#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two PyTorch tenants for three seconds under MPS and lithosd: smoke.sh FOLDER, which build.sh made. Fails when a way fails or a request is lost.
set -eu
folder=$1
python3 -c 'import torch' 2>/dev/null || { echo "skipped: no PyTorch"; exit 77; }
command -v nvidia-cuda-mps-control >/dev/null || { echo "skipped: no MPS"; exit 77; }
timeout -k 10 300 "$folder/lithos" bench colocate --config "$folder/configs/experiments/colocate.toml" --tenants "$folder" --rates 100 --seconds 3 \
  --ways tpc_borrowing --within 280 --out "$folder/smoke.json"
python3 - "$folder/smoke.json" <<'PY'
import json
import sys
rows = json.load(open(sys.argv[1]))["rows"]
bad = [row["way"] for row in rows if "error" in row or row.get("hp", {}).get("done") != row.get("hp", {}).get("arrivals")]
sys.exit(f"failed or lost requests: {bad}" if bad or len(rows) < 3 else 0)
PY
