# SPDX-License-Identifier: ISC
"""What the checks of this folder share: the files, and how to complain."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDERS = ("lib", "proto", "worker", "supervisor", "tests")


def sources(*suffixes, folders=FOLDERS):
    """Yield (path from the root, lines) of each file with such a suffix."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                text = path.read_text(encoding="utf-8", errors="replace")
                yield path.relative_to(ROOT), text.splitlines()


def finish(problems):
    """Print the problems, one a line, and exit with whether there are any."""
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
