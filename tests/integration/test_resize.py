# SPDX-License-Identifier: ISC
"""More and fewer gateway slots while clients are connected."""
import contextlib
import os
import random
import re
import signal
import time

import process
from crowd import Crowd
from load import Load
from node import LONG, PATIENCE, SLOW, wait_until
from wire import Client, close_frame


def states(node):
    return [worker["state"] for worker in node.workers()]


def wait_slots(node, count):
    wait_until(lambda: states(node) == ["serving"] * count, 20,
               f"{count} gateways")


def more(node):
    os.kill(node.pid, signal.SIGTTIN)


def less(node):
    os.kill(node.pid, signal.SIGTTOU)


def memfds(pid):
    """How many of the node's memory objects a process has open."""
    count = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        count += target.startswith("/memfd:holdfast-")
    return count


def ready(node):
    return node.admin("/readyz").status == 200


def test_new_slot_takes_its_share(start):
    node = start()
    first = [Client(node, f"a{n}") for n in range(100)]
    wait_until(lambda: node.open_count() == 100)
    more(node)
    wait_slots(node, 2)
    assert ready(node)
    second = [Client(node, f"b{n}") for n in range(100)]
    wait_until(lambda: node.open_count() == 200)
    counts = [worker["open"] for worker in node.workers()]
    # The old one has more than its share, so the new one takes nearly all.
    assert counts[1] >= 60, counts
    # The relay reaches the clients of both.
    for number, client in enumerate(first[:3] + second):
        assert client.echo("x")
        name = f"a{number}" if number < 3 else f"b{number - 3}"
        body, answer = node.dispatch(name, number)
        assert answer.json()["status"] == "delivered"
        assert client.take_message() == body
    assert node.metric("workers_wanted") == 2
    assert node.metric("connections", worker="g1") >= 60
    assert re.search(r"^g1 ", node.ctl("workers").stdout, re.MULTILINE)
    row, = [row for row in node.control("config-show")["values"]
            if row["key"] == "node.workers"]
    assert (row["value"], row["origin"]) == ("2", "SIGTTIN")
    node.kill_tenant(slot=1)
    for client in first + second:
        assert client.echo("x")
        client.close()


def test_removed_slot_is_drained(start):
    window = 2 * SLOW
    node = start({"node.workers": 2, "drain.window": f"{window}s"})
    before = memfds(node.pid)
    relay, = node.tenants("relay")
    relay_before = memfds(relay)
    clients = {f"c{n}": Client(node, f"c{n}", query="hint=1" if n % 2 else "")
               for n in range(60)}
    wait_until(lambda: node.open_count() == 60)
    where = {name: node.control("where", client=name)["slot"]
             for name in clients}
    leaving = [name for name, slot in where.items() if slot == 1]
    assert 10 <= len(leaving) <= 50
    pids = [node.workers()[1][key] for key in ("keeper_pid", "tenant_pid")]
    begun = time.monotonic()
    less(node)
    wait_until(lambda: states(node) == ["serving", "leaving"])
    assert ready(node)
    assert "leaving" in node.ctl("workers").stdout
    assert "2 gateways" not in node.ctl("status").stdout
    # New ones are for those that stay.
    late = [Client(node, f"late{n}") for n in range(20)]
    for number in range(20):
        assert node.control("where", client=f"late{number}")["slot"] == 0
    times, left = [], set(leaving)
    while left:
        for name in list(left):
            if clients[name].is_quiet(0.005):
                continue
            code, reason = clients[name].take_close()
            assert code == 1012
            assert reason.startswith("reconnect_ms=") == \
                bool(int(name[1:]) % 2)
            clients[name].send(close_frame(1012))
            times.append(time.monotonic() - begun)
            left.discard(name)
    # Spread over the window, not at once.
    assert max(times) - min(times) > window / 3
    wait_slots(node, 1)
    wait_until(lambda: not any(map(process.is_alive, pids)))
    assert ready(node) and node.metric("slots") == 2
    # Its memory is given back: table, arena and two rings.
    wait_until(lambda: memfds(node.pid) == before - 4)
    wait_until(lambda: memfds(relay) == relay_before - 3)
    for name, client in clients.items():
        if name not in leaving:
            assert client.echo("x")
            body, answer = node.dispatch(name)
            assert answer.json()["status"] == "delivered"
            assert client.take_message() == body
        else:
            answer = node.api("POST", "/gateway/dispatch", {
                "target_client_id": name, "message_id": "m",
                "event_type": "t", "payload": {}})
            assert answer.json()["status"] == "not_connected"
        client.close()
    for client in late:
        assert client.echo("x")
        client.close()


