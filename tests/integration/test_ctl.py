# SPDX-License-Identifier: ISC
"""holdfastctl against a node that serves."""
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from node import BUILD, PATIENCE, wait_until
from wire import TEXT, Client


def parsed(node, *args):
    return json.loads(node.ctl("--json", *args).stdout)


def test_status(node):
    with Client(node):
        wait_until(lambda: node.open_count() == 1)
        text = node.ctl("status").stdout
        assert "test" in text and "ready" in text
        status = parsed(node, "status")
        assert status["node"] == "test" and status["state"] == "ready"
        assert status["connections"] == 1 and status["pid"] == node.pid


def test_workers(start):
    node = start({"node.workers": 2})
    text = node.ctl("workers").stdout
    for label in ("g0", "g1", "r"):
        assert label in text.split()
    workers = parsed(node, "workers")
    workers = workers["workers"] if isinstance(workers, dict) else workers
    assert [w["label"] for w in workers] == ["g0", "g1", "r"]
    assert len({w["keeper_pid"] for w in workers}) == 3


def test_clients_and_where(node):
    clients = [Client(node, f"client-{n:02}") for n in range(20)]
    wait_until(lambda: node.open_count() == 20)
    text = node.ctl("clients").stdout
    assert text.count("client-") == 20
    text = node.ctl("clients", "client-1*").stdout
    assert text.count("client-") == 10
    rows = parsed(node, "clients", "--limit", 5)
    rows = rows["clients"] if isinstance(rows, dict) else rows
    assert len(rows) == 5
    row = parsed(node, "where", "client-07")
    assert row["client_id"] == "client-07" and row["node"] == "test"
    assert "client-07" in node.ctl("where", "client-07").stdout
    gone = node.ctl("where", "nobody", check=False)
    assert gone.returncode == 1 and "nobody" in gone.stderr + gone.stdout \
        or "no connection" in gone.stderr
    for client in clients:
        client.close()


def test_idle_since_it_came(start):
    """Who has sent nothing yet is not silent for longer than it is here."""
    node = start({"websocket.ping_interval": "1h"})
    began = time.monotonic()
    clients = [Client(node) for _ in range(5)]
    wait_until(lambda: node.open_count() == 5)
    rows = parsed(node, "clients")["clients"]
    age_ms = (time.monotonic() - began) * 1000
    assert all(row["idle_ms"] <= age_ms + 1 for row in rows), rows
    for client in clients:
        client.close()


def test_send_and_kick(node):
    with Client(node, "alice") as alice:
        node.ctl("send", "alice", "hello there")
        assert alice.take_message(TEXT) == b"hello there"
        node.ctl("send", "alice", "\u00e9")
        assert alice.take_message(TEXT).decode() == "\u00e9"
        node.ctl("kick", "alice")
        assert alice.take_close()[0] == 4002
    wait_until(lambda: node.connections() == 0)
    for command in (("kick", "alice"), ("send", "alice", "x")):
        refused = node.ctl(*command, check=False)
        assert refused.returncode == 1 and "no connection" in refused.stderr


def test_broadcast(node):
    with Client(node, "alice") as alice:
        assert node.ctl("broadcast", "notice", '"x"').stdout == \
            "delivered: 1 connections\n"
        assert json.loads(alice.take_message())["payload"] == "x"
    assert node.ctl("broadcast", check=False).returncode == 2


def test_reload(node):
    with Client(node) as client:
        node.configure({"websocket.max_queue": "2MiB"})
        assert "websocket.max_queue" in node.ctl("reload").stdout
        node.conf_path.write_text("websocket = { max_quue = 1; };")
        bad = node.ctl("reload", check=False)
        assert bad.returncode == 1
        assert "max_quue" in bad.stderr and ":1" in bad.stderr
        assert client.echo("x")
    node.configure({})


