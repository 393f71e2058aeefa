# SPDX-License-Identifier: ISC
"""A WebSocket client that can misbehave: blocking sockets, raw frames."""
import base64
import hashlib
import os
import select
import socket
import struct
import time

from node import PATIENCE, SLOW

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN, RSV1 = 0x80, 0x40
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"


def accept_key(key=KEY):
    return base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()


def mask(payload, key):
    if key == b"\0\0\0\0":
        return payload
    width = len(payload)
    keys = (key * (width // 4 + 1))[:width]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")
    return mixed.to_bytes(width, "big")


def frame(opcode, payload=b"", fin=True, rsv=0, key=None, masked=True):
    """The bytes of a client's frame."""
    if isinstance(payload, str):
        payload = payload.encode()
    size = len(payload)
    first = (FIN if fin else 0) | rsv | opcode
    bit = 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", first, bit | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    if not masked:
        return head + payload
    key = os.urandom(4) if key is None else key
    return head + key + mask(payload, key)


def close_frame(code=1000, reason=b""):
    return frame(CLOSE, struct.pack("!H", code) + reason)


def request(path="/ws", headers=(), drop=(), host="localhost",
            version="HTTP/1.1", method="GET"):
    """The bytes of an opening request; drop: names of headers to leave out."""
    lines = [f"{method} {path} {version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    for line in ("Upgrade: websocket", "Connection: Upgrade",
                 f"Sec-WebSocket-Key: {KEY.decode()}",
                 "Sec-WebSocket-Version: 13"):
        if line.partition(":")[0].lower() not in drop:
            lines.append(line)
    lines += headers
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


class Closed(Exception):
    """The server has ended the connection."""


class Raw:
    """A TCP connection to the client port."""

    def __init__(self, node, source=None, rcvbuf=None, port=None,
                 host="127.0.0.1"):
        self.socket = socket.socket()
        self.socket.settimeout(10 * PATIENCE)
        if rcvbuf:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                   rcvbuf)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((host, port or node.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.status = None
        self.headers = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def fill(self):
        try:
            part = self.socket.recv(1 << 18)
        except ConnectionResetError:
            part = b""
        if not part:
            raise Closed
        self.buffer += part

    def take(self, size):
        while len(self.buffer) < size:
            self.fill()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def take_head(self):
        """Read an HTTP answer's head; its status."""
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            before = self.headers.get(name.lower())
            self.headers[name.lower()] = (before + ", " if before else
                                          "") + value.strip()
        return self.status

    def take_body(self):
        return self.take(int(self.headers["content-length"])).decode()

    def take_frame(self):
        """(first byte, payload) of the next frame."""
        first, size = self.take(2)
        assert not size & 0x80, "a server must not mask"
        if size == 126:
            size, = struct.unpack("!H", self.take(2))
        elif size == 127:
            size, = struct.unpack("!Q", self.take(8))
        return first, self.take(size)

    def is_quiet(self, seconds=0.1):
        """Nothing comes for so long."""
        if self.buffer:
            return False
        return not select.select([self.socket], [], [], seconds)[0]

    def is_ended(self):
        """The server has sent FIN or reset; waits for that."""
        try:
            while True:
                self.fill()
        except Closed:
            return True
        except socket.timeout:
            return False


class Client(Raw):
    """A Raw connection after the opening handshake."""

    def __init__(self, node, client_id=None, headers=(), path="/ws",
                 query="", **more):
        super().__init__(node, **more)
        if client_id is not None:
            query = f"client_id={client_id}" + (query and "&" + query)
        self.send(request(path + (query and "?" + query), headers))
        self.take_head()
        if self.status != 101:
            body = self.take_body()
            self.close()
            raise Refused(self.status, self.headers, body)

    def send_text(self, text):
        self.send(frame(TEXT, text))

    def take_answer(self):
        """The next frame that is no ping; those are answered."""
        while True:
            first, payload = self.take_frame()
            if first & 0x0f != PING:
                return first, payload
            self.send(frame(PONG, payload))

    def take_message(self, opcode=None):
        """The next data message; pings are answered on the way."""
        first, payload = self.take_answer()
        assert first & 0x0f in (TEXT, BINARY), (first, payload)
        if opcode is not None:
            assert first & 0x0f == opcode
        return payload

    def echo(self, text):
        self.send_text(text)
        return self.take_message(TEXT).decode() == text

    def take_close(self):
        """(code, reason) of the close frame that must come next."""
        while True:
            first, payload = self.take_frame()
            if first & 0x0f == CLOSE:
                break
            assert first & 0x0f in (PING, PONG), (first, payload[:100])
        assert first == FIN | CLOSE
        if not payload:
            return 1005, ""
        return struct.unpack("!H", payload[:2])[0], payload[2:].decode()

    def finish(self, code=1000):
        """The whole close handshake, begun here."""
        self.send(close_frame(code))
        answer = self.take_close()
        assert self.is_ended()
        self.close()
        return answer


class Refused(Exception):
    """args: status, headers, body"""


def elapsed(begun):
    return (time.monotonic() - begun) / SLOW
