# SPDX-License-Identifier: ISC
"""What Redis says of a node's clients, whatever becomes of Redis."""
import json
import os
import re
import signal
import threading
import time

import pytest

from load import Load
from node import LONG, PATIENCE, SLOW, wait_until
# pylint: disable=unused-import
from redis_fleet import fleet, is_synced, redis, relay_pid, route
from redis_server import RedisError
from wire import Client, Closed

MANY = 100000 if LONG else 10000 // SLOW


def registered(redis, node):
    flat = redis("HGETALL", f"node-clients:{node}")
    return dict(zip(flat[::2], flat[1::2]))


def routes(redis):
    """{client: node} of all routes."""
    keys = redis("KEYS", "user-route:*")
    values = redis("MGET", *keys) if keys else []
    return {key.partition(":")[2]: value for key, value in zip(keys, values)}


def forge(redis, client, node, when="2020-01-01T00:00:00.000Z"):
    """What another node would have written."""
    redis("HSET", f"node-clients:{node}", client, json.dumps(
        {"client_id": client, "gateway_node_id": node,
         "established_at": when}))
    redis("SET", f"user-route:{client}", node)


def allow(redis, is_allowed):
    """Whether nodes may touch routes; our own connection may."""
    redis("ACL", "SETUSER", "test", "on", "nopass", "~*", "&*", "+@all")
    redis("AUTH", "test", "")
    redis("ACL", "SETUSER", "default", "resetkeys", *(
        ["~*"] if is_allowed else ["~{main}*", "~node-clients:*", "~inbox:*"]))


def close_code(client):
    """The code that the client is closed with, or None."""
    try:
        first, payload = client.take_answer()
    except (Closed, TimeoutError):
        return None
    assert first & 0x0f == 8, (first, payload)
    return int.from_bytes(payload[:2], "big")


def test_comes_and_goes(fleet, redis):
    node = fleet()
    with Client(node, "alice"):
        wait_until(lambda: route(redis, "alice") == "a")
        said = json.loads(registered(redis, "a")["alice"])
        live = node.api("GET", "/registry/alice").json()
        assert said == {**live, "ping_latency_ms": said["ping_latency_ms"]}
        assert said["connection_status"] == "connected"
    wait_until(lambda: route(redis, "alice") is None)
    wait_until(lambda: not registered(redis, "a"))


def test_prefix(fleet, redis):
    node = fleet(more={"redis.prefix": "blue:", "redis.fleet": "x"})
    with Client(node, "alice"):
        wait_until(lambda: redis("GET", "blue:user-route:alice") == "a")
        assert redis("HLEN", "blue:node-clients:a") == 1
        wait_until(lambda: redis("EXISTS", "blue:{x}:routes:a"))
    wait_until(lambda: not redis("KEYS", "blue:user-route:*"))


def test_moves_on(fleet, redis):
    """The newer connection wins, and the older one is closed by its node."""
    a, b = fleet("a"), fleet("b")
    with Client(a, "alice") as old:
        wait_until(lambda: route(redis, "alice") == "a")
        with Client(b, "alice") as new:
            wait_until(lambda: route(redis, "alice") == "b")
            assert close_code(old) == 4001
            old.close()
            wait_until(lambda: not registered(redis, "a"))
            assert route(redis, "alice") == "b"
            new.echo("still here")
        assert a.metric("replaced_across_nodes_total") == 1
    wait_until(lambda: route(redis, "alice") is None)