def test_a_slot_stays_that_is_wanted_again(start):
    node = start({"node.workers": 2, "drain.window": "60s"})
    clients = [Client(node, f"c{n}") for n in range(60)]
    wait_until(lambda: node.open_count() == 60)
    pids = node.tenants()
    less(node)
    wait_until(lambda: states(node) == ["serving", "leaving"])
    more(node)
    wait_slots(node, 2)
    assert node.tenants() == pids
    wait_until(lambda: node.workers()[1]["tenant_state"] == "serving")
    # It accepts again, also when its tenant dies just then.
    less(node)
    wait_until(lambda: node.workers()[1]["tenant_state"] == "draining")
    more(node)
    os.kill(pids[1], signal.SIGKILL)
    wait_until(lambda: node.tenants()[1] not in (0, pids[1]))
    wait_slots(node, 2)
    wait_until(lambda: node.workers()[1]["tenant_state"] == "serving")
    alive = 0
    for client in clients:
        if client.is_quiet(0):
            assert client.echo("x")
            alive += 1
        client.close()
    assert alive >= 50


def test_grows_when_the_old_slot_is_gone(start):
    """More while the removed one already ends: it is waited for."""
    node = start({"node.workers": 3, "drain.window": "0"})
    pids = node.tenants()
    for wanted in (2, 1):
        less(node)
        wait_until(lambda w=wanted: node.metric("workers_wanted") == w)
    for wanted in (2, 3):
        more(node)
        wait_until(lambda w=wanted: node.metric("workers_wanted") == w)
    wait_slots(node, 3)
    assert node.tenants()[0] == pids[0]
    for number in range(30):
        with Client(node, f"c{number}") as client:
            assert client.echo("x")


def test_bounds(node):
    less(node)
    wait_until(lambda: "event=workers_unchanged" in node.log())
    assert states(node) == ["serving"]
    Client(node).finish()


def test_reload_of_workers(start):
    node = start()
    node.configure({"node.workers": 4})
    change, = node.control("reload")["changed"]
    assert (change["key"], change["class"], change["applied"]) == \
        ("node.workers", "live", True)
    wait_slots(node, 4)
    more(node)
    wait_slots(node, 5)
    # The file has not changed, but the number has.
    change, = node.control("reload")["changed"]
    assert (change["old"], change["new"]) == ("5", "4")
    wait_slots(node, 4)
    node.configure({"node.workers": 1})
    node.control("reload")
    wait_slots(node, 1)
    assert node.control("status")["workers"] == 1


def test_tenants_and_relay_die_meanwhile(start):
    """Whoever dies while slots come and go, nobody loses a connection that
    is not on the removed slot, and the number is right in the end."""
    node = start({"node.workers": 2, "drain.window": "0"})
    node.configure({"node.workers": 1})
    node.control("reload")
    wait_slots(node, 1)
    kept = [Client(node, f"kept{n}") for n in range(20)]
    for number in range(30 if LONG else 6):
        more(node) if number % 2 == 0 else less(node)
        for worker in node.workers() + node.workers("relay"):
            if worker["tenant_pid"] and number % 3 != 2:
                # That of a slot that leaves may have ended already.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker["tenant_pid"], signal.SIGKILL)
        wait_slots(node, 2 - number % 2)
        wait_until(node.is_ready)
        wait_until(lambda: process.is_alive(node.tenants("relay")[0]))
        if number % 2 == 0:
            news = [Client(node, f"n{n}") for n in range(40)]
            assert node.workers()[1]["connections"] > 0
            for client in news:
                assert client.echo("x")
                client.close()
        wait_until(lambda: node.connections() == 20)
    for number, client in enumerate(kept):
        assert client.echo("x")
        wait_until(lambda n=number: node.dispatch(f"kept{n}")[1].json()
                   ["status"] == "delivered")
        client.close()


def test_stop_while_a_slot_leaves(start):
    node = start({"node.workers": 2, "drain.window": "60s"})
    clients = [Client(node, f"c{n}") for n in range(60)]
    wait_until(lambda: node.open_count() == 60)
    less(node)
    wait_until(lambda: states(node)[1:] == ["leaving"])
    assert node.stop(signal.SIGINT) == 0
    for client in clients:
        client.close()


