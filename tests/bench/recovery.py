# SPDX-License-Identifier: ISC
"""How long a client waits when its worker is killed with -9.

One connection asks at the moment of each kill, while the others are idle;
afterwards a probe on every connection shows that none was lost.
"""
import os
import signal
import socket
import time

from measure import Load, Row
from node import Node, wait_until

MASK = b"\x00\x00\x00\x00"


class Client:
    """Just enough of a WebSocket to ask for one echo at a time."""

    def __init__(self, port, name="recovery-probe"):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(20)
        self.socket.sendall(
            b"GET /ws?client_id=%s HTTP/1.1\r\nHost: localhost\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Version: 13\r\n\r\n" % name.encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += self.take(1)
        if b" 101 " not in answer:
            raise RuntimeError(f"refused: {answer!r}")

    def take(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise RuntimeError("the probe's connection was severed")
            data += part
        return data

    def echo(self, text):
        self.socket.sendall(bytes([0x81, 0x80 | len(text)]) + MASK + text)
        while True:
            head = self.take(2)
            body = self.take(head[1] & 0x7f)
            if head[0] == 0x81:
                return body
            # A ping: its pong can wait, the run is short.


def kill_once(node, client, number):
    """Seconds from SIGKILL to the answer of a message sent after it."""
    tenant, = node.tenants()
    text = b"probe %d" % number
    begun = time.monotonic()
    os.kill(tenant, signal.SIGKILL)
    if client.echo(text) != text:
        raise RuntimeError("the echo differs")
    seconds = time.monotonic() - begun
    wait_until(lambda: node.tenants() not in ([], [tenant]), 10, "a tenant")
    return seconds


def recovery(counts=(1000, 5000, 15000), kills=10):
    medians = []
    for count in counts:
        with Node(workers=1, capacity=18000) as node:
            load = Load("hold", node.target, "-c", count, "-t", 0,
                        "--probe-ms", 0)
            opened, _ = load.wait_ready()
            client = Client(node.port)
            client.echo(b"hello")
            times = []
            for number in range(kills):
                times.append(kill_once(node, client, number))
                # Let the crash window and back-off see separate accidents.
                time.sleep(0.5)
            result = load.stop()
        times.sort()
        medians.append(times[len(times) // 2])
        yield Row(f"answer after kill -9, {count} connections, median", "ms",
                  medians[-1] * 1e3, None,
                  ("<=", 10 + 0.005 * count))
        yield Row(f"answer after kill -9, {count} connections, worst", "ms",
                  times[-1] * 1e3)
        yield Row(f"severed or unanswered of {opened}", "",
                  count - result["live"] + result["lost"] +
                  result["duplicated"], None, ("==", 0))
    if len(counts) > 1:
        yield Row("growth of the median per connection", "us",
                  (medians[-1] - medians[0]) / (counts[-1] - counts[0]) * 1e6)
