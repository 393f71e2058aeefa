#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""holdfastd(8) has a line for each metric of the fleet and of Redis, and for
none that is not there."""
import re

from tree import ROOT, finish

PARTS = "fleet|redis"
GAUGE = re.compile(rf'metrics_\w+\(out, "((?:{PARTS})_\w+)"')
COUNTER = re.compile(rf'\{{\s*"((?:{PARTS})_\w+)",')
TOLD = re.compile(rf"\bholdfast_((?:{PARTS})_\w+)")


def metrics():
    for path in sorted(ROOT.glob("supervisor/metrics*.c")):
        yield from GAUGE.findall(path.read_text(encoding="utf-8"))
    text = (ROOT / "proto/counter_info.c").read_text(encoding="utf-8")
    counters, histograms = text.split("histograms[HISTOGRAM_MAX]")
    for name in COUNTER.findall(counters):
        yield f"{name}_total"
    yield from COUNTER.findall(histograms)


def main():
    known = set(metrics())
    told = set()
    manual = (ROOT / "man/holdfastd.8").read_text(encoding="utf-8")
    for line in manual.splitlines():
        if line.startswith(".It Dv"):
            told.update(TOLD.findall(line))
    problems = [f"man/holdfastd.8: holdfast_{name} is not told"
                for name in sorted(known - told)]
    problems += [f"man/holdfastd.8: there is no holdfast_{name}"
                 for name in sorted(told - known)]
    if len(known) < 20:
        problems.append("tests/lint/check_metrics.py finds no metrics")
    finish(problems)


main()
