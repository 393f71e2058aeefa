# SPDX-License-Identifier: ISC
"""The relay's links to Redis: how they come up, and what ends them."""
import contextlib
import os
import signal
import socket
import time

import pytest

from name_server import NameServer, can_mount, prefix
from node import PATIENCE, wait_until
from redis_server import FakeRedis, Redis, free_port
from wire import Client

# Short, so that tests are; the defaults are told in holdfast.conf(5).
LINKS = 3  # for commands, the channel and the stream
QUICK = {"redis.connect_timeout": "500ms", "redis.command_timeout": "300ms",
         "redis.ping_interval": "100ms", "redis.backoff": "10ms",
         "redis.backoff_max": "100ms"}


@pytest.fixture
def redis():
    server = Redis().start()
    yield server
    server.close()


@pytest.fixture
def servers():
    """servers(x) -> x, closed at the end."""
    made = []

    def keep(server):
        made.append(server)
        return server

    yield keep
    for server in made:
        server.close()


def is_up(node):
    return node.control("status")["redis"]["connected"]


def ups(node):
    return node.metric("redis_connects_total")


def failures(node):
    return node.metric("redis_failures_total")


def relay_pid(node):
    """Of the relay's tenant; 0 would be all of us."""
    return wait_until(lambda: node.tenants("relay")[0])


def serves(node):
    """What Redis does is nothing to clients of this node."""
    with Client(node, "local") as client:
        body, answer = node.dispatch("local")
        assert answer.json()["status"] == "delivered"
        assert client.take_message() == body


def test_standalone_has_none(node):
    assert node.control("status")["redis"] is None
    serves(node)


def test_up(start, redis):
    node = start({"redis.url": redis.url + "/3", **QUICK})
    wait_until(lambda: is_up(node))
    serves(node)
    assert "db=3" in redis("CLIENT", "LIST")


def test_unix_socket(start, redis):
    node = start({"redis.url": f"unix://{redis.path}?db=2", **QUICK})
    wait_until(lambda: is_up(node))
    assert "db=2" in redis("CLIENT", "LIST")


def test_host_name(start, redis):
    node = start({"redis.url": f"redis://localhost:{redis.port}", **QUICK})
    wait_until(lambda: is_up(node))


def test_unknown_host_name(start):
    node = start({"redis.url": "redis://no-such-host.invalid", **QUICK})
    wait_until(lambda: failures(node) >= 2)
    serves(node)
    assert not is_up(node)


@pytest.mark.skipif(not can_mount(), reason="needs a mount namespace")
def test_next_name_server(start, servers, redis, tmp_path):
    """The first one is dead: the second is asked before the time is over."""
    dead, alive = servers(NameServer(is_silent=True)), servers(NameServer())
    node = start({"redis.url": f"redis://a-name.test:{redis.port}", **QUICK,
                  "redis.connect_timeout": "1s"},
                 prefix=prefix(tmp_path, dead, alive))
    wait_until(lambda: is_up(node))
    assert dead.questions > 0 and alive.questions > 0


@pytest.mark.skipif(not can_mount(), reason="needs a mount namespace")
def test_lookup_waits_for_nobody(start, servers, tmp_path):
    """Neither clients nor the API do while no name server answers."""
    dead = servers(NameServer(is_silent=True))
    node = start({"redis.url": "redis://a-name.test", **QUICK,
                  "redis.connect_timeout": "2s"},
                 prefix=prefix(tmp_path, dead))
    wait_until(lambda: dead.questions > 0)
    begun = time.monotonic()
    for _ in range(5):
        serves(node)
    assert time.monotonic() - begun < PATIENCE
    assert not is_up(node) and failures(node) <= LINKS


def test_password(start, servers):
    redis = servers(Redis("--requirepass", "right").start())
    node = start({"redis.url": redis.url, **QUICK}, is_started=False)
    secret = node.dir / "password"
    secret.write_text("wrong\n")
    node.configure({"redis.password_file": str(secret)})
    node.start()
    wait_until(lambda: "WRONGPASS" in node.log())
    assert not is_up(node)
    # read anew with each attempt
    secret.write_text("right\n")
    wait_until(lambda: is_up(node))
    assert "right" not in node.log()


def test_user(start, redis):
    redis("ACL", "SETUSER", "relay", "on", ">secret", "~*", "&*", "+@all")
    redis("ACL", "SETUSER", "default", "off")
    node = start({"redis.url": redis.url, **QUICK}, is_started=False)
    (node.dir / "password").write_text("secret")
    node.configure({"redis.user": "relay",
                    "redis.password_file": str(node.dir / "password")})
    node.start()
    wait_until(lambda: is_up(node))


def test_no_password_file(start, redis):
    node = start({"redis.url": redis.url, **QUICK,
                  "redis.password_file": "/nonexistent/password"})
    wait_until(lambda: "/nonexistent/password: No such file" in node.log())
    serves(node)


