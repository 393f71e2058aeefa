# SPDX-License-Identifier: ISC
"""Reload: every key does what its class says, and listeners come and go."""
import collections
import os
import signal
import socket

import pytest

import proof
from load import Load
from node import ControlError, LONG, PATIENCE, SLOW, wait_until
from wire import Client, Raw, Refused

# Another value for each key of the settings table, as the file has it and, if
# that is different, as it is shown.
CHANGES = {
    "node.id": "other", "node.region": "west", "node.run_dir": "/tmp/run",
    "node.state_dir": "/tmp/state", "node.user": "nobody",
    "node.workers": 2, "node.pin_cpus": True, "node.capacity": 15000,
    "websocket.path": "/other", "websocket.max_message": "2MiB",
    "websocket.max_frames": 100, "websocket.max_header": "16KiB",
    "websocket.handshake_timeout": "20s", "websocket.close_timeout": "3s",
    "websocket.ping_interval": "30s", "websocket.ping_misses": 3,
    "websocket.compression": False, "websocket.compression_level": 2,
    "websocket.max_queue": "2MiB", "websocket.slow_consumer": "drop",
    "websocket.max_messages_per_second": 1000,
    "websocket.max_bytes_per_second": "1GiB", "websocket.max_age": "1d",
    "websocket.max_age_dither": "1h",
    "websocket.origins": (["https://a.example"], "https://a.example"),
    "auth.trusted_proxies": (["10.0.0.0/8"], "10.0.0.0/8"),
    "auth.mode": "proxy",
    "upstream.mode": "none", "upstream.partitions": 8,
    "upstream.max_length": 0, "api.address": "127.0.0.2", "api.port": 1,
    "api.enabled": False, "api.tokens_file": "tokens",
    "api.max_body": "2MiB", "api.request_timeout": "4s",
    "api.max_connections": 100, "admin.address": "127.0.0.2",
    "admin.port": 1, "admin.enabled": False,
    "admission.handshakes_per_second": 9000, "admission.burst": 100,
    "admission.queue": "1s", "admission.max_per_ip": 10000,
    "admission.retry_after": "2s", "drain.window": "2s",
    "drain.gentle_window": "5h", "drain.lb_wait": "1s",
    "drain.lease_wait": "1s", "memory.max_arena": "512MiB",
    "worker.stall": "6s", "worker.max_rss": "1GiB", "worker.orphan_max": "2d",
    "worker.crash_window": "2m", "worker.max_crashes": 6,
    "worker.backoff": "200ms", "worker.backoff_max": "20s",
    "worker.poison_faults": 4, "worker.poison_refuse": "11m",
    "worker.core_dumps": True, "redis.url": "redis://127.0.0.1:1/0",
    "redis.password_file": "/tmp/password", "redis.user": "someone",
    "redis.sentinel_password_file": "/tmp/other",
    "redis.sentinel_user": "asker",
    "redis.tls_ca": "/tmp/ca", "redis.tls_cert": "/tmp/cert",
    "redis.tls_key": "/tmp/key",
    "redis.fleet": "other", "redis.prefix": "test:",
    "redis.connect_timeout": "4s", "redis.command_timeout": "4s",
    "redis.ping_interval": "4s", "redis.backoff": "200ms",
    "redis.backoff_max": "6s", "redis.canary_interval": "3s",
    "redis.deaf_after": "6s", "redis.resync_rate": 10000,
    "redis.inbox_max": 1000, "peer.address": "127.0.0.3", "peer.port": 1,
    "agent.address": "127.0.0.2", "agent.port": 1, "agent.enabled": True,
    "membership.lease": "10s", "membership.leader_lease": "4s",
    "membership.max_failovers_per_hour": 5, "membership.cut_off_grace": "2m",
    "membership.alone_grace": "20m", "blast_radius.fraction": 0.02,
    "blast_radius.slack": 0.2, "blast_radius.floor": 100,
    "blast_radius.half_life": "2h", "blast_radius.max_draining": 0.1,
    "blast_radius.max_upgrading": 2, "storm.min_window": "3m",
    "storm.handshakes_per_second": 1000,
    "log.level": "debug", "log.target": "/tmp/log", "log.format": "json",
}


def values(node):
    return {value["key"]: value
            for value in node.control("config-show")["values"]}


def reload(node, settings):
    """{key: change} of a reload of these settings."""
    node.configure(settings)
    return {change["key"]: change
            for change in node.control("reload")["changed"]}


