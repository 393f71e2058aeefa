# SPDX-License-Identifier: ISC
"""A fleet on one machine: leases, a leader, limits, the dead, Redis away."""
import os
import re
import signal
import socket
import time

import pytest

import process
from crowd import Crowd
from node import ControlError, LONG, PATIENCE, wait_until
from redis_server import FakeRedis, Redis
from wire import Client

# Long enough for a node on a busy machine to renew it in time.
LEASE = 3
FAST = {"membership.lease": f"{LEASE}s",
        "membership.leader_lease": f"{LEASE}s", "storm.min_window": "3s",
        "peer.address": "127.0.0.1", "peer.port": 0,
        "redis.connect_timeout": "1s", "redis.command_timeout": "1s",
        "redis.backoff_max": "500ms"}


long = pytest.mark.skipif(not LONG, reason="only in make test-long")


@pytest.fixture
def redis():
    server = Redis().start()
    yield server
    server.close()


@pytest.fixture
def fleet(start, redis):
    """fleet(3) -> three nodes that know of each other."""
    def begin(count, **settings):
        nodes = [start({**FAST, "redis.url": redis.url, "node.id": f"n{i}",
                        **settings}, is_started=False) for i in range(count)]
        for node in nodes:
            node.spawn()
        for node in nodes:
            node.wait_ready()
        wait_until(lambda: all(states(node) == {f"n{i}": "healthy"
                                                for i in range(count)}
                               for node in nodes), 30, "the whole fleet")
        return nodes
    return begin


def states(node):
    return {item["id"]: item["state"]
            for item in node.control("nodes")["nodes"]}


def shown(node):
    return node.control("fleet")


def leader_of(nodes):
    def fact():
        leaders = [node for node in nodes if node.process.poll() is None
                   and shown(node)["leads"]]
        return len(leaders) == 1 and leaders[0]
    return wait_until(fact, 30, "one leader")


def kill_all(node):
    """Power off: supervisor, keepers and tenants at once."""
    pids = [node.pid]
    for worker in node.control("workers")["workers"]:
        pids += [worker["keeper_pid"], worker["tenant_pid"]]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    node.process.wait()
    node.expected_exit = -signal.SIGKILL


def peer_line(redis, name):
    """What the node says to other nodes: the words."""
    host, port = redis("HGET", f"{{main}}:node:{name}", "peer").split()
    with socket.create_connection((host, int(port)), 10 * PATIENCE) as sock:
        return sock.makefile().readline().split()


def events(redis):
    found = []
    for _, fields in redis("XRANGE", "{main}:events", "-", "+"):
        found.append(dict(zip(fields[::2], fields[1::2])))
    return found


def test_members(fleet, redis):
    nodes = fleet(3)
    leader = leader_of(nodes)
    assert set(redis("ZRANGE", "{main}:nodes", 0, -1)) == {"n0", "n1", "n2"}
    lease = redis("HGETALL", "{main}:node:n1")
    lease = dict(zip(lease[::2], lease[1::2]))
    assert lease["state"] == "healthy" and lease["capacity"] == "16000"
    first = int(lease["beat"])
    wait_until(lambda: int(redis("HGET", "{main}:node:n1", "beat"))
               > first + 900, 20, "a renewal")
    # One that stops says so, and is nobody's concern.
    leaving = next(node for node in nodes if node is not leader)
    leaving.stop()
    wait_until(lambda: len(states(leader)) == 2, 20, "it to leave")
    assert redis("ZCARD", "{main}:nodes") == 2
    assert not [e for e in events(redis) if e["kind"] == "node_dead"]


