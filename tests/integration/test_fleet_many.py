# SPDX-License-Identifier: ISC
"""A node of many dies: what it costs, and how its clients come back; then all
nodes are upgraded, one after the other."""
import time

import pytest

from flock import Flock
from node import LONG, SLOW, wait_until
from redis_server import now_ms
from test_fleet import FAST, LEASE, events, kill_all, leader_of, redis, shown
from upgrading import Upgradable
from wire import Client, Refused

pytestmark = pytest.mark.pace

NODES = 110 if LONG else 20
EACH = 100
# Nodes that those who lost theirs find: about five come to each.
NEAR = 19
UPGRADED = NODES if LONG else 1
WINDOW_S = 20 if LONG else 8
# What the load balancers can do: each survivor gets its part.
CEILING = 220 if LONG else 19
SETTINGS = {**FAST, "storm.min_window": f"{WINDOW_S}s",
            "storm.handshakes_per_second": CEILING, "node.capacity": 1000,
            "admission.handshakes_per_second": 200, "admission.queue": "500ms",
            "blast_radius.floor": 500, "redis.command_timeout": "3s"}


@pytest.fixture
def nodes(start, redis):
    found = [start({**SETTINGS, "redis.url": redis.url, "node.id": f"n{i}"},
                   is_started=False, kind=Upgradable) for i in range(NODES)]
    for node in found:
        node.spawn()
    for node in found:
        node.wait_ready()
    return found


@pytest.fixture
def flock(nodes):
    birds = Flock(nodes)
    yield birds
    birds.close()


def counted(node, state="healthy"):
    return [item for item in node.control("nodes")["nodes"]
            if item["state"] == state]


def routes_to(redis, name):
    """Clients whose route leads to the node."""
    found, cursor = [], "0"
    while True:
        cursor, keys = redis("SCAN", cursor, "MATCH", "user-route:*",
                             "COUNT", 1000)
        found += [key for key, value in
                  zip(keys, redis("MGET", *keys) if keys else [])
                  if value == name]
        if cursor == "0":
            return found


def most_in(times, rate, burst):
    """By how much a bucket was overdrawn at most."""
    worst, level, last = 0, burst, None
    for when in sorted(times):
        if last is not None:
            level = min(burst, level + (when - last) * rate)
        last = when
        level -= 1
        worst = max(worst, -level)
    return worst


def fill(nodes, flock, leader):
    total = NODES * EACH
    begun = time.monotonic()
    flock.add(total, 1500)
    wait_until(lambda: flock.open_count() == total, 120, "all clients")
    print(f"placed {total} clients in {time.monotonic() - begun:.1f} s, "
          f"{flock.refused} refusals")
    # Growing from nothing takes long with a small floor.
    for node in nodes:
        node.configure({"blast_radius.floor": 1})
        node.control("reload")
    wait_until(lambda: shown(leader)["held"] >= total
               and len(counted(leader)) == NODES, 60)
    wait_until(lambda: all(shown(node)["limit"] < 2 * EACH for node in nodes)
               and all(item["limit"] < 2 * EACH for item in counted(leader)),
               60, "all limits")
    # The share that is configured when there are 110 of them, else more.
    wait_until(lambda: shown(leader)["effective"] <= 1.1 / NODES + 1e-9, 20)
    return total


def crowd(node):
    """As many more as it takes: only its limit keeps it from all of them."""
    clients = []
    try:
        while len(clients) < EACH:
            clients.append(Client(node, f"crowd-{len(clients)}"))
    except Refused as refused:
        status, _, body = refused.args
        assert status == 503 and '"full"' in body
        return clients
    raise AssertionError("nobody is refused")


def lose(victim, flock, leader, redis):
    """Power off; the figures."""
    name = victim.settings["node.id"]
    told = shown(leader)
    allowed = told["effective"] * told["held"]
    begun_ms = now_ms(redis)
    begun = time.monotonic()
    flock.power_off(victim)
    kill_all(victim)

    def dead():
        return [e for e in redis("XRANGE", "{main}:events", "-", "+")
                if "node_dead" in e[1] and name in e[1]]
    event, = wait_until(dead, 60, "it to be declared dead")
    took = (int(event[0].partition("-")[0]) - begun_ms) / 1000
    wait_until(lambda: redis("HGET", f"{{main}}:node:{name}", "purged")
               == "1", 60, "its routes to be purged")
    purged = time.monotonic() - begun
    return {"dead after": took, "purged after": purged,
            "allowed": allowed, "effective": told["effective"],
            "begun": begun}


