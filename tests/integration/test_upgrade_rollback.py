# SPDX-License-Identifier: ISC
"""Upgrades that fail half-way: what was chance is tried again; otherwise the
old programs have the slots again, one supervisor is there, and no client has
noticed anything."""
import os
import select
import signal
import threading

import pytest

import node as nodes
import process
import proof
from load import Load
from node import LONG, SLOW, ControlError, wait_until
from test_crashpoints import Control, build_has_points
from upgrading import (DIES_WHEN_SERVING, DIES_WHILE_RECEIVING,
                       KILLED_WHILE_RECEIVING, STALLS_WHILE_RECEIVING, Adopted,
                       Builds, Upgradable)
from wire import Client

CONNECTIONS = 300 // SLOW


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    return Builds(tmp_path_factory.mktemp("builds"))


@pytest.fixture
def start_up(start):
    def begin(settings=None, **more):
        return start({"node.workers": 2, "node.capacity": 2000,
                      **(settings or {})}, kind=Upgradable, **more)
    return begin


def load(node):
    return Load(node, "sequence", "-c", CONNECTIONS, "-t", 0, "--interval-ms",
                20, "-s", 64)


def assert_serves(node, name):
    with Client(node, name) as client:
        assert client.echo("x")
        body, answer = node.dispatch(name)
        assert answer.json()["status"] == "delivered", answer.text
        assert client.take_message() == body


def assert_rolled_back(node, binary, error, words, seconds=90):
    """One upgrade under load that must fail and leave no trace."""
    old, before = node.pid, node.programs_in_use()
    node.expects_errors = True
    with load(node) as clients:
        clients.wait_ready()
        lines, code = node.upgrade(binary, check=False, seconds=seconds)
        assert code == 1, (lines, node.log()[-6000:])
        wait_until(node.is_ready)
    clients.assert_whole()
    proof.note_load("live upgrade that fails and is rolled back", 1, clients)
    answer = lines[-1]
    assert answer["error"] == error, (answer, node.log()[-6000:])
    assert "rolled back" in answer["message"]
    for word in words:
        assert word in answer["message"], answer
    assert node.pid == old == node.running()
    assert node.process.poll() is None
    wait_until(lambda: node.supervisors() == [old])
    assert node.programs_in_use() == before
    assert node.metric("upgrades_total", result="rolled_back") >= 1
    assert "upgrade_rolled_back" in [event["kind"] for event in node.events()]
    assert "event=upgrade_rolled_back" in node.log()
    assert_serves(node, "after")


@pytest.mark.parametrize("worker", [
    "holdfast_gateway", "holdfast_relay"] if LONG else ["holdfast_relay"])
def test_worker_does_not_start(start_up, builds, worker):
    assert_rolled_back(start_up(), builds.copy(**{worker: "exit 1"}),
                       "worker_failed",
                       ["slot g0" if "gateway" in worker else "slot r"])


@pytest.mark.skipif(SLOW > 1, reason="no LD_PRELOAD with a sanitizer")
def test_worker_dies_while_receiving(start_up, builds):
    assert_rolled_back(start_up(), builds.gateway_that(DIES_WHILE_RECEIVING),
                       "worker_failed", ["slot g0"])


@pytest.mark.skipif(SLOW > 1, reason="no LD_PRELOAD with a sanitizer")
def test_worker_is_killed_each_time(start_up, builds):
    """As by a control group that has no memory for it."""
    assert_rolled_back(start_up(), builds.gateway_that(KILLED_WHILE_RECEIVING),
                       "worker_failed", ["slot g0", "the last of 3 tries"])


@pytest.mark.parametrize("who", ["hf-g", "hf-r"])
@pytest.mark.parametrize("signo", [signal.SIGKILL, signal.SIGSTOP])
def test_worker_fails_once(start_up, tmp_path, who, signo):
    """Before it has the slot: another one takes its place, and the upgrade is
    none the worse for it."""
    if not build_has_points():
        pytest.skip("no build with crash points")
    control = Control(tmp_path / "control", who)
    seen = tmp_path / "points"
    node = start_up({"worker.stall": f"{SLOW}s"}, build=nodes.FAULTS,
                    env={"HOLDFAST_CRASH_CONTROL": str(control.path),
                         "HOLDFAST_CRASH_LIST": str(seen)})
    with load(node) as clients:
        clients.wait_ready()
        node.ctl("restart", "--keepers")
        points = sorted((point for point in seen.read_text().split()
                         if point.startswith("handoff_take")),
                        key=lambda point: int(point.partition(":")[2]))
        before = set(node.worker_processes())
        # All has come, and nothing has moved.
        control.arm(points[-1], 1, signo=signo)
        lines, _ = node.upgrade()
        assert not control.is_armed()
        wait_until(node.is_ready)
    clients.assert_whole()
    proof.note_load("receiving tenant that fails once in an upgrade", 1,
                    clients)
    assert lines[-1]["state"] == "done" and lines[-1]["severed"] == 0
    assert node.log().count("event=slot_not_moved") == 1
    assert node.log().count("event=handoff_tried_again") == 1
    assert "slot_not_moved" in [event["kind"] for event in node.events()]
    wait_until(lambda: len(node.worker_processes()) == 6)
    assert not before & set(node.worker_processes())
    node.wait_metric(1, "upgrades_total", result="done")
    assert_serves(node, "after")


