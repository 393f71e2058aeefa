# SPDX-License-Identifier: ISC
"""A drain goes on at its pace and to its end, whoever dies or changes."""
import os
import signal
import subprocess
import threading
import time

import pytest

from crowd import Crowd, most_within
from node import LONG, PATIENCE, SLOW, wait_until
from wire import Client, Refused

CLIENTS = 1000 if LONG else 120
WINDOW = (60 if LONG else 3) * SLOW


def next_supervisor(node):
    """In place of one that is killed; it need not be ready yet."""
    node.kill_supervisor()
    node.spawn()


def status(node):
    """Empty until a supervisor that takes over answers."""
    try:
        status = node.control("status")
    except OSError:
        return {}
    for item in status["listeners"]:
        if item["for"] == "admin":
            node.admin_port = item["port"]
    return status


def is_taken_over(node):
    """Relay and two gateways."""
    return status(node).get("serving") == 3


class Acts:
    """Does one thing after the other, evenly over the first part of a
    window, and each once the last one is over."""

    def __init__(self, *acts):
        self.acts = list(acts)
        self.count = len(acts)
        self.begun = time.monotonic()
        self.thread = None

    def __call__(self):
        done = self.count - len(self.acts)
        passed = time.monotonic() - self.begun
        if self.acts and passed > WINDOW * 0.7 * (done + 1) / (
                self.count + 1) and not self.is_busy():
            self.thread = threading.Thread(target=self.acts.pop(0))
            self.thread.start()

    def is_busy(self):
        return self.thread is not None and self.thread.is_alive()

    def finish(self):
        if self.thread is not None:
            self.thread.join()
        assert not self.acts, "all has been done"


def drain_with(node, *acts):
    """Drain everybody over the window while that happens."""
    with Crowd(node, CLIENTS) as crowd:
        wait_until(lambda: node.open_count() == CLIENTS)
        node.control("drain", within_ms=int(WINDOW * 1000))
        disturb = Acts(*acts)
        crowd.run(WINDOW + 15 * PATIENCE, disturb)
        disturb.finish()
        crowd.check_ends()
        times = crowd.times(disturb.begun)
    assert WINDOW * 0.6 < times[-1] <= WINDOW + 2 * PATIENCE
    if SLOW == 1:
        # A standstill is not made up for by a wave.
        assert most_within(times, WINDOW / 20) <= CLIENTS / 20 * 4
    wait_until(lambda: status(node).get("drain", {}).get("empty"))
    drain = node.control("status")["drain"]
    assert (drain["left"], drain["total"]) == (0, CLIENTS)
    assert node.ctl("drain", "--wait").returncode == 0
    with pytest.raises(Refused):
        Client(node)
    node.ctl("undrain")
    Client(node).finish()


def test_supervisor_is_killed_again_and_again(start):
    node = start({"node.workers": 2})
    drain_with(node, *[lambda: next_supervisor(node)] * 3)
    assert node.log().count("event=drain_restored") == 3


def test_keepers_are_replaced(start):
    """Twice: each slot's new tenant goes on where the last one was."""
    node = start({"node.workers": 2})
    before = node.keepers()
    drain_with(node, *[lambda: node.ctl("restart", "--keepers",
                                        seconds=30)] * 2)
    assert not set(node.keepers()) & set(before)
    # It was not begun anew: each took over what there was.
    assert node.log().count("event=drain_resumed") >= 2


