# SPDX-License-Identifier: ISC
"""A network namespace, so that packets between a node and the rest of its
fleet can really be dropped."""
import contextlib
import ctypes
import os
import subprocess

LIBC = ctypes.CDLL(None, use_errno=True)


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True,
                          text=True)


class Netns:
    """A namespace with a link for Redis and one for peers; .1 is here."""

    def __init__(self):
        # Another run of the tests may have one, too.
        pid = os.getpid()
        self.name = f"hf{pid}"
        self.redis_net = f"10.201.{pid % 256}"
        self.peer_net = f"10.202.{pid % 256}"
        self.links = {f"hfr{pid}"[:15]: self.redis_net,
                      f"hfp{pid}"[:15]: self.peer_net}
        ip("netns", "add", self.name)
        ip("-n", self.name, "link", "set", "lo", "up")
        for link, net in self.links.items():
            ip("link", "add", link, "type", "veth", "peer", "name", "x" + link,
               "netns", self.name)
            ip("addr", "add", f"{net}.1/24", "dev", link)
            ip("link", "set", link, "up")
            ip("-n", self.name, "addr", "add", f"{net}.2/24", "dev",
               "x" + link)
            ip("-n", self.name, "link", "set", "x" + link, "up")
        self.redis_link, self.peer_link = self.links

    @staticmethod
    def is_allowed():
        name = f"hfprobe{os.getpid()}"
        if os.geteuid() != 0 or ip("netns", "add", name,
                                   check=False).returncode != 0:
            return False
        ip("netns", "del", name)
        return True

    @property
    def prefix(self):
        """Words before a command that runs there."""
        return ["ip", "netns", "exec", self.name]

    @contextlib.contextmanager
    def entered(self):
        """Sockets that this thread makes are there, and stay there."""
        def enter(fd):
            if LIBC.setns(fd, 0) != 0:
                raise OSError(ctypes.get_errno(), "setns")

        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            enter(there)
            yield
        finally:
            enter(home)
            os.close(home)
            os.close(there)

    def cut_redis(self):
        """What is sent to Redis from there is dropped; from here it is not,
        so Redis keeps its address without the link."""
        ip("link", "set", self.redis_link, "down")
        ip("addr", "add", f"{self.redis_net}.1/32", "dev", "lo")

    def mend_redis(self):
        ip("addr", "del", f"{self.redis_net}.1/32", "dev", "lo")
        ip("link", "set", self.redis_link, "up")

    def close(self):
        for link in self.links:
            ip("link", "del", link, check=False)
        ip("netns", "del", self.name, check=False)
