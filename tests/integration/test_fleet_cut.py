# SPDX-License-Identifier: ISC
"""What a node that Redis does not serve makes of it, and of its peers."""
import socket
import threading
import time

from node import PATIENCE, wait_until
from redis_server import FakeRedis, now_ms
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


class Peer:
    """The peer port of a node that is not there: says how long ago Redis has
    answered it, or keeps who asks waiting when that is None."""

    def __init__(self, name, fleet, age=100000):
        self.name = name
        self.fleet = fleet
        self.age = age
        self.held = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                asker, _ = self.socket.accept()
            except OSError:
                return
            if self.age is None:
                self.held.append(asker)
                continue
            with asker:
                asker.sendall(f"holdfast-peer 1 {7:016x} {self.age} ready "
                              f"{self.name} {self.fleet}\n".encode())

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for asker in self.held:
            asker.close()


class Alone:
    """A node whose fleet is else only what its two peers say."""

    def __init__(self, start, redis, fleet, says_fleet=None, **settings):
        self.peers = [Peer(name, says_fleet or fleet) for name in ("p", "q")]
        key = f"{{{fleet}}}:node"
        for peer in self.peers:
            now = now_ms(redis)
            redis("HSET", f"{key}:{peer.name}", "incarnation", f"{7:016x}",
                  "state", "healthy", "lease", 60000, "beat", now, "peer",
                  f"127.0.0.1 {peer.port}")
            redis("ZADD", f"{key}s", now, peer.name)
        self.node = start({**FAST, "redis.url": redis.url, "node.id": "n",
                           "redis.fleet": fleet, **settings},
                          is_started=False)
        self.node.spawn()

    def say(self, age):
        for peer in self.peers:
            peer.age = age

    def verdict(self):
        try:
            return shown(self.node)["partition"]
        except OSError:
            return None

    def wait(self, verdict, seconds=30):
        wait_until(lambda: self.verdict() == verdict, seconds,
                   f"{self.node.settings['redis.fleet']} to be {verdict}")

    def close(self):
        for peer in self.peers:
            peer.close()


def test_what_peers_say(start, redis):
    strange = Alone(start, redis, "strange", says_fleet="another")
    silent = Alone(start, redis, "silent")
    cut = Alone(start, redis, "cut")
    # By itself it would not find out that Redis is back.
    slow = Alone(start, redis, "slow", **{"redis.backoff": "60s",
                                          "redis.backoff_max": "60s"})
    # Its supervisor has never heard of Redis: it knows its peers by the file.
    fresh = Alone(start, redis, "fresh")
    everybody = [strange, silent, cut, slow, fresh]
    for one in everybody:
        one.node.wait_ready()
        wait_until(lambda n=one.node: len(states(n)) == 3, 20, "its list")
    fresh.node.kill_supervisor()
    redis.kill()
    begun = time.monotonic()
    fresh.node.spawn()
    fresh.say(0)
    strange.say(0)
    silent.say(None)
    cut.wait("outage")
    # Redis would be back, for others.
    cut.say(0)
    silent.wait("alone")
    assert time.monotonic() - begun < 10 * PATIENCE
    cut.wait("cut_off")
    fresh.wait("cut_off")
    for one in (silent, cut, fresh):
        assert not one.node.control("status")["ready"]
    # Nobody of that fleet has said so.
    strange.wait("outage")
    slow.wait("outage")
    redis.start()
    slow.say(0)
    slow.wait("none", 5)
    for one in everybody:
        one.wait("none")
        wait_until(lambda n=one.node: n.control("status")["ready"], 20)
    assert "outage" in verdicts(cut.node)
    for one in (strange, slow):
        assert "cut_off" not in verdicts(one.node)
    for one in everybody:
        one.close()
