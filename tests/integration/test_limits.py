# SPDX-License-Identifier: ISC
"""Limits: each has its close code or status, its counter, and gives its
memory back."""
import json
import threading
import time

import pytest

from load import Load
from node import SLOW, ask, wait_until
from wire import (BINARY, PING, TEXT, Client, Raw, Refused, elapsed, frame,
                  request)


def refused(node, **more):
    """(status, headers, body) of a connection that must be refused."""
    with pytest.raises(Refused) as info:
        Client(node, **more)
    return info.value.args


def test_connections_per_address(start):
    node = start({"admission.max_per_ip": 3, "node.workers": 2})
    clients = [Client(node) for _ in range(3)]
    status, _, body = refused(node)
    assert status == 429
    assert json.loads(body)["error"] == "too_many_connections"
    other = Client(node, source="127.0.0.9")
    assert other.echo("x")
    other.close()
    for _ in range(3):  # a killed tenant forgets nothing
        node.kill_tenant(slot=0)
        node.kill_tenant(slot=1)
        assert refused(node)[0] == 429
    clients.pop().close()
    wait_until(lambda: node.connections() == 2)
    with Client(node) as client:
        assert client.echo("x")
    for client in clients:
        client.close()
    node.wait_metric(4, "handshakes_total", result="too_many")


def test_capacity(start):
    node = start({"node.capacity": 5, "node.workers": 2})
    clients = [Client(node) for _ in range(5)]
    wait_until(lambda: node.open_count() == 5)
    status, headers, body = refused(node)
    assert status == 503 and int(headers["retry-after"]) >= 1
    assert json.loads(body)["error"] == "full"
    node.wait_metric(1, "handshakes_total", result="capacity")
    clients.pop().close()
    wait_until(lambda: node.connections() == 4)
    Client(node).close()
    for client in clients:
        client.close()


@pytest.mark.parametrize("late", [False, True])
def test_burst_at_a_full_slot(start, late):
    """More refused at once than there are records: all are told 503."""
    node = start({"node.capacity": 2})
    holders = [Client(node) for _ in range(2)]
    raws = []
    for _ in range(500):
        raws.append(Raw(node))
        if not late:
            raws[-1].send(request())
    if late:
        # The server may have answered and closed, but it has not reset.
        for raw in raws:
            raw.send(request())
    for raw in raws:
        assert raw.take_head() == 503
        assert int(raw.headers["retry-after"]) >= 1
        assert json.loads(raw.take_body())["error"] == "full"
        raw.close()
    node.wait_metric(500, "handshakes_total", result="capacity")
    assert all(holder.echo("still here") for holder in holders)
    holders[0].finish()
    wait_until(lambda: node.connections() == 1)
    Client(node).finish()
    holders[1].finish()
    assert "accept_failed" not in node.log()


def test_healthz_when_full(start):
    node = start({"node.capacity": 1})
    with Client(node):
        wait_until(lambda: node.open_count() == 1)
        answer = ask(node.port, "GET", "/healthz")
        assert answer.status == 503
        assert answer.json()["status"] == "full"
        assert answer.json()["retry_after_ms"] >= 1000
        assert answer.headers["access-control-allow-origin"] == "*"


def test_handshake_rate_waits_in_the_backlog(start):
    """Those over the rate wait: nobody is refused if it goes on in time."""
    node = start({"admission.handshakes_per_second": 100,
                  "admission.burst": 5, "admission.queue": "5s"})
    begun = time.monotonic()
    with Load(node, "sequence", "-c", 60, "-n", 60, "-t", 0.2,
              "--interval-ms", 20) as load:
        load.wait_ready()
        assert elapsed(begun) * SLOW >= 0.5
    load.assert_whole()
    assert node.metric("accept_pauses_total", cause="rate") > 0
    assert node.metric("handshakes_total", result="rate") == 0


