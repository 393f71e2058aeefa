# SPDX-License-Identifier: ISC
"""Handoffs that go wrong: whoever dies or hangs in the middle, wherever, one
tenant has the slot afterwards and its clients have not noticed."""
import os
import re
import resource
import signal
import subprocess

import pytest

import node as nodes
import process
from load import Load
from node import LONG, PATIENCE, SLOW, wait_until
from slot import check_slot
from test_crashpoints import Control, build_has_points
from wire import TEXT, Client, frame

CONNECTIONS = 600 // SLOW  # several windows


def whole(node):
    """All slots serve, with keepers."""
    return all(worker["state"] == "serving" and
               process.is_alive(worker["keeper_pid"]) and
               process.is_alive(worker["tenant_pid"])
               for worker in node.control("workers")["workers"])


class Clients:
    """Connections in all kinds of states, and a load that counts."""

    def __init__(self, node):
        self.node = node
        self.plain = Client(node, "plain")
        self.slow = Client(node, "slow", rcvbuf=4096)
        self.long = Client(node, "l" * 90)
        self.number = 0

    def interrupt(self):
        """Leave something half done."""
        self.number += 1
        self.text = b"%d" % self.number * 20
        whole_frame = frame(TEXT, self.text)
        self.plain.send(whole_frame[:9])
        self.rest = whole_frame[9:]
        self.big = b"%06d" % self.number * 50000
        self.slow.send(frame(TEXT, self.big))

    def go_on(self):
        self.plain.send(self.rest)
        assert self.plain.take_message(TEXT) == self.text
        assert self.slow.take_message(TEXT) == self.big
        body, answer = self.node.dispatch("l" * 90, self.number)
        assert answer.json()["status"] == "delivered", answer.text
        assert self.long.take_message(TEXT) == body


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """node, control, clients, and the points of a handoff, for all tests."""
    if not build_has_points():
        pytest.skip("no build with crash points")
    folder = tmp_path_factory.mktemp("scene")
    control = Control(folder / "control")
    seen = folder / "points"
    for node in nodes.share({"worker.stall": f"{1 * SLOW}s",
                             # nobody reads pings between two tests
                             "websocket.ping_interval": "10m"}, True,
                            build=nodes.FAULTS,
                            env={"HOLDFAST_CRASH_CONTROL": str(control.path),
                                 "HOLDFAST_CRASH_LIST": str(seen)}):
        clients = Clients(node)
        with Load(node, "sequence", "-c", CONNECTIONS, "-s", 64, "-t", 0,
                  "--interval-ms", 50 * SLOW) as load:
            assert load.wait_ready() == CONNECTIONS
            node.ctl("restart", "--keepers")
            points = sorted(set(seen.read_text().split()))
            yield node, control, clients, points
        load.assert_whole()
        wait_until(lambda: check_slot(node)["open"] == 3, 10)
        assert node.metric("closes_total", cause="invalid") == 0
        assert node.metric("closes_total", cause="quarantine") == 0


@pytest.fixture
def moving(scene):
    """The same, and afterwards all is as it was."""
    node, control, _, _ = scene
    yield scene
    control.disarm()
    # Nothing that went wrong is in the way of the next one.
    node.ctl("restart", "--keepers")
    wait_until(lambda: whole(node), 15)
    assert node.connections() == CONNECTIONS + 3


def go_wrong(moving, point, signo=0, countdown=1):
    """A handoff in which somebody gets the signal there; has it moved all the
    same?  Otherwise the next try does it."""
    node, control, clients, _ = moving
    keeper, = node.keepers()
    failures = node.log().count("slot_not_moved")
    clients.interrupt()
    control.arm(point, countdown, signo=signo)
    node.ctl("restart", "--keepers", seconds=60)
    assert not control.is_armed(), point
    wait_until(lambda: whole(node), 20)
    clients.go_on()
    assert node.keepers() != [keeper]
    return node.log().count("slot_not_moved") == failures


