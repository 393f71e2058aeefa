# SPDX-License-Identifier: ISC
"""Messages that break the worker, in programs built to be broken.

The text "holdfast-fault:segv" and the like reaches the tenant's heart; what
must be seen is that it costs its sender alone.
"""
import os
import signal
import time

import pytest

import proof
from load import Load
from node import SLOW, wait_until
from wire import TEXT, Client, Refused, elapsed, frame

STALL_S = 1


@pytest.fixture
def broken(faults):
    """A node that may be broken: quick to notice, slow to refuse."""
    def begin(**more):
        node = faults({"worker.stall": f"{STALL_S}s",
                       "worker.poison_faults": 100, **more})
        node.expects_errors = True
        return node
    return begin


def fault(client, name):
    client.send(frame(TEXT, f"holdfast-fault:{name}"))


@pytest.mark.parametrize("name", ["segv", "abrt"])
def test_fault_costs_its_sender_alone(broken, name):
    node = broken()
    others = [Client(node, f"good{n}") for n in range(100)]
    for _ in range(3):
        with Client(node, "bad") as bad:
            fault(bad, name)
            assert bad.take_close()[0] == 1011
            assert bad.is_ended()
    for client in others:
        assert client.echo("alive")
        client.close()
    assert node.restarts("fault") == 3
    node.wait_metric(3, "closes_total", cause="quarantine")
    assert 'client=bad' in node.log()


def test_fault_behind_good_messages(broken):
    """What was answered before is not answered again."""
    node = broken()
    with Client(node, "bad") as bad:
        bad.send(frame(TEXT, "one") + frame(TEXT, "two"))
        assert bad.take_message() == b"one"
        assert bad.take_message() == b"two"
        fault(bad, "segv")
        assert bad.take_close()[0] == 1011


def test_faults_under_load(broken):
    node = broken()
    with Load(node, "sequence", "-c", 500 // SLOW, "-t", 0, "--interval-ms",
              20) as load:
        load.wait_ready()
        for _ in range(10):
            with Client(node, "bad") as bad:
                fault(bad, "segv")
                assert bad.take_close()[0] == 1011
    load.assert_whole()
    assert node.restarts("fault") == 10
    proof.note_load("gateway tenant, SIGSEGV by one client: all others", 10,
                    load)


def test_exit_is_no_fault(broken):
    """An exit code says nothing about the connection: the step is done
    again, and the second death in the same step is one too many."""
    node = broken()
    with Client(node, "good") as good, Client(node, "bad") as bad:
        fault(bad, "exit")
        assert bad.take_close()[0] == 1011
        assert good.echo("alive")
    assert node.restarts("exit") == 2


@pytest.mark.parametrize("name", ["stop", "spin"])
def test_hang_is_replaced(broken, name):
    """The first time nobody is severed; the same step again is quarantined.

    A message that hangs the worker hangs its successor too, since the step
    is done again: so the second one follows by itself."""
    node = broken()
    with Client(node, "good") as good, Client(node, "bad") as bad:
        begun = time.monotonic()
        fault(bad, name)
        good.send_text("waiting")
        wait_until(lambda: node.restarts("stall") >= 1,
                   STALL_S + 2)
        assert elapsed(begun) <= STALL_S + 2
        assert node.metric("closes_total", cause="quarantine") == 0
        assert good.take_message(TEXT) == b"waiting"
        assert bad.take_close()[0] == 1011
        assert elapsed(begun) <= 2 * (STALL_S + 2)
        assert good.echo("alive")
    assert node.restarts("stall") == 2
    node.wait_metric(1, "closes_total", cause="quarantine")


def test_stopped_from_outside(broken):
    """SIGSTOP to an idle tenant: replaced in time, nobody gone."""
    node = broken()
    clients = [Client(node, f"c{n}") for n in range(50)]
    wait_until(lambda: node.open_count() == 50)
    generation = node.workers()[0]["generation"]
    begun = time.monotonic()
    os.kill(node.tenant(), signal.SIGSTOP)
    node.wait_served(generation + 1)
    assert elapsed(begun) <= STALL_S + 2
    for client in clients:
        assert client.echo("alive")
        client.close()
    assert node.restarts("stall") == 1
    assert node.metric("closes_total", cause="quarantine") == 0


def test_poison_client_is_refused(faults):
    node = faults({"worker.poison_faults": 3, "worker.poison_refuse": "60s"})
    node.expects_errors = True
    with Load(node, "sequence", "-c", 100, "-t", 0, "--interval-ms",
              20) as load:
        load.wait_ready()
        for _ in range(3):
            with Client(node, "poison") as bad:
                fault(bad, "segv")
                assert bad.take_close()[0] == 1011
        with pytest.raises(Refused) as refused:
            Client(node, "poison")
        assert refused.value.args[0] == 503
        assert "retry-after" in refused.value.args[1]
        with Client(node, "innocent") as client:
            assert client.echo("x")
    load.assert_whole()
    node.wait_metric(1, "handshakes_total", result="poisoned")
    assert node.restarts("fault") == 3
    # Such faults are explained: the slot is not given up for them.
    assert "evacuat" not in node.log()


def test_poison_ends(faults):
    node = faults({"worker.poison_faults": 1, "worker.poison_refuse": "1s"})
    node.expects_errors = True
    with Client(node, "poison") as bad:
        fault(bad, "segv")
        assert bad.take_close()[0] == 1011

    def is_back():
        try:
            Client(node, "poison").close()
        except Refused:
            return False
        return True
    assert not is_back()
    wait_until(is_back, 5)


def test_many_clients_at_fault(broken):
    """Explained crashes never count against the slot."""
    node = broken(**{"worker.max_crashes": 2})
    with Client(node, "good") as good:
        for number in range(8):
            with Client(node, f"bad{number}") as bad:
                fault(bad, "segv")
                assert bad.take_close()[0] == 1011
        assert good.echo("alive")
    assert node.admin("/readyz").status == 200