def test_count_is_of_clients(fleet, redis):
    """Who only connects, or is refused, moves no limit of the fleet."""
    node, = fleet(1)

    def told(what):
        return int(redis("HGET", "{main}:node:n0", what))

    sockets = [socket.create_connection(("127.0.0.1", node.port))
               for _ in range(8)]
    wait_until(lambda: node.connections() == 8)
    first = told("beat")
    with Client(node):
        wait_until(lambda: told("count") == 1, 20)
        wait_until(lambda: told("beat") > first + 1500, 20)
        assert told("count") == 1
        assert node.connections() == 9
    for sock in sockets:
        sock.close()


@long
def test_leader_stops(fleet):
    nodes = fleet(3)
    leader = leader_of(nodes)
    epoch = shown(leader)["epoch"]
    leader.stop()
    rest = [node for node in nodes if node is not leader]
    after = leader_of(rest)
    wait_until(lambda: shown(after)["epoch"] > epoch, 20, "a new epoch")


@long
def test_supervisor_comes_back(fleet):
    nodes = fleet(2)
    node = nodes[1]
    with Client(node, "stays") as client:
        node.kill_supervisor()
        node.start()
        wait_until(lambda: shown(node)["place"] == "joined", 20)
        assert client.echo("still here")
        wait_until(lambda: states(nodes[0]) == {"n0": "healthy",
                                                "n1": "healthy"}, 20)


def test_node_dies(fleet, redis):
    nodes = fleet(3, **{"storm.min_window": "30s",
                        "storm.handshakes_per_second": 1000})
    leader = leader_of(nodes)
    victim = next(node for node in nodes if node is not leader)
    name = victim.settings["node.id"]
    # What the relay of that node would have written.
    for i in range(3000):
        redis("SET", f"user-route:c{i}", name if i % 100 else "n9")
        redis("HSET", f"node-clients:{name}", f"c{i}", "{}")
    rider = Client(victim, "rides")
    wait_until(lambda: redis("HGET", f"{{main}}:node:{name}", "count")
               == "1", 20, "its lease to tell of the client")
    begun = time.monotonic()
    kill_all(victim)
    wait_until(lambda: redis("HGET", f"{{main}}:node:{name}", "purged")
               == "1", 60, "its routes to be purged")
    took = time.monotonic() - begun
    # The bar, where nothing else runs; elsewhere no more than slow.
    assert took < (LEASE + 2) * PATIENCE * (1 if LONG else 3), took
    rider.close()
    assert redis("EXISTS", f"node-clients:{name}") == 0
    left = redis("KEYS", "user-route:*")
    assert len(left) == 30 and redis("GET", left[0]) == "n9"
    dead, = [e for e in events(redis) if e["kind"] == "node_dead"]
    assert dead["node"] == name and "peer port refused" in dead["observed"]
    wait_until(lambda: states(leader)[name] == "dead", 20)
    for node in nodes:
        wait_until(lambda n=node: n is victim or re.search(
            f"routes_purged node {name}, 297[01] routes$",
            n.ctl("events").stdout, re.M), 20, "the news, on each node")
    assert redis("HGET", "{main}:summary", "storm_window") == "30000"
    for node in nodes:
        if node is victim:
            continue
        # 5000 configured on each of two.
        node.wait_metric(500, "fleet_handshake_limit")
        assert 0 < node.metric("fleet_storm_left_seconds") <= 30
        node.wait_metric(1, "fleet_nodes", state="dead")
        assert node.metric("fleet_deaths_total") == (node is leader)
        assert 2970 * (node is leader) <= \
            node.metric("fleet_routes_purged_total") <= \
            2971 * (node is leader)
    # Dead, it comes back as a new incarnation.
    victim.expected_exit = 0
    for stale in ("slots", "settings", "supervisor.sock"):
        (victim.run_dir / stale).unlink(missing_ok=True)
    victim.port = None
    victim.start()
    wait_until(lambda: states(leader)[name] == "healthy", 30)


def routed(redis):
    """client -> node, as Redis has it."""
    keys = redis("KEYS", "user-route:*")
    return dict(zip((key.partition(":")[2] for key in keys),
                    redis("MGET", *keys) if keys else ()))


