# SPDX-License-Identifier: ISC
"""The relay hears itself through Redis, or the node is not ready."""
import json
import os
import re
import signal

import pytest

from node import PATIENCE, wait_until
# pylint: disable=unused-import
from redis_fleet import QUICK, fleet, is_joined, redis, relay_pid
from redis_server import Redis
from wire import Client

DEAF_MS = 300 * PATIENCE
CANARY = {"redis.canary_interval": "20ms", "redis.deaf_after": f"{DEAF_MS}ms"}
PATHS = ("channel", "inbox")


def hearing(node):
    """{path: what the canary says}"""
    status = node.control("status")["redis"]
    return {path: status[path]["hearing"] for path in PATHS}


def hears(node):
    return set(hearing(node).values()) <= {"hears", "tried"}


def heard(node, path):
    return node.metric(f"redis_{path}_lag_seconds_count")


def wait_heard(node, more=2):
    """So many canaries came by each path from now on."""
    before = {path: heard(node, path) for path in PATHS}
    wait_until(lambda: all(heard(node, path) >= before[path] + more
                           for path in PATHS), 20, "canaries")


def wait_deaf(node, path):
    wait_until(lambda: hearing(node)[path] == "deaf", 20, f"{path} to be deaf")
    assert node.metric("redis_deaf", path=path) == 1
    wait_until(lambda: node.admin("/readyz").status == 503, 10, "503")
    assert f"deaf: nothing comes by the node's {path}" in (
        node.admin("/readyz").text)
    assert node.control("status")["redis"]["deaf"]
    assert not node.control("status")["ready"]


def wait_ready(node):
    wait_until(lambda: node.admin("/readyz").status == 200, 20, "200")
    wait_heard(node)
    assert node.metric("redis_deaf") == 0


def told(node):
    """[(kind, path)] of the events of deafness"""
    return re.findall(r"\b(redis_deaf|redis_heard)\b.*\b(channel|inbox)\b",
                      node.ctl("events").stdout)


def test_is_nobodys_message(fleet, redis):
    """No client gets it, nothing counts it, and nothing of it stays."""
    with redis.connect() as other:
        other("SUBSCRIBE", "channel:a")
        node = fleet(more=CANARY)
        with Client(node, "alice") as alice:
            wait_heard(node, 5)
            alice.echo("the only message")
        kind, channel, text = other.take()
        assert (kind, channel) == ("message", "channel:a")
        assert json.loads(text)["holdfast"] == "canary"
    assert node.metric("messages_total", direction="out") == 1
    for name in ("pushes", "pushes_bad", "inbox_entries", "inbox_bad",
                 "inbox_lost", "inbox_resets", "redis_errors",
                 "redis_deaf_renewals"):
        assert node.metric(f"{name}_total") == 0, name
    wait_until(lambda: redis("XLEN", "inbox:a") <= 1)
    assert node.control("status")["redis"]["inbox"]["lag_us"] > 0


def test_only_when_quiet(fleet, redis):
    """What others publish is as good."""
    node = fleet(more={**CANARY, "redis.canary_interval": "60s",
                       "redis.deaf_after": "1m"})
    assert heard(node, "channel") == heard(node, "inbox") == 0
    node.configure({"redis.canary_interval": "20ms"})
    node.ctl("reload")
    # the tick that was set before the reload is as long as the old values
    os.kill(relay_pid(node), signal.SIGKILL)
    wait_heard(node)


@pytest.mark.parametrize("path, taken, given", [
    ("channel", ["resetchannels"], ["allchannels"]),
    ("inbox", ["-xread"], ["+xread"])])
def test_rights_are_taken(start, redis, path, taken, given):
    """Redis answers all else: this node is deaf, and says so."""
    redis("ACL", "SETUSER", "relay", "on", ">secret", "~*", "&*", "+@all")
    node = start({"node.id": "a", "redis.url": redis.url, **QUICK, **CANARY,
                  "redis.user": "relay"}, is_started=False)
    (node.dir / "password").write_text("secret")
    node.configure({"redis.password_file": str(node.dir / "password")})
    node.start()
    wait_until(lambda: is_joined(node))
    wait_heard(node)
    redis("ACL", "SETUSER", "relay", *taken)
    wait_deaf(node, path)
    assert node.metric("redis_deaf_renewals_total") > 0
    # Its clients are served all the same, and a new relay is as deaf.
    with Client(node, "alice") as alice:
        alice.echo("here")
        os.kill(relay_pid(node), signal.SIGKILL)
        wait_until(lambda: node.restarts("killed") == 1)
        assert node.admin("/readyz").status == 503
        redis("ACL", "SETUSER", "relay", *given)
        wait_ready(node)
        alice.echo("still here")
    assert told(node) == [("redis_deaf", path), ("redis_heard", path)]


