# SPDX-License-Identifier: ISC
"""Stands between nodes and a Redis, and makes it as slow as a busy one."""
import socket
import threading
import time

PIECE = 512  # of what has a rate
CHUNK = 1 << 20


class Proxy:
    """delay: seconds that each piece of a reply is late; rate: bytes of replies
    a second on each connection, 0: any number."""

    def __init__(self, redis):
        self.redis = redis
        self.delay = 0
        self.rate = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.accepted = 0
        self.sockets = []
        self.start(self.serve)

    @staticmethod
    def start(what, *args):
        threading.Thread(target=what, args=args, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
                server = socket.create_connection(
                    ("127.0.0.1", self.redis.port))
            except OSError:
                return
            self.accepted += 1
            self.sockets += [client, server]
            self.start(self.copy, client, server, False)
            self.start(self.copy, server, client, True)

    def copy(self, source, target, is_reply):
        try:
            while data := source.recv(
                    PIECE if is_reply and self.rate else CHUNK):
                if is_reply:
                    time.sleep(self.delay + (
                        len(data) / self.rate if self.rate else 0))
                target.sendall(data)
        except OSError:
            pass
        self.end(source)
        self.end(target)

    @staticmethod
    def end(peer):
        try:
            peer.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        self.end(self.socket)
        self.socket.close()
        for peer in self.sockets:
            self.end(peer)
            peer.close()
