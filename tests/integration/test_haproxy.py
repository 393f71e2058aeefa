# SPDX-License-Identifier: ISC
"""Two nodes behind HAProxy: one is drained under load, and nobody notices
more than a pause of the length it was told."""
import asyncio
import pathlib
import random
import shutil
import socket
import subprocess
import threading
import time

import pytest

from haproxy_conf import haproxy_conf
from node import LONG, PATIENCE, SLOW, ask, wait_until
from wire import request

CLIENTS = 2000 if LONG else 240
WINDOW = (60 if LONG else 5) * min(SLOW, 2)
# Of the survivor: well above an even pace, far below a wave.
RATE = 400 if LONG else 80

pytestmark = [pytest.mark.pace,
              pytest.mark.skipif(shutil.which("haproxy") is None,
                                 reason="haproxy is not installed")]


class Balancer:
    """HAProxy with the sample's rules, on a socket that it inherits."""

    def __init__(self, folder, nodes, inter):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(1024)
        self.socket.set_inheritable(True)
        self.port = self.socket.getsockname()[1]
        text = haproxy_conf(
            [(f"127.0.0.1:{node.port}", node.admin_port, node.agent_port)
             for node in nodes],
            bind=f"fd@{self.socket.fileno()}", inter=inter)
        conf = pathlib.Path(folder) / "haproxy.cfg"
        conf.write_text(text)
        self.process = subprocess.Popen(
            ["haproxy", "-db", "-f", conf], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            pass_fds=[self.socket.fileno()])
        self.output = ""
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        self.output = self.process.stdout.read()

    def __enter__(self):
        wait_until(self.is_up, 10, "HAProxy to have both nodes up")
        return self

    def is_up(self):
        """It answers for a node, so it has been checked."""
        assert self.process.poll() is None, self.output
        try:
            return ask(self.port, "GET", "/healthz").status == 200
        except OSError:
            return False

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
        self.reader.join()
        self.process.stdout.close()
        self.socket.close()


class Mobile:
    """A client that comes back, as clients should: after the hint, or after
    2^attempt parts of a second and as much jitter."""

    def __init__(self, crowd, number):
        self.crowd = crowd
        self.name = f"c{number}"
        self.is_open = False
        self.opened = 0
        self.echoed = 0
        self.gaps = []       # how long it was away
        self.failures = []   # what a handshake or a connection ended with
        self.writer = None

    async def handshake(self):
        reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self.crowd.port)
        self.writer.write(request(f"/ws?client_id={self.name}&hint=1"))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"),
                                      20 * PATIENCE)
        status = int(head.split()[1])
        if status != 101:
            self.failures.append(status)
            raise ConnectionError(status)
        return reader

    async def frame(self, reader):
        first, size = await reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await reader.readexactly(2), "big")
        return first & 0x0f, await reader.readexactly(size)

    def send(self, opcode, payload):
        self.writer.write(bytes((0x80 | opcode, 0x80 | len(payload)))
                          + bytes(4) + payload)

    async def talk(self, reader):
        """Echo until the close frame; its (code, hint in seconds)."""
        self.send(1, str(self.echoed).encode())
        while True:
            opcode, payload = await self.frame(reader)
            if opcode == 9:
                self.send(10, payload)
            elif opcode == 8:
                self.send(8, payload[:2])
                name, _, ms = payload[2:].decode().partition("=")
                hint = int(ms) / 1000 if name == "reconnect_ms" else None
                return int.from_bytes(payload[:2], "big"), hint
            else:
                assert int(payload) == self.echoed
                self.echoed += 1
                asyncio.get_running_loop().call_later(
                    0.3, self.ask_again, self.writer)

    def ask_again(self, writer):
        if self.writer is writer and not writer.is_closing():
            self.send(1, str(self.echoed).encode())

    async def run(self):
        attempt = 0
        left_at = None
        while not self.crowd.is_over:
            pause = None
            try:
                reader = await self.handshake()
                self.is_open = True
                self.opened += 1
                if left_at is not None:
                    self.gaps.append(time.monotonic() - left_at)
                attempt = 0
                code, pause = await self.talk(reader)
                self.is_open = False
                left_at = time.monotonic()
                if code != 1012:
                    self.failures.append(code)
            except (OSError, EOFError, ConnectionError) as error:
                if self.crowd.is_over:
                    return
                if self.is_open:
                    left_at = time.monotonic()
                self.is_open = False
                self.failures.append(repr(error))
            if self.writer is not None:
                self.writer.close()
            if pause is None:
                pause = min(2 ** attempt, 8) * (0.5 + random.random())
                attempt += 1
            await asyncio.sleep(pause)


