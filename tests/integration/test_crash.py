# SPDX-License-Identifier: ISC
"""kill -9 and worse to a gateway's tenant: the clients must not notice.

Counts alone would hide a loss that a repetition makes up for, so ws_load
checks the number of every message on every connection.
"""
import json
import os
import re
import signal
import threading
import time

import pytest

import node as nodes
import process
import proof
from load import Load
from node import LONG, PATIENCE, SLOW, wait_until
from slot import check_slot
from wire import TEXT, Client, Raw, Refused, request

CONNECTIONS = 2000 // SLOW
DISPATCH_KILLS = 200 if LONG else 20
STORM_S = 30 if LONG else 3
KILLS = (1000 if LONG else 100) // SLOW


def recoveries(node):
    """Seconds in sum and number of recoveries so far."""
    return (node.metric("recovery_seconds_sum"),
            node.metric("recovery_seconds_count"))


def pause(load, seconds):
    """Let the load run between two kills."""
    assert load.process.poll() is None
    time.sleep(seconds)


def test_kill_a_hundred_times_under_load(start):
    """The product's promise: 0 severed, lost, duplicated, out of order."""
    node = start({"node.capacity": 5000})
    keeper, = node.keepers()
    times = []
    with Load(node, "sequence", "-c", CONNECTIONS, "-t", 0, "--interval-ms",
              20, "-s", 64) as load:
        assert load.wait_ready() == CONNECTIONS
        for number in range(KILLS):
            # Not in step with anything that the load does.
            pause(load, 0.02 + number % 7 * 0.011)
            times.append(node.kill_tenant()["recovery_us_last"] / 1000)
    load.assert_whole()
    wait_until(lambda: node.connections() == 0)
    assert check_slot(node)["records"] == 0
    proof.note_load("gateway tenant, kill -9, echo load", KILLS, load)
    assert node.keepers() == [keeper]
    assert node.restarts("killed") == KILLS
    assert node.metric("recovery_seconds_count") == KILLS
    assert node.metric("adopted_connections_total") >= KILLS * CONNECTIONS
    times.sort()
    print(f"recovery in ms: median {times[len(times) // 2]}, "
          f"worst {times[-1]}")


