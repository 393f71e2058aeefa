# SPDX-License-Identifier: ISC
"""ws_load --reconnect comes back by the rules of the reference client."""
import time

import pytest

from load import Load
from node import wait_until
from wire import Client

pytestmark = pytest.mark.pace

CLIENTS = 10
LONG_MS = 60000  # nobody is back by the back-off alone


def targets(*nodes):
    return ",".join(f"127.0.0.1:{node.port}" for node in nodes)


def test_drain(start):
    """A hint counts where it is given, and not after a moment's connection."""
    first, second = start({"drain.lb_wait": "0", "drain.window": "300ms"}), \
        start()
    # A process for each, which opens its first connection to the last node.
    common = ("-a", targets(second, first), "-c", CLIENTS, "-P", CLIENTS,
              "-t", 0)
    with Load(first, "hold", *common, "--reconnect",
              f"{LONG_MS},{LONG_MS},0,0") as stable, \
            Load(first, "hold", *common, "--reconnect",
                 f"{LONG_MS},{LONG_MS},0,{LONG_MS}") as young:
        for load in stable, young:
            assert load.wait_ready() == CLIENTS
        wait_until(lambda: first.connections() == 2 * CLIENTS)
        first.ctl("drain")
        wait_until(lambda: second.connections() == CLIENTS, 10)
        stable.stop()
        young.stop()
    assert stable.result["live"] == stable.result["reconnects"] == CLIENTS
    assert stable.result["close_codes"] == {"1012": CLIENTS}
    assert stable.result["refused"] == 0
    assert young.result["close_codes"] == {"1012": CLIENTS}
    assert young.result["live"] == young.result["reconnects"] == 0


def test_refused(start):
    """The longer of Retry-After and the back-off is waited for."""
    node = start({"node.capacity": 2, "admission.retry_after": "100ms"})
    first = [Client(node, f"first-{i}") for i in range(2)]
    begun = time.monotonic()
    with Load(node, "hold", "-c", 1, "-t", 0, "--reconnect", "1") as short, \
            Load(node, "hold", "-c", 1, "-t", 0, "--reconnect",
                 "2500,2500,0") as long:
        wait_until(lambda: node.metric(
            "handshakes_total", result="capacity") >= 2)
        for client in first:
            client.close()
        assert short.wait_ready() == 1
        assert time.monotonic() - begun >= 1
        assert long.wait_ready() == 1
        took = time.monotonic() - begun
        assert took >= 2.5
        short.stop()
        long.stop()
    assert short.result["live"] == long.result["live"] == 1
    assert 1 <= short.result["statuses"]["503"] <= took
    assert long.result["statuses"]["503"] == 1


def test_replaced(node):
    """Two with the same client ids do not push each other out for ever."""
    common = ("-c", CLIENTS, "-t", 0, "--id-prefix", "twin-", "--reconnect",
              "1,1,0,0")
    with Load(node, "hold", *common) as old:
        assert old.wait_ready() == CLIENTS
        with Load(node, "hold", *common) as new:
            assert new.wait_ready() == CLIENTS
            old.stop()
            new.stop()
    assert old.result["close_codes"] == {"4001": CLIENTS}
    assert old.result["reconnects"] == old.result["live"] == 0
    assert new.result["live"] == CLIENTS
    assert new.result["closed"] == new.result["severed"] == 0
