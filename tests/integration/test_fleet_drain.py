# SPDX-License-Identifier: ISC
"""Drains and upgrades ask the fleet: one after the other, unless forced."""
import signal

from crowd import Crowd
from node import PATIENCE, wait_until
from redis_server import now_ms
from test_fleet import FAST, LEASE, events, fleet, long, redis, shown

from upgrading import Upgradable
from wire import Client, Closed

SETTINGS = {"blast_radius.floor": 100, "drain.window": "60s",
            "websocket.close_timeout": "1s"}


def lease(node):
    return node.control("status").get("drain", {}).get("lease")


def lasting(redis):
    """The end of an entry that is not over in this test."""
    return now_ms(redis) + 250000


def entries(redis):
    flat = redis("HGETALL", "{main}:drains")
    return dict(zip(flat[::2], flat[1::2]))


def kinds(redis, node=None):
    return [e["kind"] for e in events(redis)
            if node is None or e["node"] == node.settings["node.id"]]


def crowd(nodes, each):
    clients = [Client(node, f"{i}-{n}") for n, node in enumerate(nodes)
               for i in range(each)]
    # What may be drained is a share of what the leader has counted.
    wait_until(lambda: all(shown(node)["held"] >= len(clients)
                           for node in nodes), 30)
    return clients


def close(clients):
    for client in clients:
        client.close()


def test_one_after_the_other(fleet, redis):
    nodes = fleet(3, **SETTINGS)
    clients = crowd(nodes, 3)
    first, second, third = nodes
    first.ctl("drain")
    wait_until(lambda: lease(first) == "held", 20)
    token, count, _ = entries(redis)["n0"].split()
    assert token.startswith(redis("HGET", "{main}:node:n0", "incarnation"))
    assert 0 < int(count) <= 3
    said = second.ctl("drain").stdout
    wait_until(lambda: "drain_waits" in kinds(redis, second), 20)
    assert "leaving" in said and "waits for the fleet" in said
    assert lease(second) == "waiting"
    status = second.ctl("status").stdout
    assert "waits for the fleet" in status
    # It serves on, also new ones.
    with Client(second, "late") as late:
        assert late.echo("hello")
    assert second.control("status")["drain"]["left"] >= 3
    # Who must not wait does not, and that is on record.
    third.ctl("drain", "--force")
    wait_until(lambda: lease(third) == "forced" and "n2" in entries(redis),
               20)
    assert "drain_forced" in kinds(redis, third)
    first.ctl("undrain")
    third.ctl("undrain")
    wait_until(lambda: lease(second) == "held", 20)
    assert "drain_granted" in kinds(redis, second)
    wait_until(lambda: list(entries(redis)) == ["n1"], 20)
    second.ctl("drain", "--within", "1s", "--wait", check=False)
    wait_until(lambda: not entries(redis), 20, "it to be given back")
    close(clients)


def test_as_many_as_fit(fleet, redis):
    """Half of them may be on the move: two nodes of four, not three."""
    nodes = fleet(4, **SETTINGS, **{"blast_radius.max_draining": 0.5})
    clients = crowd(nodes, 3)
    for node in nodes[:3]:
        node.ctl("drain")
    wait_until(lambda: sorted(lease(node) for node in nodes[:3])
               == ["held", "held", "waiting"], 20)
    assert sum(int(entry.split()[1])
               for entry in entries(redis).values()) <= 6
    waits = next(node for node in nodes[:3] if lease(node) == "waiting")
    wait_until(lambda: shown(waits)["held"] == 12, 20)
    next(node for node in nodes if lease(node) == "held").ctl("undrain")
    wait_until(lambda: lease(waits) == "held", 20)
    assert len(entries(redis)) == 2
    close(clients)


