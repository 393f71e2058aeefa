# SPDX-License-Identifier: ISC
"""Giver or taker dies while the relay changes, at each point of it once: what
is published is lost only while nobody has subscribed, and never comes twice."""
import re
import signal
import threading

import pytest

import node as nodes
import proof
from node import LONG, wait_until
# pylint: disable=unused-import
from redis_fleet import fleet, is_joined, redis
from test_changeover import CLIENTS, MOST_LOST, RATE, Listeners
from test_crashpoints import Control, build_has_points
from test_redis_inbox import add, number_of
from upgrading import Upgradable
from wire import TEXT, Client, frame


class Walk:
    """A relay that is replaced again and again, and dies on the way."""

    def __init__(self, node, folder, listeners, change):
        self.node = node
        self.control = Control(folder / "control", "hf-r")
        self.seen = folder / "points"
        self.listeners = listeners
        self.change = change
        self.ends = {"before": 0, "after": 0, "giver": 0}

    def points(self, *files):
        """What is passed on the way."""
        self.listeners.wait_more(RATE // 10)
        self.seen.write_text("")
        self.change()
        self.listeners.wait_more(RATE // 10)
        return [name + side for name in sorted(set(
            self.seen.read_text().split())) for side in ("", "a")
            if name.startswith(files)]

    def die_at(self, point, countdown=1, signo=0):
        """False: nobody came by.  The end of the log tells who died: a taker
        that has not got the slot costs nothing."""
        giver, = self.node.tenants("relay")
        missing, log = self.listeners.missing(), len(self.node.log())
        self.control.arm(point, countdown, signo=signo)
        self.change()
        if self.control.is_armed():
            self.control.disarm()
            return False
        wait_until(lambda: is_joined(self.node), 30)
        self.listeners.wait_more(RATE // 20)
        self.listeners.lost()
        gap = self.listeners.missing()
        assert gap[:len(missing)] == missing
        gap = gap[len(missing):]
        if gap:
            assert gap == list(range(gap[0], gap[-1] + 1)), (point, gap)
        assert len(gap) < MOST_LOST, (point, len(gap))
        log = self.node.log()[log:]
        dead = [int(pid) for pid in
                re.findall(r"tenant_died.* tenant_pid=(\d+)", log)]
        assert len(dead) <= 1, (point, log)
        end = "giver" if dead == [giver] else \
            "before" if "event=slot_not_moved" in log else "after"
        print(point, end, len(gap))
        self.ends[end] += 1
        assert end != "before" or not gap, (point, gap, log)
        return True

    def finish(self, what):
        """All are still connected; how often somebody died."""
        assert self.node.connections() == CLIENTS
        deaths = sum(self.ends.values())
        lost = self.listeners.finish()
        print(f"{what}: {self.ends}, {lost} lost of "
              f"{self.listeners.publisher.total()}")
        proof.note(what, deaths, CLIENTS, self.listeners.publisher.total(),
                   lost=lost)
        return deaths


@pytest.fixture
def begin(fleet, redis, tmp_path):
    """begin(change, ...) -> a walk; change(node) replaces the relay."""
    if not build_has_points():
        pytest.skip("no build with crash points")
    opened = []

    def walk(change, more=None, **how):
        node = fleet(more={"worker.backoff": "1ms", "node.workers": 2,
                           "worker.max_crashes": 1000, **(more or {})},
                     build=nodes.FAULTS,
                     env={"HOLDFAST_CRASH_CONTROL": str(tmp_path / "control"),
                          "HOLDFAST_CRASH_LIST": str(tmp_path / "points")},
                     **how)
        node.expects_errors = True
        opened.append(Listeners(node, redis))
        return Walk(node, tmp_path, opened[0], lambda: change(node))
    yield walk
    for listeners in opened:
        with listeners:
            pass


def recycle(node):
    node.ctl("restart", seconds=60)


def recycle_or_skip(node):
    """One that is about to come again is passed over."""
    node.ctl("restart", seconds=60, check=False)


def upgrade(node):
    lines, _ = node.upgrade()
    assert lines[-1]["severed"] == 0


def test_recycle(begin):
    walk = begin(recycle)
    for point in walk.points("changeover", "handoff"):
        walk.die_at(point)
    walk.finish("relay, killed at every point of a recycle")
    assert walk.ends["giver"] > 3, walk.ends
    assert walk.ends["before"] > 1 and walk.ends["after"] > 3, walk.ends


def test_upgrade(begin):
    walk = begin(upgrade, kind=Upgradable)
    points = walk.points("changeover", "handoff")
    for point in points if LONG else points[::5]:
        walk.die_at(point)
    assert walk.finish("relay, killed at points of an upgrade") > 1


@pytest.mark.skipif(not LONG, reason="only in the full form")
@pytest.mark.parametrize("change", [recycle_or_skip, upgrade])
def test_every_point(begin, change):
    """Also of what a relay does all the time."""
    walk = begin(change, kind=Upgradable)
    points = walk.points("")
    assert len(points) > 2 * 30, points
    for point in points:
        for countdown in (1, 2, 5):
            if not walk.die_at(point, countdown):
                break
    assert walk.finish("relay, killed at every point while it changes") > 30


def test_taker_hangs(begin):
    """All waits for it, and nothing is lost."""
    walk = begin(recycle)
    points = [name for name in walk.points("handoff_take") if name[-1] != "a"]
    last = max(points, key=lambda name: int(name.partition(":")[2]))
    assert walk.die_at(last, signo=signal.SIGSTOP)
    walk.finish("receiving relay that hangs")
    assert walk.ends["before"] == 1


def test_taker_dies_each_time(begin, redis):
    """The relay that stays has taken leave of all: it is there for all again,
    and has lost nothing."""
    walk = begin(recycle, {"upstream.mode": "stream",
                           "upstream.partitions": 1}, kind=Upgradable)
    node, control = walk.node, walk.control
    points = [name for name in walk.points("handoff_take") if name[-1] != "a"]
    last = max(points, key=lambda name: int(name.partition(":")[2]))
    before = node.tenants("relay")
    ended = []
    thread = threading.Thread(
        target=lambda: ended.append(node.upgrade(check=False)), daemon=True)
    control.arm(last, 1)
    thread.start()
    while thread.is_alive():
        if not control.is_armed():
            control.arm(last, 1)
        thread.join(0.01)
    control.disarm()
    (lines, code), = ended
    assert code != 0 and lines[-1]["error"] == "worker_failed", lines
    assert node.tenants("relay") == before
    assert node.log().count("event=slot_not_moved") == 3
    wait_until(lambda: is_joined(node), 30)
    walk.listeners.wait_more(RATE // 10)
    walk.finish("receiving relay that dies each time")
    with Client(node, "alice") as alice:
        body, answer = node.dispatch("alice")
        assert answer.json()["status"] == "delivered"
        assert alice.take_message() == body
        add(redis, "a", "alice", 7)
        assert number_of(alice.take_message()) == 7
        length = redis("XLEN", "ingress:0")
        alice.send(frame(TEXT, "hello"))
        wait_until(lambda: redis("XLEN", "ingress:0") > length)
    canaries = node.metric("redis_channel_lag_seconds_count")
    wait_until(lambda: node.metric("redis_channel_lag_seconds_count") >
               canaries, 20)
    assert walk.listeners.lost() == 0
