# SPDX-License-Identifier: ISC
"""What a leader concludes from leases: whom it declares dead, and whom not."""
import contextlib
import re
import shlex
import socket

import pytest

from node import SLOW, wait_until
from redis_server import free_port, now_ms
# pylint: disable=unused-import
from test_fleet import (FAST, LEASE, events, fleet, leader_of, long, redis,
                        shown, states)
from test_fleet_observer import beat
from wire import Client


def deaths(redis, name):
    return [e for e in events(redis)
            if e["kind"] == "node_dead" and e["node"] == name]


TRACES = ["user-route:c", "node-clients:ghost", "{main}:node:ghost",
          "{main}:routes:ghost"]


def list_route(redis, name):
    """What its relay would have written, and nobody deletes."""
    redis("HSET", f"node-clients:{name}", "c", "{}")
    redis("SET", "user-route:c", name)


def is_purged(redis, name):
    return redis("HGET", f"{{main}}:node:{name}", "purged") == "1"


@long
def test_back_between_two_readings(fleet, redis):
    """The leader sees that a node was dead, and then that it is healthy: it
    counts again, and when it dies once more that is seen."""
    node, = fleet(1)
    peer = f"127.0.0.1 {free_port()}"
    lives = ("00000000000000aa", "00000000000000aa", "00000000000000ab")
    for died, life in enumerate(lives, 1):
        redis("DEL", "{main}:node:ghost")
        wait_until(lambda i=life: beat(redis, "ghost", peer=peer, incarnation=i)
                   and states(node).get("ghost") == "healthy", 20,
                   f"life {died} to count")
        redis("HSET", "node-clients:ghost", f"c{died}", "{}")
        redis("SET", f"user-route:c{died}", "ghost")
        wait_until(lambda n=died: len(deaths(redis, "ghost")) == n, 60)
        wait_until(lambda: is_purged(redis, "ghost"), 20)
        assert redis("GET", f"user-route:c{died}") is None
    assert [e["incarnation"] for e in deaths(redis, "ghost")] == list(lives)


def test_not_before_redis_has_settled(fleet, redis):
    """The lease of one that is gone is long over; but Redis is another one."""
    node, = fleet(1)
    leader_of([node])
    redis.restart_with("--enable-debug-command", "local")
    wait_until(lambda: shown(node)["leads"]
               and shown(node)["hold"] == "go", 30)
    redis("DEBUG", "CHANGE-REPL-ID")
    begun = now_ms(redis)
    beat(redis, "ghost", peer=f"127.0.0.1 {free_port()}", beat=begun - 9000)
    wait_until(lambda: shown(node)["hold"] == "unsettled", 20)
    wait_until(lambda: states(node).get("ghost") == "suspect", 20)
    wait_until(lambda: deaths(redis, "ghost"), 20)
    at, = [int(when.split("-")[0]) for when, fields
           in redis("XRANGE", "{main}:events", "-", "+")
           if "node_dead" in fields]
    assert at > begun + LEASE * 1000


def test_another_node_has_its_address(fleet, redis):
    """What answers there is not the one that is looked for."""
    nodes = fleet(2)
    leader = leader_of(nodes)
    # Its own answer would tell the leader nothing.
    other, = {"n0", "n1"} - {leader.settings["node.id"]}
    beat(redis, "ghost", peer=redis("HGET", f"{{main}}:node:{other}", "peer"))
    wait_until(lambda: deaths(redis, "ghost"), 60)
    wait_until(lambda: is_purged(redis, "ghost"), 20)
    assert states(leader)[other] == "healthy"


@pytest.mark.pace
def test_host_without_power(fleet, redis):
    """Nothing refuses: packets to its peer port are lost."""
    nodes = fleet(2)
    leader = leader_of(nodes)
    wait_until(lambda: shown(leader)["hold"] == "go", 20)
    with contextlib.ExitStack() as held:
        full = held.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            queued = held.enter_context(socket.socket())
            queued.setblocking(False)
            queued.connect_ex(full.getsockname())
        for i in range(500):
            redis("SET", f"user-route:c{i}", "ghost")
            redis("HSET", "node-clients:ghost", f"c{i}", "{}")
        last = now_ms(redis) - 2500
        beat(redis, "ghost", peer=f"127.0.0.1 {full.getsockname()[1]}",
             lease=5000, beat=last)
        wait_until(lambda: is_purged(redis, "ghost"), 20)
        took = now_ms(redis) - last
    assert redis("KEYS", "user-route:*") == []
    dead, = deaths(redis, "ghost")
    assert re.search(r"no lease for \d+ ms, peer port silent, seen by n\d "
                     r"and by n\d$", dead["observed"])
    print(f"dead and purged {took - 5000} ms after its lease")
    assert took < 5000 + 2000 * SLOW