def test_drain_of_the_node_while_a_slot_leaves(start):
    """The node's own drain goes before, and what was begun is gone on with."""
    node = start({"node.workers": 2, "drain.window": "60s"})
    clients = [Client(node, f"c{n}") for n in range(60)]
    wait_until(lambda: node.open_count() == 60)
    less(node)
    wait_until(lambda: states(node) == ["serving", "leaving"])
    node.control("drain")
    wait_until(lambda: node.metric("draining") == 1)
    node.control("undrain")
    wait_until(lambda: ready(node))
    for client in clients:
        client.close()
    wait_slots(node, 1)


def next_supervisor(node, count):
    """It takes over what there is and brings the slots to that number."""
    node.spawn()
    wait_until(node.is_ready, 20)
    wait_slots(node, count)
    wait_until(lambda: ready(node))


def is_draining(node):
    return [worker["tenant_state"] for worker in node.workers()][1:] == \
        ["draining"]


def leave(node, crowd):
    """Until one slot is left; who was closed was told so."""
    wait_until(lambda: crowd.pump(0.05) or states(node) == ["serving"], 30,
               "the slot to be gone")
    for member in crowd.members:
        if member.closed_at is None:
            assert member.client.echo("x")
        else:
            assert not member.severed and member.code == 1012
    return {f"c{m.number}" for m in crowd.members if m.closed_at is not None}


def of_slot(node, number, count):
    return {name for name in (f"c{n}" for n in range(count))
            if node.control("where", client=name)["slot"] == number}


def test_supervisor_dies_while_a_slot_leaves(start):
    """The next one reads in the file that the slot is one too many, and goes
    on: with close frames, and the others notice nothing."""
    node = start({"node.workers": 2, "drain.window": "60s"})
    with Crowd(node, 60) as crowd:
        wait_until(lambda: node.open_count() == 60)
        second = of_slot(node, 1, 60)
        kept = node.tenants()[0]
        node.configure({"node.workers": 1, "drain.window": "1s"})
        less(node)
        wait_until(lambda: is_draining(node))
        node.kill_supervisor()
        node.spawn()
        wait_until(node.is_ready, 20)
        assert leave(node, crowd) == second and len(second) >= 10
        assert node.tenants() == [kept]
        wait_until(lambda: ready(node))


def test_supervisor_dies_and_the_slot_stays(start):
    """When the file says so by then."""
    node = start({"node.workers": 2, "drain.window": "60s",
                  "websocket.ping_interval": "1m"})
    clients = [Client(node, f"c{n}") for n in range(60)]
    wait_until(lambda: node.open_count() == 60)
    tenants = node.tenants()
    node.configure({"node.workers": 1})
    node.control("reload")
    wait_until(lambda: is_draining(node))
    node.kill_supervisor()
    node.configure({"node.workers": 2})
    next_supervisor(node, 2)
    wait_until(lambda: node.workers()[1]["tenant_state"] == "serving")
    before = node.workers()[1]["connections"]
    clients += [Client(node, f"d{n}") for n in range(40)]
    assert node.workers()[1]["connections"] > before
    assert node.tenants() == tenants
    alive = [client for client in clients if client.is_quiet(0)]
    assert len(alive) >= 95
    for client in alive:
        assert client.echo("x")
    for client in clients:
        client.close()


def test_what_a_signal_said_outlives_the_supervisor(start):
    """More and fewer, until the file is read again."""
    node = start({"node.workers": 2, "drain.window": f"{SLOW}s"})
    more(node)
    wait_slots(node, 3)
    node.kill_supervisor()
    next_supervisor(node, 3)
    assert node.metric("workers_wanted") == 3
    with Crowd(node, 60) as crowd:
        wait_until(lambda: node.open_count() == 60)
        last = of_slot(node, 2, 60) | of_slot(node, 1, 60)
        for count in (2, 1):
            less(node)
            wait_until(lambda n=count: node.metric("workers_wanted") == n)
        node.kill_supervisor()
        node.spawn()
        wait_until(node.is_ready, 20)
        assert leave(node, crowd) == last
    wait_until(lambda: ready(node))
    node.control("reload")
    wait_slots(node, 2)


def test_supervisor_dies_while_slots_come_and_go(start):
    """At whatever moment: the number of the file is there in the end, and
    nobody loses a connection to the slot that is there all the time."""
    node = start({"node.workers": 1, "drain.window": "0"})
    # A keeper that had not been told yet to start a tenant ends, and is told
    # of as a slot that was lost.
    node.expects_errors = True
    kept = [Client(node, f"kept{n}") for n in range(20)]
    wait_until(lambda: node.open_count() == 20)
    pids = node.tenants()
    for number in range(30 if LONG else 6):
        wanted = 3 if number % 2 == 0 else 1
        node.configure({"node.workers": wanted})
        os.kill(node.pid, signal.SIGHUP)
        # Before, while or after it starts or stops slots.
        time.sleep(random.random() * 0.1 * SLOW)
        node.kill_supervisor()
        next_supervisor(node, wanted)
        assert node.tenants()[:1] == pids
        for client in kept[:5]:
            assert client.echo("x")
    for number, client in enumerate(kept):
        wait_until(lambda n=number: node.dispatch(f"kept{n}")[1].json()
                   ["status"] == "delivered")
        client.close()
    # One supervisor, and of the two slots keeper and tenant each.
    wait_until(lambda: len(process.ours()) == 5, what="only what is known")


