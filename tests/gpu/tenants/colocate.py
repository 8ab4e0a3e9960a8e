# SPDX-License-Identifier: Apache-2.0
"""One latency-critical and one best-effort PyTorch process on one GPU, alone and under each way of sharing it:
colocate.py OUT.json [--seconds S] [--rates 300,100] [--be MODEL] [--ways alone,mps,…].

Every way starts fresh processes; arrivals are the same for all. Under `lithosd` the tenants find the shim by LD_LIBRARY_PATH, as `lithos run`
sets it up; policies come from configs/experiments/colocate.toml. Lives beside what build.sh made; needs nvidia-cuda-mps-control.
"""
import argparse
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE_S = 90
# way: (MPS, set of that file; None: no LithOS)
WAYS = {"alone": (False, None), "alone_mps": (True, None), "alone_lithos": (True, "tpc_borrowing"), "time_slicing": (False, None), "mps": (True, None),
        "static_42_24": (True, "static_42_24"), "tpc_borrowing": (True, "tpc_borrowing"), "slack": (True, "slack")}


def real_driver():
    for line in subprocess.run(["ldconfig", "-p"], capture_output=True, text=True).stdout.splitlines():
        if "libcuda.so.1 " in line and "x86-64" in line:
            return line.split("=> ")[1].strip()
    raise SystemExit("no libcuda.so.1")


class Worker:
    def __init__(self, arguments, environment, log):
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "tenant.py"), *arguments], env=environment, text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def answer(self):
        if not select.select([self.process.stdout], [], [], PATIENCE_S)[0]:
            raise TimeoutError("silent")
        line = self.process.stdout.readline()
        if not line:
            raise EOFError("ended")
        return json.loads(line)

    def end(self):
        try:
            self.ask(do="quit")
            self.process.wait(15)
        except Exception:
            self.process.kill()


class Stage:
    """One way of sharing: MPS and lithosd as it needs them, and what they print."""

    def __init__(self, way, out):
        self.way, (self.mps, self.set) = way, WAYS[way]
        self.folder = tempfile.mkdtemp(prefix="lithos-")
        self.log = open(f"{out}.{way}.log", "w")
        self.environment = dict(os.environ, NCCL_NVLS_ENABLE="0", PYTHONUNBUFFERED="1")
        self.daemon = None
        if self.mps:
            self.environment.update(CUDA_MPS_PIPE_DIRECTORY=self.folder + "/pipe", CUDA_MPS_LOG_DIRECTORY=self.folder + "/log")
            os.makedirs(self.folder + "/pipe"), os.makedirs(self.folder + "/log")
            subprocess.run(["nvidia-cuda-mps-control", "-d"], env=self.environment, check=True)
            time.sleep(1)
        if self.set:
            self.start_daemon()

    def start_daemon(self):
        run = self.folder + "/run"
        command = [HERE + "/lithosd", "--config", HERE + "/configs/experiments/colocate.toml", "--set", self.set, "--device", os.environ["LITHOS_TPC_MAP"], "--run-dir", run,
                   "--state-dir", self.folder + "/state", "--policy-path", HERE + "/policies", "--plugin-path", HERE + "/plugins"]
        self.daemon = subprocess.Popen(command, env=dict(os.environ, LD_LIBRARY_PATH=HERE + "/lib"), stderr=self.log, stdout=self.log)
        end = time.time() + 10
        while not os.path.exists(run + "/tenants.sock"):
            if time.time() > end or self.daemon.poll() is not None:
                raise RuntimeError("lithosd did not start")
            time.sleep(0.05)
        shim = self.folder + "/shim"
        os.makedirs(shim)
        os.symlink(HERE + "/libcuda_shim.so", shim + "/libcuda.so.1")
        os.symlink("libcuda.so.1", shim + "/libcuda.so")
        os.symlink(real_driver(), shim + "/liblithos_real_cuda.so.1")
        before = os.environ.get("LD_LIBRARY_PATH", "")
        self.environment.update(LD_LIBRARY_PATH=shim + (":" + before if before else ""), LITHOS_SOCKET=run + "/tenants.sock",
                                LITHOS_KERNEL_RULES=HERE + "/kernel_rules.txt")

    def worker(self, name, *arguments):
        self.stats = {**getattr(self, "stats", {}), name: f"{self.folder}/{name}.stats"}
        environment = dict(self.environment, LITHOS_TENANT=name, LITHOS_STATS=self.stats[name]) if self.set else self.environment
        return Worker(arguments, environment, self.log)

    def counters(self):
        found = {}
        for name, path in getattr(self, "stats", {}).items():
            try:
                found[name] = {k: v for k, v in json.load(open(path)).items() if k in ("standing", "reason", "daemon")}
                found[name].update({k: v for k, v in json.load(open(path))["counts"].items() if v})
                found[name]["ran_unconfined"] = json.load(open(path))["ran_unconfined"]
            except (OSError, ValueError):
                pass
        return found

    def end(self):
        if self.daemon:
            self.daemon.terminate()
            self.daemon.wait(10)
        if self.mps:
            subprocess.run(["nvidia-cuda-mps-control"], input="quit\n", text=True, env=self.environment, timeout=30, capture_output=True)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def measure(way, options):
    stage, rows, workers = Stage(way, options.out), [], []
    try:
        hp = stage.worker("hp", "hp")
        workers.append(hp)
        hp.answer()
        be = None
        if not way.startswith("alone"):
            be = stage.worker("be", "be", options.be)
            workers.append(be)
            be.answer()
        for rate in options.rates:
            start = time.time() + 1
            hp.ask(do="serve", rate=rate, seconds=options.seconds, start_at=start)
            if be:
                be.ask(do="loop", seconds=options.seconds, start_at=start)
            rows.append({"way": way, "rate": rate, "hp": hp.answer(), "be": be.answer() if be else None})
            print(json.dumps(rows[-1]), flush=True)
        if way == "alone":
            hp.end()
            be = stage.worker("be", "be", options.be)
            workers.append(be)
            be.answer()
            be.ask(do="loop", seconds=options.seconds / 2)
            rows.append({"way": "be_alone", "be": be.answer()})
            print(json.dumps(rows[-1]), flush=True)
    except Exception as error:
        rows.append({"way": way, "error": repr(error)})
        print(json.dumps(rows[-1]), flush=True)
    for worker in workers:
        worker.end()
    counters = stage.counters()
    stage.end()
    return rows, counters


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rates", type=lambda text: [float(r) for r in text.split(",")], default=[300.0])
    parser.add_argument("--be", default="llama8l_prefill_b8_s2048")
    parser.add_argument("--ways", type=lambda text: text.split(","), default=list(WAYS))
    options = parser.parse_args()
    gpu = subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version,uuid", "--format=csv,noheader"], capture_output=True, text=True).stdout.strip()
    report = {"experiment": "colocate", "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "gpu": gpu, "command": " ".join(sys.argv[1:]), "be": options.be,
              "rows": [], "counters": {}}
    for way in options.ways:
        rows, counters = measure(way, options)
        report["rows"] += rows
        report["counters"][way] = counters
        with open(options.out, "w") as file:
            json.dump(report, file, indent=1)


main()
