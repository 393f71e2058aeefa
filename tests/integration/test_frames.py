# SPDX-License-Identifier: ISC
"""RFC 6455 and RFC 7692 frame by frame, with frames made by hand."""
import struct
import zlib

import pytest

import node as nodes
from node import wait_until
from wire import (BINARY, CLOSE, CONT, DEFLATE, FIN, PING, PONG, RSV1, TEXT,
                  Client, close_frame, frame)


@pytest.fixture(scope="module")
def shared():
    for one in nodes.share({"websocket.max_message": "256KiB",
                            "websocket.max_frames": 64,
                            "websocket.close_timeout": "1s"}):
        yield one
        wait_until(lambda: one.connections() == 0)
        wait_until(lambda: one.metric("arena_bytes", what="used") == 0)


@pytest.fixture
def client(shared):
    with Client(shared) as one:
        yield one


def assert_failed(client, code):
    """The connection is closed with this code, and by the server."""
    assert client.take_close()[0] == code
    assert client.is_ended()


@pytest.mark.parametrize("size", [0, 1, 3, 125, 126, 127, 4096, 65535,
                                  65536, 131072, 262144])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_sizes(client, opcode, size):
    data = bytes(n * 7 % 96 + 32 for n in range(min(size, 4096))) * (
        size // 4096 or 1)
    client.send(frame(opcode, data))
    assert client.take_frame() == (FIN | opcode, data)


@pytest.mark.parametrize("chop", [1, 2, 3, 5, 13])
def test_chopped(client, chop):
    data = frame(TEXT, "Hello, \u00e4\u00f6\u00fc \U0001f600") + frame(
        BINARY, b"x" * 200)
    for at in range(0, len(data), chop):
        client.send(data[at:at + chop])
    assert client.take_message(TEXT).decode() == \
        "Hello, \u00e4\u00f6\u00fc \U0001f600"
    assert client.take_message(BINARY) == b"x" * 200


def test_fragments(client):
    client.send(frame(TEXT, "one", fin=False) + frame(CONT, "", fin=False)
                + frame(CONT, "two", fin=False) + frame(CONT, "three"))
    assert client.take_message(TEXT) == b"onetwothree"


def test_empty_fragments(client):
    client.send(frame(TEXT, "", fin=False) + frame(CONT, "", fin=False)
                + frame(CONT, ""))
    assert client.take_message(TEXT) == b""


def test_control_between_fragments(client):
    client.send(frame(BINARY, b"one", fin=False) + frame(PING, b"now")
                + frame(PONG, b"?") + frame(CONT, b"two"))
    assert client.take_frame() == (FIN | PONG, b"now")
    assert client.take_message(BINARY) == b"onetwo"


def test_utf8_across_fragments(client):
    data = "\u00e9\u20ac\U0001f600".encode()
    parts = [frame(CONT if n else TEXT, bytes([byte]),
                   fin=n == len(data) - 1) for n, byte in enumerate(data)]
    client.send(b"".join(parts))
    assert client.take_message(TEXT) == data


def test_pings(client):
    client.send(frame(PING) + frame(PING, b"x" * 125) + frame(PONG, b"lone"))
    assert client.take_frame() == (FIN | PONG, b"")
    assert client.take_frame() == (FIN | PONG, b"x" * 125)
    assert client.echo("alive")


def test_many_frames_in_one_packet(client):
    client.send(b"".join(frame(TEXT, str(n)) for n in range(500)))
    for number in range(500):
        assert client.take_message(TEXT) == str(number).encode()


FAILURES = {
    "unmasked": (1002, frame(TEXT, "x", masked=False)),
    "unmasked_close": (1002, frame(CLOSE, masked=False)),
    "rsv1": (1002, frame(TEXT, "x", rsv=0x40)),
    "rsv2": (1002, frame(TEXT, "x", rsv=0x20)),
    "rsv3": (1002, frame(TEXT, "x", rsv=0x10)),
    "rsv_ping": (1002, frame(PING, "x", rsv=0x40)),
    "lone_continuation": (1002, frame(CONT, "x")),
    "message_in_message": (1002, frame(TEXT, "x", fin=False)
                           + frame(TEXT, "y")),
    "fragmented_ping": (1002, frame(PING, "x", fin=False)),
    "fragmented_close": (1002, frame(CLOSE, b"\x03\xe8", fin=False)),
    "long_ping": (1002, frame(PING, b"x" * 126)),
    "long_close": (1002, frame(CLOSE, b"\x03\xe8" + b"x" * 124)),
    "length_16_too_small": (1002, b"\x82\xfe\x00\x7d" + b"\0" * 4),
    "length_64_too_small": (1002, b"\x82\xff" + struct.pack("!Q", 65535)
                            + b"\0" * 4),
    "length_negative": (1002, b"\x82\xff\x80" + b"\0" * 11),
    "close_one_byte": (1002, frame(CLOSE, b"\x03")),
    "utf8_invalid": (1007, frame(TEXT, b"\xff")),
    "utf8_truncated": (1007, frame(TEXT, b"\xc3")),
    "utf8_overlong": (1007, frame(TEXT, b"\xc0\xaf")),
    "utf8_surrogate": (1007, frame(TEXT, b"\xed\xa0\x80")),
    "utf8_too_high": (1007, frame(TEXT, b"\xf4\x90\x80\x80")),
    "utf8_after_ascii": (1007, frame(TEXT, b"x" * 100 + b"\x80" + b"y" * 99)),
    "utf8_cut_by_fragment": (1007, frame(TEXT, b"\xe2\x82", fin=False)
                             + frame(CONT, b"x")),
    "utf8_close_reason": (1007, close_frame(1000, b"\xff")),
    "too_big": (1009, b"\x82\xff" + struct.pack("!Q", 262145) + b"\0" * 4),
    "too_big_huge": (1009, b"\x82\xff" + struct.pack("!Q", (1 << 63) - 1)
                     + b"\0" * 4),
    "too_big_in_sum": (1009, frame(BINARY, b"x" * 200000, fin=False)
                       + frame(CONT, b"x" * 100000)),
    "too_many_frames": (1008, frame(TEXT, "x", fin=False)
                        + frame(CONT, "x", fin=False) * 70),
    **{f"opcode_{n}": (1002, frame(n, "x")) for n in (3, 4, 5, 6, 7, 11, 12,
                                                     13, 14, 15)},
    **{f"close_code_{n}": (1002, close_frame(n)) for n in (
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000,
        65535)},
}


@pytest.mark.parametrize("name", FAILURES)
def test_failure(client, name):
    code, data = FAILURES[name]
    client.send(data)
    assert_failed(client, code)


@pytest.mark.parametrize("data, code", [
    (b"\x81\xff\0\0\0\0\0\1\0\0\0\0\0\0\xff", 1007),
    (b"\x01\xfe\x10\x00\0\0\0\0ok\xc0", 1007),
    (b"\xc1", 1002), (b"\x83", 1002), (b"\x81\x05", 1002),
    (b"\x89\xfe", 1002), (b"\x80", 1002)])
def test_fail_fast(client, data, code):
    """The rest of the frame is not waited for."""
    client.send(data)
    assert_failed(client, code)


def test_data_before_a_failure_is_answered(client):
    client.send(frame(TEXT, "good") + frame(TEXT, "x", masked=False))
    assert client.take_message(TEXT) == b"good"
    assert_failed(client, 1002)


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009,
                                  1010, 1011, 1012, 1013, 1014, 3000, 3999,
                                  4000, 4999])
