# SPDX-License-Identifier: ISC
"""Dies at every commit of the gateway, on either side of the store.

The crash-point build numbers each commit_store().  A scripted load passes
them; for each point the tenant dies there once, its successor adopts, and the
script, which checks every message it sends and gets, must not notice.
"""
import http.client
import json
import mmap
import os
import signal
import struct
import time

import pytest

import node as nodes
import proof
from node import LONG, PATIENCE, SLOW
from slot import check_slot
from wire import (CLOSE, CONT, FIN, PING, PONG, TEXT, Client, close_frame,
                  frame)

CONTROL_COUNT = 248
CONTROL_SIGNAL = 252
CONTROL_WHO = 256
CONTROL_NEXT = 512
# A commit is passed by every kind of step: die there in many of them.
COUNTDOWNS = (range(1, 90) if LONG else
              (1, 2, 3, 5, 8, 13, 21, 34, 55) if SLOW == 1 else (1, 5, 21))


class Control:
    """The file through which crash points are chosen (proto/crash_point.c)."""

    def __init__(self, path, who="hf-g"):
        self.path = path
        path.write_bytes(bytes(4096))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 4096)
        who = who.encode() + b"\0"
        self.map[CONTROL_WHO:CONTROL_WHO + len(who)] = who

    def write(self, at, point, countdown):
        struct.pack_into("i", self.map, at + CONTROL_COUNT, countdown)
        name = point.encode() + b"\0"
        # The first byte last: it switches the point on.
        self.map[at + 1:at + len(name)] = name[1:]
        self.map[at:at + 1] = name[:1]

    def arm(self, point, countdown, then=None, signo=0):
        """Die there; and, at the next passage of `then`, once more."""
        struct.pack_into("i", self.map, CONTROL_SIGNAL, signo)
        if then is not None:
            self.write(CONTROL_NEXT, then, 1)
        self.write(0, point, countdown)

    def is_armed(self):
        return self.map[0] != 0

    def disarm(self):
        self.map[CONTROL_NEXT:CONTROL_NEXT + 1] = b"\0"
        self.map[0:1] = b"\0"


class Script:
    """One of everything that a gateway does, each step checked."""

    def __init__(self, node):
        self.node = node
        self.number = 0
        self.plain = Client(node, "plain")
        self.parts = Client(node, "parts")
        self.slow = Client(node, "slow", rcvbuf=4096)
        self.held = Client(node, "held")
        self.long = Client(node, "l" * 90)
        self.api = http.client.HTTPConnection("127.0.0.1", node.api_port,
                                              timeout=20 * PATIENCE)

    def next(self):
        self.number += 1
        return self.number

    def run(self):
        for step in (self.echoes, self.fragments, self.partial_header,
                     self.dispatches, self.slow_reader, self.coming_and_going,
                     self.replaced, self.kicked, self.broadcast,
                     self.protocol_error, self.resets):
            step()

    def post(self, path, body):
        self.api.request("POST", "/api/v1/gateway/" + path, json.dumps(body))
        answer = self.api.getresponse()
        return answer.status, json.loads(answer.read())

    def dispatch(self, client, pad=0):
        number = self.next()
        status, answer = self.post("dispatch", {
            "target_client_id": client, "message_id": f"m{number}",
            "event_type": "t", "payload": {"n": number, "pad": "x" * pad}})
        assert status == 200, (status, answer)
        return number

    @staticmethod
    def number_of(payload):
        return json.loads(payload)["payload"]["n"]

    def echoes(self):
        for size in (0, 1, 200, 3000, 70000):
            text = f"{self.next()}:" + "e" * size
            assert self.plain.echo(text)
        assert self.long.echo(f"{self.next()}")

    def fragments(self):
        text = f"{self.next()}:" + "f" * 5000
        data = text.encode()
        self.parts.send(frame(TEXT, data[:10], fin=False)
                        + frame(PING, b"between"))
        assert self.parts.take_answer() == (FIN | PONG, b"between")
        self.parts.send(frame(CONT, data[10:3000], fin=False))
        time.sleep(0.002)
        self.parts.send(frame(CONT, data[3000:]))
        assert self.parts.take_message(TEXT) == data

    def partial_header(self):
        text = f"{self.next()}:" + "p" * 300
        data = frame(TEXT, text)
        for piece in (data[:1], data[1:3], data[3:100], data[100:]):
            self.held.send(piece)
            time.sleep(0.001)
        assert self.held.take_message(TEXT).decode() == text

    def dispatches(self):
        for client, connection in (("plain", self.plain),
                                   ("l" * 90, self.long)):
            number = self.dispatch(client)
            assert self.number_of(connection.take_message(TEXT)) == number

    def slow_reader(self):
        """Output waits in the arena, grows, drains."""
        numbers = [self.dispatch("slow", 60000) for _ in range(12)]
        for number in numbers:
            assert self.number_of(self.slow.take_message(TEXT)) == number
        assert self.slow.echo(f"{self.next()}:" + "s" * 30000)

    def coming_and_going(self):
        for code in (1000, 3000):
            client = Client(self.node, f"guest{self.next()}")
            assert client.echo("hello")
            assert client.finish(code)[0] == code

    def replaced(self):
        name = f"twin{self.next()}"
        older = Client(self.node, name)
        newer = Client(self.node, name)
        assert older.take_close()[0] == 4001
        older.send(close_frame(4001))
        assert older.is_ended()
        older.close()
        number = self.dispatch(name)
        assert self.number_of(newer.take_message(TEXT)) == number
        newer.finish()

    def kicked(self):
        name = f"kicked{self.next()}"
        client = Client(self.node, name)
        status, answer = self.post("disconnect", {"target_client_id": name})
        assert status == 200, answer
        assert client.take_close()[0] == 4002
        client.close()

    def broadcast(self):
        number = self.next()
        status, _ = self.post("broadcast", {
            "message_id": "b", "event_type": "t", "payload": {"n": number}})
        assert status == 202
        for client in (self.plain, self.parts, self.slow, self.held,
                       self.long):
            assert self.number_of(client.take_message(TEXT)) == number

    def protocol_error(self):
        client = Client(self.node, f"wrong{self.next()}")
        client.send(frame(TEXT, b"x", masked=False))
        assert client.take_close()[0] == 1002
        client.close()

    def resets(self):
        """Leave in the middle of everything."""
        client = Client(self.node, f"gone{self.next()}")
        client.send(frame(TEXT, b"y" * 1000)[:500])
        client.socket.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER
        client.close()


