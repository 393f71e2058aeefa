# SPDX-License-Identifier: ISC
"""A control group with a memory limit, for one test; version 1 or 2."""
import os
import pathlib

import pytest

ROOT = pathlib.Path("/sys/fs/cgroup")


def own_group(controller):
    """Our path in the hierarchy of a controller ("": version 2)."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    return None


class MemoryGroup:
    """Processes that join() it have `limit` bytes of memory in all."""

    def __init__(self, limit):
        self.path = self.make()
        if (self.path / "memory.max").exists():
            self.write("memory.max", limit)
            self.is_v2 = True
        else:
            self.write("memory.limit_in_bytes", limit)
            self.is_v2 = False

    @staticmethod
    def make():
        name = f"holdfast-test-{os.getpid()}"
        old, new = own_group("memory"), own_group("")
        if old is not None:
            folder = ROOT / "memory" / old.lstrip("/")
            folder = folder if folder.exists() else ROOT / "memory"
        elif new is not None:
            # A group with processes has no children with controllers.
            folder = ROOT
        else:
            pytest.skip("no memory controller")
        try:
            if old is None and "memory" not in (
                    folder / "cgroup.subtree_control").read_text().split():
                (folder / "cgroup.subtree_control").write_text("+memory")
            (folder / name).mkdir()
        except OSError as error:
            pytest.skip(f"no memory cgroup can be made: {error}")
        path = folder / name
        if not any((path / file).exists()
                   for file in ("memory.max", "memory.limit_in_bytes")):
            path.rmdir()
            pytest.skip("the cgroup has no memory controller")
        return path

    def write(self, name, value):
        (self.path / name).write_text(str(value))

    def prefix(self):
        """Starts a command in the group."""
        return ["/bin/sh", "-c",
                f'echo $$ >{self.path}/cgroup.procs && exec "$@"', "sh"]

    def used(self):
        name = "memory.current" if self.is_v2 else "memory.usage_in_bytes"
        return int((self.path / name).read_text())

    def oom_kills(self):
        name = "memory.events" if self.is_v2 else "memory.oom_control"
        for line in (self.path / name).read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
        raise AssertionError(f"{name} counts no kills")

    def remove(self):
        self.path.rmdir()
