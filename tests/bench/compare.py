# SPDX-License-Identifier: ISC
"""CPU per handshake and per echo, one worker, against the floor."""
import measure
from measure import Row
from node import Floor, Node

STORM = ("-n", 128, "--verify", "none")
ECHO = ("-c", 200, "-s", 125)


def compare(servers, slices, seconds, operations, mode, options):
    """Returns server -> (us of CPU per operation, slices, calls)."""
    found = measure.run_slices(servers, slices, operations, mode,
                               "-t", seconds, *options)
    return {server: (measure.us_per_operation(parts), parts,
                     measure.sample_syscalls(server, operations, mode,
                                             *options))
            for server, parts in found.items()}


def rate(parts, key):
    return sum(part.load[key] for part in parts) / len(parts)


def quantile(parts, key, name):
    """The median over slices of one quantile."""
    return sorted(part.load[key][name] for part in parts)[len(parts) // 2]


def rows_of(what, found, key, latency, bar):
    (us, parts, calls), (floor_us, floor_parts, floor_calls) = found
    low, high = measure.spread(parts, floor_parts)
    yield Row(f"CPU per {what} (pairs {low:.2f} to {high:.2f})", "us",
              us, floor_us, ("ratio", bar))
    if calls and floor_calls:
        yield Row(f"system calls per {what}", "", calls, floor_calls)
    yield Row(f"{what}s per second", "/s", rate(parts, key),
              rate(floor_parts, key))
    for name in ("p50", "p99", "max"):
        yield Row(f"{what} time {name}", "us",
                  quantile(parts, latency, name),
                  quantile(floor_parts, latency, name))
    broken = sum(part.load["lost"] + part.load["duplicated"] +
                 part.load["corrupt"] + part.load["severed"] +
                 part.load["refused"] for part in parts)
    yield Row(f"{what}s that failed", "", broken, None, ("==", 0))


def handshakes(slices=8, seconds=3):
    with Node(workers=1) as node, Floor(workers=1) as floor:
        found = compare([node, floor], slices, seconds, "opened", "storm",
                        STORM)
        yield from rows_of("handshake", [found[node], found[floor]],
                           "handshakes_per_second", "handshake_us", 1.25)


def echoes(slices=8, seconds=3):
    with Node(workers=1) as node, Floor(workers=1) as floor:
        found = compare([node, floor], slices, seconds, "received", "echo",
                        ECHO)
        yield from rows_of("echo", [found[node], found[floor]],
                           "messages_per_second", "latency_us", 1.15)
