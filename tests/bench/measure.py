# SPDX-License-Identifier: ISC
"""What the benchmarks read from the kernel, and the rows they report."""
import atexit
import collections
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from node import BUILD

Row = collections.namedtuple(
    "Row", "what unit product floor bar", defaults=(None, None))
"""One line of the table. bar is None, ("<=", value) on the product's figure,
("ratio", value) on product / floor, which is not to be above, ("at least",
value) likewise but not to be below, or ("==", value)."""


def ratio(row):
    return row.product / row.floor if row.floor else None


def is_met(row):
    if row.bar is None:
        return True
    kind, limit = row.bar
    if kind == "==":
        return row.product == limit
    if kind == "ratio":
        return ratio(row) is not None and ratio(row) <= limit
    if kind == "at least":
        return ratio(row) is not None and ratio(row) >= limit
    return row.product <= limit


def cpu_ns(pids):
    """Nanoseconds on a CPU, user and system, of all threads of pids."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(task.read_text().split()[0])
            except OSError:
                pass
    return total


def pss_bytes(pids, is_mapped=False):
    """Proportional set size: a page shared by n processes counts 1/n each.

    Pages of programs and libraries are left out unless is_mapped: their share
    falls whenever anybody else on the machine, a load process for one, maps
    the same library."""
    total = 0
    for pid in pids:
        try:
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        kib = dict(re.findall(r"^(Pss\w*):\s+(\d+)", text, re.M))
        total += int(kib["Pss"])
        total -= 0 if is_mapped else int(kib.get("Pss_File", 0))
    return total * 1024


def slab_bytes():
    """Objects in use of all kernel caches; None where slabinfo is closed."""
    try:
        lines = pathlib.Path("/proc/slabinfo").read_text().splitlines()[2:]
    except OSError:
        return None
    return sum(int(words[1]) * int(words[3])
               for words in (line.split() for line in lines))


def count_syscalls(pids, seconds):
    """System calls of all of pids in the next seconds; None if no tool."""
    text = ",".join(map(str, pids))
    if shutil.which("perf"):
        done = subprocess.run(
            ["perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter",
             "-p", text, "--", "sleep", str(seconds)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False)
        match = re.search(r"^(\d+),", done.stderr, re.M)
        if match:
            return int(match[1])
    if shutil.which("strace"):
        tracer = subprocess.Popen(
            ["strace", "-f", "-c", "-qq"] +
            [word for pid in pids for word in ("-p", str(pid))],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(seconds)
        tracer.send_signal(signal.SIGINT)
        match = re.search(r"^100\.00\s+\S+\s+(?:\d+\s+)?(\d+).*total$",
                          tracer.communicate()[1], re.M)
        if match:
            return int(match[1])
    return None


STARTED = []


@atexit.register
def end_all():
    """No load outlives a benchmark that failed."""
    for process in STARTED:
        if process.poll() is None:
            process.kill()


class Load:
    """A ws_load that runs beside the script; result() waits for its end."""

    def __init__(self, mode, target, *options, cpus=None, prefix=()):
        pin = None
        if cpus:
            def pin():
                os.sched_setaffinity(0, cpus)
        self.process = subprocess.Popen(
            [*prefix, BUILD / "bench/ws_load", mode, "-a", target, "--json",
             "--brief", *map(str, options)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, preexec_fn=pin)
        STARTED.append(self.process)

    def wait_ready(self):
        """Returns when all connections are open or have failed."""
        words = self.process.stderr.readline().split()
        if not words or words[0] != "ready":
            raise RuntimeError("ws_load did not become ready: " +
                               " ".join(words))
        return int(words[1]), int(words[2])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.result()

    def result(self):
        out, errors = self.process.communicate()
        if self.process.returncode == 2:
            raise RuntimeError("ws_load: " + errors)
        return json.loads(out)


def client_cpus():
    """Leave the first CPU to the server when there is another."""
    cpus = sorted(os.sched_getaffinity(0))
    return set(cpus[1:]) if len(cpus) > 1 else None


Slice = collections.namedtuple("Slice", "operations cpu_ns seconds load")


def run_slice(server, operations, mode, *options):
    """One short load; operations is the result's key that counts them."""
    pids = server.pids()
    before = cpu_ns(pids)
    begun = time.monotonic()
    load = Load(mode, server.target, *options, cpus=client_cpus()).result()
    return Slice(load[operations], cpu_ns(pids) - before,
                 time.monotonic() - begun, load)


def run_slices(servers, slices, operations, mode, *options):
    """Alternating slices, since a machine's speed drifts within minutes.

    The order turns around each time (ABBA).  Returns server -> slices, the
    slices of one index belonging together."""
    found = {server: [] for server in servers}
    for i in range(slices):
        for server in servers if i % 2 == 0 else reversed(servers):
            found[server].append(run_slice(server, operations, mode, *options))
    return found


def sample_syscalls(server, operations, mode, *options):
    """System calls per operation, in a slice that no other figure uses."""
    pids = server.pids()
    load = Load(mode, server.target, "-t", 3, *options, cpus=client_cpus())
    load.wait_ready()
    begun = time.monotonic()
    calls = count_syscalls(pids, 1.5)
    seconds = time.monotonic() - begun
    result = load.result()
    if calls is None:
        return None
    # perf's own start and end are not counted: scale by its 1.5 s.
    rate = result[operations] / result["run_seconds"]
    return calls / (rate * 1.5) if seconds < 2.5 else None


def us_per_operation(slices):
    return (sum(part.cpu_ns for part in slices) / 1000 /
            max(1, sum(part.operations for part in slices)))


def spread(product, floor):
    """Least and greatest product / floor of the pairs of slices."""
    pairs = [us_per_operation([a]) / us_per_operation([b])
             for a, b in zip(product, floor)]
    return min(pairs), max(pairs)
