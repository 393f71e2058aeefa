# SPDX-License-Identifier: ISC
"""The HTTP API: what is delivered, what is refused, and what is answered."""
import http.client
import json
import socket

import pytest

from node import PATIENCE, ask, wait_until
from wire import TEXT, Client


def document(client, number=1, **more):
    return {"target_client_id": client, "message_id": f"m{number}",
            "event_type": "test", "payload": {"number": number, **more}}


def test_dispatch_byte_for_byte(node):
    body = (b' { "target_client_id":"alice",\n\t"message_id": "1",  '
            b'"event_type":"x", "payload":{"a":1.0e2, "b":"\\u00e9",'
            b'"c":123456789012345678901234567890} }\n')
    with Client(node, "alice") as client:
        answer = node.api("POST", "/gateway/dispatch", body)
        assert answer.status == 200
        assert answer.json() == {"message_id": "1", "status": "delivered",
                                 "gateway_node_id": "test"}
        assert client.take_message(TEXT) == body


def test_dispatch_to_nobody(node):
    _, answer = node.dispatch("nobody")
    assert answer.status == 404
    error = answer.json()
    assert error.pop("message")
    assert error == {"message_id": "m1", "status": "not_connected",
                     "error": "not_connected", "gateway_node_id": None}
    node.wait_metric(1, "dispatches_total", status="not_connected")


def test_dispatch_after_the_client_left(node):
    with Client(node, "brief") as client:
        client.finish()
    wait_until(lambda: node.connections() == 0)
    assert node.dispatch("brief")[1].json()["status"] == "not_connected"


def test_dispatch_array(node):
    with Client(node, "a") as a, Client(node, "b") as b:
        texts = [json.dumps(document(name, n)) for n, name in
                 enumerate(["a", "b", "nobody", "a"])]
        answer = node.api("POST", "/gateway/dispatch",
                          "[" + " ,\n".join(texts) + "]")
        assert answer.status == 200
        assert [(x["message_id"], x["status"]) for x in answer.json()] == [
            ("m0", "delivered"), ("m1", "delivered"),
            ("m2", "not_connected"), ("m3", "delivered")]
        assert a.take_message(TEXT).decode() == texts[0]
        assert a.take_message(TEXT).decode() == texts[3]
        assert b.take_message(TEXT).decode() == texts[1]


def test_dispatch_queued_then_delivered(start):
    """delivered is said only when the kernel has it."""
    node = start({"websocket.max_queue": "64MiB"})
    with Client(node, "slow", rcvbuf=4096) as client:
        texts, status = [], None
        while status != "queued":
            body, answer = node.dispatch("slow", pad="x" * 500000)
            texts.append(body)
            status = answer.json()["status"]
        body = json.dumps(document("slow", 2)).encode()
        answer = node.api("POST", "/gateway/dispatch?wait_ms=200", body)
        assert answer.json()["status"] == "queued"
        texts.append(body)
        with socket.create_connection(("127.0.0.1", node.api_port)) as late:
            texts.append(json.dumps(document("slow", 3)).encode())
            late.settimeout(10 * PATIENCE)
            late.sendall(b"POST /api/v1/gateway/dispatch?wait_ms=9000 "
                         b"HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
                         b"%d\r\n\r\n%s" % (len(texts[-1]), texts[-1]))
            for text in texts:
                assert client.take_message(TEXT) == text
            assert b'"delivered"' in late.recv(4096)


