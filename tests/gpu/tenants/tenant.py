# SPDX-License-Identifier: Apache-2.0
"""A tenant of `lithos bench colocate`: plain PyTorch that knows nothing of LithOS. tenant.py hp|be MODEL, driven by lines of JSON
(docs/colocate.md); MODEL is a workload of the shared traces.

hp: MODEL captured in a CUDA graph as a serving stack would; one thread, first come first served; latency counts from the arrival.
be: whole iterations of MODEL back to back, synchronised after each.
"""
import hashlib
import json
import sys
import time

import torch
import workloads

now = time.perf_counter_ns


def wait_until(epoch_s):
    while time.time() < epoch_s:
        time.sleep(0.0005)


def write_lines(path, lines):
    with open(path, "w") as file:
        file.writelines(lines)


class Service:
    def __init__(self, model):
        self.graph, self.stream = workloads.capture(workloads.WORKLOADS[model]())
        self.graph.instantiate()
        self.request()

    def request(self):
        with torch.cuda.stream(self.stream):
            self.graph.replay()
        self.stream.synchronize()

    def checksum(self):
        """Of what the last request computed: its input is always the same, so it must be, too."""
        digest = hashlib.sha256()
        for leaf in torch.utils._pytree.tree_leaves(self.graph.output):
            if isinstance(leaf, torch.Tensor):
                digest.update(leaf.detach().float().cpu().numpy().tobytes())
        return digest.hexdigest()[:16]

    def serve(self, arrivals, seconds, start_at, late_s, times):
        with open(arrivals) as file:
            due_ns = [int(float(line) * 1e3) for line in file]
        for _ in range(5):
            self.request()
        wait_until(start_at)
        zero, done = now(), []
        for due in due_ns:
            while (begin := now() - zero) < due:
                pass
            if begin > (seconds + late_s) * 1e9:  # hopelessly late: the rest are counted as not done
                break
            self.request()
            end = now() - zero
            done.append((end - due, end - begin))
        write_lines(times, (f"{latency} {service}\n" for latency, service in done))
        return {"arrivals": len(due_ns), "done": len(done), "checksum": self.checksum()}


class Iterations:
    def __init__(self, model):
        self.step = workloads.WORKLOADS[model]()
        for _ in range(3):
            self.step()
        torch.cuda.synchronize()

    def loop(self, seconds, start_at, times):
        wait_until(start_at)
        zero, ends = now(), []
        while now() - zero < seconds * 1e9:
            self.step()
            torch.cuda.synchronize()
            ends.append(now() - zero)
        write_lines(times, (f"{end}\n" for end in ends))
        return {"iterations": len(ends)}


def main():
    tenant = Service(sys.argv[2]) if sys.argv[1] == "hp" else Iterations(sys.argv[2])
    print(json.dumps({"ready": True, "torch": torch.__version__, "gpu": torch.cuda.get_device_name()}), flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        if task.pop("do") == "quit":
            break
        run = tenant.serve if isinstance(tenant, Service) else tenant.loop
        print(json.dumps(run(**task)), flush=True)


main()