def test_somebody_dies(moving):
    points = [name for name in moving[3] if name.startswith("handoff_")]
    takes = [name for name in points if name.startswith("handoff_take")]
    assert len(points) > 8 and len(takes) > 4, points
    moved = {point: go_wrong(moving, point) for point in points}
    print(moved)
    # Before the word is changed nothing has moved, afterwards all has.
    ways = [moved[name] for name in sorted(
        takes, key=lambda name: int(name.partition(":")[2]))]
    assert True in ways and False in ways


def test_somebody_hangs(moving):
    points = [name for name in moving[3] if name.startswith("handoff_")]
    moved = {point: go_wrong(moving, point, signal.SIGSTOP)
             for point in (points if LONG else points[3::6])}
    print(moved)
    assert len(moved) > 1


def gateways(node):
    """Keepers and tenants, also those whose parent is gone."""
    found = set(process.descendants(node.pid) +
                process.descendants(os.getpid()))
    return [pid for pid in found
            if process.program(pid) == "holdfast-gateway" and
            process.is_alive(pid)]


def stopped(node, but=()):
    """A gateway that was stopped by a signal."""
    for pid in gateways(node):
        fields = process.stat_fields(pid)
        if pid not in but and fields and fields[0] == "T":
            return pid
    return 0


def stop_at(moving, ending):
    """Start a handoff in which somebody stands still there; the ctl, pid.
    The keeper as well: it would end a tenant that has given its slot."""
    node, control, _, points = moving
    keepers = node.keepers()
    for keeper in keepers:
        os.kill(keeper, signal.SIGSTOP)
    control.arm(ending(points), 1, signo=signal.SIGSTOP)
    ctl = subprocess.Popen(
        [node.build / "holdfastctl", "-s", node.run_dir / "control.sock",
         "restart", "--keepers"], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pid = wait_until(lambda: stopped(node, keepers), 10, "a stopped gateway")
    return ctl, keepers, pid


def last_of(name, back):
    """The point of that file which is so many before its last."""
    return lambda points: sorted(
        (point for point in points if point.startswith(name)),
        key=lambda point: int(point.partition(":")[2]))[-back]


@pytest.mark.parametrize("ending", [
    last_of("handoff_take", 1),  # all sockets are there, nothing has moved
    last_of("handoff_give", 1),  # it has moved, the giver is still there
])
def test_a_close_reaches_the_client_while_copies_exist(moving, ending):
    """Nobody who stands still with a copy of a socket keeps it open."""
    node = moving[0]
    victims = [Client(node, f"victim{number}") for number in range(20)]
    ctl, keepers, pid = stop_at(moving, ending)
    os.kill(node.pid, signal.SIGSTOP)  # it would end who stands still
    try:
        for client in victims:
            client.finish()
            client.close()
        assert process.stat_fields(pid)[0] == "T"
    finally:
        for stopped_one in (*keepers, node.pid):
            os.kill(stopped_one, signal.SIGCONT)
    ctl.wait(30 * PATIENCE)
    wait_until(lambda: whole(node), 15)


def test_too_few_files(start):
    """The new tenant may open too few: the kernel cuts sockets off."""
    node = start()
    node.expects_errors = True
    with Load(node, "sequence", "-c", CONNECTIONS, "-s", 64, "-t", 0,
              "--interval-ms", 50 * SLOW) as load:
        assert load.wait_ready() == CONNECTIONS
        few = CONNECTIONS // 2
        resource.prlimit(node.pid, resource.RLIMIT_NOFILE, (few, few))
        for _ in range(3):
            done = node.ctl("restart", "--keepers", seconds=60, check=False)
            assert done.returncode == 1 and "slot g0" in done.stderr
            assert "0 of 2" in done.stderr and "of 3 tries" in done.stderr
        assert node.log().count("slot_not_moved") == 9
        node.kill_tenant()
    load.assert_whole()


def test_keeper_is_replaced_when_it_can_be(moving):
    """The first attempts fail: they are repeated, and the tenant, which
    nobody would follow, stays whatever it is told."""
    node, control, clients, points = moving
    point = last_of("handoff_take", 1)(points)
    keeper, tenant = node.keepers() + node.tenants()
    before = node.log().count("slot_not_moved")
    clients.interrupt()
    control.arm(point, 1, then=point)
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: node.log().count("slot_not_moved") == before + 1, 20)
    node.ctl("restart", check=False)
    assert node.tenant() == tenant and process.is_alive(tenant)
    wait_until(lambda: whole(node), 20)
    assert not control.is_armed()
    assert node.keepers() != [keeper]
    assert node.log().count("slot_not_moved") == before + 2
    clients.go_on()


