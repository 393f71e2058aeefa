# SPDX-License-Identifier: ISC
"""The relay dies, at every commit and at any moment, under load.

Callers number what they dispatch and clients check it: what was answered with
2xx comes exactly once and in order, the rest at most once, and no client's
connection ends.
"""
import http.client
import json
import os
import random
import signal

import pytest

import node as nodes
import proof
from dispatcher import NO_ANSWER, Traffic
from node import LONG, SLOW, wait_until
from test_api_callers import doc
from test_crashpoints import Control, build_has_points
from wire import Client

COUNTDOWNS = range(1, 20) if LONG else (2,)
LONG_DOC = json.dumps(doc("nobody", 1, "x" * 100 * 1024)).encode()
KILLS = 500 if LONG else 50 // SLOW


def relay(node):
    worker, = node.workers("relay")
    return worker


def wait_relay(node, generation):
    """Wait for that tenant of the relay, or a later one, to serve."""
    def fact():
        worker = relay(node)
        return (worker["generation"] >= generation
                and worker["tenant_state"] == "serving")
    wait_until(fact, 20, f"relay tenant {generation}")


def kill(worker):
    if worker["tenant_pid"] <= 0:
        return  # between two tenants; 0 would be all of us
    try:
        os.kill(worker["tenant_pid"], signal.SIGKILL)
    except ProcessLookupError:
        pass  # it was quicker


class Script:
    """What a relay does besides dispatching; every step is checked."""

    def __init__(self, node):
        self.node = node
        self.number = 0
        self.accepted = []
        self.max_kib = 64

    def ask(self, path, body):
        """The answer's status, or NO_ANSWER."""
        try:
            return self.node.api("POST", "/gateway/" + path, body).status
        except (OSError, http.client.HTTPException):
            return NO_ANSWER

    def run(self):
        self.number += 1
        self.broadcast()
        self.disconnect()
        self.twins()
        self.reload()

    def broadcast(self):
        status = self.ask("broadcast", {
            "message_id": "b", "event_type": "broadcast",
            "payload": {"n": self.number}})
        assert status in (202, 503, NO_ANSWER)
        if status == 202:
            self.accepted.append(self.number)

    def disconnect(self):
        name = f"guest{self.number}"
        with Client(self.node, name) as guest:
            status = self.ask("disconnect", {"target_client_id": name})
            assert status in (200, 503, NO_ANSWER)
            if status == 200:
                self.await_close(guest, 4002)

    def twins(self):
        name = f"twin{self.number}"
        with Client(self.node, name) as older, Client(self.node, name):
            self.await_close(older, 4001)

    @staticmethod
    def await_close(client, code):
        """A broadcast may come before."""
        while True:
            first, payload = client.take_frame()
            if first & 0x0f == 8:
                assert int.from_bytes(payload[:2], "big") == code
                return

    def reload(self):
        """New settings are a new fd for every tenant."""
        self.max_kib = 192 - self.max_kib
        self.node.configure({"api.max_body": f"{self.max_kib}KiB"})
        self.node.control("reload", seconds=20)
        expected = 404 if self.max_kib > 100 else 413
        wait_until(lambda: self.ask("dispatch", LONG_DOC) == expected, 10,
                   "the relay to have the new settings")

    def check(self, traffic):
        for receiver in traffic.receivers:
            got = receiver.broadcasts
            assert got == sorted(set(got)), "a broadcast came twice"
            lost = set(self.accepted) - set(got)
            assert not lost, f"broadcasts accepted but lost: {lost}"


@pytest.fixture
def crashing(start, tmp_path):
    """node, control, and the points that a relay passes."""
    if not build_has_points():
        pytest.skip("no build with crash points")
    control = Control(tmp_path / "control", "hf-r")
    seen = tmp_path / "points"
    node = start({"node.workers": 2, "worker.backoff": "1ms"},
                 build=nodes.FAULTS,
                 env={"HOLDFAST_CRASH_CONTROL": str(control.path),
                      "HOLDFAST_CRASH_LIST": str(seen)})
    script = Script(node)
    with Traffic(node, 1):
        script.run()
        before = relay(node)
        kill(before)
        wait_relay(node, before["generation"] + 1)
        script.run()
    points = sorted({name for name in seen.read_text().split()
                     if not name.startswith(("step", "table", "adopt",
                                             "arena", "deliver.c", "conn"))})
    assert len(points) > 12, points
    yield node, control, script, points


def die_at(node, control, script, point, countdown, then=None):
    before = relay(node)["generation"]
    control.arm(point, countdown, then)
    script.run()
    if control.is_armed():
        kill(relay(node))  # the start has points of its own
        wait_relay(node, before + 1)
    is_reached = not control.is_armed()
    control.disarm()
    wait_relay(node, before + 1)
    return is_reached


def finish(node, script, traffic):
    script.run()
    for receiver in traffic.receivers:
        assert receiver.close_code is None and receiver.error is None
    assert node.metric("connections", state="open") == len(traffic.receivers)


def test_every_crash_point(crashing):
    node, control, script, points = crashing
    missed, deaths = [], 0
    script.accepted.clear()
    with Traffic(node, 4) as traffic:
        for point in (name + side for name in points for side in ("", "a")):
            for countdown in COUNTDOWNS:
                if not die_at(node, control, script, point, countdown):
                    missed.append((point, countdown))
                    break
                deaths += 1
        finish(node, script, traffic)
    script.check(traffic)
    print(f"{len(points)} points, {deaths} deaths, {traffic.sent()} "
          f"dispatches, not met: {missed}")
    assert deaths > len(points)
    proof.note_traffic("relay, killed at every commit point", deaths, traffic)