def test_redis_decides_a_verdict(fleet, redis):
    """Whatever has changed since the leader decided, it finds out there."""
    fleet(1)
    with redis.connect() as monitor:
        monitor("MONITOR")
        beat(redis, "ghost", peer=f"127.0.0.1 {free_port()}")
        words = []
        while not ("EVAL" in words and "no lease for" in words[-2]):
            # TIME [DB PEER] "word" "word" ...
            words = shlex.split(monitor.take())[3:]
    wait_until(lambda: is_purged(redis, "ghost"), 20)
    # The node leads no longer, so that nobody but the test acts here.
    words[7] = "1:0000000000000001:0000000000000001"
    redis("SET", "{main}:leader", words[7])

    def verdict(**lease):
        redis("DEL", "{main}:node:ghost")
        beat(redis, "ghost", **{"beat": words[10], **lease})
        return redis(*words)

    redis("SET", "{main}:paused", "by a test")
    assert verdict() == 0
    redis("DEL", "{main}:paused")
    assert verdict(beat=1) == verdict(incarnation="b" * 16) == 0
    redis("HSET", "{main}:node:ghost", "state", "dead")
    assert redis(*words) == 0
    assert verdict() == 1
    redis("SET", "{main}:leader", f"{words[7]}0")
    assert verdict() == -1
    assert len(deaths(redis, "ghost")) == 2


@long
def test_next_leader_knows_the_past(fleet, redis):
    """Verdicts of the leaders before it count, and what an operator has
    acknowledged, if need be while nobody led."""
    nodes = fleet(3, **{"membership.max_failovers_per_hour": 1})
    away = []
    peer = f"127.0.0.1 {free_port()}"

    def wait_with(names, fact, what=None):
        """Meanwhile those live."""
        def both():
            for name in names:
                beat(redis, name, peer=peer)
            return fact()
        wait_until(both, 60, what)

    def is_held():
        return any(shown(node)["leads"] and shown(node)["hold"] == "flapping"
                   for node in nodes)

    def lose_leader():
        away.append(leader_of(nodes))
        nodes.remove(away[-1])
        away[-1].kill_supervisor()

    wait_with(["g1", "g2", "g3"], lambda: states(nodes[0]).get("g3"))
    wait_with(["g2", "g3"], lambda: deaths(redis, "g1"))
    lose_leader()
    wait_with(["g2", "g3"], is_held, "the next leader to hold back")
    wait_with(["g3"], lambda: states(nodes[0])["g2"] == "suspect")
    assert not deaths(redis, "g2")
    nodes[0].ctl("ack")
    wait_with(["g3"], lambda: deaths(redis, "g2"))
    wait_with(["g3"], is_held)
    lose_leader()
    nodes[0].ctl("ack")
    wait_until(lambda: deaths(redis, "g3"), 60)
    for node in away:
        node.start()


def test_who_cannot_be_judged(fleet, redis):
    """A node without a peer port stays suspect: it holds nobody up for ever,
    and an operator can take it off the list."""
    node, = fleet(1)
    beat(redis, "mute", lease=500)
    redis("HSET", "node-clients:mute", "c", "{}")
    redis("SET", "user-route:c", "mute")
    wait_until(lambda: states(node).get("mute") == "suspect", 20)
    gone = int(redis("HGET", "{main}:node:mute", "beat")) + 11 * 500
    peer = f"127.0.0.1 {free_port()}"
    wait_until(lambda: beat(redis, "ghost", peer=peer)
               and now_ms(redis) > gone, 20)
    wait_until(lambda: deaths(redis, "ghost"), 60)
    assert states(node)["mute"] == "suspect"
    assert redis("GET", "user-route:c") == "mute"

    for name, why in (("n0", "it renews its lease"),
                      ("n9", "no node of the fleet has this id")):
        done = node.ctl("forget", name, check=False)
        assert done.returncode == 1 and f"{name}: {why}" in done.stderr
    for name in ("mute", "ghost"):
        assert node.ctl("forget", name).stdout == (
            f"{name} is forgotten when its routes are purged\n")
    wait_until(lambda: states(node) == {"n0": "healthy"}, 20)
    assert redis("GET", "user-route:c") is None
    assert redis("EXISTS", "{main}:node:mute", "node-clients:mute") == 0
    assert redis("ZRANGE", "{main}:nodes", 0, -1) == ["n0"]
    assert not deaths(redis, "mute")
    told = [(e["kind"], e["node"]) for e in events(redis)]
    for name in ("mute", "ghost"):
        assert told.count(("forget", name)) == 1
        assert told.count(("node_forgotten", name)) == 1
    assert "node_forgotten node mute by its leader n0\n" \
        in node.ctl("events").stdout


