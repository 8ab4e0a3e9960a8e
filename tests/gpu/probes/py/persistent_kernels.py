"""Question 1: which library kernels take tiles dynamically, which statically, which wait for peers; their tails.

usage: persistent_kernels.py OUT.json [--short-cuts]
For each operation: capture it in a graph; find its longest kernel by completion times; run it once with that kernel's
grid cut (half, then one cluster) in its descriptor, over an output poisoned with NaN, and see what is missing; run it
whole again, to see whether the cut left state behind. Then, confined to 8, 16, 32 and 66 TPCs, put marker blocks behind
the kernel: they begin when an SM becomes free, so first to last begin is the kernel's tail.
Each operation runs in a worker process with a watchdog: one that hangs is killed, recorded, and the next one starts.
--short-cuts: only the cuts (three times each, no tails), and only of kernels under 0.1 ms, in at most SHORT_BUDGET_S: their
fractions of 2026-11-22 were lower bounds, because the poison could land before the last blocks had written.
"""
import ctypes
import json
import multiprocessing
import os
import sys
import time

import gpu_probe

PATIENCE_S = 12
MARKER_PATIENCE_NS = 30_000_000
SHORT_US = 100
LONGER = ("gemm_16384", "gemm_2048", "gemm_4096_fp16", "attention", "batch_norm")  # not even tried by --short-cuts
SHORT_BUDGET_S = 50


