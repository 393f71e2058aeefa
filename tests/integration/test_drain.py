# SPDX-License-Identifier: ISC
"""SIGTERM: load balancers first, then every client, one after the other."""
import signal
import time

from node import SLOW, wait_until
from wire import Client, Refused

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
    assert node.wait() == 0
    assert time.monotonic() - begun < 10 * SLOW
    assert client.is_ended()
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
    node.control("drain", undo=True)
    wait_until(lambda: ready(node) == 200, 5, "readyz to say 200")
    assert client.echo("never closed")
    Client(node, "three").finish()
    client.finish()