def test_plan_knows_the_peers(fleet, redis):
    """Whether there is room for those who are to go."""
    nodes = fleet(3, **SETTINGS, **{"node.capacity": 6,
                                    "admission.handshakes_per_second": 50})
    first, second, third = nodes

    def peers():
        return first.control("drain", plan=True)["peers"]

    wait_until(lambda: peers()["healthy"] == 2, 20)
    clients = crowd(nodes, 3)
    wait_until(lambda: peers()["free"] == 6, 20)
    wait_until(lambda: peers()["absorb"] == "yes", 20)
    assert peers()["handshakes_per_second"] <= 100
    assert "the peers can take them" in first.ctl("drain", "--plan").stdout
    clients += [Client(second, f"more-{n}") for n in range(3)]
    wait_until(lambda: peers()["free"] == 3, 20)
    assert peers()["absorb"] == "yes"
    clients += [Client(third, "one-more")]
    wait_until(lambda: peers()["absorb"] == "no", 20)
    assert "cannot take all" in first.ctl("drain", "--plan").stdout
    third.ctl("drain", "--force")
    wait_until(lambda: peers()["healthy"] == 1, 20)
    second.ctl("drain", "--force")
    wait_until(lambda: peers()["absorb"] == "alone", 20)
    assert "nowhere to go" in first.ctl("drain", "--plan").stdout
    assert first.control("status")["state"] == "ready"
    close(clients)


def test_stop_waits_for_so_long(fleet, redis):
    """What it waits for the fleet is not taken from its clients' time."""
    window = 3
    node, _ = fleet(2, **{**SETTINGS, "drain.lease_wait": f"{window}s",
                          "drain.window": f"{window}s"})
    redis("HSET", "{main}:drains", "other", f"x:1 5 {lasting(redis)}",
          "ended", "y:1 9 1000", "nonsense", "z")
    with Crowd(node, 24) as clients:
        node.process.send_signal(signal.SIGTERM)
        wait_until(lambda: lease(node) == "waiting", 20)
        clients.run(30)
        clients.check_ends()
        first, *_, last = clients.times(0)
    assert window / 2 < last - first < window * PATIENCE
    assert node.wait(30) == 0
    assert "drain_unleased" in node.log()
    assert "event=drain_deadline" not in node.log()
    wait_until(lambda: "drain_unleased" in kinds(redis, node), 20)
    wait_until(lambda: list(entries(redis)) == ["other"], 20)


def test_stops_at_once(fleet):
    """Its clients come to the others over the time of a storm."""
    span = 60000
    node, _ = fleet(2, **{**SETTINGS, "storm.min_window": f"{span}ms"})
    with Crowd(node, 24) as clients:
        node.process.send_signal(signal.SIGINT)
        clients.run(30)
        assert {m.code for m in clients.members} == {1001}
        hints = [int(m.reason.removeprefix("reconnect_ms="))
                 for m in clients.members if m.hint]
        assert not any(m.reason for m in clients.members if not m.hint)
    assert max(hints) < span and max(hints) > span / 10
    assert node.wait(30) == 0


@long
def test_pauses_without_redis(fleet, redis):
    node, _ = nodes = fleet(2, **{**SETTINGS, "drain.gentle_window": "1h"})
    clients = crowd(nodes, 4)
    node.ctl("drain", "--profile", "gentle")
    wait_until(lambda: lease(node) == "held", 20)
    redis.kill()
    wait_until(lambda: lease(node) == "paused", 30)
    assert "pauses for the fleet" in node.ctl("status").stdout
    # One who asks for another pace gets it once it goes on.
    node.ctl("drain", "--within", "2s")
    assert lease(node) == "paused"
    left = [client for client in clients[:4] if answers(client)]
    assert node.control("status")["drain"]["left"] == len(left) > 0
    redis.start()
    # These clients do not answer close frames, so they are cut off.
    node.ctl("drain", "--wait", seconds=60, check=False)
    assert "drain_resumed" in node.log()
    assert node.control("status")["drain"]["empty"]
    close(clients)


def answers(client):
    try:
        return client.echo("there?")
    except (Closed, OSError):
        return False


