# SPDX-License-Identifier: ISC
"""The pace of a drain: evenly over its window, whatever dies meanwhile."""
import json
import os
import signal
import subprocess
import threading
import time

import pytest

import process
from crowd import Crowd, histogram, most_within
from node import ControlError, LONG, PATIENCE, SLOW, wait_until
from wire import CLOSE, TEXT, Client, Closed, close_frame, frame

pytestmark = pytest.mark.pace

CLIENTS = 1000 if LONG else 300
WINDOW = (60 if LONG else 3) * SLOW


class Waiter:
    """holdfastctl drain ... --wait, beside the test."""

    def __init__(self, node, *args):
        self.process = subprocess.Popen(
            [node.build / "holdfastctl", "-s", node.run_dir / "control.sock",
             *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL, text=True)
        self.out = self.err = None
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        self.out, self.err = self.process.communicate()

    def wait(self, seconds=20):
        self.thread.join(seconds * PATIENCE)
        assert not self.thread.is_alive()
        return self.process.returncode


def test_evenly_with_jitter(start):
    """Buckets of the window have like shares; pings are answered to the
    last; who waits sees how far it is."""
    node = start({"node.workers": 2, "websocket.close_timeout": "2s"})
    with Crowd(node, CLIENTS) as crowd:
        begun = time.monotonic()
        waiter = Waiter(node, "-j", "drain", "--wait", "--within",
                        f"{WINDOW}s")
        crowd.run(WINDOW + 10 * PATIENCE, crowd.ping)
        assert waiter.wait() == 0, (waiter.out, waiter.err)
        crowd.check_ends()
        # Whoever was open for a second more than its ping had a pong.
        for member in crowd.members:
            if member.pinged_at:
                assert member.closed_at - member.pinged_at < SLOW
        times = crowd.times(begun)
    lines = [json.loads(line) for line in waiter.out.splitlines()]
    steps = [line["progress"] for line in lines if "progress" in line]
    assert len(steps) >= 2
    assert [s["left"] for s in steps] == sorted((s["left"] for s in steps),
                                                reverse=True)
    assert steps[0]["total"] == CLIENTS and steps[0]["eta_ms"] > 0
    assert lines[-1]["left"] == 0
    assert times[-1] <= WINDOW + SLOW
    if SLOW == 1:
        shares = histogram(times, WINDOW * 0.9, 9)
        mean = CLIENTS / 9
        assert all(0.5 * mean <= n <= 1.6 * mean for n in shares), shares
        # No wave: a tenth of a second has no more than a few of its due.
        assert most_within(times, WINDOW / 50) <= CLIENTS / 50 * 4
        gaps = [b - a for a, b in zip(times, times[1:])]
        assert max(gaps) > 2 * WINDOW / CLIENTS, "there is jitter"
    node.wait_metric(CLIENTS, "closes_total", cause="drain")


def test_goes_on_when_tenants_die(start):
    """Kills and a recycle: nobody severed, no wave, the same end."""
    node = start({"node.workers": 2, "drain.window": f"{WINDOW}s"})
    kills = []

    with Crowd(node, CLIENTS) as crowd:
        begun = time.monotonic()
        node.control("drain")

        def disturb():
            passed = time.monotonic() - begun
            if len(kills) < 6 and passed > WINDOW * (len(kills) + 1) / 9:
                if len(kills) == 3:
                    threading.Thread(target=node.ctl,
                                     args=("restart",)).start()
                    kills.append(None)
                    return
                worker = node.workers()[len(kills) % 2]
                os.kill(worker["tenant_pid"], signal.SIGKILL)
                kills.append(passed)

        crowd.run(WINDOW + 15 * PATIENCE, disturb)
        crowd.check_ends()
        times = crowd.times(begun)
    assert len(kills) == 6
    assert WINDOW * 0.7 < times[-1] <= WINDOW + 2 * PATIENCE
    if SLOW == 1:
        assert most_within(times, WINDOW / 20) <= CLIENTS / 20 * 3
        shares = histogram(times, WINDOW, 5)
        assert all(n >= CLIENTS / 5 * 0.4 for n in shares), shares
    wait_until(lambda: "event=drained" in node.log())


def test_killed_tenant_without_supervisor(start):
    """Nobody is there to repeat the order: the next tenant knows it."""
    window = (10 if LONG else 2) * SLOW
    node = start({"drain.window": f"{window}s",
                  "worker.orphan_max": f"{window + 1}s"})
    node.expects_errors = True
    node.expected_exit = -signal.SIGKILL
    pids = [pid for kind in ("gateway", "relay")
            for pid in node.keepers(kind) + node.tenants(kind)]
    with Crowd(node, 60) as crowd:
        begun = time.monotonic()
        node.control("drain")
        while len(crowd.left()) > 50:
            crowd.pump(0.01)
        node.process.kill()
        node.wait()
        os.kill(pids[1], signal.SIGKILL)
        crowd.run(window + 10 * PATIENCE)
        crowd.check_ends()
        times = crowd.times(begun)
    assert window * 0.6 < times[-1] <= window + 2 * PATIENCE
    assert "event=drain_resumed" in node.log()
    wait_until(lambda: not any(map(process.is_alive, pids)), 15,
               "the slots to end themselves")


def test_deadline_cuts_off(start):
    """Exit code 4 and how many were left; they are ended all the same."""
    node = start({"websocket.close_timeout": "60s"})
    with Crowd(node, 12, answers=False) as crowd:
        waiter = Waiter(node, "drain", "--wait", "--within", f"{SLOW}s")
        crowd.run(15 * PATIENCE)
        crowd.check_ends()
        assert waiter.wait() == 4
        assert "12 connections were left" in waiter.err
        wait_until(lambda: node.connections() == 0)
        crowd.pump(1)
        assert not crowd.selector.get_map(), "all have ended"
    assert node.process.poll() is None
    node.ctl("undrain")
    Client(node).finish()


def test_plan_does_nothing(start):
    node = start({"drain.gentle_window": "2h", "drain.lb_wait": "10s"})
    clients = [Client(node) for _ in range(3)]
    plan = json.loads(node.ctl("-j", "drain", "--plan", "--profile",
                               "gentle").stdout)
    assert plan["state"] == "ready" and plan["profile"] == "gentle"
    assert plan["left"] == 3 and plan["window_ms"] == 7200000
    assert plan["lb_wait_ms"] == 10000
    assert abs(plan["rate_per_second"] - 3 / 7200) < 1e-6
    assert plan["begin"] < plan["end"]
    text = node.ctl("drain", "--plan", "--within", "10m").stdout
    assert "in no fleet" in text and "peers" not in plan
    assert "within 10m" in text and "nothing has been done" in text
    assert node.control("status")["state"] == "ready"
    assert all(client.echo("still here") for client in clients)
    for client in clients:
        client.finish()


def test_wrong_usage(node):
    for args, said in ((("--profile", "brutal"), "evacuate or gentle"),
                       (("--within", "10ms"), "--within"),
                       (("--undo",), "no such option")):
        done = node.ctl("drain", *args, check=False)
        assert done.returncode == 2 and said in done.stderr
    done = node.ctl("undrain", check=False)
    assert done.returncode == 1 and "not being drained" in done.stderr


def test_another_pace(start):
    """A gentle drain takes hours, until somebody is in a hurry."""
    node = start()
    with Crowd(node, 10) as crowd:
        node.ctl("drain", "--profile", "gentle", "--within", "4h")
        waiter = Waiter(node, "drain", "--wait")
        wait_until(lambda: node.metric("draining") == 1)
        crowd.pump(0.3)
        assert len(crowd.left()) == 10
        node.ctl("drain", "--within", f"{SLOW}s")
        crowd.run(10 * PATIENCE)
        crowd.check_ends()
        assert waiter.wait() == 0


def test_undrain_ends_the_wait(start):
    node = start({"drain.window": "1h"})
    client = Client(node)
    waiter = Waiter(node, "drain", "--wait")
    wait_until(lambda: node.metric("draining") == 1)
    node.ctl("undrain")
    assert waiter.wait() == 1
    assert "undone" in waiter.err
    client.finish()


def test_second_term_sends_close_frames(start):
    """At once, but in order; and whoever waits is told."""
    node = start({"drain.window": "1h"})
    with Crowd(node, 40) as crowd:
        node.process.send_signal(signal.SIGTERM)
        wait_until(lambda: node.metric("draining") == 1)
        with pytest.raises(ControlError):
            node.control("undrain")
        begun = time.monotonic()
        node.process.send_signal(signal.SIGTERM)
        crowd.run(5 * PATIENCE)
        crowd.check_ends()
        assert node.wait() == 0
        assert time.monotonic() - begun < 5 * PATIENCE


def stuffed(node):
    """A client that has asked for more than it reads: (client, size of the
    messages, how many)."""
    client = Client(node, rcvbuf=4096)
    size = 600000

    def row():
        return node.control("clients")["clients"][0]

    # What the kernel takes varies.
    for sent in range(1, 40):
        client.send(frame(TEXT, "x" * size))
        wait_until(lambda: row()["messages_out"] == sent)
        if row()["bytes_out"] < (sent - 1) * size:
            return client, size, sent
    raise AssertionError("the kernel takes everything")


def test_half_sent_frame_is_finished_first(start):
    node = start({"websocket.close_timeout": "30s"})
    client, size, count = stuffed(node)
    node.ctl("drain", "--within", "3s")
    wait_until(lambda: node.metric("closes_total", cause="drain") == 1, 25)
    for _ in range(count):
        assert len(client.take_message(TEXT)) == size
    assert client.take_close() == (1012, "")
    client.send(close_frame(1012))
    assert client.is_ended()
    client.close()


def test_half_sent_frame_and_no_close_frame(start):
    """It never reads: what it got ends within a frame, not in a close."""
    node = start({"websocket.close_timeout": "30s"})
    client, size, count = stuffed(node)
    done = node.ctl("drain", "--wait", "--within", f"{SLOW}s",
                    check=False)
    assert done.returncode == 4 and "1 connections" in done.stderr
    wait_until(lambda: node.connections() == 0)
    opcodes = []
    try:
        while True:
            first, payload = client.take_frame()
            opcodes.append(first & 0x0f)
            assert len(payload) == size
    except Closed:
        pass
    assert CLOSE not in opcodes and len(opcodes) < count
    client.close()
