# SPDX-License-Identifier: ISC
"""A leader that stands still in the midst of a purge, and goes on when another
one leads."""
import os
import signal

# pylint: disable=unused-import
from node import wait_until
from test_fleet import (FAST, events, fleet, kill_all, leader_of, redis, shown,
                        states)
from test_fleet_return import CLIENTS, STALE, list_stale, routed
from upgrading import Upgradable
from wire import Client


def epoch(token):
    return int(token.split(":")[0], 16)


def start_again(node):
    node.expected_exit = 0
    for stale in ("slots", "settings", "supervisor.sock"):
        (node.run_dir / stale).unlink(missing_ok=True)
    node.port = None
    node.start()


def check_history(redis, leader, name):
    """Each death once, and by leaders that came one after the other."""
    found = events(redis)
    acts = [e for e in found if e["kind"] in ("node_dead", "routes_purged")]
    assert [(e["kind"], e["node"]) for e in acts] == [
        ("node_dead", name), ("routes_purged", name)]
    assert acts[0]["incarnation"] == acts[1]["incarnation"]
    assert epoch(acts[0]["token"]) < epoch(acts[1]["token"])
    terms = [epoch(e["text"]) for e in found if e["kind"] == "leader"]
    assert terms == sorted(set(terms))
    assert terms[-1] == epoch(redis("GET", "{main}:leader"))
    assert shown(leader)["epoch"] == terms[-1]


def test_leader_is_upgraded(start, redis):
    """The supervisor after it has another token: nobody waits for the lease of
    the one before."""
    node = start({**FAST, "redis.url": redis.url, "node.id": "n0",
                  "membership.lease": "60s", "membership.leader_lease": "60s"},
                 kind=Upgradable)
    wait_until(lambda: shown(node)["leads"], 20)
    token = redis("GET", "{main}:leader")
    node.upgrade()
    assert redis("GET", "{main}:leader") != token
    wait_until(lambda: shown(node)["place"] == "joined", 20)


def test_leader_stands_still(fleet, redis):
    # The relay has time to renew the lease of the one that stands still.
    nodes = fleet(3, **{"websocket.ping_interval": "60s",
                        "membership.lease": "5s"})
    old = leader_of(nodes)
    victim = next(node for node in nodes if node is not old)
    name = victim.settings["node.id"]
    stay = [Client(node, f"s{i}") for i, node in enumerate(nodes)
            if node is not victim]
    clients = [Client(victim, f"c{i}") for i in range(CLIENTS)]
    wait_until(lambda: routed(redis, name) == CLIENTS, 20)
    kill_all(victim)
    list_stale(redis, name)
    left = f"node-clients:{name}"
    wait_until(lambda: redis("HLEN", left) < STALE * 3 // 4, 40,
               "the purge to be under way")
    os.kill(old.pid, signal.SIGSTOP)
    try:
        leader_of([node for node in nodes if node not in (old, victim)])
        wait_until(lambda: redis("HGET", f"{{main}}:node:{name}", "purged")
                   == "1", 60, "the new leader to end the purge")
        start_again(victim)
        for client in clients:
            client.close()
        clients = [Client(victim, f"c{i}") for i in range(CLIENTS)]
        wait_until(lambda: routed(redis, name) == CLIENTS, 20)
    finally:
        os.kill(old.pid, signal.SIGCONT)
    wait_until(lambda: set(states(old).values()) == {"healthy"}, 30)
    wait_until(lambda: not shown(old)["leads"], 20)
    wait_until(lambda: routed(redis, name) == redis("HLEN", left) == CLIENTS,
               30, "all of the victim's new clients to have their routes")
    check_history(redis, leader_of(nodes), name)
    for i, node in enumerate(nodes):
        if node is not victim:
            assert redis("GET", f"user-route:s{i}") == node.settings["node.id"]
    for client in [*stay, *clients]:
        assert client.echo("still here")
        client.close()
