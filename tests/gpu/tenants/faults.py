# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around two PyTorch tenants, on real MPS: faults.py FOLDER (which build.sh made) OUT.json.

A service and best effort under `lithos up`; in each case something fails in the middle, and the programs must end as they do alone: with the same
results, or where they are killed, with the other's results the same. Prints a line for each case; exit code 1 if one is not as wanted."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

folder, out = os.path.abspath(sys.argv[1]), sys.argv[2]
run_dir = tempfile.mkdtemp(prefix="lithos")
environment = {**os.environ, "LITHOS_RUN_DIR": run_dir, "NCCL_NVLS_ENABLE": "0"}
config = f"{folder}/configs/experiments/colocate.toml"
MODELS = {"hp": ("resnet50_infer_b16", 1000), "be": ("llama8l_prefill_b8_s2048", 100)}
cases = []


def lithos(*arguments, timeout=60, env=environment):
    done = subprocess.run([f"{folder}/lithos", *arguments], env=env, capture_output=True, text=True, timeout=timeout)
    return done.returncode, (done.stdout + done.stderr).strip()


def up():
    code, text = lithos("up", "--config", config, "--set", "tpc_borrowing")
    if code != 0:
        sys.exit(f"lithos up: {text}")


def down():
    return lithos("down", "--force")


class Program:
    def __init__(self, tenant, prefix=(), env=environment):
        model, steps = MODELS[tenant]
        self.stats, self.output = f"{run_dir}/{tenant}.stats", f"{run_dir}/{tenant}.out"
        command = [*prefix, sys.executable, f"{folder}/busy.py", model, str(steps)]
        with open(self.output, "w") as output, open(self.output + ".errors", "w") as errors:
            self.process = subprocess.Popen(command, env=env, stdout=output, stderr=errors, cwd=folder)

    def ready(self):
        while (said := "ready" in open(self.output).read()) is False and self.process.poll() is None:
            time.sleep(0.02)
        return said

    def end(self, timeout=90):
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return {"hung": True}
        lines = [line for line in open(self.output) if line.startswith("{")]
        counts = {}
        try:
            counts = json.load(open(self.stats))["counts"]
        except (OSError, ValueError):
            pass
        said = [line for line in open(self.output + ".errors").read().splitlines() if line.startswith("lithos")][-2:]
        kept = {name: counts[name] for name in ("launches", "masked", "not_confined", "starved", "unseen") if name in counts}
        return {"rc": self.process.returncode, **(json.loads(lines[-1]) if lines else {}), **kept, **({"said": said} if said else {})}


def tenant(name, *options):
    return Program(name, [f"{folder}/lithos", "run", "--tenant", name, "--stats", f"{run_dir}/{name}.stats", *options, "--"])


def daemon_pids(whole):
    """lithosd of this run folder; `whole`: with the process that would start it again."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = open(f"/proc/{pid}/cmdline").read().split("\0")
        except OSError:
            continue
        if os.path.basename(line[0]) == "lithosd" and run_dir in " ".join(line):
            found.append(int(pid))
    return sorted(found) if whole else sorted(found)[-1:]


def case(name, good, **facts):
    cases.append({"case": name, "good": bool(good), **facts})
    print("ok  " if good else "BAD ", name, json.dumps(facts), flush=True)


programs = {name: Program(name) for name in MODELS}
alone = {name: program.end() for name, program in programs.items()}
same = lambda result, name: result.get("rc") == 0 and result.get("digest") == alone[name]["digest"]


def both(name, meanwhile, options=(), lost=None):
    """Starts both at once, does `meanwhile` in their middle, and compares; but for who is `lost` by it."""
    programs = {who: tenant(who, *options) for who in MODELS}
    ready = all(program.ready() for program in programs.values())
    done, facts = meanwhile()
    results = {who: program.end(20 if who == lost else 90) for who, program in programs.items()}
    case(name, ready and done and all(same(result, who) for who, result in results.items() if who != lost), **facts, **results)


def kill_daemon():
    for pid in daemon_pids(whole=False):
        os.kill(pid, signal.SIGKILL)
    for _ in range(30):  # a tenant asks for it again after a while
        time.sleep(0.1)
        code, text = lithos("tenants")
        if code == 0 and "hp" in text and "be" in text:
            return True, {}
    return False, {"tenants": text.splitlines()}


def end_daemon():
    for pid in daemon_pids(whole=True):
        os.kill(pid, signal.SIGKILL)
    return lithos("status")[0] != 0, {}


def kill_best_effort():
    pids = subprocess.run(["pgrep", "-f", "busy.py " + MODELS["be"][0]], capture_output=True, text=True).stdout.split()
    for pid in pids:
        os.kill(int(pid), signal.SIGKILL)
    return bool(pids), {}


up()
both("two at once", lambda: (True, {}))
both("lithosd killed: it comes back, and so do they", kill_daemon, ("--unmanaged", "refuse"))
both("best effort killed in its kernels", kill_best_effort, lost="be")
code, text = down()
case("down", code == 0, said=text.splitlines()[-1:])
up()
# Best effort owns nothing here: what it borrowed lapses, and it goes on at the starvation limit's pace until it is ended. The owner is served.
both("lithosd and its supervisor killed: the owner keeps its TPCs", end_daemon, ("--unmanaged", "refuse"), lost="be")
down()

nobody = tenant("hp")
result = nobody.end()
case("no daemon: runs as without us", same(result, "hp"), **result)
result = tenant("be", "--unmanaged", "refuse").end()
case("no daemon, unmanaged refused", result.get("rc") not in (0, None) and "digest" not in result, **result)
code, text = lithos("up", "--config", config, "--set", "tpc_borrowing", "--run-dir", "/proc/lithos")
case("a run folder that cannot be written", code not in (0, 139, 134), said=text.splitlines()[-1:])
with open(f"{run_dir}/libcuda.so.1", "w") as file:
    file.write("no library\n")
missing = Program("hp", [f"{folder}/lithos", "run", "--tenant", "hp", "--no-daemon", "--"], {**environment, "LD_LIBRARY_PATH": run_dir})
result = missing.end()
case("no driver that loads", result.get("rc") not in (0, None) and bool(result.get("said")), **result)

gpu = subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"], capture_output=True, text=True).stdout.strip()
json.dump({"check": "faults", "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "gpu": gpu, "command": "faults.py FOLDER OUT.json",
           "alone": alone, "cases": cases}, open(out, "w"), indent=1)
sys.exit(0 if all(one["good"] for one in cases) else 1)
