# SPDX-License-Identifier: ISC
"""TLS to Redis, where this build has it; where it has not, it says so."""
import subprocess

import pytest

from node import BUILD, wait_until
from redis_server import Redis, free_port
from wire import Client


def has_tls():
    """Whether hiredis came with it when this was built."""
    return b"SSL_set1_host" in (BUILD / "holdfast-relay").read_bytes()


def certificate(folder, name, subject):
    """Self-signed, so that it is its own authority; (certificate, key)."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
         f"/CN={name}", "-addext", f"subjectAltName={subject}", "-keyout", key,
         "-out", cert], check=True, stderr=subprocess.DEVNULL)
    return cert, key


@pytest.fixture
def secure(tmp_path):
    """A server with TLS whose certificate names subject; its URL and that."""
    servers = []

    def begin(subject):
        cert, key = certificate(tmp_path, f"redis{len(servers)}", subject)
        port = free_port()
        servers.append(Redis("--tls-port", str(port), "--tls-cert-file", cert,
                             "--tls-key-file", key, "--tls-ca-cert-file", cert,
                             "--tls-auth-clients", "no").start())
        return servers[-1], f"rediss://127.0.0.1:{port}", str(cert)
    yield begin
    for server in servers:
        server.close()


def is_linked(node):
    return node.control("relay")["redis"]["state"] == "ready"


def test_is_refused_without(start):
    if has_tls():
        pytest.skip("this build has TLS to Redis")
    node = start({"redis.url": "rediss://127.0.0.1:1"}, is_started=False)
    node.expects_errors = True
    node.expected_exit = 1
    node.spawn()
    assert node.wait(20) == 1
    assert "this build has no TLS to Redis" in node.log()


@pytest.mark.skipif(not has_tls(), reason="hiredis came without TLS")
def test_serves(start, secure):
    redis, url, ca = secure("IP:127.0.0.1")
    node = start({"redis.url": url, "redis.tls_ca": ca, "node.id": "n0"})
    with Client(node, "alice") as client:
        wait_until(lambda: redis("GET", "user-route:alice") == "n0")
        wait_until(lambda: redis("PUBLISH", "channel:n0", (
            '{"target_client_id": "alice", "message_id": "m",'
            ' "event_type": "e", "payload": {}}')) == 1)
        assert b"alice" in client.take_message()


@pytest.mark.skipif(not has_tls(), reason="hiredis came without TLS")
@pytest.mark.parametrize("subject,known,why", [
    ("IP:127.0.0.2", True, "IP address mismatch"),
    ("IP:127.0.0.1", False, "self-signed certificate")])
def test_is_not_taken_in(start, secure, tmp_path, subject, known, why):
    """Another host's certificate, or one that nobody we know has signed."""
    redis, url, ca = secure(subject)
    if not known:
        ca = str(certificate(tmp_path, "other", "IP:127.0.0.1")[0])
    node = start({"redis.url": url, "redis.tls_ca": ca, "node.id": "n0"})
    with Client(node, "alice") as client:
        wait_until(lambda: why in node.log())
        assert client.echo("serves on")
        assert redis("DBSIZE") == 0
