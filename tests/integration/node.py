# SPDX-License-Identifier: ISC
"""A standalone node for one test, and the questions that tests ask it.

Each node lives in a temporary folder of its own, on ports that the kernel
chose; it is asked for readiness, never slept for.  close() ends it and says
what it left behind.
"""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import process

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("HOLDFAST_BUILD", ROOT / "build"))
FAULTS = pathlib.Path(os.environ.get("HOLDFAST_FAULTS_BUILD",
                                     ROOT / "build/faults"))
# The same version of holdfast with another layout of the tables; the one with
# the faults knows it.
OLDER = pathlib.Path(os.environ.get("HOLDFAST_OLDER_BUILD",
                                    ROOT / "build/older"))

DEFAULTS = {
    "node.id": "test", "node.user": "", "node.workers": 1,
    "node.pin_cpus": False, "node.capacity": 16000,
    "listen": [{"address": "127.0.0.1", "port": 0}],
    "upstream.mode": "echo", "api.port": 0, "admin.port": 0,
    "admission.handshakes_per_second": 0,
    "drain.window": "1s", "drain.lb_wait": "0", "drain.lease_wait": "0",
}

# Sanitizers report in many ways, but always with one of these.
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error:")


def is_sanitized(build=BUILD):
    try:
        return b"__asan_init" in (build / "holdfastd").read_bytes()
    except OSError:
        return False


# Counts are divided by it: a sanitized node on a shared CPU is slow.
SLOW = 4 if is_sanitized() else 1

# Deadlines are multiplied by it: a test that runs beside others waits for
# their work as well.  What lasts longest when nothing is wrong says nothing.
PATIENCE = SLOW * (4 if "PYTEST_XDIST_WORKER" in os.environ else 1)

# `make test-long': try everything, however long it takes.
LONG = os.environ.get("HOLDFAST_LONG", "0") not in ("", "0")


class Late(AssertionError):
    """Something was not to be seen in time."""


