# SPDX-License-Identifier: ISC
"""Clients by the thousand over many nodes, placed as a load balancer with
least connections does it; they come back as the reference clients do."""
import random
import re
import selectors
import socket
import struct
import threading
import time

from wire import CLOSE, PING, PONG, TEXT, close_frame, frame, request

HINT = re.compile(r"(?:^|[ ;,])reconnect_ms=(\d{1,9})(?:$|[ ;,])")
TOLD_MAX_S = 3600
FINAL = (4001, 4002)


class Rules:
    """When to come back: the rules and the numbers of holdfast.js."""

    def __init__(self, base=1, cap=60, jitter=0.2, stable=30):
        self.base, self.cap, self.jitter = base, cap, jitter
        self.stable = stable
        self.attempt = 0  # failures since a success

    def wait(self, lasted=None, told=None, chance=None):
        """Seconds; lasted: how long it was open, told: by the server."""
        is_stable = lasted is not None and lasted >= self.stable
        if is_stable:
            self.attempt = 0
        wait = 0
        if not is_stable or told is None:
            wait = min(self.cap, self.base * 2 ** min(self.attempt, 30))
            chance = random.random() if chance is None else chance
            wait *= 1 + self.jitter * (2 * chance - 1)
            self.attempt += 1
        return max(wait, min(told or 0, TOLD_MAX_S))


class Bird:
    """One client."""

    def __init__(self, name, rules):
        self.name = name
        self.rules = rules
        self.opened_at = None
        self.node = None
        self.socket = None
        self.buffer = b""
        self.is_open = False
        self.echoes = 0
        self.messages = []  # (when, document)
        self.lost_at = self.back_at = None


