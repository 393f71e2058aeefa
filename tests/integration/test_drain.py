# SPDX-License-Identifier: ISC
"""SIGTERM: load balancers first, then every client, one after the other."""
import signal
import socket
import time

import pytest

import process
from node import PATIENCE, SLOW, wait_until
from wire import Client, Refused, close_frame

CLIENTS = 20


def ready(node):
    return node.admin("/readyz").status


def test_leaves_before_it_closes(start):
    """drain.lb_wait: not ready, but what still comes is served."""
    node = start({"drain.lb_wait": f"{SLOW}s", "drain.window": f"{SLOW}s"})
    clients = [Client(node, f"c{i}", query="hint=1") for i in range(CLIENTS)]
    node.process.send_signal(signal.SIGTERM)
    wait_until(lambda: ready(node) == 503, 5, "readyz to say 503")
    late = Client(node, "late")
    assert late.echo("still served")
    assert all(client.echo("me too") for client in clients)
    ends = []
    for client in clients:
        code, reason = client.take_close()
        ends.append(time.monotonic())
        assert code == 1012
        assert reason.startswith("reconnect_ms=")
        client.close()
    assert late.take_close() == (1012, "")
    late.close()
    # One after the other: a wave would end them all within a tick or two.
    assert ends[-1] - ends[0] > 0.5 * SLOW
    assert node.wait() == 0


def test_second_term_ends_it_at_once(start):
    node = start({"drain.lb_wait": "1m", "drain.window": "1m"})
    client = Client(node, "one")
    begun = time.monotonic()
    node.process.send_signal(signal.SIGTERM)
    wait_until(lambda: ready(node) == 503, 5, "readyz to say 503")
    node.process.send_signal(signal.SIGTERM)
    assert client.take_close() == (1012, "")
    client.send(close_frame(1012))
    assert node.wait() == 0
    assert time.monotonic() - begun < 10 * PATIENCE
    client.close()


def test_undrain_serves_again(start):
    node = start({"drain.lb_wait": "0", "drain.window": "1m"})
    client = Client(node, "one")
    node.control("drain")
    wait_until(lambda: ready(node) == 503, 5, "readyz to say 503")
    try:
        Client(node, "two").close()
        raise AssertionError("a draining node took a client")
    except Refused as refused:
        status, headers, _ = refused.args
        assert status == 503 and int(headers["retry-after"]) > 0
    node.control("undrain")
    wait_until(lambda: ready(node) == 200, 5, "readyz to say 200")
    assert client.echo("never closed")
    Client(node, "three").finish()
    client.finish()


def test_handshakes_are_refused_to_the_end(start):
    """Also when all that is awaited is the last close handshake, and those
    that began before: with an answer, not with a reset."""
    node = start({"websocket.close_timeout": "10s",
                  "websocket.handshake_timeout": "60s"})
    deaf = Client(node)
    with socket.create_connection(("127.0.0.1", node.port)) as silent:
        silent.settimeout(10 * PATIENCE)
        wait_until(lambda: node.connections() == 2)
        node.control("drain", within_ms=5000 * SLOW)
        assert deaf.take_close()[0] == 1012
        for _ in range(20):
            with pytest.raises(Refused):
                Client(node)
        answer = silent.recv(4096)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"draining" in answer
    deaf.close()
    wait_until(lambda: node.control("status")["drain"]["empty"])


def test_orphaned_slots_end_themselves(start):
    """No supervisor comes back: clients are closed in order, nobody stays."""
    node = start({"worker.orphan_max": "1s", "drain.window": "0"})
    client = Client(node, "one")
    pids = node.keepers() + node.tenants() + node.keepers("relay") + \
        node.tenants("relay")
    node.expects_errors = True
    node.expected_exit = -signal.SIGKILL
    node.process.kill()
    node.wait()
    assert client.echo("nobody misses it yet")
    assert client.take_close() == (1012, "")
    client.send(close_frame(1012))
    assert client.is_ended()
    client.close()
    wait_until(lambda: not any(map(process.is_alive, pids)), 15,
               "keepers and tenants to end")