def test_one_of_many(nodes, flock, redis):
    leader = leader_of(nodes[:NODES])
    wait_until(lambda: len(counted(leader)) == NODES, 60, "all nodes")
    total = fill(nodes, flock, leader)
    victim = nodes[0] if leader is not nodes[0] else nodes[1]
    rest = [node for node in nodes if node is not victim]
    more = crowd(victim)
    wait_until(lambda: shown(leader)["held"] == total + len(more), 20)
    seen = lose(victim, flock, leader, redis)
    wait_until(lambda: total - flock.open_count() == len(flock.severed), 20)
    severed = len(flock.severed)
    assert all(node is victim for _, _, node in flock.severed)
    assert EACH <= severed + len(more) <= seen["allowed"] + 1e-6
    slow = 1 if LONG else 3
    assert seen["dead after"] <= (LEASE + 2) * SLOW * slow, seen
    assert seen["purged after"] <= (LEASE + 2) * SLOW * slow, seen
    refused, worst = come_back(rest, flock)
    wait_until(lambda: flock.open_count() == total, 10 * WINDOW_S)
    back = max(bird.back_at for _, bird, _ in flock.severed) - seen["begun"]
    # Retry-After is in whole seconds, also that at the end of the window.
    assert back <= (seen["dead after"] + WINDOW_S + 3) * SLOW * slow
    print(f"{NODES} nodes, {total} clients: severed {severed} and {len(more)} "
          f"of at most {seen['allowed']:.0f} ({100 * seen['effective']:.2f} %)"
          f", dead after {seen['dead after']:.2f} s, purged "
          f"{seen['purged after']:.2f} s, all back {back:.1f} s, refusals "
          f"{refused}, overdrawn by {worst:.2f}")
    # Routes of those who came back before the purge lead elsewhere.
    name = victim.settings["node.id"]
    wait_until(lambda: not routes_to(redis, name), 30)
    wait_until(lambda: len(redis("KEYS", "user-route:*")) == total, 60)
    assert len([e for e in events(redis) if e["kind"] == "node_dead"]) == 1
    for client in more:
        client.close()
    upgrade_all(rest[:UPGRADED], flock, severed, total)
    end(victim)


def come_back(rest, flock):
    """All at once, when the storm is known everywhere: each survivor stays
    within its part of what the load balancers can do, and refuses others."""
    each = CEILING // (NODES - 1)
    for node in rest:
        storm, = wait_until(lambda n=node: [e for e in n.events()
                                            if e["kind"] == "storm"], 60)
        assert storm["value"] == each
    for node in rest[:3]:
        # What the leader did is told everywhere.
        wait_until(lambda n=node: "node_dead" in [e["kind"]
                                                  for e in n.events()], 60)
    before, begun = flock.refused, time.monotonic()
    flock.notice(rest[:NEAR])
    wait_until(lambda: all(bird.back_at for _, bird, _ in flock.severed),
               10 * WINDOW_S, "all to be back")
    assert flock.refused > before
    worst = 0
    for node in rest:
        times = [when for when, where in flock.opened
                 if where is node and when > begun]
        worst = max(worst, most_in(times, each, 1))
    # They are seen a little later than they were taken.
    assert worst <= 1.5 * SLOW
    return flock.refused - before, worst


def upgrade_all(nodes, flock, severed, total):
    begun = time.monotonic()
    for node in nodes:
        lines, _ = node.upgrade()
        assert lines[-1]["severed"] == 0
    took = time.monotonic() - begun
    flock.echo()
    wait_until(lambda: flock.echoed() == total, 60, "all to answer")
    assert len(flock.severed) == severed and not flock.left
    print(f"{len(nodes)} nodes upgraded in {took:.1f} s, "
          f"{len(flock.severed) - severed} severed")


def end(victim):
    for stale in ("slots", "settings", "supervisor.sock", "control.sock",
                  "holdfastd.pid"):
        (victim.run_dir / stale).unlink(missing_ok=True)
