"""Makes a trace CSV from capture_trace.py's two results: merge_trace.py TRACE.json PROFILE.json OUT.csv

Rows are the kernels of one iteration in the order in which they completed. Descriptors are handed to the hook in
another order than they run (groups are reversed at a graph's first launch), so times decide, and names, grids and
profiler durations are joined by position and checked against the descriptor's grid and block.
"""
import csv
import difflib
import json
import re
import sys

NAME_MAX = 140
TIMER_US = 0.032  # the GPU timer's step; two kernels that overlap can complete in either order


def shorten(name):
    name = re.sub(r"\b(at::native::|at::|\(anonymous namespace\)::|void |c10::detail::)", "", name)
    return re.sub(r"\s+", " ", name)[:NAME_MAX]


def shape(item):
    return tuple(item["grid"]), tuple(item["block"])


def aligned(descriptors, nodes):
    """Pairs (descriptor, node or None): both are in the order of execution; a memset node may have had no
    descriptor, and its descriptor, where it has one, has a shape of its own."""
    matcher = difflib.SequenceMatcher(None, [shape(d) for d in descriptors], [shape(n) for n in nodes], autojunk=False)
    pairs = {}
    for op, a0, a1, b0, b1 in matcher.get_opcodes():
        for k in range(max(a1 - a0, 0)):
            pairs[a0 + k] = b0 + k if b0 + k < b1 else None
    return pairs


def rows_of(trace, profile):
    descriptors, nodes = trace["descriptors"], trace["nodes"]
    order = [i for i in trace["columns"]["66"]["order"] if descriptors[i]["grid"][0] != 0]
    pairs = aligned([descriptors[i] for i in order], nodes)
    # A graph with random numbers is preceded by a fill or two that belong to the replay, not to the graph.
    extra = len(profile["profiler_us"]) - len(nodes)
    durations = profile["profiler_us"][extra:] if 0 <= extra <= 4 else None
    unnamed = 0
    for seq, i in enumerate(order[1:], 1):  # 0 is the marker
        d, node = descriptors[i], pairs.get(seq)
        kernel = shorten(nodes[node]["kernel"]) if node is not None else ""
        kernel = "memset" if kernel.startswith("node type 2") else kernel
        if node is not None and kernel != "memset" and shape(nodes[node]) != shape(d):
            kernel, unnamed = "", unnamed + 1
        full = durations[node] if durations and node is not None else None
        row = [seq - 1, kernel, *d["grid"], *d["block"], d["registers"], d["shared_bytes"], *d["cluster"],
               "" if full is None else f"{full:.3f}"]
        for column in trace["columns"].values():
            time = column["time_of"].get(str(i))
            row.append("" if time is None else f"{max(time, TIMER_US):.3f}")
        yield row
    print(f"{len(order)} descriptors, {len(nodes)} nodes, {unnamed} unnamed, durations {durations is not None}", file=sys.stderr)


def load(path):
    """Adds to each column the kernel's time by descriptor, from the order and the differences."""
    with open(path) as f:
        trace = json.load(f)
    for column in trace["columns"].values():
        column["time_of"] = {str(i): t for i, t in zip(column["order"][1:], column["kernel_us"])}
    return trace


def main(trace_path, profile_path, out_path):
    trace = load(trace_path)
    with open(profile_path) as f:
        profile = json.load(f)
    head = ["seq", "kernel", "grid_x", "grid_y", "grid_z", "block_x", "block_y", "block_z", "regs_per_thread",
            "smem_bytes", "cluster_x", "cluster_y", "cluster_z", "full_gpu_us"]
    head += [f"tpc{n}_us" for n in trace["columns"]]
    with open(out_path, "w", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows_of(trace, profile))


if __name__ == "__main__":
    main(*sys.argv[1:4])
