# SPDX-License-Identifier: Apache-2.0
"""32 PyTorch tenants that join and leave for five minutes on one GPU under real MPS: churn.py FOLDER (which build.sh made) OUT.json [SECONDS [TENANTS]].

A service owns half of the TPCs and serves all the time; every other tenant owns one and borrows, lives for a few seconds, and the next takes its place. Whoever ends
of itself must have computed what it computes alone. Afterwards the same for a while with one in eight killed in the middle of its kernels, and, for comparison,
that under MPS without LithOS (KILLING_S=0: neither): who comes while MPS clears up is refused by it. Exit code 1 if one computed something else, or was refused though nobody had been killed."""
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

folder, out = os.path.abspath(sys.argv[1]), sys.argv[2]
seconds, tenants = float((sys.argv[3:] + ["300"])[0]), int((sys.argv[4:] + ["32"])[0])
KILLED_OF, KILLING_S = 8, float(os.environ.get("KILLING_S", 40))
REFUSED = ("devices unavailable", "device(s) is/are busy or unavailable", "out of memory")
work = tempfile.mkdtemp(prefix="lithos")
environment = {**os.environ, "LITHOS_RUN_DIR": f"{work}/run", "NCCL_NVLS_ENABLE": "0"}
GUEST = """
import hashlib, sys, torch
torch.manual_seed(1)
steps = int(sys.argv[1])
print("ready", flush=True)
x, w = torch.randn(512, 1024, device="cuda", dtype=torch.half), torch.randn(1024, 1024, device="cuda", dtype=torch.half) / 32
digest = hashlib.sha256()
for step in range(steps):
    y = x
    for _ in range(20):
        y = torch.relu(y @ w) + 0.01 * x
        y = y / y.float().norm().half().clamp(min=1) * 100
    if step % 50 == 49:
        digest.update(y.sum(1).float().cpu().numpy().tobytes())
print("digest", digest.hexdigest()[:16], flush=True)
"""
SERVICE = """
import hashlib, json, sys, time, torch, workloads
torch.manual_seed(1)
graph, stream = workloads.capture(workloads.WORKLOADS["resnet50_infer_b16"]())
graph.instantiate()
print("ready", flush=True)
times, digests, end = [], set(), time.time() + float(sys.argv[1])
while time.time() < end or not times:
    begin = time.perf_counter()
    with torch.cuda.stream(stream):
        graph.replay()
    stream.synchronize()
    times.append(1e3 * (time.perf_counter() - begin))
    if len(times) % 50 == 1:
        digests.add(hashlib.sha256(graph.output.float().cpu().numpy().tobytes()).hexdigest()[:16])
    time.sleep(0.002)
times.sort()
print(json.dumps({"requests": len(times), "p50_ms": times[len(times) // 2], "p99_ms": times[len(times) * 99 // 100], "digests": sorted(digests)}), flush=True)
"""
STEPS = (100, 200, 400, 800)
IDENTITY = ["-i", os.environ["CUDA_VISIBLE_DEVICES"]] if os.environ.get("CUDA_VISIBLE_DEVICES", "").startswith("GPU-") else []


def config():
    lines = ['gpu = "h200"', f'kernel_rules = "{folder}/configs/kernels.toml"']
    for name, quota, how in [("hp", 66 - tenants + 1, "latency_critical")] + [(f"t{i}", 1, "best_effort") for i in range(1, tenants)]:
        lines += ["[[tenant]]", f'name = "{name}"', f'class = "{how}"', f"quota = {quota}", f'trace = "{folder}/configs/traces/resnet50_infer_b16.csv"']
        lines += ['tolerates = "10ms"'] if how == "latency_critical" else []
    lines += ["[[set]]", 'name = "lithos"', 'scheduler = "tpc_borrowing"', 'predictor = "operator_median"']
    with open(f"{work}/churn.toml", "w") as file:
        file.write("\n".join(lines) + "\n")
    return f"{work}/churn.toml"


def lithos(*arguments, timeout=60):
    done = subprocess.run([f"{folder}/lithos", *arguments], env=environment, capture_output=True, text=True, timeout=timeout)
    return done.returncode, (done.stdout + done.stderr).strip()


