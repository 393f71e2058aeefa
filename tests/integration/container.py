# SPDX-License-Identifier: ISC
"""Nodes in a PID namespace, whose holdfastd is process 1 as in a container."""
import os
import pathlib
import subprocess

import process

UNSHARE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def can_unshare():
    return subprocess.run(["unshare", "--pid", "--fork", "--mount-proc",
                           "true"], capture_output=True,
                          check=False).returncode == 0


def children(pid):
    return [int(word) for word in pathlib.Path(
        f"/proc/{pid}/task/{pid}/children").read_text().split()]


def inner_pid(pid):
    """Its pid in the namespace; None when it has ended."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    return None


class Container:
    """A node whose holdfastd is process 1."""

    def __init__(self, node):
        self.node = node
        self.init, = children(node.pid)
        node.process.send_signal = lambda signo: os.kill(self.init, signo)

    def supervisor(self):
        """The child of init that answers: the pid seen from outside."""
        wanted = int((self.node.run_dir / "holdfastd.pid").read_text())
        for pid in process.descendants(self.init):
            if inner_pid(pid) == wanted:
                return pid
        return None

    def supervisors(self):
        """Seen from outside, without init."""
        return [pid for pid in process.descendants(self.init)
                if process.program(pid) == "holdfastd"]
