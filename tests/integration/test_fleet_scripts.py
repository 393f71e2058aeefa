# SPDX-License-Identifier: ISC
"""What the supervisor has Redis do, script by script, by a real Redis."""
import pytest

from fleet_scripts import SCRIPTS, run
from redis_server import Redis, RedisError, now_ms

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
    "ask": (["leader", "asks", "seen"], ["x", f"{LIFE} n1", "10000"]),
    "purged": (["leader", "node:x", "routes:x", "events"], [LIFE, "x", "7"]),
    "is_over": (["leader", "node:x"], [LIFE]),
    "pause_again": (["leader", "paused"], ["n0: moving racks"]),
    "event": (["leader", "events"], ["member", "x", "suspect", "n0"]),
    "forget": (["leader", "node:x", "nodes", "events", "routes:x"],
               ["x", LIFE, "n0"]),
}


@pytest.mark.parametrize("name", ACTS)
def test_only_the_leader_acts(redis, name):
    """By the whole token: another epoch, life or number does not do."""
    keys, args = ACTS[name]
    beat = lease(redis, state="healthy" if name == "bury" else "dead",
                 purged=int(name == "forget"))
    redis("SET", "{main}:routes:x", "r")
    redis("HSET", "{main}:seen", "x", "something")
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
    assert (everything(redis) == before) == (name == "is_over")


def lead(redis, name, keys, *args):
    redis("SET", "{main}:leader", TOKEN)
    return run(redis, name, ["leader", *keys], TOKEN, *args)


def renew(redis, name="x", state="healthy", life=LIFE, previous="", still=0,
          peer="127.0.0.1 8083"):
    """As node x does; the first word of the answer."""
    return run(redis, "renew",
               [f"node:{name}", "nodes", "summary", "events", "asks",
                f"routes:{name}"], name, life, state, 5000, 1, previous, "",
               still, "peer", peer)[0]


FORGET = ["node:x", "nodes", "events", "routes:x"]


def test_a_lease_does_not_expire(redis):
    """Whoever holds the leader back, a day is soon over."""
    assert renew(redis) == "ok"
    redis("PEXPIRE", "{main}:node:x", 86400000)
    assert renew(redis) == "ok"
    assert redis("TTL", "{main}:node:x") == -1
    # Nor does that of one which has left: it is on the list until the leader
    # has seen to its routes.
    assert renew(redis, state="left") == "ok"
    assert redis("TTL", "{main}:node:x") == -1
    assert redis("ZRANGE", "{main}:nodes", 0, -1) == ["x"]


def test_whose_id_it_is(redis):
    """A copy of a node's disk is not the node."""
    other = "00000000000000cc"
    assert renew(redis, life=other) == "ok"
    beat = redis("HGET", "{main}:node:x", "beat")
    elsewhere = {"previous": other, "peer": "127.0.0.1 9083"}
    assert renew(redis, **elsewhere) == "taken"
    assert renew(redis, **elsewhere, still=int(beat) - 1) == "taken"
    assert renew(redis, still=beat) == "taken"
    assert renew(redis, previous="00000000000000dd", still=beat) == "taken"
    assert redis("HGET", "{main}:node:x", "incarnation") == other
    # It has not beaten since we looked.
    assert renew(redis, **elsewhere, still=beat) == "ok"
    assert redis("HGET", "{main}:node:x", "incarnation") == LIFE
    # Or it had the address that is ours now, if it had any.
    assert renew(redis, life=other, previous=LIFE) == "taken"
    assert renew(redis, life=other, previous=LIFE,
                 peer="127.0.0.1 9083") == "ok"
    redis("HSET", "{main}:node:x", "peer", "")
    assert renew(redis, previous=other, peer="") == "taken"


KEYS = ["node:x", "nodes", "summary", "events", "asks", "paused", "ack",
        "leader", "epoch"]


def read(redis, since=0):
    return run(redis, "read",
               ["nodes", "paused", "ack", "events", "leader", "summary"],
               "{main}:node:", since, TOKEN)