class Flock:
    """All of them, served by a thread of its own."""

    def __init__(self, nodes, **rules):
        self.rules = rules
        self.nodes = {id(node): node for node in nodes}
        self.counts = {id(node): 0 for node in nodes}
        self.birds = []
        self.due = []  # (when, bird), of those that wait
        self.opened = []  # (when, node)
        self.severed = []  # (when, bird, node)
        self.refused = 0
        self.left = []  # those closed with a close frame, likewise
        self.dark = None  # a node that is off, and nobody notices
        self.unaware = []
        self.selector = selectors.DefaultSelector()
        self.lock = threading.Lock()
        self.stops = False
        self.failure = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def close(self):
        self.stops = True
        self.thread.join()
        for bird in self.birds:
            if bird.socket is not None:
                bird.socket.close()
        self.selector.close()
        assert self.failure is None, self.failure

    # ---- asked by the test

    def add(self, count, per_second):
        now = time.monotonic()
        with self.lock:
            for i in range(count):
                bird = Bird(f"bird-{len(self.birds)}", Rules(**self.rules))
                self.birds.append(bird)
                self.due.append((now + i / per_second, bird))

    def open_count(self):
        assert self.failure is None, self.failure
        return sum(bird.is_open for bird in self.birds)

    def down(self, node):
        """The load balancer has seen that it is not there."""
        with self.lock:
            self.nodes.pop(id(node), None)

    def power_off(self, node):
        """Its clients hear nothing, as if no packet said that it is gone."""
        with self.lock:
            self.dark = node
        self.down(node)

    def notice(self, nodes):
        """Now they do, all at once; each finds a place on one of these."""
        with self.lock:
            self.dark = None
            self.nodes = {id(node): node for node in nodes}
            for bird, was_open in self.unaware:
                self.come_back(bird, was_open)

    def up(self, node):
        with self.lock:
            self.nodes[id(node)] = node

    def echo(self):
        """Everybody says something; true once all have been answered."""
        with self.lock:
            for bird in self.birds:
                bird.echoes = 0
                if bird.is_open:
                    self.send(bird, frame(TEXT, bird.name))

    def echoed(self):
        return sum(bird.echoes > 0 for bird in self.birds)

    # ---- the thread

    def run(self):
        try:
            while not self.stops:
                with self.lock:
                    self.turn()
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error
            raise

    def turn(self):
        now = time.monotonic()
        late = [bird for when, bird in self.due if when <= now]
        if late:
            self.due = [item for item in self.due if item[0] > now]
        for bird in late:
            self.connect(bird)
        for key, _ in self.selector.select(0.01):
            self.on_ready(key.data)

    def later(self, bird, seconds):
        self.due.append((time.monotonic() + seconds, bird))

    def connect(self, bird):
        target = min(self.nodes, key=lambda one: self.counts[one])
        bird.node = self.nodes[target]
        bird.socket = socket.socket()
        bird.socket.setblocking(False)
        bird.buffer = b""
        self.counts[target] += 1
        bird.socket.connect_ex(("127.0.0.1", bird.node.port))
        self.selector.register(bird.socket, selectors.EVENT_WRITE, bird)

    def send(self, bird, data):
        try:
            bird.socket.send(data)
        except OSError:
            pass  # its end will be read

    def drop(self, bird):
        self.selector.unregister(bird.socket)
        bird.socket.close()
        bird.socket = None
        bird.is_open = False
        self.counts[id(bird.node)] -= 1

    def come_back(self, bird, was_open, told=None):
        lasted = time.monotonic() - bird.opened_at if was_open else None
        self.later(bird, bird.rules.wait(lasted, told))

    def on_ready(self, bird):
        if self.selector.get_key(bird.socket).events == selectors.EVENT_WRITE:
            self.selector.modify(bird.socket, selectors.EVENT_READ, bird)
            self.send(bird, request(
                f"/ws?client_id={bird.name}&hint=1"))
            return
        try:
            part = bird.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        if not part:
            self.on_end(bird)
            return
        bird.buffer += part
        if not bird.is_open and not self.on_answer(bird):
            return
        while bird.socket is not None and self.take_frame(bird):
            pass

    def on_end(self, bird):
        now = time.monotonic()
        was_open = bird.is_open
        if was_open:
            self.severed.append((now, bird, bird.node))
            bird.lost_at, bird.back_at = now, None
        self.drop(bird)
        if bird.node is self.dark:
            self.unaware.append((bird, was_open))
        else:
            self.come_back(bird, was_open)

    def on_answer(self, bird):
        head, found, rest = bird.buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        status = int(head.split()[1])
        if status == 101:
            bird.is_open, bird.buffer = True, rest
            bird.back_at = bird.opened_at = time.monotonic()
            self.opened.append((bird.back_at, bird.node))
            return True
        assert status == 503, head
        self.refused += 1
        after = [line.split(b":")[1] for line in head.split(b"\r\n")
                 if line.lower().startswith(b"retry-after:")]
        self.drop(bird)
        # Whole seconds: not all who were told the same at the same instant.
        self.come_back(bird, False, int(after[0]) + random.random())
        return False

    def on_close(self, bird, payload):
        code, = struct.unpack("!H", payload[:2])
        hint = HINT.search(payload[2:].decode())
        # Nobody here replaces or kicks one, and it would not come back.
        assert code not in FINAL, (bird.name, code)
        self.come_back(bird, True, hint and int(hint[1]) / 1000)

    def take_frame(self, bird):
        if len(bird.buffer) < 2 or len(bird.buffer) < 2 + bird.buffer[1]:
            return False
        assert bird.buffer[1] < 126
        opcode = bird.buffer[0] & 15
        end = 2 + bird.buffer[1]
        payload, bird.buffer = bird.buffer[2:end], bird.buffer[end:]
        if opcode == PING:
            self.send(bird, frame(PONG, payload))
        elif opcode == TEXT and payload.startswith(b"{"):
            bird.messages.append((time.monotonic(), payload.decode()))
        elif opcode == TEXT:
            assert payload.decode() == bird.name
            bird.echoes += 1
        elif opcode == CLOSE:
            self.left.append((time.monotonic(), bird, bird.node))
            self.send(bird, close_frame(1000))
            self.drop(bird)
            self.on_close(bird, payload)
        return True
