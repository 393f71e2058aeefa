# SPDX-License-Identifier: ISC
"""The master moves, and Sentinels say where to."""
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from node import LONG, wait_until
# pylint: disable=unused-import
from redis_fleet import QUICK, is_joined, redis
from redis_server import Redis, RedisError, Wire, free_port
from wire import Client

CONF = """port {port}
bind 127.0.0.1
dir {dir}
sentinel monitor themaster 127.0.0.1 {master} 1
sentinel down-after-milliseconds themaster 300
sentinel failover-timeout themaster 2000
"""


class Sentinel:
    """A redis-server that watches a master."""

    def __init__(self, master):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-redis-"))
        self.port = free_port()
        conf = self.dir / "conf"
        conf.write_text(CONF.format(port=self.port, dir=self.dir,
                                    master=master.port))
        with open(self.dir / "log", "ab") as log:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen(
                ["redis-server", conf, "--sentinel"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.answers, 20, "the Sentinel to answer")

    def __call__(self, *words):
        with Wire(("127.0.0.1", self.port)) as wire:
            return wire("SENTINEL", *words)

    def answers(self):
        try:
            return self.master() > 0
        except (OSError, RedisError):
            return False

    def knows_replica(self):
        return len(self("replicas", "themaster")) == 1

    def master(self):
        return int(self("get-master-addr-by-name", "themaster")[1])

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture
def watched():
    """(Sentinel, master, replica)"""
    master = Redis().start()
    replica = Redis("--replicaof", "127.0.0.1", str(master.port),
                    "--repl-diskless-sync-delay", "0").start()
    made = [master, replica]
    try:
        wait_until(lambda: "master_link_status:up"
                   in replica("INFO", "replication"), 20)
        made.append(Sentinel(master))
        yield made[2], master, replica
    finally:
        for one in reversed(made):
            one.close()


def route(server, client):
    """Connections end when a server changes its role."""
    try:
        with server.connect() as wire:
            return wire("GET", f"user-route:{client}")
    except (OSError, RedisError):
        return None


def join(start, sentinel):
    # a Sentinel that is not there comes first
    return start({"node.id": "a", **QUICK, "redis.url":
                  f"sentinel://127.0.0.1:{free_port()},"
                  f"127.0.0.1:{sentinel.port}/themaster"})


# It takes a Sentinel a while to ask a master for its replicas.
@pytest.mark.parametrize("how", ["killed", "asked"] if LONG else ["killed"])
def test_follows(start, watched, how):
    """Routes are on the new master, and no client has noticed."""
    sentinel, master, replica = watched
    node = join(start, sentinel)
    with Client(node, "alice") as alice:
        wait_until(lambda: route(master, "alice") == "a")
        wait_until(sentinel.knows_replica, 20, "it to know the replica")
        if how == "killed":
            master.kill()
        else:
            wait_until(lambda: sentinel("failover", "themaster") == "OK")
        wait_until(lambda: sentinel.master() == replica.port, 30)
        wait_until(lambda: is_joined(node)
                   and f"address=127.0.0.1:{replica.port}" in node.log(), 30)
        with Client(node, "bob"):
            wait_until(lambda: route(replica, "bob") == "a", 20)
            wait_until(lambda: route(replica, "alice") == "a", 20)
        alice.echo("still here")
    if how == "asked":
        wait_until(lambda: "the master has moved" in node.log()
                   or "not a master" in node.log())
    assert node.restarts("fault") == 0


def test_unknown_master(start, redis):
    sentinel = Sentinel(redis)
    try:
        node = start({"node.id": "a", **QUICK, "redis.url":
                      f"sentinel://127.0.0.1:{sentinel.port}/another"})
        wait_until(lambda: "knows no such master" in node.log())
        assert redis("DBSIZE") == 0
    finally:
        sentinel.close()
