# SPDX-License-Identifier: ISC
"""A node whose packets to Redis are really dropped: network namespaces."""
import os
import subprocess

import pytest

from node import wait_until
from redis_server import Redis
from test_fleet import FAST, leader_of, long, shown, states

REDIS_NET, PEER_NET = "10.201.77", "10.201.78"


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True,
                          text=True)


class Netns:
    """A namespace with a link for Redis and one for peers; .1 is here."""

    def __init__(self):
        self.name = f"hf{os.getpid()}"
        self.links = {f"hfr{os.getpid()}"[:15]: REDIS_NET,
                      f"hfp{os.getpid()}"[:15]: PEER_NET}
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

    def close(self):
        for link in self.links:
            ip("link", "del", link, check=False)
        ip("netns", "del", self.name, check=False)


@pytest.fixture
def netns():
    if os.geteuid() != 0 or ip("netns", "add", "hfprobe",
                               check=False).returncode != 0:
        pytest.skip("network namespaces need root")
    ip("netns", "del", "hfprobe")
    space = Netns()
    yield space
    space.close()


def is_up(node):
    """Asked where the namespace does not matter."""
    try:
        return node.control("status")["ready"]
    except OSError:
        return False


@pytest.fixture
def fleet(start, netns):
    """Two nodes here, and one in the namespace that packets can be kept
    from."""
    redis = Redis("--bind", f"{REDIS_NET}.1", "127.0.0.1",
                  "--protected-mode", "no").start()
    settings = {**FAST, "redis.url": f"redis://{REDIS_NET}.1:{redis.port}",
                "membership.cut_off_grace": "1s",
                "membership.alone_grace": "1s",
                "drain.gentle_window": "2s"}
    nodes = [start({**settings, "node.id": f"n{i}",
                    "peer.address": f"{PEER_NET}.1"}) for i in range(2)]
    far = start({**settings, "node.id": "far",
                 "peer.address": f"{PEER_NET}.2"}, is_started=False,
                prefix=["ip", "netns", "exec", netns.name])
    far.spawn()
    wait_until(lambda: is_up(far), 40, "the far node")
    leader_of(nodes + [far])
    for node in nodes + [far]:
        wait_until(lambda n=node: len(states(n)) == 3, 40)
    yield nodes, far
    redis.close()


def test_cut_off(fleet, netns):
    nodes, far = fleet
    ip("link", "set", netns.redis_link, "down")
    # Redis and the others are on this side, so only the far one loses it.
    ip("addr", "add", f"{REDIS_NET}.1/32", "dev", "lo")
    try:
        wait_until(lambda: shown(far)["partition"] == "cut_off", 40)
        assert not far.control("status")["ready"]
        wait_until(lambda: far.control("status")["state"] == "draining", 40)
        for node in nodes:
            wait_until(lambda n=node: shown(n)["partition"] == "none", 40)
            assert node.admin("/readyz").status == 200
            # It has no lease, but it answers: it is not dead.
            wait_until(lambda n=node: states(n)["far"]
                       in ("suspect", "draining"), 40)
    finally:
        ip("addr", "del", f"{REDIS_NET}.1/32", "dev", "lo")
        ip("link", "set", netns.redis_link, "up")
    wait_until(lambda: shown(far)["partition"] == "none", 40)
    wait_until(lambda: far.control("status")["ready"], 40)
    wait_until(lambda: states(nodes[0])["far"] == "healthy", 40)


@long
def test_alone(fleet, netns):
    """Nothing is heard from anywhere: cut off all the same."""
    nodes, far = fleet
    ip("link", "set", netns.peer_link, "down")
    ip("link", "set", netns.redis_link, "down")
    ip("addr", "add", f"{REDIS_NET}.1/32", "dev", "lo")
    try:
        wait_until(lambda: shown(far)["partition"] == "alone", 40)
        assert not far.control("status")["ready"]
        wait_until(lambda: states(nodes[0])["far"] == "dead", 40)
        for node in nodes:
            wait_until(lambda n=node: shown(n)["partition"] == "none", 40)
    finally:
        ip("addr", "del", f"{REDIS_NET}.1/32", "dev", "lo")
        ip("link", "set", netns.redis_link, "up")
        ip("link", "set", netns.peer_link, "up")
    wait_until(lambda: states(nodes[0])["far"] == "healthy", 40)
