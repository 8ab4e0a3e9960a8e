# SPDX-License-Identifier: Apache-2.0
"""Prediction, right-sizing and the clock on a GPU, with eager PyTorch under `lithos up`: models.py FOLDER OUT.json (FOLDER: what build.sh made).

  prediction  a service alone on leases of several sizes, one after the other, under operator_curve: predicted against measured, launch by launch
  rightsize   the service alone, `none` and `marginal` in turns while it runs, then the same beside best effort
  sharing     the service beside best effort in turns: idle TPCs lent; what right-sizing spares lent while it works, too (of slowdown 0.3, and of 1); a fixed half lent then, without it
  clock       the same service under dvfs `sensitivity` with power_nvml that only observes: which clock it would choose, and from what

All figures come from lithosd's own events (export_jsonl), so they are of whatever ran; the service adds its latency from arrivals.
--stand-in: replayed traces on the virtual GPU in place of both (FOLDER: a build folder), to try this script where there is no GPU."""
import argparse
import collections
import contextlib
import gzip
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LONG_NS, FAMILIAR = 20_000, 8  # operators of at least so long; launches of one on a TPC count before they count
SETTLED = 1 / 3                # of each turn passes before it counts
TPCS = 66


# ---- the tenants ------------------------------------------------------------------------------------------------
def serve(model, load, seconds, log):
    """Eager requests, one after the other: at random times at `load` of what it can do, or back to back with load 0."""
    import gc
    import torch
    import workloads
    step = workloads.WORKLOADS[model]()
    gc.disable()  # or a request now and then waits 40 ms for it

    def request():
        step()
        torch.cuda.synchronize()

    for _ in range(20):
        request()
    begin = time.monotonic()
    for _ in range(50):
        request()
    alone_s = (time.monotonic() - begin) / 50
    dice, due, end = random.Random(1), time.monotonic(), time.monotonic() + seconds
    print(json.dumps({"ready": True, "alone_ms": alone_s * 1e3, "torch": torch.__version__}), flush=True)
    with open(log, "w") as file:
        while due < end:
            while time.monotonic() < due:
                pass
            request()
            now = time.monotonic()
            file.write(f"{int(now * 1e9)} {int((now - due) * 1e9)}\n")
            due = due + dice.expovariate(load / alone_s) if load else now


class Tenant:
    """A program under lithosd. Its `joined` is when it can be counted on."""

    def __init__(self, run, name, load, seconds):
        self.log, self.name = f"{run.folder}/{name}.{len(run.tenants)}.requests", name
        if run.stand_in:
            command = [f"{run.bin}/lithos-tenant", "--socket", f"{run.folder}/tenants.sock", "--config", run.config, "--name", name, "--duration", f"{seconds}s"]
        else:
            command = [f"{run.bin}/lithos", "run", "--tenant", name, "--unmanaged", "refuse", "--", sys.executable, __file__, "--serve",
                       run.models[name], str(load), str(seconds), self.log]
        self.process = subprocess.Popen(command, env=run.environment, cwd=HERE, stdout=subprocess.PIPE, stderr=open(f"{self.log}.errors", "w"), text=True)
        run.tenants.append(self)
        if run.stand_in:
            while self.process.poll() is None and not any(name == one["name"] for one in run.attached()):
                time.sleep(0.02)
            self.said = {}
        else:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"{name} did not start: {open(self.log + '.errors').read()[-500:]}")
            self.said = json.loads(line)

    def wait(self):
        try:
            self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise RuntimeError(f"{self.name} hung") from None

    def latencies(self):
        """(when, latency from the arrival), if the program says so."""
        with contextlib.suppress(OSError):
            return [tuple(map(int, line.split())) for line in open(self.log)]
        return []


