# SPDX-License-Identifier: ISC
"""Redis away: noticed in time, for a minute; a leader dies at its work."""
import collections
import time

from node import SLOW, wait_until
from test_fleet import (FAST, LEASE, events, fleet, keep, kill_all, leader_of,
                        long, redis, shown, states)
from wire import Client

OUTAGE_S = 60


def test_timeouts_are_live(start, redis):
    """Of the supervisor's link, too (test_redis_link has the relay's)."""
    slow = 60  # the longest there is
    node = start({**FAST, "redis.url": redis.url,
                  "redis.command_timeout": f"{slow}s",
                  "redis.ping_interval": f"{slow}s"})
    wait_until(lambda: shown(node)["place"] == "joined", 20)
    node.configure({"redis.command_timeout": "100ms"})
    node.ctl("reload")
    redis.pause()
    begun = time.monotonic()
    wait_until(lambda: "event=fleet_redis_down" in node.log(), slow)
    assert time.monotonic() < begun + slow - 5
    redis.go_on()


def test_limits_outlive_the_supervisor(fleet, redis):
    """Its next life hears of none, and keeps those of the one before."""
    node, = fleet(1, **{"blast_radius.floor": 7, "node.capacity": 100})
    wait_until(lambda: shown(node)["limit"] == 7, 20)
    redis.kill()
    node.kill_supervisor()
    node.spawn()
    node.wait_ready()
    assert shown(node)["limit"] == 7
    assert node.control("status")["capacity_possible"] == 100


@long
def test_a_minute_without_redis(fleet, redis):
    nodes = fleet(5)
    leader_of(nodes)
    keep(redis)
    clients = [Client(node, f"c{i}-{n}") for n, node in enumerate(nodes)
               for i in range(20)]
    wait_until(lambda: len(redis("KEYS", "user-route:*")) == 100, 20)
    redis.kill()
    begun = time.monotonic()
    for node in nodes:
        wait_until(lambda n=node: shown(n)["partition"] == "outage", 30)

    def is_over():
        """the minute to pass"""
        for client in clients:
            assert client.echo("still here")
        for node in nodes:
            assert node.admin("/readyz").status == 200
        return time.monotonic() > begun + OUTAGE_S

    wait_until(is_over, 2 * OUTAGE_S)
    redis.start()
    begun = time.monotonic()
    healthy = {f"n{i}": "healthy" for i in range(5)}
    wait_until(lambda: all(states(node) == healthy for node in nodes), 60)
    wait_until(lambda: all(shown(node)["partition"] == "none"
                           for node in nodes), 60)
    wait_until(lambda: len(redis("KEYS", "user-route:*")) == 100, 60)
    took = time.monotonic() - begun
    print(f"recovered {took:.2f} s after an outage of {OUTAGE_S} s")
    assert took < 5 * SLOW
    for client in clients:
        assert client.echo("still here")
        client.close()
    assert not [e for e in events(redis) if e["kind"] == "node_dead"]


@long
def test_leader_dies_at_work(fleet, redis):
    """With another node: two of twenty may be missing."""
    nodes = fleet(20)
    leader = leader_of(nodes)
    victim = next(node for node in nodes if node is not leader)
    rest = [node for node in nodes if node not in (leader, victim)]
    names = {node.settings["node.id"] for node in (leader, victim)}
    epoch = shown(leader)["epoch"]
    kill_all(victim)
    begun = time.monotonic()
    kill_all(leader)
    wait_until(lambda: any(shown(node)["leads"] for node in rest), 60)
    took = time.monotonic() - begun
    print(f"a new leader after {took:.2f} s")
    assert took < (LEASE + 2) * SLOW
    after = leader_of(rest)
    wait_until(lambda: {name for name, state in states(after).items()
                        if state == "dead"} == names, 60)
    wait_until(lambda: all(redis("HGET", f"{{main}}:node:{name}", "purged")
                           == "1" for name in names), 60)
    assert shown(after)["epoch"] == epoch + 1
    seen = collections.Counter((e["kind"], e["node"]) for e in events(redis)
                               if e["kind"] in ("node_dead", "routes_purged"))
    assert seen == {(kind, name): 1 for name in names
                    for kind in ("node_dead", "routes_purged")}
