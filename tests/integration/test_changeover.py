# SPDX-License-Identifier: ISC
"""The relay changes, and the node's channel is heard without gap or echo."""
import json
import os
import random
import signal
import threading
import time

import pytest

import process
import proof
from node import LONG, PATIENCE, SLOW, wait_until
# pylint: disable=unused-import
from redis_fleet import fleet, is_joined, redis
from test_api_callers import doc as call, post, raw_api
from test_redis_inbox import Reader, doc
from upgrading import Builds, Upgradable
from wire import Client

RATE = 3000 // SLOW  # messages a second
BATCH = 15
CLIENTS = 10
RESTARTS = 10
UPGRADES = 3
KILLS = 100 if LONG else 12
# A death costs some hundredths of a second; the time after which a relay gives
# up to wait for its mark is three.
MOST_LOST = RATE


class Publisher:
    """Publishes to each client in turn, numbered, as fast as RATE."""

    def __init__(self, redis, names):
        self.wire = redis.connect()
        self.names = names
        self.sent = {name: 0 for name in names}
        self.ends = False
        self.problem = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def next_message(self, number):
        name = self.names[number % len(self.names)]
        self.sent[name] += 1
        return json.dumps({"target_client_id": name, "message_id": f"m{number}",
                           "event_type": "test",
                           "payload": {"number": self.sent[name] - 1}})

    def run(self):
        number = 0
        due = time.monotonic()
        try:
            while not self.ends:
                for _ in range(BATCH):
                    self.wire.send("PUBLISH", "channel:a",
                                   self.next_message(number))
                    number += 1
                for _ in range(BATCH):
                    self.wire.take()
                due += BATCH / RATE
                time.sleep(max(0, due - time.monotonic()))
        except OSError as problem:
            self.problem = problem

    def total(self):
        return sum(self.sent.values())

    def stop(self):
        self.ends = True
        self.thread.join()
        self.wire.close()
        assert self.problem is None


class Listeners:
    """Clients that are published to."""

    def __init__(self, node, redis):
        names = [f"c{i}" for i in range(CLIENTS)]
        self.readers = {name: Reader(node, name) for name in names}
        self.publisher = Publisher(redis, names)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.publisher.ends = True
        self.publisher.thread.join()
        for reader in self.readers.values():
            reader.close()

    def wait_more(self, count):
        """So many more were published, and the last of them have come."""
        before = self.publisher.total()
        wait_until(lambda: self.publisher.total() > before + count, 30)
        sent = dict(self.publisher.sent)
        wait_until(lambda: all(
            reader.numbers and reader.numbers[-1] >= sent[name] - 1
            for name, reader in self.readers.items()), 30,
                   "the last messages")

    def lost(self):
        """How many; fails if any came twice or out of order."""
        lost = 0
        for name, reader in self.readers.items():
            numbers = list(reader.numbers)
            assert all(a < b for a, b in zip(numbers, numbers[1:])), name
            lost += self.publisher.sent[name] - len(numbers)
        return lost

    def came(self):
        return sum(len(reader.numbers) for reader in self.readers.values())

    def missing(self):
        """The numbers of those that did not come, though later ones did."""
        count, came, end = len(self.readers), set(), []
        for first, reader in enumerate(self.readers.values()):
            numbers = list(reader.numbers)
            came.update(first + count * number for number in numbers)
            end.append(first + count * numbers[-1])
        return [number for number in range(min(end)) if number not in came]

    def finish(self):
        """The last message of each has come; how many were lost."""
        self.publisher.stop()
        wait_until(lambda: all(
            reader.numbers and
            reader.numbers[-1] == self.publisher.sent[name] - 1
            for name, reader in self.readers.items()), 30, "the end")
        return self.lost()


class Fed:
    """A client that gets numbers by the node's stream, as long as it lasts:
    each comes, once and in order."""

    def __init__(self, node, redis, name="fed"):
        self.reader = Reader(node, name)
        self.redis, self.name = redis, name
        self.sent, self.ends, self.problem = 0, False, None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            with self.redis.connect() as wire:
                while not self.ends:
                    wire("XADD", "inbox:a", "*", "m",
                         doc(self.name, self.sent))
                    self.sent += 1
                    time.sleep(0.005)
        except OSError as problem:
            self.problem = problem

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ends = True
        self.thread.join()
        self.reader.close()

    def finish(self):
        self.ends = True
        self.thread.join()
        assert self.problem is None
        wait_until(lambda: len(self.reader.numbers) >= self.sent, 30)
        assert self.reader.numbers == list(range(self.sent))


class Silence:
    """The longest time in which something was sent, and nothing came."""

    def __init__(self, sent, came):
        self.sent, self.came = sent, came
        self.longest = 0
        self.ends = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        since, sent, came = time.monotonic(), self.sent(), self.came()
        while not self.ends:
            time.sleep(0.005)
            if self.came() != came or self.sent() == sent:
                since, sent, came = time.monotonic(), self.sent(), self.came()
            self.longest = max(self.longest, time.monotonic() - since)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ends = True
        self.thread.join()