def test_supervisor_stays_away(fleet, redis):
    """The relay renews the lease, and writes it anew when Redis has lost it:
    no client, no route, no verdict.  For a minute, or for longer than the
    lease."""
    away_ms, clients = (60000, 2000) if LONG else (6000, 20)
    nodes = fleet(3, **{"membership.lease": "4s",
                        "blast_radius.floor": clients})
    leader = leader_of(nodes)
    away = next(node for node in nodes if node is not leader)
    name = away.settings["node.id"]
    key = f"{{main}}:node:{name}"
    routes = {f"c{i}": name for i in range(clients)}
    with Crowd(away, clients) as crowd:
        wait_until(lambda: routed(redis) == routes, 20)
        beat = int(redis("HGET", key, "beat"))
        lease = redis("HMGET", key, "incarnation", "peer", "lease")
        away.kill_supervisor()
        wait_until(lambda: "lease_kept" in away.log(), 20)
        redis("FLUSHALL")
        wait_until(lambda: redis("EXISTS", key), 20, "a new lease")
        assert redis("HMGET", key, "incarnation", "peer", "lease") == lease
        while int(redis("HGET", key, "beat")) < beat + away_ms:
            crowd.pump(0.5)
        # It may have been suspect in between, on a busy machine, never dead.
        wait_until(lambda: states(leader).get(name) == "healthy", 20)
        wait_until(lambda: routed(redis) == routes, 20, "all routes")
        assert redis("HGET", key, "count") == str(clients)
        assert not [e for e in events(redis) if e["kind"] == "node_dead"]
        first = peer_line(redis, name)
        assert first[:2] == ["holdfast-peer", "1"]
        assert first[4:] == ["unsupervised", name, "main"]
        away.start()
        crowd.ping()

        def all_answer():
            crowd.pump(0.1)
            return all(member.ponged_at for member in crowd.members)

        wait_until(all_answer, 20)
        assert len(crowd.left()) == clients
        wait_until(lambda: "lease_returned" in away.log(), 30)
        wait_until(lambda: peer_line(redis, name) ==
                   [*first[:3], peer_line(redis, name)[3], "ready", name,
                    "main"], 20,
                   "the supervisor of that incarnation to answer")


def test_relay_answers_for_the_node(fleet, start, redis):
    """No supervisor, and Redis does not let the relay renew the lease: the
    node is suspect, but it lives, and other nodes hear that from the relay."""
    leader = leader_of(fleet(2))
    redis("ACL", "SETUSER", "cut", "on", ">secret", "~*", "&*", "+@all")
    node = start({**FAST, "redis.url": redis.url, "redis.user": "cut",
                  "node.id": "cut"}, is_started=False)
    secret = node.dir / "secret"
    secret.write_text("secret")
    node.configure({"redis.password_file": str(secret)})
    node.start()
    node.expects_errors = True
    wait_until(lambda: states(leader).get("cut") == "healthy", 20)
    with Client(node, "stays") as client:
        wait_until(lambda: redis("GET", "user-route:stays") == "cut", 20)
        node.kill_supervisor()
        redis("ACL", "SETUSER", "cut", "off")
        redis("CLIENT", "KILL", "USER", "cut")
        wait_until(lambda: re.search("event=suspect_lives .*"
                                     "state=unsupervised", leader.log()), 30)
        wait_until(lambda: states(leader)["cut"] == "suspect", 20)
        assert redis("GET", "user-route:stays") == "cut"
        assert client.echo("still here")
        redis("ACL", "SETUSER", "cut", "on")
        node.start()
        wait_until(lambda: states(leader)["cut"] == "healthy", 30)
        assert client.echo("still here")
    assert not [e for e in events(redis) if e["kind"] == "node_dead"]


