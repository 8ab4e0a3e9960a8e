"""One tenant process of the co-location probe, driven by JSON lines on standard input (see colocate.py).

Role hp: ResNet-50 fp16, batch 16, in a CUDA graph. The server is one thread and one stream, first come first
served: spin until the next arrival (or go on at once when late), launch the graph, synchronise the stream, note
the time, next. Latency counts from the arrival; service time from just before the launch call.
Role be: whole iterations back to back, one stream, in one of three modes: "sync" synchronises after each
iteration, "ahead" keeps at most two iterations submitted, "graph" replays a captured iteration, synchronising.
"""
import json
import random
import sys
import time

import gpu_probe

torch = gpu_probe.need_torch_gpu()
import workloads  # noqa: E402  (needs the GPU check first)

now = time.perf_counter_ns


def wait_until_epoch(start_at):
    while time.time() < start_at:
        time.sleep(0.0005)


class HpTenant:
    def __init__(self, hook):
        self.hook = hook
        step = workloads.WORKLOADS["resnet50_infer_b16"]()
        self.graphs = {p: workloads.capture(step, priority=p)[0] for p in (0, -5)}  # nodes keep their stream's priority
        self.streams = {p: torch.cuda.Stream(priority=p) for p in (0, -5)}
        self.execs = {}

    def exec_for(self, tpcs, side, node_priority=0):
        key = (tpcs, side, node_priority)
        if key not in self.execs:
            self.hook.confine(gpu_probe.tpc_set(tpcs, side) if tpcs else None)
            e = gpu_probe.GraphExec(self.hook, self.graphs[node_priority].raw_cuda_graph())
            e.launch(self.streams[0].cuda_stream)
            self.streams[0].synchronize()
            self.hook.confine(None)
            self.execs[key] = e
        return self.execs[key]

    def service(self, tpcs, side="high", requests=300, **_):
        e, stream = self.exec_for(tpcs, side), self.streams[0]
        times = []
        for i in range(requests + 30):
            begin = now()
            e.launch(stream.cuda_stream)
            submitted = now()
            stream.synchronize()
            if i >= 30:
                times.append((now() - begin, submitted - begin))
        out = {"service_ms": gpu_probe.spread([t[0] for t in times], 1e-6),
               "launch_call_us": gpu_probe.spread([t[1] for t in times], 1e-3, 2)}
        out["gpu_back_to_back_ms"] = self.back_to_back(e, stream)
        return out

    def back_to_back(self, e, stream, n=50):
        """Per request when the GPU never waits for the host: many graph launches between two events."""
        a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        with torch.cuda.stream(stream):
            e.launch(stream.cuda_stream)
            a.record()
            for _ in range(n):
                e.launch(stream.cuda_stream)
            b.record()
        stream.synchronize()
        return round(a.elapsed_time(b) / n, 4)

    def serve(self, rate, seconds, tpcs=0, side="high", priority=0, node_priority=0, seed=1, start_at=0, **_):
        e, stream = self.exec_for(tpcs, side, node_priority), self.streams[priority]
        rng, arrivals, t = random.Random(seed), [], 0.0
        while (t := t + rng.expovariate(rate)) < seconds:
            arrivals.append(int(t * 1e9))
        for _ in range(5):
            e.launch(stream.cuda_stream)
            stream.synchronize()
        wait_until_epoch(start_at)
        zero, latency, service, last = now(), [], [], 0
        for due in arrivals:
            while (begin := now() - zero) < due:
                pass
            if begin > seconds * 1e9:
                break
            e.launch(stream.cuda_stream)
            stream.synchronize()
            last = now() - zero
            latency.append(last - due)
            service.append(last - begin)
        span = max(seconds, last * 1e-9)
        out = {"rate_per_s": rate, "arrivals": len(arrivals), "done": len(latency), "seconds": round(span, 3),
               "done_per_s": round(len(latency) / span, 2), "latency_ms": gpu_probe.spread(latency, 1e-6),
               "service_ms": gpu_probe.spread(service, 1e-6)}
        return out


class BeTenant:
    def __init__(self, hook, models):
        self.hook = hook
        self.steps = {m: workloads.WORKLOADS[m]() for m in models}
        self.stream = torch.cuda.Stream()
        self.execs = {}
        with torch.cuda.stream(self.stream):
            for step in self.steps.values():
                step(), step()
        torch.cuda.synchronize()

    def graph_launcher(self, model, tpcs, side):
        if (model, tpcs, side) not in self.execs:
            self.hook.confine(None)
            graph, _ = workloads.capture(self.steps[model])
            self.hook.confine(gpu_probe.tpc_set(tpcs, side) if tpcs else None)
            e = gpu_probe.GraphExec(self.hook, graph.raw_cuda_graph())
            e.launch(self.stream.cuda_stream)
            self.stream.synchronize()
            self.execs[model, tpcs, side] = (e, graph)
        return lambda: self.execs[model, tpcs, side][0].launch(self.stream.cuda_stream)

    def loop(self, model, seconds, tpcs=0, side="low", mode="sync", start_at=0, **_):
        step = self.graph_launcher(model, tpcs, side) if mode == "graph" else self.steps[model]
        self.hook.confine(gpu_probe.tpc_set(tpcs, side) if tpcs else None)
        unconfined = self.hook.lib.ph_unconfined()
        events = [torch.cuda.Event(), torch.cuda.Event()]
        with torch.cuda.stream(self.stream):
            step()
            self.stream.synchronize()
            wait_until_epoch(start_at)
            zero, ends, submit, n = now(), [], [], 0
            while now() - zero < seconds * 1e9:
                begin = now()
                step()
                submit.append(now() - begin)
                if mode == "ahead":
                    events[n % 2].record()
                    if n:
                        events[(n - 1) % 2].synchronize()
                        ends.append(now() - zero)
                else:
                    self.stream.synchronize()
                    ends.append(now() - zero)
                n += 1
            self.stream.synchronize()
            if mode == "ahead":
                ends.append(now() - zero)
        self.hook.confine(None)
        gaps = [b - a for a, b in zip([0] + ends, ends)]
        return {"iterations": len(ends), "per_s": round(len(ends) / (ends[-1] * 1e-9), 4),
                "iteration_ms": gpu_probe.spread(gaps, 1e-6), "submit_call_ms": gpu_probe.spread(submit, 1e-6),
                "unconfined_launches": self.hook.lib.ph_unconfined() - unconfined}


def main():
    role, models = sys.argv[1], sys.argv[2:]
    hook = gpu_probe.Hook()
    tenant = HpTenant(hook) if role == "hp" else BeTenant(hook, models)
    print(json.dumps({"ready": gpu_probe.report("tenant_worker", "11")}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "quit":
            break
        try:
            answer = getattr(tenant, command["do"])(**{k: v for k, v in command.items() if k != "do"})
        except Exception as error:  # the driver must always get a line back
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


main()
