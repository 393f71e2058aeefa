# SPDX-License-Identifier: ISC
"""Everything at once that can happen to a fleet: parts of nodes die, nodes
stand still, lose their power, drain; Redis loses its links, its memory, its
life.  After each deed the fleet has to be whole again by itself: everybody
connected, every route right, no leader but one.  HOLDFAST_SEED repeats a run.
"""
import collections
import concurrent.futures
import functools
import http.client
import json
import os
import random
import signal
import threading
import time

import pytest

from flock import Flock
from node import ControlError, LONG, PATIENCE, wait_until
# pylint: disable=unused-import
from test_fleet import FAST, LEASE, events, kill_all, redis, shown, states

NODES = 4
BIRDS = 200
SECONDS = 900 if LONG else 40
SETTINGS = {**FAST, "membership.max_failovers_per_hour": 60,
            "storm.min_window": "1s", "admission.retry_after": "1s",
            "drain.window": "1s", "drain.lb_wait": "100ms",
            "redis.ping_interval": "1s", "redis.backoff": "10ms"}


class Talk(threading.Thread):
    """Dispatches to one bird after the other, by one node after the other."""

    def __init__(self, nodes, birds, seed):
        super().__init__(daemon=True)
        self.nodes = nodes
        self.birds = birds
        self.random = random.Random(seed)
        self.ending = threading.Event()
        self.told = []  # (when, bird, document, status)

    def run(self):
        number = 0
        while not self.ending.wait(0.02):
            number += 1
            bird = self.random.choice(self.birds)
            text = json.dumps({"target_client_id": bird.name,
                               "message_id": f"{number}", "event_type": "t",
                               "payload": 0}, separators=(",", ":"))
            when = time.monotonic()
            try:
                answer = self.random.choice(self.nodes).api(
                    "POST", "/gateway/dispatch", text).json()
                status = answer.get("status") or answer["error"]
            except (OSError, http.client.HTTPException, ValueError):
                status = "no answer"
            self.told.append((when, bird, text, status))

    def stop(self):
        self.ending.set()
        self.join(60 * PATIENCE)
        assert not self.is_alive()

    def judge(self, flock):
        """Nothing came twice; what was delivered came, unless its connection
        was lost around then."""
        come = collections.Counter(text for bird in self.birds
                                   for _, text in bird.messages)
        assert not [text for text, times in come.items() if times > 1]
        lost = collections.defaultdict(list)
        for when, bird, _ in flock.severed + flock.left:
            lost[bird].append(when)
        missing = [(when, bird.name, text)
                   for when, bird, text, status in self.told
                   if status == "delivered" and text not in come
                   and not any(when - 1 < end < when + 30
                               for end in lost[bird])]
        assert not missing, missing[:5]
        return collections.Counter(status for *_, status in self.told)


