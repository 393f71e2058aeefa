# SPDX-License-Identifier: ISC
"""holdfastd as an operator meets it: options, configuration, signals."""
import json
import os
import re
import resource
import signal
import socket
import subprocess
import time

import pytest

import process
from load import Load
from node import BUILD, PATIENCE, SLOW, conf_text, wait_until
from wire import Client, Refused, elapsed


def holdfastd(*args, **more):
    return subprocess.run([BUILD / "holdfastd", *map(str, args)],
                          capture_output=True, text=True, check=False,
                          timeout=20 * PATIENCE, **more)


def test_version():
    done = holdfastd("-V")
    assert done.returncode == 0 and done.stdout.startswith("holdfastd 0.")


def test_usage():
    assert holdfastd("-x").returncode == 2
    assert holdfastd("more").returncode == 2
    assert "usage" in holdfastd("-h").stdout


def test_check(tmp_path):
    path = tmp_path / "good.conf"
    path.write_text(conf_text({"node.id": "checked"}))
    done = holdfastd("-n", "-c", path)
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.parametrize("text, line, words", [
    ('node = {\n  idd = "x";\n};', 2, ["idd", "node.id"]),
    ('nodes = { };', 1, ["nodes"]),
    ('node = {\n\n  workers = -1;\n};', 3, ["node.workers"]),
    ('node = {\n  workers = "two";\n};', 2, ["node.workers"]),
    ('websocket = {\n  ping_interval = "15 parsecs";\n};', 2,
     ["websocket.ping_interval"]),
    ('websocket = {\n  max_message = "1TiB";\n};', 2,
     ["websocket.max_message"]),
    ('auth = {\n  mode = "maybe";\n};', 2, ["auth.mode"]),
    ('listen = ( { address = "localhost"; } );', 1, ["address"]),
    ('node = {\n  id = "x"\n  id2;', 3, ["syntax"]),
    ('node = {\n  id = "{x} y";\n};', 2, ["node.id"]),
    ('peer = {\n  address = "0.0.0.0";\n};', 2, ["peer.address"]),
])
def test_bad_config_names_the_place(tmp_path, text, line, words):
    path = tmp_path / "bad.conf"
    path.write_text(text + "\n")
    for options in (["-n"], []):
        done = holdfastd(*options, "-c", path)
        assert done.returncode == 1
        assert f"{path}:{line}" in done.stderr, done.stderr
        for word in words:
            assert word in done.stderr, done.stderr


