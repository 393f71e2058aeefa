# SPDX-License-Identifier: ISC
"""Upgrades that are refused before anything has changed: the reason is in the
answer, the log and the events, and nobody notices anything."""
import concurrent.futures
import os
import signal
import subprocess

import pytest

import node as nodes
import process
from load import Load
from node import SLOW, ControlError, wait_until
from upgrading import Builds, Upgradable
from wire import Client

CONNECTIONS = 300 // SLOW

# A holdfastd that says it is ready: kind 2 bytes, then the protobuf.
TALKER = """#!/usr/bin/python3
import socket, sys, time
if "-n" in sys.argv:
    sys.exit(0)
peer = socket.socket(fileno=int(sys.argv[sys.argv.index("-U") + 1]))
offer = peer.recv(4096)
kind = int.from_bytes(offer[:2], "little")
{act}
time.sleep(60)
"""


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    return Builds(tmp_path_factory.mktemp("builds"))


@pytest.fixture
def node(start):
    return start({"node.workers": 2, "node.capacity": 2000},
                 kind=Upgradable)


def ready(protocol):
    """UpgradeReady as the real one encodes it, but for the protocol."""
    body = (b"\x08" + bytes([protocol]) + b"\x10\x01" + b"\x1a\x03new"
            + b"\x20\x80\x80\x10")
    return f"peer.send((kind + 1).to_bytes(2, 'little') + {body!r})"


def assert_refused(node, binary, error, words, seconds=40):
    """One upgrade under load that must not happen."""
    old, before = node.pid, node.tenants() + node.keepers()
    fds = process.count_fds(node.pid)
    count = node.metric("upgrades_total", result="refused")
    with Load(node, "sequence", "-c", CONNECTIONS, "-t", 0, "--interval-ms",
              20, "-s", 64) as clients:
        clients.wait_ready()
        lines, code = node.upgrade(binary, check=False, seconds=seconds)
        assert code == 1, lines
        assert node.tenants() + node.keepers() == before
    clients.assert_whole()
    answer = lines[-1]
    assert answer["error"] == error, answer
    for word in words:
        assert word in answer["message"], answer
    assert node.process.poll() is None and node.pid == old == node.running()
    wait_until(lambda: node.supervisors() == [old])
    node.wait_metric(count + 1, "upgrades_total", result="refused")
    assert node.metric("upgrades_total", result="done") == 0
    event = [event for event in node.events()
             if event["kind"] == "upgrade_refused"][-1]
    assert answer["message"][:100] in event["text"]
    line = [line for line in node.log().splitlines()
            if "event=upgrade_refused" in line][-1]
    assert f"error={error}" in line and words[0] in line
    node.expects_errors = True
    wait_until(lambda: process.count_fds(node.pid) <= fds,
               what="the fds to be as few as before")
    with Client(node, "after") as client:
        assert client.echo("x")


def test_missing(node, tmp_path):
    assert_refused(node, tmp_path / "none", "binary_missing",
                   ["No such file"])


def test_not_executable(node, tmp_path):
    path = tmp_path / "text"
    path.write_text("no program\n")
    assert_refused(node, path, "cannot_execute", ["no executable"])
    # Executable as the mode has it, but not what the kernel takes.
    path.write_bytes(b"\x7fELF nonsense")
    path.chmod(0o755)
    assert_refused(node, path, "cannot_execute", ["Exec format error"])


def test_crashes_at_start(node, builds):
    assert_refused(node, builds.daemon("kill -SEGV $$"), "crashed",
                   ["SIGSEGV", "configuration"])
    assert_refused(node, builds.daemon(
        'case "$*" in *-U*) kill -SEGV $$;; esac; exec $REAL "$@"'),
        "crashed", ["SIGSEGV", "preparing"])
    assert_refused(node, builds.daemon(
        'case "$*" in *-U*) exit 3;; esac; exec $REAL "$@"'),
        "ended", ["exit code 3"])


def test_dies_before_it_is_spoken_to(start, builds):
    """How it ended is the reason, not that nothing could be said to it."""
    node = start(kind=Upgradable, build=nodes.FAULTS, env={
        "HOLDFAST_UPGRADE_FAULT": "old:offer:STOP"})

    def wake():
        wait_until(lambda: process.stat_fields(node.pid)[0] == "T", 30)
        wait_until(lambda: node.supervisors() == [node.pid])
        os.kill(node.pid, signal.SIGCONT)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        waker = pool.submit(wake)
        assert_refused(node, builds.daemon(
            'case "$*" in *-U*) kill -SEGV $$;; esac; exec $REAL "$@"'),
            "crashed", ["SIGSEGV", "preparing"])
        waker.result()