# ---- lithosd ----------------------------------------------------------------------------------------------------
class Run:
    """One lithosd with one file of events; ends with the `with`."""

    def __init__(self, options, name, leases=(TPCS,), plugins=""):
        self.stand_in, self.models, self.tenants = options.stand_in, {"svc": options.service, "be": options.best_effort}, []
        self.name, self.keep = name, options.keep
        self.bin, self.folder = f"{options.folder}/bin", tempfile.mkdtemp(prefix=f"lithos_{name}_")
        self.events, self.config = f"{self.folder}/events.jsonl", f"{self.folder}/{name}.toml"
        self.environment = {**os.environ, "LITHOS_RUN_DIR": self.folder}
        configs = next(path for path in (f"{options.folder}/configs", f"{HERE}/../../../configs") if os.path.isdir(path))
        with open(self.config, "w") as file:
            file.write(self.toml(os.path.abspath(configs), leases, plugins))

    def toml(self, configs, leases, plugins):
        def tenant(name, kind, quota, arrivals):
            return (f'[[tenant]]\nname = "{name}"\nclass = "{kind}"\nquota = {quota}\ntolerates = "10ms"\nmode = "eager"\n'
                    f'trace = "{configs}/traces/{self.models[name]}.csv"\narrivals = {arrivals}\n')

        sets = "".join(f'[[set]]\nname = "lease_{tpcs}"\nscheduler = "tpc_borrowing"\npredictor = "operator_curve"\nright_sizer = "none"\n'
                       f'dvfs = "fixed"\nslip = 1.1\nquotas = {{ svc = {tpcs} }}\n' for tpcs in leases)
        return (f'gpu = "h200"\nkernel_rules = "{configs}/kernels.toml"\n'
                + tenant("svc", "latency_critical", TPCS, '{ kind = "poisson", rate = "100/s" }') + tenant("be", "best_effort", 0, '{ kind = "closed" }')
                + sets + f'[[plugin]]\nexporter = "jsonl"\nparams = {{ path = "{self.events}" }}\n{plugins}')

    def lithos(self, *arguments):
        done = subprocess.run([f"{self.bin}/lithos", *arguments], env=self.environment, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"lithos {' '.join(arguments)}: {(done.stdout + done.stderr).strip()}")
        return done.stdout

    def attached(self):
        return json.loads(self.lithos("tenants", "--json"))

    def __enter__(self):
        self.lithos("up", "--config", self.config, "--set", f"lease_{TPCS}", *(("--device", "virtual", "--no-mps") if self.stand_in else ()))
        return self

    def __exit__(self, *_):
        for tenant in self.tenants:
            if tenant.process.poll() is None:
                tenant.process.kill()
                tenant.process.wait()
        subprocess.run([f"{self.bin}/lithos", "down", "--force"], env=self.environment, capture_output=True, timeout=60)
        if self.keep:
            with open(self.events, "rb") as events, gzip.open(f"{self.keep}/{self.name}.jsonl.gz", "wb", 3) as kept:
                shutil.copyfileobj(events, kept)
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- what the events say ------------------------------------------------------------------------------------------
class Events:
    def __init__(self, run):
        self.atoms, self.requests, self.clocks, self.policies = collections.defaultdict(list), collections.defaultdict(list), [], []
        self.dropped, name_of = 0, {}
        with open(run.events) as file:
            for line in file:
                kind = line[line.find('"event":"') + 9:]
                if not kind.startswith(("atom_ended", "request", "clock", "policy", "tenant_joined", "dropped")):
                    continue
                with contextlib.suppress(ValueError):  # the last line may be cut short
                    self.take(json.loads(line), name_of)

    def take(self, event, name_of):
        kind, name = event["event"], name_of.get(event.get("tenant"))
        if kind == "tenant_joined":
            name_of[event["tenant"]] = event["name"]
        elif kind == "atom_ended" and name:
            self.atoms[name].append(event)
        elif kind == "request" and name:
            self.requests[name].append((event["t_ns"], event["latency_ns"]))
        elif kind == "clock":
            self.clocks.append(event)
        elif kind == "policy":
            self.policies.append(event)
        elif kind == "dropped":
            self.dropped += event["count"]


def tpcs_of(atom):
    return bin(int(atom["tpcs"], 16)).count("1")


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, math.ceil(share * len(values)) - 1)] if values else None


