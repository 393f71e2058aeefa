# SPDX-License-Identifier: ISC
"""Live upgrades that succeed: nobody notices anything."""
import os
import re
import signal
import socket
import struct
import threading
import time

import pytest

import process
import proof
from container import UNSHARE, Container, can_unshare, children
from load import Load
from node import LONG, SLOW, wait_until
from upgrading import Builds, Upgradable
from wire import Client

CONNECTIONS = 1000 // SLOW
ROUNDS = 30 if LONG else 10


@pytest.fixture
def builds(tmp_path):
    return Builds(tmp_path)


@pytest.fixture
def start_up(start):
    def begin(settings=None, **more):
        return start(settings, kind=Upgradable, **more)
    return begin


def load(node, count=CONNECTIONS):
    return Load(node, "sequence", "-c", count, "-t", 0, "--interval-ms", 20,
                "-s", 64)


def test_upgrade_keeps_everything(start_up, builds):
    node = start_up({"node.workers": 2, "node.capacity": 5000})
    old = node.pid
    before = set(node.tenants() + node.keepers() + node.tenants("relay"))
    binary = builds.copy()
    with load(node) as clients:
        assert clients.wait_ready() == CONNECTIONS
        lines, _ = node.upgrade(binary)
        wait_until(node.is_ready)
        after = node.tenants() + node.keepers() + node.tenants("relay")
    clients.assert_whole()
    assert not before & set(after)
    assert node.programs_in_use() == {str(binary.parent)}
    assert node.supervisors() == [node.pid] and node.pid != old
    result = lines[-1]
    assert result["state"] == "done" and result["pid"] == node.pid
    assert (result["moved"], result["drained"], result["severed"]) == (
        CONNECTIONS, 0, 0)
    assert 0 < result["pause_p50_us"] <= result["pause_p99_us"] <= (
        result["pause_max_us"])
    phases = [line["progress"]["phase"] for line in lines[:-1]
              if "slot" not in line["progress"]]
    assert phases == ["checking", "preparing", "stepping_aside", "adopting",
                      "moving"]
    slots = [line["progress"]["slot"] for line in lines[:-1]
             if "slot" in line["progress"]]
    assert len(slots) == 3
    node.wait_metric(1, "upgrades_total", result="done")
    wait_until(lambda: not any(process.is_alive(pid) for pid in before))
    with Client(node, "late") as client:
        assert client.echo("x")
        body, answer = node.dispatch("late")
        assert answer.json()["status"] == "delivered"
        assert client.take_message() == body


def fds_of(node):
    return sum(process.count_fds(pid) for pid in
               [node.pid] + node.tenants() + node.tenants("relay"))


