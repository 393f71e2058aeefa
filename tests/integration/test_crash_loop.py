# SPDX-License-Identifier: ISC
"""Slots that crash again and again: with nobody to blame, and with a hundred.

The first kind is given up, slowly, and comes back empty; the second is none of
the slot's business.
"""
import re
import threading
import time

import pytest

from load import Load
from node import LONG, PATIENCE, SLOW, wait_until
from test_faults import fault
from wire import CLOSE, PING, PONG, TEXT, Client, Closed, Refused, frame

WINDOW_S = 3
CRASHES = 3  # worker.max_crashes


class Watched(threading.Thread):
    """A client that echoes numbers and notes when and how it was closed."""

    def __init__(self, node, name, is_hinted):
        super().__init__(daemon=True)
        self.name_ = name
        self.is_hinted = is_hinted
        self.client = Client(node, name, query="hint=1" if is_hinted else "")
        self.slot = None
        self.closed_at = self.code = self.reason = self.error = None
        self.sent = self.got = 0
        self.ending = threading.Event()

    def run(self):
        try:
            while not self.ending.wait(0.05) and self.code is None:
                self.sent += 1
                self.client.send_text(str(self.sent))
                self.read()
        except (Closed, OSError, AssertionError) as error:
            self.error = error

    def read(self):
        while self.got < self.sent:
            first, payload = self.client.take_frame()
            if first & 0x0f == TEXT:
                self.got += 1
                assert payload == str(self.got).encode()
            elif first & 0x0f == PING:
                self.client.send(frame(PONG, payload))
            elif first & 0x0f == CLOSE:
                self.closed_at = time.monotonic()
                self.code = int.from_bytes(payload[:2], "big")
                self.reason = payload[2:].decode()
                self.client.send(frame(CLOSE, payload[:2]))
                return

    def stop(self):
        self.ending.set()
        self.join(20 * PATIENCE)
        self.client.close()


def find_slots(node, watched):
    where = {row["client_id"]: row["slot"]
             for row in node.control("clients", limit=1000)["clients"]}
    for one in watched:
        one.slot = where[one.name_]


def connect_to_both(node, least):
    """Clients until either slot has so many: all, of slot 0, of slot 1."""
    watched = []
    while True:
        assert len(watched) < 400, "a slot takes no connections"
        watched += [Watched(node, f"w{n}", n % 2 == 0)
                    for n in range(len(watched), len(watched) + 10)]
        wait_until(lambda: node.open_count() == len(watched))
        find_slots(node, watched)
        slots = [[one for one in watched if one.slot == slot]
                 for slot in (0, 1)]
        if min(map(len, slots)) >= least:
            return watched, *slots


def crash(node, bomber, kind="segv"):
    """Have the slot's tenant crash outside of every step."""
    before = node.workers()[0]["generation"]
    fault(bomber, f"later-{kind}")
    wait_until(lambda: node.workers()[0]["generation"] > before, 15,
               "the next tenant")


def slot_state(node, slot=0):
    return node.workers()[slot]["state"]


@pytest.fixture
def looping(faults):
    def begin(**more):
        node = faults({"node.workers": 2, "drain.window": f"{WINDOW_S}s",
                       "worker.max_crashes": CRASHES,
                       "worker.backoff": "20ms", "worker.stall": "1s",
                       **more})
        node.expects_errors = True
        return node
    return begin


def bombers(node, wanted):
    """Connections of slot 0 that break it."""
    found, others = [], []
    while len(found) < wanted:
        name = f"bomber{len(found) + len(others)}"
        client = Client(node, name)
        row, = [row for row in node.control("clients", limit=1000)["clients"]
                if row["client_id"] == name]
        (found if row["slot"] == 0 else others).append(client)
    for client in others:
        client.finish()
    return found


def check_paced(closed, begun):
    """All of them told to come back, and never in a wave."""
    for one in closed:
        assert one.error is None, one.error
        assert one.code == 1012
        hint = re.fullmatch(r"reconnect_ms=(\d+)", one.reason)
        assert bool(hint) == one.is_hinted, one.reason
    times = sorted(one.closed_at - begun for one in closed)
    assert times[-1] < WINDOW_S + 15
    for part in range(4):
        inside = sum(WINDOW_S * part / 4 <= at < WINDOW_S * (part + 1) / 4
                     for at in times)
        assert inside < 0.6 * len(times), times
    return times


