# SPDX-License-Identifier: ISC
"""The master moves, and Sentinels say where to."""
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

from node import LONG, wait_until
# pylint: disable=unused-import
from redis_fleet import QUICK, is_joined, redis
from redis_server import Redis, RedisError, Wire, free_port
from test_redis_tls import certificate, has_tls
from wire import Client

CONF = """port {port}
bind 127.0.0.1
dir {dir}
sentinel monitor themaster 127.0.0.1 {master} 1
sentinel down-after-milliseconds themaster 300
sentinel failover-timeout themaster 2000
"""
# The rights that holdfast.conf(5) asks for.
ACL = ("user asker on >askers-secret +auth +sentinel|get-master-addr-by-name"
       " +subscribe &+switch-master\n")


LINKS = 4  # for commands, the channel, the stream and the supervisor


class Sentinel:
    """A redis-server that watches a master; more: lines of its configuration;
    password: of its default user."""

    def __init__(self, port, more="", password=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-redis-"))
        self.port = free_port()
        self.password = password
        if password is not None:
            more += f"requirepass {password}\n"
        conf = self.dir / "conf"
        conf.write_text(CONF.format(port=self.port, dir=self.dir,
                                    master=port) + more)
        with open(self.dir / "log", "ab") as log:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen(
                ["redis-server", conf, "--sentinel"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.answers, 20, "the Sentinel to answer")

    def __call__(self, *words):
        with self.connect() as wire:
            return wire("SENTINEL", *words)

    def connect(self):
        wire = Wire(("127.0.0.1", self.port))
        if self.password is not None:
            wire("AUTH", self.password)
        return wire

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
    master = Redis("--repl-diskless-sync-delay", "0").start()
    replica = Redis("--replicaof", "127.0.0.1", str(master.port)).start()
    made = [master, replica]
    try:
        wait_until(lambda: "master_link_status:up"
                   in replica("INFO", "replication"), 20)
        made.append(Sentinel(master.port))
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


@pytest.fixture
def sentinels():
    """sentinels(...) -> a Sentinel, closed at the end"""
    made = []

    def begin(*args, **how):
        made.append(Sentinel(*args, **how))
        return made[-1]
    yield begin
    for one in made:
        one.close()


def ask(start, scheme, ports, more=None):
    """A node that asks Sentinels with its secret; it has not been started."""
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    node = start({"node.id": "a", **QUICK, **(more or {}),
                  "redis.url": f"{scheme}://{hosts}/themaster"},
                 is_started=False)
    node.secret = node.dir / "secret"
    node.configure({"redis.sentinel_password_file": str(node.secret)})
    return node


def listeners(sentinel):
    with sentinel.connect() as wire:
        return sum(" sub=1 " in line for line in
                   wire("CLIENT", "LIST").splitlines())


@pytest.mark.parametrize("signo", [signal.SIGKILL, signal.SIGSTOP])
def test_sentinel_goes_away(start, redis, sentinels, signo):
    """The next one is listened to, and nothing else changes."""
    first, second = sentinels(redis.port), sentinels(redis.port)
    node = start({"node.id": "a", **QUICK, "redis.url":
                  f"sentinel://127.0.0.1:{first.port},"
                  f"127.0.0.1:{second.port}/themaster"})
    wait_until(lambda: is_joined(node) and listeners(first) == LINKS)
    first.process.send_signal(signo)
    wait_until(lambda: listeners(second) == LINKS, 20)
    assert is_joined(node)
    assert "event=redis_down" not in node.log()


def test_next_sentinel_knows_better(start, redis, sentinels):
    """The master has moved, and the one that was listened to has not said."""
    other = Redis().start()
    first, second = sentinels(redis.port), sentinels(other.port)
    try:
        node = start({"node.id": "a", **QUICK, "redis.url":
                      f"sentinel://127.0.0.1:{first.port},"
                      f"127.0.0.1:{second.port}/themaster"})
        with Client(node, "alice") as alice:
            wait_until(lambda: route(redis, "alice") == "a"
                       and listeners(first) == LINKS)
            first.process.kill()
            wait_until(lambda: route(other, "alice") == "a", 20)
            alice.echo("still here")
        assert "the master has moved" in node.log()
    finally:
        other.close()


def test_unknown_master(start, redis, sentinels):
    sentinel = sentinels(redis.port)
    node = start({"node.id": "a", **QUICK, "redis.url":
                  f"sentinel://127.0.0.1:{sentinel.port}/another"})
    wait_until(lambda: f"Sentinel 127.0.0.1:{sentinel.port}: it knows no such"
               " master" in node.log())
    assert redis("DBSIZE") == 0


def test_password(start, redis, sentinels):
    """The first one has another password, so the second one is asked."""
    other = sentinels(redis.port, password="another-secret")
    sentinel = sentinels(redis.port, password="the-secret")
    node = ask(start, "sentinel", [other.port, sentinel.port])
    node.secret.write_text("the-secret\n")
    node.start()
    wait_until(lambda: is_joined(node))
    with Client(node, "alice") as alice:
        wait_until(lambda: route(redis, "alice") == "a")
        alice.echo("routed")
    assert (f"Sentinel 127.0.0.1:{other.port}: AUTH: WRONGPASS"
            in node.log())
    assert "-secret" not in node.log()
    assert "-secret" not in str(node.control("config-show"))


@pytest.mark.parametrize("wrong,why", [
    ("not-it\n", "AUTH: WRONGPASS"), (None, "secret: No such file"),
    ("\n", "AUTH: WRONGPASS")])
def test_wrong_password(start, redis, sentinels, wrong, why):
    """Clients are served, and the file is read anew with each attempt."""
    sentinel = sentinels(redis.port, password="the-secret")
    node = ask(start, "sentinel", [sentinel.port])
    if wrong is not None:
        node.secret.write_text(wrong)
    node.start()
    with Client(node, "alice") as alice:
        wait_until(lambda: why in node.log())
        failed = node.metric("redis_failures_total")
        wait_until(lambda: node.metric("redis_failures_total") > failed + 10)
        alice.echo("served")
        assert redis("DBSIZE") == 0
        node.secret.write_text("the-secret\n")
        wait_until(lambda: route(redis, "alice") == "a")
    assert "the-secret" not in node.log()


def test_no_password(start, redis, sentinels):
    sentinel = sentinels(redis.port, password="the-secret")
    node = join(start, sentinel)
    wait_until(lambda: f"Sentinel 127.0.0.1:{sentinel.port}: SENTINEL: NOAUTH"
               in node.log())
    assert redis("DBSIZE") == 0


def test_user(start, redis, sentinels):
    """The rights of the manual are enough, also to hear of a move."""
    sentinel = sentinels(redis.port, ACL, password="the-secret")
    node = ask(start, "sentinel", [sentinel.port],
               {"redis.sentinel_user": "asker"})
    node.secret.write_text("askers-secret\n")
    node.start()
    wait_until(lambda: is_joined(node))
    with sentinel.connect() as wire:
        wait_until(lambda: [line for line in
                            wire("CLIENT", "LIST").splitlines()
                            if "user=asker" in line and " sub=1 " in line])
    assert "-secret" not in node.log()


def tls_options(folder, name, subject):
    cert, key = certificate(folder, name, subject)
    return cert.read_text(), {
        "tls-port": str(free_port()), "tls-cert-file": str(cert),
        "tls-key-file": str(key), "tls-ca-cert-file": str(folder / "all.pem"),
        "tls-auth-clients": "no"}


@pytest.mark.skipif(not has_tls(), reason="hiredis came without TLS")
@pytest.mark.parametrize("subject,is_good", [("IP:127.0.0.1", True),
                                             ("IP:127.0.0.2", False)])
def test_tls(start, sentinels, tmp_path, subject, is_good):
    """Also with the master; the Sentinel's certificate may be another's."""
    first, master_has = tls_options(tmp_path, "master", "IP:127.0.0.1")
    second, sentinel_has = tls_options(tmp_path, "sentinel", subject)
    authorities = tmp_path / "all.pem"
    authorities.write_text(first + second)
    master = Redis(*[word for name, value in master_has.items()
                     for word in (f"--{name}", value)]).start()
    try:
        sentinels(master_has["tls-port"], "tls-replication yes\n" + "".join(
            f"{name} {value}\n" for name, value in sentinel_has.items()),
                  password="the-secret")
        node = ask(start, "sentinels", [sentinel_has["tls-port"]],
                   {"redis.tls_ca": str(authorities)})
        node.secret.write_text("the-secret\n")
        node.start()
        with Client(node, "alice"):
            if is_good:
                wait_until(lambda: route(master, "alice") == "a")
            else:
                wait_until(lambda: f"Sentinel 127.0.0.1:"
                           f"{sentinel_has['tls-port']}: IP address mismatch"
                           in node.log())
                assert master("DBSIZE") == 0
    finally:
        master.close()
