# SPDX-License-Identifier: ISC
"""Callers of the HTTP API that are slow, wait, leave or are cut off."""
import concurrent.futures
import http.client
import json
import os
import signal
import socket
import threading
import time

from node import SLOW, wait_until
from wire import Client, Raw


def doc(client, number=1, payload=None):
    return {"target_client_id": client, "message_id": f"m{number}",
            "event_type": "test", "payload": payload}


def post(path, body, headers=()):
    """The bytes of a request."""
    lines = [f"POST /api/v1{path} HTTP/1.1", "Host: 127.0.0.1",
             f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def raw_api(node):
    return Raw(node, port=node.api_port)


def test_nothing_of_a_bad_array_is_sent(node):
    with Client(node, "alice") as alice:
        answer = node.api("POST", "/gateway/dispatch",
                          [doc("alice"), {**doc("alice"), "mesage": 1}])
        assert answer.status == 400
        assert answer.json()["error"] == "unknown_field"
        assert "element 1" in answer.json()["message"]
        assert alice.is_quiet()


def test_large(start):
    node = start({"api.max_body": "3MiB"})
    body = json.dumps(doc("alice", 1, "x" * 2500000)).encode()
    with Client(node, "alice") as alice:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(node.api, "POST", "/gateway/dispatch", body)
            assert alice.take_message() == body
            assert answer.result().json()["status"] in ("delivered", "queued")


def test_body_limit(start):
    node = start({"api.max_body": "64KiB"})
    answer = node.api("POST", "/gateway/dispatch", b" " * 65537)
    assert answer.status == 413
    assert answer.json()["error"] == "body_too_large"
    with raw_api(node) as raw:
        raw.send(post("/gateway/dispatch", b"")[:-4].replace(
            b"Content-Length: 0", b"Content-Length: 99999999") + b"\r\n\r\n")
        assert raw.take_head() == 413


def test_header_limit(node):
    with raw_api(node) as raw:
        raw.send(post("/gateway/dispatch", b"", ["X: " + "x" * 20000]))
        assert raw.take_head() == 400


def test_web_pages_are_refused(node):
    for headers in ({"Origin": "http://localhost"},
                    {"Host": "rebound.example"}):
        answer = node.api("GET", "/fleet/nodes", headers=headers)
        assert answer.status == 403
        assert answer.json()["error"] == "forbidden"
    assert node.api("GET", "/fleet/nodes",
                    headers={"Host": "localhost:1"}).status == 200


def test_registrations_come_back_as_sent(node):
    row = {"client_id": "zo", "gateway_node_id": "other",
           "connection_status": "connected", "ip_address": "2001:db8::7",
           "established_at": 1700000000123, "ping_latency_ms": 3}
    assert node.api("POST", "/registry/register", row).status == 200
    assert node.api("GET", "/registry/zo").text.strip() == json.dumps(row)
    row["established_at"] = "2026-01-02T03:04:05Z"
    assert node.api("POST", "/registry/register", row).status == 200
    assert node.api("GET", "/registry/zo").json() == row
    assert node.api("DELETE", "/registry/zo").status == 200
    assert node.api("GET", "/registry/zo").status == 404
    for bad in ({"ip_address": "1.2.3"}, {"established_at": "yesterday"},
                {"ping_latency_ms": -1}, {"client_id": "a b"}):
        answer = node.api("POST", "/registry/register", {**row, **bad})
        assert answer.status == 400
        assert answer.json()["error"] == "bad_field"


def test_bad_disconnects(node):
    for bad in ({"code": 1006}, {"code": 99}, {"code": 4000.5},
                {"reason": "x" * 124}):
        assert node.api("POST", "/gateway/disconnect",
                        {"target_client_id": "alice", **bad}).status == 400


def test_broadcast_waited_for(start):
    node = start({"node.workers": 2})
    body = b'{"message_id":"b","event_type":"t","payload": 1 }'
    clients = [Client(node, f"c{n}") for n in range(20)]
    answer = node.api("POST", "/gateway/broadcast?wait_ms=5000", body)
    assert answer.status == 200
    assert answer.json()["status"] == "delivered"
    assert answer.json()["connections"] == 20
    assert answer.json()["slots"] == 2
    assert node.api("POST", "/gateway/broadcast", body).status == 202
    for client in clients:
        assert client.take_message() == body
        assert client.take_message() == body
        client.close()


def test_newest_wins_across_slots(start):
    node = start({"node.workers": 2})
    for _ in range(10):
        clients = [Client(node, "same") for _ in range(4)]
        for loser in clients[:-1]:
            assert loser.take_close()[0] == 4001
        answer = node.api("POST", "/gateway/dispatch", doc("same"))
        assert answer.json()["status"] == "delivered"
        assert b'"m1"' in clients[-1].take_message()
        for client in clients:
            client.close()
    wait_until(lambda: node.connections() == 0)


def test_pipelining(node):
    with Client(node, "alice") as alice, raw_api(node) as raw:
        for number in range(50):
            raw.send(post("/gateway/dispatch",
                          json.dumps(doc("alice", number)).encode()))
        for number in range(50):
            assert raw.take_head() == 200
            assert json.loads(raw.take_body())["message_id"] == f"m{number}"
            assert json.loads(alice.take_message())["message_id"] == \
                f"m{number}"


def test_slow_callers_stop_nobody(start):
    node = start({"api.max_connections": 8})
    stuck = [raw_api(node) for _ in range(8)]
    for raw in stuck:
        raw.send(b"POST /api/v1/gateway/dispatch HTTP/1.1\r\nHost: ")
    for _ in range(20):
        assert node.api("GET", "/fleet/nodes").status == 200
    # the longest idle ones had to give way
    assert stuck[0].is_ended()
    for raw in stuck:
        raw.close()


def test_waiting_callers_are_never_cut(start):
    node = start({"api.max_connections": 4, "websocket.max_queue": "16MiB"})
    with Client(node, "slow", rcvbuf=4096):
        while node.api("POST", "/gateway/dispatch",
                       doc("slow", 1, "x" * 500000)
                       ).json()["status"] != "queued":
            pass
        waiting = [raw_api(node) for _ in range(4)]
        for raw in waiting:
            raw.send(post("/gateway/dispatch?wait_ms=1500",
                          json.dumps(doc("slow", 2)).encode()))
        begun = time.monotonic()
        late = raw_api(node)
        late.send(post("/gateway/dispatch", b"{}"))
        assert late.take_head() == 400
        assert time.monotonic() - begun > 0.5
        for raw in waiting:
            assert raw.take_head() == 200
            raw.close()
        late.close()


def test_caller_leaves_while_waiting(node):
    with Client(node, "slow", rcvbuf=4096):
        while node.api("POST", "/gateway/dispatch",
                       doc("slow", 1, "x" * 500000)
                       ).json()["status"] != "queued":
            pass
        for reset in (False, True):
            raw = raw_api(node)
            raw.send(post("/gateway/dispatch?wait_ms=200",
                          json.dumps(doc("slow", 2)).encode()))
            time.sleep(0.05)
            if reset:
                raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                      b"\1\0\0\0\0\0\0\0")
            raw.close()
        wait_until(lambda: node.metric("dispatches_total",
                                       status="queued") >= 3)
        assert node.api("GET", "/fleet/nodes").status == 200
    assert node.restarts("fault") == 0


