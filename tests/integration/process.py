# SPDX-License-Identifier: ISC
"""Processes: what a test started, and what it left behind.

pytest's process is a subreaper, so that keepers whose supervisor died become
its children and cannot hide.
"""
import ctypes
import os
import pathlib
import signal
import time

PR_SET_CHILD_SUBREAPER = 36
KILLED_SECONDS = 10


def become_subreaper():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def stat_fields(pid):
    """State, parent and so on: what follows the name in /proc/PID/stat."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def is_alive(pid):
    fields = stat_fields(pid)
    return fields is not None and fields[0] not in "ZX"


def program(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""


# Supervisors that outlive a test: they serve a whole file.
shared = set()


def descendants(root):
    """All of its descendants but shared supervisors and theirs."""
    tree = {}
    for entry in os.listdir("/proc"):
        fields = stat_fields(entry) if entry.isdigit() else None
        if fields:
            tree.setdefault(int(fields[1]), []).append(int(entry))
    found = [root]
    for pid in found:
        found += set(tree.get(pid, ())) - shared
    return found[1:]


def ours():
    return [pid for pid in descendants(os.getpid())
            if program(pid).startswith("holdfast")]


def reap_leftovers(seconds=2):
    """End what still runs of a node; a complaint for each."""
    deadline = time.monotonic() + seconds
    # The supervisor has waited for them, but the kernel may need a moment.
    while ours() and time.monotonic() < deadline:
        time.sleep(0.01)
    left = ours()
    complaints = [f"left running: {program(pid)} {pid}" for pid in left]
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    # Tenants become our children only when their keepers have died.
    deadline = time.monotonic() + KILLED_SECONDS
    while any(map(is_alive, left)) and time.monotonic() < deadline:
        time.sleep(0.01)
    for pid in left:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass
    return complaints


def count_fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def rss_anon(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0