def test_both_at_once(fleet, redis):
    """One of the two stays, and Redis names its node."""
    nodes = [fleet("a"), fleet("b")]
    for turn in range(10):
        client = f"twin{turn}"
        pair = [None, None]

        def come(i, name=client, both=pair):
            both[i] = Client(nodes[i], name)

        threads = [threading.Thread(target=come, args=(i,)) for i in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        def open_at(name=client):
            """exactly one connection is left, where the route leads"""
            left = [n for n, node in zip("ab", nodes)
                    if node.api("GET", f"/registry/{name}").json().get(
                        "gateway_node_id") == n
                    and node.dispatch(name)[1].json()["status"]
                    == "delivered"]
            return len(left) == 1 and route(redis, name) == left[0]
        wait_until(open_at, 10)
        for side in pair:
            side.close()
        wait_until(lambda name=client: route(redis, name) is None)


def test_newer_elsewhere_is_kept(fleet, redis):
    """SET NX, and the later established_at: what is newer is not taken."""
    node = fleet(is_started=False)
    forge(redis, "alice", "far", "2100-01-01T00:00:00.000Z")
    forge(redis, "bob", "far")
    redis("SET", "user-route:carol", "nobody")
    node.start()
    with Client(node, "alice") as alice, Client(node, "bob"), \
            Client(node, "carol"):
        assert close_code(alice) == 4001
        wait_until(lambda: route(redis, "bob") == "a")
        wait_until(lambda: route(redis, "carol") == "a")
        assert route(redis, "alice") == "far"
        wait_until(lambda: set(registered(redis, "a")) == {"bob", "carol"})
    wait_until(lambda: routes(redis) == {"alice": "far"})


def test_route_comes_back_to_the_newest(fleet, redis):
    """Another node has moved the route, over a connection that is older than
    the one which has come here meanwhile."""
    node = fleet()
    with Client(node, "alice") as alice, redis.connect() as ear:
        wait_until(lambda: route(redis, "alice") == "a")
        ear("SUBSCRIBE", "channel:b")
        at = node.api("GET", "/registry/alice").json()["established_at"]
        forge(redis, "alice", "b")
        redis("PUBLISH", "channel:a", json.dumps(
            {"holdfast": "replaced", "client_id": "alice",
             "gateway_node_id": "b", "established_at": 1577836800000}))
        wait_until(lambda: route(redis, "alice") == "a")
        told = json.loads(ear.take()[2])
        assert told["holdfast"] == "replaced"
        assert (told["client_id"], told["gateway_node_id"]) == ("alice", "a")
        assert told["established_at"] % 1000 == int(at[-4:-1])
        alice.echo("still here")


def test_earlier_life_is_purged(fleet, redis):
    """Registrations that this node left behind, however they look."""
    for number in range(1000):
        forge(redis, f"old{number}", "a")
    forge(redis, "moved", "a")
    redis("SET", "user-route:moved", "b")
    redis("HSET", "node-clients:a", "not an id", "{}")
    node = fleet()
    wait_until(lambda: is_synced(node))
    wait_until(lambda: not registered(redis, "a"))
    assert routes(redis) == {"moved": "b"}


def test_registration_outlives_its_route(fleet, redis):
    """A route that may not be removed now is found again."""
    node = fleet()
    with Client(node, "alice"):
        wait_until(lambda: route(redis, "alice") == "a")
        allow(redis, False)
    wait_until(lambda: "NOPERM" in node.log())
    assert set(registered(redis, "a")) == {"alice"}
    allow(redis, True)
    wait_until(lambda: route(redis, "alice") is None)
    wait_until(lambda: not registered(redis, "a"))


def test_joins_when_it_has_purged(fleet, redis):
    """What was found of an earlier life is not yet gone."""
    forge(redis, "old", "a")
    allow(redis, False)
    node = fleet(is_started=False)
    node.start()
    wait_until(lambda: "NOPERM" in node.log())
    wait_until(lambda: redis("HGET", "{main}:node:a", "state"))
    for _ in range(3):
        before = node.metric("route_resyncs_total")
        wait_until(lambda seen=before: node.metric(
            "route_resyncs_total") > seen)
    assert redis("HGET", "{main}:node:a", "state") == "joining"
    assert redis("HEXISTS", "node-clients:a", "old")
    allow(redis, True)
    wait_until(lambda: redis("HGET", "{main}:node:a", "state") == "healthy")
    assert not registered(redis, "a") and not routes(redis)


def flush(redis, _):
    redis("FLUSHALL")


def lose(redis, _):
    """It comes back with nothing."""
    redis.kill()
    redis.start()


def hang(redis, node):
    """It answers nothing for longer than the link waits."""
    redis.pause()
    wait_until(lambda: not node.control("status")["redis"]["connected"])
    redis.go_on()


def lie(redis, _):
    """It is what it was a while ago: an older replica was promoted."""
    redis("DEL", "node-clients:a", *redis("KEYS", "user-route:*"))
    forge(redis, "ghost", "a")
    forge(redis, "c1", "b")
    redis("SET", "{main}:routes:a", "another life")


def die(_, node):
    """The relay does."""
    os.kill(relay_pid(node), signal.SIGKILL)


@pytest.mark.parametrize("what", [flush, lose, hang, lie, die])
def test_resync(fleet, redis, what):
    """Whatever happens to Redis or relay, both agree afterwards."""
    node = fleet()
    clients = [Client(node, f"c{i}") for i in range(50)]
    wait_until(lambda: len(routes(redis)) == 50)
    wait_until(lambda: is_synced(node))
    before = node.metric("route_resyncs_total")
    what(redis, node)
    for client in clients[40:]:
        client.close()
    clients[40:] = [Client(node, f"d{i}") for i in range(5)]
    want = {f"{k}{i}": "a" for k, n in (("c", 40), ("d", 5))
            for i in range(n)}
    wait_until(lambda: node.metric("route_resyncs_total") > before)
    wait_until(lambda: is_synced(node) and routes(redis) == want, 20)
    wait_until(lambda: set(registered(redis, "a")) == set(want))
    for client in clients:
        client.echo("still here")
        client.close()
    wait_until(lambda: not routes(redis))


def test_resync_keeps_its_pace(fleet, redis):
    node = fleet(more={"redis.resync_rate": 100})
    clients = [Client(node, f"c{i}") for i in range(200)]
    wait_until(lambda: is_synced(node) and len(routes(redis)) == 200, 20)
    begun = time.monotonic()
    redis("FLUSHALL")
    wait_until(lambda: re.search(
        "^redis +connected, subscribed, [1-9][0-9]* of 200 routes written$",
        node.ctl("status").stdout, re.M), 20, "it to be under way")
    shown = node.control("status")["redis"]
    assert shown["routes_done"] <= shown["routes_total"] == 200
    wait_until(lambda: is_synced(node) and len(routes(redis)) == 200, 20)
    # All but those that the allowance of a moment covers.
    assert time.monotonic() - begun > 1.5
    assert "subscribed, routes synced\n" in node.ctl("status").stdout
    for client in clients:
        client.close()


def test_more_than_the_ring_holds(fleet, redis):
    """The relay stands still while more clients come and go than a gateway has
    room to tell of: then the tables tell."""
    node = fleet(more={"worker.stall": "120s"})
    clients = [Client(node, f"c{i}") for i in range(20)]
    wait_until(lambda: len(routes(redis)) == 20)
    wait_until(lambda: is_synced(node))
    relay = relay_pid(node)
    os.kill(relay, signal.SIGSTOP)
    with Load(node, "storm", "-n", 64, "-t", 0):
        wait_until(lambda: node.metric("ring_up_full_total") > 0, 40)
        for client in clients[10:]:
            client.close()
        clients[10:] = [Client(node, f"d{i}") for i in range(10)]
    os.kill(relay, signal.SIGCONT)
    want = {f"{k}{i}": "a" for k in "cd" for i in range(10)}
    wait_until(lambda: routes(redis) == want, 40)
    wait_until(lambda: set(registered(redis, "a")) == set(want))
    for client in clients:
        assert client.echo("still here")
        client.close()


def test_refusals(fleet, redis):
    """Redis is full: later.  A key of ours is somebody else's: told."""
    node = fleet()
    wait_until(lambda: is_synced(node))
    redis("CONFIG", "SET", "maxmemory", 1)
    with Client(node, "alice") as alice:
        wait_until(lambda: "fault=oom" in node.log())
        alice.echo("served all the same")
        redis("CONFIG", "SET", "maxmemory", 0)
        wait_until(lambda: route(redis, "alice") == "a")
        redis("LPUSH", "user-route:bob", "x")
        with Client(node, "bob") as bob:
            wait_until(lambda: node.metric("routes_failed_total") >= 1)
            bob.echo("served all the same")
        assert "client=bob fault=wrongtype" in node.log()
        wait_until(lambda: is_synced(node))
    assert node.restarts("fault") == 0


def test_registrations_key_is_anothers(fleet, redis):
    """Routes are there all the same; one line tells, not one a client."""
    node = fleet()
    wait_until(lambda: is_synced(node))
    redis("SET", "node-clients:a", "x")
    clients = [Client(node, f"c{i}") for i in range(20)]
    wait_until(lambda: node.metric("routes_failed_total") == 20)
    assert node.log().count("event=route_failed") == 1
    assert routes(redis) == {f"c{i}": "a" for i in range(20)}
    redis("DEL", "node-clients:a")
    redis("DEL", "{main}:routes:a")
    wait_until(lambda: len(registered(redis, "a")) == 20)
    for client in clients:
        client.close()
    wait_until(lambda: not routes(redis))


def test_busy(fleet, redis):
    """Somebody's script runs and runs: commands are refused, then not."""
    node = fleet()
    wait_until(lambda: is_synced(node))
    redis("CONFIG", "SET", "busy-reply-threshold", 10)
    with redis.connect() as other, Client(node, "alice") as alice:
        before = node.metric("redis_errors_total")
        other.send("EVAL", "while true do end", 0)
        wait_until(lambda: node.metric("redis_errors_total") > before)
        alice.echo("served all the same")
        redis.forget()
        with redis.connect() as killer:
            wait_until(lambda: killer_ends(killer))
        wait_until(lambda: route(redis, "alice") == "a")


def killer_ends(killer):
    """The kill is done some time after its reply."""
    for words in (("SCRIPT", "KILL"), ("PING",)):
        try:
            killer(*words)
        except RedisError as error:
            if words[0] == "PING":
                assert "BUSY" in str(error)
                return False
    return True


def test_many(fleet, redis):
    """All routes at once, after everything was lost."""
    # 20,000 files are all that a process may have here and there
    node = fleet(more={"node.capacity": MANY + 10000,
                       # a storm into an empty fleet is not paced
                       "blast_radius.floor": MANY + 10000,
                       "node.workers": 7 if LONG else 1,
                       "redis.command_timeout": "5s"})
    with Load(node, "hold", "-c", MANY, "-t", 300,
              "-P", 8 if LONG else 1, "--sources", 8, "-n", 256) as load:
        assert load.wait_ready() == MANY
        wait_until(lambda: redis("HLEN", "node-clients:a") == MANY, 60)
        wait_until(lambda: is_synced(node), 30)
        redis("FLUSHALL")
        begun = time.monotonic()
        wait_until(lambda: redis("HLEN", "node-clients:a") == MANY, 60)
        wait_until(lambda: is_synced(node), 30)
        took = time.monotonic() - begun
        assert len(redis("KEYS", "user-route:*")) == MANY
        assert took < (10 * SLOW if LONG else 10), took
    wait_until(lambda: redis("HLEN", "node-clients:a") == 0, 60)


def test_redis_is_never_waited_for(fleet, redis):
    """Clients open, talk and are reached while Redis is stopped."""
    node = fleet()
    wait_until(lambda: is_synced(node))
    redis.pause()
    for number in range(200):
        with Client(node, f"c{number}") as client:
            begun = time.monotonic()
            body, answer = node.dispatch(f"c{number}")
            assert answer.json()["status"] == "delivered"
            assert client.take_message() == body
            assert time.monotonic() - begun < 1 * PATIENCE
    redis.go_on()
    wait_until(lambda: is_synced(node) and not routes(redis))
    assert node.restarts("killed") + node.restarts("stall") == 0


def test_slot_goes(fleet, redis):
    """Clients of a slot that has lost its memory have no route."""
    node = fleet(more={"node.workers": 2})
    clients = [Client(node, f"c{i}") for i in range(40)]
    wait_until(lambda: len(routes(redis)) == 40)
    worker = node.wait_served(1)
    assert worker["keeper_pid"] > 0 and worker["tenant_pid"] > 0
    node.expects_errors = True
    os.kill(worker["keeper_pid"], signal.SIGKILL)
    os.kill(worker["tenant_pid"], signal.SIGKILL)

    def agrees():
        left = {name: "a" for name in (f"c{i}" for i in range(40))
                if node.api("GET", f"/registry/{name}").status == 200}
        return len(left) < 40 and routes(redis) == left
    wait_until(agrees, 20)
    for client in clients:
        client.close()


def test_registry_of_others(fleet, redis):
    """Gateways that are none of ours, and questions to any node."""
    a, b = fleet("a"), fleet("b")
    body = {"client_id": "bob", "gateway_node_id": "other",
            "established_at": "2026-01-02T03:04:05.678Z",
            "ip_address": "192.0.2.1"}
    assert a.api("POST", "/registry/register", body).status == 200
    assert b.api("GET", "/registry/bob").json() == body
    assert route(redis, "bob") == "other"
    older = {**body, "gateway_node_id": "another",
             "established_at": "2025-01-02T03:04:05.678Z"}
    assert b.api("POST", "/registry/register", older).status == 409
    for wrong, status in (({"gateway_node_id": "a"}, 409),
                          ({"established_at": "2100-01-02T03:04:05Z"}, 400),
                          ({"established_at": 4102542245678}, 400)):
        assert b.api("POST", "/registry/register",
                     {**body, **wrong}).status == status
    assert route(redis, "bob") == "other"
    number = {**body, "established_at": 1767323045679}
    assert b.api("POST", "/registry/register", number).status == 200
    assert a.api("GET", "/registry/bob").json() == number
    earlier = {**body, "gateway_node_id": "another"}
    assert b.api("POST", "/registry/register", earlier).status == 409
    with Client(a, "bob") as bob:
        wait_until(lambda: route(redis, "bob") == "a")
        answer = b.api("GET", "/registry/bob").json()
        assert answer["gateway_node_id"] == "a"
        assert b.api("DELETE", "/registry/bob").status == 409
        # no time is told: it is now
        newer = {"client_id": "bob", "gateway_node_id": "other"}
        assert b.api("POST", "/registry/register", newer).status == 200
        assert close_code(bob) == 4001
    assert route(redis, "bob") == "other"
    assert b.api("DELETE", "/registry/bob").status == 200
    assert route(redis, "bob") is None
    assert a.api("GET", "/registry/bob").status == 404
    assert a.api("DELETE", "/registry/bob").status == 404
    redis.pause()
    assert a.api("GET", "/registry/bob").status == 503
    assert a.api("POST", "/registry/register", body).status == 503
    redis.go_on()