def test_gateway_knows_nothing(start, redis):
    """Neither the settings nor the library come into a gateway."""
    node = start({"redis.url": redis.url, **QUICK})
    wait_until(lambda: is_up(node))
    with open(f"/proc/{node.tenant()}/maps", encoding="utf-8") as maps:
        assert "hiredis" not in maps.read()
    with open(f"/proc/{relay_pid(node)}/maps", encoding="utf-8") as maps:
        assert "hiredis" in maps.read()


def test_comes_back(start, redis):
    node = start({"redis.url": redis.url, **QUICK})
    wait_until(lambda: is_up(node))
    redis.kill()
    wait_until(lambda: not is_up(node))
    serves(node)
    redis.start()
    wait_until(lambda: is_up(node))
    assert node.restarts("fault") == 0


def test_tells_each_address_once(start):
    ports = [free_port(), free_port()]
    node = start({"redis.url": "redis://" + ",".join(
        f"127.0.0.1:{port}" for port in ports), **QUICK})
    wait_until(lambda: failures(node) > 6 * LINKS)
    told = [line for line in node.log().splitlines()
            if "event=redis_down" in line and "link=commands" in line]
    assert len(told) == 2
    for line, port in zip(told, ports):
        assert f"address=127.0.0.1:{port}" in line
        assert "Connection refused" in line


def test_tells_another_reason(start, redis, servers):
    redis.kill()
    node = start({"redis.url": redis.url, **QUICK})
    wait_until(lambda: "Connection refused" in node.log())
    servers(Redis("--requirepass", "right", port=redis.port).start())
    wait_until(lambda: "NOAUTH" in node.log())


def test_next_address(start, servers, redis):
    replica = servers(Redis("--replicaof", "127.0.0.1",
                            str(redis.port)).start())
    node = start({"redis.url": f"{replica.url},127.0.0.1:{redis.port}",
                  **QUICK})
    wait_until(lambda: is_up(node))
    assert failures(node) >= 1
    # what was a master becomes a replica, and the other way round
    replica("REPLICAOF", "NO", "ONE")
    redis("REPLICAOF", "127.0.0.1", replica.port)
    wait_until(lambda: f"redis_up link=commands address=127.0.0.1:"
               f"{replica.port}" in node.log())
    assert "not a master" in node.log()


def test_hangs(start, redis):
    """No reply: the deadline ends it, and a late reply harms nobody."""
    node = start({"redis.url": redis.url, **QUICK})
    wait_until(lambda: is_up(node))
    redis.pause()
    wait_until(lambda: not is_up(node))
    assert "redis.command_timeout" in node.log()
    wait_until(lambda: "redis.connect_timeout" in node.log()
               or failures(node) > 2)
    serves(node)
    redis.go_on()
    wait_until(lambda: is_up(node))
    serves(node)
    assert node.restarts("killed") == 0


def test_never_accepts(start, servers):
    """Connected by the kernel, and then nothing."""
    fake = servers(FakeRedis(lambda words: b""))
    node = start({"redis.url": fake.url, **QUICK})
    wait_until(lambda: failures(node) >= 2)
    assert "redis.connect_timeout" in node.log()
    serves(node)


NONSENSE = [
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x00\x01\x02\x03",
    b"*-5\r\n",
    b"*2000000000\r\n",
    b"$99999999999999999999\r\n",
    b"+PONG\r\n+PONG\r\n:7\r\n",
    b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n" + b"*1\r\n:5\r\n" * 3,
    b"$-1\r\n",
    b":3\r\n",
    b"*0\r\n",
    b"*2\r\n:1\r\n:2\r\n",
    b"-ERR max number of clients reached\r\n",
    b"*1\r\n" * 50,
]


@pytest.mark.parametrize("when", ["greeting", "later"])
def test_nonsense(start, servers, when):
    """Whatever it says, the relay lives, and clients are served."""
    fake = servers(FakeRedis(FakeRedis.later))
    node = start({"redis.url": fake.url, **QUICK})
    relay = relay_pid(node)
    for said in NONSENSE:
        wait_until(lambda: is_up(node))
        before = failures(node)
        if when == "greeting":
            for peer in fake.peers:
                try:
                    peer.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            before += LINKS
        fake.say = lambda words, bad=said: (bad if words[0] == "ROLE"
                                            else FakeRedis.later(words))
        wait_until(lambda b=before: failures(node) > b, 10, repr(said))
        fake.say = FakeRedis.later
    wait_until(lambda: is_up(node))
    serves(node)
    assert relay_pid(node) == relay


