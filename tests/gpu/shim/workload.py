# SPDX-License-Identifier: Apache-2.0
"""One workload, deterministic: `workload.py NAME [--count]`. Prints a digest of its results, and with --count how many kernels
torch.profiler (CUPTI) saw: to be run once without the shim with --count, and once under it."""
import hashlib
import json
import os
import sys

import torch

torch.manual_seed(1)
torch.use_deterministic_algorithms(True, warn_only=True)
device = "cuda"


def gemm():
    a = torch.randn(2048, 2048, device=device, dtype=torch.float16)
    b = torch.randn(2048, 2048, device=device, dtype=torch.float16)
    return [a @ b, (a.float() @ b.float())]


def fft():
    return [torch.view_as_real(torch.fft.fft(torch.randn(64, 4096, device=device)))]


def convolution():
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 64, 7, 2), torch.nn.BatchNorm2d(64), torch.nn.ReLU(), torch.nn.Conv2d(64, 128, 3)).to(device)
    x = torch.randn(16, 3, 224, 224, device=device)
    y = net(x)
    y.square().mean().backward()
    return [y] + [p.grad for p in net.parameters()]


def attention():
    q, k, v = (torch.randn(4, 16, 1024, 64, device=device, dtype=torch.float16) for _ in range(3))
    return [torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)]


def graph():
    x = torch.randn(1024, 1024, device=device)
    y = torch.empty_like(x)
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            y.copy_((x @ x).relu())
    torch.cuda.synchronize()
    g = torch.cuda.CUDAGraph()
    with torch.cuda.graph(g):
        y.copy_((x @ x).relu())
    for _ in range(10):
        g.replay()
    return [y]


def compiled():
    f = torch.compile(lambda x: torch.softmax(x.sin() * 2 + x, -1))
    return [f(torch.randn(4096, 512, device=device))]


def threads():
    import threading
    results = [None] * 4

    def work(i):
        with torch.cuda.stream(torch.cuda.Stream()):
            x = torch.full((512, 512), float(i + 1), device=device)
            for _ in range(50):
                x = (x @ x).tanh()
            results[i] = x
    all_threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    [t.start() for t in all_threads]
    [t.join() for t in all_threads]
    return results


def forks():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return gemm()


def triton_kernel():
    import triton_kernels
    return triton_kernels.scaled_sum(torch.arange(1 << 20, device=device, dtype=torch.float32))


def cupy_arrays():
    import cupy
    x = cupy.arange(1 << 20, dtype=cupy.float32).reshape(1024, 1024)
    y = cupy.sort((x @ x.T).ravel() % 1000.0) + cupy.cumsum(x.ravel().astype(cupy.int64) % 7).astype(cupy.float32)
    return [torch.from_dlpack(y).clone()]


def jax_arrays():
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    os.environ["XLA_FLAGS"] = "--xla_gpu_autotune_level=0 --xla_gpu_deterministic_ops=true"
    import jax
    import jax.numpy as jnp
    import numpy
    f = jax.jit(lambda x: jnp.tanh(x @ x.T).sum(axis=0) + jnp.sort(x, axis=0)[0])
    x = jnp.asarray(numpy.arange(1 << 18, dtype=numpy.float32).reshape(512, 512) / 1e5)
    return [torch.from_numpy(numpy.array(f(x)))]


def vgg16_training():
    import torchvision
    net = torchvision.models.vgg16().to(device)
    x = torch.randn(32, 3, 224, 224, device=device)
    loss = net(x).square().mean()
    loss.backward()
    return [loss]


def traced(name):
    """One iteration of a workload of the shared traces (probes/py/workloads.py)."""
    def work():
        import workloads
        torch.manual_seed(1)
        out = workloads.WORKLOADS[name]()()
        return [out.float() if out.dtype == torch.bfloat16 else out]
    return work


def named(name):
    import workloads
    return WORK[name] if name in WORK else traced(name) if name in workloads.WORKLOADS else sys.exit(f"workload.py: no workload is called {name}")


WORK = {f.__name__: f for f in (gemm, fft, convolution, attention, graph, compiled, threads, forks, triton_kernel, cupy_arrays, jax_arrays,
                                vgg16_training)}


def main():
    name = sys.argv[1]
    kernels = None
    if "--count" in sys.argv:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            results = named(name)()
            torch.cuda.synchronize()
        kernels = sum(1 for e in profile.events() if e.device_type == torch.autograd.DeviceType.CUDA
                      and not e.name.startswith(("Memcpy", "Memset")))
    else:
        results = named(name)()
        torch.cuda.synchronize()
    digest = hashlib.sha256(b"".join(r.detach().cpu().numpy().tobytes() for r in results)).hexdigest()
    print(json.dumps({"workload": name, "digest": digest, "cupti_kernels": kernels}))


main()