def prediction_figures(atoms, leases):
    """Of whole launches whose operator is familiar on that TPC count, one row for each lease; `leases`: (TPCs, window). As `lithos bench predict`, whose
    traces have medians: the median predicted for an operator on a TPC count against the median measured there. Single launches beside it."""
    seen, found = collections.Counter(), {tpcs: collections.defaultdict(list) for tpcs, _ in leases}
    for atom in atoms:
        if atom["block_count"] != atom["blocks"] or atom["duration_ns"] == 0 or "graph" in atom:
            continue
        key = atom["op"], tpcs_of(atom)
        seen[key] += 1
        if seen[key] > FAMILIAR:
            for tpcs, window in leases:
                if window.holds(atom["queued_ns"]):
                    found[tpcs][key].append((atom["predicted_ns"], atom["duration_ns"]))
    return [{"lease_tpcs": tpcs, **errors(list(by_key.values()))} for tpcs, by_key in found.items() if by_key]


def errors(operators):
    """`operators`: of each, on one TPC count, (predicted, measured) of its launches."""
    medians = [(len(one), quantile([p for p, _ in one], 0.5), quantile([a for _, a in one], 0.5)) for one in operators if len(one) >= FAMILIAR]
    long = [(n, predicted, actual) for n, predicted, actual in medians if actual >= LONG_NS]
    launches = [pair for one in operators for pair in one]
    of_long = [pair for one in operators if quantile([a for _, a in one], 0.5) >= LONG_NS for pair in one]

    def weighted(parts):  # (launches, predicted, measured)
        total = sum(n * actual for n, _, actual in parts)
        return sum(n * abs(predicted - actual) for n, predicted, actual in parts) / total if total else None

    return {"launches": len(launches), "operators": len(medians), "long_launches": len(of_long), "p50_error_time_weighted": weighted(long),
            "launch_error_time_weighted": weighted([(1, *pair) for pair in of_long]),
            "mispredicted": sum(abs(predicted - actual) > max(50_000, 0.1 * actual) for predicted, actual in launches) / len(launches)}


class Window:
    """Sums over some spans of time."""

    def __init__(self):
        self.spans, self.seconds = [], 0.0

    def add(self, begin, end):
        begin += (end - begin) * SETTLED
        self.spans.append((begin, end))
        self.seconds += (end - begin) / 1e9

    def holds(self, t_ns):
        return any(begin <= t_ns < end for begin, end in self.spans)

    def figures(self, events, name, arrivals):
        atoms = [atom for atom in events.atoms[name] if self.holds(atom["t_ns"])]
        requests = [latency for t_ns, latency in events.requests[name] if self.holds(t_ns)]
        latency = [latency for t_ns, latency in arrivals if self.holds(t_ns)] or requests
        tpc_s = sum(tpcs_of(atom) * atom["duration_ns"] for atom in atoms) / 1e9
        launches = sum(atom["block_count"] / atom["blocks"] for atom in atoms)  # finer than iterations of a sixth of a second
        return {"requests": len(requests), "requests_per_s": len(requests) / self.seconds if self.seconds else None,
                "launches_per_s": launches / self.seconds if self.seconds else None,
                "capacity_tpc_s_per_request": tpc_s / len(requests) if requests else None,
                "mean_tpcs": tpc_s / (sum(atom["duration_ns"] for atom in atoms) / 1e9) if atoms else None,
                **{f"{label}_ms": quantile(latency, share) and quantile(latency, share) / 1e6 for label, share in (("p50", 0.5), ("p99", 0.99))}}


def sum_of(windows):
    every = Window()
    every.spans, every.seconds = [span for one in windows for span in one.spans], sum(one.seconds for one in windows)
    return every


# ---- the phases -------------------------------------------------------------------------------------------------------
def prediction(options):
    leases, windows = [int(one) for one in options.leases.split(",")], []
    with Run(options, "prediction", leases) as run:
        for tpcs in leases:
            run.lithos("config", "apply", "--set", f"lease_{tpcs}")
            tenant, window = Tenant(run, "svc", 0, options.turn), Window()
            begin = time.monotonic_ns()
            tenant.wait()
            window.add(begin, time.monotonic_ns())
            windows.append((tpcs, window))
        events = Events(run)
    return {"by_lease": prediction_figures(events.atoms["svc"], windows), "events_dropped": events.dropped}


