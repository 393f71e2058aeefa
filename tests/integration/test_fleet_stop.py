# SPDX-License-Identifier: ISC
"""A node that stops leaves Redis as if it had never been, and loses nothing of
what its clients have sent without counting it."""
import re
import signal
import time

import pytest

from load import Load
from node import PATIENCE, wait_until
# pylint: disable=unused-import
from redis_fleet import QUICK, fleet, is_joined, redis
from redis_proxy import Proxy
from wire import Client

ANSWERING = 300
SENT = 600
LEFT = re.compile(r"event=(\w+_lost|routes_left|relay_not_parted)")


def streams(redis):
    return sum(redis("XLEN", f"ingress:{number}") for number in range(16))


@pytest.mark.parametrize("signo", [signal.SIGINT, signal.SIGTERM])
def test_no_route_is_left(fleet, redis, signo):
    """Nor of a client that does not answer the close frame."""
    node = fleet(more={"node.workers": 2, "drain.window": "0"})
    with Load(node, "hold", "-c", ANSWERING, "-t", 0) as load, \
            Client(node, "mute"):
        assert load.wait_ready() == ANSWERING
        wait_until(lambda: redis("HLEN", "node-clients:a") == ANSWERING + 1)
        assert redis("EXISTS", "{main}:routes:a")
        if signo == signal.SIGTERM:
            node.process.send_signal(signo)  # and again: at once
        assert node.stop(signo, 20) == 0
    assert not redis("KEYS", "user-route:*")
    assert not redis("KEYS", "node-clients:*")
    assert not redis("EXISTS", "{main}:routes:a")
    assert redis("HGET", "{main}:node:a", "state") == "left"
    assert not LEFT.search(node.log())


def test_messages_follow(start, redis):
    """Redis has answered for little of what clients have sent."""
    proxy = Proxy(redis)
    node = start({"node.id": "a", **QUICK, "redis.url": proxy.url,
                  "upstream.mode": "stream"})
    wait_until(lambda: is_joined(node))
    with Client(node, "alice") as alice:
        proxy.delay = 0.25
        for number in range(SENT):
            alice.send_text(str(number))
        wait_until(lambda: node.metric("upstream_messages_total") == SENT)
        assert node.stop(seconds=20) == 0
    assert streams(redis) >= SENT
    assert not LEFT.search(node.log())
    proxy.close()


def test_messages_are_counted(start, redis):
    """Redis does not answer at all, and does not hold the node for long."""
    node = start({"node.id": "a", **QUICK, "redis.url": redis.url,
                  "upstream.mode": "stream"})
    wait_until(lambda: is_joined(node))
    with Client(node, "alice") as alice:
        alice.send_text("first")
        wait_until(lambda: streams(redis) == 1)
        wait_until(lambda: node.metric("ingress_added_total") == 1)
        redis.pause()
        for number in range(100):
            alice.send_text(str(number))
        wait_until(lambda: node.metric("upstream_messages_total") == 101)
        node.process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        assert node.stop(seconds=20) == 0  # at once, but for what is sent
        assert time.monotonic() - begun < 10 * PATIENCE
    assert "event=ingress_lost" in node.log()
    assert re.search("event=ingress_lost .*messages=100", node.log())
    redis.go_on()