def test_lease_that_redis_has_lost(fleet, redis):
    """A name without a lease goes; a node that lives writes it again."""
    nodes = fleet(2)
    beat(redis, "ghost")
    list_route(redis, "ghost")
    wait_until(lambda: "ghost" in states(nodes[0]), 20)
    nodes[0].ctl("pause")
    redis("DEL", "{main}:node:ghost", "{main}:node:n1")
    gone = now_ms(redis) + LEASE * 1000
    wait_until(lambda: now_ms(redis) > gone + 1000, 20)
    assert redis("GET", "user-route:c") == "ghost"
    nodes[0].ctl("resume")
    wait_until(lambda: states(nodes[0]) == {"n0": "healthy", "n1": "healthy"},
               30)
    assert not deaths(redis, "ghost") and not deaths(redis, "n1")
    assert redis("EXISTS", *TRACES) == 0


def test_one_that_cannot_be_purged(fleet, redis):
    """Somebody has written something else in its place: the others have their
    turn, and a route that is none costs nothing."""
    node, = fleet(1)
    redis("SET", "node-clients:broken", "nonsense")
    redis("HSET", "node-clients:ghost", "c", "{}", "d", "{}")
    redis("SET", "user-route:c", "ghost")
    redis("RPUSH", "user-route:d", "nonsense")
    for name in ("broken", "ghost"):
        beat(redis, name, state="dead")
    wait_until(lambda: is_purged(redis, "ghost"), 20)
    assert redis("EXISTS", "user-route:c", "node-clients:ghost") == 0
    assert redis("TYPE", "user-route:d") == "list"
    assert not is_purged(redis, "broken")
    assert node.log().count("event=purge_failed") == 1
    assert "WRONGTYPE" in node.log()


def test_leader_that_may_not_read(start, redis):
    """It says so, and does not keep others from leading."""
    redis("ACL", "SETUSER", "blind", "on", ">secret", "~*", "&*", "+@all")
    node = start({**FAST, "redis.url": redis.url, "redis.user": "blind",
                  "node.id": "blind"}, is_started=False)
    secret = node.dir / "secret"
    secret.write_text("secret")
    node.configure({"redis.password_file": str(secret)})
    node.start()
    leader_of([node])
    redis("ACL", "SETUSER", "blind", "-zrange")
    other = start({**FAST, "redis.url": redis.url, "node.id": "other"})
    wait_until(lambda: shown(other)["leads"], 30)
    told, = re.findall("event=fleet_unled .*", node.log())
    assert "what=reading" in told and "run this command" in told


def test_who_leaves_something_behind(fleet, redis):
    """A node that stops deletes its routes; the leader does what is left, and
    says nothing of it where there is nothing."""
    nodes = fleet(3)
    leader = leader_of(nodes)
    leaves = next(node for node in nodes if node is not leader)
    name = leaves.settings["node.id"]
    clients = [Client(leaves, f"c{i}") for i in range(20)]
    clients[0].socket.setblocking(False)  # mute: it never answers a close
    wait_until(lambda: redis("HLEN", f"node-clients:{name}") == 20, 20)
    list_route(redis, name)
    beat(redis, "ghost", state="left", lease=500)
    leaves.stop()
    redis("XADD", f"inbox:{name}", "*", "m", "nobody reads this")
    wait_until(lambda: set(states(leader)) == {
        node.settings["node.id"] for node in nodes if node is not leaves}, 30)
    assert redis("KEYS", "user-route:*") == []
    traces = [f"node-clients:{name}", f"inbox:{name}",
              f"{{main}}:routes:{name}", f"{{main}}:node:{name}"]
    wait_until(lambda: redis("EXISTS", *traces) == 0, 20)
    assert redis("ZCARD", "{main}:nodes") == 2
    assert not deaths(redis, name)
    told = {(e["kind"], e["node"]) for e in events(redis)}
    assert ("routes_purged", name) in told
    assert not {("routes_purged", "ghost"), ("node_forgotten", "ghost"),
                ("node_forgotten", name)} & told
    assert not [e for e in events(redis) if e["kind"] == "storm_announced"]
    for client in clients:
        client.close()
