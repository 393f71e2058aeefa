# SPDX-License-Identifier: ISC
"""Nodes that share a Redis, for the tests of what they say to each other."""
import pytest

from node import wait_until
from redis_server import Redis
from wire import Client

# Short, so that tests are; the defaults are told in holdfast.conf(5).
QUICK = {"redis.connect_timeout": "2s", "redis.command_timeout": "1s",
         "redis.ping_interval": "100ms", "redis.backoff": "10ms",
         "redis.backoff_max": "100ms"}


@pytest.fixture
def redis():
    server = Redis().start()
    yield server
    server.close()


@pytest.fixture
def fleet(start, redis):
    """fleet("a", {...}) -> a node of that name; its links are up."""
    def begin(name="a", more=None, is_started=True, **how):
        node = start({"node.id": name, "redis.url": redis.url, **QUICK,
                      **(more or {})}, is_started=is_started, **how)
        if is_started:
            wait_until(lambda: is_joined(node))
        return node
    return begin


def is_synced(node):
    return node.control("status")["redis"]["routes"] == "synced"


def is_joined(node):
    return is_synced(node) and node.control("status")["redis"]["subscribed"]


def route(redis, client):
    return redis("GET", f"user-route:{client}")


def relay_pid(node):
    """Of the relay's tenant; 0 would be all of us."""
    return wait_until(lambda: node.tenants("relay")[0])


def in_both_slots(node):
    """Clients w0, w1, ...: until each slot has one."""
    clients, slots = [], set()
    while len(slots) < 2:
        name = f"w{len(clients)}"
        clients.append(Client(node, name))
        slots.add(node.control("where", client=name)["slot"])
    return clients
