# SPDX-License-Identifier: ISC
"""Many clients at once, in one thread: who was closed when, and how."""
import selectors
import time

from wire import CLOSE, PING, PONG, Client, Closed, close_frame, frame


class Member:
    """One of the clients; closed_at and reason once it was closed."""

    def __init__(self, number, client, hint):
        self.number = number
        self.client = client
        self.hint = hint
        self.closed_at = None
        self.code = self.reason = None
        self.pinged_at = self.ponged_at = None
        self.severed = False


class Crowd:
    """Clients that answer pings and close frames, and ping when told."""

    def __init__(self, node, count, answers=True):
        self.answers = answers
        self.members = []
        self.selector = selectors.DefaultSelector()
        for number in range(count):
            hint = number % 2 == 0
            client = Client(node, f"c{number}", query="hint=1" if hint
                            else "")
            member = Member(number, client, hint)
            self.members.append(member)
            self.selector.register(client.socket, selectors.EVENT_READ,
                                   member)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.selector.close()
        for member in self.members:
            member.client.close()

    def left(self):
        return [m for m in self.members if m.closed_at is None]

    def ping(self):
        for member in self.left():
            if member.pinged_at is None:
                member.pinged_at = time.monotonic()
                try:
                    member.client.send(frame(PING, b"?"))
                except OSError:
                    pass

    def pump(self, seconds):
        """Serve the clients for so long."""
        end = time.monotonic() + seconds
        while self.selector.get_map():
            ready = self.selector.select(max(0, end - time.monotonic()))
            for key, _ in ready:
                self.on_bytes(key.data)
                # Several frames may have come in one go.
                while key.data.client.buffer:
                    self.on_bytes(key.data)
            if time.monotonic() >= end:
                break

    def on_end(self, member):
        self.selector.unregister(member.client.socket)
        if member.closed_at is None:
            member.closed_at = time.monotonic()
            member.severed = True
        if self.answers:
            member.client.close()

    def on_bytes(self, member):
        try:
            first, payload = member.client.take_frame()
        except Closed:
            self.on_end(member)
            return
        opcode = first & 0x0f
        if opcode == PONG:
            member.ponged_at = time.monotonic()
            member.pinged_at = None
        elif opcode == PING:
            member.client.send(frame(PONG, payload))
        elif opcode == CLOSE:
            member.code = int.from_bytes(payload[:2], "big")
            member.reason = payload[2:].decode()
            member.closed_at = time.monotonic()
            if self.answers:
                member.client.send(close_frame(member.code))

    def run(self, seconds, on_turn=lambda: None):
        """Until everybody is closed; on_turn ten times a second."""
        end = time.monotonic() + seconds
        while self.left() or (self.answers and self.selector.get_map()):
            assert time.monotonic() < end, f"{len(self.left())} are left"
            on_turn()
            self.pump(0.1)

    def check_ends(self):
        """Everybody was told that it is a drain's, and when to be back if it
        wants to know."""
        for member in self.members:
            assert not member.severed, member.number
            assert member.code == 1012
            assert bool(member.reason) == member.hint
            if member.hint:
                name, _, ms = member.reason.partition("=")
                assert name == "reconnect_ms" and 0 <= int(ms) < 11000

    def times(self, begun):
        return sorted(m.closed_at - begun for m in self.members
                      if m.closed_at is not None)


def histogram(times, window, buckets):
    """How many of the times fall into each part of the window."""
    counts = [0] * buckets
    for moment in times:
        counts[min(buckets - 1, max(0, int(moment / window * buckets)))] += 1
    return counts


def most_within(times, width):
    """The largest number of times in any slice of that width."""
    best = low = 0
    for high, moment in enumerate(times):
        while moment - times[low] > width:
            low += 1
        best = max(best, high - low + 1)
    return best
