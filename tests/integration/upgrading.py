# SPDX-License-Identifier: ISC
"""Nodes whose holdfastd is replaced while they run, and binaries to replace it
with: copies of the build, some of them with a fault."""
import json
import os
import pathlib
import shutil
import subprocess

import process
from node import BUILD, Node, PATIENCE, SLOW, wait_until

PROGRAMS = ("holdfastd", "holdfastctl", "holdfast-gateway", "holdfast-relay")


# Keepers have executed something, tenants have not.
PRELOADED = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
static int keeper;
__attribute__((constructor)) static void begin(void) { keeper = getpid(); }
"""

DIES_WHILE_RECEIVING = r"""
ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
    ssize_t (*real)(int, struct msghdr *, int) = dlsym(RTLD_NEXT, "recvmsg");
    ssize_t len = real(fd, msg, flags);
    if (len > 0 && getpid() != keeper && msg->msg_controllen > 200)
        raise(SIGSEGV);
    return len;
}
"""

KILLED_WHILE_RECEIVING = DIES_WHILE_RECEIVING.replace("SIGSEGV", "SIGKILL")

STALLS_WHILE_RECEIVING = DIES_WHILE_RECEIVING.replace("SIGSEGV", "SIGSTOP")

DIES_WHEN_SERVING = r"""
int epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
    static int calls, last;
    int (*real)(int, struct epoll_event *, int, int) =
        dlsym(RTLD_NEXT, "epoll_wait");
    if (last != getpid())
        calls = 0;
    last = getpid();
    if (last != keeper && ++calls > 5)
        raise(SIGSEGV);
    return real(fd, events, max, timeout);
}
"""


class Adopted:
    """What subprocess.Popen is for a child, for a process that became one."""

    def __init__(self, pid):
        self.pid = pid
        self.returncode = None

    def _take(self, flags):
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, flags)
            except ChildProcessError:
                # Of another parent: it cannot be asked, but looked at.
                if not process.is_alive(self.pid):
                    self.returncode = 0
                return self.returncode
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def poll(self):
        return self._take(os.WNOHANG)

    def wait(self, timeout=60):
        wait_until(lambda: self.poll() is not None, timeout / SLOW,
                   f"process {self.pid} to end")
        return self.returncode

    def send_signal(self, signo):
        if self.poll() is None:
            os.kill(self.pid, signo)

    def kill(self):
        self.send_signal(9)


class Upgradable(Node):
    """A node that survives its holdfastd."""

    def __init__(self, settings=None, run_dir=None, **more):
        super().__init__(settings, **more)
        if run_dir is not None:
            self.run_dir = pathlib.Path(run_dir)

    def running(self):
        """The pid that the pid file names."""
        try:
            return int((self.run_dir / "holdfastd.pid").read_text())
        except (OSError, ValueError):
            return 0

    def upgrade(self, binary=None, check=True, seconds=60):
        """holdfastctl upgrade --wait: the lines it printed and its code."""
        args = ["-j", "upgrade", "--wait"]
        if binary is not None:
            args += ["--binary", binary]
        old = self.process
        done = self.ctl(*args, check=False, seconds=seconds)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode == 0:
            self.follow(old)
        if check:
            assert done.returncode == 0, (done.stdout, done.stderr,
                                          self.log()[-8000:])
        return lines, done.returncode

    def follow(self, old, seconds=20):
        """The old supervisor ends in good order, and another one is there."""
        assert old.wait(seconds * PATIENCE) == 0, self.log()[-8000:]
        assert self.running() != old.pid
        self.process = Adopted(self.running())
        return self.process

    def events(self):
        for line in self.control_lines("events"):
            if "event" in line:
                yield line["event"]
            elif "ok" in line:
                return

    def supervisors(self):
        """All processes that could be one of this node."""
        found = []
        for pid in process.descendants(os.getpid()):
            try:
                line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            words = line.split(b"\0")
            if str(self.conf_path).encode() in words and process.is_alive(
                    pid):
                found.append(pid)
        return found

    def worker_processes(self):
        """Keepers and tenants of all generations."""
        return [pid for pid in process.descendants(os.getpid())
                if any(kind in process.program(pid)
                       for kind in ("gateway", "relay"))]

    def programs_in_use(self):
        """The folders that workers' executables lie in."""
        found = set()
        for kind in ("gateway", "relay"):
            for pid in self.tenants(kind) + self.keepers(kind):
                found.add(os.path.dirname(os.readlink(f"/proc/{pid}/exe")))
        return found


def compile_library(source, path):
    """C code for LD_PRELOAD."""
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-x", "c", "-", "-o",
                    path], input=source, text=True, check=True)


class Builds:
    """Makes folders with programs in them."""

    def __init__(self, folder, source=BUILD):
        self.folder = pathlib.Path(folder)
        self.source = source
        self.count = 0

    def copy(self, name=None, **replaced):
        """A whole build; replaced: a script instead of a program, such as
        holdfast_gateway="exit 1"."""
        self.count += 1
        folder = self.folder / (name or f"build{self.count}")
        folder.mkdir()
        for program in PROGRAMS:
            shutil.copy2(self.source / program, folder / program)
        for program, text in replaced.items():
            self.script(folder / program.replace("_", "-"), text)
        return folder / "holdfastd"

    def script(self, path, text):
        path = pathlib.Path(path)
        path.unlink(missing_ok=True)
        if not text.startswith("#!"):
            text = "#!/bin/sh\n" + text
        path.write_text(text + "\n")
        path.chmod(0o755)
        return path

    def daemon(self, text):
        """A holdfastd that is a script; $REAL is a good one."""
        real = self.copy()
        return self.script(real.parent / "wrapped",
                           f"REAL={real}\n{text}" if not
                           text.startswith("#!") else text)

    def gateway_that(self, source):
        """A build whose gateway has this C code in every tenant."""
        self.count += 1
        library = self.folder / f"fault{self.count}.so"
        compile_library(PRELOADED + source, library)
        real = self.copy().parent
        good = real / "good-gateway"
        (real / "holdfast-gateway").rename(good)
        self.script(real / "holdfast-gateway",
                    f'LD_PRELOAD={library} exec {good} "$@"')
        return real / "holdfastd"
