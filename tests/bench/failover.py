# SPDX-License-Identifier: ISC
"""What a fleet loses, and for how long, when a node, the leader, Redis or the
way to Redis is gone; with the leases as they are by default."""
import collections
import json
import os
import signal
import sys
import time

from measure import Load, Row
from node import ROOT, Node, Redis, wait_until

# For Netns alone: that folder has a node of its own.
sys.path.append(str(ROOT / "tests/integration"))
# pylint: disable=wrong-import-position
from netns import Netns  # noqa: E402

LEASE_S = 5  # membership.lease, and membership.leader_lease
BAR_S = LEASE_S + 2
BESIDE = 500  # connections of nodes that nothing happens to


class Member(Node):
    """A node of the fleet, maybe in a namespace."""

    def is_ready(self):
        if not self.prefix:
            return super().is_ready()
        try:
            return self.ctl("status")["ready"]
        except OSError:
            return False


class Fleet:
    """Nodes of one Redis, by name."""

    def __init__(self, redis):
        self.redis = redis
        self.nodes = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for node in self.nodes.values():
            node.stop()

    def add(self, name, address="127.0.0.1", prefix=(), more=""):
        node = Member(capacity=16000, is_pinned=False, redis=self.redis,
                      name=name, prefix=prefix,
                      more=f'peer = {{ address = "{address}"; port = 0; }};\n'
                      + more)
        self.nodes[name] = node
        node.start()
        return node

    def wait_healthy(self):
        wait_until(self.is_healthy, 60, "all nodes to be healthy")

    def is_healthy(self):
        return self.states() == {name: "healthy" for name in self.nodes}

    def states(self):
        """As the leader publishes them; without the dead."""
        try:
            members = json.loads(self.redis("HGET", "{main}:summary",
                                            "nodes"))
        except ValueError:
            return {}
        return {item["id"]: item["state"] for item in members
                if item["state"] != "dead"}

    def leader(self):
        self.wait_healthy()
        return wait_until(
            lambda: self.nodes.get(self.redis("HGET", "{main}:summary",
                                              "leader").decode()),
            20, "a leader")

    def target(self, *without):
        return ",".join(node.target for node in self.nodes.values()
                        if node not in without)

    def routes(self):
        """Clients of each node by both keys, when these agree."""
        keys = self.redis("KEYS", "user-route:*")
        owners = collections.Counter(
            self.redis("MGET", *keys) if keys else ())
        for name in self.nodes:
            if self.redis("HLEN", "node-clients:" + name) != \
                    owners[name.encode()]:
                return None
        return owners

    def wait_routes(self, count):
        def complete():
            routes = self.routes()
            return routes is not None and sum(routes.values()) == count
        wait_until(complete, 60, f"{count} routes")

    def now_ms(self):
        seconds, micros = self.redis("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    def kill(self, *victims):
        """Power off: all processes of these nodes at once.  When that was, by
        the clock of Redis."""
        pids = [pid for node in victims for pid in node.pids()]
        now_ms = self.now_ms()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for node in victims:
            node.process.wait()
            node.process = None
            node.stop()
            del self.nodes[node.id]
        return now_ms

    def events(self, kind, since_ms=0):
        """[(when, node)]"""
        found = []
        for stamp, words in self.redis("XRANGE", "{main}:events",
                                       str(since_ms), "+"):
            fields = dict(zip(words[::2], words[1::2]))
            if fields[b"kind"] == kind.encode():
                found.append((int(stamp.partition(b"-")[0]),
                              fields[b"node"].decode()))
        return found

    def wait_event(self, kind, since_ms, name=None):
        """Seconds until there is one."""
        found = wait_until(
            lambda: [when for when, node in self.events(kind, since_ms)
                     if name in (None, node)], 60, f"the event {kind}")
        return (found[0] - since_ms) / 1000


def hold(target, count, prefix=(), tag="c"):
    """A load of so many open connections, each of which asks for an echo
    twice a second when there are few."""
    load = Load("hold", target, "-c", count, "-P", 1 + count // 10000, "-n",
                256, "-t", 0, "--probe-ms", 500 if count <= 1000 else 0,
                "--id-prefix", tag + "-", prefix=prefix)
    opened, refused = load.wait_ready()
    if opened != count:
        raise RuntimeError(f"{opened} of {count} opened, {refused} refused")
    return load


def harm(load):
    """Of connections that nothing was to happen to."""
    result = load.stop()
    return result["severed"] + result["closed"] + result["lost"] + \
        result["duplicated"]


def watch(fleet, seconds):
    """How often a node was not ready; ten looks a second."""
    end = time.monotonic() + seconds
    unready = 0
    while time.monotonic() < end:
        unready += sum(not node.is_ready() for node in fleet.nodes.values())
        time.sleep(0.1)
    return unready


def node_killed(rounds, count):
    dead, purged, left, harmed = [], [], 0, 0
    with Redis() as redis, Fleet(redis) as fleet:
        for number in range(3):
            fleet.add(f"n{number}")
        for number in range(rounds):
            leader = fleet.leader()
            victim = next(node for node in fleet.nodes.values()
                          if node is not leader)
            load = hold(victim.target, count, tag=f"a{number}")
            beside = hold(fleet.target(victim), BESIDE, tag=f"b{number}")
            fleet.wait_routes(count + BESIDE)
            begun_ms = fleet.kill(victim)
            dead.append(fleet.wait_event("node_dead", begun_ms, victim.id))
            purged.append(fleet.wait_event("routes_purged", begun_ms,
                                           victim.id))
            left += fleet.routes()[victim.id.encode()] + \
                redis("HLEN", "node-clients:" + victim.id)
            load.stop()
            harmed += harm(beside)
            fleet.add(f"n{3 + number}")
    yield Row(f"node killed: DEAD, worst of {rounds}", "s", max(dead))
    yield Row(f"its {count} routes purged, worst of {rounds}", "s",
              max(purged), None, ("<=", BAR_S))
    yield Row("routes left to it", "", left, None, ("==", 0))
    yield Row("connections of others severed or disturbed", "", harmed, None,
              ("==", 0))


def leader_killed(rounds, count):
    """With another node, where that is not too many at a time."""
    took, wrong = [], 0
    with Redis() as redis, Fleet(redis) as fleet:
        for number in range(count):
            fleet.add(f"n{number}")
        for number in range(rounds):
            leader = fleet.leader()
            victims = [leader] if count < 20 else [leader, next(
                node for node in fleet.nodes.values() if node is not leader)]
            epoch = int(redis("GET", "{main}:epoch"))
            begun_ms = fleet.kill(*victims)
            took.append(fleet.wait_event("leader", begun_ms))
            for node in victims:
                fleet.wait_event("routes_purged", begun_ms, node.id)
            # Whoever would do it again has had the time for it.
            watch(fleet, LEASE_S)
            seen = collections.Counter(
                (kind, name) for kind in ("node_dead", "routes_purged")
                for _, name in fleet.events(kind, begun_ms))
            wrong += seen != {(kind, node.id): 1 for node in victims
                              for kind in ("node_dead", "routes_purged")}
            wrong += int(redis("GET", "{main}:epoch")) != epoch + 1
            for node in victims:
                fleet.add(f"{node.id}-{number}")
    yield Row(f"leader killed, {count} nodes: a new one, worst of {rounds}",
              "s", max(took), None, ("<=", BAR_S))
    yield Row("deaths acted on more than once, or not; terms too many", "",
              wrong, None, ("==", 0))


def wait_recovered(fleet, count):
    """How often, until all is as it was, a node was not ready, and how often
    one took what was an outage for a partition."""
    unready = wrong = 0
    deadline = time.monotonic() + 60
    while not is_recovered(fleet, count):
        if time.monotonic() > deadline:
            raise RuntimeError("it does not recover")
        for node in fleet.nodes.values():
            unready += not node.is_ready()
            wrong += node.ctl("fleet")["partition"] in ("cut_off", "alone")
    return unready, wrong


def is_recovered(fleet, count):
    routes = fleet.routes()
    if routes is None or sum(routes.values()) != count or \
            not fleet.is_healthy():
        return False
    for node in fleet.nodes.values():
        seen = node.ctl("fleet")
        if (seen["place"], seen["partition"]) != ("joined", "none") or \
                not node.is_ready():
            return False
    return True


def outage(seconds, count=1000, nodes=5):
    with Redis() as redis, Fleet(redis) as fleet:
        for number in range(nodes):
            fleet.add(f"n{number}")
        fleet.leader()
        load = hold(fleet.target(), count)
        fleet.wait_routes(count)
        redis.kill()
        unready = watch(fleet, seconds)
        redis.start()
        begun = time.monotonic()
        # A node that has Redis a second before another is no partition.
        late, wrong = wait_recovered(fleet, count)
        took = time.monotonic() - begun
        unready += late
        # Verdicts may be given again.
        unready += watch(fleet, 2 * LEASE_S)
        dead = len(fleet.events("node_dead"))
        harmed = harm(load)
    yield Row(f"{seconds} s without Redis: severed or disturbed of {count}",
              "", harmed, None, ("==", 0))
    yield Row("nodes seen not ready", "", unready, None, ("==", 0))
    yield Row("nodes that thought they were cut off when it came back", "",
              wrong, None, ("==", 0))
    yield Row("nodes declared dead", "", dead, None, ("==", 0))
    yield Row("Redis is back: all joined, routes complete", "s", took, None,
              ("<=", 5))


def pace(node, count, window):
    """Seconds that its drain takes, and by how much of `count` the number of
    those left was off a straight line at most."""
    def drain():
        return node.ctl("status").get("drain", {})

    wait_until(lambda: drain().get("left", count) < count, 60, "its drain")
    begun, worst = time.monotonic(), 0
    while not drain()["empty"]:
        passed = time.monotonic() - begun
        line = count * max(0, 1 - passed / window)
        worst = max(worst, abs(drain()["left"] - line) / count)
        time.sleep(0.05)
    return time.monotonic() - begun, worst


def cut_off(netns, count, window):
    more = f"""
membership = {{ cut_off_grace = "1s"; }};
drain = {{ gentle_window = "{window}s"; lb_wait = "0"; }};
"""
    with Redis(f"{netns.redis_net}.1") as redis, Fleet(redis) as fleet:
        for number in range(2):
            fleet.add(f"n{number}", f"{netns.peer_net}.1", more=more)
        far = fleet.add("far", f"{netns.peer_net}.2", netns.prefix, more)
        fleet.leader()
        load = hold(far.target, count, netns.prefix, tag="far")
        beside = hold(fleet.target(far), BESIDE)
        fleet.wait_routes(count + BESIDE)
        netns.cut_redis()
        begun = time.monotonic()
        wait_until(lambda: far.ctl("fleet")["partition"] == "cut_off", 60,
                   "its verdict")
        verdict = time.monotonic() - begun
        took, worst = pace(far, count, window)
        del fleet.nodes["far"]
        affected = watch(fleet, LEASE_S) + len(fleet.events("node_dead"))
        affected += sum(node.ctl("fleet")["partition"] != "none"
                        for node in fleet.nodes.values())
        fleet.nodes["far"] = far
        result = load.stop()
        affected += harm(beside)
    yield Row("cut off from Redis: verdict", "s", verdict, None, ("<=", 10))
    yield Row(f"it drains {count} in", "s", took, window, ("ratio", 1.1))
    yield Row("furthest from a straight line, of all of them", "", worst,
              None, ("<=", 0.1))
    yield Row("of them severed, not closed", "", count - result["closed"],
              None, ("==", 0))
    yield Row("other nodes or their connections affected, verdicts", "",
              affected, None, ("==", 0))


def failover(rounds=3, clients=10000, nodes=20, outage_s=60, window=20):
    yield from node_killed(rounds, clients)
    yield from leader_killed(rounds, nodes)
    yield from outage(outage_s)
    if not Netns.is_allowed():
        print("no network namespaces: nobody is cut off", file=sys.stderr)
        return
    netns = Netns()
    try:
        yield from cut_off(netns, 1000, window)
    finally:
        netns.close()
