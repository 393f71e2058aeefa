# SPDX-License-Identifier: ISC
"""Callers of the API that number what they send, and receivers that check it.

A caller sends the next number only when the last was answered.  What was
accepted (2xx) must arrive exactly once and in order; what got no answer, or
one that says so, at most once.
"""
import http.client
import json
import queue
import threading

from node import PATIENCE, SLOW, wait_until
from wire import CLOSE, PING, PONG, TEXT, Client, Closed, close_frame, frame

NO_ANSWER = "none"
QUIET_S = 0.1 * SLOW


class Caller(threading.Thread):
    """Dispatches numbers to one client until stop()."""

    def __init__(self, node, target, keep=True, pad=0, step_s=0.0):
        super().__init__(daemon=True)
        self.node = node
        self.target = target
        self.keep = keep
        self.pad = "x" * pad
        self.step_s = step_s
        self.answers = []  # of number 1, 2, ...: (status, text)
        self.ending = threading.Event()
        self.http = None

    def ask(self, body):
        if self.http is None:
            self.http = http.client.HTTPConnection(
                "127.0.0.1", self.node.api_port, timeout=20 * PATIENCE)
        headers = {} if self.keep else {"Connection": "close"}
        self.http.request("POST", "/api/v1/gateway/dispatch", body, headers)
        answer = self.http.getresponse()
        text = answer.read()
        return answer.status, json.loads(text).get("status")

    def run(self):
        while not self.ending.wait(self.step_s):
            number = len(self.answers) + 1
            body = json.dumps({
                "target_client_id": self.target, "message_id": f"m{number}",
                "event_type": "t",
                "payload": {"n": number, "pad": self.pad}})
            try:
                self.answers.append(self.ask(body))
            except (OSError, http.client.HTTPException) as error:
                self.answers.append((NO_ANSWER, repr(error)))
                self.drop()
            if not self.keep:
                self.drop()
        self.drop()

    def drop(self):
        if self.http is not None:
            self.http.close()
        self.http = None

    def stop(self):
        self.ending.set()
        self.join(30 * PATIENCE)
        assert not self.is_alive()

    def accepted(self):
        return [number for number, (status, _) in enumerate(self.answers, 1)
                if status == 200]

    def possible(self):
        """Numbers that may have arrived: no answer says that they did not."""
        return {number for number, (status, text) in enumerate(self.answers, 1)
                if status in (200, 504, NO_ANSWER) or text == "unknown"}

    def failures(self):
        return [(number, *answer)
                for number, answer in enumerate(self.answers, 1)
                if answer[0] != 200]


class Receiver(threading.Thread):
    """Reads one connection until it is closed, or until stop()."""

    def __init__(self, node, name, client=None):
        super().__init__(daemon=True)
        self.client = client or Client(node, name)
        self.client.socket.settimeout(QUIET_S)
        self.numbers = []
        self.broadcasts = []
        self.close_code = None
        self.moving = threading.Event()
        self.following = queue.Queue()
        self.moves = 0
        self.error = None
        self.ending = threading.Event()

    def run(self):
        try:
            self.read()
        except Closed as error:  # for the test's own thread to see
            self.error = error

    def move(self, node, name):
        """Connect anew under the same id, which ends the old connection."""
        self.moving.set()
        client = Client(node, name)
        client.socket.settimeout(QUIET_S)
        self.following.put(client)

    def follow(self):
        """The old connection was closed: read the new one."""
        self.client.send(close_frame(self.close_code))
        self.client.close()
        self.client = self.following.get(timeout=20 * PATIENCE)
        self.moving.clear()
        self.moves += 1
        self.close_code = None

    def wait_frame(self):
        """False: nothing more has come, and the end is near."""
        while not self.client.buffer:
            try:
                self.client.fill()
            except TimeoutError:
                if self.ending.is_set():
                    return False
        # A frame that has begun comes whole, or the node is broken.
        self.client.socket.settimeout(20 * PATIENCE)
        return True

    def read(self):
        while self.wait_frame():
            first, payload = self.client.take_frame()
            self.client.socket.settimeout(QUIET_S)
            if first & 0x0f == TEXT:
                self.take(json.loads(payload))
            elif first & 0x0f == PING:
                self.client.send(frame(PONG, payload))
            elif first & 0x0f == CLOSE:
                self.close_code = int.from_bytes(payload[:2], "big")
                if not self.moving.is_set():
                    return
                self.follow()

    def take(self, doc):
        if doc["event_type"] == "broadcast":
            self.broadcasts.append(doc["payload"]["n"])
        else:
            self.numbers.append(doc["payload"]["n"])

    def stop(self):
        """Read until nothing comes for a moment, then end."""
        self.ending.set()
        self.join(30 * PATIENCE)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error
        return self.numbers


def has_all(caller, numbers):
    return set(caller.accepted()) <= set(numbers)


def check(caller, numbers):
    """Exactly once what was accepted, at most once the rest, in order."""
    assert numbers == sorted(set(numbers)), \
        f"{caller.target}: doubled or out of order"
    lost = set(caller.accepted()) - set(numbers)
    assert not lost, f"{caller.target}: accepted but lost: {sorted(lost)}"
    strange = set(numbers) - caller.possible()
    assert not strange, (f"{caller.target}: arrived though refused: "
                         f"{[(n, caller.answers[n - 1]) for n in strange]}")


class Traffic:
    """So many clients, each with a caller of its own."""

    def __init__(self, node, count, **more):
        self.node = node
        self.receivers = [Receiver(node, f"c{n}") for n in range(count)]
        self.callers = [Caller(node, f"c{n}", keep=n % 2 == 0, **more)
                        for n in range(count)]

    def __enter__(self):
        for thread in self.receivers + self.callers:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        for caller in self.callers:
            caller.ending.set()
        try:
            if kind is None:
                self.finish()
        finally:
            for receiver in self.receivers:
                receiver.ending.set()
                receiver.client.close()

    def finish(self):
        for caller, receiver in zip(self.callers, self.receivers):
            caller.stop()
            try:
                wait_until(lambda c=caller, r=receiver: has_all(c, r.numbers))
            except AssertionError:
                pass  # check() says which
            check(caller, receiver.stop())
            assert receiver.close_code is None

    def move(self, number):
        """Have a client connect anew and wait until it has taken leave."""
        receiver = self.receivers[number]
        before = receiver.moves
        receiver.move(self.node, f"c{number}")
        wait_until(lambda: receiver.moves > before)

    def sent(self):
        return sum(len(caller.answers) for caller in self.callers)