def operations(torch):
    """Name -> function that returns (step, output tensors)."""
    import torch.nn.functional as F
    bf, half, dev = torch.bfloat16, torch.half, "cuda"
    rand = lambda *s, dtype=bf: torch.randn(*s, device=dev, dtype=dtype)

    def gemm(m, k, n, dtype=bf, bias=False):
        def make():
            x, w, b = rand(m, k, dtype=dtype), rand(n, k, dtype=dtype), rand(n, dtype=dtype) if bias else None
            return lambda: F.linear(x, w, b)
        return make

    def weight_gradient(m, k, n):
        def make():
            x, g = rand(m, k), rand(m, n)
            return lambda: g.t() @ x
        return make

    def batched(b, m, k, n):
        def make():
            x, w = rand(b, m, k), rand(b, k, n)
            return lambda: torch.bmm(x, w)
        return make

    def attention(b, h, s, d, kv=None, backend=None, causal=True):
        def make():
            from torch.nn.attention import SDPBackend, sdpa_kernel
            q, k, v = rand(b, h, s, d), rand(b, kv or h, s, d), rand(b, kv or h, s, d)
            chosen = {"cudnn": SDPBackend.CUDNN_ATTENTION, "flash": SDPBackend.FLASH_ATTENTION}[backend]

            def step():
                with sdpa_kernel(chosen):
                    return F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=kv is not None)
            return step
        return make

    def attention_backward(b, h, s, d):
        def make():
            q, k, v = (rand(b, h, s, d).requires_grad_() for _ in range(3))
            g = rand(b, h, s, d)
            return lambda: torch.autograd.grad(F.scaled_dot_product_attention(q, k, v, is_causal=True), (q, k, v), g)[0]
        return make

    def convolution(c_in, c_out, size, kernel, batch=16, stride=1):
        def make():
            x = rand(batch, c_in, size, size, dtype=half).to(memory_format=torch.channels_last)
            w = rand(c_out, c_in, kernel, kernel, dtype=half).to(memory_format=torch.channels_last)
            return lambda: F.conv2d(x, w, stride=stride, padding=kernel // 2)
        return make

    def convolution_gradient(c, size, batch=64):
        def make():
            x = rand(batch, c, size, size, dtype=half).to(memory_format=torch.channels_last)
            w = rand(c, c, 3, 3, dtype=half).to(memory_format=torch.channels_last).requires_grad_()
            g = rand(batch, c, size, size, dtype=half).to(memory_format=torch.channels_last)
            return lambda: torch.autograd.grad(F.conv2d(x, w, padding=1), w, g)[0]
        return make

    def batch_norm():
        x = rand(64, 256, 56, 56, dtype=half).to(memory_format=torch.channels_last)
        w, b = torch.ones(256, device=dev), torch.zeros(256, device=dev)
        mean, var = torch.zeros(256, device=dev), torch.ones(256, device=dev)
        return lambda: F.batch_norm(x, mean, var, w, b, training=True)

    return {
        "gemm_16384x4096x14336_bf16": gemm(16384, 4096, 14336), "gemm_16384x14336x4096_bf16": gemm(16384, 14336, 4096),
        "gemm_16384x4096x4096_bf16": gemm(16384, 4096, 4096), "gemm_512x4096x14336_bf16": gemm(512, 4096, 14336),
        "gemm_4096x768x3072_bias_bf16": gemm(4096, 768, 3072, bias=True), "gemm_1x4096x14336_bf16": gemm(1, 4096, 14336),
        "gemm_1x4096x4096_bf16_split_k": gemm(1, 4096, 4096), "gemm_64x16384x1024_bf16_deep": gemm(64, 16384, 1024),
        "gemm_8192x1024x1024_weight_gradient": weight_gradient(8192, 1024, 1024),
        "gemm_2048_fp32": gemm(2048, 2048, 2048, dtype=torch.float32), "gemm_4096_fp16": gemm(4096, 4096, 4096, dtype=half),
        "bmm_256x512x64x512_bf16": batched(256, 512, 64, 512),
        "attention_cudnn_8x32x2048x128_gqa": attention(8, 32, 2048, 128, kv=8, backend="cudnn"),
        "attention_cudnn_8x32x2048x128_full": attention(8, 32, 2048, 128, backend="cudnn", causal=False),
        "attention_flash_8x32x2048x128": attention(8, 32, 2048, 128, backend="flash"),
        "attention_backward_8x16x1024x64": attention_backward(8, 16, 1024, 64),
        "conv_3x3_64_56_b16_fp16": convolution(64, 64, 56, 3), "conv_1x1_256_1024_14_b16_fp16": convolution(256, 1024, 14, 1),
        "conv_3x3_512_7_b16_fp16": convolution(512, 512, 7, 3), "conv_7x7_first_b16_fp16": convolution(3, 64, 224, 7, stride=2),
        "conv_3x3_weight_gradient_128_28_b64": convolution_gradient(128, 28), "batch_norm_training_64x256x56": batch_norm,
    }


class Subject:
    """One captured operation and its longest kernel."""

    def __init__(self, torch, hook, make):
        import workloads
        self.torch, self.hook = torch, hook
        self.step = make()  # keeps the operands alive: the graph does not
        self.graph, self.stream = workloads.capture(self.step, warmups=2)
        self.raw = self.graph.raw_cuda_graph()
        self.out = self.graph.output
        self.high = torch.cuda.Stream(priority=-5)
        self.low = torch.cuda.Stream(priority=0)
        e, records, durations = self.timed(None)
        e.destroy()
        self.longest, self.full_us = max(durations.items(), key=lambda item: item[1])
        self.record = records[self.longest]
        self.reference = self.out.float().clone()

    def timed(self, bits, replays=5):
        """(exec, records, {callback ordinal: microseconds})"""
        self.hook.confine(bits)
        self.hook.record(gpu_probe.RELEASE_PLAIN)
        e = gpu_probe.GraphExec(self.hook, self.raw)
        e.launch(self.high.cuda_stream)
        self.torch.cuda.synchronize()
        records = self.hook.stop()
        self.hook.confine(None)
        rows = []
        for _ in range(replays):
            e.launch(self.high.cuda_stream)
            self.high.synchronize()
            rows.append(self.hook.times_ns(len(records)))
        typical = [gpu_probe.quantile([row[i] - min(row) for row in rows], .5) for i in range(len(records))]
        order = sorted(range(len(records)), key=lambda i: typical[i])
        durations = {b: gpu_probe.quantile([row[b] - row[a] for row in rows], .5) / 1000 for a, b in zip(order, order[1:])}
        return e, records, durations

    def name(self):
        for node in self.hook.describe_graph(self.raw):
            if tuple(node["block"]) == tuple(self.record.block) and tuple(node["grid"]) == self.record.blocks():
                return node["kernel"][:160]
        return ""

    def compare(self):
        out = self.out.float()
        missing = self.torch.isnan(out)
        wrong = (out != self.reference) & ~missing
        far = ((out - self.reference).abs() > 0.02 * self.reference.abs().max()) & ~missing
        n = out.numel()
        return {"missing": round(missing.sum().item() / n, 5), "not_identical": round(wrong.sum().item() / n, 5),
                "far_off": round(far.sum().item() / n, 5)}

    def cut(self, axis, to):
        """Runs once with the longest kernel's descriptor grid cut, then whole again."""
        t = self.torch
        whole = gpu_probe.GraphExec(self.hook, self.raw)
        whole.launch(self.high.cuda_stream)
        t.cuda.synchronize()  # else its last blocks may write over the poison
        self.out.fill_(float("nan"))
        t.cuda.synchronize()
        self.hook.record(gpu_probe.RELEASE_PLAIN)  # nothing else may launch until stop(): the cut counts descriptors
        self.hook.cut(self.longest, axis, to)
        e = gpu_probe.GraphExec(self.hook, self.raw)
        e.launch(self.high.cuda_stream)
        t.cuda.synchronize()
        records = self.hook.stop()
        times = self.hook.times_ns(len(records))
        before = max([x for x in times if x < times[self.longest]], default=times[self.longest])
        result = {"grid_cut_to": to, "axis": axis, "us": (times[self.longest] - before) / 1000, **self.compare()}
        self.out.fill_(float("nan"))
        t.cuda.synchronize()
        whole.launch(self.high.cuda_stream)
        t.cuda.synchronize()
        result["whole_again"] = self.compare()
        e.destroy(), whole.destroy()
        return result

    def tail(self, tpcs, repeats=5):
        t, hook = self.torch, self.hook
        bits = gpu_probe.tpc_set(tpcs, "low")
        e, records, durations = self.timed(bits)
        if any(r.confined == 0 for r in records):
            e.destroy()
            return {"tpcs": tpcs, "left_unconfined": True}
        marks = t.zeros(2 * tpcs, 3, dtype=t.int64, device="cuda")
        arrived = t.zeros(1, dtype=t.int32, device="cuda")
        tails, partial = [], []
        for _ in range(repeats):
            marks.zero_(), arrived.zero_()
            t.cuda.synchronize()
            e.launch(self.high.cuda_stream)
            hook.confine(bits)
            hook.lib.ph_launch_markers(ctypes.c_void_p(self.low.cuda_stream), 2 * tpcs, ctypes.c_void_p(marks.data_ptr()),
                                       ctypes.c_void_p(arrived.data_ptr()), ctypes.c_ulonglong(MARKER_PATIENCE_NS))
            hook.confine(None)
            t.cuda.synchronize()
            end = hook.times_ns(len(records))[self.longest]
            begins = sorted(marks[:, 0].tolist())
            tails.append((begins[-1] - begins[0]) / 1000)
            partial.append((end - begins[0]) / 1000)
        e.destroy()
        us = durations.get(self.longest, 0)
        return {"tpcs": tpcs, "kernel_us": round(us, 2), "tpc_us": round(us * tpcs, 1),
                "first_free_sm_to_last_us": round(gpu_probe.quantile(tails, .5), 2),
                "first_free_sm_to_kernel_end_us": round(gpu_probe.quantile(partial, .5), 2)}


def long_cuts(s, grid, axis):
    """Tails on fewer and fewer TPCs, then the cuts, as (key, value)."""
    for n in (66, 32, 16, 8):
        yield f"tail_{n}", s.tail(n)
    for key, to in [("cut_half", (grid[axis] + 1) // 2), ("cut_one", 1)]:
        if to < grid[axis]:
            yield key, s.cut(axis, to)


def short_cuts(s, grid, axis):
    if s.full_us >= SHORT_US:
        yield "left_out", f"{SHORT_US} us or more"
        return
    for key, to in [("cut_half", (grid[axis] + 1) // 2), ("cut_one", 1)]:
        if to < grid[axis]:
            yield key, [s.cut(axis, to) for _ in range(3)]


def worker(names, queue, cuts):
    """Runs the named operations in turn; every step goes to the queue as (name, key, value)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    torch = gpu_probe.need_torch_gpu()
    hook = gpu_probe.Hook()
    queue.put((None, "head", gpu_probe.report("persistent_kernels", "1")))
    torch.backends.cuda.matmul.allow_tf32 = False
    made = operations(torch)
    for name in names:
        try:
            s = Subject(torch, hook, made[name])
            grid, axis = list(s.record.grid), max(range(3), key=lambda i: s.record.grid[i])
            queue.put((name, "kernel", {"name": s.name(), "descriptor_grid": grid, "cluster": list(s.record.cluster),
                                        "block": list(s.record.block), "registers": s.record.registers,
                                        "shared_bytes": s.record.shared_bytes, "type": s.record.type,
                                        "gpu_cluster": list(s.record.gpu_cluster), "us": round(s.full_us, 2)}))
            for key, value in cuts(s, grid, axis):
                queue.put((name, key, value))
        except Exception as error:
            queue.put((name, "error", repr(error)[:300]))
            if "CUDA" in repr(error):
                break
        queue.put((name, "done", True))
    queue.put((None, "end", None))


def main(out, short=False):
    began = time.monotonic()
    try:
        import torch
        everything = [n for n in operations(torch) if not (short and n.startswith(LONGER))]
    except ImportError:
        print(json.dumps({"skipped": "no PyTorch"}))
        sys.exit(gpu_probe.EXIT_SKIPPED)
    context = multiprocessing.get_context("fork")
    results, head, left = {n: {} for n in everything}, {}, list(everything)
    while left and not (short and time.monotonic() - began > SHORT_BUDGET_S):
        queue = context.Queue()
        process = context.Process(target=worker, args=(left, queue, short_cuts if short else long_cuts))
        process.start()
        while True:
            if short and time.monotonic() - began > SHORT_BUDGET_S:
                break
            try:
                name, key, value = queue.get(timeout=PATIENCE_S)
            except Exception:
                results[left[0]]["hung_after"] = list(results[left[0]])[-1:]
                left.pop(0)
                break
            if key == "end":
                left = [] if not left or process.exitcode == 0 else left
                break
            if name is None:
                head = value
                continue
            results[name][key] = value
            print(name, key, json.dumps(value), flush=True)
            if key in ("done", "error") and left and left[0] == name:
                left.pop(0)
        process.kill()
        process.join()
    head.update(results=results, not_reached=left, command="persistent_kernels.py" + (" --short-cuts" if short else ""))
    with open(out, "w") as f:
        json.dump(head, f, indent=1)


if __name__ == "__main__":
    main(sys.argv[1], short="--short-cuts" in sys.argv[2:])
