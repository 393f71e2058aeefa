# SPDX-License-Identifier: ISC
"""Messages that come through Redis: the stream and the channel of a node."""
import json
import os
import pathlib
import random
import re
import signal
import threading

import pytest

import node as nodes
from node import LONG, SLOW, wait_until
# pylint: disable=unused-import
from redis_fleet import (fleet, in_both_slots, is_joined, redis, relay_pid,
                         route)
from test_crashpoints import Control, build_has_points
from test_relay_crash import kill, wait_relay
from wire import Client, Closed

KILLS = 200 if LONG else 10 // SLOW


def doc(client, number, **more):
    return json.dumps({"target_client_id": client, "message_id": f"m{number}",
                       "event_type": "test",
                       "payload": {"number": number, **more}})


def add(redis, node, client, number, *fields, at="*", **more):
    return redis("XADD", f"inbox:{node}", at, "m",
                 doc(client, number, **more), *fields)


def number_of(message):
    return json.loads(message)["payload"]["number"]


def metric(node, name):
    return node.metric(name + "_total")


def listen(redis, channel):
    """A connection that is subscribed; take() on it."""
    wire = redis.connect()
    wire("SUBSCRIBE", channel)
    return wire


class Reader:
    """Takes all that its client is sent."""

    def __init__(self, node, name):
        self.client = Client(node, name)
        self.numbers = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while True:
                self.numbers.append(number_of(self.client.take_message()))
        except (Closed, OSError, AssertionError):
            pass

    def close(self):
        self.client.socket.shutdown(2)
        self.thread.join()
        self.client.close()


def test_channel(fleet, redis):
    node = fleet()
    with Client(node, "alice") as alice:
        body = doc("alice", 1) + " "
        assert redis("PUBLISH", "channel:a", body) == 1
        assert alice.take_message() == body.encode()
        for nonsense in ("", "{", "[]", "{}", '{"holdfast":', "\0",
                         '{"holdfast":"replaced"}', '{"holdfast":"new"}',
                         '{"holdfast":"receipt","token":"x","status":"y"}',
                         '{"holdfast":"receipt","token":"65536",'
                         '"status":"delivered"}'):
            redis("PUBLISH", "channel:a", nonsense)
        redis("PUBLISH", "channel:a", f"[{doc('alice', 2)}, "
              f"{doc('nobody', 3)}, {doc('alice', 4)}]")
        assert [number_of(alice.take_message()) for _ in "ab"] == [2, 4]
    assert metric(node, "pushes_bad") >= 5
    assert node.restarts("fault") == 0


def test_channel_in_a_burst(fleet, redis):
    """More than a ring holds waits for room in it, for a moment."""
    node = fleet(more={"worker.stall": "10s",
                       "websocket.max_queue": "16MiB"})
    with Client(node, "alice") as alice:
        os.kill(node.tenant(), signal.SIGSTOP)
        with redis.connect() as wire:
            for number in range(90):
                wire.send("PUBLISH", "channel:a",
                          doc("alice", number, pad="x" * 60000))
            assert [wire.take() for _ in range(90)] == [1] * 90
        wait_until(lambda: metric(node, "pushes") == 90)
        os.kill(node.tenant(), signal.SIGCONT)
        assert [number_of(alice.take_message())
                for _ in range(90)] == list(range(90))
    assert node.metric("dispatches_total", status="busy") == 0


@pytest.mark.pace
def test_channel_goes_on_beside(fleet, redis):
    """A gateway that stands still keeps up its own clients and no others, and
    those find all of it when it goes on."""
    node = fleet(more={"worker.stall": "10s", "node.workers": 2,
                       "websocket.max_queue": "16MiB"})
    clients = in_both_slots(node)
    places = [node.control("where", client=f"w{i}")["slot"]
              for i in range(len(clients))]
    behind, beside = places.index(0), places.index(1)
    stopped = node.tenants("gateway")[0]
    os.kill(stopped, signal.SIGSTOP)
    with redis.connect() as wire:
        for number in range(90):
            wire.send("PUBLISH", "channel:a",
                      doc(f"w{behind}", number, pad="x" * 60000))
            wire.send("PUBLISH", "channel:a", doc(f"w{beside}", number))
        assert [number_of(clients[beside].take_message())
                for _ in range(90)] == list(range(90))
        assert [wire.take() for _ in range(180)] == [1] * 180
    os.kill(stopped, signal.SIGCONT)
    assert [number_of(clients[behind].take_message())
            for _ in range(90)] == list(range(90))
    assert node.metric("dispatches_total", status="busy") == 0
    for client in clients:
        client.close()


