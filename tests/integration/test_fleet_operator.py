# SPDX-License-Identifier: ISC
"""What an operator reads of a fleet, and what it says to one: who leads, who
holds how much, what is held back and why, and how old all of that is."""
import json
import re
import socket

import pytest

# pylint: disable=unused-import
from node import wait_until
from test_fleet import (FAST, LEASE, events, fleet, kill_all, leader_of, redis,
                        shown, states)
from wire import Client


def lines(node, *words):
    """Plain text as {first word: the rest}, of the lines that have one."""
    rows = {}
    for line in node.ctl(*words).stdout.splitlines():
        name, _, rest = line.partition("  ")
        rows.setdefault(name.strip(), rest.strip())
    return rows



def test_who_holds_how_much(fleet):
    nodes = fleet(3)
    leader = leader_of(nodes)
    name = leader.settings["node.id"]
    clients = [Client(nodes[i], f"c{i}{k}")
               for i in range(3) for k in range(i + 1)]
    other = next(node for node in nodes if node is not leader)
    # Its own row is of now, the others' of a moment ago.
    own = other.control("nodes")["nodes"][nodes.index(other)]
    assert own["count"] == nodes.index(other) + 1
    for node in nodes:
        wait_until(lambda n=node: [item["count"] for item in
                                   n.control("nodes")["nodes"]] == [1, 2, 3],
                   20, "all counts")
        rows = node.ctl("nodes").stdout.splitlines()
        assert [row.split()[0] for row in rows] == ["NODE", "n0", "n1", "n2"]
        assert [" ".join(row.split()[3:5]) for row in rows[1:]] == \
            ["16.7 %", "33.3 %", "50 %"]
        text = node.ctl("fleet").stdout
        assert re.search(r"^n2 +healthy +50 % +100 %$", text, re.M), text
        assert "led by this node" in text if node is leader else \
            f"led by {name}\n" in text
    assert lines(other, "status")["fleet"].endswith("partition none")
    assert lines(other, "status")["redis"] == \
        "connected, subscribed, routes synced"
    assert f"led by {name}" in lines(other, "top")["fleet"]
    for client in clients:
        client.close()


def test_handshakes(fleet):
    """Configured and seen are told apart, and no limit is no number."""
    node, = fleet(1, **{"admission.handshakes_per_second": 0})

    def is_measured():
        """One handshake may fall between two renewals."""
        with Client(node, "c"):
            return shown(node)["handshakes_best"] > 0
    wait_until(is_measured, 20)
    text = node.ctl("fleet").stdout
    assert "handshakes    configured 5000/s (1 without a limit count " \
        "5000/s each), too few for 50000/s\n" in text
    assert re.search(r"^ +measured at most \d+/s, now \d+/s: 50000/s were "
                     "never reached$", text, re.M), text


def test_pause_says_who_and_why(fleet, redis):
    nodes = fleet(3, **{"membership.max_failovers_per_hour": 1})
    leader = leader_of(nodes)
    victim, other = [node for node in nodes if node is not leader]
    name = other.settings["node.id"]
    wait_until(lambda: shown(other)["hold"] == "go", 20)
    assert other.ctl("pause", "moving racks").stdout == \
        "no node is declared dead until resume\n"
    # At once, since the leader has confirmed it.
    assert lines(other, "fleet")["failover"] == \
        f"paused by {name}: moving racks; `holdfastctl resume' ends the pause"
    assert redis("GET", "{main}:paused") == f"{name}: moving racks"
    wait_until(lambda: shown(leader)["hold"] == "paused", 20)
    wait_until(lambda: f"paused node {name} moving racks, said by {name}"
               in leader.ctl("events").stdout, 20, "the news")
    refused = other.ctl("pause", "x" * 121, check=False)
    assert refused.returncode == 2 and "120 bytes" in refused.stderr
    gone = victim.settings["node.id"]
    kill_all(victim)
    wait_until(lambda: shown(other)["missing"] == gone, 20)
    assert other.ctl("ack").stdout == (
        f"no node was held back but by the pause of {name}: moving racks, "
        "which goes on\n")
    assert other.ctl("resume").stdout == (
        "nodes may be declared dead again; it was paused by "
        f"{name}: moving racks\n")
    wait_until(lambda: states(other)[gone] == "dead", 20)
    # The leader's own event has what the verdict rests on.
    wait_until(lambda: re.search(
        f"node_dead node {gone} with 0 connections, no lease for \\d+ ms, "
        f"peer port refused, seen by {leader.settings['node.id']} and by "
        f"{name}", leader.ctl("events").stdout), 20)
    # Nobody comes back from it.
    assert not [e for e in events(redis) if e["kind"] == "storm_announced"]
    assert shown(leader)["storm_left_ms"] == 0
    # One an hour is all there may be; not one that is missing with it.
    begun = int(redis("TIME")[0])
    wait_until(lambda: int(redis("TIME")[0]) > begun + LEASE, 20)
    kill_all(other)
    wait_until(lambda: lines(leader, "fleet")["failover"] == (
        "flapping, no more may be declared dead within the hour, missing: 1 "
        f"({name}); `holdfastctl ack' goes on"), 30)
    assert shown(leader)["max_failovers_per_hour"] == 1
    assert leader.ctl("ack").stdout == \
        f"acknowledged (flapping): {name} may be declared dead\n"
    wait_until(lambda: states(leader)[name] == "dead", 20)


