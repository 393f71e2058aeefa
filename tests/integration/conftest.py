# SPDX-License-Identifier: ISC
"""Fixtures: nodes that are ended, and searched for leftovers, afterwards."""
import os

import pytest

import node as nodes
import process

process.become_subreaper()


def pytest_configure(config):
    config.addinivalue_line("markers", "pace: measures when things happen, "
                            "and so runs when nothing else does")


def shared_memory():
    return set(os.listdir("/dev/shm"))


@pytest.fixture
def start():
    """start({key: value}) -> a node that is ready."""
    started = []
    shm_before = shared_memory()

    def begin(settings=None, is_started=True, kind=nodes.Node, **more):
        node = kind(settings, **more)
        started.append(node)
        return node.start() if is_started else node

    yield begin
    complaints = []
    for node in started:
        node.begin_end()
    for node in reversed(started):
        found = node.close()
        if found:
            print(f"--- log of {node.dir}\n{node.log()[-20000:]}")
        complaints += found
    complaints += process.reap_leftovers()
    complaints += [f"/dev/shm/{name} is left"
                   for name in shared_memory() - shm_before
                   if "holdfast" in name]
    for node in started:
        node.remove()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def node(start):
    """A node as it comes, with echo."""
    return start()


@pytest.fixture
def faults(start):
    """start(), with programs that a client's message can break."""
    if not (nodes.FAULTS / "holdfast-gateway").exists():
        pytest.skip(f"no fault injection build in {nodes.FAULTS}")

    def begin(settings=None, **more):
        return start(settings, build=nodes.FAULTS, **more)

    return begin
