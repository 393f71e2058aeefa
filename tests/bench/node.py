# SPDX-License-Identifier: ISC
"""Starts what the benchmarks measure: a node of the product, or the floor.

Each lives in a temporary folder of its own with free ports, is asked for
readiness instead of being slept for, and is stopped by pid.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("HOLDFAST_BUILD", ROOT / "build"))

CONFIG = """\
node = {{ id = "{id}"; run_dir = "{dir}/run"; state_dir = "{dir}/state";
    user = ""; workers = {workers}; pin_cpus = {pin}; capacity = {capacity}; }};
listen = ( {{ address = "127.0.0.1"; port = {port}; backlog = 65535; }} );
websocket = {{ path = "/ws"; max_message = "{max_message}"; }};
auth = {{ mode = "none"; }};
upstream = {{ mode = "{upstream}"; }};
api = {{ address = "127.0.0.1"; port = {api_port}; }};
admin = {{ address = "127.0.0.1"; port = {admin_port}; }};
admission = {{ handshakes_per_second = 0; max_per_ip = 0; }};
log = {{ level = "warn"; target = "{dir}/node.log"; }};
"""


def wait_until(fact, seconds, what):
    """Return fact() as soon as it is true; fail after seconds."""
    deadline = time.monotonic() + seconds
    while True:
        found = fact()
        if found:
            return found
        if time.monotonic() > deadline:
            raise RuntimeError(f"after {seconds} s still waiting for {what}")
        time.sleep(0.005)


def free_ports(count):
    """Ports that nobody listens on, outside the range of outgoing ones."""
    low = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
              .read_text().split()[0])
    found = []
    start = 2000 + os.getpid() * 7 % 20000
    for port in range(start, 65000):
        if low <= port < low + 30000:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free port")


def raise_limits():
    """As many open files as allowed, and room for storms of connects."""
    wishes = {"core/netdev_max_backlog": "10000", "core/somaxconn": "65535",
              "ipv4/tcp_max_syn_backlog": "65535",
              "ipv4/tcp_max_tw_buckets": "1048576",
              "ipv4/ip_local_port_range": "1024 65535"}
    for name, value in wishes.items():
        try:
            pathlib.Path("/proc/sys/net", name).write_text(value)
        except OSError:
            pass  # read-only in a container: the figures are lower, then


def children():
    """pid -> pids of its children, over the whole machine."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = pathlib.Path("/proc", entry, "stat").read_text()
        except OSError:
            continue
        parent = int(stat.rpartition(")")[2].split()[1])
        found.setdefault(parent, []).append(int(entry))
    return found


def family(pid):
    """pid and all its descendants."""
    tree = children()
    found = [pid]
    for member in found:
        found.extend(tree.get(member, ()))
    return found


def program(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).split(" ")[0]
    except OSError:
        return ""


class Server:
    """A process that was started here, and what belongs to it."""

    name = "server"

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-bench-"))
        self.process = None
        self.port = 0

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def target(self):
        return f"127.0.0.1:{self.port}"

    def pids(self):
        return family(self.process.pid)

    def start(self):
        raise NotImplementedError

    def stop(self):
        if self.process is not None:
            members = self.pids()
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            for pid in members[1:]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process = None
        shutil.rmtree(self.dir, ignore_errors=True)


class Floor(Server):
    """The bare epoll server of floor.c."""

    name = "floor"

    def __init__(self, workers=1, is_canned=True, first_cpu=0):
        super().__init__()
        self.command = [BUILD / "bench/floor", "-w", str(workers)]
        self.command += ["-C"] if is_canned else []
        self.command += ["-P", str(first_cpu)] if first_cpu is not None else []

    def start(self):
        self.process = subprocess.Popen(self.command, text=True,
                                        stdout=subprocess.PIPE)
        words = self.process.stdout.readline().split()
        if not words or words[0] != "ready":
            raise RuntimeError("the floor did not start")
        self.port = int(words[1])