def test_pause_outlives_redis(fleet, redis):
    """It ends by who began it, not by a FLUSHALL."""
    nodes = fleet(2)
    leader = leader_of(nodes)
    epoch = shown(leader)["epoch"]
    leader.ctl("pause", "moving racks")
    said = redis("GET", "{main}:paused")
    wait_until(lambda: all(shown(node)["hold"] == "paused" for node in nodes),
               20)
    redis("FLUSHALL")
    wait_until(lambda: redis("GET", "{main}:paused") == said, 20)
    # Terms are counted on where they were.
    wait_until(lambda: all(shown(node)["epoch"] > epoch for node in nodes), 20)
    wait_until(lambda: shown(nodes[0])["hold"] == "paused", 20)
    nodes[0].ctl("resume")
    wait_until(lambda: all(shown(node)["hold"] == "go" for node in nodes), 20)
    assert redis("EXISTS", "{main}:paused") == 0
    # What the leader tells carries its token.
    token = redis("GET", "{main}:leader")
    assert {e["token"] for e in events(redis)
            if e["kind"] in ("leader", "member")} == {token}


def test_mass_expiry_says_who_is_missing(fleet, redis):
    nodes = fleet(4)
    leader = leader_of(nodes)
    wait_until(lambda: shown(leader)["hold"] == "go", 20)
    assert leader.ctl("ack").stdout == "no node was held back: failover go\n"
    rest = [node for node in nodes if node is not leader]
    names = sorted(node.settings["node.id"] for node in rest[:2])
    for node in rest[:2]:
        kill_all(node)
    wait_until(lambda: shown(rest[2])["hold"] == "mass_expiry", 20)
    wait_until(lambda: shown(rest[2])["missing"].split(", ") in
               (names, names[::-1]), 20)
    said = re.fullmatch(
        r"mass_expiry, missing: 2 \((.*)\); `holdfastctl ack' has them "
        "declared dead", lines(rest[2], "fleet")["failover"])
    assert said and sorted(said[1].split(", ")) == names
    leader.wait_metric(1, "fleet_failover", hold="mass_expiry")
    assert leader.metric("fleet_failover") == 1
    assert leader.metric("fleet_missing") == 2
    held, = [e for e in events(redis) if e["kind"] == "failover_held"]
    assert sorted(re.split("[, ]+", held["text"])[2:]) == names, held
    assert rest[2].ctl("ack").stdout == \
        f"acknowledged (mass_expiry): {said[1]} may be declared dead\n"
    wait_until(lambda: sorted(states(leader).values())
               == ["dead", "dead", "healthy", "healthy"], 20)


def test_how_old_the_picture_is(fleet, redis):
    nodes = fleet(2)
    leader_of(nodes)
    wait_until(lambda: shown(nodes[1])["hold"] == "go", 20)
    assert "picture" not in lines(nodes[1], "nodes")
    redis.kill()
    wait_until(lambda: shown(nodes[1])["age_ms"] > 3000, 20)
    rows = lines(nodes[1], "fleet")
    assert re.fullmatch(r"\S+s old, Redis cannot be reached",
                        rows["picture"])
    assert rows["failover"] == "not known, it was go"
    assert "picture" in lines(nodes[1], "nodes")
    plan = nodes[1].ctl("drain", "--plan").stdout
    assert re.search("^peers +not known, Redis has not answered for ", plan,
                     re.M)
    assert "the drain would wait for it" in plan
    assert "not connected, not subscribed, routes away" == \
        lines(nodes[1], "status")["redis"]
    failed = nodes[1].ctl("pause", check=False)
    assert failed.returncode == 1 and "Redis" in failed.stderr
    # It is not said to have been done, then.
    assert "paused" not in nodes[1].ctl("events").stdout
    redis.start()
    wait_until(lambda: "picture" not in lines(nodes[1], "fleet"), 30)


