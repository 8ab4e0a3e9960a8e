# SPDX-License-Identifier: Apache-2.0
"""What was wanted of the queued path against what was measured: summary.py OUT → OUT/summary.json and a table."""
import glob
import json
import os
import statistics
import sys

out = sys.argv[1]
rows = []


def row(check, wanted, measured, good):
    rows.append({"check": check, "wanted": wanted, "measured": measured, "good": good})


def sums(name):
    try:
        return dict(line.split() for line in open(f"{out}/{name}.out") if len(line.split()) == 2)
    except OSError:
        return {}


def report(name):
    """The shim's counters: order prints them on stderr, the others within their JSON."""
    for ending in ("err", "out"):
        try:
            for line in open(f"{out}/{name}.{ending}"):
                if line.startswith("{"):
                    found = json.loads(line)
                    shim = found.get("shim", found)
                    return {**shim.get("counts", {}), "graphs_whole": shim.get("graphs_whole", {})}
        except (OSError, ValueError):
            pass
    return {}


bare = sums("order_bare")
for path in sorted(glob.glob(f"{out}/order_*.out")):
    name = os.path.basename(path)[:-4]
    if name == "order_bare" or name == "order_bare_three":
        continue
    wanted = sums("order_bare_three") if name == "order_unmasked" else bare
    got = sums(name)
    differ = [seed for seed in got if got[seed] != wanted.get(seed)]
    counts = report(name)
    shown = {k: counts.get(k) for k in ("launches", "queued", "queued_calls", "graph_launches", "graph_unrolled", "graphs_whole", "hurried", "masked", "cut", "waited", "starved") if k in counts}
    rc = [json.loads(l)["rc"] for l in open(f"{out}/runs.jsonl") if json.loads(l)["name"] == name][-1]
    by_nodes = counts.get("graph_unrolled", 1) > 0  # without us nobody counts
    row(name, "the same sums", {"programs": len(got), "rc": rc, "differ": differ[:20], **shown}, not differ and bool(got) and rc == 0 and by_nodes)

for path in sorted(glob.glob(f"{out}/deadlock_*.out")):
    name = os.path.basename(path)[:-4]
    try:
        found = json.loads(open(path).read())
        row(name, "ends", {k: found[k] for k in ("turns", "host_functions", "ms", "longest_call_with_lock_ms")}, found["turns"] == found["host_functions"])
    except ValueError:
        row(name, "ends", "nothing", False)

times = {}
for path in glob.glob(f"{out}/throughput_*.out"):
    kind, us, _ = os.path.basename(path)[11:-4].split("_")
    try:
        times.setdefault((int(us), kind), []).append(json.loads(open(path).read()))
    except ValueError:
        row(os.path.basename(path), "a finding", "nothing", False)
for (us, kind), found in sorted(times.items()):
    median = {k: round(statistics.median(f[k] for f in found), 3) for k in ("per_kernel_us_p50", "launch_us_p50", "launch_us_p99", "launch_us_p999")}
    base = times.get((us, "bare"))
    slower = median["per_kernel_us_p50"] / statistics.median(f["per_kernel_us_p50"] for f in base) - 1 if base else 0
    good = kind == "bare" or (kind == "inline") or (median["launch_us_p50"] <= 2 and (us < 50 or slower <= 0.01))
    wanted = "launch p50 <= 2 us" + (", <= 1 % slower" if us >= 50 else "") if kind == "queued" else "to compare with"
    row(f"throughput_{kind}_{us}", wanted, {**median, "slower_percent": round(100 * slower, 2)}, good)

json.dump({"rows": rows}, open(f"{out}/summary.json", "w"), indent=1)
for r in rows:
    print(("ok      " if r["good"] else "MISSED  ") + r["check"], "|", r["wanted"], "|", r["measured"])
