# SPDX-License-Identifier: ISC
"""What the API and holdfastctl do for clients of other nodes, and to all."""
import concurrent.futures
import json
import random
import threading

import pytest

import node as nodes
from node import LONG, SLOW, wait_until
# pylint: disable=unused-import
from redis_fleet import fleet, in_both_slots, is_joined, redis, route
from test_crashpoints import Control, build_has_points
from test_fleet import kill_all
from test_redis_inbox import Reader, add, metric, number_of, restart_relay
from test_relay_crash import wait_relay
from wire import Client

KILLS = 100 if LONG else 10 // SLOW


def notice(number=1, **more):
    return json.dumps({"message_id": f"b{number}", "event_type": "notice",
                       "payload": {"number": number, **more}})


def broadcast(node, number=1, query=""):
    answer = node.api("POST", f"/gateway/broadcast{query}", notice(number))
    return answer.status, answer.json()


def by_node(answer):
    return {one["node_id"]: (one["status"], one["connections"])
            for one in answer["nodes"]}


def kick(node, client, **more):
    answer = node.api("POST", "/gateway/disconnect",
                      {"target_client_id": client, **more})
    return answer.status, answer.json()


def test_disconnect(fleet, redis):
    """By way of any node, and what is said of it is true."""
    a, b = fleet("a"), fleet("b")
    with Client(b, "bob") as bob:
        wait_until(lambda: route(redis, "bob") == "b")
        assert kick(a, "bob", code=4000, reason="bye \u00e9") == (200, {
            "target_client_id": "bob", "status": "disconnected",
            "gateway_node_id": "b"})
        assert bob.take_close() == (4000, "bye \u00e9")
    wait_until(lambda: route(redis, "bob") is None)
    assert kick(a, "bob")[0] == 404
    redis("SET", "user-route:ghost", "b")
    refused = a.ctl("where", "ghost", check=False)
    assert refused.returncode == 1 and "no connection" in refused.stderr
    wait_until(lambda: route(redis, "ghost") is None)
    redis("SET", "user-route:ghost", "b")
    status, answer = kick(a, "ghost")
    assert (status, answer["error"]) == (404, "not_connected")
    wait_until(lambda: route(redis, "ghost") is None)


def test_node_that_is_gone(fleet, redis):
    """Nobody reads its stream: unknown at the deadline, 503 when it is full."""
    a = fleet("a", {"api.request_timeout": "200ms", "redis.inbox_max": 2})
    redis("SET", "user-route:ghost", "gone")
    assert [kick(a, "ghost")[0] for _ in range(3)] == [504, 504, 503]
    for words in (("kick", "ghost"), ("send", "ghost", "x")):
        assert a.ctl(*words, check=False).returncode == 1  # busy
    redis("DEL", "inbox:gone")
    redis("HSET", "node-clients:gone", "ghost", json.dumps({
        "client_id": "ghost", "gateway_node_id": "gone",
        "ip_address": "10.1.2.3", "established_at": "2026-01-02T03:04:05Z"}))
    row = a.control("where", client="ghost")
    assert (row["node"], row["address"], row["registered"]) == \
        ("gone", "10.1.2.3", True)
    assert "its node does not answer" in a.ctl("where", "ghost").stdout
    redis("DEL", "inbox:gone")
    late = a.ctl("kick", "ghost", check=False)
    assert late.returncode == 4 and "node gone" in late.stderr


def test_operator(fleet, redis):
    """where, send, dispatch and kick, for a client of the other node."""
    a, b = fleet("a"), fleet("b")
    with Client(b, "bob") as bob:
        wait_until(lambda: route(redis, "bob") == "b")
        row = a.control("where", client="bob")
        assert (row["node"], row["client_id"]) == ("b", "bob")
        known = b.control("where", client="bob")
        for key in ("slot", "record", "state", "address", "port",
                    "established_at", "uuid"):
            assert row[key] == known[key], key
        assert "registered" not in row
        bob.echo("counted")
        wait_until(lambda: a.control("where", client="bob")["messages_in"]
                   == 1)
        shown = dict(line.split(None, 1) for line
                     in a.ctl("where", "bob").stdout.splitlines())
        assert (shown["node"], shown["slot"]) == ("b", "g0")
        assert "registered" not in shown and "listener" not in shown
        assert a.ctl("send", "bob", "hello \u00e9").stdout == \
            "delivered by b\n"
        assert bob.take_message().decode() == "hello \u00e9"
        a.ctl("dispatch", "bob", "greeting", '{"n": 1}')
        got = json.loads(bob.take_message())
        assert got.pop("message_id").startswith("ctl-")
        assert got == {"target_client_id": "bob", "event_type": "greeting",
                       "payload": {"n": 1}}
        assert b.ctl("dispatch", "bob", "greeting").returncode == 0
        assert json.loads(bob.take_message())["payload"] is None
        assert a.ctl("dispatch", "bob", "x", "{", check=False).returncode == 2
        a.ctl("kick", "bob", "--code", "4005", "--reason", "so")
        assert bob.take_close() == (4005, "so")
    wait_until(lambda: route(redis, "bob") is None)
    for words in (("where", "bob"), ("send", "bob", "x"), ("kick", "bob"),
                  ("dispatch", "bob", "x")):
        refused = a.ctl(*words, check=False)
        assert refused.returncode == 1 and "no connection" in refused.stderr