def note(what, times, listeners):
    total = listeners.publisher.total()
    print(f"{what}: {total} messages, {times} times")
    proof.note(what, times, CLIENTS, total)


def test_restarts(fleet, redis):
    node = fleet(more={"node.workers": 2})
    with Listeners(node, redis) as listeners:
        for _ in range(RESTARTS):
            listeners.wait_more(RATE // 4)
            node.ctl("restart", seconds=60)
        listeners.wait_more(RATE // 4)
        assert listeners.finish() == 0
        note("relay replaced, messages by the channel", RESTARTS, listeners)
    assert "changeover_gap" not in node.log()
    assert node.log().count("slot_taken") >= RESTARTS


def test_upgrades(fleet, redis, tmp_path):
    node = fleet(more={"node.workers": 2}, kind=Upgradable)
    builds = Builds(tmp_path)
    with Listeners(node, redis) as listeners, Fed(node, redis) as fed:
        for _ in range(UPGRADES):
            listeners.wait_more(RATE // 4)
            node.upgrade(builds.copy())
        listeners.wait_more(RATE // 4)
        assert listeners.finish() == 0
        fed.finish()
        note("live upgrade, messages by the channel", UPGRADES, listeners)
    assert "changeover_gap" not in node.log()


@pytest.mark.pace
def test_callers_keep_nobody(fleet, redis):
    """One keeps its connection and one waits for a slow reader: the relay takes
    its time for them, and channel and stream go on."""
    node = fleet(more={"node.workers": 2})
    big = json.dumps(call("slow", 1, "x" * 900000)).encode()
    small = json.dumps(call("slow", 2)).encode()
    with Listeners(node, redis) as listeners, Fed(node, redis) as fed, \
            Client(node, "slow", rcvbuf=4096), \
            raw_api(node) as waits, raw_api(node) as stays:
        while node.api("POST", "/gateway/dispatch",
                       big).json()["status"] != "queued":
            pass
        waits.send(post("/gateway/dispatch?wait_ms=60000", small))
        listeners.wait_more(RATE // 4)
        stays.send(post("/gateway/dispatch", small))
        assert stays.take_head() == 200
        stays.take_body()
        begin = time.monotonic()
        with Silence(listeners.publisher.total, listeners.came) as channel, \
                Silence(lambda: fed.sent,
                        lambda: len(fed.reader.numbers)) as stream:
            node.ctl("restart", seconds=60)
            took = time.monotonic() - begin
            listeners.wait_more(RATE // 4)
        assert waits.take_head() == 200
        assert json.loads(waits.take_body())["status"] == "queued"
        assert listeners.finish() == 0
        fed.finish()
    print(f"longest silence {channel.longest:.3f} s by the channel, "
          f"{stream.longest:.3f} s by the stream, of {took:.1f} s")
    assert took > 2
    assert channel.longest < 0.5 * PATIENCE
    assert stream.longest < 0.5 * PATIENCE
    assert "changeover_gap" not in node.log()


def test_too_large(fleet, redis):
    """A relay that leaves for worker.max_rss waits for the next one."""
    node = fleet()
    with Listeners(node, redis) as listeners:
        listeners.wait_more(RATE // 4)
        node.configure({"worker.max_rss": "64KiB"})
        node.ctl("reload")
        wait_until(lambda: node.log().count("slot_taken") >= 2, 30)
        listeners.wait_more(RATE // 4)
        assert listeners.finish() == 0
        node.configure({"worker.max_rss": "0"})
        node.ctl("reload")
    assert "changeover_gap" not in node.log()


def relays():
    """All processes of the relay: old and new, keepers too."""
    return [pid for pid in process.ours()
            if process.program(pid) == "holdfast-relay"]


def kill_some(after_s):
    """A process of the relay that is there so many seconds from now."""
    time.sleep(after_s)
    pids = relays()
    if pids:
        try:
            os.kill(random.choice(pids), signal.SIGKILL)
        except ProcessLookupError:
            pass


def test_kills_in_between(fleet, redis):
    """Whoever dies: nothing twice, and it goes on."""
    node = fleet()
    node.expects_errors = True
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    random.seed(seed)
    with Listeners(node, redis) as listeners:
        missing = 0
        for _ in range(KILLS):
            killer = threading.Thread(target=kill_some, daemon=True,
                                      args=(random.uniform(0, 0.2),))
            killer.start()
            node.ctl("restart", seconds=60, check=False)
            killer.join()
            wait_until(lambda: is_joined(node), 30)
            listeners.wait_more(RATE // 20)
            listeners.lost()
            before, missing = missing, len(listeners.missing())
            assert missing - before < MOST_LOST
        lost = listeners.finish()
        total = listeners.publisher.total()
    print(f"{KILLS} kills, {lost} of {total} lost")
