# SPDX-License-Identifier: ISC
"""Clients' messages on their way into Redis: none is lost, and repeats can be
told."""
import itertools
import os
import random
import select
import signal
import threading
import time
import zlib

import pytest

import node as nodes
from ingress import Consumer
from node import LONG, SLOW, wait_until
# pylint: disable=unused-import
from redis_fleet import fleet, redis, relay_pid
from test_crashpoints import Control, build_has_points
from test_redis_inbox import restart_relay
from test_relay_crash import kill, wait_relay
from upgrading import Upgradable
from wire import BINARY, CONT, DEFLATE, PING, PONG, RSV1, TEXT, Client, frame

STREAM = {"upstream.mode": "stream", "worker.backoff": "1ms"}
KILLS = 200 if LONG else 12 // SLOW


@pytest.fixture
def consume(redis):
    """consume() -> a Consumer."""
    made = []

    def begin(**how):
        made.append(Consumer(redis, **how))
        return made[-1]
    yield begin
    for consumer in made:
        consumer.close()


def metric(node, name, **labels):
    return node.metric(name + "_total", **labels)


class Sender:
    """Numbers what it sends, as fast as that is taken."""

    def __init__(self, node, name, pad=100, pace=0):
        self.name = name
        self.pace = pace
        self.client = Client(node, name)
        self.client.socket.settimeout(60 * SLOW)
        self.sent = 0
        self.stop = threading.Event()
        self.pad = "x" * pad
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stop.is_set():
            self.client.send_text(f"{self.sent} {self.pad}")
            self.sent += 1
            if self.pace:
                self.stop.wait(self.pace)

    def end(self):
        self.stop.set()
        self.thread.join()
        return self.sent


def check(consumer, senders):
    """All that was sent has come, once and in order."""
    total = sum(sender.end() for sender in senders)
    consumer.wait(total, 60)
    for sender in senders:
        numbers = [int(text.split()[0])
                   for text in consumer.texts(sender.name)]
        assert numbers == list(range(sender.sent))
        sender.client.close()


def test_wakes_up_after_a_burst(fleet, redis, consume):
    """Of more than the relay looks at in advance: what comes after it must
    not wait for the next look, once a second."""
    node, consumer = fleet("a", STREAM), consume()
    times, burst = [], 10000
    with Client(node, "alice") as client:
        for turn in range(6):
            redis.pause()
            client.send(frame(TEXT, "x") * burst)
            wait_until(lambda t=turn: node.metric("upstream_messages_total")
                       >= (t + 1) * burst)
            redis.go_on()
            consumer.wait((turn + 1) * (burst + 1) - 1, 60)
            begun = time.monotonic()
            client.send_text("after it")
            consumer.wait((turn + 1) * (burst + 1))
            times.append(time.monotonic() - begun)
    # A loaded machine may be late now and then.
    assert sorted(times)[2] < 0.2, times


def test_fields(fleet, redis, consume):
    """Of text, binary, fragments and compressed ones; in one partition for
    each client, whatever node it is connected to."""
    nodes_, consumer = [fleet("a", STREAM), fleet("b", STREAM)], consume()
    begun = time.time() * 1000
    seen = {}
    for turn, node in enumerate(nodes_):
        for number in range(30):
            with Client(node, f"c{number}", headers=[DEFLATE]) as client:
                client.send_text("eins")
                client.send(frame(TEXT, "zw", fin=False) + frame(PING, "p")
                            + frame(CONT, "ei"))
                assert client.take_frame() == (0x80 | PONG, b"p")
                client.send(frame(BINARY, "drei"))
                packer = zlib.compressobj(wbits=-15)
                packed = packer.compress(b"vier" * 50) + packer.flush(
                    zlib.Z_SYNC_FLUSH)
                client.send(frame(TEXT, packed[:-4], rsv=RSV1))
                consumer.wait(4 * (30 * turn + number + 1))
                mine = consumer.taken[-4:]
                seen.setdefault(client, []).append(mine)
                assert [fields["data"] for _, fields in mine] == \
                    ["eins", "zwei", "drei", "vier" * 50]
                assert [fields["seq"] for _, fields in mine] == list("1234")
                assert [fields["type"] for _, fields in mine] == \
                    ["text", "text", "binary", "text"]
                for key, fields in mine:
                    assert key == mine[0][0]
                    assert fields["client_id"] == f"c{number}"
                    assert fields["node"] == "ab"[turn]
                    assert fields["connection"] == mine[0][1]["connection"]
                    assert begun - 1000 < int(fields["received_at"])
    keys = [{}, {}]
    for key, fields in consumer.taken:
        keys["ab".index(fields["node"])][fields["client_id"]] = key
    assert keys[0] == keys[1]
    assert len(set(keys[0].values())) > 8
    assert metric(nodes_[0], "upstream_messages") == 120
    assert metric(nodes_[0], "ingress_added") == 120


