# SPDX-License-Identifier: ISC
"""Long ones: a minute without Redis; a leader that dies at its work."""
import collections
import time

from node import SLOW, wait_until
from test_fleet import (LEASE, events, fleet, kill_all, leader_of, long,
                        redis, shown, states)
from wire import Client

OUTAGE_S = 60


@long
def test_a_minute_without_redis(fleet, redis):
    nodes = fleet(5)
    leader_of(nodes)
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