def test_both_at_once(start):
    """A supervisor that dies while it moves the slots of a node that is
    drained."""
    node = start({"node.workers": 2})
    node.expects_errors = True

    def both():
        with subprocess.Popen(
                [node.build / "holdfastctl", "-s",
                 node.run_dir / "control.sock", "restart", "--keepers"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            count = node.log().count("event=slot_given")
            wait_until(lambda: node.log().count("event=slot_given") > count)
            next_supervisor(node)
        wait_until(lambda: is_taken_over(node), 20)

    drain_with(node, both, both)


def test_drain_that_stops(start):
    """SIGTERM, and the supervisor dies: the next one stops in its place."""
    node = start({"node.workers": 2, "drain.window": f"{WINDOW}s"})
    with Crowd(node, CLIENTS) as crowd:
        wait_until(lambda: node.open_count() == CLIENTS)
        node.process.send_signal(signal.SIGTERM)
        wait_until(lambda: node.metric("draining") == 1)
        next_supervisor(node)
        crowd.pump(0.2)
        wait_until(lambda: status(node))
        assert node.control("status")["drain"]["stops"] is True
        assert "then it stops" in node.ctl("status").stdout
        assert node.ctl("undrain", check=False).returncode == 1
        crowd.run(WINDOW + 15 * PATIENCE)
        crowd.check_ends()
    assert node.wait() == 0


def test_second_term_after_the_supervisor_died(start):
    """At once and with close frames, though the first one was another's."""
    node = start({"drain.window": "1h"})
    with Crowd(node, 20) as crowd:
        node.process.send_signal(signal.SIGTERM)
        wait_until(lambda: node.metric("draining") == 1)
        next_supervisor(node)
        wait_until(lambda: status(node))
        node.process.send_signal(signal.SIGTERM)
        crowd.run(8 * PATIENCE)
        crowd.check_ends()
    assert node.wait() == 0


def test_load_balancers_keep_their_time(start):
    """Killed while it is not ready, but accepts: so it stays, until then."""
    node = start({"drain.lb_wait": f"{SLOW}s", "drain.window": "0"})
    first = Client(node)
    begun = time.monotonic()
    node.control("drain")
    next_supervisor(node)
    wait_until(lambda: status(node))
    assert node.control("status")["state"] == "leaving"
    assert node.admin("/readyz").status == 503
    late = Client(node)
    assert late.echo("served") and first.echo("still")
    for client in (first, late):
        assert client.take_close()[0] == 1012
        assert time.monotonic() - begun > 0.9 * SLOW
        client.close()
    assert node.ctl("drain", "--wait").returncode == 0


def test_deadline_is_the_same(start):
    """Exit code 4 and the number of them, from a supervisor that did not
    begin it."""
    node = start({"websocket.close_timeout": "60s"})
    with Crowd(node, 12, answers=False) as crowd:
        node.control("drain", within_ms=2000 * SLOW)
        next_supervisor(node)
        wait_until(lambda: status(node))
        done = node.ctl("drain", "--wait", check=False, seconds=15)
        assert done.returncode == 4
        assert "12 connections were left" in done.stderr
        assert node.metric("drain_cut_off") == 12
        wait_until(lambda: node.connections() == 0)
        crowd.run(5 * PATIENCE)
        crowd.check_ends()


def test_progress_is_shown(start):
    """By status, top and the metrics, as long as there is a drain."""
    node = start({"node.workers": 2})
    assert "drain" not in node.control("status")
    assert node.metric("drain_connections") == 0
    with Crowd(node, 40) as crowd:
        wait_until(lambda: node.open_count() == 40)
        node.ctl("drain", "--within", "4h", "--profile", "gentle")
        drain = node.control("status")["drain"]
        assert (drain["total"], drain["left"], drain["empty"]) == \
            (40, 40, False)
        assert 3.9 * 3600e3 < drain["eta_ms"] <= 4 * 3600e3
        for command in (("status",), ("top", "--count", "1")):
            line, = [line for line in node.ctl(*command).stdout.splitlines()
                     if line.startswith("drain ")]
            assert "[......" in line and "40 left of 40" in line
            assert "3h59m to go" in line and "gentle" in line
        assert node.metric("drain_connections_left") == 40
        assert 3.9 * 3600 < node.metric("drain_eta_seconds") <= 4 * 3600
        # Half of them leave by themselves.
        for member in crowd.members[::2]:
            crowd.selector.unregister(member.client.socket)
            member.client.finish()
            member.closed_at = 0
        wait_until(lambda: node.metric("drain_connections_left") == 20)
        assert node.metric("drain_connections") == 40
        assert "[###############...............] 20 left of 40" in \
            node.ctl("status").stdout
        node.ctl("drain", "--within", f"{SLOW}s")
        crowd.run(10 * PATIENCE)
    wait_until(lambda: node.control("status")["drain"]["empty"])
    assert "all 40 have gone" in node.ctl("status").stdout
    assert node.metric("drain_eta_seconds") == 0
    node.ctl("undrain")
    assert "drain" not in node.control("status")
    assert node.metric("drain_connections") == 0