def test_size(fleet, consume):
    """1 MiB passes, and that is what can be configured."""
    node, consumer = fleet(more={**STREAM, "websocket.max_message": "1MiB"}), \
        consume()
    with Client(node, "big") as client:
        for size in (0, 1 << 20, 70000, 1 << 20, 1 << 20, 1 << 20, 1 << 20):
            client.send(frame(BINARY, b"y" * size, key=b"\0\0\0\0"))
        consumer.wait(7)
        assert [len(text) for text in consumer.texts("big")] == \
            [0, 1 << 20, 70000] + [1 << 20] * 4
        client.send(frame(BINARY, b"y" * ((1 << 20) + 1), key=b"\0\0\0\0"))
        assert client.take_close()[0] == 1009


def wait_held(senders):
    """No socket takes any more."""
    wait_until(lambda: not select.select(
        [], [sender.client.socket for sender in senders], [], 0.2)[1], 30,
        "senders to be held")


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_redis_away(fleet, redis, consume, how):
    """Clients that send wait; the rest goes on; nothing is lost."""
    node, consumer = fleet(more=STREAM), consume(trims=False)
    with Client(node, "quiet") as quiet:
        senders = [Sender(node, f"c{number}", 20000) for number in range(6)]
        wait_until(lambda: consumer.taken)
        redis.pause()
        wait_held(senders)
        assert metric(node, "upstream_pauses") >= 6
        for number in range(3):
            quiet.send(frame(PING, str(number)))
            assert quiet.take_frame() == (0x80 | PONG, str(number).encode())
            assert node.dispatch("quiet")[1].json()["status"] == "delivered"
            quiet.take_message()
            assert node.dispatch("c0")[1].json()["status"] == "delivered"
        if how == "killed":
            node.kill_tenant()
            kill(node.workers("relay")[0])
        redis.go_on()
        check(consumer, senders)
    assert metric(node, "ingress_lost") == 0
    assert metric(node, "upstream_refused") == 0


def test_full(fleet, redis, consume):
    """Nobody reads the streams: they stop growing, and go on when somebody
    does."""
    node = fleet(more={**STREAM, "upstream.max_length": 50,
                       "upstream.partitions": 2})
    senders = [Sender(node, f"c{number}", 20000) for number in range(4)]
    wait_held(senders)
    lengths = [redis("XLEN", f"ingress:{number}") for number in range(2)]
    assert 50 <= max(lengths) < 50 + 64
    assert metric(node, "ingress_retries", cause="full") > 0
    check(consume(partitions=2), senders)


def test_wrong_type(fleet, redis, consume):
    """A key of that name is somebody else's: those wait until it is gone."""
    redis("SET", "ingress:0", "mine")
    node = fleet(more={**STREAM, "upstream.partitions": 1})
    with Client(node, "alice") as alice:
        alice.send_text("hello")
        wait_until(lambda: metric(node, "ingress_retries", cause="fault") > 0)
        redis("DEL", "ingress:0")
        consumer = consume(partitions=1)
        consumer.wait(1)
        assert consumer.texts("alice") == ["hello"]


def test_modes(fleet, consume):
    """Switched while clients are connected.  Gateways learn of a reload a
    moment after its answer: what is sent meanwhile still goes the old way,
    and nothing goes both ways or neither."""
    node = fleet(more={"upstream.mode": "echo",
                       "websocket.ping_interval": "60s"})
    consumer = consume()
    gone = {"echo": [], "stream": []}
    with Client(node, "alice") as alice:
        def way(text):
            alice.send_text(text)
            took = wait_until(
                lambda: "stream" if text in consumer.texts("alice")
                else not alice.is_quiet(0.01) and "echo")
            if took == "echo":
                assert alice.take_message() == text.encode()
            gone[took].append(text)
            return took

        assert way("before") == "echo"
        for mode in "stream", "echo":
            node.configure({"upstream.mode": mode})
            node.control("reload")
            tries = (way(f"{mode} {n}") for n in itertools.count())
            wait_until(lambda m=mode, t=tries: next(t) == m)
        assert alice.is_quiet()
    assert consumer.texts("alice") == gone["stream"]