def test_nobody_waits_for_the_pause(fleet, redis):
    """Whoever asked has gone, or there is no leader to confirm it."""
    node, = fleet(1)
    leader_of([node])
    for command, is_paused in (("pause", 1), ("resume", 0)) * 5:
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(str(node.run_dir / "control.sock"))
            stream.sendall(f'{{"command": "{command}"}}\n'.encode())
        wait_until(lambda w=is_paused: redis("EXISTS", "{main}:paused") == w)
    # Somebody else leads, and says nothing.
    redis("SET", "{main}:leader", "ffff:00000000000000aa:00000000000000aa")
    wait_until(lambda: not shown(node)["leads"], 20)
    assert node.ctl("pause").stdout == ("no node is declared dead until "
        "resume, once there is a leader that reads it\n")
    assert node.ctl("--json", "resume").stdout.endswith(
        '"confirmed":true}\n')
    redis("DEL", "{main}:leader")


def test_before_a_leader_is_heard(start, redis):
    redis.kill()
    node = start({**FAST, "redis.url": redis.url, "node.id": "n0"})
    said = "of an earlier life, no leader has been heard since"
    assert lines(node, "nodes")["picture"] == said
    rows = lines(node, "fleet")
    assert rows["picture"] == said and "led by" not in rows["fleet"]
    assert rows["failover"] == "not known, no leader has been heard yet"
    redis.start()
    wait_until(lambda: shown(node)["leads"], 30)
    wait_until(lambda: "picture" not in lines(node, "fleet"), 20)


def measured(node):
    """{name in `holdfastctl --json fleet': what the metrics say of it}"""
    names = {"epoch": "fleet_epoch", "held": "fleet_connections_held",
             "level": "fleet_limit_level", "effective": "fleet_blast_radius",
             "expired": "fleet_missing",
             "handshake_limit": "fleet_handshake_limit",
             "storm_left_ms": "fleet_storm_left_seconds"}
    return {name: node.metric(metric) for name, metric in names.items()}


def check_metrics(node):
    said = json.loads(node.ctl("--json", "fleet").stdout)
    found = measured(node)
    assert found == {name: pytest.approx(said[name], rel=1e-9)
                     for name in found}
    assert found["epoch"] > 0 and found["level"] > 0
    assert found["effective"] > 0.5
    assert node.metric("fleet_partition", verdict=said["partition"]) == 1
    assert node.metric("fleet_partition") == 1
    assert 0 <= node.metric("fleet_redis_age_seconds") < 3
    # What `holdfastctl status' says of the relay.
    assert node.metric("redis_link_up", link="commands") == 1
    assert node.metric("redis_link_up", link="pushes") == 1
    node.wait_metric(1, "redis_routes", state="synced")
    assert node.metric("redis_routes") == 1
    assert node.metric("redis_routes_compared") == \
        node.control("status")["redis"]["routes_done"]


def test_metrics(fleet):
    nodes = fleet(2, **{"admission.handshakes_per_second": 400})
    leader = leader_of(nodes)
    for node in nodes:
        assert node.metric("fleet_joined") == 1
        assert node.metric("fleet_leader") == (node is leader)
        assert node.metric("fleet_nodes", state="healthy") == 2
        wait_until(lambda n=node: n.metric("fleet_failover", hold="go") == 1,
                   20)
        assert node.metric("fleet_failover") == 1
        assert node.metric("fleet_handshakes", what="configured") == 800
        assert node.metric("fleet_handshakes", what="best") >= 0
        assert node.metric("fleet_handshakes", what="now") >= 0
        assert node.metric("fleet_drain_reserved") == 0
        assert node.metric("fleet_upgrade_lease") == 0
        assert node.metric("fleet_picture_age_seconds") < 3
    with Client(nodes[0], "a"), Client(nodes[1], "b"):
        for node in nodes:
            wait_until(lambda n=node: shown(n)["held"] == 2, 20)
            check_metrics(node)
        nodes[0].control("drain", within_ms=600000)
        wait_until(lambda: nodes[0].metric("fleet_drain_lease", state="held")
                   == 1, 20)
        wait_until(lambda: nodes[0].metric("fleet_drain_reserved") == 1, 20)
        nodes[1].control("drain", within_ms=600000)
        wait_until(lambda: nodes[1].metric("fleet_drain_lease",
                                           state="waiting") == 1, 20)
        assert nodes[1].metric("fleet_drain_reserved_by_others") == 1
        for node in nodes:
            node.control("undrain")
