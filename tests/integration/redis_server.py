# SPDX-License-Identifier: ISC
"""A redis-server for one test, in its own folder and on its own port, and a
server that only pretends: for what no real one would say."""
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from node import PATIENCE, wait_until


class RedisError(Exception):
    """An error reply."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def now_ms(redis):
    """By its clock."""
    seconds, micros = map(int, redis("TIME"))
    return seconds * 1000 + micros // 1000


def pack(*words):
    """A command as it travels."""
    words = [word if isinstance(word, bytes) else str(word).encode()
             for word in words]
    return b"*%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Wire:
    """One connection to a server: commands in, Python values out."""

    def __init__(self, address, seconds=10):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(seconds * PATIENCE)
        self.socket.connect(address)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, *words):
        self.socket.sendall(pack(*words))

    def take(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("redis-server has gone")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest.decode()
        if int(rest) < 0:
            return None
        if kind == b"*":
            return [self.take() for _ in range(int(rest))]
        return self.file.read(int(rest) + 2)[:-2].decode()

    def __call__(self, *words):
        self.send(*words)
        return self.take()


class Redis:
    """redis-server; without persistence unless options say so."""

    def __init__(self, *options, port=None, env=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-redis-"))
        self.port = port or free_port()
        self.path = self.dir / "sock"
        self.options = options
        self.env = env
        self.process = None
        self.wire = None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        with open(self.dir / "log", "ab") as log:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen(
                ["redis-server", "--port", str(self.port), "--bind",
                 "127.0.0.1", "--unixsocket", self.path, "--save", "",
                 "--dir", self.dir, "--daemonize", "no", *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.env)
        wait_until(self.answers, 10, "redis-server to answer")
        return self

    def restart_with(self, *options):
        """Empty, unless it keeps something."""
        self.kill()
        self.options = options
        self.start()

    def answers(self):
        assert self.process.poll() is None, (self.dir / "log").read_text()
        try:
            with self.connect() as wire:
                wire("PING")
        except RedisError:
            pass
        except OSError:
            return False
        return True

    def has_loaded(self):
        """Redis to have read its file."""
        try:
            return self("PING")
        except RedisError:
            return False

    def connect(self):
        return Wire(("127.0.0.1", self.port))

    def __call__(self, *words):
        """A command; the reply, or RedisError."""
        if self.wire is None:
            self.wire = self.connect()
        return self.wire(*words)

    def forget(self):
        if self.wire is not None:
            self.wire.close()
        self.wire = None

    def pause(self):
        """It stops answering; connections stay."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.forget()
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


class FakeRedis:
    """Answers each command with what say(words) returns: bytes, or None for
    nothing at all.  What it does not know, it says like a master."""

    def __init__(self, say=lambda words: None):
        self.say = say
        self.heard = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.peers = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            self.peers.append(peer)
            threading.Thread(target=self.talk, args=(peer,),
                             daemon=True).start()

    @staticmethod
    def greeting(words):
        if words[0] == "SUBSCRIBE":
            return FakeRedis.pushed("subscribe", words[1], b":1\r\n")
        return {"ROLE": b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n",
                "PING": b"+PONG\r\n", "SELECT": b"+OK\r\n",
                "AUTH": b"+OK\r\n"}.get(words[0])

    @staticmethod
    def pushed(kind, channel, last):
        """What comes to who has subscribed; last: of the protocol."""
        return (f"*3\r\n${len(kind)}\r\n{kind}\r\n${len(channel)}\r\n"
                f"{channel}\r\n").encode() + last

    @staticmethod
    def later(words):
        """Like a Redis that takes nothing for now, but lives."""
        return FakeRedis.greeting(words) or b"-BUSY for a while\r\n"

    @staticmethod
    def read(file):
        """The words of a command; None: there are no more."""
        head = file.readline()
        if not head:
            return None
        words = []
        for _ in range(int(head[1:])):
            size = int(file.readline()[1:])
            words.append(file.read(size + 2)[:-2].decode())
        return words

    def talk(self, peer):
        with peer, peer.makefile("rb") as file:
            while True:
                try:
                    words = self.read(file)
                    if words is None:
                        return
                    self.heard.append(words)
                    said = self.say(words)
                    if said is None:
                        said = self.greeting(words)
                    if said:
                        peer.sendall(said)
                except (OSError, ValueError):
                    return

    def count(self, word):
        return sum(words[0] == word for words in list(self.heard))

    def close(self):
        # wakes accept(), which close() alone would not
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for peer in self.peers:
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