def test_handshake_rate_refuses_at_last(start):
    node = start({"admission.handshakes_per_second": 2,
                  "admission.burst": 2, "admission.queue": "200ms",
                  "admission.retry_after": "3s"})
    clients = [Client(node), Client(node)]
    begun = time.monotonic()
    status, headers, body = refused(node)
    assert status == 503
    assert 3 <= int(headers["retry-after"]) <= 6
    assert json.loads(body)["error"] == "busy"
    assert elapsed(begun) * SLOW >= 0.15
    node.wait_metric(1, "handshakes_total", result="rate")
    for client in clients:
        client.close()


def test_messages_per_second(start):
    node = start({"websocket.max_messages_per_second": 10})
    with Client(node) as client:
        for _ in range(5):
            assert client.echo("x")
        client.send(frame(TEXT, "x") * 50)
        while True:
            first, payload = client.take_frame()
            if first == 0x88:
                break
        assert payload[:2] == b"\x03\xf0"  # 1008
        assert client.is_ended()
    with Client(node) as client:  # pings count as well
        client.send(frame(PING, "x") * 50)
        while client.take_frame()[0] != 0x88:
            pass
    node.wait_metric(2, "closes_total", cause="policy", code="1008")


def test_bytes_per_second(start):
    node = start({"websocket.max_bytes_per_second": 10000,
                  "websocket.max_message": 9000})
    with Client(node) as client:
        assert client.echo("x" * 1000)
        for _ in range(3):
            client.send(frame(BINARY, b"x" * 9000))
        while client.take_frame()[0] != 0x88:
            pass
        assert client.is_ended()
    node.wait_metric(1, "closes_total", cause="policy")


def fill(node, name, most=400):
    """Send to a client that does not read until it is no longer taken."""
    for number in range(most):
        body, answer = node.dispatch(name, number, pad="x" * 100000)
        status = answer.json()["status"]
        if status not in ("delivered", "queued"):
            return number, status
    raise AssertionError("no end of the queue")


def test_slow_consumer_is_closed(start):
    node = start({"websocket.max_queue": "1MiB"})
    with Client(node, "slow", rcvbuf=4096) as slow, Client(node) as other:
        count, status = fill(node, "slow")
        assert status == "not_connected"
        node.wait_metric(1, "closes_total", cause="slow_consumer")
        assert other.echo("x")
        # What was queued before arrives, and then the reason.
        for number in range(count):
            first, payload = slow.take_frame()
            if first == 0x88:
                break
            assert json.loads(payload)["payload"]["number"] == number
        else:
            first, payload = slow.take_frame()
        assert first == 0x88 and payload[:2] == b"\x03\xf5"  # 1013
    wait_until(lambda: node.metric("arena_bytes", what="used") == 0)


def test_slow_consumer_loses_the_newest(start):
    node = start({"websocket.max_queue": "1MiB",
                  "websocket.slow_consumer": "drop"})
    with Client(node, "slow", rcvbuf=4096) as slow:
        count, status = fill(node, "slow")
        assert status == "busy"
        assert node.metric("deliveries_total", result="dropped") >= 1
        for number in range(count):
            payload = json.loads(slow.take_message(TEXT))["payload"]
            assert payload["number"] == number
        wait_until(lambda: node.metric("arena_bytes", what="used") == 0)
        body, answer = node.dispatch("slow", 999)
        assert answer.json()["status"] == "delivered"
        assert slow.take_message(TEXT) == body
    assert node.metric("closes_total", cause="slow_consumer") == 0


def test_echo_to_a_client_that_does_not_read(start):
    """Back-pressure: it is not read either, and nothing is lost."""
    node = start({"websocket.max_queue": "256KiB"})
    with Client(node, "greedy", rcvbuf=4096) as client, Client(node) as other:
        total = 300

        def send():
            for number in range(total):
                client.send(frame(BINARY, b"%08d" % number + b"x" * 60000))
        sender = threading.Thread(target=send)
        sender.start()
        wait_until(lambda: node.metric("read_pauses_total") > 0)
        assert other.echo("x")
        assert node.metric("arena_bytes", what="used") < 4 << 20
        for number in range(total):
            assert client.take_message(BINARY)[:8] == b"%08d" % number
        sender.join()
    wait_until(lambda: node.metric("arena_bytes", what="used") == 0)