@pytest.mark.parametrize("path, body, word", [
    ("dispatch", b"", "empty_body"),
    ("dispatch", b"{", "bad_json"),
    ("dispatch", b"\xff\xfe", "bad_json"),
    ("dispatch", b"7", None),
    ("dispatch", b"[]", "empty_array"),
    ("dispatch", b"{}", "missing_field"),
    ("dispatch", b'{"target_client_id":"a","message_id":1,"event_type":"e",'
     b'"payload":1}', "bad_field"),
    ("dispatch", b'{"target_client_id":"","message_id":"1","event_type":"e",'
     b'"payload":1}', "bad_field"),
    ("dispatch", b'{"target_client":"a","target_client_id":"a","message_id":'
     b'"1","event_type":"e","payload":1}', "unknown_field"),
    ("dispatch", b'{"message_id":"1","message_id":"2"}', "bad_json"),
    ("dispatch?wait_ms=x", b"{}", "bad_query"),
    ("dispatch?wait=1", b"{}", "bad_query"),
    ("disconnect", b'{"target_client_id":"a","code":1002}', None),
    ("disconnect", b'{"target_client_id":"a","code":"x"}', "bad_field"),
    ("broadcast", b"[1]", None),
])
def test_bad_requests(node, path, body, word):
    answer = node.api("POST", "/gateway/" + path, body)
    assert answer.status == 400, answer.text
    error = answer.json()
    assert set(error) == {"error", "message"} and error["message"]
    assert word is None or error["error"] == word


def test_bad_element_is_named(node):
    answer = node.api("POST", "/gateway/dispatch",
                      [document("a"), {"target_client_id": "b"}])
    assert answer.status == 400
    assert "1" in answer.json()["message"]


def test_other_paths_and_methods(node):
    assert node.api("GET", "/gateway/dispatch").status == 405
    assert node.api("POST", "/nowhere", b"{}").status == 404
    assert ask(node.api_port, "GET", "/").status == 404
    assert node.api("GET", "/registry/").status == 404
    assert node.api("GET", "/registry/" + "x" * 101).status == 404


def test_too_large_a_body(start):
    node = start({"api.max_body": 4096})
    answer = node.api("POST", "/gateway/dispatch",
                      document("a", pad="x" * 5000))
    assert answer.status == 413
    assert node.dispatch("a")[1].status == 404


def test_foreign_host_is_refused(node):
    """A web page must not reach the API by a name of its own."""
    answer = node.api("GET", "/fleet/nodes", headers={"Host": "evil.test"})
    assert answer.status == 403


def test_registry(node):
    with Client(node, "here"):
        answer = node.api("GET", "/registry/here")
        assert answer.status == 200
        row = answer.json()
        assert row["client_id"] == "here"
        assert row["gateway_node_id"] == "test"
        assert row["connection_status"] == "connected"
        assert row["ip_address"] == "127.0.0.1"
        assert row["established_at"].endswith("Z")
        assert node.api("POST", "/registry/register", {
            "client_id": "here", "gateway_node_id": "test"}).status == 200
        assert node.api("DELETE", "/registry/here").status == 409
    assert node.api("GET", "/registry/there").status == 404
    there = {"client_id": "there", "gateway_node_id": "other",
             "connection_status": "connected", "ip_address": "10.0.0.1",
             "established_at": "2026-01-02T03:04:05Z",
             "ping_latency_ms": 1.5}
    assert node.api("POST", "/registry/register", there).status == 200
    assert node.api("GET", "/registry/there").json() == there
    assert node.api("DELETE", "/registry/there").status == 200
    assert node.api("GET", "/registry/there").status == 404
    assert node.api("DELETE", "/registry/there").status == 404
    answer = node.api("POST", "/registry/register", {**there, "x": 1})
    assert answer.status == 400


def test_registering_who_is_not_here(node):
    answer = node.api("POST", "/registry/register", {
        "client_id": "ghost", "gateway_node_id": "test"})
    assert answer.status == 409


def test_encoded_client_id_in_a_path(node):
    with Client(node, "a%2Fb"):
        assert node.api("GET", "/registry/a%2Fb").json()["client_id"] == "a/b"


