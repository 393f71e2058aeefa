# SPDX-License-Identifier: ISC
"""Real clients that nobody here wrote: python3-websockets, and plain HTTP."""
import asyncio
import os
import re
import ssl

import pytest
import websockets

import node as nodes
from node import PATIENCE, wait_until
from wire import (FIN, PING, PONG, Client, Raw, Refused, accept_key, frame,
                  request)


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 30 * PATIENCE))


def test_connect_and_echo(node):
    async def talk():
        async with websockets.connect(node.url("alice")) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
            await ws.send("")
            assert await ws.recv() == ""
            await ws.send("h\u00e9llo \U0001f600")
            assert await ws.recv() == "h\u00e9llo \U0001f600"
        assert ws.close_code == 1000
    run(talk())
    wait_until(lambda: node.connections() == 0)
    node.wait_metric(1, "handshakes_total", result="ok")
    node.wait_metric(3, "messages_total", direction="in")
    node.wait_metric(3, "messages_total", direction="out")
    node.wait_metric(1, "closes_total", cause="client")


def test_binary_of_all_sizes(node):
    sizes = [0, 1, 125, 126, 127, 65535, 65536, 65537, 300000, 1 << 20]

    async def talk():
        async with websockets.connect(node.url(), compression=None) as ws:
            for size in sizes:
                data = os.urandom(size)
                await ws.send(data)
                assert await ws.recv() == data
    run(talk())


def test_many_messages_under_way(node):
    async def talk():
        async with websockets.connect(node.url()) as ws:
            async def send():
                for number in range(1000):
                    await ws.send(str(number))
            sender = asyncio.create_task(send())
            for number in range(1000):
                assert await ws.recv() == str(number)
            await sender
    run(talk())


def test_compressed_echo(node):
    text = "all work and no play makes jack a dull boy. " * 2000

    async def talk():
        async with websockets.connect(
                node.url(), compression="deflate") as ws:
            assert "permessage-deflate" in \
                ws.response_headers["Sec-WebSocket-Extensions"]
            await ws.send(text)
            assert await ws.recv() == text
            await ws.send(text.encode())
            assert await ws.recv() == text.encode()
            await ws.send("x")
            assert await ws.recv() == "x"
    run(talk())
    assert node.metric("bytes_total", direction="out") < len(text)


def test_compression_off(start):
    node = start({"websocket.compression": False})

    async def talk():
        async with websockets.connect(node.url()) as ws:
            assert "Sec-WebSocket-Extensions" not in ws.response_headers
            await ws.send("x" * 1000)
            assert await ws.recv() == "x" * 1000
    run(talk())


def test_sixteen_mebibytes(start):
    node = start({"websocket.max_message": "16MiB"})
    data = os.urandom(1 << 20) * 16

    async def talk(compression, message):
        async with websockets.connect(
                node.url(), max_size=None, compression=compression) as ws:
            await ws.send(message)
            assert await ws.recv() == message
    run(talk(None, data))
    run(talk("deflate", data))
    run(talk(None, "\u00e9" * (8 << 20)))


def test_fragmented_by_a_library(node):
    async def talk():
        async with websockets.connect(node.url()) as ws:
            await ws.send(["one ", "two ", "three"])
            assert await ws.recv() == "one two three"
    run(talk())


def test_ping_and_pong(node):
    async def talk():
        async with websockets.connect(node.url()) as ws:
            waiter = await ws.ping(b"are you there")
            await asyncio.wait_for(waiter, 5 * PATIENCE)
    run(talk())
    node.wait_metric(1, "pings_total", direction="in")


def test_server_pings_and_measures(start):
    # This client answers one ping only and must not be given up meanwhile.
    node = start({"websocket.ping_interval": "500ms",
                  "websocket.ping_misses": 60})
    with Client(node, "pinged") as client:
        first, payload = client.take_frame()
        assert first == FIN | PING
        client.send(frame(PONG, payload))
        wait_until(lambda: node.metric("pongs_received_total") > 0, 5)
        # The record follows the counter by a moment.
        wait_until(lambda: node.control("where", client="pinged")
                   ["ping_latency_us"])
    assert node.metric("ping_latency_seconds_count") > 0


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 3000, 4999])
def test_close_code_comes_back(node, code):
    async def talk():
        ws = await websockets.connect(node.url())
        await ws.close(code, "bye")
        return ws.close_code
    assert run(talk()) == code