def test_restart_recycles_without_loss(start):
    node = start({"node.workers": 2})
    clients = [Client(node, f"c{n}") for n in range(40)]
    before = node.tenants() + node.tenants("relay")
    node.ctl("restart", seconds=30)
    after = node.tenants() + node.tenants("relay")
    assert len(after) == 3 and not set(after) & set(before)
    for client in clients:
        assert client.echo("x")
        client.close()
    assert node.restarts("recycle") >= 2


def test_log_level(node):
    assert node.ctl("log-level", "debug").returncode == 0
    assert "debug" in node.ctl("log-level").stdout
    assert node.ctl("log-level", "loud", check=False).returncode == 2

    def shown():
        value, = parsed(node, "config", "show", "log.level")["values"]
        return value["value"], value["origin"]
    assert shown() == ("debug", "holdfastctl log-level")
    # Tenants that start later are told as well: this one says nothing.
    node.ctl("log-level", "error")
    served = node.log().count("event=serving")
    node.kill_tenant()
    with Client(node) as client:
        assert client.echo("x")
    assert node.log().count("event=serving") == served
    # A reload tells that it brings the file's value back.
    changed, = node.control("reload")["changed"]
    assert (changed["key"], changed["old"], changed["new"]) == \
        ("log.level", "error", "info")
    assert shown() == ("info", "default")
    assert node.control("reload")["changed"] == []


def test_config(node):
    text = node.ctl("config", "show").stdout
    assert "websocket.max_message" in text and "holdfast.conf" in text
    some = node.ctl("config", "show", "websocket", "log.level").stdout
    assert "websocket.max_message" in some and "log.level" in some
    assert "node.id" not in some
    unknown = node.ctl("config", "show", "log.level", "log.lewel",
                       check=False)
    assert unknown.returncode == 1 and unknown.stdout == ""
    assert "log.lewel" in unknown.stderr
    good = subprocess.run([BUILD / "holdfastctl", "config", "check",
                           node.conf_path], check=False, timeout=10 * PATIENCE,
                          capture_output=True, text=True)
    assert good.returncode == 0, good.stderr


def test_config_check_of_the_one_in_use(start):
    node = start(is_started=False)
    path = node.conf_path
    node.conf_path = path.name          # holdfastd runs in that folder
    node.start()
    node.conf_path = path
    done = node.ctl("config", "check")
    assert f"{path}: good" in done.stdout
    node.configure({"upstream.mode": "telepathy"})
    done = node.ctl("config", "check", check=False)
    assert done.returncode == 1 and f"{path}:" in done.stderr


def test_events(node):
    seen = []
    follow = subprocess.Popen(
        [BUILD / "holdfastctl", "-s", node.run_dir / "control.sock",
         "--json", "events", "--follow"], stdout=subprocess.PIPE, text=True)
    try:
        # It may not be connected yet: whatever happens happens again.
        lines = iter(follow.stdout.readline, "")
        reader = threading.Thread(target=lambda: seen.extend(
            json.loads(line)["kind"] for line in lines))
        reader.start()

        def is_told():
            node.kill_tenant()
            return "tenant_exited" in seen
        wait_until(is_told)
    finally:
        follow.send_signal(signal.SIGINT)
        follow.wait(10)
        reader.join(10)
        follow.stdout.close()
    assert node.ctl("events").stdout.strip()


def test_events_since(node):
    """Parts of a second count."""
    def is_told():
        node.kill_tenant()
        return "tenant_exited" in node.ctl("events", "--since", "900ms").stdout
    wait_until(is_told)