def test_old_crashes_are_not_counted_again(start):
    """What killed tenants long ago does not kill the slot at each move."""
    node = start({"worker.max_crashes": 3, "worker.stall": "1s"})
    node.expects_errors = True
    with Client(node, "alice") as client:
        for _ in range(2):
            # Not in a step of alice, who would be at fault then.
            wait_until(lambda: process.stat_fields(node.tenant())[0] == "S")
            node.kill_tenant(signal.SIGSEGV)
        for _ in range(4):
            node.ctl("restart", "--keepers")
        assert client.echo("still here")
        client.finish()
    assert "slot_evacuating" not in node.log()


def times_served(node):
    return len(re.findall(r"proc=g0 .*event=serving", node.log()))


def test_a_step_that_was_interrupted_moves_along(moving):
    """A tenant that is told to give before it has adopted hands on the step
    with all that belongs to it."""
    node, control, clients, points = moving
    first = 0
    for number, point in enumerate(
            name + side for name in points for side in ("", "a")
            if name.startswith(("step.c", "handshake.c", "table.c"))):
        if number % 4 and not LONG:
            continue
        keeper, = node.keepers()
        served = times_served(node)
        tenant = node.tenant()
        os.kill(keeper, signal.SIGSTOP)
        control.arm(point, 1 + number % 3)
        text = b"step %d" % number * 5
        clients.plain.send(frame(TEXT, text))
        try:
            wait_until(lambda: not process.is_alive(tenant), 0.3)
            ctl = subprocess.Popen(
                [node.build / "holdfastctl", "-s",
                 node.run_dir / "control.sock", "restart", "--keepers"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
            wait_until(lambda: len(gateways(node)) == 3, 10,
                       "a new tenant")
        except AssertionError:
            ctl = None
        os.kill(keeper, signal.SIGCONT)
        control.disarm()
        assert clients.plain.take_message(TEXT) == text, point
        if ctl is not None:
            ctl.wait(30 * PATIENCE)
            wait_until(lambda: whole(node), 15)
            first += times_served(node) == served + 1
    print(f"{first} tenants gave what they had not adopted")
    assert first > 3


@pytest.mark.parametrize("ending", [
    last_of("handoff_take", 1),  # all sockets are there, nothing has moved
    last_of("handoff_take", 3),  # it has moved, and nobody was told
    last_of("handoff_give", 1),  # it has moved, the giver is still there
])
def test_supervisor_dies_in_the_middle(start, tmp_path, ending):
    """Whoever has the slot serves on, and nobody else is left of it."""
    if not build_has_points():
        pytest.skip("no build with crash points")
    control = Control(tmp_path / "control")
    seen = tmp_path / "points"
    node = start(build=nodes.FAULTS,
                 env={"HOLDFAST_CRASH_CONTROL": str(control.path),
                      "HOLDFAST_CRASH_LIST": str(seen)})
    node.expects_errors = True
    node.expected_exit = -signal.SIGKILL
    with Load(node, "sequence", "-c", CONNECTIONS, "-s", 64, "-t", 0,
              "--interval-ms", 50 * SLOW) as load:
        assert load.wait_ready() == CONNECTIONS
        node.ctl("restart", "--keepers")
        points = sorted(set(seen.read_text().split()))
        ctl, keepers, pid = stop_at((node, control, None, points), ending)
        node.process.kill()
        node.wait()
        ctl.wait(30 * PATIENCE)
        # Its keeper, once it goes on, may end it.
        for stopped_one in (pid, *keepers):
            os.kill(stopped_one, signal.SIGCONT)
        wait_until(lambda: len(gateways(node)) == 2, 10,
                   "one of both to leave")
        with Client(node, "late") as late:
            assert late.echo("x")
            late.finish()
    load.assert_whole()
    assert len(process.reap_leftovers(0)) == 4