@long
def test_pause(fleet, redis):
    nodes = fleet(3)
    leader = leader_of(nodes)
    victim = next(node for node in nodes if node is not leader)
    name = victim.settings["node.id"]
    victim_free = next(node for node in nodes
                       if node not in (leader, victim))
    victim_free.ctl("pause")
    wait_until(lambda: shown(leader)["hold"] == "paused", 20)
    kill_all(victim)
    wait_until(lambda: states(leader)[name] == "suspect", 20)
    begun = int(redis("TIME")[0])
    wait_until(lambda: int(redis("TIME")[0]) > begun + 2, 20)
    assert states(leader)[name] == "suspect"
    victim_free.ctl("resume")
    wait_until(lambda: states(leader)[name] == "dead", 20)


@long
def test_two_die_at_once(fleet, redis):
    """More than a tenth: an operator has to look."""
    nodes = fleet(4)
    leader = leader_of(nodes)
    victims = [node for node in nodes if node is not leader][:2]
    for node in victims:
        kill_all(node)
    wait_until(lambda: shown(leader)["hold"] == "mass_expiry", 20)
    assert not [e for e in events(redis) if e["kind"] == "node_dead"]
    leader.ctl("ack")
    wait_until(lambda: sorted(states(leader).values())
               == ["dead", "dead", "healthy", "healthy"], 20)


def keep(redis):
    """From now on it remembers all when it is started again."""
    redis.options = ("--appendonly", "yes", "--appendfsync", "always")
    redis("CONFIG", "SET", "appendfsync", "always")
    redis("CONFIG", "SET", "appendonly", "yes")
    wait_until(lambda: "aof_rewrite_in_progress:0" in redis("INFO") and
               "aof_enabled:1" in redis("INFO"), 20, "the file to be there")


def test_redis_outage(fleet, redis):
    """Everybody loses it: nobody is cut off, dead or refused, although all
    leases have run out when it is back."""
    nodes = fleet(3)
    leader_of(nodes)
    keep(redis)
    clients = [Client(node, f"c{i}") for i, node in enumerate(nodes)]
    redis.kill()
    for node in nodes:
        wait_until(lambda n=node: shown(n)["partition"] == "outage", 30)
        assert node.admin("/readyz").status == 200
        assert node.metric("fleet_partition", verdict="outage") == 1
        assert node.metric("fleet_partition") == 1
        assert node.metric("fleet_redis_age_seconds") > 2
        assert node.metric("redis_link_up") == 0
        assert node.metric("redis_routes", state="away") == 1
    for i, node in enumerate(nodes):
        with Client(node, f"new{i}") as client:
            assert client.echo("hello")
    redis.start()
    wait_until(redis.has_loaded)
    # What it was told before is there.
    assert [e for e in events(redis) if e["kind"] == "leader"]
    for node in nodes:
        wait_until(lambda n=node: shown(n)["partition"] == "none", 30)
    leader = leader_of(nodes)
    wait_until(lambda: states(leader) == {f"n{i}": "healthy"
                                          for i in range(3)}, 30)
    assert not [e for e in events(redis) if e["kind"] == "node_dead"]
    told = nodes[0].ctl("events").stdout
    assert re.search(r"redis_up after \S+s$", told, re.M), told
    for client in clients:
        assert client.echo("still here")
        client.close()


@long
def test_redis_stands_still_and_is_flushed(fleet, redis):
    nodes = fleet(2)
    leader_of(nodes)
    redis.pause()
    begun = time.monotonic()
    for node in nodes:
        wait_until(lambda n=node: shown(n)["partition"] == "outage", 30)
        assert node.admin("/readyz").status == 200
    wait_until(lambda: time.monotonic() > begun + 2 * LEASE, 30)
    redis.go_on()
    for node in nodes:
        wait_until(lambda n=node: shown(n)["partition"] == "none", 30)
    assert [e for e in events(redis) if e["kind"] == "leader"]
    assert not [e for e in events(redis) if e["kind"] == "node_dead"]
    redis.forget()
    redis("FLUSHALL")
    leader = leader_of(nodes)
    wait_until(lambda: redis("ZCARD", "{main}:nodes") == 2, 30)
    wait_until(lambda: states(leader) == {"n0": "healthy", "n1": "healthy"},
               30)


