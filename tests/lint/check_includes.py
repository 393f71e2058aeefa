#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Includes run one way, and third-party headers have one door each.

program -> worker -> proto -> lib; gateway, relay, audit, supervisor and ctl
never include one another.  Includes are written from the root.
"""
import fnmatch
import re

from tree import ROOT, finish, sources

# One program in several folders.
SUPERVISOR = ("supervisor", "supervisor/slot", "supervisor/control",
              "supervisor/upgrade", "supervisor/fleet")

LAYERS = {
    "lib": ("lib",),
    "proto": ("proto", "lib"),
    "worker": ("worker", "proto", "lib"),
    "worker/gateway": ("worker/gateway", "worker/gateway/client", "worker",
                       "proto", "lib"),
    "worker/relay": ("worker/relay", "worker", "proto", "lib"),
    "worker/audit": ("worker/audit", "worker", "proto", "lib"),
    **dict.fromkeys(SUPERVISOR, (*SUPERVISOR, "proto", "lib")),
    "supervisor/ctl": ("supervisor/ctl", "proto", "lib"),
}

# header -> the only files that may include it
DOORS = {
    "libconfig.h": ("lib/conf_file.c",),
    "hiredis/*": ("lib/redis_*.c", "tests/bench/redis_load.c"),
    "libpq-fe.h": ("worker/audit/*",),
    "sqlite3.h": ("worker/audit/*",),
    "openssl/*": ("lib/random.c", "lib/redis_tls.c",
                  "worker/gateway/*digest*.c", "worker/*/*token*.c"),
    "zlib.h": ("worker/gateway/*deflate*.c",),
    "systemd/*": ("supervisor/*.c",),
    "jansson.h": ("lib/json*", "worker/relay/*", "supervisor/*",
                  "supervisor/ctl/*"),
    "xxhash.h": ("lib/*", "proto/*"),
    "protobuf-c/*": ("proto/*",),
    "cmocka.h": ("tests/unit/*",),
}

INCLUDE = re.compile(r'\s*#\s*include\s+([<"])([^>"]+)[>"]')


def doors(path):
    """The headers of DOORS that path may not include."""
    for header, files in DOORS.items():
        if not any(fnmatch.fnmatch(str(path), f) for f in files):
            yield header


def main():
    problems = []
    for path, lines in sources(".c", ".h"):
        allowed = LAYERS.get(str(path.parent))
        test = path.parts[0] == "tests"
        closed = [] if test and path.parts[1] != "unit" else list(doors(path))
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quote, name = match.groups()
            where = f"{path}:{number}: "
            folder = name.rpartition("/")[0]
            for header in closed:
                if fnmatch.fnmatch(name, header) and not test:
                    problems.append(where + f"{name} has its door elsewhere")
            if quote == "<":
                if (ROOT / name).exists():
                    problems.append(where + f"write \"{name}\"")
            elif not folder:
                problems.append(where + f"write {name} from the root")
            elif allowed and folder not in allowed:
                problems.append(where + f"{path.parent} must not know {name}")
    finish(problems)


main()