def test_keepers_are_replaced_while_a_slot_leaves(start):
    """The slot goes on leaving with its new keeper; nobody is severed."""
    node = start({"node.workers": 2, "drain.window": f"{2 * SLOW}s"})
    with Crowd(node, 60) as crowd:
        wait_until(lambda: node.open_count() == 60)
        second, tenants = of_slot(node, 1, 60), node.tenants()
        less(node)
        wait_until(lambda: is_draining(node))
        node.ctl("restart", "--keepers", seconds=40)
        assert leave(node, crowd) == second and len(second) >= 10
        assert node.tenants()[0] not in tenants


def test_stop_goes_on_while_a_slot_leaves(start):
    """SIGTERM: its clients are closed in the window of all, with frames."""
    node = start({"node.workers": 2, "drain.window": "1h"})
    with Crowd(node, 60) as crowd:
        wait_until(lambda: node.open_count() == 60)
        less(node)
        wait_until(lambda: is_draining(node))
        node.configure({"drain.window": "1s"})
        node.control("reload")
        node.process.send_signal(signal.SIGTERM)
        crowd.run(10 * PATIENCE)
        crowd.check_ends()
    assert node.wait() == 0


def test_fewer_while_the_node_is_drained(start):
    """Its pace is the node's; the slot goes once that is undone."""
    node = start({"node.workers": 2, "drain.window": "1h"})
    with Crowd(node, 40) as crowd:
        wait_until(lambda: node.open_count() == 40)
        node.control("drain", within_ms=1000 * SLOW)
        less(node)
        wait_until(lambda: node.metric("workers_wanted") == 1)
        assert "2 gateways become 1" in node.ctl("status").stdout
        crowd.run(10 * PATIENCE)
        crowd.check_ends()
    wait_until(lambda: node.control("status")["drain"]["empty"])
    assert states(node) == ["serving", "serving"]
    node.control("undrain")
    wait_slots(node, 1)
    Client(node).finish()


def test_resize_while_everybody_talks(start):
    """Growing and recycling cost nobody anything."""
    node = start({"node.workers": 1, "node.capacity": 4000})
    with Load(node, "sequence", "-c", 2000 // SLOW, "-t", 0,
              "--interval-ms", 50) as load:
        load.wait_ready()
        assert load.opened == 2000 // SLOW
        more(node)
        wait_slots(node, 2)
        node.ctl("restart", seconds=40)
        # Nobody is there who could be closed.
        less(node)
        wait_slots(node, 1)
    load.assert_whole()
    assert node.restarts("killed") == node.restarts("exit") == 0


def test_restart_one_by_one_under_load(start):
    """0 severed, sequences whole, and never two tenants away at once."""
    node = start({"node.workers": 3, "node.capacity": 4000})
    before = set(node.tenants() + node.tenants("relay"))
    with Load(node, "sequence", "-c", 2000 // SLOW, "-t", 0,
              "--interval-ms", 50) as load:
        load.wait_ready()
        for _ in range(4 if LONG else 2):
            node.ctl("restart", seconds=60)
            after = set(node.tenants() + node.tenants("relay"))
            assert len(after) == 4 and not after & before
            before = after
    load.assert_whole()
    away = 0
    for line in node.log().splitlines():
        if "event=tenant_exited" in line and "proc=supervisor" in line:
            away += 1
            assert away == 1, line
        elif "event=slot_serving" in line and away:
            away = 0


def test_max_rss_under_load(start):
    """A tenant that has grown too much is replaced, again and again."""
    node = start({"node.workers": 2, "node.capacity": 4000})
    with Load(node, "sequence", "-c", 2000 // SLOW, "-t", 0,
              "--interval-ms", 50) as load:
        load.wait_ready()
        least = min(process.rss_anon(pid) for pid in node.tenants())
        node.configure({"worker.max_rss": least // 2})
        node.control("reload")
        wait_until(lambda: node.restarts("recycle") >= 2, 30)
    load.assert_whole()
    assert "worker.max_rss" in node.log()
