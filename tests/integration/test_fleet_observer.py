# SPDX-License-Identifier: ISC
"""A leader that cannot reach a node which others can: its routes stay."""
from node import wait_until
from redis_server import free_port, now_ms
from test_fleet import events, fleet, long, redis, states

LIFE = "00000000000000aa"


def beat(redis, name, **fields):
    """What a node writes each second."""
    now = now_ms(redis)
    more = [word for item in fields.items() for word in item]
    redis("HSET", f"{{main}}:node:{name}", "incarnation", LIFE, "state",
          "healthy", "lease", 3000, "beat", now, "capacity", 10, *more)
    redis("ZADD", "{main}:nodes", now, name)
    return True


def test_somebody_else_sees_it(fleet, redis):
    """Two others live all the time.  Of their ids one has a blank in it."""
    node, = fleet(1)
    beat(redis, "ghost", peer=f"127.0.0.1 {free_port()}")
    asked = []
    say = None

    def soon(fact):
        def look():
            for name in ("o b", "obs"):
                beat(redis, name)
            ask = redis("HGET", "{main}:asks", "ghost")
            if ask is None:
                return fact()
            life, _, who = ask.partition(" ")
            assert life == LIFE and who in ("o b", "obs")
            if asked[-1:] != [who]:
                # Nothing of what was seen before is left.
                assert redis("HGET", "{main}:seen", "ghost") is None
                asked.append(who)
            if say is not None:
                redis("HSET", "{main}:seen", "ghost", f"{LIFE} {say} {who}")
            return fact()
        return wait_until(look, 60)

    def kinds():
        return [e["kind"] for e in events(redis)]

    # One that says nothing is replaced, and so is one who says that it lives.
    soon(lambda: len(asked) == 2)
    assert asked[0] != asked[1]
    say = "answered"
    soon(lambda: "observer_disagrees" in kinds())
    soon(lambda: states(node)["ghost"] == "suspect")
    soon(lambda: len(asked) == 3)
    assert "node_dead" not in kinds()
    # One that cannot look is replaced at once.
    say = "error"
    soon(lambda: len(asked) == 4)
    say = "refused"
    soon(lambda: states(node)["ghost"] == "dead")
    dead, = [e for e in events(redis) if e["kind"] == "node_dead"]
    assert dead["node"] == "ghost"
    assert f" and by {asked[-1]}" in dead["observed"]


@long
def test_observer_answers(fleet, redis):
    """The other half: a node that is asked looks, and says what it saw."""
    nodes = fleet(2)
    beat(redis, "ghost", peer=f"127.0.0.1 {free_port()}")
    seen = wait_until(lambda: redis("HGET", "{main}:seen", "ghost"), 60)
    life, result, by = seen.split()
    assert (life, result) == (LIFE, "refused") and by in ("n0", "n1")
    wait_until(lambda: states(nodes[0]).get("ghost") == "dead", 60)