def test_close_is_answered(client, code):
    client.send(close_frame(code, b"why not"))
    assert client.take_close()[0] == code
    assert client.is_ended()


def test_close_without_a_code(client):
    client.send(frame(CLOSE))
    assert client.take_close() == (1005, "")
    assert client.is_ended()


def test_nothing_after_close(client):
    client.send(frame(TEXT, "one") + close_frame() + frame(TEXT, "two")
                + frame(PING))
    assert client.take_message(TEXT) == b"one"
    assert client.take_close() == (1000, "")
    assert client.is_ended() and client.buffer == b""


def test_close_inside_a_message(client):
    client.send(frame(TEXT, "half", fin=False) + close_frame())
    assert client.take_close() == (1000, "")


def test_our_close_is_not_answered(shared):
    """A client that never answers a close frame is cut off."""
    with Client(shared, "rude") as client:
        shared.api("POST", "/gateway/disconnect",
                   {"target_client_id": "rude"})
        assert client.take_close()[0] == 4002
        client.send(frame(TEXT, "I go on"))
        assert client.is_ended()
    wait_until(lambda: shared.connections() == 0)
    assert shared.metric("closes_total", cause="kicked") >= 1


# ---- permessage-deflate


def deflate(data, level=6, bits=15):
    packer = zlib.compressobj(level, zlib.DEFLATED, -bits)
    packed = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert packed.endswith(b"\0\0\xff\xff")
    return packed[:-4]


