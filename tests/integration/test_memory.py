# SPDX-License-Identifier: ISC
"""Memory runs short: in the arena, and in a control group.

Bytes in flight are shared memory: the kernel frees none of them by killing a
tenant, so the node itself must stop in time.  Private memory is different:
whoever has too much of it may be killed, and costs no connection.
"""
import http.client
import json
import threading
import time

import pytest

import node as nodes
import proof
from cgroup import MemoryGroup
from load import Load
from node import PATIENCE, SLOW, is_sanitized, wait_until
from slot import check_slot
from wire import TEXT, Client, Refused, frame

MIB = 1 << 20


@pytest.fixture
def group():
    """group(bytes) -> a control group, removed after its node."""
    made = []

    def make(limit):
        made.append(MemoryGroup(limit))
        return made[-1]

    yield make
    for one in made:
        wait_until(lambda: not (one.path / "cgroup.procs").read_text())
        one.remove()


@pytest.fixture
def start_in(group, start):
    """start(), in a control group: the node ends before the group."""
    def begin(limit, settings, **more):
        one = group(limit * MIB)
        return start(settings, prefix=one.prefix(), **more), one

    return begin


class Flood(threading.Thread):
    """Dispatches to clients that do not read, on and on."""

    def __init__(self, node, names):
        super().__init__(daemon=True)
        self.api = http.client.HTTPConnection("127.0.0.1", node.api_port,
                                              timeout=20 * PATIENCE)
        self.names = names
        self.is_over = threading.Event()
        self.statuses = {}
        self.error = None

    def run(self):
        try:
            number = 0
            while not self.is_over.is_set():
                self.send(self.names[number % len(self.names)], number)
                number += 1
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.error = error

    def send(self, name, number):
        self.api.request("POST", "/api/v1/gateway/dispatch", json.dumps({
            "target_client_id": name, "message_id": f"m{number}",
            "event_type": "t", "payload": "x" * 400000}))
        answer = self.api.getresponse()
        status = json.loads(answer.read()).get("status", answer.status)
        self.statuses[status] = self.statuses.get(status, 0) + 1


def drown(node, count):
    """Slow readers fill the arena; those beside them do not notice."""
    slow = [Client(node, f"slow{n}", rcvbuf=4096) for n in range(count)]
    refused = 0
    with Load(node, "sequence", "-c", 20, "-t", 0, "--interval-ms",
              20) as load:
        load.wait_ready()
        flood = Flood(node, [f"slow{n}" for n in range(count)])
        flood.start()
        try:
            deadline = time.monotonic() + 60 * SLOW
            while (node.metric("closes_total", cause="slow_consumer") == 0 or
                   not refused):
                assert time.monotonic() < deadline, flood.statuses
                assert flood.error is None, flood.error
                try:
                    Client(node).close()
                except Refused as refusal:
                    assert refusal.args[0] == 503
                    refused += json.loads(refusal.args[2])["error"] == \
                        "memory"
        finally:
            flood.is_over.set()
            flood.join()
        # Whoever came first was refused before anybody was closed.
        assert node.metric("handshakes_total", result="memory") > 0
    load.assert_whole()
    closed = node.metric("closes_total", cause="slow_consumer")
    # A slow one may also ask for more than there is just then.
    greedy = node.metric("closes_total", cause="memory")
    print(f"{closed} + {greedy} of {count} closed, {refused} refused, "
          f"{flood.statuses}")
    assert 0 < closed + greedy < count
    for client in slow:
        client.close()
    wait_until(lambda: node.connections() == 0)
    with Client(node) as client:
        assert client.echo("there is room again")
    assert check_slot(node)["chunks"] == 0


def test_slow_readers_fill_the_arena(start):
    """The budget alone: memory.max_arena."""
    node = start({"memory.max_arena": "32MiB",
                  "websocket.ping_interval": "10m",  # they answer none
                  "websocket.max_queue": "2MiB"})
    drown(node, 24)
    assert node.restarts("killed") == 0


@pytest.mark.skipif(is_sanitized(), reason="sanitizers have no room there")
def test_slow_readers_in_a_memory_group(start_in):
    """The budget of a configuration that knows nothing of the limit."""
    node, group = start_in(96, {"websocket.max_queue": "4MiB"})
    assert "arena_lowered" in node.log()
    assert node.metric("arena_bytes", what="limit") == 48 * MIB
    drown(node, 24)
    assert group.oom_kills() == 0
    assert group.used() < 96 * MIB
    assert node.restarts("killed") == 0
    assert node.metric("closes_total", cause="quarantine") == 0


@pytest.mark.skipif(is_sanitized(), reason="sanitizers have no room there")
def test_tenant_out_of_private_memory(start_in, faults):
    """The kernel kills the tenant, again and again: nobody is severed."""
    del faults  # asked for: it skips without a build to break
    node, group = start_in(128, {"worker.max_rss": 0,
                                 "worker.max_crashes": 1000},
                           build=nodes.FAULTS)
    node.expects_errors = True
    with Load(node, "sequence", "-c", 200, "-t", 0, "--interval-ms",
              20) as load:
        load.wait_ready()
        with Client(node, "leak") as client:
            for number in range(150):
                text = f"holdfast-fault:leak {number}"
                client.send(frame(TEXT, text))
                assert client.take_message(TEXT).decode() == text
            assert client.echo("the end")
        kills = group.oom_kills()
    load.assert_whole()
    print(f"{kills} killed for memory")
    assert kills >= 2
    proof.note_load("gateway tenant, killed by the kernel for its memory",
                    kills, load)
    assert node.restarts("killed") == kills
    assert node.metric("closes_total", cause="quarantine") == 0
    assert node.metric("closes_total", cause="invalid") == 0
    wait_until(lambda: node.connections() == 0)
    assert check_slot(node)["records"] == 0
