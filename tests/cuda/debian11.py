# SPDX-License-Identifier: Apache-2.0
"""A CUDA program without a compiler: launches through libcuda.so.1 as the loader finds it, and prints what the driver and the shim saw."""
import ctypes as c
import json
import os

cuda = c.CDLL("libcuda.so.1")


def ok(result, what):
    if result != 0:
        raise SystemExit(f"{what}: {result}")


def launch(function, blocks):
    return cuda.cuLaunchKernel(function, blocks, 1, 1, 256, 1, 1, 0, None, None, None)


ok(cuda.cuInit(0), "cuInit")
context, module, function = c.c_void_p(), c.c_void_p(), c.c_void_p()
ok(cuda.cuDevicePrimaryCtxRetain(c.byref(context), 0), "context")
ok(cuda.cuCtxSetCurrent(context), "context")
ok(cuda.cuModuleLoadData(c.byref(module), b""), "module")
ok(cuda.cuModuleGetFunction(c.byref(function), module, b"kernel"), "function")
for blocks in range(50, 100):
    ok(launch(function, blocks), "launch")
ok(cuda.cuCtxSynchronize(), "wait")
child = os.fork()
if child == 0:
    os._exit(0 if launch(function, 100) == 0 else 1)  # stands aside
if os.waitpid(child, 0)[1] != 0:
    raise SystemExit("the child could not launch")
text = c.create_string_buffer(1 << 16)
cuda.lithos_shim_report(text, len(text))
report = json.loads(text.value)
print(json.dumps({"standing": report["standing"], "reason": report["reason"], "launches": report["counts"]["launches"], "masked": report["counts"]["masked"],
                  "timed": report["counts"]["timed"], "at the driver": cuda.cuStandInCalls(b"cuLaunchKernel")}))