def rightsize(options):
    turns = ["none", "marginal"] * 2
    seconds = options.turn * len(turns) * 2 + 2
    marks = []  # (since when, right-sizer, beside best effort)
    with Run(options, "rightsize") as run:
        service = Tenant(run, "svc", options.load, seconds + (0 if run.stand_in else 30))
        for beside in (False, True):
            if beside:
                Tenant(run, "be", 0, options.turn * len(turns) + 2)
            for sizer in turns:
                run.lithos("policy", "swap", f"right_sizer={sizer}")
                marks.append((time.monotonic_ns(), sizer, beside))
                time.sleep(options.turn)  # the turn itself
            marks.append((time.monotonic_ns(), None, beside))
        arrivals = service.latencies()
        events = Events(run)
    windows = collections.defaultdict(Window)
    for (begin, sizer, beside), (end, _, _) in zip(marks, marks[1:]):
        if sizer is not None:
            windows[sizer, beside].add(begin, end)
    figures = {}
    for (sizer, beside), window in windows.items():
        row = {"svc": window.figures(events, "svc", arrivals)}
        if beside:
            row["be"] = window.figures(events, "be", [])
        figures[f"{sizer}{' beside best effort' if beside else ' alone'}"] = row
    return {"ready": service.said, **figures, "change": changes(figures), "events_dropped": events.dropped}


def ratio(row, base, name, key):
    """How much more of it the tenant has than in `base`; None: not known."""
    return row[name][key] / base[name][key] - 1 if row.get(name, {}).get(key) and base.get(name, {}).get(key) else None


SHARING = {"idle lent": ("none", {}), "spared lent": ("marginal", {"spare_active": 0.3, "spare_pressed": 0.3}),
           "more spared lent": ("marginal", {"spare_active": 1.0, "spare_pressed": 1.0}),
           "half lent": ("none", {"lend_active": 0.5, "lend_pressed": 0.5})}


def sharing(options):
    """An eager service is pressed whenever it works, hence the levels for both. The right-sizer learns alone first."""
    off = {key: 0 for _, values in SHARING.values() for key in values}
    windows, turns = collections.defaultdict(list), list(SHARING) * options.rounds
    with Run(options, "sharing") as run:
        service = Tenant(run, "svc", options.load, options.turn * (len(turns) + 1) + 2 + (0 if run.stand_in else 30))
        run.lithos("policy", "swap", "right_sizer=marginal")
        time.sleep(options.turn)
        Tenant(run, "be", 0, options.turn * len(turns) + 2)
        for name in turns:
            sizer, values = SHARING[name]
            run.lithos("policy", "swap", f"right_sizer={sizer}")
            for key, value in {**off, **values}.items():
                run.lithos("params", "set", f"scheduler.{key}", str(value))
            begin = time.monotonic_ns()
            time.sleep(options.turn)  # the turn itself
            window = Window()
            window.add(begin, time.monotonic_ns())
            windows[name].append(window)
        arrivals, events = service.latencies(), Events(run)
    figures = {}
    for name, of_name in windows.items():
        every, by_turn = sum_of(of_name), [one.figures(events, "be", [])["launches_per_s"] for one in of_name]
        figures[name] = {"svc": every.figures(events, "svc", arrivals), "be": every.figures(events, "be", []), "be_launches_per_s_by_turn": by_turn}
    base = figures["idle lent"]
    change = {name: {"best_effort_per_s": ratio(row, base, "be", "launches_per_s"),
                     **{key: ratio(row, base, "svc", key) for key in ("p50_ms", "p99_ms")}} for name, row in figures.items()}
    return {"ready": service.said, **figures, "change": change, "events_dropped": events.dropped}


def changes(figures):
    """marginal against none."""
    out = {}
    for where in ("alone", "beside best effort"):
        row, base = figures.get(f"marginal {where}"), figures.get(f"none {where}")
        if not row or not base:
            continue
        out[where] = {key: ratio(row, base, "svc", key) for key in ("capacity_tpc_s_per_request", "p50_ms", "p99_ms", "requests_per_s")}
        out[where]["best_effort_per_s"] = ratio(row, base, "be", "requests_per_s")
        parts = [ratio(row, base, name, "requests_per_s") for name in row]
        if all(part is not None for part in parts):  # each tenant's rate against its own without right-sizing
            out[where]["aggregate_throughput"] = sum(parts) / len(parts)
    return out


