# SPDX-License-Identifier: ISC
"""Each error that Redis answers with has its reaction, as holdfast.conf(5)
tells it."""
import pytest

from node import wait_until
from redis_fleet import QUICK, is_joined, route
from redis_server import FakeRedis, Redis, RedisError, free_port
from wire import Client

# What a command of ours may be told, by what is done.
NEXT_ADDRESS = ["READONLY You can't write against a read only replica.",
                "LOADING Redis is loading the dataset in memory",
                "MOVED 3999 127.0.0.1:6381",
                "ASK 3999 127.0.0.1:6381",
                "CLUSTERDOWN Hash slot not served",
                "CROSSSLOT Keys in request don't hash to the same slot",
                "NOPERM this user has no permissions"]
LATER = ["OOM command not allowed when used memory > 'maxmemory'.",
         "BUSY Redis is busy running a script.",
         "MISCONF Redis is configured to save RDB snapshots",
         "NOREPLICAS Not enough good replicas to write."]
ONE_STEP = ["WRONGTYPE Operation against a key holding the wrong kind",
            "NOSCRIPT No matching script.", "ERR something else"]


def serves(node):
    with Client(node, "local") as client:
        client.echo("as if there were no Redis")


def is_up(node):
    return node.control("status")["redis"]["connected"]


@pytest.fixture
def refusing(start):
    """refusing(error) -> (node, server): every command but those of the
    greeting is answered with it."""
    made = []

    def begin(error):
        said = f"-{error}\r\n".encode()

        def say(words):
            return None if FakeRedis.greeting(words) else said

        server = FakeRedis(say)
        made.append(server)
        return start({"node.id": "a", "redis.url": server.url,
                      **QUICK}), server
    yield begin
    for server in made:
        server.close()


@pytest.mark.parametrize("error", NEXT_ADDRESS,
                         ids=lambda error: error.split()[0])
def test_goes_to_the_next_address(refusing, error):
    node, server = refusing(error)
    wait_until(lambda: [line for line in node.log().splitlines()
                        if "event=redis_down" in line
                        and error.split()[0] in line], 20)
    before = server.count("ROLE")
    wait_until(lambda: server.count("ROLE") > before + 3, 20,
               "it to come again and again")
    serves(node)
    assert node.restarts("fault") == 0


@pytest.mark.parametrize("error", LATER + ONE_STEP,
                         ids=lambda error: error.split()[0])
def test_keeps_the_link(refusing, error):
    """The same again later, or this one step is given up."""
    node, server = refusing(error)
    wait_until(lambda: is_up(node))
    before = node.metric("redis_errors_total")
    wait_until(lambda: node.metric("redis_errors_total") > before + 3, 20)
    serves(node)
    assert not [line for line in node.log().splitlines()
                if "event=redis_down" in line and "link=commands" in line]
    assert server.count("EVAL") > 3
    assert node.restarts("fault") == 0


def test_busy_for_real(start):
    """A script that does not end: not even ROLE is answered."""
    server = Redis("--busy-reply-threshold", "50").start()
    node = start({"node.id": "a", "redis.url": server.url, **QUICK,
                  "redis.command_timeout": "10s"})
    try:
        wait_until(lambda: is_joined(node))
        with server.connect() as script:
            script.send("EVAL", "while true do end", 0)
            wait_until(lambda: node.metric("redis_errors_total") > 10, 20)
            with server.connect() as other:
                other("SCRIPT", "KILL")
        with Client(node, "alice"):
            wait_until(lambda: route(server, "alice") == "a", 20)
        assert not [line for line in node.log().splitlines()
                    if "event=redis_down" in line and "link=commands" in line]
    finally:
        server.close()


def test_full_disk(start):
    """It takes no writes and says no PONG, but it serves who reads."""
    server = FakeRedis(lambda words: None if words[0] in ("ROLE", "SUBSCRIBE")
                       else b"-MISCONF Errors writing to disk\r\n")
    try:
        node = start({"node.id": "a", "redis.url": server.url, **QUICK})
        wait_until(lambda: node.control("status")["redis"]["subscribed"])
        assert is_up(node)
        serves(node)
    finally:
        server.close()


def test_moved_for_real(start):
    """Two servers of a cluster: the first says MOVED, the second has it."""
    buses = [free_port(), free_port()]
    servers = [Redis("--cluster-enabled", "yes", "--cluster-port", str(bus))
               .start() for bus in buses]
    first, second = servers
    try:
        second("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        first("CLUSTER", "MEET", "127.0.0.1", second.port,
              buses[1])

        def is_moved():
            """the first to know who has the slots"""
            try:
                first("GET", "user-route:alice")
            except RedisError as error:
                return str(error).startswith("MOVED")
            return False

        wait_until(is_moved, 30)
        node = start({"node.id": "a", **QUICK, "redis.url":
                      f"{first.url},127.0.0.1:{second.port}"})
        wait_until(lambda: is_joined(node), 20)
        assert "MOVED" in node.log()
        with Client(node, "alice") as alice:
            wait_until(lambda: route(second, "alice") == "a", 20)
            alice.echo("hello")
    finally:
        for server in servers:
            server.close()
