# SPDX-License-Identifier: ISC
"""A leader that cannot reach a node which others can: its routes stay."""
from node import wait_until
from redis_server import free_port
from test_fleet import events, fleet, long, redis, states

LIFE = "00000000000000aa"


def now_ms(redis):
    seconds, micros = map(int, redis("TIME"))
    return seconds * 1000 + micros // 1000


def beat(redis, name, **fields):
    """What a node writes each second."""
    now = now_ms(redis)
    more = [word for item in fields.items() for word in item]
    redis("HSET", f"{{main}}:node:{name}", "incarnation", LIFE, "state",
          "healthy", "lease", 3000, "beat", now, "capacity", 10, *more)
    redis("ZADD", "{main}:nodes", now, name)
    return True


def test_somebody_else_sees_it(fleet, redis):
    node, = fleet(1)
    beat(redis, "ghost", peer=f"127.0.0.1 {free_port()}")

    def soon(fact):
        # The observer lives all the time.
        return wait_until(lambda: beat(redis, "obs") and fact(), 60)

    def kinds():
        return [e["kind"] for e in events(redis)]

    assert soon(lambda: redis("HGET", "{main}:asks", "ghost")) == (
        f"{LIFE} obs")
    redis("HSET", "{main}:seen", "ghost", f"{LIFE} answered obs")
    soon(lambda: "observer_disagrees" in kinds())
    soon(lambda: states(node)["ghost"] == "suspect")
    assert "node_dead" not in kinds()
    redis("HSET", "{main}:seen", "ghost", f"{LIFE} refused obs")
    soon(lambda: states(node)["ghost"] == "dead")
    dead, = [e for e in events(redis) if e["kind"] == "node_dead"]
    assert dead["node"] == "ghost" and "and by obs" in dead["observed"]


@long
def test_observer_answers(fleet, redis):
    """The other half: a node that is asked looks, and says what it saw."""
    nodes = fleet(2)
    beat(redis, "ghost", peer=f"127.0.0.1 {free_port()}")
    seen = wait_until(lambda: redis("HGET", "{main}:seen", "ghost"), 60)
    life, result, by = seen.split()
    assert (life, result) == (LIFE, "refused") and by in ("n0", "n1")
    wait_until(lambda: states(nodes[0]).get("ghost") == "dead", 60)