def test_disconnect(node):
    with Client(node, "out") as client:
        answer = node.api("POST", "/gateway/disconnect",
                          {"target_client_id": "out"})
        assert answer.status == 200, answer.text
        assert answer.json()["status"] == "disconnected"
        assert client.take_close()[0] == 4002
    with Client(node, "out") as client:
        answer = node.api("POST", "/gateway/disconnect", {
            "target_client_id": "out", "code": 4100, "reason": "enough"})
        assert answer.status == 200, answer.text
        assert client.take_close() == (4100, "enough")
    wait_until(lambda: node.connections() == 0)
    answer = node.api("POST", "/gateway/disconnect",
                      {"target_client_id": "out"})
    assert answer.status == 404


def test_broadcast(start):
    node = start({"node.workers": 2})
    clients = [Client(node, f"c{n}") for n in range(50)]
    wait_until(lambda: node.open_count() == 50)
    body = json.dumps({"message_id": "b1", "event_type": "news",
                       "payload": [1, 2]})
    answer = node.api("POST", "/gateway/broadcast", body)
    assert answer.status == 202, answer.text
    assert answer.json()["connections"] == 50
    for client in clients:
        assert client.take_message(TEXT).decode() == body
        assert client.is_quiet(0)
        client.close()


def test_fleet_nodes(node):
    with Client(node):
        wait_until(lambda: node.open_count() == 1)
        answer = node.api("GET", "/fleet/nodes")
        assert answer.status == 200
        assert '"test"' in answer.text
        assert "16000" in answer.text


def test_tokens(start, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("# for tests\nfirst-token-0123456789abcdef ops\n")
    tokens.chmod(0o600)
    node = start({"api.tokens_file": str(tokens)})
    node.expects_errors = True

    def status(token, scheme="Bearer "):
        headers = {"Authorization": scheme + token} if token else {}
        return node.api("GET", "/fleet/nodes", headers=headers).status
    assert status(None) == 401
    assert status("wrong") == 401
    assert status("first-token-0123456789abcdef", "Basic ") == 401
    assert status("first-token-0123456789abcdef") == 200
    answer = node.api("GET", "/fleet/nodes")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    # A changed file counts without a reload, a broken one does not.
    tokens.write_text("second-token-0123456789abcdef\n")
    wait_until(lambda: status("second-token-0123456789abcdef") == 200, 5)
    assert status("first-token-0123456789abcdef") == 401
    tokens.write_text("a b c\n")
    wait_until(lambda: "api_tokens_refused" in node.log(), 5)
    assert status("second-token-0123456789abcdef") == 200


def test_keep_alive_and_pipelining(node):
    connection = http.client.HTTPConnection("127.0.0.1", node.api_port)
    for _ in range(50):
        connection.request("GET", "/api/v1/fleet/nodes")
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()
    connection.close()


def test_newest_connection_wins(node):
    """In one worker: the older one learns it with 4001."""
    with Client(node, "same") as old:
        with Client(node, "same") as new:
            assert old.take_close()[0] == 4001
            old.send(b"\x88\x80\0\0\0\0")
            assert old.is_ended()
            old.close()
            assert new.echo("mine")
            body, _ = node.dispatch("same")
            assert new.take_message(TEXT) == body
            wait_until(lambda: node.connections() == 1)


def test_newest_connection_wins_across_workers(start):
    node = start({"node.workers": 2})
    older = []
    for _ in range(40):
        older.append(Client(node, "same"))
        # Not two in the same millisecond: the order must be known.
        assert older[-1].echo("x")
    newest = older.pop()
    for client in older:
        assert client.take_close()[0] == 4001
        client.close()
    wait_until(lambda: node.connections() == 1)
    assert newest.echo("mine")
    body, _ = node.dispatch("same")
    assert newest.take_message(TEXT) == body
    assert newest.is_quiet()
    newest.close()
    assert node.metric("replaced_across_slots_total") >= 1


def test_api_off(start):
    node = start({"api.enabled": False})
    assert node.api_port is None
    with Client(node) as client:
        assert client.echo("x")