@pytest.mark.parametrize("broken", KEYS)
def test_key_of_another_type(redis, broken):
    """It costs what would be in it, and nothing else."""
    redis("RPUSH" if broken not in ("asks", "nodes") else "SETNX",
          f"{{main}}:{broken}", "nonsense")
    assert renew(redis) == "ok"
    token = run(redis, "lead", ["leader", "epoch"], "", 5000, 1, 7, LIFE, LIFE)
    assert token == f"7:{LIFE}:{LIFE}" if broken == "epoch" else token
    assert run(redis, "publish", ["leader", "summary"], token, "held", 5) == 1
    assert redis("HGET", "{main}:summary", "held") == "5"
    _, paused, ack, _, _, (name, _, fields) = read(redis, 3600000)
    assert (name, fields[1], ack) == ("x", LIFE, "")
    # Nobody is declared dead then, and that is told.
    assert paused == ("a key of another type" if broken == "paused" else "")
    beat = redis("HGET", "{main}:node:x", "beat")
    if broken != "paused":
        bury = ["leader", "node:x", "events", "paused"]
        assert run(redis, "bury", bury, token, "x", LIFE, beat, "", "") == 1
        assert run(redis, "purged", ["leader", "node:x", "routes:x", "events"],
                   token, LIFE, "x", 7) == 1
        assert run(redis, "forget", ["leader", *FORGET], token, "x", LIFE,
                   "n0") == 1


@pytest.mark.parametrize("what", ["zadd", "zrange", "hmget", "get"])
def test_what_is_not_allowed(redis, what):
    """Only another type counts as nothing there: nothing else is undone."""
    lease(redis)
    redis("SET", "{main}:leader", TOKEN)
    redis("ACL", "SETUSER", "less", "on", "nopass", "~*", "+@all", f"-{what}")
    before = everything(redis)
    with redis.connect() as wire:
        wire("AUTH", "less", "")
        for attempt in (lambda: renew(wire, life="00000000000000cc"),
                        lambda: run(wire, "lead", ["leader", "epoch"], "",
                                    5000, 1, 1, LIFE, LIFE),
                        lambda: run(wire, "forget", ["leader", *FORGET], TOKEN,
                                    "x", LIFE, "n0"),
                        lambda: read(wire)):
            try:
                attempt()
            except RedisError as error:
                assert "WRONGTYPE" not in str(error)
    del before["{main}:nodes"], before["{main}:node:x"]
    assert redis("ZRANGE", "{main}:nodes", 0, -1) == ["x"]
    after = everything(redis)
    assert before.items() <= after.items()


def test_lease_of_a_name_is_no_hash(redis):
    """The leader sees all others, and that this one has none."""
    lease(redis, "y")
    redis("SET", "{main}:node:x", "nonsense")
    redis("ZADD", "{main}:nodes", 1, "x")
    members = {one[0]: one[2] for one in read(redis)[5:]}
    assert members["x"] == [] and LIFE in members["y"]


def test_clock_is_set_back(redis):
    """What was written before lasts no longer than it would have."""
    later = now_ms(redis) + 3600000
    for name in ("x", "y"):
        lease(redis, name, beat=later)
    redis("ZADD", "{main}:nodes", later, "lost")
    assert renew(redis, life="00000000000000cc") == "ok"
    assert run(redis, "disown", ["node:y", "nodes"], "y") == ""
    # Whoever leads corrects the others, and nobody else does.
    lease(redis, beat=later)
    lease(redis, "fresh")
    fresh = redis("HGET", "{main}:node:fresh", "beat")
    read(redis)
    assert redis("HGET", "{main}:node:x", "beat") == str(later)
    redis("SET", "{main}:leader", TOKEN)
    read(redis)
    assert redis("HGET", "{main}:node:fresh", "beat") == fresh
    assert int(redis("HGET", "{main}:node:x", "beat")) <= now_ms(redis)
    for name in ("x", "lost"):
        assert int(redis("ZSCORE", "{main}:nodes", name)) <= now_ms(redis)
    assert redis("EXISTS", "{main}:node:lost") == 0

    def claim(mine=""):
        return run(redis, "lead", ["leader", "epoch"], mine, 5000, 1, 1, LIFE,
                   LIFE)
    redis("SET", "{main}:leader", TOKEN, "PX", 10000)
    assert claim() is None
    redis("SET", "{main}:leader", TOKEN, "PX", 3600000)
    assert claim(TOKEN) == TOKEN
    assert 0 < redis("PTTL", "{main}:leader") <= 5000
    redis("SET", "{main}:leader", TOKEN, "PX", 3600000)
    assert claim() == f"1:{LIFE}:{LIFE}"


