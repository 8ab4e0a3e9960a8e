# SPDX-License-Identifier: Apache-2.0
"""How much slower a step of ResNet-50, BERT training and Llama decode is under the shim, eager and as a CUDA graph (issue 7: at most 1 %).

steps.py VARIABLE=VALUE ...: two processes, one without and one with these variables in its environment, take turns of a few steps each, with the
GPU and a processor to itself: whatever the host does, it does to both. Prints the median of the ratios of neighbouring turns and its 95 % interval
(bootstrap over turns)."""
import json
import os
import random
import subprocess
import sys
import time

TURNS, STEPS, WARM_UP = int(os.environ.get("TURNS", 40)), 15, 10
MODELS = ("resnet50_infer_b16", "bert_base_train_b32_s128", "llama8b_decode_b1_kv512")


def serve():
    """The child: for each line "MODEL HOW STEPS", the median of so many steps in ms."""
    import torch
    import workloads

    made = {}

    def runner(model, how):
        if model not in made:
            made.clear()
            torch.cuda.empty_cache()
            step = workloads.WORKLOADS[model]()
            graph, stream = workloads.capture(step)
            graph.instantiate()

            def replay():
                with torch.cuda.stream(stream):
                    graph.replay()

            made[model] = {"eager": step, "graph": replay}
        return made[model][how]

    for line in sys.stdin:
        model, how, steps = line.split()
        run, times = runner(model, how), []
        for _ in range(int(steps)):
            begin = time.perf_counter()
            run()
            torch.cuda.synchronize()
            times.append(1000 * (time.perf_counter() - begin))
        print(sorted(times)[len(times) // 2], flush=True)


def start(variables):
    return subprocess.Popen([sys.executable, __file__, "--serve"], env={**os.environ, **variables}, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)


def ask(child, model, how, steps):
    child.stdin.write(f"{model} {how} {steps}\n")
    child.stdin.flush()
    return float(child.stdout.readline())


def middle(values):
    return sorted(values)[len(values) // 2]


def interval(ratios):
    rng = random.Random(1)
    medians = sorted(middle(rng.choices(ratios, k=len(ratios))) for _ in range(1000))
    return [round(100 * (medians[at] - 1), 2) for at in (25, 974)]


def compare(variables):
    children = {"bare": start({}), "shim": start(variables)}
    found = {}
    for model in MODELS:
        for how in ("eager", "graph"):
            for child in children.values():
                ask(child, model, how, WARM_UP)
            times = {name: [] for name in children}
            for turn in range(TURNS):
                for name in sorted(children, reverse=turn % 2 == 1):  # neither is always first
                    times[name].append(ask(children[name], model, how, STEPS))
            ratios = [b / a for a, b in zip(times["bare"], times["shim"])]
            found[f"{model} {how}"] = {"slower_percent": round(100 * (middle(ratios) - 1), 2), "interval_95": interval(ratios),
                                       "bare_ms": round(middle(times["bare"]), 4), "shim_ms": round(middle(times["shim"]), 4)}
    for child in children.values():
        child.stdin.close()
        child.wait()
    print(json.dumps({"check": "steps", "turns": TURNS, "steps_a_turn": STEPS, "found": found}))


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["--serve"] else compare(dict(pair.split("=", 1) for pair in sys.argv[1:]))
