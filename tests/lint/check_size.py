#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Files up to 500 lines, functions up to 60, headers up to 120.

A function is what KNF makes of it: from a brace in the first column that
follows a line of text to the next closing brace in the first column.
"""
import re

from tree import finish, sources

MAX_FILE = 500
MAX_HEADER = 120
MAX_FUNCTION = 60


def functions(lines):
    """Yield (name, line number, lines between the braces)."""
    begun = None
    name = ""
    for number, line in enumerate(lines, 1):
        if line == "{":
            begun = number
        elif line.startswith("}"):
            if begun is not None:
                yield name, begun, number - begun - 1
            begun = None
        elif begun is None and (match := re.match(r"(\w+)\(", line)):
            name = match[1]


def main():
    problems = []
    for path, lines in sources(".c", ".h", ".py"):
        most = MAX_HEADER if path.suffix == ".h" else MAX_FILE
        if len(lines) > most:
            problems.append(f"{path}: {len(lines)} lines, at most {most}")
        if path.suffix == ".py":
            continue
        for name, number, length in functions(lines):
            if length > MAX_FUNCTION:
                problems.append(f"{path}:{number}: {name}() has {length} "
                                f"lines, at most {MAX_FUNCTION}")
    finish(problems)


main()