def test_lease_outlives_the_supervisor(fleet, redis):
    """Its gateways go on closing, so its relay has the others wait, for
    longer than the lease."""
    node, other = nodes = fleet(2, **SETTINGS)
    clients = crowd(nodes, 12)
    node.ctl("drain", "--within", "60s")
    wait_until(lambda: lease(node) == "held", 20)
    token, count, ends = entries(redis)["n0"].split()
    node.kill_supervisor()
    other.ctl("drain")
    wait_until(lambda: lease(other) == "waiting", 20)
    wait_until(lambda: int(entries(redis)["n0"].split()[2]) >
               int(ends) + 2 * LEASE * 1000, 40)
    assert entries(redis)["n0"].split()[0] == token
    assert int(entries(redis)["n0"].split()[1]) < int(count)
    assert lease(other) == "waiting"
    next_supervisor(node)
    wait_until(lambda: lease(node) == "held", 30)
    wait_until(lambda: shown(node)["place"] == "joined", 20)
    wait_until(lambda: entries(redis)["n0"].split()[0] == token, 20)
    assert lease(other) == "waiting"
    assert "drain_granted" not in kinds(redis, other)
    assert "event=drain_paused" not in node.log()
    node.ctl("undrain")
    wait_until(lambda: lease(other) == "held", 20)
    close(clients)


def test_stands_still_without_anybody(fleet, redis):
    """Neither supervisor nor Redis: gateways stop closing before others may
    begin, and nobody is cut off for the time that passes."""
    node, _ = fleet(2, **SETTINGS)
    with Crowd(node, 12) as clients:
        node.ctl("drain", "--within", "10s")
        wait_until(lambda: lease(node) == "held", 20)
        redis.kill()
        node.kill_supervisor()
        clients.pump(15)  # its deadline passes
        left = len(clients.left())
        assert left > 0
        next_supervisor(node)
        wait_until(lambda: lease(node) == "paused", 30)
        # Else they would close all that is left when there is permission.
        wait_until(lambda: node.log().count("event=drain_undone") ==
                   node.control("status")["workers"], 20)
        clients.pump(1)
        assert len(clients.left()) == left
        redis.start()
        clients.run(30)
        clients.check_ends()
    wait_until(lambda: node.control("status")["drain"]["empty"], 20)
    assert "event=drain_deadline" not in node.log()


def test_stays_forced(fleet, redis):
    """Though its supervisor dies before it has begun to close."""
    node, other = nodes = fleet(2, **{**SETTINGS, "drain.lb_wait": "3s"})
    clients = crowd(nodes, 3)
    other.ctl("drain", "--profile", "gentle")
    wait_until(lambda: lease(other) == "held", 20)
    node.ctl("drain", "--force", "--profile", "gentle")
    assert node.control("status")["state"] == "leaving"
    node.kill_supervisor()
    next_supervisor(node)
    wait_until(lambda: lease(node) == "forced" and "n0" in entries(redis), 20)
    node.kill_supervisor()
    next_supervisor(node)
    wait_until(lambda: lease(node) == "forced", 20)
    assert "drain_waits" not in kinds(redis, node)
    close(clients)


def next_supervisor(node):
    """Of a node that is drained, so it is not ready."""
    def is_there():
        try:
            return node.control("status")
        except OSError:
            return False

    node.spawn()
    wait_until(is_there, 20)


def test_upgrade_is_denied(fleet, redis):
    """Whoever asks is told, and so is the fleet."""
    node, = fleet(1)
    redis("HSET", "{main}:upgrades", "other", f"x:0 1 {lasting(redis)}")
    refused = node.ctl("upgrade", check=False)
    assert refused.returncode == 1 and "1 other nodes" in refused.stderr
    wait_until(lambda: kinds(redis, node).count("upgrade_denied") == 1, 20)
    node.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: kinds(redis, node).count("upgrade_denied") == 2, 20)
    wait_until(lambda: "upgrade_refused" in node.log(), 20)
    assert node.ctl("events").stdout.count(
        "upgrade_denied node n0, others that upgrade: 1\n") == 2


@long
def test_upgrades_take_turns(start, redis):
    node = start({**FAST, "redis.url": redis.url, "node.id": "n0"},
                 kind=Upgradable)
    wait_until(lambda: shown(node)["place"] == "joined", 20)
    redis("HSET", "{main}:upgrades", "other", f"x:0 1 {lasting(redis)}")
    assert node.ctl("upgrade", check=False).returncode == 1
    redis("HDEL", "{main}:upgrades", "other")
    with Client(node, "stays") as client:
        assert node.upgrade()[0][-1]["severed"] == 0
        wait_until(node.is_ready, 30)
        assert client.echo("still here")
    wait_until(lambda: shown(node)["place"] == "joined", 20)
    wait_until(lambda: not redis("EXISTS", "{main}:upgrades"), 30)
