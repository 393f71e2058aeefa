# SPDX-License-Identifier: ISC
"""What a node that Redis does not serve makes of it, and of its peers."""
import socket

from node import PATIENCE, wait_until
from redis_server import FakeRedis
# pylint: disable=unused-import
from test_fleet import FAST, redis, shown, states


def login(redis, user):
    redis("ACL", "SETUSER", user, "on", ">secret", "~*", "&*", "+@all")


def as_user(start, redis, user, name, fleet):
    """A node that logs in as that user; not started yet."""
    node = start({**FAST, "redis.url": redis.url, "redis.user": user,
                  "redis.fleet": fleet, "node.id": name,
                  "membership.cut_off_grace": "0"}, is_started=False)
    secret = node.dir / "secret"
    secret.write_text("secret")
    node.configure({"redis.password_file": str(secret)})
    node.expects_errors = True
    return node


def verdicts(node):
    """All that it has come to, in order."""
    found = []
    for line in node.control_lines("events"):
        if "ok" in line:
            return found
        if line["event"]["kind"] == "partition_verdict":
            found.append(line["event"]["text"])
    raise AssertionError("no end")


def test_redis_greets_and_refuses(start, redis):
    """It lets links in, but no command: to everybody of one fleet, and to one
    node of another.  Nobody's link that comes up again is a Redis that is
    there."""
    for user in ("all", "one"):
        login(redis, user)
    whole = [as_user(start, redis, "all", f"n{i}", "whole") for i in range(2)]
    sees, cut = [as_user(start, redis, user, user, "part")
                 for user in ("ok", "one")]
    login(redis, "ok")
    nodes = [*whole, sees, cut]
    for node in nodes:
        node.spawn()
    for node in nodes:
        node.wait_ready()
    for node in nodes:
        wait_until(lambda n=node: len(states(n)) == 2, 20, "both of the fleet")
    for user in ("all", "one"):
        redis("ACL", "SETUSER", user, "-eval", "-evalsha")

    def is_judged():
        """the verdicts"""
        for node in whole:
            assert node.admin("/readyz").status == 200
        return (shown(cut)["partition"] == "cut_off" and
                all(shown(node)["partition"] == "outage" for node in whole))

    wait_until(is_judged, 20)
    wait_until(lambda: cut.control("status")["state"] == "draining", 20)
    assert cut.admin("/readyz").status == 503
    assert shown(sees)["partition"] == "none"
    for node in whole:
        assert verdicts(node)[-1] == "outage"
        assert "cut_off" not in verdicts(node)
        assert node.control("status")["state"] == "ready"
    for user in ("all", "one"):
        redis("ACL", "SETUSER", user, "+@all")
    for node in nodes:
        wait_until(lambda n=node: shown(n)["partition"] == "none", 20)


def test_relay_is_refused(start):
    """What the relay says while the supervisor is away is true as well."""
    refused = []

    def say(words):
        if words[0] in ("ROLE", "PING", "XREAD", "SUBSCRIBE"):
            return None
        script = words[1] if words[0] == "EVAL" else ""
        if "'taken'" in script:
            return b"*2\r\n$2\r\nok\r\n:5\r\n"
        if "ZADD" in script:
            refused.append(words)
        return b"-ERR no\r\n"

    server = FakeRedis(say)
    try:
        node = start({**FAST, "redis.url": server.url})
        port, = (item["port"] for item in node.control("status")["listeners"]
                 if item["for"] == "peers")
        node.kill_supervisor()

        def heard():
            with socket.create_connection(("127.0.0.1", port),
                                          10 * PATIENCE) as sock:
                return sock.makefile().readline().split()[3:5]

        wait_until(lambda: len(refused) > 1, 20, "the relay to stand in")
        assert heard() == ["-", "unsupervised"]
        node.start()
    finally:
        server.close()
