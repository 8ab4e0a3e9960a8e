"""Question 11: a latency-critical and a best-effort tenant, alone and together.

usage: colocate.py OUT.json [--mps] [--scale S] [--phases name,...] [--seed N]
Starts one HP and one BE process (tenant_worker.py) and drives them through the phases; the idle one costs the
other nothing. Under --mps (a running MPS daemon) the phases are the co-located ones; without it the phases are
service times, load curves, solo rates and time slicing. S scales every phase's length.
"""
import argparse
import json
import os
import select
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LLAMA, GPT2 = "llama8l_prefill_b8_s2048", "gpt2_medium_train_b16_s1024"
TPC_COUNTS = [66, 52, 42, 40, 34, 32, 24, 16]
PATIENCE_S = 120


class Worker:
    def __init__(self, *args, **settings):
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "tenant_worker.py"), *args], text=True,
                                        env={**os.environ, **settings}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1)

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def answer(self, patience_s=PATIENCE_S):
        if not select.select([self.process.stdout], [], [], patience_s)[0]:
            self.process.kill()
            raise TimeoutError("worker silent")
        line = self.process.stdout.readline()
        if not line:
            raise EOFError("worker ended")
        return json.loads(line)

    def quit(self):
        try:
            self.ask(do="quit")
            self.process.wait(20)
        except Exception:
            self.process.kill()