def test_crash_loop_is_evacuated(looping):
    node = looping()
    watched, inside, outside = connect_to_both(node, 12)
    bomber, last = bombers(node, 2)
    for one in watched:
        one.start()
    for number in range(CRASHES):
        crash(node, bomber, ("segv", "exit", "abrt")[number % 3])
        wait_until(lambda: slot_state(node) == "serving")
    begun = time.monotonic()
    crash(node, bomber)
    wait_until(lambda: slot_state(node) == "evacuating")
    assert node.metric("slot_state", worker="g0", state="evacuating") == 1
    assert node.metric("slot_state", worker="g1", state="serving") == 1
    assert "evacuating" in node.ctl("workers").stdout
    # It goes on crashing, which must not cut the rest off.
    crash(node, last)
    wait_until(lambda: node.workers()[0]["renewals"] == 1
               and slot_state(node) == "serving", WINDOW_S + 20)
    for one in inside:
        one.join(20 * PATIENCE)
    times = check_paced(inside, begun)
    for one in outside:
        assert one.error is None and one.code is None
        one.stop()
        assert one.got == one.sent > 0
    events = node.ctl("events").stdout
    assert "slot_evacuating" in events and "slot_evacuated" in events
    assert "slot_lost" not in events
    delays = [int(text) for text in
              re.findall(r"event=tenant_died.*restart_ms=(\d+)", node.log())]
    print(f"closed after {times[0]:.2f} to {times[-1]:.2f} s, "
          f"restart delays {delays}")
    assert delays[0] == 0 and delays[1:4] == [20, 40, 80]
    # Back, empty, and part of the node again.
    for client in bombers(node, 3):
        assert client.echo("again")
        client.finish()


def test_stall_loop_is_evacuated(looping):
    """A hang that no connection explains counts like a crash."""
    node = looping(**{"worker.max_crashes": 1, "worker.stall": "300ms",
                      "drain.window": "1s"})
    bomber, = bombers(node, 1)
    crash(node, bomber, "spin")
    crash(node, bomber, "spin")
    wait_until(lambda: slot_state(node) == "evacuating")
    assert bomber.take_message(TEXT) and bomber.take_message(TEXT)
    assert bomber.take_close()[0] == 1012
    bomber.close()
    wait_until(lambda: node.workers()[0]["renewals"] == 1
               and slot_state(node) == "serving", WINDOW_S + 20)


POISONERS = 100 // SLOW
VISITS = 3 if LONG else 1
REFUSE_S = 3


def is_admitted(node, name):
    try:
        Client(node, name).finish()
    except Refused as refused:
        assert refused.args[0] == 503
        assert "retry-after" in refused.args[1]
        return False
    return True


def assert_refused(node, name):
    assert not is_admitted(node, name), f"{name} is let in again"


def test_a_hundred_poison_clients(faults):
    node = faults({"worker.poison_faults": VISITS,
                   "worker.poison_refuse": f"{REFUSE_S * SLOW}s",
                   "worker.max_crashes": CRASHES})
    node.expects_errors = True
    with Load(node, "sequence", "-c", 50, "-t", 0, "--interval-ms",
              20) as load:
        load.wait_ready()
        for number in range(POISONERS):
            for _ in range(VISITS):
                with Client(node, f"bad{number}") as bad:
                    fault(bad, "segv")
                    assert bad.take_close()[0] == 1011
            assert_refused(node, f"bad{number}")
        refused_at = time.monotonic()
        Client(node, "innocent").finish()
        for number in range(POISONERS):
            wait_until(lambda n=number: is_admitted(node, f"bad{n}"),
                       2 * REFUSE_S)
        back_after = time.monotonic() - refused_at
    load.assert_whole()
    assert node.restarts("fault") == VISITS * POISONERS
    assert node.metric("closes_total", cause="quarantine") \
        == VISITS * POISONERS
    assert node.metric("handshakes_total", result="poisoned") >= POISONERS
    assert back_after > 0.5 * REFUSE_S
    assert node.metric("slot_renewals_total") == 0
    assert "slot_evacuating" not in node.log()
    print(f"{VISITS * POISONERS} faults, {load.result['received']} echoes, "
          f"all back after {back_after:.1f} s")