def test_stream(fleet, redis):
    """In order, trimmed once taken; the asker is told."""
    node = fleet()
    with Client(node, "alice") as alice, listen(redis, "channel:me") as me:
        for number in range(100):
            add(redis, "a", "alice", number)
        add(redis, "a", "alice", 100, "r", "me", "t", "77", "w", "100")
        assert [number_of(alice.take_message())
                for _ in range(101)] == list(range(101))
        said = json.loads(me.take()[2])
        assert said == {"holdfast": "receipt", "token": "77",
                        "status": "delivered"}
        add(redis, "a", "nobody", 1, "r", "me", "t", "78")
        assert json.loads(me.take()[2])["status"] == "not_connected"
        for fields in (("m", "{"), ("x", "y"), ("m", "[]"), ("m", "\0")):
            redis("XADD", "inbox:a", "*", *fields)
        wait_until(lambda: metric(node, "inbox_bad") == 4)
        wait_until(lambda: redis("XLEN", "inbox:a") == 0)
        add(redis, "a", "alice", 101)
        assert number_of(alice.take_message()) == 101
    assert metric(node, "inbox_lost") == 0
    assert metric(node, "inbox_resets") == 0


def test_other_node(fleet, redis):
    """Any node takes a dispatch, and its answer is true."""
    a, b = fleet("a"), fleet("b")
    with Client(b, "bob") as bob:
        wait_until(lambda: route(redis, "bob") == "b")
        body, answer = a.dispatch("bob")
        assert answer.status == 200
        assert answer.json() == {"message_id": "m1", "status": "delivered",
                                 "gateway_node_id": "b"}
        assert bob.take_message() == body
        both = [json.loads(doc(name, 2)) for name in ("bob", "nobody")]
        answer = a.api("POST", "/gateway/dispatch", both).json()
        assert [one["status"] for one in answer] == ["delivered",
                                                     "not_connected"]
        bob.take_message()
    wait_until(lambda: route(redis, "bob") is None)
    assert a.dispatch("bob")[1].status == 404


def test_stale_route(fleet, redis):
    """A route to a node that has no such client goes away when it is used."""
    a, b = fleet("a"), fleet("b")
    for node in "ab":
        redis("SET", "user-route:ghost", node)
        assert a.dispatch("ghost")[1].json()["status"] == "not_connected"
        wait_until(lambda: route(redis, "ghost") is None)
    redis("SET", "user-route:ghost", "a")
    redis("PUBLISH", "channel:a", doc("ghost", 1))
    wait_until(lambda: route(redis, "ghost") is None)
    assert b.restarts("fault") == 0


def test_node_that_is_gone(fleet, redis):
    """Nobody reads that stream: unknown in time, and 503 when it is full."""
    a = fleet("a", {"api.request_timeout": "200ms", "redis.inbox_max": 3})
    redis("SET", "user-route:ghost", "gone")
    for _ in range(3):
        answer = a.dispatch("ghost")[1]
        assert (answer.status, answer.json()["status"]) == (504, "unknown")
    answer = a.dispatch("ghost")[1]
    assert (answer.status, answer.json()["status"]) == (503, "busy")
    assert redis("XLEN", "inbox:gone") == 3


def test_redis_stops(fleet, redis):
    """Answers come in time, and nothing of this node waits."""
    a, b = fleet("a"), fleet("b")
    with Client(b, "bob") as bob, Client(a, "alice"):
        wait_until(lambda: route(redis, "bob") == "b")
        redis.pause()
        assert a.dispatch("alice")[1].json()["status"] == "delivered"
        assert a.dispatch("bob")[1].status in (503, 504)
        wait_until(lambda: not a.control("status")["redis"]["connected"])
        assert a.dispatch("bob")[1].json()["status"] == "busy"
        redis.go_on()
        wait_until(lambda: is_joined(a) and is_joined(b))
        wait_until(lambda: a.dispatch("bob", 7)[1].status == 200)
        assert number_of(bob.take_message()) in (1, 7)


