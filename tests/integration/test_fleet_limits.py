# SPDX-License-Identifier: ISC
"""Limits, storms and shares of a fleet, of which most nodes are only leases."""
# pylint: disable=unused-import
from node import wait_until
from test_fleet import fleet, redis, shown
from test_fleet_observer import beat
from wire import Client


def test_a_share_is_what_was_configured(fleet, redis):
    """29 of 100 connections are 0.29 of them, whatever that is in binary."""
    node, = fleet(1, **{"blast_radius.max_draining": 0.29,
                        "drain.window": "60s"})
    clients = [Client(node, f"c{i}") for i in range(3)]
    beat(redis, "ghost", lease=60000, count=97)
    wait_until(lambda: shown(node)["held"] == 100, 20)
    redis("HSET", "{main}:drains", "other", "x:1 26 9999999999999")
    node.ctl("drain")
    wait_until(lambda: node.control("status")["drain"]["lease"] == "held", 20)
    for client in clients:
        client.close()
