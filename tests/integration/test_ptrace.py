# SPDX-License-Identifier: ISC
"""Dies at random instructions of the shipped programs.

Crash points (test_crashpoints.py) are complete but are barriers that a
compiler respects; here the tenant is single-stepped and killed wherever it
happens to be, most often inside a step.  Meanwhile a script checks all that a
gateway does, and hundreds of echoes a second are counted.  In the end the
slot's table, index, arena, fds and epoll set must agree (slot_check).
"""
import zlib

import proof
from load import Load
from node import LONG, SLOW, wait_until
from slot import Killer, check_slot
from test_crashpoints import Script
from wire import DEFLATE, FIN, RSV1, TEXT, Client, frame

KILLS = (3000 if LONG else 100) // SLOW


class Packed:
    """Compressed messages, some in fragments, checked byte for byte."""

    def __init__(self, node):
        self.client = Client(node, "packed", headers=(DEFLATE,))
        assert "permessage-deflate" in \
            self.client.headers["sec-websocket-extensions"]
        self.number = 0

    @staticmethod
    def pack(data):
        packer = zlib.compressobj(wbits=-15)
        return (packer.compress(data)
                + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]

    @staticmethod
    def unpack(data):
        return zlib.decompressobj(wbits=-15).decompress(
            data + b"\0\0\xff\xff")

    def run(self):
        # the script's broadcast comes to everybody, once
        assert b'"message_id": "b"' in self.client.take_message(TEXT)
        self.number += 1
        data = f"{self.number}:".encode() + b"compress me " * 4000
        packed = self.pack(data)
        third = len(packed) // 3
        self.client.send(frame(TEXT, packed[:third], fin=False, rsv=RSV1))
        self.client.send(frame(0, packed[third:]))
        first, payload = self.client.take_answer()
        assert first == FIN | RSV1 | TEXT
        assert self.unpack(payload) == data


def test_kill_at_random_instructions(start):
    node = start({"websocket.max_queue": "8MiB", "worker.stall": "60s",
                  "worker.max_crashes": 1000,
                  "websocket.ping_interval": "1s",
                  "websocket.ping_misses": 60})
    script, packed = Script(node), Packed(node)
    rounds = 0
    with Load(node, "sequence", "-c", 40, "-t", 0, "--interval-ms", 10,
              "-s", 100) as load, \
         Load(node, "hold", "-c", 20, "-t", 0, "--probe-ms", 0) as idle:
        load.wait_ready()
        idle.wait_ready()  # they are asked by pings alone
        with Killer(node, KILLS) as killer:
            while killer.is_running():
                script.run()
                packed.run()
                rounds += 1
    load.assert_whole()
    idle.assert_whole()
    assert script.plain.echo("the end")
    counts = check_slot(node)
    print(f"{killer.kills} kills, {killer.inside} inside steps, "
          f"{rounds} rounds, {counts}")
    assert killer.kills >= KILLS
    assert killer.inside >= KILLS // 4
    assert rounds > 0
    assert node.restarts("killed") == killer.kills
    assert node.metric("closes_total", cause="quarantine") == 0
    assert node.metric("closes_total", cause="invalid") == 0
    # plain, parts, slow, held, long and packed are left, and counted
    wait_until(lambda: node.connections() == node.open_count() == 6)
    assert check_slot(node)["records"] == 6
    proof.note_load("gateway tenant, killed at a random instruction",
                    killer.kills, load)