def test_nodes(fleet, redis):
    """All of them, this one as it is now."""
    a = fleet("a", {"node.region": "east"})
    fleet("b", {"peer.address": "127.0.0.1", "peer.port": 0})

    def rows():
        answer = a.api("GET", "/fleet/nodes")
        return {row["node_id"]: row for row in answer.json()} \
            if answer.status == 200 else {}

    wait_until(lambda: [row["state"] for row in rows().values()]
               == ["healthy"] * 2, 20)
    with Client(a, "ann"), Client(a, "abe"):
        wait_until(lambda: a.open_count() == 2)
        one, other = rows().values()
        assert (one["connections"], one["open"], one["share"]) == (2, 2, 1)
        assert one["region"] == "east" and one["age_ms"] == 0
        assert one["incarnation"] == redis("HGET", "{main}:node:a",
                                           "incarnation")
        assert other["incarnation"] == redis("HGET", "{main}:node:b",
                                             "incarnation")
        assert other["peer"] == redis("HGET", "{main}:node:b", "peer")
        assert other["connections"] == 0 and other["capacity"] > 0
        assert 0 <= other["age_ms"] < 10000
        assert "open" not in other
        a.ctl("drain", "--force")
        assert rows()["a"]["state"] == "draining"


def test_without_redis(fleet, redis):
    """A client of another node: it is told why that cannot be asked."""
    a, b = fleet("a"), fleet("b")
    with Client(a, "ann") as ann, Client(b, "bob"):
        wait_until(lambda: route(redis, "bob") == "b")
        redis.kill()
        wait_until(lambda: not a.control("status")["redis"]["subscribed"])
        for words in (("send", "bob", "x"), ("kick", "bob"),
                      ("dispatch", "bob", "x"), ("where", "bob")):
            refused = a.ctl(*words, check=False)
            assert refused.returncode == 1, words
            assert "Redis cannot be reached" in refused.stderr, words
        status, said = kick(a, "bob")
        assert status == 503 and said["error"] == "busy"
        assert "Redis cannot be reached" in said["message"]
        answer = a.api("GET", "/fleet/nodes")
        assert answer.status == 503 and "?scope=node" in answer.text
        row, = a.api("GET", "/fleet/nodes?scope=node").json()
        assert (row["node_id"], row["open"], row["state"]) == \
            ("a", 1, "ready")
        assert a.ctl("send", "ann", "here").stdout == "delivered by a\n"
        assert ann.take_message() == b"here"

@pytest.mark.parametrize("row", [
    7, "", "[1]", "{", '{"client_id":"other"}', "x" * 5000, None])
def test_where_of_nonsense(fleet, redis, row):
    """A row that is none is as if there was no answer."""
    a = fleet("a")
    redis("SET", "user-route:ghost", "fake")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        asked = pool.submit(a.control, "where", client="ghost")
        (_, words), = wait_until(lambda: redis("XRANGE", "inbox:fake", "-",
                                               "+"))
        entry = dict(zip(words[::2], words[1::2]))
        assert (entry["k"], entry["c"], entry["r"]) == ("where", "ghost", "a")
        redis("PUBLISH", "channel:a", json.dumps(
            {"holdfast": "receipt", "token": entry["t"],
             "status": "delivered", "row": row}))
        answer = asked.result()
    assert answer == {"node": "fake", "client_id": "ghost",
                      "registered": True}


