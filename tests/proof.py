#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Kills everything, many times, and writes down what it cost.

`make proof' calls it: the long forms of the tests that note what they saw
(tests/integration/proof.py) are run, which takes hours, or with
HOLDFAST_LONG=0 their short ones, in minutes.  The table in README.md, between
its two marks, is made anew from their notes.
"""
import argparse
import datetime
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LONG = os.environ.get("HOLDFAST_LONG", "1")
README = ROOT / "README.md"
BEGIN = "<!-- begin of the table that `make proof` writes -->\n"
END = "<!-- end of it -->\n"
HEAD = """\
| what was done | times | connections held | severed | messages checked | \
lost | twice or out of order |
|---|---|---|---|---|---|---|
"""


def noting_tests():
    """The test files that write down what they saw."""
    folder = ROOT / "tests/integration"
    return sorted(str(path) for path in folder.glob("test_*.py")
                  if "proof.note" in path.read_text())


def run_tests(args):
    """Run them; the notes, and pytest's exit code."""
    with tempfile.TemporaryDirectory(prefix="holdfast-proof-") as folder:
        notes = pathlib.Path(folder) / "notes"
        notes.touch()
        status = subprocess.run(
            ["/usr/bin/python3", "-m", "pytest", "-q", "-p",
             "no:cacheprovider", *noting_tests(),
             *shlex.split(args.pytest_args)], cwd=ROOT, check=False,
            env={**os.environ, "HOLDFAST_LONG": LONG,
                 "HOLDFAST_BUILD": args.build,
                 "HOLDFAST_FAULTS_BUILD": args.faults_build,
                 "HOLDFAST_PROOF": str(notes),
                 "PYTHONDONTWRITEBYTECODE": "1"}).returncode
        return [json.loads(line)
                for line in notes.read_text().splitlines()], status


def rows(notes):
    """One row for each deed, in the order they were first seen."""
    table = {}
    for note in notes:
        row = table.setdefault(note["what"], dict.fromkeys(
            ("times", "messages", "severed", "lost", "twice", "connections"),
            0))
        row["connections"] = max(row["connections"], note["connections"])
        for key in ("times", "messages", "severed", "lost", "twice"):
            row[key] += note[key]
    return table


def text_of(table):
    kernel = os.uname().release.partition("-")[0]
    form = "`HOLDFAST_LONG=0 make proof`" if LONG == "0" else "`make proof`"
    lines = [f"Made by {form} on {datetime.date.today()}, "
             f"{os.cpu_count()} CPUs, Linux {kernel}.\n\n", HEAD]
    for what, row in table.items():
        lines.append(
            f"| {what} | {row['times']:,} | {row['connections']:,} | "
            f"{row['severed']:,} | {row['messages']:,} | {row['lost']:,} | "
            f"{row['twice']:,} |\n")
    return "".join(lines)


def write_readme(text):
    before, begin, rest = README.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit("README.md has no marks for the table")
    README.write_text(before + BEGIN + "\n" + text + "\n" + END + after)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--faults-build", required=True)
    parser.add_argument("--pytest-args", default="")
    args = parser.parse_args()
    notes, status = run_tests(args)
    if status != 0 or not notes:
        sys.exit("a test failed: README.md stays as it is")
    text = text_of(rows(notes))
    write_readme(text)
    print(text)


if __name__ == "__main__":
    main()