def test_every_key_does_as_its_class_says(start):
    # A user needs a password, and a certificate its key.
    node = start({"redis.password_file": "/dev/null",
                  "redis.sentinel_password_file": "/dev/null",
                  "redis.tls_cert": "/dev/null", "redis.tls_key": "/dev/null"})
    before = values(node)
    listed = {key for key in before if key.startswith("listen[")}
    assert set(before) - listed == set(CHANGES), "give the new key a value"
    counted = collections.Counter()
    for key, value in CHANGES.items():
        if key == "api.tokens_file":
            value = str(node.dir / value)
            (node.dir / "tokens").write_text("secret" * 8 + " ops\n")
        value, shown = value if isinstance(value, tuple) else (value, None)
        shown = shown or str(value).lower() if isinstance(value, bool) \
            else shown or str(value)
        change, = reload(node, {key: value}).values()
        kind = before[key]["class"]
        assert (change["key"], change["class"]) == (key, kind)
        assert (change["old"], change["new"]) == \
            (before[key]["value"], shown)
        assert change["applied"] == (kind != "restart")
        now = values(node)[key]["value"]
        assert now == (before[key]["value"] if kind == "restart" else shown)
        counted[kind] += 1
        if kind == "restart":
            # Told at each reload, as long as the file asks for it.
            again, = reload(node, {}).values()
            assert again["key"] == key
            del node.settings[key]
            node.configure({key: unquoted(before[key])})
        assert reload(node, {}) == {}
    for kind in ("live", "new-connections", "recycle", "restart"):
        assert counted[kind] >= 4, counted
    assert sum(counted.values()) == len(CHANGES)
    wait_until(lambda: "event=recycled" in node.log())


def unquoted(value):
    """A value of config-show as conf_value() takes it."""
    if value["type"] == "boolean":
        return value["value"] == "true"
    return int(value["value"]) if value["type"] == "count" \
        else value["value"]


def test_a_representative_of_each_class(start):
    node = start()
    with Client(node, "old") as old:
        # live: the connection that is there has to obey
        assert old.echo("x" * 200)
        # new-connections: it does not matter to this one
        reload(node, {"websocket.path": "/new"})
        with pytest.raises(Refused) as refused:
            Client(node)
        assert refused.value.args[0] == 404
        Client(node, path="/new").finish()
        assert old.echo("x")
        # recycle: the next tenants, who keep the connection
        generation = node.workers()[0]["generation"]
        tenant = node.tenant()
        reload(node, {"websocket.compression_level": 3})
        node.wait_served(generation + 1)
        assert node.tenant() != tenant and node.restarts("recycle") >= 1
        wait_until(lambda: "event=recycled" in node.log())
        assert old.echo("x")
        # restart: not now
        reload(node, {"node.id": "renamed"})
        assert node.control("status")["node"] == "test"
        reload(node, {"websocket.max_message": 125})
        wait_until(lambda: not_over(node, 125))
        old.send_text("x" * 126)
        assert old.take_close()[0] == 1009


def not_over(node, size):
    """The gateway's limit is so many bytes."""
    with Client(node, path="/new") as client:
        client.send_text("x" * (size + 1))
        first, _ = client.take_answer()
        return first & 0x0f == 8


@pytest.mark.parametrize("text, line, key", [
    ('websocket = {\n  max_frames = -1;\n};', 2, "websocket.max_frames"),
    ('websocket = {\n\n  path = 7;\n};', 3, "websocket.path"),
    ('nonsense = 1;', 1, "nonsense"),
    ('listen = ( { port = 70000; } );', 1, "listen[0].port"),
])
def test_wrong_file_changes_nothing(node, text, line, key):
    before = values(node)
    node.conf_path.write_text("node = { region = \"west\"; };\n" + text)
    with pytest.raises(ControlError) as refused:
        node.control("reload")
    message = refused.value.args[0]["message"]
    assert f"{node.conf_path}:{line + 1}" in message and key in message
    assert values(node) == before
    with Client(node) as client:
        assert client.echo("x")


# ---- listeners

def listen(*hosts, port=0, **more):
    return {"listen": [{"address": host, "port": port, **more}
                       for host in hosts]}


def listeners(node):
    return {item["address"]: item["port"]
            for item in node.control("status")["listeners"]
            if item["for"] == "clients"}


def is_refused(host, port):
    with socket.socket() as probe:
        probe.settimeout(5 * PATIENCE)
        return probe.connect_ex((host, port)) != 0


