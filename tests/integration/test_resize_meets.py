# SPDX-License-Identifier: ISC
"""The number of slots changes while their workers are replaced, and the other
way round: both end as they should, and nobody is severed."""
import json
import os
import signal
import subprocess
import threading

import pytest

from crowd import Crowd
from load import Load
from node import PATIENCE, SLOW, wait_until
from upgrading import Builds, Upgradable
from wire import Client

CONNECTIONS = 300 // SLOW


def states(node):
    return [worker["state"] for worker in node.workers()]


def wait_slots(node, count):
    wait_until(lambda: states(node) == ["serving"] * count, 30,
               f"{count} gateways")
    wait_until(node.is_ready)
    wait_until(lambda: len(node.worker_processes()) == 2 * (count + 1))


def signal_node(node, signo):
    os.kill(node.pid, signo)


def load(node):
    return Load(node, "sequence", "-c", CONNECTIONS, "-t", 0, "--interval-ms",
                20, "-s", 64)


def assert_serves(node):
    with Client(node, "late") as client:
        assert client.echo("x")
        body, answer = node.dispatch("late")
        assert answer.json()["status"] == "delivered", answer.text
        assert client.take_message() == body
        client.finish()


class Running(threading.Thread):
    """A long command of holdfastctl; it tells when a phase or a slot was
    reached, and how it ended."""

    def __init__(self, node, *args):
        super().__init__(daemon=True)
        self.lines = []
        self.ctl = subprocess.Popen(
            [node.build / "holdfastctl", "-s", node.run_dir / "control.sock",
             "-j", *args], stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.start()

    def run(self):
        for line in self.ctl.stdout:
            self.lines.append(json.loads(line))

    def reached(self):
        return [progress.get("phase", "slot") for progress in
                (line.get("progress", {}) for line in list(self.lines))]

    def wait_for(self, moment):
        wait_until(lambda: moment in self.reached() or
                   self.ctl.poll() is not None, 30, moment)
        assert moment in self.reached(), (self.lines, self.ctl.stderr.read())

    def end(self):
        assert self.ctl.wait(90 * PATIENCE) == 0, (self.lines,
                                                   self.ctl.stderr.read())
        self.join(10 * PATIENCE)
        return self.lines[-1]


def upgrade_while(node, deed, moment):
    """deed() at that moment of an upgrade; what was told at the end."""
    old = node.process
    running = Running(node, "upgrade", "--wait")
    running.wait_for(moment)
    deed()
    told = running.end()
    node.follow(old)
    wait_until(node.is_ready)
    assert told["state"] == "done" and told["severed"] == 0
    return told


MOMENTS = ["checking", "preparing", "adopting", "moving"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_more_while_an_upgrade_is_under_way(start, moment):
    """It is started by the supervisor that comes, after the others moved."""
    node = start({"node.workers": 2, "node.capacity": 4000}, kind=Upgradable)
    with load(node) as clients:
        assert clients.wait_ready() == CONNECTIONS
        upgrade_while(node, lambda: signal_node(node, signal.SIGTTIN), moment)
        wait_slots(node, 3)
        assert node.metric("workers_wanted") == 3
    clients.assert_whole()
    assert_serves(node)


def end_of_leaving(node, crowd):
    """One slot is left; those of the other one were closed, nobody severed."""
    wait_until(lambda: crowd.pump(0.05) or states(node) == ["serving"], 30,
               "the slot to be gone")
    gone = [m for m in crowd.members if m.closed_at is not None]
    for member in crowd.members:
        assert not member.severed
        if member not in gone:
            assert member.client.echo("x")
    assert gone and {member.code for member in gone} == {1012}
    assert len(gone) < len(crowd.members)
    wait_slots(node, 1)
    assert_serves(node)


@pytest.mark.parametrize("moment", MOMENTS)
def test_less_while_an_upgrade_is_under_way(start, moment):
    """The slot begins to leave as soon as somebody can tell it to, moves like
    the other one, and goes."""
    node = start({"node.workers": 2, "drain.window": f"{2 * SLOW}s"},
                 kind=Upgradable)
    with Crowd(node, 60) as crowd:
        wait_until(lambda: node.open_count() == 60)
        upgrade_while(node, lambda: signal_node(node, signal.SIGTTOU), moment)
        end_of_leaving(node, crowd)


def test_upgrade_while_a_slot_leaves(start):
    node = start({"node.workers": 2, "drain.window": f"{2 * SLOW}s"},
                 kind=Upgradable)
    with Crowd(node, 60) as crowd:
        wait_until(lambda: node.open_count() == 60)
        signal_node(node, signal.SIGTTOU)
        wait_until(lambda: states(node) == ["serving", "leaving"])
        upgrade_while(node, lambda: None, "moving")
        end_of_leaving(node, crowd)


def test_upgrade_while_slots_come(start):
    """At once, and they may not even have a tenant yet."""
    node = start({"node.workers": 1, "node.capacity": 4000}, kind=Upgradable)
    with load(node) as clients:
        assert clients.wait_ready() == CONNECTIONS
        for count in (2, 3, 4):
            signal_node(node, signal.SIGTTIN)
            upgrade_while(node, lambda: None, "moving")
            wait_slots(node, count)
    clients.assert_whole()
    assert_serves(node)


def test_upgrade_while_a_keeper_starts(start, tmp_path):
    """It has been given nothing yet, so nothing is lost with it: the
    supervisor that comes starts the slot."""
    builds = Builds(tmp_path)
    build = builds.copy().parent
    real, go = build / "real-gateway", build / "slowly"
    (build / "holdfast-gateway").rename(real)
    builds.script(build / "holdfast-gateway",
                  f'[ ! -e {go} ] || {{ rm {go}; sleep 2; }}; '
                  f'exec {real} "$@"')
    node = start({"node.workers": 1, "node.capacity": 4000}, kind=Upgradable,
                 build=build)
    with load(node) as clients:
        assert clients.wait_ready() == CONNECTIONS
        go.touch()
        signal_node(node, signal.SIGTTIN)
        wait_until(lambda: not go.exists())
        upgrade_while(node, lambda: None, "moving")
        wait_slots(node, 2)
    clients.assert_whole()
    assert "slot_lost" not in node.log()
    assert_serves(node)


def test_reload_of_workers_while_an_upgrade_moves(start):
    """The supervisor that comes does it, as after the upgrade."""
    node = start({"node.workers": 1, "node.capacity": 4000}, kind=Upgradable)
    with load(node) as clients:
        assert clients.wait_ready() == CONNECTIONS
        node.configure({"node.workers": 2})
        upgrade_while(node, lambda: signal_node(node, signal.SIGHUP),
                      "moving")
        wait_slots(node, 2)
    clients.assert_whole()


@pytest.mark.parametrize("args", [[], ["--keepers"]])
def test_more_while_a_restart_is_under_way(start, args):
    node = start({"node.workers": 2, "node.capacity": 4000}, kind=Upgradable)
    with load(node) as clients:
        assert clients.wait_ready() == CONNECTIONS
        running = Running(node, "restart", *args)
        running.wait_for("slot")
        signal_node(node, signal.SIGTTIN)
        running.end()
        wait_slots(node, 3)
        # And the other way round: the new one is no reason to fail.
        signal_node(node, signal.SIGTTIN)
        wait_until(lambda: len(node.workers()) == 4)
        Running(node, "restart", *args).end()
        wait_slots(node, 4)
    clients.assert_whole()
    assert_serves(node)


@pytest.mark.parametrize("args", [[], ["--keepers"]])
def test_restart_while_a_slot_leaves(start, args):
    node = start({"node.workers": 2, "drain.window": f"{2 * SLOW}s"},
                 kind=Upgradable)
    with Crowd(node, 60) as crowd:
        wait_until(lambda: node.open_count() == 60)
        signal_node(node, signal.SIGTTOU)
        wait_until(lambda: states(node) == ["serving", "leaving"])
        for _ in range(3):
            Running(node, "restart", *args).end()
        end_of_leaving(node, crowd)


def test_one_replacement_at_a_time(start):
    """Who comes second is told what is under way."""
    node = start({"node.workers": 2}, kind=Upgradable)
    running = Running(node, "restart", "--keepers")
    running.wait_for("slot")
    for command in (["upgrade"], ["restart"], ["restart", "--keepers"]):
        refused = node.ctl(*command, check=False)
        assert refused.returncode == 1
        assert "a restart with new keepers is under way" in refused.stderr
    running.end()

    def refused_in_an_upgrade():
        # The control socket is between two supervisors for a moment.
        for command in (["upgrade"], ["restart"], ["restart", "--keepers"]):
            wait_until(lambda c=command: "an upgrade is under way" in
                       node.ctl(*c, check=False).stderr)
    upgrade_while(node, refused_in_an_upgrade, "moving")
    wait_slots(node, 2)


def test_what_a_reload_recycles_waits_for_an_upgrade(start, tmp_path):
    """Also when that one comes to nothing."""
    node = start({"node.workers": 2}, kind=Upgradable)
    node.expects_errors = True
    go = tmp_path / "go"
    binary = Builds(tmp_path).daemon(
        f"while [ ! -e {go} ]; do sleep 0.1; done; exit 3")
    tenants = node.tenants()
    with Client(node) as client:
        running = Running(node, "upgrade", "--wait", "--binary", str(binary))
        running.wait_for("checking")
        node.configure({"websocket.compression_level": 3})
        node.control("reload")
        assert node.tenants() == tenants
        go.touch()
        assert running.ctl.wait(30 * PATIENCE) == 1
        wait_until(lambda: "event=recycled" in node.log())
        assert not set(tenants) & set(node.tenants())
        assert client.echo("x")
        client.finish()