def test_host_name_is_no_node_id(tmp_path):
    """It is one unless the file says another, and may be anything."""
    path = tmp_path / "empty.conf"
    path.write_text("")
    done = subprocess.run(
        ["unshare", "--uts", "sh", "-c", 'echo "ws_{east}" '
         '> /proc/sys/kernel/hostname || exit 77; exec "$0" -n -c "$1"',
         BUILD / "holdfastd", path], text=True,
        capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("a host name of its own needs root")
    assert done.returncode == 1
    assert f"{path}: node.id: " in done.stderr, done.stderr
    assert "ws_{east}" in done.stderr, done.stderr


@pytest.mark.parametrize("settings, word", [
    ({"listen": [{"address": "0.0.0.0", "port": 0}]}, "auth.mode"),
    ({"api.address": "0.0.0.0"}, "api.tokens_file"),
    ({"auth.mode": "proxy"}, "auth.trusted_proxies"),
    ({"upstream.mode": "stream", "redis.url": "redis://127.0.0.1",
      "websocket.max_message": (1 << 20) + 1}, "websocket.max_message"),
])
def test_keys_at_odds_are_refused(tmp_path, settings, word):
    path = tmp_path / "odd.conf"
    path.write_text(conf_text(settings))
    done = holdfastd("-n", "-c", path)
    assert done.returncode == 1 and word in done.stderr


def test_missing_config(tmp_path):
    done = holdfastd("-n", "-c", tmp_path / "none.conf")
    assert done.returncode == 1 and "none.conf" in done.stderr


def test_effective_config(tmp_path):
    path = tmp_path / "some.conf"
    path.write_text('node = { id = "shown"; };\n')
    done = holdfastd("-T", "-c", path)
    assert done.returncode == 0
    assert '"shown"' in done.stdout and f"{path}:1" in done.stdout
    assert "max_message" in done.stdout and "default" in done.stdout
    # What it prints is a configuration again.
    path.write_text(done.stdout)
    assert holdfastd("-n", "-c", path).returncode == 0


def test_second_start_is_refused(start, node):
    second = start({"node.run_dir": str(node.run_dir)}, is_started=False)
    second.expected_exit = 1
    second.expects_errors = True
    second.spawn()
    assert second.wait() == 1
    assert "run_dir_in_use" in second.log()
    assert str(node.pid) in second.log()
    with Client(node) as client:
        assert client.echo("x")


def test_port_in_use(start, node):
    second = start({"listen": [{"address": "127.0.0.1",
                                "port": node.port}]}, is_started=False)
    second.expected_exit = 1
    second.expects_errors = True
    second.spawn()
    assert second.wait() == 1
    assert str(node.port) in second.log()


def test_pid_file(node):
    path = node.run_dir / "holdfastd.pid"
    assert path.read_text() == f"{node.pid}\n"


def test_listen_fds_are_adopted(start):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        os.set_inheritable(listener.fileno(), True)
        port = listener.getsockname()[1]
        script = (f"import os, sys; os.dup2({listener.fileno()}, 3);"
                  "os.environ.update(LISTEN_FDS='1', "
                  "LISTEN_PID=str(os.getpid()));"
                  "os.execv(sys.argv[1], sys.argv[1:])")
        node = start({"listen": [{"address": "127.0.0.1", "port": port}]},
                     prefix=["/usr/bin/python3", "-c", script],
                     pass_fds=(listener.fileno(),))
    assert "adopted=true" in node.log()
    with Client(node) as client:
        assert client.echo("x")
    for pid in process.descendants(node.pid):
        with open(f"/proc/{pid}/environ", "rb") as environ:
            assert b"LISTEN_" not in environ.read()


def test_sd_notify(start, tmp_path):
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(10 * PATIENCE)
        node = start(env={"NOTIFY_SOCKET": address, "WATCHDOG_USEC":
                          "200000"})
        told = []

        def wait_for(word):
            while not any(word in text for text in told):
                told.append(manager.recv(4096).decode())
        wait_for("READY=1")
        wait_for("STATUS=")
        wait_for("WATCHDOG=1")
        assert node.stop(signal.SIGTERM) == 0
        wait_for("STOPPING=1")


def test_reload_good_and_bad_under_load(start):
    node = start()
    with Load(node, "sequence", "-c", 200 // SLOW, "-t", 0,
              "--interval-ms", 10) as load:
        load.wait_ready()
        for number in range(5):
            node.configure({"websocket.max_frames": 2000 + number})
            os.kill(node.pid, signal.SIGHUP)
            wait_until(lambda n=number: node.log().count(
                "event=reloaded ") == n + 1)
        node.expects_errors = True
        good = node.conf_path.read_text()
        node.conf_path.write_text("node = { nonsense = 1; };")
        os.kill(node.pid, signal.SIGHUP)
        wait_until(lambda: "reload_refused" in node.log())
        assert "holdfast.conf:1" in node.log()
        node.conf_path.write_text(good)
        values = node.control("config-show")["values"]
        value, = [v["value"] for v in values
                  if v["key"] == "websocket.max_frames"]
        assert int(value) == 2004
    load.assert_whole()
    assert node.restarts("killed") == node.restarts("exit") == 0


def test_reload_tells_what_needs_a_restart(node):
    node.configure({"node.pin_cpus": True, "websocket.max_queue": "3MiB"})
    changed = {x["key"]: x["class"] for x in
               node.control("reload")["changed"]}
    assert changed == {"node.pin_cpus": "restart",
                       "websocket.max_queue": "live"}
    shown = {v["key"]: v["value"] for v in
             node.control("config-show")["values"]}
    assert shown["node.pin_cpus"] == "false"


def test_logs_are_reopened(start):
    node = start({"log.target": "{}"}, is_started=False)
    path = node.dir / "node.log"
    node.configure({"log.target": str(path), "log.level": "info"})
    node.start()
    assert "event=ready" in path.read_text()
    path.rename(node.dir / "node.log.1")
    os.kill(node.pid, signal.SIGUSR1)
    wait_until(path.exists)
    with Client(node):
        node.kill_tenant()
    # The keeper is given the new file as well, not only the supervisor.
    wait_until(lambda: "event=tenant_died" in path.read_text())


def log_file(start, **more):
    """A node that logs to a file: (node, the file)."""
    node = start({}, is_started=False)
    path = node.dir / "node.log"
    node.configure({"log.target": str(path), **more})
    return node.start(), path


def stop_all(pids):
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda p=pid: process.stat_fields(p)[0] == "T")