# What hiredis would end the process for, or take for somebody else's.
PUSHED_NONSENSE = [
    FakeRedis.pushed("unsubscribe", "channel:a", b"$1\r\nx\r\n"),
    FakeRedis.pushed("unsubscribe", "channel:a", b":0\r\n") + b"*0\r\n",
    FakeRedis.pushed("subscribe", "channel:a", b"$1\r\nx\r\n"),
    FakeRedis.pushed("subscribe", "channel:b", b":1\r\n"),
    FakeRedis.pushed("message", "channel:b", b"$1\r\nx\r\n"),
    FakeRedis.pushed("message", "channel:a", b":1\r\n"),
    FakeRedis.pushed("message", "channel:a", b"*1\r\n$1\r\nx\r\n"),
    FakeRedis.pushed("pmessage", "channel:a", b"$1\r\nx\r\n"),
    b"*4\r\n$7\r\nmessage\r\n$9\r\nchannel:a\r\n$1\r\nx\r\n$1\r\nx\r\n",
    b"*1\r\n$11\r\nunsubscribe\r\n", b"*0\r\n", b"*-1\r\n", b"+OK\r\n",
    b":1\r\n", b"$-1\r\n", b"-ERR no\r\n",
]


@pytest.mark.parametrize("said", PUSHED_NONSENSE, ids=repr)
def test_pushed_nonsense(start, servers, said):
    fake = servers(FakeRedis())

    def say(words):
        if words[0] == "SUBSCRIBE":
            return FakeRedis.greeting(words) + said
        return FakeRedis.later(words)

    fake.say = say
    node = start({"node.id": "a", "redis.url": fake.url, **QUICK})
    relay = relay_pid(node)
    wait_until(lambda: fake.count("SUBSCRIBE") > 2)
    fake.say = FakeRedis.later
    wait_until(lambda: node.control("status")["redis"]["subscribed"])
    assert relay_pid(node) == relay


def test_silent_subscription(start, servers):
    """Asked more often than it may take to answer."""
    fake = servers(FakeRedis())
    asked = []

    def say(words):
        if words[0] != "SUBSCRIBE":
            return FakeRedis.later(words)
        asked.append(words)
        return b"" if len(asked) > 1 else FakeRedis.greeting(words)

    fake.say = say
    node = start({"node.id": "a", "redis.url": fake.url, **QUICK})
    wait_until(lambda: [line for line in node.log().splitlines()
                        if "event=redis_down" in line
                        and "the subscription is silent" in line])


class Deaf(FakeRedis):
    """Greets, and reads nothing more from a peer once that has said more."""

    def __init__(self):
        self.unread = []
        super().__init__()

    def talk(self, peer):
        file = peer.makefile("rb")
        with contextlib.suppress(OSError):
            while (words := self.read(file)) is not None:
                said = self.greeting(words)
                if said is None:
                    self.unread.append(peer)
                    return
                peer.sendall(said)


def test_nothing_arrives_late(start, servers):
    """What a link has sent before it was given up must not be heard after
    what the next one says."""
    deaf = servers(Deaf())
    node = start({"redis.url": deaf.url, **QUICK})
    wait_until(lambda: deaf.unread and "redis.command_timeout" in node.log())
    peer = deaf.unread[0]
    peer.settimeout(10)
    with pytest.raises(ConnectionResetError):
        while peer.recv(65536):
            pass
        pytest.fail("it was closed as if all of it had to arrive")


def test_loading(start, servers):
    """It reads its file after a restart."""
    fake = servers(FakeRedis())
    fake.say = lambda words: (b"-LOADING Redis is loading the dataset\r\n"
                              if words[0] == "PING" else None)
    node = start({"redis.url": fake.url, **QUICK})
    wait_until(lambda: failures(node) >= 2)
    assert "LOADING" in node.log()
    fake.say = lambda words: None
    wait_until(lambda: is_up(node))


def test_relay_dies(start, redis):
    """Its connections end with it, and the next one has its own."""
    node = start({"redis.url": redis.url, **QUICK})
    wait_until(lambda: ups(node) == LINKS)
    clients = int(redis("INFO", "clients").split("connected_clients:")[1]
                  .split()[0])
    for number in range(3):
        os.kill(relay_pid(node), signal.SIGKILL)
        wait_until(lambda n=number: ups(node) == (n + 2) * LINKS)
    wait_until(lambda: int(redis("INFO", "clients").split(
        "connected_clients:")[1].split()[0]) == clients)


def test_credentials_in_url_are_refused(start):
    node = start({"redis.url": "redis://me:secret@127.0.0.1"},
                 is_started=False)
    node.expected_exit = 1
    node.expects_errors = True
    node.spawn()
    assert node.wait() != 0
    node.expected_exit = node.process.returncode
    assert "redis.password_file" in node.log()


def test_timeouts_are_live(start, redis):
    node = start({"redis.url": redis.url, **QUICK,
                  "redis.ping_interval": "60s"})
    wait_until(lambda: is_up(node))
    node.configure({"redis.ping_interval": "50ms"})
    node.ctl("reload")

    def asked():
        stats = redis("INFO", "commandstats")
        return int(stats.split("cmdstat_role:calls=")[1].split(",")[0])

    before = asked()
    wait_until(lambda: asked() > before + 3)
