# SPDX-License-Identifier: Apache-2.0
"""Joins the events' times (times.cu) with the shim's (LITHOS_TIMES): both without their batch's middle offset, since the two clocks
have different zeros."""
import json
import sys

events = json.load(open(sys.argv[1]))["batches"]
shim = [int(line.split()[1]) for line in open(sys.argv[2]) if line.strip()]
shim = shim[1:]  # the first kernel is the warm-up
errors = []
for number, batch in enumerate(events):
    begin = number * (len(batch) + 1) + 1  # after the long kernel
    ours = shim[begin:begin + len(batch)]
    if len(ours) < len(batch):
        break
    offsets = [(ours[i] - ours[0]) / 1000 - batch[i] for i in range(len(batch))]
    middle = sorted(offsets)[len(offsets) // 2]
    errors += [abs(offset - middle) for offset in offsets]
errors.sort()
at = lambda share: errors[min(len(errors) - 1, int(share * len(errors)))] if errors else None
print(json.dumps({"check": "times_vs_events", "kernels": len(shim), "compared": len(errors), "error_us_p50": at(0.5),
                  "error_us_p99": at(0.99), "error_us_max": errors[-1] if errors else None,
                  "good": bool(errors) and at(0.99) <= 2.0}))
