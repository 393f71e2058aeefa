# SPDX-License-Identifier: ISC
"""Peers that do the wrong thing while tenants die.

FIN, reset, half-close, urgent data, silence and bulk transfers make the
kernel's byte counts, which a successor settles an interrupted step by, as
hard to read as can be.  Every peer checks what it is owed, to the byte; the
counted load beside them must not notice.
"""
import os
import random
import socket
import struct
import threading
import time

import pytest

from load import Load
from node import LONG, SLOW, wait_until
from slot import Killer, check_slot
from wire import TEXT, Client, Closed, Raw, frame, request

KILLS = (1000 if LONG else 30) // SLOW


def settled(node):
    """Steps of dead tenants that the kernel's counts corrected."""
    return int(node.metric("steps_settled_total"))


def texts(rng, count):
    return [f"{n}:" + "t" * rng.choice((0, 10, 300, 5000, 40000))
            for n in range(count)]


def send_slowly(client, rng, data):
    """In pieces that no frame begins with."""
    while data:
        size = rng.randrange(1, 20000)
        client.send(data[:size])
        data = data[size:]


def half_close(node, rng):
    """FIN behind the last message: all answers come, and then FIN."""
    client = Client(node)
    sent = texts(rng, rng.randrange(6))
    send_slowly(client, rng,
                b"".join(frame(TEXT, text) for text in sent))
    client.socket.shutdown(socket.SHUT_WR)
    for text in sent:
        assert client.take_message(TEXT).decode() == text
    with pytest.raises(Closed):
        client.take(1)
    client.close()


def half_frame(node, rng):
    """FIN in the middle of a frame: what was whole is answered."""
    client = Client(node)
    data = frame(TEXT, "whole") + frame(TEXT, "x" * 3000)
    client.send(data[:rng.randrange(11, len(data))])
    client.socket.shutdown(socket.SHUT_WR)
    assert client.take_message(TEXT) == b"whole"
    with pytest.raises(Closed):
        client.take(1)
    client.close()


def urgent(node, rng):
    """Urgent bytes are bytes like others, in their place."""
    client = Client(node)
    for text in texts(rng, 4):
        data = frame(TEXT, text)
        at = rng.randrange(len(data))
        if at:
            client.send(data[:at])
        assert client.socket.send(data[at:at + 1], socket.MSG_OOB) == 1
        client.send(data[at + 1:])
        assert client.take_message(TEXT).decode() == text
    client.finish()


def urgent_head(node, rng):
    """The same in an opening handshake."""
    client = Raw(node)
    data = request()
    at = rng.randrange(len(data) - 1)
    client.send(data[:at + 1])
    assert client.socket.send(data[at + 1:at + 2], socket.MSG_OOB) == 1
    client.send(data[at + 2:])
    assert client.take_head() == 101
    client.send(frame(TEXT, "hello"))
    assert client.take_frame() == (0x80 | TEXT, b"hello")
    client.close()


def reset(node, rng):
    """Gone without a word, with answers under way."""
    client = Client(node)
    for text in texts(rng, rng.randrange(5)):
        client.send(frame(TEXT, text)[:rng.randrange(1, 50000)])
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
    client.close()


def silent(node, rng):
    """Nothing for a while, at a bad place, and then the rest."""
    client = Raw(node)
    data = request()
    at = rng.randrange(len(data))
    client.send(data[:at])
    time.sleep(rng.random() * 0.2)
    client.send(data[at:])
    assert client.take_head() == 101
    data = frame(TEXT, "s" * 1000)
    at = rng.randrange(len(data))
    client.send(data[:at])
    time.sleep(rng.random() * 0.2)
    client.send(data[at:])
    assert client.take_frame() == (0x80 | TEXT, b"s" * 1000)
    client.close()


def unread(node, rng):
    """Closes with answers that it never read: the kernel resets."""
    client = Client(node, rcvbuf=4096)
    client.send(b"".join(frame(TEXT, text) for text in texts(rng, 3)))
    client.close()


DEEDS = (half_close, half_frame, urgent, urgent_head, reset, silent, unread)


class Peers(threading.Thread):
    """One hostile deed after the other."""

    def __init__(self, node, seed, killer):
        super().__init__(daemon=True)
        self.node = node
        self.rng = random.Random(seed)
        self.killer = killer
        self.done = dict.fromkeys((deed.__name__ for deed in DEEDS), 0)
        self.error = None

    def run(self):
        while self.killer.is_running() and self.error is None:
            deed = self.rng.choice(DEEDS)
            try:
                deed(self.node, self.rng)
            except Exception as error:  # pylint: disable=broad-except
                self.error = (deed.__name__, repr(error))
            self.done[deed.__name__] += 1


def test_hostile_peers_during_kills(start):
    seed = int(os.environ.get("HOLDFAST_SEED", time.time_ns() % 2**32))
    print(f"HOLDFAST_SEED={seed}")
    node = start({"worker.max_crashes": 1000})
    with Load(node, "sequence", "-c", 100 // SLOW, "-t", 0, "--interval-ms",
              20) as load:
        load.wait_ready()
        with Killer(node, KILLS) as killer:
            peers = [Peers(node, seed + n, killer) for n in range(6)]
            for peer in peers:
                peer.start()
            for peer in peers:
                peer.join()
    errors = [peer.error for peer in peers if peer.error]
    assert not errors, errors
    load.assert_whole()
    done = {name: sum(peer.done[name] for peer in peers)
            for name in peers[0].done}
    print(f"{killer.kills} kills, {killer.inside} inside steps, "
          f"{settled(node)} settled, {done}")
    assert all(done.values()), done
    assert node.metric("closes_total", cause="quarantine") == 0
    assert node.metric("closes_total", cause="invalid") == 0
    wait_until(lambda: node.connections() == 0)
    assert check_slot(node)["records"] == 0


@pytest.mark.parametrize("size, depth, count", [(300000, 3, 8),
                                                (20000, 30, 8)])
def test_bulk_both_ways_during_kills(start, size, depth, count):
    """Segments arrive and are acknowledged while counts are read."""
    node = start({"worker.max_crashes": 1000,
                  "websocket.max_queue": "8MiB"})
    with Load(node, "sequence", "-c", count, "-d", depth, "-s", size, "-t", 0,
              "--verify", "all") as load:
        load.wait_ready()
        with Killer(node, KILLS) as killer:
            wait_until(lambda: not killer.is_running(), 30 + KILLS)
    load.assert_whole()
    print(f"{killer.kills} kills, {killer.inside} inside steps, "
          f"{settled(node)} settled, {load.result['received']} messages")
    assert load.result["received"] > count * depth
    assert node.metric("closes_total", cause="invalid") == 0
    wait_until(lambda: node.connections() == 0)
    assert check_slot(node)["blocks"] == 0
