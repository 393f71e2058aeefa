# SPDX-License-Identifier: ISC
"""Everything at once: kill -9 of whatever runs, reloads, recycles, upgrades.

Two thousand connections echo numbered messages and a few get numbered
messages through the API, while something happens to the node that chance
chooses.  Between two deeds the node is given the time to be whole again, not
more.  HOLDFAST_SEED repeats a run.
"""
import collections
import os
import random
import signal
import time

import process
import proof
from dispatcher import Traffic
from load import Load
from node import LONG, SLOW, wait_until
from upgrading import Upgradable

CONNECTIONS = 2000 // SLOW
SECONDS = 300 if LONG else 60


class Chaos:
    """What may happen to a node."""

    def __init__(self, node, seed):
        self.node = node
        self.random = random.Random(seed)
        self.done = collections.Counter()
        self.deeds = [self.kill_gateway, self.kill_relay, self.kill_keeper,
                      self.kill_supervisor, self.reload, self.recycle,
                      self.move, self.upgrade]

    def is_whole(self):
        """The node is ready, and all workers and keepers live and serve."""
        try:
            return self.node.is_ready() and all(
                worker["state"] == "serving" and
                process.is_alive(worker["keeper_pid"]) and
                process.is_alive(worker["tenant_pid"])
                for worker in self.node.control("workers")["workers"])
        except OSError:
            return False

    def any_worker(self, *kinds):
        return self.random.choice(self.node.workers(self.random.choice(kinds)))

    def kill(self, pid):
        """It may have ended by itself a moment ago."""
        if pid > 1:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            wait_until(lambda: not process.is_alive(pid))

    def kill_gateway(self):
        self.kill(self.any_worker("gateway")["tenant_pid"])

    def kill_relay(self):
        self.kill(self.any_worker("relay")["tenant_pid"])

    def kill_keeper(self):
        self.kill(self.any_worker("gateway", "gateway",
                                  "relay")["keeper_pid"])

    def kill_supervisor(self):
        self.kill(self.node.pid)
        self.node.process.wait()
        self.node.spawn()

    def reload(self):
        self.node.configure({"websocket.ping_interval":
                             f"{self.random.randrange(10, 60)}s"})
        self.node.ctl("reload")

    def recycle(self):
        self.node.ctl("restart", seconds=60)

    def move(self):
        self.node.ctl("restart", "--keepers", seconds=60)

    def upgrade(self):
        self.node.upgrade()

    def run(self, seconds, load):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert load.process.poll() is None
            deed = self.random.choice(self.deeds)
            print(f"{time.monotonic():.3f} {deed.__name__}", flush=True)
            deed()
            self.done[deed.__name__] += 1
            wait_until(self.is_whole, 30)
            time.sleep(self.random.uniform(0, 0.3))


def test_chaos(start):
    seed = int(os.environ.get("HOLDFAST_SEED", time.time()))
    print(f"HOLDFAST_SEED={seed}")
    node = start({"node.workers": 2}, kind=Upgradable)
    node.expects_errors = True
    chaos = Chaos(node, seed)
    traffic = Traffic(node, 4, step_s=0.002)
    with Load(node, "sequence", "-c", CONNECTIONS, "-s", 64, "-t", 0,
              "--interval-ms", 50 * SLOW) as load:
        assert load.wait_ready() == CONNECTIONS
        with traffic:
            chaos.run(SECONDS, load)
    load.assert_whole()
    print(dict(chaos.done), f"{load.result['received']} echoes, "
          f"{traffic.sent()} dispatched")
    assert traffic.sent() > 100
    assert sum(chaos.done.values()) > SECONDS / 10
    proof.note_load("chaos: all of these, in the order of chance",
                    sum(chaos.done.values()), load)
