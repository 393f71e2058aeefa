# SPDX-License-Identifier: ISC
"""The clock of Redis' host, which is the fleet's only one, is set."""
import os
import struct
import time

import pytest

from node import PATIENCE, wait_until
from redis_server import Redis, now_ms
# pylint: disable=unused-import
from test_fleet import (LEASE, events, fleet, kill_all, leader_of, long,
                        shown, states)
from upgrading import compile_library
from wire import Client

HOUR = 3600

# The clock of the day is as many seconds off as a file says.  Plain system
# calls, since the memory allocator asks before anything is set up.
SHIFTED = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long *offset;

__attribute__((constructor)) static void
begin(void)
{
    int fd = open(getenv("CLOCK_OFFSET"), O_RDONLY);
    void *p = mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);

    if (p == MAP_FAILED)
        abort();
    offset = p;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int rc = (int)syscall(SYS_clock_gettime, id, ts);

    if (rc == 0 && id == CLOCK_REALTIME && offset != NULL)
        ts->tv_sec += *offset;
    return rc;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec ts;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

time_t
time(time_t *out)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    if (out != NULL)
        *out = ts.tv_sec;
    return ts.tv_sec;
}
"""


class Clocked(Redis):
    """Its clock can be set."""

    def __init__(self, library, path):
        self.shift = path
        self.offset = 0
        path.write_bytes(bytes(8))
        super().__init__(env={**os.environ, "LD_PRELOAD": str(library),
                              "CLOCK_OFFSET": str(path)})

    def set_back(self, seconds):
        """By so many; negative: it is put forward."""
        self.offset -= seconds
        # In place: it is mapped.
        with open(self.shift, "r+b") as file:
            file.write(struct.pack("l", self.offset))


@pytest.fixture(scope="module")
def shifted(tmp_path_factory):
    library = tmp_path_factory.mktemp("clock") / "shifted.so"
    compile_library(SHIFTED, library)
    return library


@pytest.fixture
def redis(shifted, tmp_path):
    server = Clocked(shifted, tmp_path / "offset").start()
    yield server
    server.close()


def off_by(redis):
    """Seconds that its clock is ahead of ours."""
    return round(now_ms(redis) / 1000 - time.time())


def dead(redis):
    return [e["node"] for e in events(redis) if e["kind"] == "node_dead"]


@pytest.mark.parametrize("seconds", [HOUR, -HOUR], ids=["back", "forward"])
def test_clock_is_set(fleet, redis, seconds):
    """Nobody is dead of it, and who dies afterwards is found all the same."""
    nodes = fleet(3)
    leader = leader_of(nodes)
    other = next(node for node in nodes if node is not leader)
    name = other.settings["node.id"]
    clients = [Client(node, f"c{i}") for i, node in enumerate(nodes)]
    wait_until(lambda: shown(leader)["hold"] == "go", 20)

    redis.set_back(seconds)
    assert off_by(redis) == -seconds
    wait_until(lambda: shown(leader)["hold"] == "unsettled", 20)
    # By one who leads: with its key ended by the clock it may be another one.
    wait_until(lambda: shown(leader_of(nodes))["hold"] == "go", 20)
    for node in nodes:
        assert set(states(node).values()) == {"healthy"}
        assert node.admin("/readyz").status == 200
    for i, (node, client) in enumerate(zip(nodes, clients)):
        assert client.echo("x")
        assert redis("GET", f"user-route:c{i}") == node.settings["node.id"]
    assert dead(redis) == []

    begun = time.monotonic()
    kill_all(other)
    wait_until(lambda: dead(redis) == [name], 30)
    assert time.monotonic() - begun < (LEASE + 2) * PATIENCE
    left = [node for node in nodes if node is not other]
    wait_until(lambda: redis("GET", f"user-route:c{nodes.index(other)}")
               is None, 20)
    for client in clients:
        client.close()
    wait_until(lambda: all(states(node)[name] == "dead" for node in left), 20)


@pytest.mark.parametrize("who", ["leader", pytest.param("other", marks=long)])
def test_dies_as_the_clock_is_set_back(fleet, redis, who):
    """Its last beat is to come: that must not make it live for an hour."""
    nodes = fleet(3)
    leader = leader_of(nodes)
    victim = leader if who == "leader" else next(
        node for node in nodes if node is not leader)
    wait_until(lambda: shown(leader)["hold"] == "go", 20)
    kill_all(victim)
    redis.set_back(HOUR)
    wait_until(lambda: dead(redis) == [victim.settings["node.id"]], 40)
    left = [node for node in nodes if node is not victim]
    assert leader_of(left)
    assert [states(node)[node.settings["node.id"]] for node in left] == [
        "healthy"] * 2


@long
def test_drains_are_counted_anew(fleet, redis):
    """A permission whose holder has died as the clock was set back ends."""
    nodes = fleet(2, **{"drain.window": "1h"})
    for node in nodes:
        node.expects_errors = True
    for i, node in enumerate(nodes):
        node.clients = [Client(node, f"d{i}{n}") for n in range(3)]
    nodes[0].control("drain")
    wait_until(lambda: redis("HLEN", "{main}:drains") == 1, 20)
    kill_all(nodes[0])
    redis.set_back(HOUR)
    wait_until(lambda: dead(redis) == ["n0"], 40)
    nodes[1].control("drain")
    wait_until(lambda: redis("HKEYS", "{main}:drains") == ["n1"], 20)
    nodes[1].control("undrain")
    for node in nodes:
        for client in node.clients:
            client.close()
