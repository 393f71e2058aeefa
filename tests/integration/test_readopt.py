# SPDX-License-Identifier: ISC
"""A supervisor that dies, and the next one, which takes the slots over."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import pytest

import process
import proof
from dispatcher import Traffic
from load import Load
from node import LONG, PATIENCE, SLOW, wait_until
from wire import Client, Refused

CLIENTS = 2000 // SLOW


def workers(node):
    return node.workers("gateway") + node.workers("relay")


def is_taken_over(node):
    return node.is_ready() and all(
        worker["state"] == "serving" for worker in workers(node))


def restart(node):
    """Start the next supervisor; the seconds until all slots are its own."""
    begun = time.monotonic()
    node.spawn()
    wait_until(lambda: is_taken_over(node), 20, "all slots taken over")
    return time.monotonic() - begun


def pids(node):
    return [(worker["keeper_pid"], worker["tenant_pid"])
            for worker in workers(node)]


def dispatches(node, name="there"):
    with Client(node, name) as client:
        assert client.echo("x")
        body, answer = node.dispatch(name)
        assert answer.json()["status"] == "delivered"
        assert client.take_message() == body


def status(node):
    """Nothing while it starts."""
    try:
        return node.control("status")
    except OSError:
        return {}


def stopped(pid):
    """Stop a process, and wait until it is."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: process.stat_fields(pid)[0] == "T")


def slots_file(node):
    return node.run_dir / "slots"


def test_taken_over_under_load(start):
    node = start({"node.workers": 2})
    with Load(node, "sequence", "-c", CLIENTS, "-t", 0,
              "--interval-ms", 100) as load, Traffic(node, 10):
        assert load.wait_ready() == CLIENTS
        before = pids(node)
        node.kill_supervisor()
        took = restart(node)
        assert pids(node) == before
        assert took < 2 * PATIENCE, took
        dispatches(node)
        assert node.open_count() >= CLIENTS
        assert "clients" in node.ctl("status").stdout
        assert node.ctl("events").returncode == 0
        # What the next one does is as good as what the first one did.
        node.kill_tenant()
        node.kill_tenant(slot=1)
        relay, = node.workers("relay")
        os.kill(relay["tenant_pid"], signal.SIGKILL)
        wait_until(lambda: node.workers("relay")[0]["generation"] == 2
                   and is_taken_over(node))
        dispatches(node)
    load.assert_whole()
    assert node.log().count("event=readopted ") == 1
    assert node.log().count("event=slot_claimed ") == 3


def test_ten_supervisors(start):
    node = start({"node.workers": 2})
    with Load(node, "sequence", "-c", 200 // SLOW, "-t", 0,
              "--interval-ms", 20) as load, Traffic(node, 4):
        load.wait_ready()
        before = pids(node)
        fds = [process.count_fds(tenant) for _, tenant in before]
        for _ in range(10):
            node.kill_supervisor()
            restart(node)
        assert pids(node) == before
        # Channels that were replaced are closed by whoever held them.
        wait_until(lambda: all(
            process.count_fds(tenant) <= count + 4
            for (_, tenant), count in zip(before, fds)), 5, "old channels")
    load.assert_whole()
    assert node.log().count("event=readopted ") == 10
    proof.note_load("supervisor, kill -9", 10, load)


@pytest.mark.parametrize("kind", ["gateway", "relay"])
def test_supervisor_and_tenant_killed(start, kind):
    node = start({"node.workers": 2})
    with Load(node, "sequence", "-c", 200 // SLOW, "-t", 0,
              "--interval-ms", 20) as load, Traffic(node, 4):
        load.wait_ready()
        keepers = node.keepers() + node.keepers("relay")
        victim = node.workers(kind)[0]["tenant_pid"]
        os.kill(node.pid, signal.SIGKILL)
        os.kill(victim, signal.SIGKILL)
        node.process.wait()
        restart(node)
        assert node.keepers() + node.keepers("relay") == keepers
        assert node.workers(kind)[0]["tenant_pid"] != victim
        node.kill_tenant()
        dispatches(node)
    load.assert_whole()


