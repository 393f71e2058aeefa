# SPDX-License-Identifier: ISC
"""The reference client, holdfast.js, in Node.js and in a browser."""
import json
import queue
import subprocess
import threading

import pytest

from node import PATIENCE, ROOT, ask
from test_browser import browse  # pylint: disable=unused-import
from wire import Client

pytestmark = pytest.mark.pace

SCRIPT = ROOT / "worker/gateway/client/holdfast.js"
HERE = ROOT / "tests/integration"


class Script:
    """A reference client in a process of its own."""

    def __init__(self, url, **options):
        self.told = queue.Queue()
        self.process = subprocess.Popen(
            ["node", HERE / "client_run.js", SCRIPT, url,
             json.dumps({"base": 50, "cap": 400, **options})],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.told.put(json.loads(line))

    def next(self, kind):
        event = self.told.get(timeout=20 * PATIENCE)
        assert event.pop("kind") == kind, event
        return event

    def send(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(20 * PATIENCE) == 0
        self.thread.join()
        self.process.stdout.close()


@pytest.fixture
def script():
    open_ones = []

    def begin(url, **options):
        open_ones.append(Script(url, **options))
        return open_ones[-1]

    yield begin
    for one in open_ones:
        one.close()


@pytest.mark.parametrize("name, count", [("rules", 16), ("misuse", 6),
                                         ("types", 3)])
def test_rules(name, count):
    done = subprocess.run(["node", HERE / f"client_{name}.js", SCRIPT,
                           SCRIPT.with_suffix(".d.ts")],
                          capture_output=True, text=True,
                          timeout=60 * PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f"{count} rules\n"


def test_served(node):
    for name, kind in (("holdfast.js", "text/javascript"),
                       ("holdfast.d.ts", "text/plain")):
        answer = ask(node.port, "GET", "/" + name)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.text == (SCRIPT.parent / name).read_text()
    assert ask(node.port, "GET", "/holdfast.jsx").status == 404


def test_worker_dies(node, script):
    client = script(node.url("js"))
    assert client.next("open")["attempt"] == 0
    client.send("one")
    assert client.next("message")["data"] == "one"
    node.kill_tenant()
    client.send("two")
    assert client.next("message")["data"] == "two"


def test_drain(node, script):
    client = script(node.url("js"), stable=0)
    client.next("open")
    node.ctl("drain")
    closed = client.next("close")
    assert closed["code"] == 1012
    retry = client.next("retry")
    assert retry["cause"] == "hint"
    assert closed["reason"] == f"reconnect_ms={retry['delay']}"


def test_node_is_gone_and_comes_back(start, script):
    node = start()
    client = script(node.url("js"))
    client.next("open")
    node.configure({"listen": [{"address": "127.0.0.1", "port": node.port}]})
    node.stop()
    closed = client.next("close")
    assert closed["code"] == 1001
    client.next("retry")
    node.start()
    while True:
        event = client.told.get(timeout=20 * PATIENCE)
        if event["kind"] == "open":
            break
        assert event["kind"] == "retry"
        # A node that stops or starts may have said how long to wait.
        assert event["cause"] == "retry_after" or event["delay"] <= 480
    client.send("back")
    assert client.next("message")["data"] == "back"


def test_full_node(start, script):
    node = start({"node.capacity": 1})
    with Client(node, "first"):
        client = script(node.url("js"))
        retry = client.next("retry")
        health = ask(node.port, "GET", "/healthz")
        assert health.status == 503
        assert retry["cause"] == "retry_after", (retry, health.text)
        assert retry["delay"] >= 1000


PAGE = """<!doctype html><title>holdfast</title>
<script src="%(script)s"></script><script>
const tell = (kind) => (event) => fetch("/told", {method: "POST",
    body: JSON.stringify({kind, data: event.data, delay: event.delay,
        cause: event.cause, reason: event.reason})});
const client = new Holdfast("%(url)s", {base: 50, cap: 400, stable: 0});
for (const kind of ["close", "retry", "end"])
    client["on" + kind] = tell(kind);
client.onmessage = tell("message");
client.onopen = () => client.send("h\\u00e9llo");
</script>"""


def test_browser(node, browse, monkeypatch):  # noqa: F811
    monkeypatch.setattr("test_browser.PAGE", PAGE.replace(
        "%(script)s", f"http://127.0.0.1:{node.port}/holdfast.js"))
    page = browse(node.url("page"))
    assert page.next() == {"kind": "message", "data": "h\u00e9llo"}
    node.ctl("drain")
    told = {}
    while len(told) < 2:
        event = page.next()
        told.setdefault(event["kind"], event)
    assert told["retry"]["cause"] == "hint"
    assert told["close"]["reason"] == \
        f"reconnect_ms={told['retry']['delay']}"


def test_browser_is_refused(start, browse, monkeypatch):  # noqa: F811
    """The page cannot see the 503, and comes back as /healthz says."""
    node = start({"node.capacity": 1})
    monkeypatch.setattr("test_browser.PAGE", PAGE.replace(
        '<script src="%(script)s"></script>',
        "<script>" + SCRIPT.read_text().replace("%", "%%") + "</script>"))
    with Client(node, "first"):
        page = browse(node.url("page"))
        retry = page.next()
        assert retry["kind"] == "retry"
        assert retry["cause"] == "retry_after" and retry["delay"] >= 1000