class Chaos:
    """What may happen to a fleet."""

    def __init__(self, nodes, flock, redis, seed):
        self.nodes = nodes
        self.flock = flock
        self.redis = redis
        self.random = random.Random(seed)
        self.done = collections.Counter()
        self.to_nodes = [self.kill_relay, self.kill_gateway,
                         self.kill_supervisor, self.kill_relay_too,
                         self.stand_still, self.power_off, self.recycle,
                         self.drain]
        self.to_redis = [self.cut_links, self.flush, self.hang_redis,
                         self.restart_redis]

    # ---- deeds

    def kill_relay(self, node):
        node.kill_one("relay", 0)

    def kill_gateway(self, node):
        node.kill_one("gateway", 0)

    def kill_supervisor(self, node):
        node.kill_supervisor()
        time.sleep(self.random.uniform(0, LEASE + 2))
        node.spawn()

    def kill_relay_too(self, node):
        pid, = node.tenants("relay")
        node.kill_supervisor()
        os.kill(pid, signal.SIGKILL)
        time.sleep(self.random.uniform(0, 2))
        node.spawn()

    def stand_still(self, node):
        pids = [node.pid]
        for worker in node.control("workers")["workers"]:
            pids += [worker["keeper_pid"], worker["tenant_pid"]]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(self.random.uniform(0, LEASE + 5))
        for pid in pids:
            os.kill(pid, signal.SIGCONT)

    def power_off(self, node):
        self.flock.down(node)
        kill_all(node)
        time.sleep(self.random.uniform(0, LEASE + 5))
        node.expected_exit = 0
        for name in ("slots", "settings", "supervisor.sock", "control.sock",
                     "holdfastd.pid"):
            (node.run_dir / name).unlink(missing_ok=True)
        node.port = None
        node.start()
        self.flock.up(node)

    def recycle(self, node):
        node.ctl("restart", seconds=60)

    def drain(self, node):
        self.flock.down(node)
        node.control("drain", window_ms=1000)
        wait_until(lambda: node.connections() == 0, 60, "it to be empty")
        time.sleep(self.random.uniform(0, 2))
        node.control("undrain")
        self.flock.up(node)

    def cut_links(self):
        for kind in self.random.choice([("normal",), ("pubsub",),
                                        ("normal", "pubsub")]):
            self.redis("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

    def flush(self):
        self.redis("FLUSHALL")

    def hang_redis(self):
        self.redis.pause()
        time.sleep(self.random.uniform(0, LEASE + 3))
        self.redis.go_on()

    def restart_redis(self):
        self.redis.kill()
        time.sleep(self.random.uniform(0, LEASE + 3))
        self.redis.start()

    # ---- what must be so afterwards

    def is_whole(self):
        """All nodes are ready and healthy in each other's eyes, and one leads.
        """
        names = {node.settings["node.id"] for node in self.nodes}
        try:
            return all(node.is_ready() and
                       states(node) == dict.fromkeys(names, "healthy") and
                       node.control("status")["redis"]["routes"] == "synced"
                       for node in self.nodes) and \
                sum(shown(node)["leads"] for node in self.nodes) == 1
        except (OSError, ControlError, KeyError):
            return False

    def wrong_routes(self):
        """Clients whose route does not lead to where they are, and routes of
        clients that are nowhere."""
        there = {bird.name: bird.node.settings["node.id"]
                 for bird in self.flock.birds if bird.is_open}
        keys = self.redis("KEYS", "user-route:*")
        said = {key.partition(":")[2]: owner for key, owner in
                zip(keys, self.redis("MGET", *keys) if keys else [])}
        for node in {bird.node for bird in self.flock.birds}:
            name = node.settings["node.id"]
            listed = set(self.redis("HKEYS", f"node-clients:{name}"))
            there_listed = {bird for bird, at in there.items() if at == name}
            for bird in listed ^ there_listed:
                said[bird] = f"{said.get(bird)}, listed by {name}"
        return {name: (there.get(name), said.get(name))
                for name in there.keys() | said.keys()
                if there.get(name) != said.get(name)}

    def settle(self):
        wait_until(self.is_whole, 60, "the fleet to be whole")
        wait_until(lambda: self.flock.open_count() == BIRDS, 60, "all birds")
        try:
            wait_until(lambda: not self.wrong_routes(), 20)
        except AssertionError:
            raise AssertionError(self.wrong_routes()) from None
        self.flock.echo()
        wait_until(lambda: self.flock.echoed() == BIRDS, 20, "all echoes")

    def choose(self):
        """Something to a node, to Redis, or to both at once."""
        node = self.random.choice(self.nodes)
        deed = self.random.choice(self.to_nodes)
        both = [(f"{deed.__name__} {node.settings['node.id']}",
                 functools.partial(deed, node))]
        deed = self.random.choice(self.to_redis)
        both.append((deed.__name__, deed))
        return self.random.choice([both[:1], both[:1], both[1:], both])

    def run(self, seconds):
        until = time.monotonic() + seconds
        with concurrent.futures.ThreadPoolExecutor() as pool:
            while time.monotonic() < until:
                deeds = self.choose()
                print(f"{time.monotonic():.3f}", *(name for name, _ in deeds),
                      flush=True)
                for one in [pool.submit(deed) for _, deed in deeds]:
                    one.result()
                self.done.update(name.split()[0] for name, _ in deeds)
                self.settle()


@pytest.fixture
def nodes(start, redis):
    found = [start({**SETTINGS, "redis.url": redis.url, "node.id": f"n{i}"},
                   is_started=False) for i in range(NODES)]
    for node in found:
        node.expects_errors = True
        node.spawn()
    for node in found:
        node.wait_ready()
    return found


@pytest.fixture
def flock(nodes):
    # What lasts here is what lasts between two deeds.
    birds = Flock(nodes, base=0.5, cap=10, stable=5)
    yield birds
    birds.close()


def test_chaos(nodes, flock, redis):
    seed = int(os.environ.get("HOLDFAST_SEED", time.time()))
    print(f"HOLDFAST_SEED={seed}")
    chaos = Chaos(nodes, flock, redis, seed)
    flock.add(BIRDS, 500)
    chaos.settle()
    talk = Talk(nodes, flock.birds, seed)
    talk.start()
    try:
        chaos.run(SECONDS)
    finally:
        talk.stop()
    said = talk.judge(flock)
    print(dict(chaos.done), dict(said))
    assert said["delivered"] > len(talk.told) / 4
    assert sum(chaos.done.values()) > SECONDS / 30
    tokens = [int(e["text"].partition(":")[0], 16) for e in events(redis)
              if e["kind"] == "leader"]
    assert tokens == sorted(tokens), "epochs never go back"
