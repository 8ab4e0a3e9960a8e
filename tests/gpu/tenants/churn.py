# SPDX-License-Identifier: Apache-2.0
"""32 PyTorch tenants that join and leave for five minutes on one GPU under real MPS: churn.py FOLDER (which build.sh made) OUT.json [SECONDS [TENANTS]].

A service owns half of the TPCs and serves all the time; every other tenant owns one and borrows, lives for a few seconds, and the next takes its place. One in
eight is killed in the middle of its kernels. Whoever ends of itself must have computed what it computes alone. Exit code 1 if one has not."""
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
KILLED_OF = 8
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
    if len(times) % 500 == 1:
        digests.add(hashlib.sha256(graph.output.float().cpu().numpy().tobytes()).hexdigest()[:16])
    time.sleep(0.002)
times.sort()
print(json.dumps({"requests": len(times), "p50_ms": times[len(times) // 2], "p99_ms": times[len(times) * 99 // 100], "digests": sorted(digests)}), flush=True)
"""
STEPS = (100, 200, 400, 800)


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

    def __init__(self, name, dice):
        self.name, self.dice, self.lives, self.killed, self.wrong = name, dice, 0, 0, []
        self.join()

    def join(self):
        self.steps, self.kill_at = self.dice.choice(STEPS), None
        self.doomed = self.dice.randrange(KILLED_OF) == 0
        self.process, self.output = start(self.name, GUEST, self.steps)
        self.deadline = time.time() + 150

    def look(self, wanted, more):
        now = time.time()
        if self.doomed and self.kill_at is None and "ready" in text_of(self.output):
            self.kill_at = now + self.dice.uniform(0.2, 2)
        if self.kill_at is not None and now > self.kill_at and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        elif self.process.poll() is None and now > self.deadline:
            self.process.kill()
            self.process.wait()
            self.wrong.append("hung: " + text_of(self.output)[-200:])
        if self.process.poll() is None:
            return True
        self.lives += 1
        said = text_of(self.output)
        if self.process.returncode == -signal.SIGKILL and self.kill_at is not None:
            self.killed += 1
        elif f"digest {wanted[self.steps]}" not in said:
            self.wrong.append(f"{self.process.returncode}: {said[-300:]}")
        if more:
            self.join()
        return more


def digest_alone(steps):
    return ended(*start(f"alone{steps}", GUEST, steps, managed=False))[1].split("digest ")[-1].strip()


wanted = {steps: digest_alone(steps) for steps in STEPS}
service_alone = json.loads(ended(*start("hp_alone", SERVICE, 5, managed=False))[1].splitlines()[-1])
code, text = lithos("up", "--config", config(), "--set", "lithos")
if code != 0:
    sys.exit(f"lithos up: {text}")
service = start("hp", SERVICE, seconds + 20)
dice = random.Random(1)
places = [Place(f"t{i}", dice) for i in range(1, tenants)]
begin = time.time()
while any([place.look(wanted, time.time() - begin < seconds) for place in places]):
    time.sleep(0.05)
    if time.time() - begin > seconds + 160:
        break
code, said = ended(*service)
served = json.loads(said.splitlines()[-1]) if code == 0 else {"failed": said[-400:]}
status = json.loads(lithos("status", "--json")[1])
down = lithos("down")
wrong = [f"{place.name} {what}" for place in places for what in place.wrong]
gpu = subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"], capture_output=True, text=True).stdout.splitlines()[0]
lives, killed = sum(place.lives for place in places), sum(place.killed for place in places)
good = not wrong and served.get("digests") == service_alone["digests"] and lives > 2 * tenants * (seconds >= 300) and down[0] == 0
json.dump({"check": "churn", "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "gpu": gpu, "command": "churn.py " + " ".join(["FOLDER", "OUT.json", *sys.argv[3:]]),
           "tenants": tenants, "seconds": seconds, "lives": lives, "killed_in_their_kernels": killed, "wrong": wrong, "service_alone": service_alone, "service": served,
           "lithosd": {key: status.get(key) for key in ("tenants_joined", "decisions", "bad_records", "repaired_leases", "lost_completions")}, "down": down[1].splitlines()[-1:], "good": good},
          open(out, "w"), indent=1)
print("ok" if good else "BAD", lives, "lives,", killed, "killed,", len(wrong), "wrong;", served)
sys.exit(0 if good else 1)