def test_logs_are_reopened_over_dead_tenants(start):
    """The new file is on its way to them when they die."""
    node, path = log_file(start)
    tenants = node.tenants() + node.tenants("relay")
    stop_all(tenants)
    path.rename(node.dir / "node.log.1")
    os.kill(node.pid, signal.SIGUSR1)
    wait_until(path.exists)
    for pid in tenants:
        os.kill(pid, signal.SIGKILL)
    for kind in ("gateway", "relay"):
        wait_until(lambda k=kind: node.workers(k)[0]["generation"] == 2)
        for pid in node.tenants(kind) + node.keepers(kind):
            wait_until(lambda p=pid: os.readlink(f"/proc/{p}/fd/2") ==
                       str(path), 10, f"{kind} to write there")
    # And those who are started later.  Their givers leave, or are ended when
    # they are slow to.
    node.ctl("restart", "--keepers", seconds=30)
    for line in ("proc=g0 .*event=slot_taken", "proc=r .*event=slot_taken",
                 "proc=g0-keeper .*event=tenant_(left|stopped)",
                 "proc=r-keeper .*event=tenant_(left|stopped)"):
        wait_until(lambda what=line: re.search(what, path.read_text()),
                   what=line)


def test_next_supervisor_opens_the_log(start):
    """Workers that it takes over write to its file, not to the old one."""
    node, path = log_file(start)
    path.rename(node.dir / "node.log.1")
    node.kill_supervisor()
    node.spawn()
    wait_until(node.is_ready)
    node.kill_tenant()
    node.kill_tenant()
    node.wait_served(3)
    for line in ("proc=g0-keeper .*event=tenant_died",
                 "proc=g0 .*event=serving generation=3"):
        wait_until(lambda what=line: re.search(what, path.read_text()))


def test_json_log(start):
    node = start({"log.format": "json"})
    node.kill_tenant()
    lines = [json.loads(line) for line in node.log().splitlines()]
    assert {"ready", "serving", "tenant_died"} <= {
        line["event"] for line in lines}
    assert {"supervisor", "g0", "g0-keeper", "r"} <= {
        line["proc"] for line in lines}


def test_log_level_of_all_processes(start):
    node = start({"log.level": "warn"})
    node.kill_tenant()
    node.kill_tenant()
    text = node.log()
    assert text.count("event=tenant_died") == 2
    assert "level=info" not in text and "level=notice" not in text


@pytest.mark.pace
def test_term_drains_spread_over_the_window(start):
    node = start({"drain.window": "2s", "node.workers": 2})
    clients = [Client(node, headers=(
        ("Sec-WebSocket-Protocol: holdfast.v1",) if number % 2 else ()))
        for number in range(40)]
    wait_until(lambda: node.open_count() == 40)
    begun = time.monotonic()
    node.process.send_signal(signal.SIGTERM)
    wait_until(lambda: node.metric("draining") == 1)
    assert node.admin("/readyz").status == 503
    with pytest.raises(Refused) as refused:
        Client(node)
    assert refused.value.args[0] == 503
    times, left = [], dict(enumerate(clients))
    while left:
        for number, client in list(left.items()):
            if client.is_quiet(0.005):
                continue
            code, reason = client.take_close()
            assert code == 1012
            assert bool(reason) == bool(number % 2)
            if reason:
                assert reason.startswith("reconnect_ms=")
            client.send(b"\x88\x82\0\0\0\0\x03\xf4")
            times.append(time.monotonic() - begun)
            del left[number]
    assert node.wait() == 0
    for client in clients:
        client.close()
    assert max(times) <= 2 + 1 * PATIENCE
    # An even pace, never a wave: each quarter of the window has its share.
    if SLOW == 1:
        for quarter in range(4):
            count = sum(quarter * 0.5 <= t < quarter * 0.5 + 0.5
                        for t in times)
            assert 4 <= count <= 20, times


