# SPDX-License-Identifier: ISC
"""Limits, storms and shares of a fleet, of which most nodes are only leases."""
import re

# pylint: disable=unused-import
from node import wait_until
from redis_server import free_port, now_ms
from test_fleet import FAST, events, fleet, leader_of, redis, shown, states
from test_fleet_observer import beat
from wire import Client, Refused


def summary(redis, *fields):
    return [int(value or 0)
            for value in redis("HMGET", "{main}:summary", *fields)]


def bury(redis, name, count):
    """What Redis has when a leader does not hear that it has."""
    beat(redis, name, lease=60000, count=count, budget=100)
    redis("HSET", f"{{main}}:node:{name}", "state", "dead", "dead_at",
          now_ms(redis))


def announced(redis):
    return [e["node"] for e in events(redis) if e["kind"] == "storm_announced"]


def next_term(redis, node):
    epoch = shown(node)["epoch"]
    redis("DEL", "{main}:leader")
    wait_until(lambda: shown(node)["leads"] and shown(node)["epoch"] > epoch,
               20, "the next term")


def test_a_share_is_what_was_configured(fleet, redis):
    """29 of 100 connections are 0.29 of them, whatever that is in binary."""
    node, = fleet(1, **{"blast_radius.max_draining": 0.29,
                        "drain.window": "60s"})
    clients = [Client(node, f"c{i}") for i in range(3)]
    beat(redis, "ghost", lease=60000, count=97)
    wait_until(lambda: shown(node)["held"] == 100, 20)
    redis("HSET", "{main}:drains", "other", f"x:1 26 {now_ms(redis) + 250000}")
    node.ctl("drain")
    wait_until(lambda: node.control("status")["drain"]["lease"] == "held", 20)
    for client in clients:
        client.close()


def test_no_storm_is_forgotten(fleet, redis):
    """Whoever declares a node dead may not live to tell, or not hear the
    answer; and the leader after it goes on with its storm."""
    node, = fleet(1, **{"storm.min_window": "60s",
                        "storm.handshakes_per_second": 10,
                        "admission.handshakes_per_second": 100})
    leader_of([node])
    beat(redis, "late", lease=60000, count=700)
    wait_until(lambda: shown(node)["held"] >= 700, 20)
    bury(redis, "late", 700)
    wait_until(lambda: announced(redis) == ["late"], 20)
    wait_until(lambda: "node_dead node late" in node.ctl("events").stdout, 20)
    wait_until(lambda: summary(redis, "displaced") > [0], 20)
    for clients, each in zip(summary(redis, "displaced", "storm_window"),
                             (1, 100)):
        assert 670 * each < clients <= 700 * each
    # All that the load balancers can do is for one node, or for two.
    wait_until(lambda: shown(node)["handshake_limit"] == 10, 20)
    beat(redis, "more", lease=60000, budget=100)
    wait_until(lambda: shown(node)["handshake_limit"] == 5, 20)
    redis("HSET", "{main}:node:more", "state", "left")
    wait_until(lambda: shown(node)["handshake_limit"] == 10, 20)

    # The leader before this one has died with its word.
    redis("SET", "{main}:leader", "ffff:00000000000000aa:00000000000000aa")
    wait_until(lambda: not shown(node)["leads"], 20)
    until, = summary(redis, "storm_until")
    bury(redis, "lost", 300)
    next_term(redis, node)
    wait_until(lambda: announced(redis) == ["late", "lost"], 20)
    wait_until(lambda: summary(redis, "displaced")[0] > 900, 20)
    wait_until(lambda: until + 20000 < summary(redis, "storm_until")[0]
               <= now_ms(redis) + 100000, 20)
    # Each is told once, and what is known outlives Redis.
    before = summary(redis, "held", "level", "displaced", "storm_until")
    assert before[0] >= 690
    redis("FLUSHALL")
    wait_until(lambda: summary(redis, "held")[0] > 0, 20)
    after = summary(redis, "held", "level", "displaced", "storm_until")
    assert before[0] * 0.98 <= after[0] <= before[0]
    assert after[1] <= before[1]
    assert before[2] * 0.8 <= after[2] <= before[2]
    assert abs(after[3] - before[3]) < 3000
    assert not announced(redis)


def open_on(node, clients):
    """One more client there, unless that is at its limit in the fleet."""
    try:
        clients.append(Client(node, f"c{len(clients)}"))
        return True
    except Refused as refused:
        status, headers, body = refused.args
        assert status == 503 and '"full"' in body
        assert int(headers["retry-after"]) >= 1
        return False


def test_no_more_than_the_limit(fleet, redis):
    """Who comes to a full node is refused; a node that joins lowers the limit
    of the others, and nobody is closed."""
    nodes = fleet(2, **{"blast_radius.floor": 4, "node.capacity": 100})
    wait_until(lambda: all(shown(node)["limit"] == 4 for node in nodes), 20)
    clients = []
    assert all(open_on(nodes[0], clients) for _ in range(4))
    assert not open_on(nodes[0], clients)
    assert all(open_on(nodes[1], clients) for _ in range(4))
    for node in nodes:
        node.configure({"blast_radius.floor": 2})
        node.control("reload")
    # A tenth more than there are, or one.
    wait_until(lambda: [shown(node)["limit"] for node in nodes] == [5, 5], 20)
    wait_until(lambda: shown(nodes[1])["effective"] == 5 / 8, 20)
    # One that goes by a larger floor than others.
    beat(redis, "ghost", lease=60000, count=0, limit=6)
    wait_until(lambda: [shown(node)["limit"] for node in nodes] == [3, 3], 20)
    for node in nodes:
        wait_until(lambda n=node: shown(n)["effective"] == 6 / 8, 20)
        assert node.metric("fleet_blast_radius") == 6 / 8
        assert not open_on(node, clients)
    beat(redis, "ghost", lease=60000, count=0, limit=3)
    wait_until(lambda: shown(nodes[0])["effective"] == 4 / 8, 20)
    for client in clients:
        assert client.echo("still here")
        client.close()


def test_verdicts_on_long_names(start, redis):
    """What a verdict rests on is not cut, in the events of any node."""
    names, ghost = ["a" * 60, "b" * 60], "c" * 60
    nodes = [start({**FAST, "redis.url": redis.url, "node.id": name},
                   is_started=False) for name in names]
    for node in nodes:
        node.spawn()
    for node in nodes:
        node.wait_ready()
    leader = leader_of(nodes)
    wait_until(lambda: states(leader) == dict.fromkeys(names, "healthy"), 20)
    beat(redis, ghost, peer=f"127.0.0.1 {free_port()}", lease=500, count=3)
    by = leader.settings["node.id"]
    said = (f"node_dead node {ghost} with 3 connections, no lease for \\d+ ms, "
            f"peer port refused, seen by {by} and by {names[by == names[0]]}")
    for node in nodes:
        wait_until(lambda n=node: re.search(said, n.ctl("events").stdout), 30)