def test_supervisor_and_keeper_killed(start):
    """The tenant claims for itself alone."""
    node = start({"node.workers": 2})
    node.expects_errors = True
    with Load(node, "sequence", "-c", 200 // SLOW, "-t", 0,
              "--interval-ms", 20) as load:
        load.wait_ready()
        tenants, victim = node.tenants(), node.keepers()[0]
        os.kill(node.pid, signal.SIGKILL)
        os.kill(victim, signal.SIGKILL)
        node.process.wait()
        node.spawn()
        wait_until(lambda: "event=keeper_lost" in node.log())
        wait_until(lambda: "event=readopted" in node.log())
        # The first may have given its slot to a new keeper's tenant by now.
        assert process.is_alive(tenants[1])
    load.assert_whole()


def test_keeper_lost_while_others_are_awaited(start):
    """A slot gets its new keeper when the supervisor can say how to serve."""
    node = start()
    node.expects_errors = True
    relay = node.keepers("relay") + node.tenants("relay")
    victim = node.keepers()[0]
    with Load(node, "sequence", "-c", 20, "-t", 0, "--interval-ms",
              10) as load:
        load.wait_ready()
        for pid in relay:
            os.kill(pid, signal.SIGSTOP)
        os.kill(node.pid, signal.SIGKILL)
        os.kill(victim, signal.SIGKILL)
        node.process.wait()
        node.spawn()
        wait_until(lambda: "event=keeper_lost" in node.log())
        # Time enough to do it wrong.
        lost_at = time.monotonic()
        wait_until(lambda: time.monotonic() > lost_at + 0.5)
        for pid in relay:
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: "event=slot_moved" in node.log(), 20)
    load.assert_whole()


def test_signals_wait_for_the_takeover(start):
    """SIGTERM to a supervisor that still takes over is obeyed afterwards."""
    node = start({"node.workers": 2, "drain.window": "0"})
    with Client(node, "alice") as client:
        assert client.echo("x")
        pid = node.tenants()[0]
        node.kill_supervisor()
        stopped(pid)  # its claim is awaited
        node.spawn()
        wait_until(lambda: "event=slot_claimed" in node.log())
        node.process.send_signal(signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)
        assert client.take_close()[0] == 1012
    assert node.wait() == 0


def test_whole_slot_gone(start):
    """What died with the supervisor starts empty, the rest serves on."""
    node = start({"node.workers": 2})
    client = Client(node, "kept")
    slot, = [worker for worker in node.workers() if worker["connections"]]
    other = 1 - slot["slot"]
    keeper, tenant = node.keepers()[other], node.tenants()[other]
    os.kill(node.pid, signal.SIGKILL)
    os.kill(keeper, signal.SIGKILL)
    os.kill(tenant, signal.SIGKILL)
    node.process.wait()
    wait_until(lambda: not process.is_alive(tenant))
    restart(node)
    assert client.echo("x")
    assert node.keepers()[other] != keeper
    # The relay, which served on, knows the fresh slot's memory.
    with Load(node, "hold", "-c", 50, "-t", 0) as load:
        load.wait_ready()
        for number in range(8):
            dispatches(node, f"new{number}")
    client.close()


def test_other_config_is_a_reload(start):
    node = start({"node.workers": 2})
    before = pids(node)
    with Client(node) as client:
        node.kill_supervisor()
        node.configure({"websocket.max_frames": 4711, "node.id": "other"})
        restart(node)
        wait_until(lambda: "event=reloaded " in node.log())
        values = {v["key"]: v["value"]
                  for v in node.control("config-show")["values"]}
        assert values["websocket.max_frames"] == "4711"
        assert values["node.id"] == "test"
        changed = re.findall(r"event=setting_changed .*?key=(\S+)",
                             node.log())
        assert sorted(changed) == ["node.id", "websocket.max_frames"]
        assert pids(node) == before
        assert client.echo("x")
    # Once applied it is what the slots run with.
    node.kill_supervisor()
    restart(node)
    assert node.log().count("event=reloaded ") == 2
    assert node.log().count("key=websocket.max_frames") == 1