def test_events_until_the_end(node):
    follow = subprocess.Popen(
        [BUILD / "holdfastctl", "-s", node.run_dir / "control.sock",
         "events", "--follow"], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    assert follow.stdout.readline()
    assert node.stop() == 0
    error = follow.communicate(timeout=10 * PATIENCE)[1]
    assert follow.returncode == 1
    assert error == "holdfastctl: holdfastd has stopped\n"


def test_waits_outlive_the_supervisor(start):
    """Who follows events, or waits for a drain, goes on with the next one."""
    node = start({"drain.lb_wait": "0"})
    clients = [Client(node, f"c{i}") for i in range(4)]
    commands = [["events", "--follow"], ["drain", "--wait", "--within", "1h"]]
    follow, drain = [subprocess.Popen(
        [BUILD / "holdfastctl", "-s", node.run_dir / "control.sock", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for words in commands]
    wait_until(lambda: node.control("drain", plan=True)["state"] == "draining")
    assert drain.stdout.readline() and follow.stdout.readline()
    node.kill_supervisor()
    node.spawn()
    for client in clients:
        client.finish()
    told = drain.communicate(timeout=20 * PATIENCE)
    assert drain.returncode == 0 and "empty, 4 connections" in told[0], told
    for line in follow.stdout:
        if " drained" in line:
            break
    assert node.stop() == 0
    assert follow.communicate(timeout=10 * PATIENCE)[1] \
        == "holdfastctl: holdfastd has stopped\n"


def test_wait_ends_with_the_drain(start):
    """The next supervisor serves: nothing is drained because one waited."""
    node = start({"drain.lb_wait": "0"})
    with Client(node) as client:
        drain = subprocess.Popen(
            [BUILD / "holdfastctl", "-s", node.run_dir / "control.sock",
             "drain", "--wait", "--within", "1h"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert drain.stdout.readline()
        os.kill(drain.pid, signal.SIGSTOP)
        node.kill_supervisor()
        node.spawn()
        wait_until(lambda: node.ctl("undrain", check=False).returncode
                   == 0)
        os.kill(drain.pid, signal.SIGCONT)
        assert drain.communicate(timeout=20 * PATIENCE)[1] \
            == "holdfastctl: the drain was undone\n"
        assert drain.returncode == 1
        assert client.echo("still here")


def test_version(node):
    assert "0." in node.ctl("version").stdout
    assert parsed(node, "version")["layout"] >= 1


def test_usage(node):
    assert node.ctl("nonsense", check=False).returncode == 2
    assert node.ctl(check=False).returncode == 2
    assert node.ctl("where", check=False).returncode == 2


def test_arguments_are_utf8(node, tmp_path):
    """No other request is made of what cannot be told."""
    (tmp_path / "link").symlink_to(os.fsdecode(tmp_path / "\udce9"))
    (tmp_path / "\udce9").touch()
    for words, code in ((("pause", "\udce9"), 2),
                        (("kick", "alice", "--reason", "\udce9"), 2),
                        (("upgrade", "--binary", tmp_path / "link"), 1)):
        refused = node.ctl(*words, check=False)
        assert refused.returncode == code and "UTF-8" in refused.stderr


def test_not_running(tmp_path):
    done = subprocess.run([BUILD / "holdfastctl", "-s", tmp_path / "none",
                           "status"], capture_output=True, check=False,
                          timeout=10 * PATIENCE)
    assert done.returncode == 3


def test_stop(node):
    with Client(node) as client:
        node.ctl("stop")
        assert client.take_close()[0] == 1012
    assert node.wait() == 0


@pytest.mark.parametrize("data", [b"\n", b"{}\n", b"[]\n", b"\xff\n",
                                  b'{"command":7}\n', b"x" * 70000,
                                  b'{"command":"nope"}\n'])
def test_control_socket_takes_no_nonsense(node, data):
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(10 * PATIENCE)
        stream.connect(str(node.run_dir / "control.sock"))
        try:
            stream.sendall(data)
            answer = json.loads(stream.makefile().readline())
            assert answer["ok"] is False and answer["error"]
        except (BrokenPipeError, ConnectionResetError):
            assert len(data) > 65536
    assert node.control("status")["state"] == "ready"
    assert (node.run_dir / "control.sock").stat().st_mode & 0o777 == 0o600