def wait_until(fact, seconds=10, what=None):
    """Return fact() as soon as it is true; fail after seconds."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        found = fact()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Late(f"after {seconds} s still waiting for "
                       + (what or getattr(fact, "__doc__", None)
                          or "a fact"))
        time.sleep(0.005)


def listening(*ports):
    """The sockets (their inodes) that listen on these ports.  By another
    inode, somebody else has got the port."""
    lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return {each[9] for each in fields
            if each[3] == "0A" and int(each[1].split(":")[1], 16) in ports}


def conf_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + " ".join(f"{k} = {conf_value(v)};"
                               for k, v in value.items()) + " }"
    if isinstance(value, list):
        if value and isinstance(value[0], dict):
            return "( " + ", ".join(map(conf_value, value)) + " )"
        return "[ " + ", ".join(map(conf_value, value)) + " ]"
    return str(value) if isinstance(value, int) else json.dumps(value)


def conf_text(settings):
    """{"node.id": "x"} -> the text of a configuration file."""
    groups = {}
    for key, value in settings.items():
        group, _, name = key.partition(".")
        if name:
            groups.setdefault(group, {})[name] = value
        else:
            groups[group] = value
    return "".join(f"{name} = {conf_value(value)};\n"
                   for name, value in groups.items())


class ControlError(Exception):
    """What the control socket refused: the whole answer is args[0]."""


class Answer:
    """An HTTP answer: status, headers (lower case) and body."""

    def __init__(self, raw):
        self.status = raw.status
        self.headers = {k.lower(): v for k, v in raw.getheaders()}
        self.text = raw.read().decode()

    def json(self):
        return json.loads(self.text)


def ask(port, method, path, body=None, headers=None, seconds=10):
    """One HTTP request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port,
                                            timeout=seconds * PATIENCE)
    try:
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        connection.request(method, path, body, headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


class Node:
    """holdfastd and all that it starts."""

    def __init__(self, settings=None, build=BUILD, prefix=(), env=None,
                 pass_fds=()):
        self.build = build
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-test-"))
        self.run_dir = self.dir / "run"
        self.conf_path = self.dir / "holdfast.conf"
        self.settings = {**DEFAULTS, "node.run_dir": str(self.run_dir),
                         "node.state_dir": str(self.dir / "state")}
        self.configure(settings or {})
        self.prefix = list(prefix)
        self.env = env or {}
        self.pass_fds = pass_fds
        self.process = None
        self.port = self.api_port = self.admin_port = None
        self.agent_port = None
        self.sockets = None  # that listened when the end began
        # what a test expects and its teardown must not complain about
        self.expects_errors = False
        self.expected_exit = 0

    def configure(self, settings):
        """Write the configuration file with these keys changed."""
        self.settings.update(settings)
        self.conf_path.write_text(conf_text(self.settings))

    def spawn(self):
        self.sockets = None
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, self.build / "holdfastd", "-c",
                 self.conf_path], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env={**os.environ, **self.env}, cwd=self.dir,
                pass_fds=self.pass_fds)

    def start(self):
        self.spawn()
        self.wait_ready()
        return self

    def wait_ready(self):
        wait_until(self.is_ready, 20, "the node to be ready")
        for item in self.control("status")["listeners"]:
            if item["for"] == "clients" and self.port is None:
                self.port = item["port"]

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"holdfastd ended:\n{self.log()}")
        try:
            for item in self.control("status")["listeners"]:
                if item["for"] == "admin":
                    self.admin_port = item["port"]
                elif item["for"] == "api":
                    self.api_port = item["port"]
                elif item["for"] == "agent":
                    self.agent_port = item["port"]
            return self.admin("/readyz").status == 200
        except OSError:
            return False

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return (self.dir / "log").read_text(errors="replace")

    # ---- questions

    def url(self, client_id=None, path="/ws", **query):
        if client_id is not None:
            query["client_id"] = client_id
        text = "&".join(f"{k}={v}" for k, v in query.items())
        return f"ws://127.0.0.1:{self.port}{path}" + (text and "?" + text)

    def api(self, method, path, body=None, headers=None, seconds=10):
        return ask(self.api_port, method, "/api/v1" + path, body, headers,
                   seconds)

    def dispatch(self, client, number=1, **more):
        """The body of a dispatch, as bytes, and its answer."""
        body = json.dumps({"target_client_id": client,
                           "message_id": f"m{number}", "event_type": "test",
                           "payload": {"number": number, **more}}).encode()
        return body, self.api("POST", "/gateway/dispatch", body)

    def admin(self, path, method="GET"):
        return ask(self.admin_port, method, path)

    def metrics(self):
        """[(name, labels, value)]"""
        found = []
        for line in self.admin("/metrics").text.splitlines():
            if line.startswith("#"):
                continue
            match = re.fullmatch(r"holdfast_(\w+)(?:\{(.*)\})? (\S+)", line)
            labels = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
            found.append((match[1], labels, float(match[3])))
        return found

    def metric(self, name, **labels):
        """The sum of a metric's samples that have these labels."""
        values = [value for key, have, value in self.metrics()
                  if key == name and labels.items() <= have.items()]
        assert values, f"no metric {name} {labels}"
        return sum(values)

    def wait_metric(self, value, name, **labels):
        """What is counted is often counted after a client could see it."""
        wait_until(lambda: self.metric(name, **labels) == value, 10,
                   f"{name} {labels} to be {value}")

    def control(self, command, seconds=10, **args):
        """A command on the control socket; the result, or ControlError."""
        for line in self.control_lines(command, seconds, **args):
            if "ok" in line:
                if not line["ok"]:
                    raise ControlError(line)
                return line["result"]
        raise AssertionError(f"no answer to {command}")

    def control_lines(self, command, seconds=10, **args):
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(seconds * PATIENCE)
            stream.connect(str(self.run_dir / "control.sock"))
            stream.sendall(json.dumps({"command": command, **args}).encode()
                           + b"\n")
            with stream.makefile() as lines:
                for line in lines:
                    yield json.loads(line)

    def ctl(self, *args, seconds=20, check=True):
        """Run holdfastctl; a CompletedProcess with text."""
        done = subprocess.run(
            [self.build / "holdfastctl", "-s", self.run_dir / "control.sock",
             *map(str, args)], stdin=subprocess.DEVNULL, text=True,
            capture_output=True, timeout=seconds * PATIENCE, check=False)
        if check:
            assert done.returncode == 0, (done.stdout, done.stderr)
        return done

    def workers(self, kind="gateway"):
        return [worker for worker in self.control("workers")["workers"]
                if worker["kind"] == kind]

    def tenants(self, kind="gateway"):
        return [worker["tenant_pid"] for worker in self.workers(kind)]

    def keepers(self, kind="gateway"):
        return [worker["keeper_pid"] for worker in self.workers(kind)]

    def tenant(self):
        pid, = self.tenants()
        return pid

    def open_count(self):
        return self.metric("connections", state="open")

    def connections(self):
        return self.metric("connections")

    def restarts(self, cause):
        return self.metric("worker_restarts_total", cause=cause)

    # ---- deeds

    def wait_served(self, number, slot=0):
        """Wait until so many tenants have served in the slot in all."""
        def fact():
            worker = self.workers()[slot]
            return (worker["generation"] >= number
                    and worker["tenant_state"] == "serving"
                    and process.is_alive(worker["tenant_pid"]) and worker)
        return wait_until(fact, 15, f"tenant number {number}")

    def kill_supervisor(self):
        """It alone: its workers serve on, start() takes them over."""
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait()

    def kill_one(self, kind, turn):
        """Another tenant of that kind each turn, if it is there by now."""
        pids = [pid for pid in self.tenants(kind) if pid]
        if pids:
            try:
                os.kill(pids[turn % len(pids)], signal.SIGKILL)
            except ProcessLookupError:
                pass

    def kill_tenant(self, signo=signal.SIGKILL, slot=0):
        """Signal the slot's tenant and wait for the next one."""
        worker = self.workers()[slot]
        os.kill(worker["tenant_pid"], signo)
        return self.wait_served(worker["generation"] + 1, slot)

    def stop(self, signo=signal.SIGINT, seconds=15):
        """Signal the supervisor; its exit code."""
        self.process.send_signal(signo)
        return self.wait(seconds)

    def wait(self, seconds=15):
        return self.process.wait(seconds * PATIENCE)

    # ---- the end

    def begin_end(self):
        """So that many end at the same time."""
        if self.process is None or self.sockets is not None:
            return
        self.sockets = listening(self.port, self.api_port, self.admin_port)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)

    def close(self):
        """End the node; a list of complaints."""
        complaints = []
        if self.process is not None:
            self.begin_end()
            try:
                self.process.wait(15 * PATIENCE)
            except subprocess.TimeoutExpired:
                complaints.append("holdfastd does not stop")
                self.process.kill()
                self.process.wait()
            if self.process.returncode != self.expected_exit:
                complaints.append(f"exit code {self.process.returncode}")
            complaints += self.leftover_sockets()
            complaints += self.bad_lines()
        return complaints

    def leftover_sockets(self):
        for name in ("control.sock", "holdfastd.pid", "supervisor.sock",
                     "slots", "settings"):
            if self.expected_exit == 0 and (self.run_dir / name).exists():
                yield f"{name} is left"
        if not self.pass_fds and not self.are_closed():
            yield "a port is still open"

    def are_closed(self):
        """The sockets of all that have ended, killed ones as well: the kernel
        needs a moment, the longer when some were on their way."""
        deadline = time.monotonic() + 2 * PATIENCE
        while self.sockets & listening(self.port, self.api_port,
                                       self.admin_port):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def bad_lines(self):
        for line in self.log().splitlines():
            if SANITIZER.search(line):
                yield line
            elif "level=error" in line and not self.expects_errors:
                yield line

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)


def share(settings=None, expects_errors=False, **more):
    """The body of a fixture: one node for all tests of a file."""
    one = Node(settings, **more).start()
    one.expects_errors = expects_errors
    process.shared.add(one.pid)
    yield one
    process.shared.discard(one.pid)
    complaints = one.close() + process.reap_leftovers()
    one.remove()
    assert not complaints, "\n".join(complaints)
