#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""holdfastctl(8) tells of each kind of event, and of none that is not there."""
import re

from tree import ROOT, finish, sources

CALL = re.compile(r"(?:supervisor|fleet|fleet_lead|worker)_event\(([^;]*?)\);")
# Kinds that reach such a call in a variable, or Redis in a script.
OTHERS = re.compile(r'\.kind = "(\w+)"'
                    r'|\bwhat = \w+ \? "(\w+)" : "(\w+)"'
                    r'|\btell\(\w+,(?:\s\w+,)?\s"(\w+)"'
                    r"|'kind',\"?\s*\"?'(\w+)'")


def kinds():
    for _, lines in sources(".c", folders=("supervisor", "worker")):
        text = "\n".join(lines)
        if "_event(" not in text and "'kind'" not in text:
            continue
        for arguments in CALL.findall(text):
            # The kind stands in front of what is said of it.
            yield from re.findall(r'"([a-z]+(?:_[a-z]+)*)"',
                                  re.split(r"\s-1,|,\s*\(int\)|config|NULL",
                                           arguments)[0])
        for found in OTHERS.findall(text):
            yield from filter(None, found)


def main():
    manual = (ROOT / "man/holdfastctl.8").read_text(encoding="utf-8")
    section = manual.split(".Sh EVENTS")[1].split(".Sh ")[0]
    told = set()
    for line in re.findall(r"^\.It Dv (.*)$", section, re.M):
        told.update(re.split(r" , ", line))
    known = set(kinds())
    problems = [f"man/holdfastctl.8: the event {kind} is not told"
                for kind in sorted(known - told)]
    problems += [f"man/holdfastctl.8: there is no event {kind}"
                 for kind in sorted(told - known)]
    finish(problems)


main()
