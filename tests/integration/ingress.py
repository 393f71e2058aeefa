# SPDX-License-Identifier: ISC
"""A consumer of clients' messages: what a program behind holdfast does that
takes each of them once, as holdfast-protocol(7) tells it to."""
import threading

from node import wait_until
from redis_server import RedisError

GROUP = "workers"


class Consumer:
    """One of a consumer group.  Reads all partitions, drops repeats by
    (connection, seq), acknowledges, and trims what it has taken."""

    def __init__(self, redis, partitions=16, name="one", trims=True):
        self.redis = redis
        self.keys = [f"ingress:{number}" for number in range(partitions)]
        self.name = name
        self.trims = trims
        self.last = {}  # connection -> seq
        self.taken = []  # fields of each message, with its partition
        self.repeats = 0
        self.gaps = []
        self.stop = threading.Event()
        with redis.connect() as wire:
            for key in self.keys:
                try:
                    wire("XGROUP", "CREATE", key, GROUP, "0", "MKSTREAM")
                except RedisError as error:
                    assert "BUSYGROUP" in str(error)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stop.is_set():
            try:
                with self.redis.connect() as wire:
                    while not self.stop.is_set():
                        self.read(wire)
            except (OSError, RedisError):
                self.stop.wait(0.05)

    def read(self, wire):
        streams = wire("XREADGROUP", "GROUP", GROUP, self.name, "COUNT", "256",
                       "BLOCK", "50", "STREAMS", *self.keys,
                       *[">"] * len(self.keys))
        for key, entries in streams or ():
            for _, words in entries:
                self.take(key, dict(zip(words[::2], words[1::2])))
            wire("XACK", key, GROUP, *[entry for entry, _ in entries])
            if self.trims:
                last = entries[-1][0].split("-")
                wire("XTRIM", key, "MINID", f"{last[0]}-{int(last[1]) + 1}")

    def take(self, key, fields):
        connection, seq = fields["connection"], int(fields["seq"])
        last = self.last.get(connection, 0)
        if seq <= last:
            self.repeats += 1
            return
        if seq != last + 1 and connection in self.last:
            self.gaps.append((connection, last, seq))
        self.last[connection] = seq
        self.taken.append((key, fields))

    def texts(self, client):
        return [fields["data"] for _, fields in list(self.taken)
                if fields["client_id"] == client]

    def wait(self, count, seconds=20):
        wait_until(lambda: len(self.taken) >= count, seconds,
                   f"{count} messages, not {len(self.taken)}")
        assert not self.gaps, self.gaps[:3]

    def close(self):
        self.stop.set()
        self.thread.join()
