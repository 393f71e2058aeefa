# SPDX-License-Identifier: ISC
"""What a test killed how often, and what it cost, for the table in README.

A test that has seen something writes it down with note(); `make proof' runs
such tests with HOLDFAST_PROOF set and makes the table (tests/proof.py).
"""
import json
import os
import pathlib

BAD = ("severed", "closed", "refused", "connect_errors", "protocol_errors",
       "corrupt", "bad_accepts")


def note(what, times, connections, messages, severed=0, lost=0, twice=0):
    """what: the row; times: how often; messages: those that were checked."""
    path = os.environ.get("HOLDFAST_PROOF")
    if path is None:
        return
    with pathlib.Path(path).open("a", encoding="utf-8") as file:
        file.write(json.dumps({
            "what": what, "times": times, "connections": connections,
            "messages": messages, "severed": severed, "lost": lost,
            "twice": twice,
            "test": os.environ.get("PYTEST_CURRENT_TEST", "").split(" ")[0],
        }) + "\n")


def note_traffic(what, times, traffic):
    """The same for callers of the API whose receivers were checked."""
    note(what, times, len(traffic.receivers), traffic.sent())


def note_load(what, times, load):
    """The same from the counts of a ws_load that has ended."""
    result = load.result
    note(what, times, result["connections"], result["received"],
         sum(result[key] for key in BAD), result["lost"],
         result["duplicated"] + result["out_of_order"])
