# SPDX-License-Identifier: ISC
"""How long clients wait while their slot moves to another keeper and tenant,
as in a live upgrade.

Probes ask for one echo after the other: the longest answer of each is its
pause.  All other connections are idle, and asked at the end whether they are
still there.
"""
import selectors
import statistics
import subprocess
import time

from measure import Load, Row
from node import BUILD, Node
from recovery import MASK, Client

PROBES = 20


class Probe(Client):
    """Always waits for an echo; longest_s: the longest wait so far."""

    def begin(self):
        self.longest_s = 0
        self.socket.setblocking(False)
        self.ask()

    def ask(self):
        self.left = 2 + 5
        self.begun = time.monotonic()
        self.socket.send(b"\x81\x85" + MASK + b"probe")

    def on_readable(self):
        data = self.socket.recv(self.left)
        if not data:
            raise RuntimeError("a probe's connection was severed")
        self.left -= len(data)
        if self.left == 0:
            self.longest_s = max(self.longest_s,
                                 time.monotonic() - self.begun)
            self.ask()


def move(node, selector, probes):
    """One handoff of every slot; the longest wait of each probe."""
    for probe in probes:
        probe.longest_s = 0
    ctl = subprocess.Popen(
        [BUILD / "holdfastctl", "-s", node.dir / "run/control.sock",
         "restart", "--keepers"], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL)
    while ctl.poll() is None:
        for key, _ in selector.select(0.01):
            key.data.on_readable()
    if ctl.returncode != 0:
        raise RuntimeError("the slot has not moved: " + node.log())
    return [probe.longest_s for probe in probes]


def measure(count, moves):
    """The waits, the slot's own pauses, and who was severed."""
    with Node(workers=1, capacity=18000) as node:
        load = Load("hold", node.target, "-c", count, "-t", 0,
                    "--probe-ms", 0)
        load.wait_ready()
        waits = []
        with selectors.DefaultSelector() as selector:
            probes = [Probe(node.port, f"probe-{n}") for n in range(PROBES)]
            for probe in probes:
                probe.begin()
                selector.register(probe.socket, selectors.EVENT_READ, probe)
            for _ in range(moves):
                waits += move(node, selector, probes)
        result = load.stop()
        return sorted(waits), (count - result["live"] + result["lost"] +
                               result["duplicated"])


def handoff(counts=(1000, 5000, 15000), moves=10):
    medians = []
    for count in counts:
        waits, severed = measure(count, moves)
        medians.append(statistics.median(waits))
        p99 = waits[len(waits) * 99 // 100]
        yield Row(f"pause in a handoff, {count} connections, p50", "ms",
                  medians[-1] * 1e3)
        yield Row(f"pause in a handoff, {count} connections, p99", "ms",
                  p99 * 1e3, None, ("<=", 20 + 0.008 * count))
        yield Row(f"pause in a handoff, {count} connections, max", "ms",
                  waits[-1] * 1e3)
        yield Row(f"severed or unanswered of {count}", "", severed, None,
                  ("==", 0))
    if len(counts) > 1:
        yield Row("growth of the median per connection", "us",
                  (medians[-1] - medians[0]) / (counts[-1] - counts[0]) * 1e6)