@long
def test_starts_without_redis(start, redis):
    redis.kill()
    node = start({**FAST, "redis.url": redis.url, "node.id": "n0"})
    with Client(node, "early") as client:
        redis.start()
        wait_until(lambda: shown(node)["place"] == "joined", 20)
        assert client.echo("hello")


def test_limits(fleet):
    """A fleet of three, where one may not hold more than its share."""
    nodes = fleet(3, **{"blast_radius.floor": 2, "node.capacity": 100})
    leader_of(nodes)
    wait_until(lambda: all(shown(node)["limit"] == 2 for node in nodes), 30)
    clients = [Client(nodes[0], f"a{i}") for i in range(2)]
    wait_until(lambda: nodes[0].admin("/readyz").status == 200
               and shown(nodes[0])["held"] >= 2, 30)
    # 2 connections and a tenth more over three nodes: one each would do.
    clients += [Client(nodes[1], "b"), Client(nodes[2], "c")]
    wait_until(lambda: shown(nodes[0])["held"] >= 4
               and shown(nodes[0])["effective"] == 0.5, 30)
    assert shown(nodes[0])["nodes_missing"] == 107
    text = nodes[0].ctl("fleet").stdout
    assert "50 % effective, 1 % configured, for which it takes 107 more " \
        "nodes and 200 connections (any node may hold 2); largest" in text
    # Not that of open files.
    assert "of 2, its limit in the fleet (100 configured)\n" in \
        nodes[0].ctl("status").stdout
    for client in clients:
        client.close()


@long
def test_high_water_falls(fleet):
    nodes = fleet(2, **{"blast_radius.floor": 1, "node.capacity": 100,
                        "blast_radius.half_life": "1s"})
    clients = [Client(nodes[0], "a"), Client(nodes[1], "b")]
    wait_until(lambda: shown(nodes[0])["held"] == 2, 30)
    for client in clients:
        client.close()
    wait_until(lambda: shown(nodes[0])["held"] == 1, 30)


def test_nonsense_from_redis(start):
    """Whatever it says, it ends nobody and refuses nobody."""
    token = b"1:%016x:%016x" % (1, 1)
    answers = [b":1\r\n", b"*0\r\n", b"$-1\r\n", b"-ERR no\r\n", b"+ok\r\n",
               b"*2\r\n$2\r\nok\r\n:5\r\n", b"*1\r\n*1\r\n*1\r\n:1\r\n",
               b"*3\r\n$5\r\ntaken\r\n$1\r\nx\r\n$-1\r\n",
               b"$%d\r\n%s\r\n" % (len(token), token),
               b"*9\r\n$2\r\nok\r\n:1\r\n" + b"$1\r\n9\r\n" * 6
               + b"$2\r\n[{\r\n",
               b"*4\r\n:1\r\n$0\r\n\r\n$0\r\n\r\n*3\r\n:1\r\n:2\r\n:3\r\n"]
    asked = []

    def say(words):
        if words[0] not in ("EVAL", "INFO", "XADD", "HSCAN"):
            return None
        asked.append(words[0])
        return answers[len(asked) % len(answers)]

    server = FakeRedis(say)
    try:
        node = start({**FAST, "redis.url": server.url, "node.id": "n0"})
        wait_until(lambda: len(asked) > 40, 30, "it to have heard them all")
        with Client(node, "c") as client:
            assert client.echo("hello")
        assert shown(node)["place"] in ("asking", "joined", "id_taken")
    finally:
        server.close()


def test_standalone_has_no_fleet(start):
    node = start()
    with pytest.raises(ControlError):
        node.control("nodes")
    done = node.ctl("fleet", check=False)
    assert done.returncode == 1 and "no fleet" in done.stderr