def test_second_supervisor_is_refused(start):
    node = start()
    node.kill_supervisor()
    restart(node)
    second = start({"node.run_dir": str(node.run_dir)}, is_started=False)
    second.expected_exit = 1
    second.expects_errors = True
    second.spawn()
    assert second.wait() == 1
    assert "run_dir_in_use" in second.log()
    dispatches(node)


def test_orderly_stop_leaves_nothing_to_find(start):
    node = start()
    assert slots_file(node).stat().st_mode & 0o777 == 0o600
    assert node.stop() == 0
    assert {path.name for path in node.run_dir.iterdir()} == {"lock"}
    node.port = node.api_port = node.admin_port = None
    node.start()
    assert "event=slots_found" not in node.log()


def test_stale_list(start):
    """Dead keepers, and pids that belong to others by now."""
    with subprocess.Popen(["sleep", "1000"]) as other:
        node = start(is_started=False)
        node.run_dir.mkdir()
        slots_file(node).write_text(
            "holdfast-slots 1\nnode 0.1.0 1 1 4711 2\n"
            f"slot 0 gateway 7 {other.pid} 1\n"
            "slot 1 gateway 8 4194303 12345\n"
            f"slot 64 relay 9 {os.getpid()} 77\nend\n")
        node.start()
        assert "event=slots_found" not in node.log()
        dispatches(node)
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize("text", ["", "holdfast-slots 1\nnode", "\0" * 100])
def test_unreadable_list(start, text):
    node = start(is_started=False)
    node.run_dir.mkdir()
    slots_file(node).write_text(text)
    node.start()
    assert "event=slots_unreadable" in node.log()


def test_lost_list_is_no_second_start(start):
    """Without the list nothing is taken over, and nothing started twice."""
    node = start()
    node.expects_errors = True
    node.configure({"listen": [{"address": "127.0.0.1",
                                "port": node.port}]})
    with Client(node) as client:
        node.kill_supervisor()
        text = slots_file(node).read_text()
        slots_file(node).unlink()
        node.spawn()
        assert node.wait() == 1
        assert client.echo("x")
        slots_file(node).write_text(text)
        restart(node)
        assert client.echo("x")


@pytest.mark.parametrize("what", ["protocol", "layout"])
def test_foreign_slots_are_refused(start, what):
    node = start()
    node.expects_errors = True
    tenants = node.tenants() + node.tenants("relay")
    keepers = node.keepers() + node.keepers("relay")
    node.kill_supervisor()
    text = slots_file(node).read_text()
    words = text.splitlines()[1].split()
    words[1] = "9.9.9"
    words[2 if what == "protocol" else 3] = "999"
    slots_file(node).write_text(text.replace(text.splitlines()[1],
                                             " ".join(words)))
    node.spawn()
    assert node.wait() == 1
    line, = [x for x in node.log().splitlines() if "slots_foreign" in x]
    assert "9.9.9" in line and f"{what}=999" in line
    for keeper in keepers:
        assert str(keeper) in line
    assert all(map(process.is_alive, keepers + tenants))
    slots_file(node).write_text(text)
    restart(node)
    assert node.tenants() + node.tenants("relay") == tenants


def test_late_claim(start):
    """Who cannot claim in time is waited for, not started twice."""
    node = start({"node.workers": 2})
    before = pids(node)
    late = before[0][1]
    stopped(late)
    node.kill_supervisor()
    node.spawn()
    wait_until(lambda: "missing=1" in node.log())
    wait_until(lambda: status(node))
    assert node.workers()[0]["state"] == "awaited"
    os.kill(late, signal.SIGCONT)
    wait_until(lambda: is_taken_over(node))
    assert pids(node) == before
    dispatches(node)