class Redis(Server):
    """A redis-server that keeps nothing; call it with the words of a command.

    A subscriber may be as slow as it likes: it is not cut off, so that the
    benchmark sees how slow."""

    name = "redis"

    def __init__(self, address="127.0.0.1"):
        super().__init__()
        self.address = address
        self.port, = free_ports(1)
        self.wire = None

    @property
    def url(self):
        return f"redis://{self.address}:{self.port}"

    def start(self):
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["redis-server", "--port", str(self.port), "--bind",
                 self.address, "--protected-mode", "no", "--save", "",
                 "--dir", self.dir,
                 "--client-output-buffer-limit", "pubsub 0 0 0"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.answers, 20, "redis-server to answer")

    def kill(self):
        self.wire.close()
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.wire is not None:
            self.wire.close()
        super().stop()

    def answers(self):
        if self.process.poll() is not None:
            raise RuntimeError("redis-server ended: " +
                               (self.dir / "log").read_text())
        try:
            self.wire = socket.create_connection((self.address, self.port))
        except OSError:
            return False
        self.wire = self.wire.makefile("rwb")
        return self("PING") == b"PONG"

    def __call__(self, *words):
        self.wire.write(b"*%d\r\n" % len(words))
        for word in words:
            text = word if isinstance(word, bytes) else word.encode()
            self.wire.write(b"$%d\r\n%s\r\n" % (len(text), text))
        self.wire.flush()
        return self.take()

    def take(self):
        head = self.wire.readline()
        kind, rest = head[:1], head[1:-2]
        if kind in (b"+", b":"):
            return int(rest) if kind == b":" else rest
        if kind == b"*":
            return [self.take() for _ in range(int(rest))]
        if kind == b"$":
            return self.wire.read(int(rest) + 2)[:-2] if rest != b"-1" else b""
        raise RuntimeError("redis-server: " + head.decode())


class Node(Server):
    """A node of the product; of a fleet of one if there is a Redis."""

    name = "holdfast"

    def __init__(self, workers=1, capacity=200000, is_pinned=True, redis=None,
                 name="bench", more="", prefix=(), upstream="echo"):
        super().__init__()
        self.is_pinned = is_pinned
        self.id = name
        self.prefix = list(prefix)
        self.port, self.api_port, self.admin_port = free_ports(3)
        for name in ("run", "state"):
            (self.dir / name).mkdir(mode=0o755)
        self.config = self.dir / "holdfast.conf"
        self.config.write_text(CONFIG.format(
            id=self.id, dir=self.dir, workers=workers, capacity=capacity,
            port=self.port, pin="true" if is_pinned else "false",
            api_port=self.api_port, admin_port=self.admin_port,
            upstream=upstream,
            max_message="1MiB" if upstream == "stream" else "16MiB"))
        if redis is not None:
            with open(self.config, "a", encoding="ascii") as config:
                config.write(f'redis = {{ url = "{redis.url}"; }};\n'
                             # a storm into an empty fleet is not paced
                             f'blast_radius = {{ floor = {capacity}; }};\n'
                             + more)

    def start(self):
        with open(self.dir / "stderr", "wb") as errors:
            self.process = subprocess.Popen(
                [*self.prefix, BUILD / "holdfastd", "-c", self.config],
                stderr=errors, stdin=subprocess.DEVNULL)
        wait_until(self.is_ready, 20, "the node to be ready")

    def is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError("holdfastd ended: " + self.log())
        try:
            with urllib.request.urlopen(
                    f"http://127.0.0.1:{self.admin_port}/readyz", timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def ctl(self, *words):
        """The answer of holdfastctl; OSError while there is none."""
        done = subprocess.run(
            [BUILD / "holdfastctl", "-s", self.dir / "run/control.sock",
             "--json", *words], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False)
        if done.returncode != 0:
            raise OSError(done.stderr)
        return json.loads(done.stdout)

    def log(self):
        return "".join(
            (self.dir / name).read_text(errors="replace")
            for name in ("stderr", "node.log") if (self.dir / name).exists())

    def tenants(self):
        """pids of the gateway tenants: children of keepers."""
        tree = children()
        return [tenant for keeper in tree.get(self.process.pid, ())
                if program(keeper) == "holdfast-gateway"
                for tenant in tree.get(keeper, ())]

    def relay(self):
        """pid of the relay's tenant."""
        tree = children()
        return next(tenant for keeper in tree.get(self.process.pid, ())
                    if program(keeper) == "holdfast-relay"
                    for tenant in tree.get(keeper, ()))

    def metrics(self):
        """Prometheus samples: the text before the value -> the value."""
        with urllib.request.urlopen(
                f"http://127.0.0.1:{self.admin_port}/metrics",
                timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return {key: float(value) for key, _, value in
                (line.rpartition(" ") for line in lines
                 if line and not line.startswith("#"))}
