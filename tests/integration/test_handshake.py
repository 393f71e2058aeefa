# SPDX-License-Identifier: ISC
"""Opening requests by hand: each refusal is a proper HTTP answer."""
import json
import time

import pytest

import node as nodes
from node import PATIENCE, wait_until
from wire import KEY, TEXT, Client, Raw, frame, request

LONG = "x" * 9000


def refusal(raw):
    """(status, error word) of a complete refusal that ends the connection."""
    status = raw.take_head()
    body = json.loads(raw.take_body())
    assert set(body) == {"error", "message"}
    assert raw.headers["connection"].startswith("close")
    assert raw.headers["content-type"] == "application/json"
    assert raw.is_ended()
    return status, body["error"]


def ask(node, data):
    with Raw(node) as raw:
        raw.send(data)
        return refusal(raw) + (raw.headers,)


CASES = {
    "path": (404, request("/other")),
    "path_prefix": (404, request("/ws/")),
    "root": (404, request("/")),
    "method": (405, request(method="POST")),
    "head": (405, request(method="HEAD")),
    "version_10": (505, request(version="HTTP/1.0")),
    "version_20": (505, request(version="HTTP/2.0")),
    "version_none": (400, b"GET /ws\r\n\r\n"),
    "no_upgrade": (426, request(drop=("upgrade",))),
    "upgrade_h2c": (426, request(drop=("upgrade",),
                                 headers=("Upgrade: h2c",))),
    "no_connection": (400, request(drop=("connection",))),
    "no_key": (400, request(drop=("sec-websocket-key",))),
    "short_key": (400, request(drop=("sec-websocket-key",), headers=(
        "Sec-WebSocket-Key: c2hvcnQ=",))),
    "bad_key": (400, request(drop=("sec-websocket-key",), headers=(
        "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==",))),
    "two_keys": (400, request(headers=(
        f"Sec-WebSocket-Key: {KEY.decode()}",))),
    "no_ws_version": (400, request(drop=("sec-websocket-version",))),
    "ws_version_8": (426, request(drop=("sec-websocket-version",), headers=(
        "Sec-WebSocket-Version: 8",))),
    "no_host": (400, request(host=None)),
    "two_hosts": (400, request(headers=("Host: other",))),
    "empty_host": (400, request(host="")),
    "bad_host": (400, request(host="a b")),
    "host_with_path": (400, request(host="a/b")),
    "host_with_user": (400, request(host="user@a")),
    "bad_port": (400, request(host="a:port")),
    "absolute_target": (400, request("http://localhost/ws")),
    "no_slash": (400, request("ws")),
    "fragment": (400, request("/ws#x")),
    "control_in_target": (400, request("/ws\x01")),
    "folded": (400, request(headers=("X-A: 1", " folded"))),
    "blank_before_colon": (400, request(headers=("X-A : 1",))),
    "no_colon": (400, request(headers=("nonsense",))),
    "empty_name": (400, request(headers=(": 1",))),
    "control_in_value": (400, request(headers=("X-A: \x01",))),
    "zero_in_value": (400, request(headers=("X-A: \x00",))),
    "bare_lf": (400, request().replace(b"\r\n", b"\n")),
    "bare_lf_in_head": (400, request(headers=("X-A: 1\nX-B: 2",))),
    "bare_cr": (400, request(headers=("X-A: 1\rX-B: 2",))),
    "length": (400, request(headers=("Content-Length: 5",))),
    "two_lengths": (400, request(headers=("Content-Length: 0",
                                          "Content-Length: 0"))),
    "chunked": (400, request(headers=("Transfer-Encoding: chunked",))),
    "bad_extensions": (400, request(headers=(
        "Sec-WebSocket-Extensions: permessage-deflate;",))),
    "bad_protocols": (400, request(headers=(
        "Sec-WebSocket-Protocol: a b",))),
    "long_target": (414, request("/ws?" + LONG)),
    "endless_target": (414, b"GET /ws?" + LONG.encode()),
    "long_header": (431, request(headers=("X-A: " + LONG,))),
    "many_headers": (431, request(headers=tuple(
        f"X-{n}: {n}" for n in range(1000)))),
    "tls": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 32),
    "garbage": (400, b"\xff" * 64),
    "empty_lines": (400, b"\r\n\r\n" + request()),
}


@pytest.fixture(scope="module")
def shared():
    """These tests leave nothing behind but counters: one node does."""
    yield from nodes.share()


@pytest.mark.parametrize("name", CASES)
def test_refused(shared, name):
    wanted, data = CASES[name]
    status, _, headers = ask(shared, data)
    assert status == wanted
    if wanted == 405:
        assert headers["allow"] == "GET"
    if wanted == 426:
        assert headers["upgrade"] == "websocket"
        assert headers["sec-websocket-version"] == "13"


def test_refusals_leave_nothing(shared):
    wait_until(lambda: shared.connections() == 0)
    assert shared.metric("handshakes_total", result="bad_request") > 0
    assert shared.metric("arena_bytes", what="used") == 0


@pytest.mark.parametrize("host", ["localhost", "example.test:8080",
                                  "127.0.0.1:80", "[::1]:8080", "[::1]"])
def test_good_hosts(shared, host):
    with Raw(shared) as raw:
        raw.send(request(host=host))
        assert raw.take_head() == 101


def test_byte_by_byte(shared):
    with Raw(shared) as raw:
        for byte in request("/ws?client_id=drip"):
            raw.send(bytes([byte]))
            time.sleep(0.0005)
        assert raw.take_head() == 101
        assert shared.control("where", client="drip")["state"] == "open"


