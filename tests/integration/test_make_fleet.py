# SPDX-License-Identifier: ISC
"""What `make fleet' starts: it serves through TLS, all that it tells its reader
to do works as it says, and it leaves nothing behind."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import pytest

from node import BUILD, PATIENCE, ROOT, wait_until
from wire import request

pytestmark = pytest.mark.skipif(shutil.which("haproxy") is None,
                                reason="haproxy is not installed")


# Nobody else listens there: ports that are any to the others are not ours.
ADDRESS = f"127.77.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
PORT = 8100
# Until what was killed is started again: long enough for a verdict.
BACK = 8
# Not the balancer's own.
CLIENT = "127.78.79.80"


@pytest.fixture
def fleet():
    """The script, and its lines as they come."""
    script = subprocess.Popen(
        [ROOT / "tests/fleet/fleet.py", "--build", BUILD,
         "--address", ADDRESS, "--port", str(PORT), "--back", str(BACK)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(
        iter(script.stdout.readline, "")))
    reader.start()
    wait_until(lambda: any("Interrupt ends" in line for line in lines)
               or script.poll() is not None, 60)
    text = "".join(lines)
    assert script.poll() is None, text
    folder = pathlib.Path(re.search(r"machine, in (\S+)", text)[1])
    yield folder, lines
    script.send_signal(signal.SIGINT)
    assert script.wait(60 * PATIENCE) == 0, lines
    reader.join()
    script.stdout.close()
    assert not folder.exists()
    for number in range(40):
        with socket.socket() as probe:
            assert probe.connect_ex((ADDRESS, PORT + number)) != 0


class Secure:
    """A client through the balancer's TLS."""

    def __init__(self, folder, name):
        tls = ssl.create_default_context(cafile=folder / "front.pem")
        plain = socket.create_connection((ADDRESS, PORT + 1),
                                         source_address=(CLIENT, 0))
        plain.settimeout(20 * PATIENCE)
        self.stream = tls.wrap_socket(plain, server_hostname=ADDRESS)
        self.stream.sendall(request(f"/ws?client_id={name}"))
        self.bytes = b""
        head = self.take(until=b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()

    def take(self, count=0, until=None):
        while len(self.bytes) < count or until and until not in self.bytes:
            more = self.stream.recv(4096)
            assert more, "closed"
            self.bytes += more
        end = count or self.bytes.index(until) + len(until)
        taken, self.bytes = self.bytes[:end], self.bytes[end:]
        return taken

    def echo(self, text):
        self.stream.sendall(bytes((0x81, 0x80 | len(text))) + bytes(4) + text)
        while True:
            opcode, size = self.take(2)
            body = self.take(size) if size else b""
            if opcode == 0x81:
                return body == text
            assert opcode == 0x89, opcode


def ctl(folder, number, *words, check=True):
    return subprocess.run(
        [BUILD / "holdfastctl", "-s", folder / f"n{number}/run/control.sock",
         *words], stdout=subprocess.PIPE, text=True, check=check,
        timeout=60 * PATIENCE).stdout


class Blocks:
    """What is printed to be tried, as it is printed: comments, and the
    commands that they speak of."""

    def __init__(self, folder, text):
        self.env = {**os.environ,
                    "HOLDFAST_SOCKET": f"{folder}/n1/run/control.sock"}
        # A line that the shell is told, and the other blocks need.
        assert f"export HOLDFAST_SOCKET={self.env['HOLDFAST_SOCKET']}\n" in text
        self.blocks = re.findall(r"((?:^  # .*\n)+)((?:^  (?!# ).*\n)+)",
                                 text.split("In another terminal:")[1], re.M)

    def take(self, words):
        (block,) = [one for one in self.blocks if words in one[0]]
        self.blocks.remove(block)
        return block[1]

    def run(self, words):
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", self.take(words)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, env=self.env,
            timeout=120 * PATIENCE)
        assert done.returncode == 0, (words, done.stdout)
        return done.stdout


def where(folder, number, client):
    """None: that node has not heard of the client."""
    row = json.loads(ctl(folder, number, "--json", "where", client,
                         check=False))
    return row if "address" in row else None


def connected(folder, number):
    """On all nodes together, as one of them knows."""
    nodes = json.loads(ctl(folder, number, "--json", "nodes"))["nodes"]
    return sum(node["count"] for node in nodes
               if node["state"] in ("healthy", "draining"))


@pytest.fixture
def crowd(fleet, tmp_path):
    """The clients of the first block, and what they print."""
    folder, lines = fleet
    blocks = Blocks(folder, "".join(lines))
    path = tmp_path / "crowd"
    with open(path, "wb") as out:
        process = subprocess.Popen(
            ["bash", "-c", "exec " + blocks.take("30 clients")],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=blocks.env)
    yield blocks, path.read_text
    process.send_signal(signal.SIGINT)
    process.wait(20 * PATIENCE)


def test_what_is_printed(fleet, crowd):
    folder, lines = fleet
    blocks, told = crowd
    wait_until(lambda: ctl(folder, 1, "nodes").count("healthy") == 3, 20)
    with Secure(folder, "bob") as bob:
        assert bob.echo(b"hello")
        # Its own address, behind a balancer that has another one.
        row = wait_until(lambda: where(folder, 2, "bob"), 20)
        assert row["address"].startswith(CLIENT), row
    wait_until(lambda: connected(folder, 1) == 30, 20, "the clients")
    seen = blocks.run("as its nodes see it")
    assert seen.count("healthy") == 6 and "led by" in seen
    sent = blocks.run("a message to one of them")
    assert re.match(r"n[123]\n", sent) and '"status":"delivered"' in \
        sent.replace(" ", "")
    wait_until(lambda: "alice {" in told(), 20, "alice to have it")
    blocks.run("kill the workers")
    assert ", 0 severed" in blocks.run("replace its programs")
    shown = blocks.run("kill Redis")
    assert shown.count("partition verdict") == 2
    wait_until(lambda: "verdict none" in ctl(folder, 1, "fleet")
               and "routes synced" in ctl(folder, 1, "status"), 60)
    assert "partition_verdict outage" in ctl(folder, 1, "events")
    assert "closed:" not in told()
    drained = blocks.run("drain it")
    assert "nothing has been done\n" in drained
    assert "connections moved away\nready\n" in drained
    assert "1012" in told()
    wait_until(lambda: connected(folder, 1) == 30, 30, "them to be back")
    killed = blocks.run("take the power")
    assert "partition_verdict" in killed
    wait_until(lambda: "node_dead node n2" in ctl(folder, 1, "events"), 30)
    wait_until(lambda: connected(folder, 1) == 30, 30, "them to be back")
    wait_until(lambda: ctl(folder, 1, "nodes").count("healthy") == 3, 40)
    assert "node n2 has died" in "".join(lines)
    assert not blocks.blocks, "blocks that nobody tries"
    # What is stopped has to end its workers as well.
    os.kill(int((folder / "n3/run/holdfastd.pid").read_text()), signal.SIGKILL)
    wait_until(lambda: "node n3 has died" in "".join(lines), 10)