def test_config_refused(node, builds):
    """By the check, and by the one that starts after the file was changed."""
    assert_refused(node, builds.daemon("echo 'what is node.id?' >&2; exit 1"),
                   "config_refused", ["what is node.id?"])
    bad = builds.folder / "bad.conf"
    bad.write_text("node = { idd = 1; };\n")
    assert_refused(node, builds.daemon(
        f'case "$*" in *-U*) exec $REAL "$@" -c {bad};; esac;'
        ' exec $REAL "$@"'), "config_refused", ["node.idd", "bad.conf"])


def test_hangs_before_ready(start, builds):
    node = start(kind=Upgradable, build=nodes.FAULTS, env={
        "HOLDFAST_UPGRADE_DEADLINE_MS": str(1500 * SLOW)})
    assert_refused(node, builds.daemon(
        'case "$*" in *-U*) exec sleep 60;; esac; exec $REAL "$@"'),
        "deadline", ["preparing"])


def test_other_protocol(node, builds):
    assert_refused(node, builds.daemon(TALKER.format(act=ready(99))),
                   "protocol", ["99"])
    assert_refused(node, builds.daemon(TALKER.format(
        act="peer.send(b'\\xff\\xff nonsense')")), "protocol",
        ["not understood"])
    assert_refused(node, builds.daemon(TALKER.format(act="peer.close()")),
                   "broken", ["closed"])


def test_limit_of_files(node, builds):
    assert_refused(node, builds.daemon(
        'case "$*" in *-U*) ulimit -n 200;; esac; exec $REAL "$@"'),
        "nofile", ["200"])


def test_programs_missing(node, builds):
    binary = builds.copy()
    (binary.parent / "holdfast-relay").unlink()
    assert_refused(node, binary, "program_missing", ["holdfast-relay"])


def test_run_dir_full(start, builds, tmp_path):
    """The list of slots must be written, or nobody could take over again."""
    full = tmp_path / "full"
    full.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none",
                       full], check=False,
                      capture_output=True).returncode != 0:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        node = start({"node.run_dir": str(full), "node.capacity": 2000},
                     kind=Upgradable, run_dir=full)
        filler = full / "filler"
        try:
            filler.write_bytes(bytes(1 << 18))
        except OSError:
            pass
        assert_refused(node, builds.copy(), "run_dir", ["No space"])
        filler.unlink()
        assert node.upgrade(builds.copy())[1] == 0
        assert node.stop() == 0
    finally:
        subprocess.run(["umount", "-l", full], check=False)


def test_two_at_once(node, builds):
    binary = builds.daemon(
        'case "$*" in *-U*) exec sleep 60;; esac; exec $REAL "$@"')
    assert node.control("status")["upgrade"] == "idle"
    first = node.control_lines("upgrade", 30, binary=str(binary), wait=True)
    while next(first)["progress"]["phase"] != "preparing":
        pass
    assert node.control("status")["upgrade"] == "preparing"
    with pytest.raises(ControlError) as error:
        node.control("upgrade", binary=str(binary))
    assert error.value.args[0]["error"] == "busy"
    with pytest.raises(ControlError) as error:
        node.control("restart")
    assert error.value.args[0]["error"] == "busy"
    # And a node that is stopped meanwhile does not leave it behind.
    other = [pid for pid in node.supervisors() if pid != node.pid]
    assert node.stop() == 0
    assert not any(process.is_alive(pid) for pid in other)
    node.expects_errors = True


def test_ctl_gives_up(node, builds):
    """-t: exit code 4, and the upgrade does not need who has asked for it."""
    binary = builds.daemon(
        'case "$*" in *-U*) while [ ! -e $0.go ]; do sleep 0.05; done;; esac;'
        ' exec $REAL "$@"')
    old = node.process
    done = node.ctl("-t", "1s", "upgrade", "--wait", "--binary", binary,
                    check=False)
    assert done.returncode == 4, (done.stdout, done.stderr)
    assert node.control("status")["upgrade"] == "preparing"
    (binary.parent / (binary.name + ".go")).touch()
    node.follow(old)
    wait_until(node.is_ready)