def test_many_in_a_row(start_up, builds):
    """There and back again: one generation at a time, and nothing piles up."""
    node = start_up({"node.capacity": 5000})
    folders = [builds.copy("new"), builds.copy("old")]
    sizes = []
    with load(node, 300 // SLOW) as clients:
        clients.wait_ready()
        for turn in range(ROUNDS):
            binary = folders[turn % 2]
            lines, _ = node.upgrade(binary)
            assert lines[-1]["moved"] == 300 // SLOW
            assert lines[-1]["severed"] == 0
            assert node.programs_in_use() == {str(binary.parent)}
            assert node.supervisors() == [node.pid]
            # A generation is a keeper and a tenant of each slot.
            wait_until(lambda: len(node.worker_processes()) == 4)
            # What is held of a keeper that just ended is let go soon.
            if turn == 1:
                wanted = fds_of(node)
            elif turn > 1:
                wait_until(lambda: fds_of(node) <= wanted, 10,
                           "no more descriptors than two upgrades ago")
            sizes.append(process.rss_anon(node.pid) + sum(
                process.rss_anon(pid) for pid in node.tenants()))
    clients.assert_whole()
    proof.note_load("live upgrade, there and back again", ROUNDS, clients)
    node.wait_metric(ROUNDS, "upgrades_total", result="done")
    assert sizes[-1] <= sizes[1] * 1.25, sizes


def test_by_signal(start_up):
    """The binary of the same path, as a package leaves it."""
    node = start_up()
    with Client(node, "one") as client:
        old = node.process
        os.kill(node.pid, signal.SIGUSR2)
        node.follow(old)
        wait_until(node.is_ready)
        wait_until(lambda: node.control("status")["upgrade"] == "idle")
        assert client.echo("x")
    kinds = [event["kind"] for event in node.events()]
    assert "upgraded" in kinds


def test_without_waiting(start_up):
    """The answer comes before the supervisor that gives it steps aside."""
    node = start_up()
    old = node.process
    done = node.ctl("upgrade")
    assert "started, new holdfastd is process" in done.stdout
    node.follow(old)
    wait_until(node.is_ready)
    assert f"process {node.pid}" in done.stdout


def test_what_is_printed(start_up):
    node = start_up({"node.workers": 2})
    old = node.process
    with Client(node), Client(node), Client(node):
        done = node.ctl("upgrade", "--wait")
        node.follow(old)
    lines = done.stdout.splitlines()
    assert lines[:5] == ["checking", "preparing", "stepping_aside",
                         "adopting", "moving"]
    assert re.fullmatch(r"g0 moved, 1 of 3: \d connections?, silent for .*",
                        lines[5]), lines[5]
    assert re.fullmatch(r"r moved, 3 of 3: .*", lines[7]), lines[7]
    assert re.fullmatch(r"done in .*: 3 moved, 0 drained, 0 severed",
                        lines[8]), lines[8]
    assert re.fullmatch(r"pause per connection: p50 .*, p99 .*, max .*",
                        lines[9]), lines[9]


def listen(manager, told):
    """What a service manager hears, with the pid that the kernel says."""
    while True:
        try:
            text, control, _, _ = manager.recvmsg(4096, 64)
        except OSError:
            return
        if not text:
            return
        told.append((struct.unpack("iII", control[0][2])[0], text.decode()))


def test_service_manager_is_told(start_up, tmp_path):
    """systemd follows MAINPID, and hears READY=1 of the new main process."""
    address = str(tmp_path / "notify")
    told = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        manager.bind(address)
        reader = threading.Thread(target=listen, args=(manager, told))
        reader.start()
        try:
            node = start_up(env={"NOTIFY_SOCKET": address,
                                 "WATCHDOG_USEC": "200000"})
            old = node.pid
            with Client(node) as client:
                node.upgrade()
                assert client.echo("x")
            wait_until(lambda: told[-1] == (node.pid, "WATCHDOG=1"))
            # What the new one says is not believed until the old one, which
            # is the main process, has named it.
            named = [text for pid, text in told
                     if pid == old and "MAINPID=" in text]
            assert len(named) == 1, told
            assert f"MAINPID={node.pid}\n" in named[0]
            assert "READY=1" in named[0]
            assert not [text for _, text in told if "STOPPING" in text]
            assert node.stop(signal.SIGTERM) == 0
            wait_until(lambda: (node.pid, "STOPPING=1") in told)
        finally:
            manager.shutdown(socket.SHUT_RDWR)
            reader.join()


def test_as_process_1(start_up):
    """The small init stays, and follows: signals go to the new one."""
    if not can_unshare():
        pytest.skip("no PID namespaces here")
    node = start_up(prefix=UNSHARE)
    container = Container(node)
    with Client(node, "one") as client:
        before = container.supervisor()
        for _ in range(3):
            done = node.ctl("upgrade", "--wait", seconds=60)
            assert "done in" in done.stdout
            wait_until(lambda: container.supervisor() in
                       children(container.init))
            wait_until(lambda: len(container.supervisors()) == 1)
        assert container.supervisor() != before
        assert client.echo("x")
        node.configure({"log.level": "debug"})
        os.kill(container.init, signal.SIGHUP)
        wait_until(lambda: node.control("log-level")["level"] == "debug")
    os.kill(container.init, signal.SIGTERM)
    assert node.wait() == 0


def test_drain_goes_on(start_up):
    """At the pace it had, to the end it had."""
    node = start_up({"node.workers": 2, "drain.lb_wait": "0",
                     "drain.window": f"{6 * SLOW}s"})
    clients = [Client(node, f"c{i}") for i in range(16)]
    node.control("drain")
    node.upgrade()
    assert node.control("status")["state"] == "draining"
    assert 0 < node.open_count() <= 16
    ends = []
    for client in clients:
        assert client.take_close()[0] == 1012
        ends.append(time.monotonic())
        client.close()
    # Paced: what was left at the end of the upgrade did not go at once.
    assert ends[-1] - ends[0] > 1
    wait_until(lambda: node.open_count() == 0)
    assert node.admin("/readyz").status == 503
    node.control("undrain")
    wait_until(node.is_ready)