def test_earlier_life(fleet, redis):
    """What was meant for it is not delivered, and that is told."""
    for number in range(5):
        add(redis, "a", "alice", number, "r", "me", "t", str(number))
    with listen(redis, "channel:me") as me:
        node = fleet(is_started=False)
        node.start()
        said = [json.loads(me.take()[2]) for _ in range(5)]
        assert {one["status"] for one in said} == {"not_connected"}
    assert metric(node, "inbox_old") == 5
    with Client(node, "alice") as alice:
        add(redis, "a", "alice", 6)
        assert number_of(alice.take_message()) == 6


def test_trimmed_by_others(fleet, redis):
    """A gap is counted; the rest comes."""
    node = fleet()
    with Client(node, "alice") as alice:
        add(redis, "a", "alice", 0)
        assert number_of(alice.take_message()) == 0
        wait_until(lambda: redis("XLEN", "inbox:a") == 0)
        with redis.connect() as wire:
            wire("MULTI")
            for number in range(1, 11):
                wire("XADD", "inbox:a", "MAXLEN", "4", "*", "m",
                     doc("alice", number))
            wire("EXEC")
        assert [number_of(alice.take_message()) for _ in range(4)] == \
            [7, 8, 9, 10]
        wait_until(lambda: metric(node, "inbox_lost") == 6)
        add(redis, "a", "alice", 11)
        assert number_of(alice.take_message()) == 11
    assert metric(node, "inbox_lost") == 6
    assert metric(node, "inbox_resets") == 0


@pytest.mark.parametrize("how", ["flush", "older"])
def test_forgets(fleet, redis, how):
    """Its memory is gone, or that of an older replica: counted, and on."""
    node = fleet()
    with Client(node, "alice") as alice:
        for number in range(20):
            add(redis, "a", "alice", number)
            assert number_of(alice.take_message()) == number
        if how == "flush":
            redis("FLUSHALL")
        else:
            redis("DEL", "inbox:a")
            add(redis, "a", "nobody", 1, at="5-0")
        wait_until(lambda: metric(node, "inbox_resets") == 1)
        # Unless it was asked when nothing was there.
        assert metric(node, "inbox_skipped") <= (how == "older")
        ids = ("5-1", "5-2") if how == "older" else ("*", "*")
        for number, at in enumerate(ids, 100):
            add(redis, "a", "alice", number, at=at)
            assert number_of(alice.take_message()) == number
    assert metric(node, "inbox_lost") == 0


def feed(redis, node, names, count, stop=None):
    """Number by number to each client; as fast as it goes."""
    with redis.connect() as wire:
        for number in range(count):
            if stop is not None and stop.is_set():
                return number
            for name in names:
                wire("XADD", f"inbox:{node}", "*", "m",
                     doc(name, number, pad="x" * 300))
    return count


def check(readers, count):
    for reader in readers:
        wait_until(lambda r=reader: len(r.numbers) >= count, 20,
                   f"{count} messages")
        assert reader.numbers == list(range(count))
        reader.close()


@pytest.mark.parametrize("who", ["relay", "gateway", "both"])
def test_once_though_all_die(fleet, redis, who):
    """Every entry once and in order, whoever is killed under load."""
    node = fleet(more={"node.workers": 2, "worker.backoff": "1ms"})
    names = [f"c{i}" for i in range(8)]
    readers = [Reader(node, name) for name in names]
    count, chance = 150 * KILLS, random.Random(5)
    feeder = threading.Thread(target=feed, args=(redis, "a", names, count))
    feeder.start()
    for turn in range(KILLS):
        goal = sum(len(r.numbers) for r in readers) + chance.randrange(200)
        wait_until(lambda g=goal: sum(len(r.numbers) for r in readers) >= g
                   or not feeder.is_alive(), 20)
        kinds = {"relay": ["relay"], "gateway": ["gateway"],
                 "both": ["relay", "gateway"]}[who]
        for kind in kinds:
            node.kill_one(kind, turn)
    feeder.join()
    check(readers, count)
    assert "inbox_gap" not in node.log()
    assert "inbox_reset" not in node.log()
    assert node.restarts("killed") > (2 if SLOW == 1 else 0)