def test_connections_are_killed(fleet, redis):
    """Links that come back are no deafness."""
    node = fleet(more={**CANARY, "redis.deaf_after": "1m"})
    for _ in range(5):
        ups = node.metric("redis_connects_total")
        redis("CLIENT", "KILL", "TYPE", "pubsub")
        redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        wait_until(lambda n=ups: node.metric("redis_connects_total") >= n + 3)
        wait_heard(node)
        assert node.admin("/readyz").status == 200
    assert node.metric("redis_deaf_renewals_total") == 0
    assert not told(node)


def test_outage_is_not_deafness(fleet, redis):
    """Nobody has Redis: the relay hears nothing, and the node is ready."""
    node = fleet(more=CANARY)
    wait_heard(node)
    redis.pause()

    def is_outage():
        """the verdict, and deafness"""
        assert node.admin("/readyz").status == 200
        return (node.control("status")["fleet"]["partition"] == "outage"
                and node.metric("redis_deaf") == 2)

    def is_over():
        """Redis to be heard again"""
        assert node.admin("/readyz").status == 200
        return hears(node)

    wait_until(is_outage, 30)
    redis.go_on()
    wait_until(is_over, 30)
    wait_ready(node)


def test_no_verdict_yet(fleet, redis):
    """Redis is silent for a moment that is too short to say why."""
    node = fleet(more=CANARY)
    wait_heard(node)
    before = node.metric("redis_deaf_renewals_total")
    redis("CLIENT", "PAUSE", 3 * DEAF_MS, "ALL")

    def is_over():
        """links that were made anew to hear"""
        assert node.admin("/readyz").status == 200
        return (node.metric("redis_deaf_renewals_total") > before
                and hears(node))

    wait_until(is_over, 30)
    wait_ready(node)


def test_master_is_demoted(start, redis):
    """The subscription stays at what was the master, and is heard of no more
    until it is made anew."""
    other = Redis("--replicaof", "127.0.0.1", str(redis.port)).start()
    try:
        wait_until(lambda: "master_link_status:up"
                   in other("INFO", "replication"), 20)
        node = start({"node.id": "a", **QUICK, **CANARY, "redis.url":
                      f"{redis.url},127.0.0.1:{other.port}"})
        wait_until(lambda: is_joined(node))
        wait_heard(node)
        other("REPLICAOF", "NO", "ONE")
        # of a port where nobody is
        redis("REPLICAOF", "127.0.0.1", 1)
        wait_until(lambda: "canary_lost" in node.log()
                   and "path=channel" in node.log(), 20)
        wait_until(lambda: "redis_up link=pushes address=127.0.0.1:"
                   f"{other.port}" in node.log(), 20)
        wait_ready(node)
        with Client(node, "alice") as alice:
            body = json.dumps({"target_client_id": "alice", "message_id": "m",
                               "event_type": "test", "payload": {}})
            assert other("PUBLISH", "channel:a", body) == 1
            assert alice.take_message() == body.encode()
    finally:
        other.close()


def test_back_pressure(fleet, redis):
    """The relay has stopped reading since a ring is full: it hears."""
    node = fleet(more={**CANARY, "worker.stall": "10m"})
    with Client(node, "alice") as alice:
        wait_heard(node)
        gateway = node.tenant()
        os.kill(gateway, signal.SIGSTOP)
        try:
            body = json.dumps({"target_client_id": "alice", "message_id": "m",
                               "event_type": "test",
                               "payload": "x" * 100000})
            for _ in range(60):
                redis("XADD", "inbox:a", "*", "m", body)
            # each pause is 5 ms
            wait_until(lambda: node.metric("inbox_pauses_total") * 5
                       > 4 * DEAF_MS, 60, "it to pause for long")
            assert hearing(node)["inbox"] in ("hears", "tried")
            assert node.admin("/readyz").status == 200
            assert not told(node)
        finally:
            os.kill(gateway, signal.SIGCONT)
        for _ in range(60):
            assert alice.take_message() == body.encode()
    wait_ready(node)
