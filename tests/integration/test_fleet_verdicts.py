# SPDX-License-Identifier: ISC
"""What a leader concludes from leases: whom it declares dead, and whom not."""
import shlex

from node import wait_until
from redis_server import free_port
# pylint: disable=unused-import
from test_fleet import events, fleet, redis, states
from test_fleet_observer import beat


def deaths(redis, name):
    return [e for e in events(redis)
            if e["kind"] == "node_dead" and e["node"] == name]


def is_purged(redis, name):
    return redis("HGET", f"{{main}}:node:{name}", "purged") == "1"


def test_back_between_two_readings(fleet, redis):
    """The leader sees that a node was dead, and then that it is healthy: it
    counts again, and when it dies once more that is seen."""
    node, = fleet(1)
    peer = f"127.0.0.1 {free_port()}"
    lives = ("00000000000000aa", "00000000000000aa", "00000000000000ab")
    for died, life in enumerate(lives, 1):
        redis("DEL", "{main}:node:ghost")
        wait_until(lambda i=life: beat(redis, "ghost", peer=peer, incarnation=i)
                   and states(node).get("ghost") == "healthy", 20,
                   f"life {died} to count")
        redis("HSET", "node-clients:ghost", f"c{died}", "{}")
        redis("SET", f"user-route:c{died}", "ghost")
        wait_until(lambda n=died: len(deaths(redis, "ghost")) == n, 60)
        wait_until(lambda: is_purged(redis, "ghost"), 20)
        assert redis("GET", f"user-route:c{died}") is None
    assert [e["incarnation"] for e in deaths(redis, "ghost")] == list(lives)


def test_another_node_has_its_address(fleet, redis):
    """What answers there is not the one that is looked for."""
    nodes = fleet(2)
    taken = redis("HGET", "{main}:node:n1", "peer")
    beat(redis, "ghost", peer=taken)
    wait_until(lambda: deaths(redis, "ghost"), 60)
    wait_until(lambda: is_purged(redis, "ghost"), 20)
    assert states(nodes[0])["n1"] == "healthy"


def test_redis_decides_a_verdict(fleet, redis):
    """Whatever has changed since the leader decided, it finds out there."""
    fleet(1)
    with redis.connect() as monitor:
        monitor("MONITOR")
        beat(redis, "ghost", peer=f"127.0.0.1 {free_port()}")
        words = []
        while not ("EVAL" in words and "no lease for" in words[-2]):
            # TIME [DB PEER] "word" "word" ...
            words = shlex.split(monitor.take())[3:]
    wait_until(lambda: is_purged(redis, "ghost"), 20)
    # The node leads no longer, so that nobody but the test acts here.
    words[7] = "1:0000000000000001:0000000000000001"
    redis("SET", "{main}:leader", words[7])

    def verdict(**lease):
        redis("DEL", "{main}:node:ghost")
        beat(redis, "ghost", **{"beat": words[10], **lease})
        return redis(*words)

    redis("SET", "{main}:paused", "by a test")
    assert verdict() == 0
    redis("DEL", "{main}:paused")
    assert verdict(beat=1) == verdict(incarnation="b" * 16) == 0
    redis("HSET", "{main}:node:ghost", "state", "dead")
    assert redis(*words) == 0
    assert verdict() == 1
    redis("SET", "{main}:leader", f"{words[7]}0")
    assert verdict() == -1
    assert len(deaths(redis, "ghost")) == 2
