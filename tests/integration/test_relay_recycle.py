# SPDX-License-Identifier: ISC
"""The relay changes tenants and nobody's request fails."""
import json
import threading

import proof
from dispatcher import Traffic
from node import PATIENCE, wait_until
from test_api_callers import doc, post, raw_api
from wire import Client


def relay(node):
    worker, = node.workers("relay")
    return worker


def restart(node):
    """Begin to recycle everybody; the thread that waits for the end."""
    thread = threading.Thread(target=node.ctl, args=("restart",),
                              kwargs={"seconds": 60}, daemon=True)
    thread.start()
    return thread


def test_no_request_fails(start):
    """Callers that keep their connection, and others that do not."""
    node = start({"node.workers": 2})
    with Traffic(node, 8) as traffic:
        for _ in range(3):
            before = traffic.sent()
            wait_until(lambda: traffic.sent() > before + 100)
            node.ctl("restart", seconds=60)
        before = traffic.sent()
        wait_until(lambda: traffic.sent() > before + 100)
    for caller in traffic.callers:
        assert not caller.failures()
    assert relay(node)["generation"] == 4
    print(f"{traffic.sent()} requests, 3 restarts")
    proof.note_traffic("recycle of all workers, dispatch through the API", 3,
                       traffic)


def test_slow_uploader_is_answered(node):
    """Half a request has come in when the relay is asked to leave."""
    body = json.dumps(doc("alice")).encode()
    head = post("/gateway/dispatch", body)[:-len(body)]
    with Client(node, "alice") as alice, raw_api(node) as raw, \
            raw_api(node) as idle:
        raw.send(head + body[:10])
        idle.send(post("/gateway/dispatch", body))
        assert idle.take_head() == 200
        idle.take_body()
        assert alice.take_message() == body
        before = relay(node)["generation"]
        waiting = restart(node)
        # An idle caller that keeps its connection is told by its end; by
        # then the relay is on its way out.
        assert idle.is_ended()
        raw.send(body[10:])
        assert raw.take_head() == 200
        assert raw.headers["connection"] == "close"
        assert json.loads(raw.take_body())["status"] == "delivered"
        assert raw.is_ended()
        assert alice.take_message() == body
        waiting.join(30 * PATIENCE)
        assert relay(node)["generation"] == before + 1


def test_waiting_callers_are_answered(node):
    """Who waits for a slow reader gets what is known when the relay goes."""
    with Client(node, "slow", rcvbuf=4096) as slow, raw_api(node) as raw:
        body = json.dumps(doc("slow", 1, "x" * 900000)).encode()
        for _ in range(6):  # more than the kernel takes
            answer = node.api("POST", "/gateway/dispatch", body)
            if answer.json()["status"] == "queued":
                break
        last = json.dumps(doc("slow", 2)).encode()
        raw.send(post("/gateway/dispatch?wait_ms=60000", last))
        assert raw.is_quiet()
        node.ctl("restart", seconds=60)
        assert raw.take_head() == 200
        assert json.loads(raw.take_body())["status"] == "queued"
        assert raw.is_ended()
        while (got := slow.take_message()) != last:
            assert got == body


def test_operator_is_answered(node):
    """holdfastctl send in the moment of a restart."""
    with Client(node, "alice") as alice:
        for number in range(5):
            waiting = restart(node)
            node.ctl("send", "alice", f"n{number}")
            assert alice.take_message().decode() == f"n{number}"
            waiting.join(30 * PATIENCE)


def test_new_callers_wait(node):
    """One that connects while the relay leaves is served by the next."""
    body = json.dumps(doc("alice", 1, "x" * 50000)).encode()
    with Client(node, "alice") as alice, raw_api(node) as holder:
        before = relay(node)["generation"]
        # It has begun a request, so the relay waits for it.
        holder.send(post("/gateway/dispatch", body)[:100])
        waiting = restart(node)
        wait_until(lambda: "why=operator" in node.log())
        assert node.api("POST", "/gateway/dispatch", body).status == 200
        assert alice.take_message() == body
        waiting.join(30 * PATIENCE)
        assert relay(node)["generation"] == before + 1