def test_client_ids(node):
    with Client(node, "x" * 100), Client(node, "with%2Fslash"), \
            Client(node, "~!*'().") as plain, Client(node), Client(node):
        assert plain.echo("x")
        rows = node.control("clients")["clients"]
        ids = sorted(row["client_id"] for row in rows)
        assert {"x" * 100, "with/slash", "~!*'()."} <= set(ids)
        made = [i for i in ids if i not in
                ("x" * 100, "with/slash", "~!*'().")]
        assert len(made) == 2 and made[0] != made[1]
        assert all(re.fullmatch(r"[!-~]{8,100}", i) for i in made)
        assert len({row["uuid"] for row in rows}) == 5


@pytest.mark.parametrize("bad", ["", "x" * 101, "%00", "%7f", "a%20b",
                                 "%e9", "%zz", "%4"])
def test_bad_client_ids(node, bad):
    with pytest.raises(Refused) as refused:
        Client(node, bad)
    assert refused.value.args[0] == 400
    assert '"error"' in refused.value.args[2]


def test_subprotocol(node):
    async def talk(offered):
        async with websockets.connect(node.url(),
                                      subprotocols=offered) as ws:
            return ws.subprotocol
    assert run(talk(["holdfast.v1"])) == "holdfast.v1"
    assert run(talk(["chat", "holdfast.v1"])) == "holdfast.v1"
    assert run(talk(["chat"])) is None
    assert run(talk(None)) is None


def test_healthz_on_the_client_port(node):
    answer = nodes.ask(node.port, "GET", "/healthz")
    assert answer.status == 200
    assert answer.json() == {"status": "ok", "retry_after_ms": 0}
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "no-store"


def test_admin_port(node):
    assert node.admin("/healthz").status == 200
    assert node.admin("/readyz").status == 200
    answer = node.admin("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    for name in ("connections", "handshakes_total", "messages_total",
                 "bytes_total", "closes_total", "ping_latency_seconds_bucket",
                 "ring_bytes", "arena_bytes", "worker_restarts_total",
                 "adopted_connections_total", "recovery_seconds_count",
                 "loop_lag_seconds_bucket"):
        node.metric(name)
    assert "test" in node.admin("/").text
    assert node.admin("/nowhere").status == 404
    assert node.admin("/metrics", "POST").status in (405, 501)


def test_accept_header_and_case(node):
    with Raw(node) as raw:
        raw.send(request(drop=("upgrade", "connection"), headers=(
            "UPGRADE: WebSocket", "connection: keep-alive, UPGRADE")))
        assert raw.take_head() == 101
        assert raw.headers["sec-websocket-accept"] == accept_key()
        assert raw.headers["upgrade"].lower() == "websocket"


def test_ipv6_and_two_listeners(start):
    try:
        node = start({"listen": [{"address": "127.0.0.1", "port": 0},
                                 {"address": "::1", "port": 0}]})
    except AssertionError as error:
        if "Cannot assign" not in str(error):
            raise
        pytest.skip("no IPv6 on this machine")
    second, = [item["port"] for item in node.control("status")["listeners"]
               if item["address"] == "::1"]

    async def talk(url):
        async with websockets.connect(url) as ws:
            await ws.send("six")
            assert await ws.recv() == "six"
            row, = node.control("clients")["clients"]
            return row["address"]
    assert run(talk(f"ws://[::1]:{second}/ws")) == "::1"
    wait_until(lambda: node.connections() == 0)
    assert run(talk(node.url())) == "127.0.0.1"


def test_upstream_none(start):
    node = start({"upstream.mode": "none"})
    with Client(node, "quiet") as client:
        client.send_text("nobody answers")
        assert client.is_quiet()
        wait_until(lambda: node.metric("messages_total",
                                       direction="in") == 1)
        node.dispatch("quiet")
        assert b'"m1"' in client.take_message()


def test_two_workers_share(start):
    node = start({"node.workers": 2})
    clients = [Client(node, f"c{n}") for n in range(100)]
    wait_until(lambda: node.open_count() == 100)
    counts = [worker["open"] for worker in node.workers()]
    assert min(counts) >= 10, counts
    for client in clients:
        assert client.echo("x")
        client.close()
    wait_until(lambda: node.connections() == 0)


def test_tls_hello_gets_an_answer(node):
    """A client that speaks TLS to the plain port is refused at once."""
    with Raw(node) as raw:
        context = ssl.create_default_context()
        with pytest.raises(OSError):
            context.wrap_socket(raw.socket, server_hostname="localhost")
    wait_until(lambda: node.connections() == 0)
