# SPDX-License-Identifier: Apache-2.0
"""How much slower a step of PyTorch is under the shim, eager and as a CUDA graph (issue 7: at most 1 %): steps.py [SECONDS [MODEL ...]], as a tenant.

Two processes on a shared host differ by more than what is to be seen (as much as 13 %, docs/design/shim.md). So it is one process in which the shim stands aside every
other turn: `standing.offset`, made by build.sh, is where it keeps whether it does, from cuLaunchKernel on. Aside, a launch costs one load more than without a
shim, 0.01 us (`overhead_forwarding`), and the driver still calls the hook, which returns at once. Prints for each model the median over neighbouring turns of the ratio, and of the
difference per step, with 95 % intervals (bootstrap over turns)."""
import ctypes
import json
import os
import random
import sys
import time

import torch
import workloads

SECONDS = float((sys.argv[1:] + ["12"])[0])
# Those that wait for the processor, launch by launch, and two whose steps keep the GPU busy.
MODELS = sys.argv[2:] or ["resnet50_infer_b16", "bert_base_train_b32_s128", "llama8b_decode_b1_kv512", "resnet50_train_b64", "llama8l_prefill_b8_s2048"]
ACTIVE, ASIDE = 1, 2  # Process::Standing
WARM_UP, STEPS_A_TURN, TURNS_MIN = 8, 6, 12


def standing():
    """The byte that says it."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "standing.offset")) as file:
        offset = int(file.read())
    at = ctypes.cast(ctypes.CDLL("libcuda.so.1").cuLaunchKernel, ctypes.c_void_p).value + offset
    byte = ctypes.c_uint8.from_address(ctypes.c_uint64.from_address(at).value)
    if byte.value != ACTIVE:
        sys.exit("steps.py: the shim is not active here")
    return byte


def middle(values):
    return sorted(values)[len(values) // 2]


def with_interval(values, digits=2):
    rng = random.Random(1)
    medians = sorted(middle(rng.choices(values, k=len(values))) for _ in range(1000))
    return round(middle(values), digits), [round(medians[at], digits) for at in (25, 974)]


def turn(run):
    """ms of a step: the middle of a few."""
    times = []
    for _ in range(STEPS_A_TURN):
        begin = time.perf_counter()
        run()
        torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - begin))
    return middle(times)


def compare(run, byte):
    for _ in range(WARM_UP):
        run()
    torch.cuda.synchronize()
    pairs, begin = [], time.perf_counter()
    while len(pairs) < TURNS_MIN or time.perf_counter() - begin < SECONDS:
        pair = {}
        for what in (ASIDE, ACTIVE) if len(pairs) % 2 == 0 else (ACTIVE, ASIDE):  # neither is always first
            byte.value = what
            pair[what] = turn(run)
        pairs.append(pair)
    byte.value = ACTIVE
    slower, interval = with_interval([100 * (pair[ACTIVE] / pair[ASIDE] - 1) for pair in pairs])
    us, us_interval = with_interval([1000 * (pair[ACTIVE] - pair[ASIDE]) for pair in pairs], 1)
    return {"aside_ms": round(middle([pair[ASIDE] for pair in pairs]), 4), "slower_percent": slower, "slower_percent_95": interval,
            "us_a_step": us, "us_a_step_95": us_interval, "pairs_of_turns": len(pairs)}


def nodes_of(graph):
    count = ctypes.c_size_t()
    ctypes.CDLL("libcuda.so.1").cuGraphGetNodes(ctypes.c_void_p(graph.raw_cuda_graph()), None, ctypes.byref(count))
    return count.value


def main():
    torch.cuda.init()
    torch.zeros(1, device="cuda")
    byte, found = standing(), {}
    for model in MODELS:
        step = workloads.WORKLOADS[model]()
        graph, stream = workloads.capture(step)
        graph.instantiate()

        def replay():
            with torch.cuda.stream(stream):
                graph.replay()

        for how, run in (("eager", step), ("graph", replay)):
            found[f"{model} {how}"] = compare(run, byte)
        found[f"{model} eager"]["nodes"] = nodes_of(graph)
        del step, graph, replay
        torch.cuda.empty_cache()
    print(json.dumps({"check": "steps", "seconds_each": SECONDS, "steps_a_turn": STEPS_A_TURN, "found": found}))


main()
