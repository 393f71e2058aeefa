#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A fleet on this machine, to look at and to break: redis-server, three
nodes, and HAProxy, which terminates TLS in front of them.

`make fleet' runs it.  All of it listens on loopback, from one port number on,
and lives in one folder that is removed at the end.  Interrupted (or told to
end), it stops what it has started; what somebody else has killed is started
again after a while.
"""
import argparse
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/integration"))
# pylint: disable=wrong-import-position
import process  # noqa: E402
from haproxy_conf import haproxy_conf  # noqa: E402

NODES = 3
# Of each node, from its tens on; Redis and HAProxy have the ones before.
CLIENTS, API, ADMIN, PEER, AGENT = range(5)
BACK_S = 15
LB_WAIT_S = 3
WINDOW_S = 5

NODE_CONF = """\
node = {{ id = "{name}"; run_dir = "{dir}/run"; state_dir = "{dir}/state";
         user = ""; workers = 2; pin_cpus = false; capacity = 5000; }};
listen = ( {{ address = "{address}"; port = {clients}; }} );
auth = {{ mode = "none"; trusted_proxies = ( "127.0.0.0/8" ); }};
upstream = {{ mode = "echo"; }};
api = {{ address = "{address}"; port = {api}; }};
admin = {{ address = "{address}"; port = {admin}; }};
agent = {{ enabled = true; address = "{address}"; port = {agent}; }};
peer = {{ address = "{address}"; port = {peer}; }};
redis = {{ url = "redis://{address}:{redis}/0"; }};
membership = {{ lease = "2s"; leader_lease = "2s"; }};
storm = {{ min_window = "10s"; }};
drain = {{ window = "{window}s"; lb_wait = "{lb_wait}s"; lease_wait = "5s"; }};
log = {{ target = "{dir}/log"; }};
"""

TEXT = """
A fleet of {count} nodes on this machine, in {dir}

  clients   wss://{address}:{front}/ws?client_id=alice   (self-signed)
  API       http://{address}:{api}/api/v1/   ... the same on each node
  Redis     redis-cli -h {address} -p {redis}

In another terminal:

  # 30 clients, which print what they get and when they are closed
  /usr/bin/python3 {here}/clients.py wss://{address}:{front}/ws \\
    {dir}/front.pem

In a third one:

  # the fleet as its nodes see it
  export HOLDFAST_SOCKET={dir}/n1/run/control.sock
  {ctl} nodes
  {ctl} fleet
  {ctl} top

  # a message to one of them by way of any node
  redis-cli -h {address} -p {redis} get user-route:alice
  {ctl} where alice
  curl -s http://{address}:{api}/api/v1/gateway/dispatch -d '{{
    "target_client_id": "alice", "message_id": "m-1",
    "event_type": "greeting", "payload": {{"text": "hello"}}}}'

  # kill the workers of a node: nobody is severed
  {ctl} workers | awk 'NR > 1 {{ print $6 }}' | xargs kill -9
  # replace its programs under its clients: nobody is severed
  {ctl} upgrade --wait
  # kill Redis: nobody is severed, the nodes find that it is an outage, and
  # serve on; it is back, empty, after {back} s, and they write all of it anew
  kill -9 $(redis-cli -h {address} -p {redis} info server |
    sed -n 's/^process_id:\\([0-9]*\\).*/\\1/p')
  sleep 5; {ctl} fleet
  sleep {back}; {ctl} fleet
  # drain it: after {lb_wait} s, in which HAProxy notices, its clients are
  # closed over {window} s and open anew on the others, where they stay;
  # undrained, it takes those that come from then on
  {ctl} drain --plan
  {ctl} drain --wait && {ctl} undrain
  # take the power from another: supervisor, keepers and tenants at once.  Its
  # routes are purged, its clients are back within the storm window, and it
  # is back after {back} s.
  kill -9 $(cat {dir}/n2/run/holdfastd.pid) \\
    $(HOLDFAST_SOCKET={dir}/n2/run/control.sock {ctl} workers |
      awk 'NR > 1 {{ print $5, $6 }}')
  {ctl} nodes
  {ctl} events

Interrupt ends it all.
"""


class Part:
    """A program that is there until the end: one that dies comes back, as
    its init would have it, but not at once."""

    def __init__(self, name, command, log, back_s, pid_file=None):
        self.name = name
        self.command = [str(word) for word in command]
        self.log = log
        self.back_s = back_s
        self.pid_file = pid_file
        self.process = None
        self.back_at = None
        self.start()

    def start(self):
        self.back_at = None
        with open(self.log, "ab") as out:
            # In a session of its own: the terminal's interrupt is for us.
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, start_new_session=True)

    def pid(self):
        """Of a supervisor that was upgraded, its successor's."""
        if self.process.poll() is None:
            return self.process.pid
        try:
            pid = int(self.pid_file.read_text())
        except (AttributeError, OSError, ValueError):
            return None
        return pid if process.is_alive(pid) and \
            process.program(pid) == "holdfastd" else None

    def look(self):
        if self.pid() is not None:
            return
        if self.back_at is None:
            print(f"{self.name} has died, back in {self.back_s} s", flush=True)
            self.back_at = time.monotonic() + self.back_s
        elif time.monotonic() > self.back_at:
            print(f"{self.name} is started again", flush=True)
            self.start()

    def tell_to_stop(self):
        # A node's workers live on without it: the next one ends them.
        if self.pid() is None and self.pid_file is not None:
            self.start()
            wait_for(lambda: self.pid_file.exists()
                     and str(self.process.pid) in self.pid_file.read_text())
        if self.pid() is not None:
            os.kill(self.pid(), signal.SIGINT if self.pid_file is not None
                    else signal.SIGTERM)

    def wait(self):
        if not wait_for(lambda: self.pid() is None):
            print(f"{self.name} does not end: killed", flush=True)
            os.kill(self.pid(), signal.SIGKILL)


def wait_for(fact, seconds=60):
    deadline = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Fleet:
    def __init__(self, build, folder, address, base, back_s):
        self.build = build
        self.dir = folder
        self.address = address
        self.redis = base
        self.front = base + 1
        self.base = base
        self.back_s = back_s
        self.parts = []

    def port(self, number, what):
        return self.base + 10 * number + what

    def conf(self, number):
        """Write the configuration of a node; its path."""
        folder = self.dir / f"n{number}"
        folder.mkdir()
        path = folder / "holdfast.conf"
        path.write_text(NODE_CONF.format(
            name=f"n{number}", dir=folder, address=self.address,
            redis=self.redis, window=WINDOW_S, lb_wait=LB_WAIT_S,
            clients=self.port(number, CLIENTS), api=self.port(number, API),
            admin=self.port(number, ADMIN), peer=self.port(number, PEER),
            agent=self.port(number, AGENT)))
        return path

    def start(self):
        self.parts.append(Part("redis-server", [
            "redis-server", "--port", self.redis, "--bind", self.address,
            "--save", "", "--dir", self.dir], self.dir / "redis.log",
            self.back_s))
        self.wait("redis-server", lambda: self.answers(
            self.redis, b"PING\r\n", b"+PONG"))
        for number in range(1, NODES + 1):
            path = self.conf(number)
            node = Part(f"node n{number}",
                        [self.build / "holdfastd", "-c", path],
                        path.parent / "log", self.back_s,
                        path.parent / "run/holdfastd.pid")
            self.parts.append(node)
        for number in range(1, NODES + 1):
            self.wait(f"node n{number}", lambda n=number: self.answers(
                self.port(n, AGENT), b"", b"ready up"))
        self.parts.append(Part("haproxy", ["haproxy", "-db", "-f",
                                           self.balancer()],
                               self.dir / "haproxy.log", self.back_s))
        self.wait("haproxy", lambda: self.answers(self.front, b"", None))

    def balancer(self):
        """The sample, with TLS; its path."""
        pem = self.dir / "front.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
             "-subj", f"/CN={self.address}", "-addext",
             f"subjectAltName=IP:{self.address}", "-keyout", pem, "-out",
             self.dir / "cert.pem"], check=True, stderr=subprocess.DEVNULL)
        with open(pem, "ab") as out:
            out.write((self.dir / "cert.pem").read_bytes())
        path = self.dir / "haproxy.cfg"
        path.write_text(haproxy_conf(
            [(f"{self.address}:{self.port(n, CLIENTS)}", self.port(n, ADMIN),
              self.port(n, AGENT)) for n in range(1, NODES + 1)],
            bind=f"{self.address}:{self.front} ssl crt {pem}"))
        return path

    def answers(self, port, question, wanted):
        """Whether the port says something that begins like that."""
        try:
            with socket.create_connection((self.address, port), 1) as stream:
                stream.settimeout(1)
                stream.sendall(question)
                return wanted is None or stream.recv(64).startswith(wanted)
        except OSError:
            return False

    def wait(self, what, fact):
        last = self.parts[-1]
        wait_for(lambda: fact() or last.pid() is None)
        if not fact():
            raise SystemExit(f"{what} does not start, see the logs in "
                             f"{self.dir}")

    def tell(self):
        print(TEXT.format(
            count=NODES, back=self.back_s, lb_wait=LB_WAIT_S, window=WINDOW_S,
            here=ROOT / "tests/fleet", dir=self.dir, address=self.address,
            front=self.front, redis=self.redis, api=self.port(1, API),
            ctl=self.build / "holdfastctl"), flush=True)

    def stop(self):
        # The nodes together; they say goodbye to Redis, which goes last.
        for part in reversed(self.parts[1:]):
            part.tell_to_stop()
        for part in reversed(self.parts[1:]):
            part.wait()
        for part in self.parts[:1]:
            part.tell_to_stop()
            part.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100,
                        help="the first of the ports")
    parser.add_argument("--back", type=int, default=BACK_S,
                        help="seconds until what has died is started again")
    args = parser.parse_args()
    for program in ("redis-server", "haproxy", "openssl"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not installed")
    ended = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.append(True))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-fleet-"))
    fleet = Fleet(args.build.resolve(), folder, args.address, args.port,
                  args.back)
    is_up = False
    try:
        fleet.start()
        is_up = True
        fleet.tell()
        while not ended:
            for part in fleet.parts:
                part.look()
            time.sleep(0.2)
    finally:
        fleet.stop()
        # What did not start has left the reason there.
        if is_up:
            shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
