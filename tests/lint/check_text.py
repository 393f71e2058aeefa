#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What every text of the tree keeps to.

80 columns (tabs of 8), no trailing blanks, a licence line, an opening
paragraph in C, header guards named after the path, file names used once, and
no field of a log line named like one that each line has.
"""
import re

from tree import ROOT, finish, sources

LICENCE = "SPDX-License-Identifier: ISC"
COLUMNS = 80
# a line that cannot be broken without breaking what it says
UNBREAKABLE = ("http://", "https://")
LOG_FIELD = re.compile(
    r'\blog_\w+\("(ts|level|proc|pid|event|msg)",\s*[^N"\s]')


def check_lines(path, lines):
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield f"{path}:{number}: blank at the end of the line"
        width = len(line.expandtabs(8))
        if width > COLUMNS and not any(u in line for u in UNBREAKABLE):
            yield f"{path}:{number}: {width} columns"
    if lines and not lines[-1]:
        yield f"{path}: blank line at the end"


def check_c(path, lines):
    if lines[:1] != [f"/* {LICENCE} */"]:
        yield f"{path}:1: write /* {LICENCE} */"
    opening = [line for line in lines[1:3] if line]
    if not opening or not opening[0].startswith("/*"):
        yield f"{path}:2: no opening paragraph"
    for number, line in enumerate(lines, 1):
        if LOG_FIELD.search(line) and path.parts[0] != "tests":
            yield f"{path}:{number}: each log line has such a field already"
    if path.suffix == ".h":
        guard = f"HOLDFAST_{path.parent.name}_{path.stem}_H".upper()
        if f"#ifndef {guard}" not in lines:
            yield f"{path}: the header guard is {guard}"


def main():
    problems = []
    names = {}
    for path, lines in sources(".c", ".h", ".proto", ".py", ".sh"):
        problems += check_lines(path, lines)
        if path.suffix in (".c", ".h"):
            problems += check_c(path, lines)
        elif not any(LICENCE in line for line in lines[:3]) and lines:
            problems.append(f"{path}:1: no {LICENCE}")
        if path.suffix == ".c" and path.name != "main.c":
            first = names.setdefault(path.name, path)
            if first != path:
                problems.append(f"{path}: same name as {first}")
    for name in ("Makefile", ".ci/run", "README.md", "NEWS.md",
                 "CONTRIBUTING.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for problem in check_lines(name, text.splitlines()):
            # Rows of tables cannot be broken.
            if not (name == "README.md" and problem.endswith("columns")):
                problems.append(problem)
    finish(problems)


main()
