#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""holdfast.conf(5) and etc/holdfast.conf say what proto/settings*.c say.

Each row of the table has an entry in the manual, which begins with its type,
limits, default and reload class, and a line in the example with its default.
"""
import re

from tree import ROOT, finish

ROW = re.compile(r"\b(LISTEN_KEY|KEY)\(\"([\w.]+)\", (\w+), (\w+),")
DEFAULT = re.compile(r"\.default_text = \"([^\"]*)\"")
LIMITS = re.compile(r"LIMITS\((\w+), (\w+)\)")
WORDS = re.compile(r"\.words = (\w+)")
WORD_LIST = re.compile(r"\b(\w+_words)\[\] = \{([^}]*)\}")
LISTS = ("CIDRS", "STRINGS")
PLAIN = ("BOOL", "COUNT", "INT", "DOUBLE")


def duration(ms):
    for unit, size in (("d", 86400000), ("h", 3600000), ("m", 60000),
                       ("s", 1000)):
        if ms >= size and ms % size == 0:
            return f"{ms // size}{unit}"
    return f"{ms}ms" if ms else "0"


def size(count):
    for unit, factor in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20),
                         ("KiB", 1 << 10)):
        if count >= factor and count % factor == 0:
            return f"{count // factor}{unit}"
    return str(count)


def type_text(kind, limits, words):
    low, high = limits or (0, 0)
    return {
        "BOOL": "Boolean",
        "DOUBLE": f"Number from {low} to {high}",
        "COUNT": f"Number from {low} to {high}",
        "DURATION": f"Duration from {duration(low)} to {duration(high)}",
        "SIZE": f"Size from {size(low)} to {size(high)}",
        "STRING": f"String of at most {high} bytes",
        "ENUM": "One of " + ", ".join(words),
        "ADDRESS": "IP address",
        "PATH": "Path",
        "CIDRS": f"List of at most {high} address ranges",
        "STRINGS": f"List of at most {high} strings",
    }[kind]


def value_text(kind, default):
    if kind in LISTS:
        return "[ ]"
    return default if kind in PLAIN else f'"{default}"'


def table():
    """Yield (group, key, line of the manual, line of the example)."""
    text = "".join((ROOT / "proto" / name).read_text(encoding="utf-8")
                   for name in ("settings.c", "settings_redis.c",
                                "settings_fleet.c"))
    lists = {name: re.findall(r"\"(\w+)\"", body)
             for name, body in WORD_LIST.findall(text)}
    for row in text.split("\n\t{\n")[1:]:
        match = ROW.search(row)
        if not match:
            continue
        macro, name, kind, reload = match.groups()
        group, _, key = name.rpartition(".")
        default = DEFAULT.search(row)[1]
        limits = LIMITS.search(row)
        words = WORDS.search(row)
        said = type_text(kind, limits and tuple(map(int, limits.groups())),
                         lists[words[1]] if words else ())
        value = value_text(kind, default)
        yield ("listen" if macro == "LISTEN_KEY" else group, key,
               f"{said}; default {value}; {reload.lower().replace('_', '-')}.",
               f"{key} = {value};")


def sections(text, opening):
    """Split a text at lines that match opening: {group: its text}."""
    parts = re.split(opening, text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def main():
    problems = []
    manual = (ROOT / "man/holdfast.conf.5").read_text(encoding="utf-8")
    example = (ROOT / "etc/holdfast.conf").read_text(encoding="utf-8")
    told = sections(manual, r"^\.Ss (\w+)$")
    shown = sections(example, r"^(\w+) = [{(]")
    count = 0
    for group, key, entry, line in table():
        count += 1
        if f".It Cm {key}\n{entry}\n" not in told.get(group, ""):
            problems.append(f"man/holdfast.conf.5: {group}.{key}: "
                            f"write \"{entry}\"")
        if not re.search(r"#?\s*" + re.escape(line), shown.get(group, "")):
            problems.append(f"etc/holdfast.conf: {group}.{key}: "
                            f"write \"{line}\"")
    if len(re.findall(r"^\.It Cm \w+$", manual, re.MULTILINE)) != count:
        problems.append("man/holdfast.conf.5: it has keys that are no more")
    finish(problems)


main()