@pytest.mark.skipif(SLOW > 1, reason="no LD_PRELOAD with a sanitizer")
def test_worker_dies_when_it_serves(start_up, builds):
    """It has the slot already, and cannot keep it: back it goes."""
    assert_rolled_back(start_up(), builds.gateway_that(DIES_WHEN_SERVING),
                       "worker_failed", ["slot g0", "dies again and again"])


class Stalled:
    """Waits, beside the test, for a worker that has stopped itself."""

    def __init__(self, node, then=lambda: None):
        self.node = node
        self.then = then
        self.pidfd = None
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self):
        pid, = wait_until(lambda: [
            pid for pid in self.node.worker_processes()
            if (process.stat_fields(pid) or "?")[0] == "T"], 30)
        self.pidfd = os.pidfd_open(pid)
        self.then()

    def assert_dead(self):
        """Whatever woke it would wake nobody."""
        self.thread.join()
        with open(self.pidfd, "rb"):
            assert select.select([self.pidfd], [], [], 0)[0]


@pytest.mark.skipif(not LONG or SLOW > 1, reason="only in the full form, and "
                    "no LD_PRELOAD with a sanitizer")
def test_worker_stalls_while_receiving(start_up, builds):
    """It holds copies of sockets: it must be dead before the old one serves,
    not wake up one day and read them."""
    node = start_up()
    before = set(node.worker_processes())
    stalled = Stalled(node)
    assert_rolled_back(node, builds.gateway_that(STALLS_WHILE_RECEIVING),
                       "worker_failed", ["slot g0"])
    stalled.assert_dead()
    wait_until(lambda: set(node.worker_processes()) == before)


@pytest.mark.skipif(SLOW > 1, reason="no LD_PRELOAD with a sanitizer")
def test_all_stalls_while_receiving(start_up, builds):
    """The new supervisor dies while its worker stands still."""
    node = start_up()
    before = set(node.worker_processes())
    stalled = Stalled(node, lambda: [
        os.kill(pid, signal.SIGKILL) for pid in node.supervisors()
        if pid != node.pid])
    assert_rolled_back(node, builds.gateway_that(STALLS_WHILE_RECEIVING),
                       "crashed", ["SIGKILL"])
    stalled.assert_dead()
    wait_until(lambda: set(node.worker_processes()) == before)


@pytest.mark.skipif(SLOW > 1, reason="no LD_PRELOAD with a sanitizer")
def test_disk_is_of_the_other_version(start_up, builds):
    """A package has replaced the workers in place, and the configuration has a
    key of the new version: the way back needs neither."""
    mine = builds.copy().parent
    node = start_up({"websocket.max_frames": 4321}, build=mine)
    good = node.conf_path.read_text()
    (builds.folder / "good.conf").write_text(good)
    real = builds.gateway_that(DIES_WHEN_SERVING)
    binary = builds.script(
        real.parent / "wrapped", f'case " $* " in *" -n "*) exit 0;; esac; '
        f'exec {real} "$@" -c {builds.folder}/good.conf')
    for name in ("holdfastd", "holdfast-gateway", "holdfast-relay"):
        builds.script(mine / "new", "exit 1")
        (mine / "new").rename(mine / name)
    node.conf_path.write_text("node = { later = 1; };\n")
    assert_rolled_back(node, binary, "worker_failed", ["dies again and again"])
    values = {value["key"]: value["value"]
              for value in node.control("config-show")["values"]}
    assert values["websocket.max_frames"] == "4321"
    with pytest.raises(ControlError):
        node.control("reload")
    # Also the next tenant, and the next keeper, are what they were.
    node.kill_tenant()
    os.kill(node.keepers()[0], signal.SIGKILL)
    wait_until(lambda: len(node.worker_processes()) == 6
               and all(node.keepers()))
    assert node.programs_in_use() == {str(mine)}


MOMENTS = ["starting", "adopted", "moving", "done"]


@pytest.mark.parametrize("signo, moment", [
    (signo, moment) for signo in ("KILL", "STOP") for moment in MOMENTS
    if LONG or moment == "moving" or (signo, moment) == ("KILL", "starting")])
def test_new_supervisor_fails(start_up, moment, signo):
    node = start_up(build=nodes.FAULTS, env={
        "HOLDFAST_UPGRADE_DEADLINE_MS": str(2000 * SLOW),
        "HOLDFAST_UPGRADE_FAULT": f"new:{moment}:{signo}"})
    assert_rolled_back(node, None, "crashed" if signo == "KILL" else
                       "deadline", ["SIGKILL" if signo == "KILL" else
                                    "took longer"])


@pytest.mark.parametrize("moment", [
    "preparing", "stepping_aside", "adopting", "moving"] if LONG else [
        "stepping_aside", "moving"])
def test_old_supervisor_is_killed(start_up, moment):
    """The new one carries on, if there is one."""
    node = start_up(build=nodes.FAULTS, env={
        "HOLDFAST_UPGRADE_FAULT": f"old:{moment}:KILL"})
    node.expects_errors = True
    old = node.process
    with load(node) as clients:
        clients.wait_ready()
        done = node.ctl("upgrade", "--wait", check=False)
        assert done.returncode != 0
        assert old.wait(20) == -signal.SIGKILL
        if moment == "preparing":
            # Nobody was started yet: whoever starts us does so again.
            node.spawn()
            node.env = {}
        else:
            wait_until(lambda: node.running() != old.pid
                       and process.is_alive(node.running()))
            node.process = Adopted(node.running())
        wait_until(node.is_ready)
        wait_until(lambda: node.control("status")["upgrade"] == "idle", 30)
        assert node.supervisors() == [node.pid]
    clients.assert_whole()
    assert_serves(node, "after")