def inflate(data):
    return zlib.decompressobj(-15).decompress(data + b"\0\0\xff\xff")


@pytest.fixture
def packed(shared):
    with Client(shared, headers=(DEFLATE,)) as one:
        assert "permessage-deflate" in one.headers["sec-websocket-extensions"]
        yield one


def test_deflated_both_ways(packed):
    text = b"a message that repeats itself, " * 100
    for _ in range(3):  # no context is kept
        packed.send(frame(TEXT, deflate(text), rsv=RSV1))
        first, payload = packed.take_frame()
        assert first == FIN | RSV1 | TEXT
        assert inflate(payload) == text
        assert len(payload) < len(text) / 4


def test_not_deflated_is_allowed(packed):
    packed.send(frame(TEXT, "plain"))
    assert packed.take_frame() == (FIN | TEXT, b"plain")


@pytest.mark.parametrize("data", [b"", b"x", b"\x00" * 65536,
                                  bytes(range(256)) * 64],
                         ids=["empty", "short", "zeros", "all"])
@pytest.mark.parametrize("level", [0, 1, 9])
def test_deflated_contents(packed, data, level):
    packed.send(frame(BINARY, deflate(data, level), rsv=RSV1))
    first, payload = packed.take_frame()
    assert (inflate(payload) if first & RSV1 else payload) == data


def test_deflated_in_fragments(packed):
    text = b"fragments of compressed data " * 50
    data = deflate(text)
    packed.send(frame(TEXT, data[:7], fin=False, rsv=RSV1)
                + frame(PING, b"?") + frame(CONT, data[7:20], fin=False)
                + frame(CONT, data[20:]))
    assert packed.take_frame() == (FIN | PONG, b"?")
    first, payload = packed.take_frame()
    assert first == FIN | RSV1 | TEXT and inflate(payload) == text


def test_deflated_byte_by_byte(packed):
    text = b"slow and small " * 10
    for byte in frame(TEXT, deflate(text), rsv=RSV1):
        packed.send(bytes([byte]))
    first, payload = packed.take_frame()
    assert (inflate(payload) if first & RSV1 else payload) == text


def test_small_window(shared):
    """server_max_window_bits is kept."""
    offer = DEFLATE + "; server_max_window_bits=9"
    with Client(shared, headers=(offer,)) as client:
        text = bytes(range(256)) * 8
        client.send(frame(BINARY, deflate(text), rsv=RSV1))
        first, payload = client.take_frame()
        if first & RSV1:
            payload = zlib.decompressobj(-9).decompress(
                payload + b"\0\0\xff\xff")
        assert payload == text


@pytest.mark.parametrize("data, code", [
    (frame(TEXT, b"\xff\xff\xff\xff", rsv=RSV1), 1007),
    (frame(TEXT, deflate(b"\xff\xfe"), rsv=RSV1), 1007),
    (frame(BINARY, deflate(bytes(1 << 20)), rsv=RSV1), 1009),
    (frame(BINARY, deflate(bytes(100 << 20), 9), rsv=RSV1), 1009),
    (frame(TEXT, b"x", fin=False) + frame(CONT, b"x", rsv=RSV1), 1002),
], ids=["broken", "not UTF-8", "too big", "bomb", "RSV1 in a fragment"])
def test_deflate_failures(packed, data, code):
    """A bomb is noticed while it is inflated."""
    packed.send(data)
    assert_failed(packed, code)
