# SPDX-License-Identifier: ISC
"""What `make fleet' starts: it serves through TLS, outlives what it tells
its reader to do, and leaves nothing behind."""
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


@pytest.fixture
def fleet():
    """The script, and its lines as they come."""
    script = subprocess.Popen(
        [ROOT / "tests/fleet/fleet.py", "--build", BUILD,
         "--address", ADDRESS, "--port", str(PORT)],
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
        plain = socket.create_connection((ADDRESS, PORT + 1))
        plain.settimeout(20 * PATIENCE)
        self.stream = tls.wrap_socket(plain, server_hostname=ADDRESS)
        self.stream.sendall(request(f"/ws?client_id={name}"))
        self.bytes = b""
        head = self.take(until=b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head

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


def ctl(folder, number, *words):
    return subprocess.run(
        [BUILD / "holdfastctl", "-s", folder / f"n{number}/run/control.sock",
         *words], stdout=subprocess.PIPE, text=True, check=True,
        timeout=60 * PATIENCE).stdout


def test_fleet(fleet):
    folder, lines = fleet
    wait_until(lambda: ctl(folder, 1, "nodes").count("healthy") == 3, 20)
    client = Secure(folder, "alice")
    assert client.echo(b"hello")
    for number in (1, 2, 3):
        for row in ctl(folder, number, "workers").splitlines()[1:]:
            os.kill(int(row.split()[5]), signal.SIGKILL)
    assert client.echo(b"after the workers")
    for number in (1, 2, 3):
        ctl(folder, number, "upgrade", "--wait")
    assert client.echo(b"after the upgrades")
    with socket.create_connection((ADDRESS, PORT)) as stream:
        stream.sendall(b"INFO server\r\n")
        info = stream.recv(65536)
    os.kill(int(re.search(rb"process_id:(\d+)", info)[1]), signal.SIGKILL)
    wait_until(lambda: "verdict outage" in ctl(folder, 1, "fleet"), 20)
    assert client.echo(b"without Redis")
    wait_until(lambda: "verdict none" in ctl(folder, 1, "fleet")
               and "routes synced" in ctl(folder, 1, "status"), 60)
    assert client.echo(b"after Redis")
    supervisor = int((folder / "n2/run/holdfastd.pid").read_text())
    os.kill(supervisor, signal.SIGKILL)
    wait_until(lambda: "node n2 has died" in "".join(lines), 10)
    assert client.echo(b"after the supervisor")
    client.stream.close()