def test_once_through_restarts(fleet, redis):
    """Recycled, and given to other keepers, under load."""
    node = fleet(more={"node.workers": 2})
    names = [f"c{i}" for i in range(4)]
    readers = [Reader(node, name) for name in names]
    stop, total = threading.Event(), []
    feeder = threading.Thread(target=lambda: total.append(
        feed(redis, "a", names, 10 ** 9, stop)))
    feeder.start()
    node.ctl("restart", seconds=60)
    node.ctl("restart", "--keepers", seconds=60)
    stop.set()
    feeder.join()
    check(readers, total[0])


def test_slow_client_holds_nobody(fleet, redis):
    """A ring that is full makes the stream wait; nothing is lost."""
    node = fleet(more={"worker.stall": "10s"})
    with Client(node, "alice") as alice:
        os.kill(node.tenant(), signal.SIGSTOP)
        big = "x" * 60000
        for number in range(120):
            add(redis, "a", "alice", number, pad=big)
        wait_until(lambda: metric(node, "inbox_pauses") > 0)
        os.kill(node.tenant(), signal.SIGCONT)
        assert [number_of(alice.take_message())
                for _ in range(120)] == list(range(120))
    assert node.restarts("killed") == 0


def sent_by(redis):
    """Bytes that redis-server has sent."""
    return int(next(line for line in redis("INFO", "stats").splitlines()
                    if line.startswith("total_net_output_bytes:"))
               .partition(":")[2])


def private_kib(pid):
    """Memory of a process that it shares with nobody."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"RssAnon:\s+(\d+)", status)[1])


def test_large_entries_wait(fleet, redis):
    """What has to wait for a gateway is read about once, and little of it is
    in memory at a time."""
    node = fleet(more={"worker.stall": "10s", "websocket.max_queue": "64MiB",
                       "memory.max_arena": "128MiB"})
    count, pad = 60, "x" * 700000
    with Client(node, "alice") as alice:
        pid = relay_pid(node)
        before, memory = sent_by(redis), private_kib(pid)
        os.kill(node.tenant(), signal.SIGSTOP)
        for number in range(count):
            add(redis, "a", "alice", number, pad=pad)
        wait_until(lambda: metric(node, "inbox_pauses") > 20)
        # Sanitizers keep what was freed.
        assert nodes.is_sanitized() or private_kib(pid) - memory < 8 * 1024
        # What the ring holds, and one that waits for it.
        assert sent_by(redis) - before < 12 * len(pad)
        os.kill(node.tenant(), signal.SIGCONT)
        for number in range(count):
            assert number_of(alice.take_message()) == number
    assert node.restarts("killed") == 0
    assert sent_by(redis) - before < 2.5 * count * len(pad)


def restart_relay(node):
    """Its start has points of its own."""
    before = wait_until(lambda: next(
        (one for one in node.workers("relay") if one["tenant_pid"]), None))
    kill(before)
    wait_relay(node, before["generation"] + 1)


def test_every_crash_point(fleet, redis, tmp_path):
    """The relay dies before and after each commit of a delivery."""
    if not build_has_points():
        pytest.skip("no build with crash points")
    control, seen = Control(tmp_path / "control", "hf-r"), tmp_path / "points"
    node = fleet(more={"worker.backoff": "1ms"}, build=nodes.FAULTS,
                 env={"HOLDFAST_CRASH_CONTROL": str(control.path),
                      "HOLDFAST_CRASH_LIST": str(seen)})
    number, deaths = 0, 0
    with Client(node, "alice") as alice:
        def some():
            """A few messages; each comes once and in order."""
            nonlocal number
            for _ in range(3):
                add(redis, "a", "alice", number)
                add(redis, "a", "nobody", number)
                number += 1
            assert [number_of(alice.take_message()) for _ in range(3)] == \
                list(range(number - 3, number))

        some()
        restart_relay(node)
        some()
        points = sorted({name for name in seen.read_text().split()
                         if name.startswith(("slot_inbox", "inbox", "deliver",
                                             "shards", "ring"))})
        assert len(points) >= 4, points
        for point in (name + side for name in points for side in ("", "a")):
            for countdown in (1, 2, 3):
                before, = node.workers("relay")
                control.arm(point, countdown)
                some()
                if control.is_armed():
                    restart_relay(node)
                if control.is_armed():
                    control.disarm()
                    continue
                deaths += 1
                wait_relay(node, before["generation"] + 1)
                some()
        assert alice.is_quiet()
    print(f"{len(points)} points, {deaths} deaths")
    assert deaths > len(points)
    assert metric(node, "inbox_lost") == 0