def test_purged_before_forgotten(redis):
    for state, news in (("left", []), ("dead", ["node_forgotten"])):
        lease(redis, state=state)
        redis("SET", "{main}:routes:x", "r")
        assert lead(redis, "forget", FORGET, "x", LIFE, "n0") == 0
        assert lead(redis, "is_over", ["node:x"], LIFE) == 1
        purge = ["node:x", "routes:x", "events"]
        assert lead(redis, "purged", purge, LIFE, "x", 0) == 1
        redis("DEL", "{main}:events")
        redis("SET", "{main}:routes:x", "r")
        assert lead(redis, "forget", FORGET, "x", LIFE[:-1] + "b", "n0") == 0
        assert lead(redis, "forget", FORGET, "x", LIFE, "n0") == 1
        assert [fields[1] for _, fields in
                redis("XRANGE", "{main}:events", "-", "+")] == news
        redis("DEL", "{main}:events")
        assert redis("KEYS", "*") == ["{main}:leader"]
    # Of one that renews neither is done.
    lease(redis, purged=1)
    assert lead(redis, "forget", FORGET, "x", LIFE, "n0") == 0
    assert lead(redis, "purged", purge, LIFE, "x", 0) == 0
    assert lead(redis, "is_over", ["node:x"], LIFE) == 0


def test_name_without_a_lease(redis):
    """By the leader, by an operator; by one whose lease is no hash, too."""
    for broken in (False, True):
        for name in ("forget", "disown"):
            redis("DEL", "{main}:node:x")
            redis("ZADD", "{main}:nodes", 1, "x")
            if broken:
                redis("SET", "{main}:node:x", "nonsense")
            if name == "forget":
                assert lead(redis, "forget", FORGET, "x", LIFE, "n0") == 2
            else:
                assert run(redis, "disown", ["node:x", "nodes"], "x") == ""
            assert redis("HGETALL", "{main}:node:x") == [
                "incarnation", "0" * 16, "state", "dead", "dead_at", "0"]
            assert redis("ZSCORE", "{main}:nodes", "x")
            assert lead(redis, "is_over", ["node:x"], "0" * 16) == 1
    # The node itself is not told that it is dead, but routes that have been
    # deleted since make it compare all.
    assert renew(redis) == "ok"
    assert lead(redis, "is_over", ["node:x"], "0" * 16) == 0
    assert lead(redis, "forget", FORGET, "y", LIFE, "n0") == 0
    assert run(redis, "disown", ["node:y", "nodes"], "y")


def test_an_inbox_that_is_in_use(redis):
    redis("XADD", "inbox:x", "5000-1", "m", "old")
    key = ["EVAL", SCRIPTS["uninbox"], 1, "inbox:x"]
    assert redis(*key, 5000) == 0
    assert redis("XLEN", "inbox:x") == 1
    assert redis(*key, 5001) == 1
    assert redis("EXISTS", "inbox:x") == 0
    redis("SET", "inbox:x", "nonsense")
    assert redis(*key, 5001) == 0


def test_permit_of_another_time(redis):
    """One that ends later than any lease was given before the clock was set
    back: nobody renews it."""
    redis("HSET", "{main}:summary", "held", 100)

    def ask(name):
        granted, _, reserved, others = run(
            redis, "permit", ["drains", "summary"], name, f"{LIFE}:1", 10,
            5000, "0.02", 0, "")
        return granted, reserved, others

    redis("HSET", "{main}:drains", "x", f"x:1 5 {now_ms(redis) + 3600000}")
    assert ask("y") == (1, 0, 0)
    assert redis("HKEYS", "{main}:drains") == ["y"]
    assert ask("z") == (0, 10, 1)
    # Nor does a summary that is none keep anybody from asking.
    redis("SET", "{main}:summary", "nonsense")
    assert ask("y") == (1, 0, 0)
