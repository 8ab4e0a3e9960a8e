"""Question 11: kernel times of one iteration by TPC count, from a CUDA graph.

usage: capture_trace.py WORKLOAD OUT.json            times by the GPU's own completion timestamps
       capture_trace.py WORKLOAD OUT.json --profile  durations by the CUDA profiler, whole GPU (no hook)

The iteration is captured once and instantiated anew for each TPC count, so the CPU never limits it. A kernel's
time is its completion minus the previous completion (node 0 is a marker kernel), the median over the replays.
"""
import json
import sys

import gpu_probe

torch = gpu_probe.need_torch_gpu()
import workloads  # noqa: E402

TPC_COUNTS = [66, 52, 40, 32, 24, 16, 8, 4]
BARE_COUNTS = [66, 32]  # where the span is also taken without completion slots
LONG_MS = 100  # iterations longer than this on the whole GPU are replayed fewer times


def event_ms(stream, launch, replays):
    """Median of one replay between two events, without completion slots."""
    times = []
    for _ in range(replays):
        a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        with torch.cuda.stream(stream):
            a.record(), launch(), b.record()
        stream.synchronize()
        times.append(a.elapsed_time(b))
    return gpu_probe.quantile(times, .5)


def timed_replays(hook, graph, stream, tpcs, release, replays):
    hook.confine(gpu_probe.tpc_set(tpcs, "low"))
    hook.record(release)
    e = gpu_probe.GraphExec(hook, graph)
    e.launch(stream.cuda_stream)
    stream.synchronize()
    records = hook.stop()
    hook.confine(None)
    rows = []
    if release != gpu_probe.RELEASE_OFF:
        for _ in range(replays):
            e.launch(stream.cuda_stream)
            stream.synchronize()
            t = hook.times_ns(len(records))
            rows.append([x - min(t) for x in t])
    span = event_ms(stream, lambda: e.launch(stream.cuda_stream), replays)
    e.destroy()
    # The hook sees descriptors in upload order, which is not the order of execution: times decide.
    typical = [gpu_probe.quantile(column, .5) for column in zip(*rows)]
    order = sorted(range(len(typical)), key=lambda i: typical[i])
    medians = [gpu_probe.quantile([row[b] - row[a] for row in rows], .5) / 1000 for a, b in zip(order, order[1:])]
    return records, order, medians, span


def by_tpc(name, out):
    hook = gpu_probe.Hook()
    graph, stream = workloads.capture(workloads.WORKLOADS[name]())
    raw = graph.raw_cuda_graph()
    result = gpu_probe.report("capture_trace", "11", workload=name, nodes=hook.describe_graph(raw), columns={})
    slow = timed_replays(hook, raw, stream, 66, gpu_probe.RELEASE_OFF, 2)[3] > LONG_MS
    for n in TPC_COUNTS:
        replays = (3 if n >= 16 else 2) if slow else 9 if n >= 16 else 5
        records, order, medians, span = timed_replays(hook, raw, stream, n, gpu_probe.RELEASE_PLAIN, replays)
        bare = timed_replays(hook, raw, stream, n, gpu_probe.RELEASE_OFF, replays)[3] if n in BARE_COUNTS else None
        column = {"order": order, "kernel_us": [round(m, 3) for m in medians], "span_ms": span,
                  "span_without_slots_ms": bare, "sum_ms": round(sum(medians) / 1000, 4),
                  "unconfined": sum(1 for r in records if r.confined == 0)}
        if n == 66:
            barrier = timed_replays(hook, raw, stream, n, gpu_probe.RELEASE_SYSTEM_BARRIER, replays)
            column.update(span_system_barrier_ms=barrier[3], sum_system_barrier_ms=round(sum(barrier[2]) / 1000, 4))
            result["descriptors"] = [{"grid": r.blocks(), "block": tuple(r.block), "cluster": tuple(r.cluster),
                                      "registers": r.registers, "shared_bytes": r.shared_bytes} for r in records]
        result["columns"][n] = column
        print(name, n, {k: v for k, v in column.items() if k not in ("kernel_us", "order")}, flush=True)
    result["slot_taken"] = hook.lib.ph_slot_taken()
    with open(out, "w") as f:
        json.dump(result, f)


def by_profiler(name, out):
    graph, stream = workloads.capture(workloads.WORKLOADS[name]())
    graph.instantiate()
    launches = 3
    with torch.cuda.stream(stream):
        graph.replay()
        stream.synchronize()
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            for _ in range(launches):
                graph.replay()
            stream.synchronize()
    events = [e for e in profile.profiler.kineto_results.events() if e.device_type() == torch.autograd.DeviceType.CUDA]
    events.sort(key=lambda e: e.start_ns())
    per = len(events) // launches
    runs = [events[i * per:(i + 1) * per] for i in range(launches)]
    durations = [sorted(e.duration_ns() for e in column)[launches // 2] / 1000 for column in zip(*runs)]
    result = gpu_probe.report("capture_trace", "11", workload=name, profiler_names=[e.name() for e in runs[-1]],
                              profiler_us=durations, profiler_events=len(events))
    result["profiler_sum_ms"] = sum(durations) / 1000
    result["profiler_span_ms"] = (runs[-1][-1].start_ns() + runs[-1][-1].duration_ns() - runs[-1][0].start_ns()) / 1e6
    print(name, "profiler", len(events), result["profiler_sum_ms"], result["profiler_span_ms"], flush=True)
    with open(out, "w") as f:
        json.dump(result, f)


if "--profile" in sys.argv:
    by_profiler(sys.argv[1], sys.argv[2])
else:
    by_tpc(sys.argv[1], sys.argv[2])