def start(name, program, argument, managed=True):
    prefix = [f"{folder}/lithos", "run", "--tenant", name, "--unmanaged", "refuse", "--"] if managed else []
    output = open(f"{work}/{name}.out", "w+")
    process = subprocess.Popen([*prefix, sys.executable, "-c", program, str(argument)], env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
    return process, output


def text_of(output):
    output.flush()
    with open(output.name) as file:
        return file.read()


def ended(process, output, timeout=120):
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return process.returncode, text_of(output)


class Place:
    """One name, and who has it now."""

    def __init__(self, name, dice, wanted, killed_of, managed):
        self.name, self.dice, self.wanted, self.killed_of, self.managed = name, dice, wanted, killed_of, managed
        self.found = {"lives": 0, "killed": 0, "refused": 0, "wrong": []}
        self.join()

    def join(self):
        self.steps, self.kill_at, self.born = self.dice.choice(STEPS), None, time.time()
        self.doomed = self.killed_of != 0 and self.dice.randrange(self.killed_of) == 0
        self.process, self.output = start(self.name, GUEST, self.steps, self.managed)

    def end_if_due(self):
        now = time.time()
        if self.doomed and self.kill_at is None and "ready" in text_of(self.output):
            self.kill_at = now + self.dice.uniform(0.2, 2)
        hung = now > self.born + 150
        if self.process.poll() is None and (hung or (self.kill_at is not None and now > self.kill_at)):
            self.process.kill()
            self.process.wait()
            if hung:
                self.found["wrong"].append("hung: " + text_of(self.output)[-200:])

    def look(self, more):
        """False: nobody lives here any more."""
        if self.process is None:
            return False
        self.end_if_due()
        if self.process.poll() is None:
            return True
        said = text_of(self.output)
        self.found["lives"] += 1
        if self.process.returncode == -signal.SIGKILL:
            self.found["killed"] += 1
        elif "lithos:" not in said and "digest" not in said and any(what in said for what in REFUSED):
            self.found["refused"] += 1
        elif f"digest {self.wanted[self.steps]}" not in said:
            self.found["wrong"].append(f"ended with {self.process.returncode}: {said[:300]} … {said[-200:]}")
        self.process = None
        if more:
            self.join()
        return more


def churn(wanted, seconds, killed_of, managed):
    if seconds == 0:
        return {"lives": 0, "killed": 0, "refused": 0, "wrong": []}
    dice, begin, memory = random.Random(1), time.time(), []
    places = [Place(f"t{i}", dice, wanted, killed_of, managed) for i in range(1, tenants)]
    while any([place.look(time.time() - begin < seconds) for place in places]):
        time.sleep(0.05)
        if len(memory) <= (time.time() - begin) / 10:
            used = subprocess.run(["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", *IDENTITY], capture_output=True, text=True).stdout
            memory.append(int(used.splitlines()[0]))
    total = {key: sum(place.found[key] for place in places) for key in ("lives", "killed", "refused")}
    return {"seconds": seconds, **total, "wrong": [f"{place.name} {what}" for place in places for what in place.found["wrong"]], "memory_mib_each_10_s": memory}


programs = {steps: start(f"alone{steps}", GUEST, steps, managed=False) for steps in STEPS}
wanted = {steps: ended(*program)[1].split("digest ")[-1].strip() for steps, program in programs.items()}
service_alone = json.loads(ended(*start("hp_alone", SERVICE, 5, managed=False))[1].splitlines()[-1])
code, text = lithos("up", "--config", config(), "--set", "lithos")
if code != 0:
    sys.exit(f"lithos up: {text}")
service = start("hp", SERVICE, seconds)
calm = churn(wanted, seconds, 0, True)
code, said = ended(*service)
served = json.loads(said.splitlines()[-1]) if code == 0 else {"failed": said[-400:]}
status = json.loads(lithos("status", "--json")[1])
killing = churn(wanted, KILLING_S, KILLED_OF, True)
with open(f"{work}/run/lithosd.log") as file:
    log = [line for line in file.read().splitlines() if "level=info" not in line or "event=ready" in line]
pipe = json.load(open(f"{work}/run/up.json"))["mps"]
environment |= {"CUDA_MPS_PIPE_DIRECTORY": pipe["pipe"], "CUDA_MPS_LOG_DIRECTORY": pipe["log"]}
without = churn(wanted, KILLING_S, KILLED_OF, False)
down = lithos("down")
gpu = subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader", *IDENTITY], capture_output=True, text=True).stdout.strip()
same = bool(served.get("digests")) and set(served["digests"]) <= set(service_alone["digests"])
good = same and not (calm["wrong"] or calm["refused"] or killing["wrong"]) and calm["lives"] >= 2 * tenants and down[0] == 0
json.dump({"check": "churn", "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "gpu": gpu, "command": "churn.py " + " ".join(["FOLDER", "OUT.json", *sys.argv[3:]]),
           "tenants": tenants, "good": good, "service_alone": service_alone, "service": served, "joining_and_leaving": calm, "and_killed_in_their_kernels": killing,
           "killed_under_mps_without_lithos": without, "log": log[:40], "down": down[1].splitlines()[-1:],
           "lithosd": {key: status.get(key) for key in ("uptime_s", "tenants_joined", "decisions", "bad_records", "repaired_leases", "lost_completions")}}, open(out, "w"), indent=1)
brief = [{key: found[key] if key != "wrong" else len(found[key]) for key in ("lives", "killed", "refused", "wrong")} for found in (calm, killing, without)]
print("ok" if good else "BAD", *brief, served)
sys.exit(0 if good else 1)