def listening(node, slot=0):
    """The ports on which a gateway listens."""
    pid = node.tenants()[slot]
    ports = {}
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as table:
        for words in map(str.split, table):
            if words[3] == "0A":
                ports[words[9]] = int(words[1].partition(":")[2], 16)
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:[") and target[8:-1] in ports:
            found.append(ports[target[8:-1]])
    return sorted(found)


def came_over(node, client):
    row = node.control("where", client=client)
    return row["listener"]


def test_listeners_come_and_go(start):
    node = start({"node.workers": 2, **listen("127.0.0.1")})
    ports = listeners(node)
    old = Client(node, "old")
    changed = reload(node, listen("127.0.0.2", "127.0.0.1"))
    assert {change["class"] for change in changed.values()} == {"live"}
    assert "listen[1].address" in changed
    now = listeners(node)
    # What stays is the same socket, wherever it stands in the list.
    assert now["127.0.0.1"] == ports["127.0.0.1"]
    second = {"host": "127.0.0.2", "port": now["127.0.0.2"]}
    wait_until(lambda: not is_refused(**second))
    clients = [Client(node, f"b{n}", **second) for n in range(40)]
    assert came_over(node, "old") == f"127.0.0.1:{node.port}"
    assert came_over(node, "b0") == f"127.0.0.2:{second['port']}"
    for slot in range(2):
        node.kill_tenant(slot=slot)
    Client(node, "again", **second).finish()

    reload(node, listen("127.0.0.2"))
    assert list(listeners(node)) == ["127.0.0.2"]
    wait_until(lambda: is_refused("127.0.0.1", node.port))
    for slot in range(2):
        node.kill_tenant(slot=slot)
    assert is_refused("127.0.0.1", node.port)
    # A third one does not take the name of the first away from `old'.
    reload(node, listen("127.0.0.3", "127.0.0.2"))
    third = Client(node, "third", host="127.0.0.3",
                   port=listeners(node)["127.0.0.3"])
    assert came_over(node, "old") == f"127.0.0.1:{node.port}"
    assert came_over(node, "b0") == f"127.0.0.2:{second['port']}"
    assert came_over(node, "third").startswith("127.0.0.3:")
    for client in [old, third, *clients]:
        assert client.echo("x")
        client.close()


def test_places_of_listeners_are_used_again(start):
    """More listeners than there are places, and one connection that stays."""
    node = start(listen("127.0.0.1"))
    with Client(node, "first") as first:
        for number in range(80):
            host = f"127.0.0.{2 + number % 2}"
            reload(node, listen(host))
            assert list(listeners(node)) == [host]
        place = {"host": host, "port": listeners(node)[host]}
        with Client(node, "last", **place) as last:
            assert last.echo("x") and first.echo("x")
            assert came_over(node, "first") == f"127.0.0.1:{node.port}"
            assert came_over(node, "last").startswith(host)
    wait_until(lambda: listening(node) == [place["port"]])


def test_address_that_cannot_be_had_changes_nothing(node):
    with socket.socket() as other:
        other.bind(("127.0.0.2", 0))
        other.listen(1)
        taken = other.getsockname()[1]
        node.configure({"websocket.max_frames": 77, "listen": [
            {"address": "127.0.0.1", "port": 0},
            {"address": "127.0.0.3", "port": 0},
            {"address": "127.0.0.2", "port": taken}]})
        with pytest.raises(ControlError) as refused:
            node.control("reload")
        message = refused.value.args[0]["message"]
        assert "listen[2].port" in message and str(taken) in message
        assert f"{node.conf_path}:" in message
    assert list(listeners(node)) == ["127.0.0.1"]
    assert values(node)["websocket.max_frames"]["value"] == "1024"
    # With the address free again the same file is good.
    assert "websocket.max_frames" in reload(node, {})
    assert len(listeners(node)) == 3


def test_what_waits_in_the_backlog_is_served(start):
    node = start({"worker.stall": "1m", **listen("127.0.0.1")})
    tenant = node.tenant()
    os.kill(tenant, signal.SIGSTOP)
    try:
        waiting = [Raw(node) for _ in range(5)]
        reload(node, listen("127.0.0.2"))
    finally:
        os.kill(tenant, signal.SIGCONT)
    wait_until(lambda: is_refused("127.0.0.1", node.port))
    for raw in waiting:
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw.take_head() == 200
        raw.close()


def test_tenants_die_over_the_news(start):
    """Whenever a tenant is killed, its successor listens where it should."""
    node = start({"node.workers": 2, **listen("127.0.0.1")})
    with Client(node, "kept") as kept:
        for number in range(60 if LONG else 12):
            hosts = ["127.0.0.1", "127.0.0.2"][:1 + number % 2]
            pids = node.tenants()
            node.configure(listen(*hosts))
            os.kill(node.pid, signal.SIGHUP)
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda p=pids: all(
                worker["state"] == "serving" and worker["tenant_pid"] not in p
                for worker in node.workers()))
            wait_until(lambda h=hosts: list(listeners(node)) == h)
            ports = sorted(listeners(node).values())
            for slot in range(2):
                wait_until(lambda p=ports, s=slot: listening(node, s) == p)
            assert kept.echo("x")


def test_reload_while_everybody_talks(start):
    """All classes but restart, under load; nobody notices."""
    node = start({"node.workers": 2, "node.capacity": 4000,
                  **listen("127.0.0.1")})
    with Load(node, "sequence", "-c", 2000 // SLOW, "-t", 0,
              "--interval-ms", 50) as load:
        load.wait_ready()
        assert load.opened == 2000 // SLOW
        for number in range(6):
            served = node.log().count("event=recycled")
            changed = reload(node, {
                "websocket.max_frames": 2000 + number,
                "websocket.max_header": 9000 + number,
                "websocket.compression_level": 2 + number,
                **listen(*["127.0.0.1", "127.0.0.2"][:1 + number % 2])})
            assert {"live", "new-connections", "recycle"} <= {
                change["class"] for change in changed.values()}
            wait_until(lambda n=served: node.log().count(
                "event=recycled") > n, 30)
    load.assert_whole()
    assert node.restarts("killed") == node.restarts("exit") == 0
    assert node.restarts("recycle") >= 6 * 2
    proof.note_load("reload of keys of each class and of listeners", 6, load)
