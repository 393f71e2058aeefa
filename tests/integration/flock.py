# SPDX-License-Identifier: ISC
"""Clients by the thousand over many nodes, placed as a load balancer with
least connections does it; they come back as the reference clients do."""
import random
import selectors
import socket
import threading
import time

from wire import CLOSE, PING, PONG, TEXT, close_frame, frame, request

BASE_S, CAP_S = 0.5, 30


class Bird:
    """One client."""

    def __init__(self, name):
        self.name = name
        self.node = None
        self.socket = None
        self.buffer = b""
        self.is_open = False
        self.attempt = 0
        self.echoes = 0
        self.messages = []  # (when, document)
        self.lost_at = self.back_at = None


class Flock:
    """All of them, served by a thread of its own."""

    def __init__(self, nodes):
        self.nodes = {id(node): node for node in nodes}
        self.counts = {id(node): 0 for node in nodes}
        self.birds = []
        self.due = []  # (when, bird), of those that wait
        self.opened = []  # (when, node)
        self.severed = []  # (when, bird, node)
        self.refused = 0
        self.left = []  # those closed with a close frame, likewise
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
                bird = Bird(f"bird-{len(self.birds)}")
                self.birds.append(bird)
                self.due.append((now + i / per_second, bird))

    def open_count(self):
        assert self.failure is None, self.failure
        return sum(bird.is_open for bird in self.birds)

    def down(self, node):
        """The load balancer has seen that it is not there."""
        with self.lock:
            self.nodes.pop(id(node), None)

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

    def back_off(self, bird):
        wait = min(CAP_S, BASE_S * 2 ** bird.attempt)
        bird.attempt += 1
        self.later(bird, wait * random.uniform(0.5, 1.5))

    def on_ready(self, bird):
        if self.selector.get_key(bird.socket).events == selectors.EVENT_WRITE:
            self.selector.modify(bird.socket, selectors.EVENT_READ, bird)
            self.send(bird, request(f"/ws?client_id={bird.name}"))
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
        if bird.is_open:
            self.severed.append((now, bird, bird.node))
            bird.lost_at, bird.back_at = now, None
        self.drop(bird)
        self.back_off(bird)

    def on_answer(self, bird):
        head, found, rest = bird.buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        status = int(head.split()[1])
        if status == 101:
            bird.is_open, bird.buffer, bird.attempt = True, rest, 0
            bird.back_at = time.monotonic()
            self.opened.append((bird.back_at, bird.node))
            return True
        assert status == 503, head
        self.refused += 1
        after = [line.split(b":")[1] for line in head.split(b"\r\n")
                 if line.lower().startswith(b"retry-after:")]
        self.drop(bird)
        self.later(bird, int(after[0]) * random.uniform(0.8, 1))
        return False

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
            self.back_off(bird)
        return True