class Crowd:
    """Mobiles in a thread of their own."""

    def __init__(self, port, count):
        self.port = port
        self.is_over = False
        self.mobiles = [Mobile(self, number) for number in range(count)]
        self.error = None
        self.thread = threading.Thread(target=self.main)

    def main(self):
        try:
            asyncio.run(self.run())
        except BaseException as error:  # told by the test's own thread
            self.error = error

    async def run(self):
        tasks = []
        for mobile in self.mobiles:
            tasks.append(asyncio.create_task(mobile.run()))
            await asyncio.sleep(0.01)
        while not self.is_over:
            await asyncio.sleep(0.05)
            for task in tasks:
                if task.done():
                    task.result()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for mobile in self.mobiles:
            if mobile.writer is not None:
                mobile.writer.transport.abort()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()

    def count_open(self):
        if self.error:
            raise self.error
        return sum(m.is_open for m in self.mobiles)

    def everybody(self):
        return self.count_open() == len(self.mobiles)


class Rate:
    """Handshakes of a node, looked at all the time."""

    def __init__(self, node):
        self.node = node
        self.samples = []
        self.is_over = False
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.is_over:
            self.samples.append(
                (time.monotonic(),
                 self.node.metric("handshakes_total", result="ok")))
            time.sleep(0.05)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()

    def worst(self, seconds=1.0):
        """Most handshakes in any slice that is no longer than that."""
        best = 0
        for i, (began, count) in enumerate(self.samples):
            for moment, later in self.samples[i + 1:]:
                if moment - began > seconds:
                    break
                best = max(best, later - count)
        return best


@pytest.mark.parametrize("lb_wait,inter", [("0", "1m"), ("1s", "200ms")])
def test_drain_one_of_two(start, tmp_path, lb_wait, inter):
    """Back within the window, by way of the other node; a balancer that
    notices nothing prefers the drained one, and tries its 503s again."""
    nodes = [start({"node.id": name, "drain.lb_wait": lb_wait,
                    "agent.enabled": True, "agent.port": 0,
                    "admission.handshakes_per_second": RATE})
             for name in ("a", "b")]
    a, b = nodes
    with Balancer(tmp_path, nodes, inter) as balancer, \
            Crowd(balancer.port, CLIENTS) as crowd:
        wait_until(crowd.everybody, 30, "all clients to be connected")
        had = [int(node.open_count()) for node in nodes]
        assert sum(had) == CLIENTS and min(had) > CLIENTS / 3, had
        before = [m.opened for m in crowd.mobiles]
        failed = sum(len(m.failures) for m in crowd.mobiles)
        refused = a.metric("handshakes_total", result="draining")
        busy = b.metric("handshakes_total", result="rate")
        with Rate(b) as rate:
            begun = time.monotonic()
            done = a.ctl("drain", "--wait", "--within", f"{WINDOW}s",
                         seconds=WINDOW + 20)
            emptied = time.monotonic() - begun
            wait_until(crowd.everybody, 20, "all clients to be back")
            back = time.monotonic() - begun
        moved = [m for m, n in zip(crowd.mobiles, before) if m.opened > n]
        failures = [f for m in crowd.mobiles for f in m.failures][failed:]
        refused = a.metric("handshakes_total", result="draining") - refused
        print(f"lb_wait {lb_wait}: {had[0]} moved in {emptied:.1f} s of "
              f"{WINDOW}, all back after {back:.1f} s; at most "
              f"{rate.worst():.0f} handshakes a second of {RATE}; refused by "
              f"the drained node {refused}; failures {failures}")
        assert done.returncode == 0 and a.connections() == 0
        assert emptied < WINDOW + PATIENCE
        assert b.open_count() == CLIENTS
        # Each came back once, and saw of its node's end nothing but the hint.
        assert len(moved) == had[0]
        assert all(m.opened == n + 1
                   for m, n in zip(crowd.mobiles, before) if m in moved)
        assert not failures
        # The last one was told so a second before the window's end at most,
        # to come back within a second: the rest is this machine's.
        assert back < WINDOW + 3 * PATIENCE
        if SLOW == 1:
            assert rate.worst() <= RATE * 1.1 + 1
        assert b.metric("handshakes_total", result="rate") == busy
        # Out in time, or asked in vain and then its neighbour.
        assert (refused > 0) == (lb_wait == "0")
        a.ctl("undrain")
        wait_until(lambda: a.admin("/readyz").status == 200)