def test_crash_again_at_the_start(crashing):
    """The successor dies as well, wherever it comes by."""
    node, control, script, points = crashing
    script.accepted.clear()
    before = node.restarts("killed")
    with Traffic(node, 4) as traffic:
        for number, point in enumerate(points):
            thens = points if LONG else (points[-1 - number],)
            for then in thens:
                die_at(node, control, script, point, 1 + number % 3, then)
        finish(node, script, traffic)
    script.check(traffic)
    deaths = node.restarts("killed") - before
    print(f"{deaths} deaths, {traffic.sent()} dispatches")
    assert deaths > len(points)


def lose_slot(node, number):
    """Kill a gateway's keeper and tenant: its slot is started empty."""
    worker = node.workers()[number]
    os.kill(worker["keeper_pid"], signal.SIGKILL)
    kill(worker)

    def fact():
        now = node.workers()[number]
        return (now["renewals"] > worker["renewals"]
                and now["state"] == "serving")
    wait_until(fact, 20, "the slot to be started empty")


def test_relay_dies_while_a_slot_is_renewed(crashing):
    """Five fds come for the new memory: all of them count, or none."""
    node, control, _, points = crashing
    node.expects_errors = True
    deaths = 0
    for point in points:
        if not point.startswith(("slot_fds", "tenant_channel", "relay.c")):
            continue
        for countdown in (1, 2, 3, 4, 5, 6):
            before = relay(node)["generation"]
            control.arm(point, countdown)
            lose_slot(node, 0)
            if control.is_armed():
                control.disarm()
                break
            deaths += 1
            wait_relay(node, before + 1)
            clients = [Client(node, f"c{n}") for n in range(6)]
            wait_until(lambda: node.open_count() == 6)
            for number, client in enumerate(clients):
                body = json.dumps(doc(f"c{number}")).encode()

                def is_delivered(body=body):
                    answer = node.api("POST", "/gateway/dispatch", body)
                    return answer.status == 200
                wait_until(is_delivered, 5, "the relay to know the slot")
                assert client.take_message() == body
                client.finish()
    print(f"{deaths} deaths")
    assert deaths > 5


def test_relay_killed_at_random(start):
    node = start({"node.workers": 2})
    chance = random.Random(7)
    with Traffic(node, 8, pad=300) as traffic:
        for _ in range(KILLS):
            before = traffic.sent()
            wait_until(lambda: traffic.sent() > before + chance.randrange(60))
            worker = relay(node)
            kill(worker)
            wait_relay(node, worker["generation"] + 1)
    accepted = sum(len(caller.accepted()) for caller in traffic.callers)
    print(f"{KILLS} kills, {accepted} of {traffic.sent()} accepted")
    assert accepted > 10 * KILLS
    assert node.metric("worker_restarts_total", worker="r",
                       cause="killed") >= KILLS
    proof.note_traffic("relay, kill -9, dispatch through the API", KILLS,
                       traffic)


def test_clients_move_while_everybody_dies(start):
    """Clients connect anew while relay and gateways are killed."""
    node = start({"node.workers": 2})
    chance = random.Random(11)
    with Traffic(node, 6, pad=3000) as traffic:
        for number in range(KILLS // 2):
            traffic.move(number % 6)
            worker = chance.choice(node.workers() + node.workers("relay"))
            kill(worker)
            if number % 3 == 0:
                traffic.move(chance.randrange(6))
            if worker["kind"] == "relay":
                wait_relay(node, worker["generation"] + 1)
            else:
                node.wait_served(worker["generation"] + 1, worker["slot"])
    answers = [answer for caller in traffic.callers
               for answer in caller.answers]
    kinds = {kind: sum(a[0] == kind for a in answers)
             for kind in {a[0] for a in answers}}
    print(f"{KILLS // 2} kills, answers: {kinds}")
    # They were connected all the time.
    assert 404 not in kinds


FULL_PAD = 250 * 1000


def test_full_ring(start):
    """A gateway stands still until its ring is full; relay and gateway die."""
    node = start({"worker.stall": "60s", "api.request_timeout": "300ms",
                  "websocket.max_queue": "16MiB",
                  "memory.max_arena": "256MiB"})
    generation = node.workers()[0]["generation"]

    def busy():
        return sum(answer[0] == 503 for caller in traffic.callers
                   for answer in caller.answers)
    with Traffic(node, 8, pad=FULL_PAD, step_s=0.01) as traffic:
        wait_until(lambda: traffic.sent() > 40)
        os.kill(node.tenant(), signal.SIGSTOP)
        wait_until(lambda: busy() > 8, 20, "the ring to be full")
        filled = node.metric("ring_bytes", worker="g0", ring="down")
        for _ in range(3):
            worker = relay(node)
            kill(worker)
            wait_relay(node, worker["generation"] + 1)
        before = busy()
        wait_until(lambda: busy() > before)
        kill(node.workers()[0])
        node.wait_served(generation + 1)
        wait_until(lambda: node.metric("ring_bytes", worker="g0",
                                       ring="down") < FULL_PAD)
        before = [len(caller.accepted()) for caller in traffic.callers]
        wait_until(lambda: all(
            len(caller.accepted()) > number + 3
            for caller, number in zip(traffic.callers, before)))
    answers = [answer[0] for caller in traffic.callers
               for answer in caller.answers]
    print(f"{filled / 1e6:.1f} MB in the ring; answers: "
          f"{ {kind: answers.count(kind) for kind in set(answers)} }")
    assert filled > 3e6
    assert answers.count(504) > 0
