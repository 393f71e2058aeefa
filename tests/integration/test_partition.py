# SPDX-License-Identifier: ISC
"""A node whose packets to Redis are really dropped: network namespaces."""
import time

import pytest

from crowd import Crowd, most_within
from netns import Netns, ip
from node import PATIENCE, wait_until
from redis_server import Redis
from test_fleet import FAST, leader_of, long, shown, states

pytestmark = pytest.mark.pace

CLIENTS = 60
WINDOW = 6
GRACE = 1


@pytest.fixture
def netns():
    if not Netns.is_allowed():
        pytest.skip("network namespaces need root")
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
    redis = Redis("--bind", f"{netns.redis_net}.1", "127.0.0.1",
                  "--protected-mode", "no").start()
    settings = {**FAST,
                "redis.url": f"redis://{netns.redis_net}.1:{redis.port}",
                "membership.cut_off_grace": f"{GRACE}s",
                "membership.alone_grace": f"{GRACE}s",
                "drain.gentle_window": f"{WINDOW}s"}
    nodes = [start({**settings, "node.id": f"n{i}",
                    "peer.address": f"{netns.peer_net}.1"}) for i in range(2)]
    far = start({**settings, "node.id": "far",
                 "peer.address": f"{netns.peer_net}.2"}, is_started=False,
                prefix=netns.prefix)
    far.spawn()
    wait_until(lambda: is_up(far), 40, "the far node")
    leader_of(nodes + [far])
    for node in nodes + [far]:
        wait_until(lambda n=node: len(states(n)) == 3, 40)
    yield nodes, far
    redis.close()


def crowd_of(far, netns):
    """Clients on its loopback: they are not cut off from it."""
    far.port, = (item["port"] for item in far.control("status")["listeners"]
                 if item["for"] == "clients")
    with netns.entered():
        return Crowd(far, CLIENTS)


def test_cut_off(fleet, netns):
    nodes, far = fleet
    crowd = crowd_of(far, netns)
    netns.cut_redis()
    begun = time.monotonic()
    try:
        wait_until(lambda: shown(far)["partition"] == "cut_off", 40)
        assert time.monotonic() - begun < 10 * PATIENCE
        assert not far.control("status")["ready"]
        wait_until(lambda: far.control("status")["state"] == "draining", 40)
        begun = time.monotonic()
        with crowd:
            crowd.run(WINDOW + 10 * PATIENCE)
            crowd.check_ends()
        times = crowd.times(begun)
        assert WINDOW / 2 < times[-1] < WINDOW + 2 * PATIENCE, times
        assert most_within(times, WINDOW / 6) < CLIENTS / 3, times
        for node in nodes:
            wait_until(lambda n=node: shown(n)["partition"] == "none", 40)
            assert node.admin("/readyz").status == 200
            # It has no lease, but it answers: it is not dead.
            wait_until(lambda n=node: states(n)["far"]
                       in ("suspect", "draining"), 40)
        far.kill_supervisor()
    finally:
        netns.mend_redis()
    # The next supervisor knows why the node drains.
    far.spawn()
    wait_until(lambda: is_up(far), 40)
    assert shown(far)["partition"] == "none"
    wait_until(lambda: states(nodes[0])["far"] == "healthy", 40)


@long
def test_alone(fleet, netns):
    """Nothing is heard from anywhere: cut off all the same."""
    nodes, far = fleet
    ip("link", "set", netns.peer_link, "down")
    netns.cut_redis()
    begun = time.monotonic()
    try:
        wait_until(lambda: shown(far)["partition"] == "alone", 40)
        assert time.monotonic() - begun < 10 * PATIENCE
        assert not far.control("status")["ready"]
        wait_until(lambda: states(nodes[0])["far"] == "dead", 40)
        for node in nodes:
            wait_until(lambda n=node: shown(n)["partition"] == "none", 40)
    finally:
        netns.mend_redis()
        ip("link", "set", netns.peer_link, "up")
    wait_until(lambda: states(nodes[0])["far"] == "healthy", 40)