def test_frames_behind_the_request(shared):
    """A client may not, but a proxy may put both in one packet."""
    with Raw(shared) as raw:
        raw.send(request() + frame(TEXT, "one") + frame(TEXT, "two")[:4])
        assert raw.take_head() == 101
        assert raw.take_frame() == (0x81, b"one")
        assert raw.is_quiet()


def test_second_request_is_no_frame(shared):
    with Raw(shared) as raw:
        raw.send(request() + request())
        assert raw.take_head() == 101
        first, payload = raw.take_frame()
        assert first == 0x88 and payload[:2] == b"\x03\xea"
        assert raw.is_ended()


def test_healthz_variants(shared):
    with Raw(shared) as raw:
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw.take_head() == 200
        assert json.loads(raw.take_body())["status"] == "ok"
        assert raw.is_ended()
    assert ask(shared, b"POST /healthz HTTP/1.1\r\nHost: x\r\n\r\n")[0] == 405


@pytest.mark.parametrize("offer, answer", [
    ("permessage-deflate", "permessage-deflate; server_no_context_takeover; "
     "client_no_context_takeover"),
    ("permessage-deflate; client_max_window_bits",
     "permessage-deflate; server_no_context_takeover; "
     "client_no_context_takeover"),
    ("permessage-deflate; server_max_window_bits=10",
     "permessage-deflate; server_no_context_takeover; "
     "client_no_context_takeover; server_max_window_bits=10"),
    ("permessage-deflate; server_max_window_bits=7", None),
    ("permessage-deflate; unknown=1", None),
    ("permessage-deflate; x=1, permessage-deflate",
     "permessage-deflate; server_no_context_takeover; "
     "client_no_context_takeover"),
    ("x-webkit-deflate-frame", None),
])
def test_extension_offers(shared, offer, answer):
    with Raw(shared) as raw:
        raw.send(request(headers=(f"Sec-WebSocket-Extensions: {offer}",)))
        assert raw.take_head() == 101
        assert raw.headers.get("sec-websocket-extensions") == answer


def test_slowloris(start):
    """One absolute deadline from accept to 101, whatever drips in."""
    node = start({"websocket.handshake_timeout": "1s"})
    silent, slow = Raw(node), Raw(node)
    begun = time.monotonic()
    slow.socket.settimeout(0.05)
    text = request(headers=("X-A: " + "y" * 2000,))
    ended = False
    for byte in text:
        try:
            slow.send(bytes([byte]))
            ended = slow.socket.recv(1) == b""
        except TimeoutError:
            continue
        except OSError:
            ended = True
        if ended:
            break
    assert ended and 0.8 <= time.monotonic() - begun <= 1 + 1 * PATIENCE
    assert silent.is_ended()
    node.wait_metric(2, "handshakes_total", result="timeout")
    wait_until(lambda: node.connections() == 0)
    assert node.metric("arena_bytes", what="used") == 0


def test_half_open_peers(start):
    """Clients that vanish in every stage leave nothing."""
    node = start()
    for data in (b"", b"G", request()[:-2], request(),
                 request() + frame(TEXT, "x" * 100)[:50],
                 request() + frame(TEXT, "x", fin=False)):
        raw = Raw(node)
        raw.send(data)
        raw.close()
    wait_until(lambda: node.metric("connections_accepted_total") == 6)
    wait_until(lambda: node.connections() == 0)
    wait_until(lambda: node.metric("arena_bytes", what="used") == 0)


def test_origins(start):
    node = start({"websocket.origins": ["https://good.test",
                                        "http://localhost:3000"]})

    def status(*headers):
        with Raw(node) as raw:
            raw.send(request(headers=headers))
            return raw.take_head()
    assert status("Origin: https://good.test") == 101
    assert status("Origin: http://localhost:3000") == 101
    assert status() == 101  # not a browser
    for bad in ("https://evil.test", "https://good.test.evil.test",
                "http://good.test", "https://good.test:443", "null", "",
                "HTTPS://GOOD.TEST"):
        assert status(f"Origin: {bad}") == 403, bad
    assert status("Origin: https://good.test",
                  "Origin: https://good.test") == 400
    node.wait_metric(7, "handshakes_total", result="forbidden")


def test_other_path_and_header_limit(start):
    node = start({"websocket.path": "/socket", "websocket.max_header": 1024})
    with Client(node, path="/socket") as client:
        assert client.echo("x")
    assert ask(node, request("/ws"))[0] == 404
    with Raw(node) as raw:
        raw.send(request("/socket", headers=("X-A: " + "x" * 1100,)))
        assert refusal(raw)[0] == 431


def test_trusted_proxy(start):
    node = start({"auth.mode": "proxy",
                  "auth.trusted_proxies": ["127.0.0.1/32"]})

    def answer(*headers, source="127.0.0.1"):
        raw = Raw(node, source=source)
        raw.send(request(headers=headers))
        raw.take_head()
        return raw
    assert answer().status == 401
    raw = answer("X-Client-Id: alice", "X-Forwarded-For: 192.0.2.1, "
                 "198.51.100.7")
    assert raw.status == 101
    row = node.control("where", client="alice")
    assert row["address"] == "198.51.100.7"
    assert answer("X-Client-Id: mallory", source="127.0.0.2").status == 401
    assert answer("X-Client-Id: a b").status == 400
    raw.close()


def test_client_id_header_is_not_believed(start):
    node = start()
    with Client(node, "query", headers=("X-Client-Id: header",)):
        assert node.control("where", client="query")["client_id"] == "query"
