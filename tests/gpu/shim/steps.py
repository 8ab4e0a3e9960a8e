# SPDX-License-Identifier: Apache-2.0
"""How long a step of ResNet-50, BERT training and Llama takes, eager and as a CUDA graph: to be run in turns with and without the shim
(issue 7: at most 1 % slower)."""
import json
import time

import torch
import workloads

STEPS = 60
found = {}
for name in ("resnet50_infer_b16", "bert_base_train_b32_s128", "llama8b_decode_b1_kv512"):
    step = workloads.WORKLOADS[name]()
    graph, stream = workloads.capture(step)
    graph.instantiate()

    def replay():
        with torch.cuda.stream(stream):
            graph.replay()

    for how, run in (("eager", step), ("graph", replay)):
        times = []
        for i in range(STEPS + 10):
            begin = time.perf_counter()
            run()
            torch.cuda.synchronize()
            if i >= 10:
                times.append(1000 * (time.perf_counter() - begin))
        found[f"{name} {how}"] = round(sorted(times)[len(times) // 2], 4)
    del step, graph
    torch.cuda.empty_cache()
print(json.dumps({"check": "steps", "ms_p50": found}))
