# SPDX-License-Identifier: ISC
"""Runs ws_load, the clients that count every message (tests/bench)."""
import json
import signal
import subprocess
import threading

from node import BUILD, PATIENCE


class Load:
    """with Load(node, "sequence", "-c", 100) as load: ...; load.result"""

    def __init__(self, node, mode, *args):
        self.node = node
        self.command = [BUILD / "bench/ws_load", mode, "-a",
                        f"127.0.0.1:{node.port}", "--json", "--brief",
                        *map(str, args)]
        self.process = None
        self.result = None
        self.opened = self.refused = 0
        self.errors = []

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        return self

    def wait_ready(self):
        for line in self.process.stderr:
            words = line.split()
            if words[:1] == ["ready"]:
                self.opened, self.refused = map(int, words[1:])
                # Somebody must read the rest, or the load stands still.
                threading.Thread(target=self.errors.extend, daemon=True,
                                 args=(self.process.stderr,)).start()
                return self.opened
            self.errors.append(line)
        raise AssertionError(f"ws_load: {self.errors}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self, seconds=60):
        if self.result is None:
            text = self.process.stdout.read()
            self.process.wait(seconds * PATIENCE)
            self.result = json.loads(text)
        return self.result

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
            return
        self.process.kill()
        self.process.wait()

    def assert_whole(self):
        """Nobody noticed anything."""
        bad = {key: self.result[key] for key in (
            "severed", "closed", "refused", "connect_errors", "lost",
            "duplicated", "out_of_order", "corrupt", "protocol_errors",
            "bad_accepts") if self.result[key]}
        assert not bad, bad
        assert self.result["live"] == self.result["connections"]
        assert self.result["received"] > 0
