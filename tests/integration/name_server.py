# SPDX-License-Identifier: ISC
"""Name servers for one test, and the way to have a node ask them."""
import socket
import subprocess
import threading


def can_mount():
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True,
                          check=False).returncode == 0


class NameServer:
    """Says 127.0.0.1 to whoever asks; a silent one says nothing."""

    def __init__(self, is_silent=False):
        self.is_silent = is_silent
        self.questions = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            question, sender = self.socket.recvfrom(512)
            if not question:
                return
            self.questions += 1
            if not self.is_silent:
                self.socket.sendto(self.answer(question), sender)

    @staticmethod
    def answer(question):
        """RFC 1035: the question again, and for an A one answer to it."""
        end = question.index(b"\0", 12) + 5
        is_a = question[end - 4:end - 2] == b"\0\1"
        head = question[:2] + b"\x81\x80" + bytes([0, 1, 0, is_a, 0, 0, 0, 0])
        record = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x7f\0\0\1"
        return head + question[12:end] + (record if is_a else b"")

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join()
        self.socket.close()


def prefix(folder, *servers):
    """What runs a program that asks these, in turn."""
    conf = folder / "resolv.conf"
    conf.write_text("".join(f"nameserver 127.0.0.1:{server.port}\n"
                            for server in servers))
    return ["unshare", "--mount", "sh", "-c",
            f"mount --bind {conf} /etc/resolv.conf && exec \"$@\"", "sh"]
