# SPDX-License-Identifier: ISC
"""Slots that move between versions whose tables have different layouts.

The older version is a build of its own (tests/layout), which knows no other
layout than its own; the newer one is that with the faults.  A supervisor of
the one takes the slots of the other over, and moves them.
"""
import os
import signal

import pytest

import node as nodes
import process
from load import Load
from node import LONG, SLOW, wait_until
from test_handoff_faults import Clients, whole
from test_readopt import dispatches, pids, restart
from upgrading import DIES_WHEN_SERVING, Builds, Upgradable
from wire import Client

CONNECTIONS = 600 // SLOW
TIMES = 20 if LONG else 2


def change_version(node, build):
    """The supervisor dies, and one of the other version takes over."""
    before = pids(node)
    node.kill_supervisor()
    node.build = build
    restart(node)
    assert pids(node) == before


def layout(node):
    return node.control("version")["layout"]


@pytest.fixture
def older(start):
    """A node of the older version."""
    for build in (nodes.OLDER, nodes.FAULTS):
        if not (build / "holdfast-gateway").exists():
            pytest.skip(f"no build in {build}")
    return start({"node.workers": 2}, build=nodes.OLDER, kind=Upgradable)


def test_there_and_back_under_load(older):
    node = older
    old = layout(node)
    clients = Clients(node)
    with Load(node, "sequence", "-c", CONNECTIONS, "-s", 64, "-t", 0,
              "--interval-ms", 20 * SLOW) as load:
        assert load.wait_ready() == CONNECTIONS
        for _ in range(TIMES):
            for build in (nodes.FAULTS, nodes.OLDER):
                change_version(node, build)
                clients.interrupt()
                before = pids(node)
                node.ctl("restart", "--keepers", seconds=60)
                assert not {keeper for keeper, _ in before} & {
                    keeper for keeper, _ in pids(node)}
                assert (layout(node) == old) == (build == nodes.OLDER)
                wait_until(lambda: whole(node))
                clients.go_on()
                node.kill_tenant()
                dispatches(node, "new" * 30)
                wait_until(lambda: node.open_count() == CONNECTIONS + 3)
    load.assert_whole()
    assert node.metric("closes_total", cause="invalid") == 0
    assert node.metric("closes_total", cause="quarantine") == 0
    assert node.log().count("event=slot_moved ") == 6 * TIMES


def test_another_layout_is_not_read(older):
    """What the older ones serve is not mistaken for one of ours."""
    node = older
    with Client(node, "alice") as client:
        change_version(node, nodes.FAULTS)
        listed = node.control("clients")
        assert listed["clients"] == [] and listed["unreadable"] == 1
        done = node.ctl("where", "alice", check=False)
        assert done.returncode == 1 and "ask again" in done.stderr
        rows = node.control("workers")["workers"]
        assert all(row["restarts"] is None for row in rows)
        assert node.open_count() == 1
        assert "alice" not in node.ctl("status").stdout
        # The relay is the older one's, too, and knows its way.
        body, answer = node.dispatch("alice")
        assert answer.json()["status"] == "delivered", answer.text
        assert client.take_message() == body
        # Another tenant of the older version, by its own keeper.
        slot, = [row["slot"] for row in rows if row["connections"]]
        node.kill_tenant(slot=slot)
        assert client.echo("still")
        node.ctl("restart", "--keepers", seconds=60)
        assert node.control("clients")["total"] == 1
        assert node.ctl("where", "alice").returncode == 0
        client.finish()


def test_one_that_knows_only_its_own_refuses(older):
    """The released build knows the older one's layout as little as that one
    knows its own."""
    node = older
    node.expects_errors = True
    with Client(node, "alice") as client:
        node.kill_supervisor()
        node.build = nodes.BUILD
        node.spawn()
        assert node.wait() == 1
        assert "event=slots_foreign" in node.log()
        assert client.echo("x")
        node.build = nodes.OLDER
        restart(node)
        assert client.echo("y")
        assert all(process.is_alive(pid) for pid in node.tenants())
        client.finish()


def test_live_upgrades(older):
    node = older
    old = layout(node)
    clients = Clients(node)
    with Load(node, "sequence", "-c", CONNECTIONS, "-s", 64, "-t", 0,
              "--interval-ms", 20 * SLOW) as load:
        assert load.wait_ready() == CONNECTIONS
        for _ in range(TIMES):
            for build in (nodes.FAULTS, nodes.OLDER):
                clients.interrupt()
                lines, _ = node.upgrade(build / "holdfastd")
                assert lines[-1]["moved"] == CONNECTIONS + 3
                assert lines[-1]["severed"] == 0
                assert (layout(node) == old) == (build == nodes.OLDER)
                assert node.programs_in_use() == {str(build)}
                clients.go_on()
    load.assert_whole()
    assert node.metric("closes_total", cause="invalid") == 0


@pytest.mark.skipif(SLOW > 1, reason="no LD_PRELOAD with a sanitizer")
@pytest.mark.parametrize("source, target", [("OLDER", "FAULTS"),
                                            ("FAULTS", "OLDER")])
def test_upgrade_that_fails_comes_back(older, tmp_path, source, target):
    """The new gateway has a slot already, in its own layout, and dies."""
    node = older
    node.expects_errors = True
    if source == "FAULTS":
        node.upgrade(nodes.FAULTS / "holdfastd")
    before = layout(node)
    clients = Clients(node)
    builds = Builds(tmp_path, getattr(nodes, target))
    with Load(node, "sequence", "-c", CONNECTIONS, "-s", 64, "-t", 0,
              "--interval-ms", 20 * SLOW) as load:
        assert load.wait_ready() == CONNECTIONS
        clients.interrupt()
        lines, code = node.upgrade(builds.gateway_that(DIES_WHEN_SERVING),
                                   check=False, seconds=90)
        assert code == 1 and "rolled back" in lines[-1]["message"], lines
        wait_until(node.is_ready)
        clients.go_on()
        assert layout(node) == before
        assert node.programs_in_use() == {str(getattr(nodes, source))}
    load.assert_whole()
    assert node.log().count("event=slot_moved ") >= 2