def test_maximum_age(start):
    node = start({"websocket.max_age": "1s", "websocket.max_age_dither":
                  "1s"})
    begun = time.monotonic()
    clients = [Client(node) for _ in range(20)]
    for client in clients:
        assert client.take_close() == (1001, "maximum age")
        client.send(b"\x88\x80\0\0\0\0")
        assert client.is_ended()
        client.close()
    assert 1 <= elapsed(begun) * SLOW and elapsed(begun) <= 3.5
    node.wait_metric(20, "closes_total", cause="age")


def test_heartbeat_lost(start):
    """Gone within interval * misses, which is never rounded up."""
    node = start({"websocket.ping_interval": "500ms",
                  "websocket.ping_misses": 3})
    with Client(node, "deaf") as deaf, Client(node, "alive") as alive:
        begun = time.monotonic()
        assert deaf.echo("last words")
        pings = 0
        while True:
            first, payload = deaf.take_frame()
            if first == 0x88:
                break
            assert first == 0x89
            pings += 1
            alive.echo("x")
        assert payload[:2] == b"\x03\xe9"  # 1001
        assert elapsed(begun) <= 1.5 + 0.1
        assert time.monotonic() - begun >= 1
        assert 1 <= pings <= 3
        assert deaf.is_ended()
        alive.send(frame(TEXT, "x"))
        assert alive.take_message() == b"x"
    node.wait_metric(1, "closes_total", cause="heartbeat")


def test_memory_returns(start):
    """Bad and good load of all kinds, then as at the start."""
    node = start({"websocket.max_message": "4MiB"})

    def used():
        return node.metric("arena_bytes", what="used")
    assert used() == 0
    for _ in range(3):
        clients = [Client(node) for _ in range(20)]
        for number, client in enumerate(clients):
            client.send(frame(BINARY, b"x" * (number * 100000),
                              fin=number % 2)[:number * 90000 + 5])
        wait_until(lambda: used() > 0)
        for client in clients:
            client.close()
        wait_until(lambda: node.connections() == 0)
    wait_until(lambda: used() == 0)
    with Raw(node) as raw:
        raw.send(b"GET /ws HTTP/1.1\r\nX: " + b"y" * 7000)
        wait_until(lambda: used() > 0)
    wait_until(lambda: used() == 0)


def test_memory_limit(start):
    """Near the budget new connections are refused; the rest live on."""
    node = start({"memory.max_arena": "16MiB",
                  "websocket.max_message": "64MiB"})
    node.expects_errors = True
    hogs = []
    with Client(node, "modest") as modest:
        for _ in range(30):
            try:
                hogs.append(Client(node))
                hogs[-1].send(frame(BINARY, b"x" * 3000000)[:1500000])
            except Refused as error:
                assert error.args[0] == 503
                assert json.loads(error.args[2])["error"] == "memory"
                break
            except OSError:
                pass
        else:
            raise AssertionError("never refused")
        assert modest.echo("small")
        for hog in hogs:
            hog.close()
        wait_until(lambda: node.metric("arena_bytes", what="used") == 0)
        assert modest.echo("still here")
    with Client(node) as client:
        assert client.echo("x")


def test_frames_and_sizes_are_live(start):
    """A reload changes them for connections that are open."""
    node = start()
    with Client(node) as client:
        assert client.echo("x" * 1000)
        node.configure({"websocket.max_message": 500})
        result = node.control("reload")
        assert [x["key"] for x in result["changed"]] == [
            "websocket.max_message"]
        wait_until(lambda: client.echo("x"))
        time.sleep(0.1)
        client.send(frame(TEXT, "x" * 1000))
        assert client.take_close()[0] == 1009