@pytest.mark.parametrize("who", ["relay", "gateway", "both"])
def test_all_die(fleet, redis, consume, who):
    """Under load, whoever is killed."""
    node, consumer = fleet(more={**STREAM, "node.workers": 2}), consume()
    senders = [Sender(node, f"c{number}", pace=0.002) for number in range(8)]
    kinds = ["relay", "gateway"] if who == "both" else [who]
    chance = random.Random(7)
    for turn in range(KILLS):
        goal = len(consumer.taken) + chance.randrange(500)
        wait_until(lambda g=goal: len(consumer.taken) >= g, 30)
        for kind in kinds:
            node.kill_one(kind, turn)
    check(consumer, senders)
    print(f"{len(consumer.taken)} messages, {consumer.repeats} repeats")
    assert metric(node, "ingress_lost") == 0
    assert node.restarts("killed") > (2 if SLOW == 1 else 0)


def test_restarts(fleet, consume):
    """Recycled and given to other keepers: no repeats either."""
    node, consumer = fleet(more={**STREAM, "node.workers": 2}), consume()
    senders = [Sender(node, f"c{number}", pace=0.001) for number in range(4)]
    node.ctl("restart", seconds=60)
    node.ctl("restart", "--keepers", seconds=60)
    check(consumer, senders)
    assert consumer.repeats == 0


def test_upgrades(fleet, consume):
    """holdfastd and all workers replaced, three times, under load."""
    node, consumer = fleet(more={**STREAM, "node.workers": 2},
                           kind=Upgradable), consume()
    senders = [Sender(node, f"c{number}", pace=0.001) for number in range(6)]
    for turn in range(3):
        before = len(consumer.taken)
        node.upgrade()
        wait_until(lambda b=before: len(consumer.taken) > b + 100, 20)
        assert not consumer.gaps, (turn, consumer.gaps[:3])
    check(consumer, senders)
    assert consumer.repeats == 0
    assert metric(node, "ingress_lost") == 0


def test_upgrades_while_relays_die(fleet, consume):
    """What Redis had from one that died comes again, with its number."""
    node, consumer = fleet(more={**STREAM, "node.workers": 2},
                           kind=Upgradable), consume()
    # An upgrade whose relay dies just then may be refused; the old goes on.
    node.expects_errors = True
    senders = [Sender(node, f"c{number}", pace=0.001) for number in range(6)]
    chance, done = random.Random(11), 0

    def kill_relay(pidfd, goal):
        wait_until(lambda: len(consumer.taken) >= goal, 20)
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.close(pidfd)
    for _ in range(4):
        killer = threading.Thread(target=kill_relay, args=(
            os.pidfd_open(relay_pid(node)),
            len(consumer.taken) + chance.randrange(1500)))
        killer.start()
        done += node.upgrade(check=False)[1] == 0
        killer.join()
        wait_until(lambda: all(node.tenants("relay")), 20)
    check(consumer, senders)
    print(f"{done} of 4 upgrades, {len(consumer.taken)} messages, "
          f"{consumer.repeats} repeats")
    assert done > 0
    assert metric(node, "ingress_lost") == 0


@pytest.mark.parametrize("who", ["hf-r", "hf-g"])
def test_every_crash_point(fleet, redis, consume, tmp_path, who):
    """Dies before and after each commit on the way."""
    if not build_has_points():
        pytest.skip("no build with crash points")
    control, seen = Control(tmp_path / "control", who), tmp_path / "points"
    node = fleet(more=STREAM, build=nodes.FAULTS,
                 env={"HOLDFAST_CRASH_CONTROL": str(control.path),
                      "HOLDFAST_CRASH_LIST": str(seen)})
    consumer, sent, deaths = consume(), [], 0
    with Client(node, "alice") as alice:
        def some():
            for _ in range(3):
                sent.append(str(len(sent)))
                alice.send_text(sent[-1])
            wait_until(lambda: consumer.texts("alice") == sent)

        some()
        (restart_relay if who == "hf-r" else lambda n: n.kill_tenant())(node)
        some()
        names = ("ingress", "ring") if who == "hf-r" else ("upstream", "ring",
                                                           "step", "conn")
        points = sorted({name for name in seen.read_text().split()
                         if name.startswith(names)})
        assert len(points) >= 4, points
        for point in (name + side for name in points for side in ("", "a")):
            for countdown in (1, 2, 3) if SLOW == 1 else (1,):
                before = node.workers("relay" if who == "hf-r"
                                      else "gateway")[0]
                control.arm(point, countdown)
                some()
                some()  # Redis may have the first before the commit
                if control.is_armed():
                    control.disarm()
                    continue
                deaths += 1
                if who == "hf-r":
                    wait_relay(node, before["generation"] + 1)
                else:
                    node.wait_served(before["generation"] + 1)
                some()
        assert alice.is_quiet()
    print(f"{len(points)} points, {deaths} deaths, {consumer.repeats} repeats")
    assert deaths > len(points) / 2
    assert not consumer.gaps
