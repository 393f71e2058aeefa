# SPDX-License-Identifier: ISC
"""100,000 connections opened at full speed and held, every one probed."""
import measure
from measure import Load, Row
from node import Node

# 7 slots of fewer than 20,000 files each; 8 client processes likewise.
WORKERS, CLIENTS = 7, 8


def hundred_thousand(count=100000, seconds=60):
    with Node(workers=WORKERS, capacity=count + 10000,
              is_pinned=False) as node:
        before = measure.pss_bytes(node.pids())
        load = Load("hold", node.target, "-c", count, "-P", CLIENTS,
                    "-n", 128 * CLIENTS, "-t", seconds, "--probe-ms", 15000)
        load.wait_ready()
        user = measure.pss_bytes(node.pids()) - before
        result = load.result()
    yield Row(f"connections live after {seconds} s", "", result["live"], None,
              ("==", count))
    yield Row("connections severed", "", result["severed"], None, ("==", 0))
    yield Row("handshakes refused", "", result["refused"], None, ("==", 0))
    yield Row("probes unanswered or late", "",
              result["lost"] + result["late_probes"], None, ("==", 0))
    yield Row("probes answered", "", result["received"])
    yield Row("opened per second", "/s", result["open_per_second"])
    yield Row("handshake time p99", "ms",
              result["handshake_us"]["p99"] / 1000)
    yield Row("probe time p99", "ms", result["latency_us"]["p99"] / 1000)
    yield Row("user bytes per connection, from none", "B", user / count)