def test_backing_off_when_it_is_awaited(start):
    """Nobody claims while the keeper waits; the next tenant does."""
    node = start({"node.workers": 2, "worker.backoff": "4s"})
    keepers = node.keepers()

    def backs_off():
        """one to die before it serves"""
        worker = node.workers()[0]
        if worker["state"] == "backoff":
            return worker["generation"]
        if worker["tenant_pid"]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker["tenant_pid"], signal.SIGKILL)
        return None

    generation = wait_until(backs_off, 30)
    node.kill_supervisor()
    restart(node)
    assert node.keepers() == keepers
    assert node.workers()[0]["generation"] == generation + 1


@pytest.mark.skipif(not LONG, reason="takes 10 s")
def test_hung_tenant_is_ended(start):
    node = start()
    node.expects_errors = True
    keepers, hung = node.keepers(), node.tenant()
    with Client(node) as client:
        stopped(hung)
        node.kill_supervisor()
        node.spawn()
        wait_until(lambda: "event=slot_unclaimed" in node.log(), 20)
        wait_until(lambda: is_taken_over(node))
        assert node.keepers() == keepers and node.tenant() != hung
        assert client.echo("x")


def pidfds(pid):
    found = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found += os.readlink(f"/proc/{pid}/fd/{name}") == \
                "anon_inode:[pidfd]"
        except FileNotFoundError:  # closed meanwhile
            pass
    return found


def test_slot_ends_while_others_are_found(start):
    """Before the memory that all slots share has been claimed by one."""
    node = start({"node.workers": 2})
    node.expects_errors = True
    tenants = node.tenants() + node.tenants("relay")
    keeper = node.keepers()[0]
    for pid in tenants + [keeper]:
        stopped(pid)
    node.kill_supervisor()
    node.spawn()
    wait_until(lambda: pidfds(node.pid) >= 3)
    for pid in (tenants[0], keeper):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: "event=slot_lost" in node.log())
    for pid in tenants[1:]:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: is_taken_over(node), 20)
    assert node.tenants()[1:] == tenants[1:2]
    dispatches(node)


def test_drain_goes_on(start):
    node = start({"node.workers": 2, "drain.window": "4s"})
    clients = [Client(node) for _ in range(20)]
    wait_until(lambda: node.open_count() == 20)
    os.kill(node.pid, signal.SIGWINCH)
    wait_until(lambda: node.metric("draining") == 1)
    node.kill_supervisor()
    node.spawn()
    wait_until(lambda: "event=readopted" in node.log())
    wait_until(lambda: status(node).get("state") == "draining")
    with pytest.raises(Refused):
        Client(node)
    for client in clients:
        assert client.take_close()[0] == 1012
        client.close()
    wait_until(lambda: node.control("status")["connections"] == 0)


def test_listeners_keep_their_places(start):
    """A list that was changed while it ran, in another order."""
    def listen(*hosts):
        return {"listen": [{"address": host, "port": 0} for host in hosts]}

    def ports(node):
        return {item["address"]: item["port"]
                for item in node.control("status")["listeners"]
                if item["for"] == "clients"}

    node = start(listen("127.0.0.1"))
    node.configure(listen("127.0.0.2", "127.0.0.1"))
    node.control("reload")
    before = ports(node)
    assert len(before) == 2
    node.kill_supervisor()
    restart(node)
    assert ports(node) == before
    for _ in range(2):
        with socket.create_connection(("127.0.0.2", before["127.0.0.2"])):
            pass
        dispatches(node)
        # The list is known well enough to be changed again.
        node.configure(listen("127.0.0.1", "127.0.0.2"))
        node.control("reload")
        assert ports(node) == before
    node.configure(listen("127.0.0.2"))
    node.control("reload")
    assert ports(node) == {"127.0.0.2": before["127.0.0.2"]}
