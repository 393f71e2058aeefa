# SPDX-License-Identifier: ISC
"""What the supervisor has Redis do, script by script, by a real Redis."""
import pytest

from fleet_scripts import run
from redis_server import Redis

LIFE = "00000000000000aa"
TOKEN = "1:00000000000000aa:00000000000000bb"


@pytest.fixture(scope="module")
def server():
    one = Redis().start()
    yield one
    one.close()


@pytest.fixture
def redis(server):  # pylint: disable=redefined-outer-name
    server("FLUSHALL")
    return server


def now_ms(redis):
    seconds, micros = map(int, redis("TIME"))
    return seconds * 1000 + micros // 1000


def lease(redis, name="x", **fields):
    """A lease as its node wrote it."""
    now = now_ms(redis)
    fields = {"incarnation": LIFE, "state": "healthy", "lease": 5000,
              "beat": now, **fields}
    redis("DEL", f"{{main}}:node:{name}")
    redis("HSET", f"{{main}}:node:{name}",
          *[word for item in fields.items() for word in item])
    redis("ZADD", "{main}:nodes", fields["beat"], name)
    return fields["beat"]


def shown(redis, key):
    kind = redis("TYPE", key)
    return {"string": lambda: redis("GET", key),
            "hash": lambda: sorted(redis("HGETALL", key)),
            "zset": lambda: redis("ZRANGE", key, 0, -1, "WITHSCORES"),
            "stream": lambda: redis("XRANGE", key, "-", "+")}[kind]()


def everything(redis):
    return {key: shown(redis, key) for key in redis("KEYS", "*")}


# What acts for the fleet: keys, then what follows the token.
ACTS = {
    "publish": (["leader", "summary"], ["held", "5"]),
    "bury": (["leader", "node:x", "events", "paused"],
             ["x", LIFE, "BEAT", "seen", "n0"]),
    "ask": (["leader", "asks"], ["x", f"{LIFE} n1", "10000"]),
    "purged": (["leader", "node:x", "routes:x", "events"], [LIFE, "x", "7"]),
    "is_dead": (["leader", "node:x"], [LIFE]),
    "forget": (["leader", "node:x", "nodes", "events"], ["x", LIFE]),
}


@pytest.mark.parametrize("name", ACTS)
def test_only_the_leader_acts(redis, name):
    """By the whole token: another epoch, life or number does not do."""
    keys, args = ACTS[name]
    beat = lease(redis, state="healthy" if name == "bury" else "dead")
    redis("SET", "{main}:routes:x", "r")
    args = [beat if word == "BEAT" else word for word in args]
    for holder in (None, "2" + TOKEN[1:], TOKEN[:-1], TOKEN + "0",
                   TOKEN.upper()):
        if holder is not None:
            redis("SET", "{main}:leader", holder)
        before = everything(redis)
        assert run(redis, name, keys, TOKEN, *args) == (
            -1 if name == "bury" else 0), holder
        assert everything(redis) == before
    redis("SET", "{main}:leader", TOKEN)
    before = everything(redis)
    assert run(redis, name, keys, TOKEN, *args) == 1
    assert (everything(redis) == before) == (name == "is_dead")