class Probe:
    def __init__(self, options):
        self.options, self.results, self.zero = options, [], time.time()
        below = {"CUDA_MPS_CLIENT_PRIORITY": "1"} if options.be_below else {}
        self.hp = Worker("hp")
        self.be = None if options.hp_only else Worker("be", LLAMA, GPT2, **below)
        self.head = self.hp.answer()["ready"]
        if self.be:
            self.be.answer()
        self.note("ready", {})

    def note(self, phase, figures):
        figures = {"phase": phase, "at_s": round(time.time() - self.zero, 1), **figures}
        self.results.append(figures)
        print(json.dumps(figures)[:600], flush=True)
        self.save()

    def save(self):
        self.head.update(probe="colocate", command=" ".join(os.path.basename(a) for a in sys.argv), mps=self.options.mps,
                         be_below_normal=self.options.be_below,
                         hp_only=self.options.hp_only, results=self.results)
        with open(self.options.out, "w") as f:
            json.dump(self.head, f, indent=1)

    def serve(self, phase, rate, seconds, be=None, hp_tpcs=0, be_tpcs=0, priority=0, node_priority=0):
        """HP at `rate` for `seconds`, beside the best-effort model `be` if one is named."""
        seconds *= self.options.scale
        start = time.time() + 1.0
        self.hp.ask(do="serve", rate=rate, seconds=seconds, tpcs=hp_tpcs, priority=priority,
                    node_priority=node_priority, start_at=start, seed=self.options.seed)
        figures = {"hp_tpcs": hp_tpcs or 66, "priority": priority, "node_priority": node_priority}
        if be:
            self.be.ask(do="loop", model=be, seconds=seconds, tpcs=be_tpcs, start_at=start)
            figures.update(be_model=be, be_tpcs=be_tpcs or 66, be=self.be.answer())
        figures["hp"] = self.hp.answer()
        self.note(phase, figures)

    def alone(self):
        for n in TPC_COUNTS:
            self.hp.ask(do="service", tpcs=n)
            self.note("hp_service", {"tpcs": n, **self.hp.answer()})
        for rate, seconds in [(20, 12), (100, 15), (300, 36)]:
            self.serve("hp_load", rate, seconds)
        self.serve("hp_load", 300, 15, hp_tpcs=42)
        self.serve("hp_load", 300, 10, hp_tpcs=34)

    def best_effort(self):
        for model in (LLAMA, GPT2):
            for n in TPC_COUNTS:
                self.be.ask(do="loop", model=model, tpcs=n, seconds=2.5 * self.options.scale)
                self.note("be_solo", {"model": model, "tpcs": n, "mode": "sync", "be": self.be.answer()})
            for mode, n in [("ahead", 66), ("graph", 66)]:
                self.be.ask(do="loop", model=model, tpcs=n, mode=mode, seconds=2.5 * self.options.scale)
                self.note("be_solo", {"model": model, "tpcs": n, "mode": mode, "be": self.be.answer()})

    def alone_mps(self):
        """What MPS itself costs each tenant, before they meet."""
        for n in [0] + TPC_COUNTS:
            self.hp.ask(do="service", tpcs=n)
            self.note("hp_service", {"tpcs": n or 66, "masked": n > 0, **self.hp.answer()})
        for tpcs, seconds in [(0, 20), (42, 15), (34, 10)]:
            self.serve("hp_load", 300, seconds, hp_tpcs=tpcs)
        for model in (LLAMA, GPT2):
            for n in (66, 32, 24):
                self.be.ask(do="loop", model=model, tpcs=n, seconds=2 * self.options.scale)
                self.note("be_solo", {"model": model, "tpcs": n, "mode": "sync", "be": self.be.answer()})

    def alone_short(self):
        """Service under MPS with the BE process only connected."""
        for n in (0, 42, 34):
            self.hp.ask(do="service", tpcs=n)
            self.note("hp_service", {"tpcs": n or 66, "masked": n > 0, **self.hp.answer()})

    def priorities(self):
        """Stream priority of the launch, and priority baked into the graph's nodes by the capturing stream."""
        for node, stream in [(0, -5), (-5, 0), (-5, -5)]:
            self.serve("mps_stream_priority", 300, 8, be=LLAMA, priority=stream, node_priority=node)
        self.serve("mps_stream_priority", 300, 6, be=GPT2, priority=-5, node_priority=-5)

    def together(self, name):
        for model, seconds in [(LLAMA, 12), (GPT2, 8)]:
            self.serve(name, 300, seconds, be=model)

    def masked(self):
        for hp, be in [(42, 24), (34, 32)]:
            for model, seconds in [(LLAMA, 16), (GPT2, 12)]:
                self.serve("static_masks", 300, seconds, be=model, hp_tpcs=hp, be_tpcs=be)

    def masked_priority(self):
        """Disjoint TPCs, and the HP stream above the BE one."""
        for hp, be in [(42, 24), (34, 32)]:
            for model, seconds in [(LLAMA, 16), (GPT2, 12)]:
                self.serve("static_masks_priority", 300, seconds, be=model, hp_tpcs=hp, be_tpcs=be, priority=-5)

    def run(self):
        if self.options.be_below:
            steps = {"alone_short": self.alone_short, "shared": lambda: self.together("mps_be_below_normal"), "masked": self.masked}
        elif self.options.mps:
            steps = {"alone_short": self.alone_short, "alone_mps": self.alone_mps, "masked": self.masked, "masked_priority": self.masked_priority, "shared": lambda: self.together("mps"),
                     "priority": self.priorities}
        else:
            steps = {"alone": self.alone, "best_effort": self.best_effort, "sliced": lambda: self.together("time_slicing")}
        for name, step in steps.items():
            if self.options.phases and name not in self.options.phases.split(","):
                continue
            try:
                step()
            except Exception as error:
                self.note(name, {"error": repr(error)})
                break
        self.hp.quit()
        if self.be:
            self.be.quit()
        self.save()


parser = argparse.ArgumentParser()
parser.add_argument("out")
parser.add_argument("--mps", action="store_true")
parser.add_argument("--be-below", action="store_true", help="the BE client below normal MPS priority")
parser.add_argument("--hp-only", action="store_true", help="no BE process at all: the HP is MPS's only client")
parser.add_argument("--scale", type=float, default=1.0)
parser.add_argument("--phases", default="")
parser.add_argument("--seed", type=int, default=1)
Probe(parser.parse_args()).run()
