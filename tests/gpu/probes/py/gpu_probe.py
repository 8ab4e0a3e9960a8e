"""What the Python probes share: the descriptor hook through ctypes, TPC sets, statistics, the JSON head.

LITHOS_PROBE_LIB names libprobehook.so (default: beside this file); LITHOS_TPC_MAP names the map that the
tpc_map probe wrote.
"""
import ctypes
import datetime
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
RELEASE_OFF, RELEASE_PLAIN, RELEASE_SYSTEM_BARRIER = 0, 1, 9
EXIT_SKIPPED = 77


class Record(ctypes.Structure):
    _fields_ = [("grid", ctypes.c_uint32 * 3), ("block", ctypes.c_uint32 * 3), ("cluster", ctypes.c_uint32 * 3),
                ("registers", ctypes.c_uint32), ("shared_bytes", ctypes.c_uint32), ("type", ctypes.c_uint32),
                ("disabled", ctypes.c_uint32 * 4), ("program", ctypes.c_uint64), ("slot", ctypes.c_int32),
                ("confined", ctypes.c_int32), ("gpu_cluster", ctypes.c_uint32 * 3), ("spare", ctypes.c_uint32)]

    def blocks(self):
        """Grid in blocks: the descriptor of a cluster launch counts clusters."""
        return tuple(g * max(c, 1) for g, c in zip(self.grid, self.cluster))


class Completion(ctypes.Structure):
    _fields_ = [("payload", ctypes.c_uint64), ("time_ns", ctypes.c_uint64)]


class Hook:
    """The process's descriptor hook. Needs a current CUDA context (touch torch.cuda first)."""

    def __init__(self):
        path = os.environ.get("LITHOS_PROBE_LIB", os.path.join(HERE, "libprobehook.so"))
        self.lib = lib = ctypes.CDLL(path)
        for name, result in [("ph_install", ctypes.c_char_p), ("ph_records", ctypes.POINTER(Record)),
                             ("ph_completions", ctypes.POINTER(Completion)), ("ph_unconfined", ctypes.c_uint64),
                             ("ph_slot_taken", ctypes.c_uint64), ("ph_instantiate", ctypes.c_void_p),
                             ("ph_describe_graph", ctypes.c_long)]:
            getattr(lib, name).restype = result
        lib.ph_describe_graph.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_long]
        lib.ph_instantiate.argtypes = [ctypes.c_void_p]
        lib.ph_launch.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        lib.ph_destroy.argtypes = [ctypes.c_void_p]
        why = lib.ph_install()
        if why:
            print(json.dumps({"skipped": why.decode()}))
            sys.exit(EXIT_SKIPPED)

    def confine(self, bits):
        """Confines every following launch to these mask positions; None lifts it."""
        if bits is None:
            return self.lib.ph_mask(None)
        words = (ctypes.c_uint32 * 4)()
        for bit in bits:
            words[bit // 32] |= 1 << (bit % 32)
        return self.lib.ph_mask(words)

    def record(self, release=RELEASE_OFF):
        self.lib.ph_record_start(release)

    def stop(self):
        """Records since record(), copied."""
        n = self.lib.ph_record_stop()
        pointer = self.lib.ph_records()
        return [Record.from_buffer_copy(pointer[i]) for i in range(n)]

    def times_ns(self, n):
        slots = self.lib.ph_completions()
        return [slots[i].time_ns for i in range(n)]

    def cut(self, ordinal, axis, to):
        self.lib.ph_cut(ordinal, axis, ctypes.c_uint32(to))

    def describe_graph(self, graph):
        need = self.lib.ph_describe_graph(graph, None, 0)
        buffer = ctypes.create_string_buffer(need)
        self.lib.ph_describe_graph(graph, buffer, need)
        nodes = []
        for line in buffer.value.decode().splitlines():
            name, *numbers = line.split("\t")
            numbers = [int(x) for x in numbers]
            nodes.append({"kernel": name, "grid": tuple(numbers[0:3]), "block": tuple(numbers[3:6]),
                          "registers": numbers[6], "shared_bytes": numbers[7]})
        return nodes


class GraphExec:
    """One instantiation of a captured graph; its mask and slots are baked at the first launch."""

    def __init__(self, hook, graph):
        self.hook, self.handle = hook, hook.lib.ph_instantiate(graph)
        if not self.handle:
            raise RuntimeError("instantiate failed")

    def launch(self, stream):
        rc = self.hook.lib.ph_launch(self.handle, stream)
        if rc:
            raise RuntimeError(f"graph launch: {rc}")

    def destroy(self):
        self.hook.lib.ph_destroy(self.handle)


def tpc_bits():
    """Mask positions in filling order: GPC by GPC, the single TPCs last."""
    path = os.environ.get("LITHOS_TPC_MAP")
    if not path or not os.path.exists(path):
        print(json.dumps({"skipped": "LITHOS_TPC_MAP names no map; run tpc_map first"}))
        sys.exit(EXIT_SKIPPED)
    with open(path) as f:
        return [int(line.split()[0]) for line in f if line.strip()]


def tpc_set(count, side):
    """`count` TPCs: side "low" fills GPCs from the first one, "high" takes single TPCs first, then from the last.

    Low and high sets of together at most all TPCs are disjoint.
    """
    bits = tpc_bits()
    return bits[:count] if side == "low" else bits[len(bits) - count:]


def quantile(values, q):
    values = sorted(values)
    return values[int(q * (len(values) - 1) + 0.5)] if values else None


def spread(values, scale=1.0, digits=4):
    if not values:
        return {"n": 0}
    out = {"n": len(values), "mean": round(scale * sum(values) / len(values), digits)}
    for name, q in [("min", 0), ("p50", .5), ("p90", .9), ("p99", .99), ("max", 1)]:
        out[name] = round(scale * quantile(values, q), digits)
    return out


def report(probe, question, **more):
    import torch
    driver = "unknown"
    if os.path.exists("/sys/module/nvidia/version"):
        driver = open("/sys/module/nvidia/version").read().strip()
    p = torch.cuda.get_device_properties(0)
    uuid = "GPU-" + str(getattr(p, "uuid", "unknown")).removeprefix("GPU-")
    head = {"probe": probe, "question": question, "gpu": p.name, "gpu_uuid": uuid, "driver": driver,
            "torch": torch.__version__,
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "command": " ".join(os.path.basename(a) for a in sys.argv)}
    head.update(more)
    return head


def need_torch_gpu():
    try:
        import torch
    except ImportError:
        print(json.dumps({"skipped": "no PyTorch"}))
        sys.exit(EXIT_SKIPPED)
    if not torch.cuda.is_available():
        print(json.dumps({"skipped": "no CUDA device"}))
        sys.exit(EXIT_SKIPPED)
    if torch.cuda.get_device_capability(0)[0] != 9:
        print(json.dumps({"skipped": "not a Hopper GPU"}))
        sys.exit(EXIT_SKIPPED)
    torch.cuda.init()
    torch.zeros(1, device="cuda")
    return torch
