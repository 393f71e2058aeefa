# SPDX-License-Identifier: ISC
"""A browser that nobody here wrote: headless Chromium opens the WebSocket."""
import http.server
import json
import queue
import shutil
import subprocess
import tempfile
import threading

import pytest

from node import PATIENCE, wait_until

PAGE = """<!doctype html><title>holdfast</title><script>
const told = [];
const tell = (what) => fetch("/told", {method: "POST",
    body: JSON.stringify(what)});
const ws = new WebSocket("%(url)s", ["holdfast.v1"]);
ws.binaryType = "arraybuffer";
ws.onopen = () => { ws.send("h\\u00e9llo"); };
ws.onmessage = async (event) => {
    if (event.data instanceof ArrayBuffer) {
        const view = new Uint8Array(event.data);
        await tell({kind: "binary", size: view.length, last: view.at(-1)});
        return;
    }
    await tell({kind: "text", text: event.data, protocol: ws.protocol,
        extensions: ws.extensions});
    if (event.data === "h\\u00e9llo")
        ws.send(new Uint8Array(100000).fill(7));
};
ws.onclose = (event) => tell({kind: "close", code: event.code,
    reason: event.reason, clean: event.wasClean});
</script>"""

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--no-proxy-server"]


class Page:
    """An HTTP server with one page, and what the page has told it."""

    def __init__(self, url):
        self.told = queue.Queue()
        page = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, body):
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.answer((PAGE % {"url": url}).encode())

            def do_POST(self):
                size = int(self.headers["Content-Length"])
                page.told.put(json.loads(self.rfile.read(size)))
                self.answer(b"")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def next(self):
        return self.told.get(timeout=30 * PATIENCE)

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def browse():
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not installed")
    open_ones = []

    def visit(url):
        page = Page(url)
        folder = tempfile.mkdtemp(prefix="holdfast-browser-")
        browser = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={folder}",
             "--remote-debugging-port=0", page.address],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        open_ones.append((page, folder, browser))
        return page

    yield visit
    for page, folder, browser in open_ones:
        browser.terminate()
        browser.wait(20)
        page.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_browser(node, browse):
    page = browse(node.url("browser"))
    first = page.next()
    assert first["kind"] == "text" and first["text"] == "h\u00e9llo"
    assert first["protocol"] == "holdfast.v1"
    assert first["extensions"].startswith("permessage-deflate")
    assert page.next() == {"kind": "binary", "size": 100000, "last": 7}
    body, answer = node.dispatch("browser", 5)
    assert answer.json()["status"] == "delivered"
    assert page.next()["text"] == body.decode()
    # The worker's death is nothing that a page could see.
    node.kill_tenant()
    body, _ = node.dispatch("browser", 6)
    assert page.next()["text"] == body.decode()
    assert node.api("POST", "/gateway/disconnect", {
        "target_client_id": "browser", "reason": "enough"}).status == 200
    assert page.next() == {"kind": "close", "code": 4002,
                           "reason": "enough", "clean": True}
    wait_until(lambda: node.connections() == 0)


def test_browser_sees_a_drain(node, browse):
    page = browse(node.url("browser"))
    assert page.next()["kind"] == "text"
    assert page.next()["kind"] == "binary"
    node.ctl("drain")
    last = page.next()
    assert last["kind"] == "close" and last["code"] == 1012
    assert last["reason"].startswith("reconnect_ms=") and last["clean"]


def test_browser_of_a_foreign_origin(start, browse):
    node = start({"websocket.origins": ["https://good.test"]})
    page = browse(node.url("browser"))
    assert page.next() == {"kind": "close", "code": 1006, "reason": "",
                           "clean": False}
    node.wait_metric(1, "handshakes_total", result="forbidden")
