#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The man pages are clean mdoc, as mandoc -Tlint -Wstyle sees it.

Some messages are about the system: a page for which there is no installed
section to compare with, a database that was not made anew since, and the
convention of an OpenBSD RCS line.
"""
import re
import subprocess

from tree import ROOT, finish

HARMLESS = re.compile(r"referenced manual not found|RCS id missing"
                      r"|outdated mandoc.db"
                      r"|operating system explicitly specified")


def main():
    problems = []
    for page in sorted(ROOT.glob("man/*.[1-8]")):
        done = subprocess.run(["mandoc", "-Tlint", "-Wstyle", page.name],
                              cwd=page.parent, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        problems += [f"man/{line.removeprefix('mandoc: ')}"
                     for line in done.stdout.decode().splitlines()
                     if not HARMLESS.search(line)]
    finish(problems)


main()
