# SPDX-License-Identifier: ISC
"""Who claims a slot from a new supervisor, and is not of it."""
import os
import signal

import pytest

import claimer
from node import wait_until
from test_readopt import is_taken_over, pids, stopped
from wire import Client


def test_liars_are_refused(start):
    """Who claims what is not its own gets nothing and harms nobody."""
    node = start()
    before = pids(node)
    _, _, nonce, keeper, _ = claimer.listed(node)
    ours = {"slot": 0, "nonce": nonce, "pid": os.getpid(),
            "start_time": claimer.start_time(os.getpid())}
    liars = {
        "another nonce": {"nonce": nonce ^ 1},
        "another pid": {"pid": before[0][1]},
        "another start time": {"start_time": 1},
        "there is no such slot": {"slot": 9},
        "another layout": {"layout": 99},
        "another version of the protocol": {"protocol": 99},
        "another role": {"role": 2},
        "not of that keeper": {},
    }
    with Client(node) as client:
        for words, lie in liars.items():
            assert claimer.claim(node, **{**ours, **lie}) == b""
            wait_until(lambda w=words: w in node.log())
        for packet in (b"", b"\1", b"\1\0\xff", os.urandom(500),
                       bytes([claimer.CLAIM, 0, 8, 1]), b"\1\0" * 30000):
            assert claimer.say(node, packet) == b""
        for _ in range(200):
            claimer.knock(node)
        assert client.echo("x")
    assert pids(node) == before
    assert node.log().count("event=claim_refused") >= len(liars)


@pytest.mark.parametrize("what, words", [
    ("unsealed", "not sealed"), ("magic", "its table is none"),
    ("small", "its table is none"), ("socket", "not sealed"),
    ("node", "another node")])
def test_lying_member_is_refused(start, what, words):
    """A process of the slot itself, with memory that is none."""
    node = start()
    tenant = node.tenant()
    with Client(node) as client:
        stopped(tenant)
        node.kill_supervisor()
        number, _, nonce, keeper, _ = claimer.listed(node)
        node.spawn()
        wait_until(lambda: (node.run_dir / "supervisor.sock").exists())
        claimer.claim_as_member(node, keeper, what, slot=number, nonce=nonce)
        wait_until(lambda: words in node.log(), 10, words)
        os.kill(tenant, signal.SIGCONT)
        wait_until(lambda: is_taken_over(node))
        assert node.tenant() == tenant
        assert client.echo("x")
