# SPDX-License-Identifier: ISC
"""The master is gone, and the replica that takes its place does not have all
that was read: repeated is nothing, and what that cost is counted."""
import pytest

from node import wait_until
from redis_fleet import QUICK, is_joined
from redis_server import Redis
from test_redis_inbox import Reader, add, metric

BEFORE, BEHIND, AFTER = 50, 20, 25


@pytest.fixture
def pair():
    """(master, replica)"""
    master = Redis("--repl-diskless-sync-delay", "0").start()
    made = [master]
    try:
        made.append(Redis("--replicaof", "127.0.0.1", str(master.port)).start())
        wait_until(lambda: "master_link_status:up"
                   in made[1]("INFO", "replication"), 20)
        yield made
    finally:
        for one in made:
            one.close()


def feed(redis, reader, numbers):
    """Adds them, and the client has got them."""
    for number in numbers:
        add(redis, "a", "alice", number)
    wait_until(lambda: reader.numbers and reader.numbers[-1] == numbers[-1])


@pytest.mark.parametrize("when", ["before", "after"])
def test_older_replica(start, pair, when):
    """Others have written to it, before or after what it lacks was written: of
    lower ids than what was read, or as many as it lacks and more."""
    master, replica = pair
    node = start({"node.id": "a", **QUICK, "redis.url":
                  f"redis://127.0.0.1:{master.port},127.0.0.1:{replica.port}"})
    wait_until(lambda: is_joined(node))
    reader = Reader(node, "alice")
    feed(master, reader, range(BEFORE))
    wait_until(lambda: replica("EXISTS", "inbox:a")
               and replica("XLEN", "inbox:a") == 0)
    # The node stays with the master, whose last entries it does not get.
    replica("REPLICAOF", "NO", "ONE")
    end = BEFORE + BEHIND
    if when == "before":
        for number in range(5):
            add(replica, "a", "alice", 900 + number)
    feed(master, reader, range(BEFORE, end))
    if when == "after":
        for number in range(end, end + AFTER):
            add(replica, "a", "alice", number)
        end += AFTER
    master.kill()
    wait_until(lambda: metric(node, "inbox_resets") == 1, 20)
    feed(replica, reader, range(end, end + AFTER))
    wait_until(lambda: replica("XLEN", "inbox:a") == 0)
    reader.close()
    assert reader.numbers == sorted(set(reader.numbers))
    # The node's own canaries may have come behind others' of the replica.
    passed = set(range(end + AFTER)) - set(reader.numbers)
    assert passed <= set(range(BEFORE + BEHIND, end))
    passed = len(passed) + 5 * (when == "before")
    wait_until(lambda: metric(node, "inbox_skipped") == passed)
    assert metric(node, "inbox_lost") == 0
    assert metric(node, "inbox_resets") == 1