def test_broadcast(fleet):
    """To every connection of every node, once; or of one."""
    all_nodes = [fleet(name, {"node.workers": 2}) for name in "abc"]
    clients = [Client(node, f"{number}-of-{place}")
               for place, node in enumerate(all_nodes)
               for number in range(place + 1)]
    status, answer = broadcast(all_nodes[1], 1)
    assert (status, answer["status"]) == (200, "delivered")
    assert (answer["connections"], answer["gateway_node_id"]) == (6, "b")
    assert by_node(answer) == {"a": ("delivered", 1), "b": ("delivered", 2),
                               "c": ("delivered", 3)}
    status, answer = broadcast(all_nodes[2], 2, "?scope=node&wait_ms=9000")
    assert (status, answer["connections"]) == (200, 3)
    assert "nodes" not in answer
    for client in clients:
        assert client.take_message() == notice(1).encode()
    for client in clients[3:]:
        assert client.take_message() == notice(2).encode()
    assert all(client.is_quiet() for client in clients)
    for client in clients:
        client.close()


def test_operators_broadcast(fleet, redis):
    a, b = fleet("a", {"api.request_timeout": "1s"}), fleet("b")
    with Client(a, "ann") as ann, Client(b, "bob") as bob:
        said = a.ctl("broadcast", "notice", '{"n": 1}').stdout
        assert said.startswith("delivered: 2 connections\n")
        assert [line.split() for line in said.splitlines()[2:]] == [
            ["a", "delivered", "1"], ["b", "delivered", "1"]]
        for client in (ann, bob):
            got = json.loads(client.take_message())
            assert got.pop("message_id").startswith("ctl-")
            assert got == {"event_type": "notice", "payload": {"n": 1}}
        assert b.ctl("broadcast", "--node", "notice").stdout == \
            "delivered: 1 connections\n"
        assert json.loads(bob.take_message())["payload"] is None
        assert ann.is_quiet()
        assert a.ctl("broadcast", "x", "{", check=False).returncode == 2
        assert a.ctl("broadcast", "x" * 201, check=False).returncode == 1
        # One that never answers.
        redis("ZADD", "{main}:nodes", "1", "gone")
        redis("HSET", "{main}:node:gone", "state", "healthy")
        late = a.ctl("--json", "broadcast", "notice", check=False)
        assert late.returncode == 1
        answer = json.loads(late.stdout)
        assert (answer["status"], answer["connections"]) == ("partial", 2)
        assert by_node(answer)["gone"] == ("unknown", 0)
        redis.kill()
        wait_until(lambda: not is_joined(a))
        refused = a.ctl("broadcast", "notice", check=False)
        assert refused.returncode == 1 and "nothing was sent" in refused.stderr
        assert a.ctl("broadcast", "--node", "notice").returncode == 0


def test_broadcast_with_faults(fleet, redis):
    """Who is dead is unknown in time, who does not keep up is busy; without
    Redis nothing is sent, but to this node if that is asked for."""
    a, b, c = (fleet(name, {"api.request_timeout": "500ms"})
               for name in "abc")
    with Client(a, "alice") as alice, Client(b, "bob") as bob:
        kill_all(c)
        status, answer = broadcast(a)
        assert (status, answer["status"]) == (207, "partial")
        assert by_node(answer) == {"a": ("delivered", 1),
                                   "b": ("delivered", 1), "c": ("unknown", 0)}
        redis("DEL", "inbox:c")
        redis("SET", "inbox:c", "no stream")
        assert by_node(broadcast(a, 2)[1])["c"] == ("busy", 0)
        assert [number_of(bob.take_message()) for _ in "ab"] == [1, 2]
        assert [number_of(alice.take_message()) for _ in "ab"] == [1, 2]
        redis.pause()
        wait_until(lambda: not a.control("status")["redis"]["connected"])
        status, answer = broadcast(a, 3)
        assert (status, answer["error"]) == (503, "busy")
        assert broadcast(a, 4, "?scope=node")[0] == 202
        assert number_of(alice.take_message()) == 4
        redis.go_on()
        wait_until(lambda: is_joined(a) and is_joined(b))
        assert broadcast(a, 5)[0] == 207
        assert number_of(bob.take_message()) == 5
        assert alice.take_message() and alice.is_quiet() and bob.is_quiet()


