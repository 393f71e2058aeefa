# SPDX-License-Identifier: ISC
"""Broadcasts and dispatches while slots move: who stays connected gets each of
them once and in order, whoever serves it and in whatever layout."""
import json
import threading

import node as nodes
import pytest
from dispatcher import Caller, Traffic
from node import LONG, PATIENCE, SLOW, wait_until
from upgrading import Upgradable
from wire import Client

# Clients that read only at the end do not answer pings.
CALM = {"node.workers": 2, "websocket.ping_interval": "5m"}
CLIENTS = 60 // SLOW
MOVES = 30 if LONG else 4


class Broadcasts(threading.Thread):
    """Numbered, one after the other; those that were not refused."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node = node
        self.accepted = []
        self.refused = 0
        self.ending = threading.Event()

    def run(self):
        number = 0
        while not self.ending.wait(0.002):
            number += 1
            answer = self.node.api("POST", "/gateway/broadcast", json.dumps({
                "message_id": f"b{number}", "event_type": "t",
                "payload": {"n": number}}), seconds=30)
            if answer.status in (200, 202):
                self.accepted.append(number)
            else:
                assert answer.status == 503, answer.text
                self.refused += 1

    def stop(self):
        self.ending.set()
        self.join(30 * PATIENCE)
        assert not self.is_alive()


def take_all(client, wanted):
    """The numbers that came, until the last that must come is there."""
    got = []
    while not got or got[-1] != wanted[-1]:
        got.append(json.loads(client.take_message())["payload"]["n"])
    return got


def broadcast_while(node, deed):
    clients = [Client(node, f"client{number}") for number in range(CLIENTS)]
    wait_until(lambda: node.open_count() == CLIENTS)
    casts = Broadcasts(node)
    casts.start()
    try:
        for number in range(MOVES):
            deed(number)
    finally:
        casts.stop()
    assert len(casts.accepted) > 10 * MOVES
    print(len(casts.accepted), "accepted,", casts.refused, "refused")
    for client in clients:
        assert take_all(client, casts.accepted) == casts.accepted
        client.finish()
        client.close()


def test_broadcasts_while_slots_move(start):
    node = start(CALM)
    broadcast_while(node, lambda _: node.ctl("restart", "--keepers",
                                             seconds=60))


def test_broadcasts_across_layouts(start):
    for build in (nodes.OLDER, nodes.FAULTS):
        if not (build / "holdfast-gateway").exists():
            pytest.skip(f"no build in {build}")
    node = start(CALM, build=nodes.OLDER, kind=Upgradable)
    builds = (nodes.FAULTS, nodes.OLDER)
    broadcast_while(node, lambda number: node.upgrade(
        builds[number % 2] / "holdfastd"))


def test_dispatches_while_slots_move(start):
    """Also to somebody who has just come: not_connected would be a lie."""
    node = start(CALM)
    with Client(node, "target") as client:
        caller = Caller(node, "target", step_s=0.001)
        caller.start()
        ends = threading.Event()
        asked, wrong = [], []

        def come():
            number = 0
            while not ends.is_set():
                number += 1
                with Client(node, f"new{number}") as new:
                    answer = node.dispatch(f"new{number}")[1]
                    asked.append(answer.status)
                    if answer.status == 200:
                        new.take_message()
                    elif answer.status != 503:
                        wrong.append(answer.text)
                    new.finish()
        comer = threading.Thread(target=come, daemon=True)
        comer.start()
        try:
            for _ in range(MOVES):
                node.ctl("restart", "--keepers", seconds=60)
        finally:
            was_alive = comer.is_alive()
            ends.set()
            comer.join(30 * PATIENCE)
            caller.stop()
        print(len(caller.answers), "asked,", caller.failures()[:5],
              len(asked), "new ones,", asked.count(503), "busy")
        assert 503 not in asked
        got = []
        last = caller.accepted()[-1]
        while not got or got[-1] < last:
            got.append(json.loads(client.take_message())["payload"]["n"])
        assert got == sorted(set(got))
        assert set(caller.accepted()) <= set(got) <= caller.possible()
        assert was_alive and not comer.is_alive()
        assert not wrong and 200 in asked, wrong[:3]
        assert not [answer for answer in caller.answers
                    if answer[1] == "not_connected"]
        client.finish()


CALLERS = 6


def dispatch_while(node, deed):
    """Callers without a pause; what they were told but 200."""
    with Traffic(node, CALLERS) as traffic:
        wait_until(lambda: traffic.sent() > 100)
        for number in range(MOVES):
            deed(number)
            before = traffic.sent()
            wait_until(lambda: traffic.sent() > before + 100)
    failures = [failure for caller in traffic.callers
                for failure in caller.failures()]
    print(traffic.sent(), "asked,", len(failures), "in vain,",
          node.metric("dispatches_kept_total"), "kept waiting")
    return failures


def never_busy(node, deed):
    """Who asks for a slot that changes hands waits, and is not sent away."""
    assert dispatch_while(node, deed) == []


@pytest.mark.parametrize("keepers", [[], ["--keepers"]])
def test_never_busy_in_a_restart(start, keepers):
    node = start({"node.workers": 2})
    never_busy(node, lambda _: node.ctl("restart", *keepers, seconds=60))


def test_never_busy_in_an_upgrade(start):
    node = start({"node.workers": 2}, kind=Upgradable)
    never_busy(node, lambda _: node.upgrade())


def test_hardly_busy_across_layouts(start):
    """The next relay reads the new tables: who asks before it has come is sent
    away, once, when the last one leaves."""
    for build in (nodes.OLDER, nodes.FAULTS):
        if not (build / "holdfast-gateway").exists():
            pytest.skip(f"no build in {build}")
    node = start({"node.workers": 2}, build=nodes.OLDER, kind=Upgradable)
    builds = (nodes.FAULTS, nodes.OLDER)
    failures = dispatch_while(node, lambda number: node.upgrade(
        builds[number % 2] / "holdfastd"))
    assert {failure[1:] for failure in failures} <= {(503, "busy")}
    assert len(failures) <= CALLERS * MOVES
