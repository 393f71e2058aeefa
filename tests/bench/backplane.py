# SPDX-License-Identifier: ISC
"""What comes by Redis: published messages on their way to sockets, and routes
written again after Redis has forgotten them."""
import json
import os
import signal
import subprocess
import time

import measure
from measure import Load, Row
from node import BUILD, Node, Redis, wait_until

BYTES = 500
CLIENTS = 2  # load processes: each below 20,000 files


class RedisLoad:
    """A redis_load that runs beside the script."""

    def __init__(self, mode, redis, messages, *options):
        self.process = subprocess.Popen(
            [BUILD / "bench/redis_load", mode, "-p", str(redis.port), "-k",
             "channel:bench", "-m", str(messages), *map(str, options)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        measure.STARTED.append(self.process)

    def wait_ready(self):
        if self.process.stderr.readline() != "ready\n":
            raise RuntimeError("redis_load: " + self.result())

    def result(self, seconds=120):
        try:
            out, errors = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        if self.process.returncode != 0:
            raise RuntimeError("redis_load: " + errors)
        return json.loads(out)


def ended(node):
    """Messages that have met one end or another."""
    return sum(value for key, value in node.metrics().items()
               if key.startswith("holdfast_dispatches_total"))


def open_all(load, count):
    opened, refused = load.wait_ready()
    if opened != count:
        raise RuntimeError(f"{opened} of {count} opened, {refused} refused")


def publish(node, redis, count, messages, rate):
    """One run: (publisher, bare subscriber, ws_load, CPU us of a message)."""
    load = Load("hold", node.target, "-c", count, "-P", CLIENTS, "-t", 0,
                "--probe-ms", 0, "--id-prefix", "push-",
                cpus=measure.client_cpus() if node.is_pinned else None)
    open_all(load, count)
    counter = RedisLoad("count", redis, messages)
    counter.wait_ready()
    before, cpu = ended(node), measure.cpu_ns(node.pids())
    publisher = RedisLoad("publish", redis, messages, "-c", count, "-i",
                          "push-", "-r", rate, "-s", BYTES)
    published = publisher.result()
    counted = counter.result()
    wait_until(lambda: ended(node) - before >= messages, 60,
               "all messages to be delivered or refused")
    cpu = measure.cpu_ns(node.pids()) - cpu
    return published, counted, load.stop(), cpu / 1e3 / messages


def missing(result, messages):
    return messages - result["push_us"]["count"] + result["push_duplicated"] \
        + result["push_out_of_order"]


def per_second(messages, seconds):
    return messages / seconds if seconds else 0


def published(rates=(50000, 0), count=10000, seconds=10):
    with Redis() as redis, Node(workers=1, capacity=count + 1000,
                                is_pinned=False, redis=redis) as node:
        for rate in rates:
            messages = (rate or 50000) * seconds
            sent, counted, got, cpu_us = publish(node, redis, count, messages,
                                                 rate)
            name = f"at {rate}/s" if rate else "as fast as Redis"
            yield Row(f"{name}: published", "/s",
                      per_second(messages, sent["seconds"]), rate or None,
                      ("at least", 0.98) if rate else None)
            yield Row(f"{name}: sockets, bare subscriber", "/s",
                      per_second(got["push_us"]["count"],
                                 got["push_seconds"]),
                      per_second(messages, counted["seconds"]),
                      ("at least", 0.6) if rate else None)
            # Above what the node can do the channel loses some, and says so.
            yield Row(f"{name}: of {messages} lost, repeated, late", "",
                      missing(got, messages), None,
                      ("==", 0) if rate else None)
            yield Row(f"{name}: PUBLISH to socket p50", "ms",
                      got["push_us"]["p50"] / 1000)
            yield Row(f"{name}: PUBLISH to socket p99", "ms",
                      got["push_us"]["p99"] / 1000)
            yield Row(f"{name}: CPU of the node for a message", "us", cpu_us)


def flush(redis, _):
    redis("FLUSHALL")


def reconnect(redis, _):
    redis("CLIENT", "KILL", "TYPE", "normal")


def kill_relay(_, node):
    os.kill(node.relay(), signal.SIGKILL)


def resyncs(node):
    return sum(value for key, value in node.metrics().items()
               if key.startswith("holdfast_route_resyncs_total"))


def is_synced(node):
    return node.ctl("status")["redis"]["routes"] == "synced"


def resync(count=100000, workers=7, processes=8):
    with Redis() as redis, Node(workers=workers, capacity=count + 10000,
                                is_pinned=False, redis=redis) as node:
        load = Load("hold", node.target, "-c", count, "-P", processes, "-n",
                    128 * processes, "-t", 0, "--probe-ms", 0)
        open_all(load, count)

        def registered():
            return redis("HLEN", "node-clients:bench") == count and \
                redis("DBSIZE") >= count
        wait_until(registered, 60, "all routes to be written")
        took = {}
        for what, name in ((flush, "FLUSHALL"),
                           (reconnect, "a lost connection"),
                           (kill_relay, "the death of the relay")):
            wait_until(lambda: is_synced(node), 60, "the node to be at rest")
            before = resyncs(node)
            begun = time.monotonic()
            what(redis, node)
            wait_until(lambda seen=before: resyncs(node) > seen, 60,
                       "a comparison to begin")
            wait_until(lambda: is_synced(node) and registered(), 60,
                       "all routes to be there again")
            took[name] = time.monotonic() - begun
        lost = sum(owner != b"bench" for owner in redis(
            "MGET", *(b"user-route:" + name
                      for name in redis("HKEYS", "node-clients:bench"))))
        result = load.stop()
    for name, seconds in took.items():
        yield Row(f"{count} routes compared after {name}", "s", seconds, None,
                  ("<=", 10))
    yield Row("routes missing or wrong, connections severed", "",
              lost + result["severed"], None, ("==", 0))
