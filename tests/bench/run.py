#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Runs the benchmarks and prints one table; `make bench' calls it.

Each figure that README or NEWS states has a bar here.  Exit status 1 says
that one was missed.
"""
import argparse
import json
import os
import pathlib
import signal
import sys

import backplane
import compare
import failover
import handoff
import hundred_thousand
import measure
import memory
import node
import recovery
import upstream

BENCHES = {
    "handshake": compare.handshakes,
    "echo": compare.echoes,
    "memory": memory.idle_bytes,
    "recovery": recovery.recovery,
    "handoff": handoff.handoff,
    "100k": hundred_thousand.hundred_thousand,
    "published": backplane.published,
    "upstream": upstream.upstream,
    "resync": backplane.resync,
    "failover": failover.failover,
}

QUICK = {
    "handshake": {"slices": 4, "seconds": 1},
    "echo": {"slices": 4, "seconds": 1},
    "memory": {},
    "recovery": {"counts": (1000,), "kills": 5},
    "handoff": {"counts": (1000,), "moves": 5},
    "100k": {"count": 30000, "seconds": 10},
    "published": {"rates": (10000,), "count": 1000, "seconds": 2},
    "upstream": {"count": 500, "each": 40, "rounds": 1},
    "resync": {"count": 20000, "workers": 2, "processes": 2},
    "failover": {"rounds": 1, "clients": 2000, "nodes": 3, "outage_s": 8,
                 "window": 5},
}


def number(value):
    if value is None:
        return ""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" \
        if abs(value) < 1 else f"{value:,.2f}"


def print_row(row):
    quotient = measure.ratio(row)
    bar = ""
    if row.bar:
        sign = {"ratio": "x <=", "<=": "<=", "==": "=",
                "at least": "x >="}[row.bar[0]]
        bar = f"{sign} {number(row.bar[1])}"
        bar += "" if measure.is_met(row) else "  MISSED"
    print(f"  {row.what:<52} {number(row.product):>10} {row.unit:<3}"
          f"{number(row.floor):>10} "
          f"{f'{quotient:.3f}' if quotient else '':>6}  {bar}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benches", nargs="*", metavar="BENCH",
                        help=" ".join(BENCHES))
    parser.add_argument("--quick", action="store_true",
                        help="short slices and fewer connections")
    parser.add_argument("--json", action="store_true",
                        help="one JSON object per row")
    parser.add_argument("--priority", action="store_true",
                        help="raise the priority of this login session")
    args = parser.parse_args()
    unknown = set(args.benches) - set(BENCHES)
    if unknown:
        parser.error("no such benchmark: " + " ".join(sorted(unknown)))
    # So that servers and loads are stopped as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    node.raise_limits()
    if args.priority:
        try:
            pathlib.Path("/proc/self/autogroup").write_text("-19")
        except OSError as error:
            print(f"priority unchanged: {error}", file=sys.stderr)
    missed = 0
    if not args.json:
        print(f"{os.cpu_count()} CPUs, kernel {os.uname().release}\n"
              f"  {'':<52} {'holdfast':>10}    {'floor':>10} {'ratio':>6}  bar")
    for name in args.benches or BENCHES:
        if not args.json:
            print(name)
        for row in BENCHES[name](**(QUICK[name] if args.quick else {})):
            missed += not measure.is_met(row)
            if args.json:
                print(json.dumps(dict(row._asdict(), bench=name,
                                      ratio=measure.ratio(row),
                                      met=measure.is_met(row))), flush=True)
            else:
                print_row(row)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
