#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""etc/holdfastctl.bash completes every command of holdfastctl and each of its
options, and holdfastctl(8) tells of all of them."""
import re

from tree import ROOT, finish

ROW = re.compile(r'\{ "([\w -]+)", "[^"]*", \d+, (?:\d+|INT_MAX),\s*([^"]*?)'
                 r"\s*\w+_MS,", re.S)
LONG = re.compile(r"\{ \"([\w-]+)\", \w+_argument, NULL, '(\w)' \}")
LETTER = re.compile(r"\{ '(\w)', \w+, (CTL_OPT_\w+),")


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def commands():
    """{command: its long options}"""
    text = read("supervisor/ctl/ctl_options.c")
    long_of = {letter: name for name, letter in LONG.findall(text)}
    name_of = {bit: long_of[letter] for letter, bit in LETTER.findall(text)}
    table = read("supervisor/ctl/ctl_command.c").split("ctl_commands[] = {")[1]
    return {name: {name_of[bit] for bit in re.findall(r"CTL_OPT_\w+", bits)}
            for name, bits in ROW.findall(table.split("{ NULL")[0])}


def completed(text):
    """What the script offers: {command: its long options}"""
    body = text.split("case $command in")[1].split("esac")[0]
    words = re.search(r"words='([^']*)'", body)[1].split()
    offered = {word: set() for word in words}
    for name, options in re.findall(r"(\S+)\) options='([^']*)'", body):
        offered.setdefault(name, set()).update(
            re.findall(r"--([\w-]+)", options))
    return offered


def main():
    problems = []
    known = commands()
    offered = completed(read("etc/holdfastctl.bash"))
    manual = read("man/holdfastctl.8")
    for command, options in known.items():
        first = command.split()[0]
        for option in sorted(options - offered.get(first, set())):
            problems.append(f"etc/holdfastctl.bash: {command} --{option}")
        for option in sorted(offered.get(first, set()) - options):
            problems.append(f"etc/holdfastctl.bash: {command} has no "
                            f"--{option}")
        entry = re.search(rf"^\.It Cm {command}\b(?:.*\\\n)*.*", manual, re.M)
        if first not in offered:
            problems.append(f"etc/holdfastctl.bash: {first} is missing")
        if entry is None:
            problems.append(f"man/holdfastctl.8: {command} is missing")
            continue
        for option in sorted(options):
            if not re.search(rf"(Fl|\|) -{option}\b", entry[0]):
                problems.append(f"man/holdfastctl.8: {command} --{option}")
    for command in sorted(set(offered) - {name.split()[0] for name in known}):
        problems.append(f"etc/holdfastctl.bash: there is no {command}")
    if len(known) < 20:
        problems.append("tests/lint/check_completion.py finds no commands")
    finish(problems)


main()
