# SPDX-License-Identifier: Apache-2.0
"""What was wanted (issue 7) against what was measured: summary.py OUT → OUT/summary.json and a table."""
import glob
import json
import os
import platform
import subprocess
import sys
import time

out = sys.argv[1]


def load(name):
    try:
        lines = [l for l in open(f"{out}/{name}") if l.startswith("{")]
        return json.loads(lines[-1])
    except (OSError, ValueError, IndexError):
        return None


def stats(name):
    found = load(f"{name}.stats")
    return (found or {}).get("counts", {})


rows = []


def row(check, wanted, measured, good):
    rows.append({"check": check, "wanted": wanted, "measured": measured, "good": good})


for name, limit in (("overhead_without_shim", 0.05), ("overhead_forwarding", 0.05), ("overhead_counted", 0.3), ("overhead_masked", 0.3)):
    if (found := load(f"{name}.json")) is not None:
        row(name, f"<= {limit} us", found["difference_us_p50"], found["difference_us_p50"] <= limit)
across = {}
for path in glob.glob(f"{out}/across_*_*.json"):
    kind = os.path.basename(path)[7:-5].rsplit("_", 1)[0]
    if (found := load(os.path.basename(path))) is not None:
        across.setdefault(kind, []).append(found["shim_us_p50"])
middle = lambda values: sorted(values)[len(values) // 2]
for kind, values in sorted(across.items()):
    if kind != "bare" and "bare" in across:
        difference = round(middle(values) - middle(across["bare"]), 4)
        row(f"overhead across processes, {kind}", "<= 0.3 us", {"difference_us": difference, "bare_us": middle(across["bare"]), "runs": len(values)}, difference <= 0.3)
for file, how in (("steps.json", ""), ("steps_masked.json", ", a mask of all TPCs")):
    for name, found in ((load(file) or {}).get("found") or {}).items():
        row(name + how, "<= 1 % slower", found, found["slower_percent"] <= 1)
confined = [load(os.path.basename(p)) for p in glob.glob(f"{out}/confined_*.json")]
if confined:
    good = sum(1 for c in confined if c and c["good"])
    row("confined", f"{len(confined)} sets", good, good == len(confined))
if (found := load("times.json")) is not None:
    row("times against events, p99", "<= 2 us", found["error_us_p99"], found["good"])
for path in sorted(glob.glob(f"{out}/shim_*.json")):
    work = os.path.basename(path)[5:-5]
    bare, again, shim, counts = load(f"bare_{work}.json"), load(f"bare_again_{work}.json"), load(f"shim_{work}.json"), stats(f"shim_{work}")
    if bare is None or shim is None:
        row(f"{work}: ran", "yes", "no", False)
        continue
    stable = again is not None and again["digest"] == bare["digest"]
    row(f"{work}: same bits", "as the bare driver" if stable else "not repeatable without the shim either", shim["digest"] == bare["digest"],
        shim["digest"] == bare["digest"] or not stable)
    ours = counts.get("launches", 0) - counts.get("captured", 0) - counts.get("failed", 0) + counts.get("graph_kernels", 0)
    row(f"{work}: kernels", bare["cupti_kernels"], {"kernels": ours, "in graphs": counts.get("graph_kernels"), "internal": counts.get("internal_left")},
        ours == bare["cupti_kernels"])
for path in sorted(glob.glob(f"{out}/cut_*_bare.json")):
    work = os.path.basename(path)[4:-10]
    bare, again = load(f"cut_{work}_bare.json"), load(f"cut_{work}_bare_again.json")
    stable = bare is not None and again is not None and bare["digest"] == again["digest"]
    for found in sorted(glob.glob(f"{out}/cut_{work}_[0-9]*.json")):
        name = os.path.basename(found)[:-5]
        cut, counts = load(f"{name}.json"), stats(name)
        same = bare is not None and cut is not None and cut["digest"] == bare["digest"]
        row(name, "as the bare driver" if stable else "not repeatable without the shim either",
            {"same bits": same, **{k: counts.get(k) for k in ("launches", "cut", "atoms", "cut_refused")}}, same or (cut is not None and not stable))
for path in sorted(glob.glob(f"{out}/few_*.json")):
    name = os.path.basename(path)[:-5]
    runs = [json.loads(l) for l in open(f"{out}/runs.jsonl")]
    rc = [r["rc"] for r in runs if r["name"] == name][-1]
    c = stats(name)
    row(name, "ends", {"rc": rc, "masked": c.get("masked"), "starved": c.get("starved"), "left": {k: c.get(k) for k in ("not_confined", "conflict_too_few", "conflict_cluster", "conflict_resident")}}, rc == 0)

gpu = subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version,uuid", "--format=csv,noheader"], capture_output=True, text=True).stdout.strip()
json.dump({"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "gpu": gpu, "host": platform.platform(), "command": "run_all.sh", "rows": rows},
          open(f"{out}/summary.json", "w"), indent=1)
for r in rows:
    print(f"{'ok  ' if r['good'] else 'look' if r['good'] is None else 'BAD '} {r['check']:<36} wanted {r['wanted']}, measured {r['measured']}")
sys.exit(0 if all(r["good"] is not False for r in rows) else 1)