def build_has_points():
    gateway = nodes.FAULTS / "holdfast-gateway"
    return gateway.exists() and b"HOLDFAST_CRASH_CONTROL" in \
        gateway.read_bytes()


def kill_once(node):
    """It may die of its own at the same moment."""
    worker = node.wait_served(1)
    try:
        os.kill(worker["tenant_pid"], signal.SIGKILL)
    except ProcessLookupError:
        pass
    node.wait_served(worker["generation"] + 1)


def try_point(node, control, script, point, countdown, then=None):
    """Die there once; false: the script does not come by."""
    control.arm(point, countdown, then)
    script.run()
    if control.is_armed():
        kill_once(node)  # adoption has points of its own
        script.run()
    reached = not control.is_armed()
    control.disarm()
    return reached


@pytest.fixture
def crashing(start, tmp_path):
    """node, control, script, and the points that the script passes."""
    if not build_has_points():
        pytest.skip("no build with crash points")
    control = Control(tmp_path / "control")
    seen = tmp_path / "points"
    node = start({"websocket.max_queue": "8MiB",
                  "worker.max_crashes": 1000}, build=nodes.FAULTS,
                 env={"HOLDFAST_CRASH_CONTROL": str(control.path),
                      "HOLDFAST_CRASH_LIST": str(seen)})
    script = Script(node)
    for _ in range(2):
        script.run()
    node.kill_tenant()
    script.run()
    points = sorted(set(seen.read_text().split()))
    assert len(points) > 20, points
    yield node, control, script, points
    assert script.plain.echo("the end")
    assert check_slot(node)["open"] == 5
    assert node.metric("closes_total", cause="quarantine") == 0
    assert node.metric("closes_total", cause="invalid") == 0


def test_every_crash_point(crashing):
    node, control, script, points = crashing
    deaths = 0
    missed = []
    for point in (name + side for name in points for side in ("", "a")):
        for countdown in COUNTDOWNS:
            if not try_point(node, control, script, point, countdown):
                break
            deaths += 1
        if countdown == COUNTDOWNS[0]:
            missed.append(point)
    print(f"{len(points)} points, {deaths} deaths, "
          f"never met by a gateway: {missed}")
    assert deaths > 2 * len(points)
    assert node.restarts("killed") > deaths
    proof.note("gateway tenant, killed at every commit point", deaths, 5,
               script.number)


def test_crash_again_during_adoption(crashing):
    """The successor dies as well, wherever it comes by."""
    node, control, script, points = crashing
    again = [name + side for name in points for side in ("", "a")
             if name.startswith(("step.c", "table"))]
    deaths = 0
    for number, point in enumerate(name for name in points
                                   if name.startswith(("step.c", "table"))):
        for then in again if LONG else again[number % 2::2 * SLOW]:
            before = node.restarts("killed")
            if try_point(node, control, script, point, 1 + number % 5, then):
                deaths += node.restarts("killed") - before
    print(f"{deaths} deaths")
    assert deaths > len(points)
    proof.note("gateway tenant, and its successor while that adopts",
               int(deaths), 5, script.number)
