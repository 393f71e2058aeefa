# SPDX-License-Identifier: ISC
"""Slots that get a new keeper: after its death, or because they are told to.

The clients stay, the connections move: over a socket, to another process
with another table.
"""
import json
import os
import signal
import time

import pytest

import process
import proof
from load import Load
from node import LONG, SLOW, wait_until
from wire import TEXT, Client

CONNECTIONS = 2000 // SLOW
MOVES = 50 if LONG else 10 // min(SLOW, 2)


def whole(node):
    """All slots serve, with keepers."""
    return all(worker["state"] == "serving" and
               process.is_alive(worker["keeper_pid"]) and
               process.is_alive(worker["tenant_pid"])
               for worker in node.control("workers")["workers"])


def kill_keeper(node, kind="gateway"):
    """Kill it and wait for the next one; the slot's new row."""
    worker = node.workers(kind)[0]
    os.kill(worker["keeper_pid"], signal.SIGKILL)

    def fact():
        now = node.workers(kind)[0]
        return (now["keeper_pid"] not in (0, worker["keeper_pid"]) and
                now["state"] == "serving" and now)
    return wait_until(fact, 15, "a new keeper")


def test_one_client_moves(node):
    node.expects_errors = True
    with Client(node, "alice") as client:
        assert client.echo("before")
        client.send(b"\x81\x85\0\0\0\0he")  # half a message
        kill_keeper(node)
        client.send(b"llo")
        assert client.take_message(TEXT) == b"hello"
        body, answer = node.dispatch("alice")
        assert answer.json()["status"] == "delivered", answer.text
        assert client.take_message(TEXT) == body
        node.kill_tenant()
        assert client.echo("and after a death")
        client.finish()
    wait_until(lambda: node.connections() == 0)


def test_keeper_killed_under_load(start):
    node = start({"node.capacity": 5000})
    node.expects_errors = True
    with Load(node, "sequence", "-c", CONNECTIONS, "-s", 64, "-t", 0,
              "--interval-ms", 20 * SLOW) as load:
        assert load.wait_ready() == CONNECTIONS
        for _ in range(MOVES):
            kill_keeper(node)
    load.assert_whole()
    proof.note_load("keeper, kill -9, echo load", MOVES, load)


def test_all_keepers_replaced_under_load(start):
    node = start({"node.workers": 2})
    with Load(node, "sequence", "-c", CONNECTIONS, "-s", 64, "-t", 0,
              "--interval-ms", 20 * SLOW) as load:
        assert load.wait_ready() == CONNECTIONS
        fds = process.count_fds(node.pid)
        for _ in range(MOVES):
            before = node.keepers() + node.keepers("relay")
            print(node.ctl("restart", "--keepers", seconds=60).stdout)
            after = node.keepers() + node.keepers("relay")
            assert not set(before) & set(after)
        wait_until(lambda: process.count_fds(node.pid) <= fds)
    load.assert_whole()
    proof.note_load("all slots moved to new keepers, echo load", MOVES, load)