def test_bad_entries(fleet, redis):
    """Whoever may write to Redis breaks nothing; others of a kind work."""
    node = fleet()
    bad = (("k", "broadcast"), ("k", "broadcast", "m", b"\xff"),
           ("k", "text", "m", "x"), ("k", "text", "c", "a b", "m", "x"),
           ("k", "kick", "c", "alice", "m", "x" * 124),
           ("k", "kick", "m", "x"), ("k", "new", "c", "alice", "m", "x"),
           ("k", "", "m", "{}"))
    with Client(node, "alice") as alice:
        for fields in bad:
            redis("XADD", "inbox:a", "*", *fields)
        wait_until(lambda: metric(node, "inbox_bad") == len(bad))
        redis("XADD", "inbox:a", "*", "k", "text", "c", "alice", "m", "plain")
        assert alice.take_message() == b"plain"
        redis("XADD", "inbox:a", "*", "k", "kick", "n", "1006", "c", "alice",
              "m", "")
        assert alice.take_close()[0] == 4002
    assert node.restarts("fault") == 0


def test_once_though_the_owner_dies(fleet, redis):
    """Broadcasts from one node while the other's processes are killed: each
    comes once and in order, and none is said to have failed."""
    a = fleet("a", {"api.request_timeout": "20s"})
    b = fleet("b", {"node.workers": 2, "worker.backoff": "1ms"})
    readers = [Reader(b, f"c{number}") for number in range(6)]
    count, chance, answers = 12 * KILLS, random.Random(3), []

    def send():
        for number in range(count):
            # one that waits for a receipt that died with its relay would
            # take all of the time
            redis_wire("XADD", "inbox:b", "*", "k", "broadcast", "m",
                       notice(number, pad="x" * 2000))
            answers.append(number)
    with redis.connect() as redis_wire:
        sender = threading.Thread(target=send)
        sender.start()
        for turn in range(KILLS):
            goal = len(readers[0].numbers) + chance.randrange(1, 8)
            wait_until(lambda g=goal: len(readers[0].numbers) >= g
                       or len(readers[0].numbers) == count, 20)
            for kind in ("relay", "gateway")[turn % 2:]:
                b.kill_one(kind, turn)
        sender.join()
    for reader in readers:
        wait_until(lambda r=reader: len(r.numbers) >= count, 20)
        assert reader.numbers == list(range(count))
        reader.close()
    wait_until(lambda: broadcast(a, count)[0] == 200)
    assert b.restarts("killed") > (2 if SLOW == 1 else 0)


@pytest.mark.parametrize("what", ["broadcast", "kick"])
def test_every_crash_point(fleet, redis, tmp_path, what):
    """The relay dies before and after each commit: the intent tells the next
    one which slots have it."""
    if not build_has_points():
        pytest.skip("no build with crash points")
    control, seen = Control(tmp_path / "control", "hf-r"), tmp_path / "points"
    node = fleet(more={"worker.backoff": "1ms", "node.workers": 2},
                 build=nodes.FAULTS,
                 env={"HOLDFAST_CRASH_CONTROL": str(control.path),
                      "HOLDFAST_CRASH_LIST": str(seen)})
    witnesses = in_both_slots(node)
    number, deaths = 0, 0

    def broadcast_some():
        nonlocal number
        for _ in range(3):
            redis("XADD", "inbox:a", "*", "k", "broadcast", "m",
                  notice(number))
            number += 1

    def kick_some():
        """Of two connections with one name the second stays."""
        nonlocal number
        with Client(node, "victim") as victim:
            redis("XADD", "inbox:a", "*", "k", "kick", "c", "victim", "n",
                  "4007", "m", "")
            assert victim.take_close()[0] == 4007
        with Client(node, "victim") as victim:
            add(redis, "a", "victim", number)
            assert number_of(victim.take_message()) == number
            assert victim.is_quiet(0.01)
        for name in range(len(witnesses)):
            add(redis, "a", f"w{name}", number)
        number += 1

    def some():
        before = number
        {"broadcast": broadcast_some, "kick": kick_some}[what]()
        for witness in witnesses:
            assert [number_of(witness.take_message())
                    for _ in range(number - before)] == \
                list(range(before, number))

    some()
    restart_relay(node)
    some()
    points = sorted({name for name in seen.read_text().split()
                     if name.startswith(("slot_inbox", "inbox", "deliver",
                                         "shards", "ring"))})
    assert len(points) >= 4, points
    for point in (name + side for name in points for side in ("", "a")):
        for countdown in (1, 2, 3, 4):
            before, = node.workers("relay")
            control.arm(point, countdown)
            some()
            if control.is_armed():
                restart_relay(node)
            if control.is_armed():
                control.disarm()
                continue
            deaths += 1
            wait_relay(node, before["generation"] + 1)
            some()
    assert all(witness.is_quiet() for witness in witnesses)
    for witness in witnesses:
        witness.close()
    print(f"{len(points)} points, {deaths} deaths")
    assert deaths > len(points)
    assert metric(node, "inbox_lost") == 0