def test_term_twice_stops_now(start):
    node = start({"drain.window": "60s"})
    clients = [Client(node) for _ in range(5)]
    wait_until(lambda: node.open_count() == 5)
    node.process.send_signal(signal.SIGTERM)
    wait_until(lambda: node.metric("draining") == 1)
    begun = time.monotonic()
    assert node.stop(signal.SIGTERM) == 0
    assert elapsed(begun) < 5
    for client in clients:
        client.close()


def test_drain_without_connections_ends_at_once(start):
    node = start({"drain.window": "60s"})
    begun = time.monotonic()
    assert node.stop(signal.SIGTERM) == 0
    assert elapsed(begun) < 5


@pytest.mark.parametrize("signo", [signal.SIGINT, signal.SIGQUIT])
def test_int_stops_with_close_frames(node, signo):
    clients = [Client(node) for _ in range(20)]
    wait_until(lambda: node.open_count() == 20)
    node.process.send_signal(signo)
    for client in clients:
        assert client.take_close()[0] == 1001
        client.send(b"\x88\x82\0\0\0\0\x03\xe9")
        assert client.is_ended()
        client.close()
    assert node.wait() == 0


def test_winch_drains_without_stopping(node):
    with Client(node) as client:
        os.kill(node.pid, signal.SIGWINCH)
        assert client.take_close()[0] == 1012
    wait_until(lambda: node.connections() == 0)
    assert node.admin("/readyz").status == 503
    assert node.process.poll() is None
    node.control("undrain")
    wait_until(lambda: node.admin("/readyz").status == 200)
    with Client(node) as client:
        assert client.echo("x")


def test_workers_ignore_signals_of_the_group(node):
    """Keepers and tenants listen to their channel alone."""
    with Client(node) as client:
        for pid in node.tenants() + node.keepers():
            for signo in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP,
                          signal.SIGUSR1, signal.SIGUSR2):
                os.kill(pid, signo)
        assert client.echo("x")
    assert node.restarts("killed") == 0


def test_a_thousand_files_are_enough(start):
    """At the limit of a bare shell it starts, and says what fits."""
    node = start({"node.capacity": 100000},
                 prefix=["/bin/sh", "-c", 'ulimit -n 1024; exec "$@"',
                         "sh"])
    status = node.control("status")
    assert status["capacity_configured"] == 100000
    assert 500 <= status["capacity"] < 1024
    assert node.log().count("event=capacity_lowered") == 1
    with Client(node) as client:
        assert client.echo("x")


def test_capacity_by_files_holds(start):
    """All connections that were promised can be had; then a 503."""
    node = start({"node.capacity": 100000},
                 prefix=["/bin/sh", "-c", 'ulimit -n 300; exec "$@"', "sh"])
    capacity = node.control("status")["capacity"]
    clients = [Client(node) for _ in range(capacity)]
    wait_until(lambda: node.open_count() == capacity)
    with pytest.raises(Refused) as refused:
        Client(node)
    assert refused.value.args[0] == 503
    node.kill_tenant()
    for client in clients:
        assert client.echo("x")
        client.close()


def test_keeper_killed(node):
    """The tenant serves on; when keeper and tenant die the slot starts
    empty."""
    node.expects_errors = True
    keeper, = node.keepers()
    client = Client(node, "kept")
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: "event=keeper_lost" in node.log())
    for number in range(3):
        assert client.echo("x")
        body, answer = node.dispatch("kept", number)
        assert answer.json()["status"] == "delivered"
        assert client.take_message() == body
    # A new keeper may have the slot by now, or has it soon.
    wait_until(lambda: node.keepers()[0] not in (0, keeper))
    second, tenant = node.keepers() + node.tenants()
    os.kill(second, signal.SIGKILL)
    os.kill(tenant, signal.SIGKILL)
    assert client.is_ended()
    client.close()
    wait_until(lambda: node.keepers()[0] not in (0, keeper, second))
    wait_until(node.is_ready)
    with Client(node) as client:
        assert client.echo("x")


def test_workers_have_no_privileges(node):
    for pid in node.tenants() + node.tenants("relay") + node.keepers():
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            text = status.read()
        assert "NoNewPrivs:\t1" in text
        assert "CapEff:\t0000000000000000" in text
        assert resource.prlimit(pid, resource.RLIMIT_CORE)[0] == 0
