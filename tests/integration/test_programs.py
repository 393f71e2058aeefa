# SPDX-License-Identifier: ISC
"""A node goes on with the programs that it was started with."""
import os
import shutil
import signal

import pytest

import process
from node import BUILD, wait_until
from wire import Client


@pytest.fixture
def build(tmp_path):
    """A copy of the programs, to be replaced as a package would do it."""
    copy = tmp_path / "build"
    copy.mkdir()
    for name in ("holdfastd", "holdfastctl", "holdfast-gateway",
                 "holdfast-relay"):
        shutil.copy2(BUILD / name, copy / name)
    return copy


def test_replaced_programs_are_not_started(start, build):
    """Not by a keeper, and not by a supervisor that starts a slot empty."""
    node = start(build=build)
    for name in ("holdfast-gateway", "holdfast-relay"):
        inode = (build / name).stat().st_ino
        (build / "new").write_text("#!/bin/sh\nexit 1\n")
        (build / "new").chmod(0o755)
        os.replace(build / "new", build / name)
        assert (build / name).stat().st_ino != inode
    node.kill_tenant()
    worker, = node.workers()
    # The keeper first, so that it does not start another tenant.
    os.kill(worker["keeper_pid"], signal.SIGKILL)
    os.kill(worker["tenant_pid"], signal.SIGKILL)
    node.expects_errors = True
    wait_until(lambda: node.metric("slot_renewals_total", worker="g0") == 1)
    wait_until(node.is_ready)
    with Client(node) as client:
        assert client.echo("x")
    for pid in node.tenants() + node.keepers():
        assert process.program(pid) == "holdfast-gateway (deleted)"
