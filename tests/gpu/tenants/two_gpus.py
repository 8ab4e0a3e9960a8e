# SPDX-License-Identifier: Apache-2.0
"""Two GPUs, each under its own `lithos up`: a service and best effort on each, and an all-reduce (NCCL) across both beside them.
two_gpus.py FOLDER (which build.sh made) OUT.json. Results must be as on GPUs by themselves; exit code 1 if one is not, 77 without two GPUs."""
import json
import os
import subprocess
import sys
import tempfile
import time

folder, out = os.path.abspath(sys.argv[1]), sys.argv[2]
MODELS = {"hp": ("resnet50_infer_b16", 1500), "be": ("llama8l_prefill_b8_s2048", 60)}
CONFIG = f"{folder}/configs/experiments/colocate.toml"
COLLECTIVE = """
import sys, json, time, torch, torch.distributed as dist
rank, store = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("nccl", init_method="file://" + store, rank=rank, world_size=2)
x = torch.arange(1 << 22, dtype=torch.float32, device="cuda") * (rank + 1) / (1 << 22)
wanted, wrong, begin = x / (rank + 1) * 3, 0, time.perf_counter()
for turn in range(400):
    y = x.clone()
    dist.all_reduce(y)
    z = (y @ y[: 1 << 22]).item() if turn % 100 == 0 else 0
    wrong += not torch.equal(y, wanted) if turn % 20 == 0 else 0
torch.cuda.synchronize()
print(json.dumps({"digest": "right" if wrong == 0 else f"{wrong} wrong", "seconds": round(time.perf_counter() - begin, 2)}), flush=True)
dist.destroy_process_group()
"""
# By uuid: MPS's clients count only the GPUs that MPS was given, so that a number would mean another one to them.
uuids = subprocess.run(["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"], capture_output=True, text=True).stdout.split()
if len(uuids) < 2:
    print("skipped: fewer than two GPUs")
    sys.exit(77)
work = tempfile.mkdtemp(prefix="lithos")


def environment(gpu):
    return {**os.environ, "CUDA_VISIBLE_DEVICES": uuids[gpu], "LITHOS_RUN_DIR": f"{work}/{gpu}", "NCCL_NVLS_ENABLE": "0"}


def lithos(gpu, *arguments):
    done = subprocess.run([f"{folder}/lithos", *arguments], env=environment(gpu), capture_output=True, text=True, timeout=60)
    return done.returncode, (done.stdout + done.stderr).strip()


def start(gpu, name, managed, program):
    stats = f"{work}/{gpu}.{name}.stats"
    prefix = [f"{folder}/lithos", "run", "--tenant", name, "--stats", stats, "--unmanaged", "refuse", "--"] if managed else []
    output = open(f"{work}/{gpu}.{name}.out", "w+")
    return name, gpu, subprocess.Popen([*prefix, sys.executable, *program], env=environment(gpu), stdout=output, stderr=subprocess.STDOUT, cwd=folder), output, stats


def finish(all_programs):
    found = {}
    for name, gpu, process, output, stats in all_programs:
        try:
            code = process.wait(110)
        except subprocess.TimeoutExpired:
            process.kill()
            code = "hung"
        output.seek(0)
        text = output.read().splitlines()
        lines = [line for line in text if line.startswith("{")]
        counts = json.load(open(stats))["counts"] if os.path.exists(stats) else {}
        found[f"{name} on {gpu}"] = {"rc": code, **(json.loads(lines[-1]) if lines else {"said": text[-3:]}),
                                     **{key: counts[key] for key in ("launches", "masked", "cut", "starved") if key in counts}}
    return found


def everybody(managed):
    store = f"{work}/store_{managed}"
    return [start(gpu, name, managed, [f"{folder}/busy.py", model, str(steps)]) for gpu in (0, 1) for name, (model, steps) in MODELS.items()] + [
        start(gpu, "ring", managed, ["-c", COLLECTIVE, str(gpu), store]) for gpu in (0, 1)]


alone = finish(everybody(managed=False))
said = [lithos(gpu, "up", "--config", CONFIG, "--set", "tpc_borrowing") for gpu in (0, 1)]
together = finish(everybody(managed=True)) if all(code == 0 for code, _ in said) else {}
tenants = [lithos(gpu, "down", "--force")[0] for gpu in (0, 1)]
good = bool(together) and all(together[one].get("rc") == 0 and together[one].get("digest") == alone[one].get("digest") for one in alone)
facts = subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"], capture_output=True, text=True).stdout.strip().splitlines()
result = {"check": "two_gpus", "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "gpu": facts, "command": "two_gpus.py FOLDER OUT.json", "good": good,
          "bare": alone, "under_lithos": together, "up": [text.splitlines()[-6:] for _, text in said]}
json.dump(result, open(out, "w"), indent=1)
print(json.dumps(result, indent=1))
sys.exit(0 if good else 1)