def test_relay_killed_under_load(start):
    """Callers see a closed connection; every message came at most once."""
    node = start({"node.workers": 2})
    with Client(node, "alice") as alice:
        numbers, seen, over = iter(range(1, 1000000)), [], threading.Event()

        def caller():
            told = {}
            end = time.monotonic() + 3 * SLOW
            while time.monotonic() < end:
                number = next(numbers)
                try:
                    answer = node.api("POST", "/gateway/dispatch",
                                      doc("alice", number))
                    told[number] = answer.json()["status"]
                except (OSError, http.client.HTTPException):
                    told[number] = "cut"
            return told

        def reader():
            while not over.is_set() or not alice.is_quiet(0.3):
                if not alice.is_quiet(0.05):
                    seen.append(int(json.loads(
                        alice.take_message())["message_id"][1:]))

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            reading = pool.submit(reader)
            callers = [pool.submit(caller) for _ in range(6)]
            for _ in range(5):
                time.sleep(0.4)
                os.kill(node.tenants("relay")[0], signal.SIGKILL)
            told = {}
            for one in callers:
                told.update(one.result())
            over.set()
            reading.result()
        assert len(set(seen)) == len(seen)
        delivered = {n for n, how in told.items() if how == "delivered"}
        assert delivered <= set(seen)
        never = {n for n, how in told.items() if how == "not_connected"}
        assert not never & set(seen)
        assert len(delivered) > 100
        assert alice.echo("still here")
    assert node.metric("closes_total", cause="client") == 0
