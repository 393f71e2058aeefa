# SPDX-License-Identifier: ISC
"""A node that was declared dead and lives: it stood still, as a virtual
machine does that is moved or saved."""
import os
import signal

# pylint: disable=unused-import
from node import wait_until
from redis_fleet import relay_pid
from test_fleet import FAST, events, fleet, leader_of, redis, shown, states
from wire import Client

CLIENTS = 300
STALE = 200000  # so that the purge takes a while


def everything(node):
    pids = [node.pid]
    for worker in node.control("workers")["workers"]:
        pids += [worker["keeper_pid"], worker["tenant_pid"]]
    return pids


def routed(redis, name):
    keys = [f"user-route:c{i}" for i in range(CLIENTS)]
    return sum(owner == name for owner in redis("MGET", *keys))


def list_stale(redis, name):
    for begin in range(0, STALE, 1000):
        pairs = []
        for i in range(begin, begin + 1000):
            pairs += [f"stale-{i}", "{}"]
        redis("HSET", f"node-clients:{name}", *pairs)


def test_comes_back_while_it_is_purged(fleet, redis):
    """Routes that the leader has deleted by then, or is about to, are written
    again: no connection has ended, and no link to Redis has been down."""
    nodes = fleet(3, **{"websocket.ping_interval": "60s",
                        "redis.ping_interval": "60s"})
    leader = leader_of(nodes)
    still = next(node for node in nodes if node is not leader)
    name = still.settings["node.id"]
    clients = [Client(still, f"c{i}") for i in range(CLIENTS)]
    wait_until(lambda: routed(redis, name) == CLIENTS, 20)
    pids = everything(still)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        list_stale(redis, name)
        left = f"node-clients:{name}"
        wait_until(lambda: redis("HLEN", left) < STALE * 3 // 4, 40,
                   "the purge to be under way")
        wait_until(lambda: routed(redis, name) < CLIENTS, 20)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    wait_until(lambda: shown(still)["place"] == "joined", 30)
    wait_until(lambda: states(leader)[name] == "healthy", 30)
    wait_until(lambda: routed(redis, name) == CLIENTS, 30,
               "all of its clients to have their routes again")
    wait_until(lambda: redis("HLEN", left) == CLIENTS, 30)
    assert [e["node"] for e in events(redis) if e["kind"] == "node_dead"] == \
        [name]
    for client in clients:
        assert client.echo("still here")
        client.close()


def test_joins_until_it_has_purged(fleet, start, redis):
    """Routes of an earlier life lead to nobody: the node is not healthy before
    they are gone, whatever keeps its relay from it; but then it is."""
    leader = leader_of(fleet(1))
    redis("ACL", "SETUSER", "late", "on", ">secret", "~*", "&*", "+@all",
          "-hscan")
    redis("HSET", "node-clients:late", "gone", "{}")
    redis("SET", "user-route:gone", "late")
    node = start({**FAST, "redis.url": redis.url, "redis.user": "late",
                  "node.id": "late"}, is_started=False)
    secret = node.dir / "secret"
    secret.write_text("secret")
    node.configure({"redis.password_file": str(secret)})
    node.start()
    wait_until(lambda: states(leader).get("late") == "joining", 20)
    wait_until(lambda: "event=routes_wait" in node.log(), 20)
    key = "{main}:node:late"
    first = int(redis("HGET", key, "beat"))
    wait_until(lambda: int(redis("HGET", key, "beat")) > first + 3000, 20)
    assert redis("HGET", key, "state") == "joining"
    assert redis("GET", "user-route:gone") == "late"
    redis("ACL", "SETUSER", "late", "+hscan")
    wait_until(lambda: states(leader)["late"] == "healthy", 30)
    assert redis("GET", "user-route:gone") is None
    # Another relay compares all again, and the node is as healthy.
    seen = len(events(redis))
    os.kill(relay_pid(node), signal.SIGKILL)
    wait_until(lambda: node.log().count("event=routes_synced") == 2, 30)
    first = int(redis("HGET", key, "beat"))
    wait_until(lambda: int(redis("HGET", key, "beat")) > first + 1000, 20)
    assert not [e for e in events(redis)[seen:] if e["kind"] == "member"]
