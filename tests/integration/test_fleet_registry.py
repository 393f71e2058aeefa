# SPDX-License-Identifier: ISC
"""What any node of a fleet tells of a client that another one has."""
import json
import os
import re
import signal
import time

from load import Load
from node import PATIENCE, ROOT, wait_until
# pylint: disable=unused-import
from redis_fleet import fleet, is_joined, redis, relay_pid, route
from wire import Client


def test_latency_is_of_now(fleet, redis):
    """Asked on either node; of a node that says nothing, what Redis has."""
    a = fleet("a", {"websocket.ping_interval": "1s", "worker.stall": "120s"})
    b = fleet("b")

    with Load(a, "hold", "-c", 1, "-t", 0):
        client, said = wait_until(lambda: redis("HGETALL", "node-clients:a"))
        path, registered = f"/registry/{client}", json.loads(said)
        wait_until(lambda: route(redis, client) == "a")

        def latency(node):
            return node.api("GET", path).json()["ping_latency_ms"]

        wait_until(lambda: latency(a) is not None)
        wait_until(lambda: latency(b) == latency(a))
        assert {**b.api("GET", path).json(),
                "ping_latency_ms": None} == registered
        os.kill(relay_pid(a), signal.SIGSTOP)
        begun = time.monotonic()
        assert b.api("GET", path).json() == registered
        assert time.monotonic() - begun < 3 * PATIENCE
        os.kill(relay_pid(a), signal.SIGCONT)


def rights():
    """What holdfast.conf(5) says that redis.user needs."""
    text = (ROOT / "man/holdfast.conf.5").read_text()
    found = re.search(r"needs these rights.*?\.Bd.*?\n(.*?)\.Ed", text, re.S)
    return found[1].split()


def test_rights_are_enough(fleet, redis, tmp_path):
    """Redis refuses nothing to a user with just those."""
    redis("ACL", "SETUSER", "holdfast", "on", ">secret", *rights())
    password = tmp_path / "password"
    password.write_text("secret\n")
    password.chmod(0o644)
    tmp_path.chmod(0o755)
    user = {"redis.user": "holdfast", "redis.password_file": str(password),
            "upstream.mode": "stream"}
    a, b = fleet("a", user), fleet("b", user)
    with Client(a, "alice") as old:
        wait_until(lambda: route(redis, "alice") == "a")
        with Client(b, "alice") as new:
            wait_until(lambda: route(redis, "alice") == "b")
            assert old.take_close()[0] == 4001
            body, answer = a.dispatch("alice")
            assert answer.json()["status"] == "delivered"
            assert new.take_message() == body
            new.send_text("up")
            wait_until(lambda: b.metric("ingress_added_total") == 1)
            assert a.api("GET", "/registry/alice").status == 200
            assert a.ctl("where", "alice").returncode == 0
            wait_until(lambda: a.api("GET", "/fleet/nodes").status == 200)
            redis("DEL", "{main}:routes:b")
            before = b.metric("route_resyncs_total")
            wait_until(lambda: b.metric("route_resyncs_total") > before)
            wait_until(lambda: is_joined(b))
    assert a.ctl("pause").returncode == a.ctl("resume").returncode == 0
    assert b.stop(signal.SIGTERM, 20) == 0
    wait_until(lambda: redis("HGET", "{main}:node:b", "state") == "left")
    assert [entry[entry.index("object") + 1]
            for entry in redis("ACL", "LOG")] == []
