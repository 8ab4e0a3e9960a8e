# SPDX-License-Identifier: Apache-2.0
"""A tenant of the co-location experiment: plain PyTorch that knows nothing of LithOS. tenant.py hp | be MODEL, driven by JSON lines.

hp: ResNet-50 fp16, batch 16, captured in a CUDA graph as a serving stack would; one thread, first come first served; latency counts from
the arrival. be: whole iterations of MODEL (a workload of the shared traces) back to back, synchronised after each.
"""
import json
import random
import sys
import time

import torch
import workloads

now = time.perf_counter_ns


def quantiles(values_ns):
    values = sorted(values_ns)
    at = lambda q: round(values[min(len(values) - 1, int(q * len(values)))] * 1e-6, 4)
    return {"n": len(values), "p50": at(.5), "p90": at(.9), "p99": at(.99), "max": at(1)} if values else {"n": 0}


def wait_until(epoch):
    while time.time() < epoch:
        time.sleep(0.0005)


class Service:
    def __init__(self):
        self.graph, self.stream = workloads.capture(workloads.WORKLOADS["resnet50_infer_b16"]())
        self.graph.instantiate()
        self.request()

    def request(self):
        with torch.cuda.stream(self.stream):
            self.graph.replay()
        self.stream.synchronize()

    def serve(self, rate, seconds, start_at=0, seed=1):
        rng, arrivals, t = random.Random(seed), [], 0.0
        while (t := t + rng.expovariate(rate)) < seconds:
            arrivals.append(int(t * 1e9))
        for _ in range(5):
            self.request()
        wait_until(start_at)
        zero, latency, service = now(), [], []
        for due in arrivals:
            while (begin := now() - zero) < due:
                pass
            if begin > (seconds + 5) * 1e9:  # hopelessly late: the rest are counted as not done
                break
            self.request()
            latency.append(now() - zero - due)
            service.append(now() - zero - begin)
        return {"rate": rate, "arrivals": len(arrivals), "done": len(latency), "latency_ms": quantiles(latency), "service_ms": quantiles(service)}


class Training:
    def __init__(self, model):
        self.step = workloads.WORKLOADS[model]()
        for _ in range(3):
            self.step()
        torch.cuda.synchronize()

    def loop(self, seconds, start_at=0):
        wait_until(start_at)
        zero, ends = now(), []
        while now() - zero < seconds * 1e9:
            self.step()
            torch.cuda.synchronize()
            ends.append(now() - zero)
        gaps = [b - a for a, b in zip([0] + ends, ends)]
        return {"iterations": len(ends), "per_s": round(len(ends) / (ends[-1] * 1e-9), 4), "iteration_ms": quantiles(gaps)}


tenant = Service() if sys.argv[1] == "hp" else Training(sys.argv[2])
print(json.dumps({"ready": True, "torch": torch.__version__, "gpu": torch.cuda.get_device_name()}), flush=True)
for line in sys.stdin:
    command = json.loads(line)
    if command.pop("do") == "quit":
        break
    run = tenant.serve if isinstance(tenant, Service) else tenant.loop
    print(json.dumps(run(**command)), flush=True)