def clock(options):
    power = "" if options.stand_in else '[[plugin]]\npower = "nvml"\nparams = { observe = true }\n'
    with Run(options, "clock", plugins=power) as run:
        service = Tenant(run, "svc", options.load, options.turn * 3)
        run.lithos("policy", "swap", "dvfs=sensitivity")
        begin = time.monotonic_ns()
        samples = []
        while service.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                service.process.wait(1)
            status = json.loads(run.lithos("status", "--json"))
            samples.append({"s": (time.monotonic_ns() - begin) / 1e9, **policy_metrics(status)})
        events = Events(run)
    samples_of = [event for event in events.clocks if event["t_ns"] >= begin]
    wished = [event for event in samples_of if event["requested_mhz"] != 0]
    heavy = collections.Counter()
    for atom in events.atoms["svc"]:
        heavy[atom["op"]] += atom["duration_ns"]
    total = sum(heavy.values()) or 1
    power = [event["power_w"] for event in samples_of if event["power_w"] is not None]
    return {"wished": [{"s": (event["t_ns"] - begin) / 1e9, "mhz": event["requested_mhz"], "in_force_mhz": event["applied_mhz"]} for event in wished],
            "clocks_in_force_mhz": sorted({event["applied_mhz"] for event in samples_of}, reverse=True), "mean_power_w": sum(power) / len(power) if power else None,
            "why": samples, "heaviest_operators": {str(op): ns / total for op, ns in heavy.most_common(5)}}


def policy_metrics(status):
    """What the dvfs policy says of itself, wherever the status has it."""
    found = {}

    def walk(part):
        if isinstance(part, dict):
            if part.get("name") in ("sensitivity", "slowdown", "clock_changes_total"):
                found[part["name"]] = part.get("value")
            for key, value in part.items():
                if key in ("sensitivity", "slowdown", "clock_changes_total", "clock_mhz", "power_w"):
                    found[key] = value
                walk(value)
        elif isinstance(part, list):
            for one in part:
                walk(one)

    walk(status)
    return found


PHASES = {"prediction": prediction, "rightsize": rightsize, "sharing": sharing, "clock": clock}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--stand-in", action="store_true")
    parser.add_argument("--service", default="resnet50_infer_b16")
    parser.add_argument("--best-effort", default="llama8l_prefill_b8_s2048")
    parser.add_argument("--leases", default=f"{TPCS},40,16,52,24", help="the first three are where it learns, the others what it has not seen")
    parser.add_argument("--load", type=float, default=0.4, help="of the service, as a share of what it can do")
    parser.add_argument("--turn", type=float, default=8, help="seconds of one lease, or of one right-sizer")
    parser.add_argument("--rounds", type=int, default=2, help="of phase sharing: how often each way has its turn")
    parser.add_argument("--within", type=float, default=420, help="seconds; phases that do not fit are left out")
    parser.add_argument("--keep", help="a folder for the events of each phase")
    parser.add_argument("--phases", default="prediction,rightsize,clock")
    options = parser.parse_args()
    options.folder = os.path.abspath(options.folder)
    begin, result = time.monotonic(), {"check": "models", "command": " ".join(["models.py", *sys.argv[1:]]), "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    with contextlib.suppress(OSError):
        gpu = subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"], capture_output=True, text=True).stdout.strip()
        result["gpu"], _, result["driver"] = (part.strip() for part in gpu.partition(","))
    failed = []
    for name in options.phases.split(","):
        if options.within - (time.monotonic() - begin) < 120 and not options.stand_in:
            result[name] = {"left_out": "no time"}
            continue
        started = time.monotonic()
        try:
            result[name] = PHASES[name](options)
        except (RuntimeError, subprocess.TimeoutExpired, OSError, ValueError) as error:
            result[name] = {"failed": str(error)}
            failed.append(name)
        result[name]["took_s"] = round(time.monotonic() - started, 1)
        print(name, json.dumps(result[name])[:600], flush=True)
        with open(options.out, "w") as file:
            json.dump(result, file, indent=1)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], float(sys.argv[3]), float(sys.argv[4]), sys.argv[5])
    else:
        main()
