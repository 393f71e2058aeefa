# SPDX-License-Identifier: ISC
"""A slot from outside: what its shared memory says, and how it dies."""
import os
import subprocess
import time

from node import BUILD, PATIENCE


def check_slot(node, slot=0):
    """The counts of a slot in which everything agrees."""
    done = subprocess.run(
        [BUILD / "integration/slot_check", str(node.keepers()[slot])],
        capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    words = done.stdout.split()
    return dict(zip(words[::2], map(int, words[1::2])))


class Killer:
    """ptrace_kill: so many deaths at random instructions."""

    def __init__(self, node, kills):
        seed = int(os.environ.get("HOLDFAST_SEED", time.time_ns() % 2**32))
        print(f"HOLDFAST_SEED={seed}")
        keeper, = node.keepers()
        self.process = subprocess.Popen(
            [BUILD / "integration/ptrace_kill", str(keeper), str(kills),
             str(seed)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        self.counts = {}
        self.kills = self.inside = 0

    def is_running(self):
        return self.process.poll() is None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.is_running():
            self.process.kill()
        out, errors = self.process.communicate()
        print(out, errors)
        for line in out.splitlines():
            name, *numbers = line.split()
            self.counts[name] = [int(number) for number in numbers]
        self.kills = sum(sum(self.counts.get(way, ()))
                         for way in ("steps", "loop", "rare", "adoption"))
        self.inside = sum(sum(numbers)
                          for name, numbers in self.counts.items()
                          if name.startswith("step.")
                          and name != "step.none")
        if kind is None:
            assert self.process.returncode == 0, errors