def test_kill_with_deep_pipelines(start):
    """Many messages in flight, larger than a read: partial frames move."""
    node = start()
    with Load(node, "sequence", "-c", 40 // SLOW, "-d", 8, "-s", 40000,
              "-t", 0, "--verify", "all") as load:
        load.wait_ready()
        for _ in range((300 if LONG else 30) // SLOW):
            pause(load, 0.06)
            node.kill_tenant()
    load.assert_whole()
    wait_until(lambda: node.connections() == 0)
    assert check_slot(node)["blocks"] == 0
    proof.note_load("gateway tenant, kill -9, 8 messages of 40 KB in flight",
                    30 // SLOW, load)


def test_kill_at_rest(start):
    node = start()
    with Load(node, "hold", "-c", CONNECTIONS, "-t", 0, "--probe-ms",
              0) as load:
        load.wait_ready()
        for _ in range(5):
            node.kill_tenant()
        assert node.open_count() == CONNECTIONS
        assert check_slot(node)["indexed"] == CONNECTIONS
    load.assert_whole()  # each connection was probed at the end


def test_kill_during_a_storm_of_connects(start):
    """Connections between accept4() and their record survive as well."""
    node = start({"node.workers": 2})
    with Load(node, "storm", "-n", 64, "-t", STORM_S + 1) as load:
        deadline = time.monotonic() + STORM_S
        kills = 0
        while time.monotonic() < deadline:
            node.kill_tenant(slot=kills % 2)
            kills += 1
            time.sleep(0.05)
        result = load.wait()
    assert kills >= 5
    bad = {key: result[key] for key in ("severed", "refused",
                                        "connect_errors", "bad_accepts",
                                        "protocol_errors") if result[key]}
    assert not bad, bad
    assert result["opened"] > 100
    wait_until(lambda: node.connections() == 0)
    assert check_slot(node, 0)["records"] == 0
    assert check_slot(node, 1)["records"] == 0


def test_opening_while_killed(start):
    """All openings of a growing crowd succeed, and live on."""
    node = start()
    with Load(node, "sequence", "-c", CONNECTIONS, "-n", 32, "-r", 1000,
              "-t", 0, "--interval-ms", 50) as load:
        time.sleep(0.1)
        for _ in range(15 // SLOW):
            node.kill_tenant()
            time.sleep(0.08)
        assert load.wait_ready() == CONNECTIONS
    load.assert_whole()


def test_fragments_across_a_kill(node):
    """A frame and a message that a kill cuts in two."""
    with Client(node, "cut") as client, Client(node, "head") as head:
        text = b"\x81\xfe\x01\x00" + b"\x00" * 4 + b"x" * 256
        client.send(text[:5])
        head.send(text[:1])
        time.sleep(0.05)
        node.kill_tenant()
        client.send(text[5:100])
        head.send(text[1:3])
        time.sleep(0.05)
        node.kill_tenant()
        client.send(text[100:])
        head.send(text[3:])
        assert client.take_message(TEXT) == b"x" * 256
        assert head.take_message(TEXT) == b"x" * 256
        # not FIN: the first half of a message
        client.send(b"\x01\x83\x00\x00\x00\x00one")
        time.sleep(0.05)
        node.kill_tenant()
        client.send(b"\x80\x83\x00\x00\x00\x00two")
        assert client.take_message(TEXT) == b"onetwo"


def test_handshake_across_a_kill(node):
    whole = request("/ws?client_id=slow")
    raw = Raw(node)
    raw.send(whole[:20])
    wait_until(lambda: node.connections() == 1)
    node.kill_tenant()
    raw.send(whole[20:])
    assert raw.take_head() == 101
    assert node.control("where", client="slow")["slot"] == 0
    raw.close()


@pytest.mark.parametrize("signo", [signal.SIGSEGV, signal.SIGABRT,
                                   signal.SIGBUS])
def test_fault_when_idle(start, signo):
    """No step was under way, so no connection is to blame."""
    node = start()
    node.expects_errors = True
    clients = [Client(node, f"idle{n}") for n in range(50)]
    wait_until(lambda: node.open_count() == 50)
    node.kill_tenant(signo)
    for client in clients:
        assert client.echo("still here")
        client.close()
    assert node.restarts("fault") == 1
    assert node.metric("closes_total", cause="quarantine") == 0


def test_no_fd_leaks(node):
    clients = [Client(node) for _ in range(20)]
    node.kill_tenant()
    keeper, = node.keepers()
    wait_until(lambda: node.control("workers"))

    def counts():
        return process.count_fds(keeper), process.count_fds(node.pid)

    before = counts()
    for _ in range(20):
        node.kill_tenant()

    def as_before():
        """Not more; one less when a connection was just being closed."""
        return all(now <= then for now, then in zip(counts(), before))

    wait_until(as_before)
    for client in clients:
        client.close()
    # The descriptors of closed connections go as well.
    wait_until(lambda: process.count_fds(keeper) <= before[0] - 20)


def test_pending_output_survives(start):
    """Bytes that wait for a client which does not read."""
    node = start({"websocket.max_queue": "8MiB"})
    with Client(node, "lazy", rcvbuf=4096) as client:
        texts = []
        for number in range(60):
            body, answer = node.dispatch("lazy", number, pad="x" * 60000)
            assert answer.json()["status"] in ("delivered", "queued")
            texts.append(body)
            if number % 20 == 10:
                node.kill_tenant()
        for text in texts:
            assert client.take_message(TEXT) == text


def test_dispatch_exactly_once_during_kills(start):
    """Numbered messages through the API while tenants die."""
    node = start()
    client = Client(node, "numbers")
    received, statuses, sent = [], set(), 0
    is_over = threading.Event()

    def read():
        while not received or received[-1] != "end":
            message = json.loads(client.take_message(TEXT))
            received.append(message["payload"]["number"])

    def kill():
        for _ in range(DISPATCH_KILLS):
            time.sleep(0.03)
            node.kill_tenant()
        is_over.set()

    threads = [threading.Thread(target=read), threading.Thread(target=kill)]
    for thread in threads:
        thread.start()
    while not is_over.is_set() and sent < 1000000:
        statuses.add(node.dispatch("numbers", sent)[1].json()["status"])
        sent += 1
    node.dispatch("numbers", "end")
    for thread in threads:
        thread.join(20 * PATIENCE)
    assert received == [*range(sent), "end"]
    assert statuses <= {"delivered", "queued"}
    assert client.is_quiet()
    assert node.restarts("killed") == DISPATCH_KILLS
    proof.note("gateway tenant, kill -9, dispatch through the API",
               DISPATCH_KILLS, 1, sent)
    client.close()


def test_broadcast_once_during_kills(start):
    node = start()
    clients = [Client(node) for _ in range(200 // SLOW)]
    wait_until(lambda: node.open_count() == len(clients))
    for number in range(10):
        killer = threading.Thread(target=node.kill_tenant)
        killer.start()
        answer = node.api("POST", "/gateway/broadcast", {
            "message_id": f"b{number}", "event_type": "t", "payload": number})
        assert answer.status == 202, answer.text
        killer.join()
        for client in clients:
            assert json.loads(client.take_message())["payload"] == number
    assert all(client.is_quiet(0) for client in clients)
    for client in clients:
        client.close()


def test_relay_killed(node):
    """The relay holds no connection; the API comes back by itself."""
    with Client(node, "alice") as client:
        before, = node.tenants("relay")
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: node.tenants("relay") not in ([0], [before]))
        body, answer = wait_until(lambda: node.dispatch("alice"))
        assert answer.json()["status"] == "delivered"
        assert client.take_message(TEXT) == body
        assert client.echo("x")
    assert node.metric("worker_restarts_total", worker="r",
                       cause="killed") == 1


def test_everything_killed_but_the_supervisor(node):
    """Keeper and tenant together: the slot starts empty, and serves."""
    client = Client(node, "unlucky")
    worker, = node.workers()
    os.kill(worker["keeper_pid"], signal.SIGSTOP)
    os.kill(worker["tenant_pid"], signal.SIGKILL)
    os.kill(worker["keeper_pid"], signal.SIGKILL)
    assert client.is_ended()
    client.close()
    node.expects_errors = True
    wait_until(lambda: node.workers()[0]["keeper_pid"] not in
               (0, worker["keeper_pid"]) and
               node.workers()[0]["tenant_state"] == "serving", 15)
    wait_until(node.is_ready)
    with Client(node, "unlucky") as client:
        assert client.echo("again")
        body, answer = node.dispatch("unlucky")
        assert answer.json()["status"] == "delivered", answer.text
        assert client.take_message() == body


def test_secrets_change_after_a_death(node):
    """A successor is a fresh executable: a crash oracle learns nothing."""
    def layout(pid):
        with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
            return [re.split("[- ]", line)[0] for line in maps
                    if "holdfast-gateway" in line][0]
    before = layout(node.tenant())
    node.kill_tenant()
    assert layout(node.tenant()) != before


def test_killed_while_refusing(start):
    node = start({"admission.max_per_ip": 1})
    with Client(node) as client:
        for _ in range(3):
            with pytest.raises(Refused):
                Client(node)
            node.kill_tenant()
        assert client.echo("x")
    wait_until(lambda: node.connections() == 0)
    Client(node).close()
    assert nodes.ask(node.port, "GET", "/healthz").status == 200


def test_supervisor_killed(node):
    """The slots run on without it, and a tenant's death is still repaired."""
    node.expected_exit = -signal.SIGKILL
    node.expects_errors = True
    keeper, tenant = node.keepers() + node.tenants()
    clients = [Client(node, f"c{n}") for n in range(20)]
    body, _ = node.dispatch("c0")
    assert clients[0].take_message(TEXT) == body
    os.kill(node.pid, signal.SIGKILL)
    node.wait()
    for client in clients:
        assert client.echo("on our own")
    os.kill(tenant, signal.SIGKILL)
    for client in clients:
        assert client.echo("still here")
    with Client(node, "late") as late:
        assert late.echo("x")
    body, answer = node.dispatch("c1")
    assert answer.json()["status"] == "delivered"
    assert clients[1].take_message(TEXT) == body
    assert process.is_alive(keeper)
    for client in clients:
        client.close()
    # Whoever ends a node for good ends what it left (ExecStopPost).
    assert len(process.reap_leftovers(0)) == 4
