# SPDX-License-Identifier: ISC
"""Routes in a Redis that has more to do than it can: other nodes' work."""
import pytest

from load import Load
from node import wait_until
# pylint: disable=unused-import
from redis_fleet import QUICK, fleet, is_joined, is_synced, redis
from redis_proxy import Proxy

MANY = 1500
BYTES = 9  # of the replies to the two commands of a route


@pytest.fixture
def proxy(redis):
    made = Proxy(redis)
    yield made
    made.close()


@pytest.fixture
def node(start, proxy):
    """A node that reaches Redis through the proxy."""
    made = start({"node.id": "a", **QUICK, "redis.url": proxy.url,
                  "node.capacity": 5000, "blast_radius.floor": 5000})
    wait_until(lambda: is_joined(made))
    return made


def syncs(node):
    return node.log().count("event=routes_synced")


def test_its_own_work_is_paced(node, proxy, redis):
    """All routes at once would take Redis twice as long as a reply may take:
    the link holds, and all is written."""
    with Load(node, "hold", "-c", MANY, "-t", 100, "-n", 256) as load:
        assert load.wait_ready() == MANY
        wait_until(lambda: redis("HLEN", "node-clients:a") == MANY)
        wait_until(lambda: is_synced(node))
        failures, done = node.metric("redis_failures_total"), syncs(node)
        proxy.rate = MANY * BYTES / 2.2
        redis("FLUSHALL")
        wait_until(lambda: syncs(node) > done, 20)
        assert redis("HLEN", "node-clients:a") == MANY
        assert len(redis("KEYS", "user-route:*")) == MANY
        assert node.metric("redis_failures_total") == failures
        proxy.rate = 0


def test_it_ends_while_clients_come_and_go(node, proxy, redis):
    """There is always something under way, and Redis is flushed meanwhile."""
    with Load(node, "hold", "-c", 200, "-t", 100, "-n", 64) as load, \
            Load(node, "storm", "-n", 32, "-r", 400, "-t", 0):
        assert load.wait_ready() == 200
        wait_until(lambda: redis("HLEN", "node-clients:a") >= 200)
        wait_until(lambda: is_synced(node))
        proxy.delay = 0.1
        before, done = node.metric("route_resyncs_total"), syncs(node)
        redis("FLUSHALL")
        wait_until(lambda: node.metric("route_resyncs_total") > before)
        # Before that there is nothing that could be missed.
        wait_until(lambda: redis("EXISTS", "{main}:routes:a"))
        redis("FLUSHALL")
        wait_until(lambda: node.metric("route_resyncs_total") > before + 1)
        wait_until(lambda: syncs(node) > done)
        proxy.delay = 0
    wait_until(lambda: redis("HLEN", "node-clients:a") == 0)
    assert not redis("KEYS", "user-route:*")
