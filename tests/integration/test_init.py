# SPDX-License-Identifier: ISC
"""holdfastd as process 1: in a PID namespace, as in a container."""
import os
import signal
import subprocess

import pytest

import process
from container import (UNSHARE, Container, can_unshare, children,
                       inner_pid)
from node import BUILD, wait_until
from wire import Client


pytestmark = pytest.mark.skipif(not can_unshare(),
                                reason="no PID namespaces here")


@pytest.fixture
def container(start):
    return Container(start(prefix=UNSHARE))


def test_supervisor_is_a_child(container):
    assert inner_pid(container.init) == 1
    assert container.supervisor() in children(container.init)
    # Nothing but init: no sockets, no shared memory.
    assert process.count_fds(container.init) <= 8
    with Client(container.node) as client:
        assert client.echo("x")


def test_signals_are_passed_on(container):
    node = container.node
    node.configure({"log.level": "debug"})
    os.kill(container.init, signal.SIGHUP)
    wait_until(lambda: node.control("log-level")["level"] == "debug")
    os.kill(container.init, signal.SIGTERM)
    assert node.wait() == 0
    assert "name=TERM" in node.log()


def test_exit_code_is_the_supervisors(start):
    taken = Container(start(prefix=UNSHARE)).node
    node = start({"listen": [{"address": "127.0.0.1", "port": taken.port}]},
                 is_started=False, prefix=UNSHARE)
    node.expected_exit = 1
    node.expects_errors = True
    node.spawn()
    assert node.wait() == 1
    assert "listen_failed" in node.log()


def test_orphans_are_reaped(container):
    """A process of somebody else that ends as a child of init."""
    node = container.node
    orphan = subprocess.run(
        ["nsenter", "--target", str(container.init), "--pid", "--",
         "sh", "-c", "sh -c 'exec true' & exit 0"], check=False)
    assert orphan.returncode == 0
    wait_until(lambda: all(process.is_alive(pid)
                           for pid in children(container.init)))
    assert node.is_ready()


def test_version_needs_no_init():
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc",
         BUILD / "holdfastd", "-V"], capture_output=True, text=True,
        check=False)
    assert done.returncode == 0 and done.stdout.startswith("holdfastd 0.")
