#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Fuzzes each target for its share of the given seconds (`make fuzz'), as
many at a time as there are CPUs.

New inputs are kept in build/fuzz/corpus/NAME, which the next run starts from;
an input that breaks a parser is left in build/fuzz/found/NAME, to become a
seed in tests/fuzz/seeds/NAME with a unit test.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def fuzz(build, name, seconds):
    """Return whether the target survived; say what it did in one line."""
    corpus = build / "corpus" / name
    found = build / "found" / name
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    command = [build / f"fuzz_{name}", f"-max_total_time={seconds}",
               f"-artifact_prefix={found}/", "-print_final_stats=1",
               "-timeout=10", "-rss_limit_mb=2048", "-verbosity=1", corpus]
    seeds = ROOT / "tests/fuzz/seeds" / name
    if seeds.is_dir():
        command.append(seeds)
    words = seeds.with_suffix(".dict")
    if words.exists():
        command.append(f"-dict={words}")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = done.stdout.decode(errors="replace")
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", output)
    runs = int(runs[1]) if runs else 0
    if done.returncode == 0 and runs > 0:
        print(f"ok   fuzz_{name}: {runs} inputs in {seconds} s", flush=True)
        return True
    print("\n    ".join([f"FAIL fuzz_{name}: exit status {done.returncode}",
                         *output.splitlines()[-60:]]), flush=True)
    return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    build = args.build.resolve()
    each = max(1, args.seconds // len(args.names))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        passed = sum(pool.map(lambda name: fuzz(build, name, each),
                              args.names))
    failed = len(args.names) - passed
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
