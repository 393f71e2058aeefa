# SPDX-License-Identifier: ISC
"""What any node of a fleet tells of a client that another one has."""
import json
import os
import signal
import time

from load import Load
from node import PATIENCE, wait_until
# pylint: disable=unused-import
from redis_fleet import fleet, redis, relay_pid, route


def test_latency_is_of_now(fleet, redis):
    """Asked on either node; of a node that says nothing, what Redis has."""
    a = fleet("a", {"websocket.ping_interval": "1s", "worker.stall": "120s"})
    b = fleet("b")

    with Load(a, "hold", "-c", 1, "-t", 0):
        client, said = wait_until(lambda: redis("HGETALL", "node-clients:a"))
        path, registered = f"/registry/{client}", json.loads(said)
        wait_until(lambda: route(redis, client) == "a")

        def latency(node):
            return node.api("GET", path).json()["ping_latency_ms"]

        wait_until(lambda: latency(a) is not None)
        wait_until(lambda: latency(b) == latency(a))
        assert {**b.api("GET", path).json(),
                "ping_latency_ms": None} == registered
        os.kill(relay_pid(a), signal.SIGSTOP)
        begun = time.monotonic()
        assert b.api("GET", path).json() == registered
        assert time.monotonic() - begun < 3 * PATIENCE
        os.kill(relay_pid(a), signal.SIGCONT)
