# SPDX-License-Identifier: ISC
"""The relay dies at every commit of a route's way into Redis and out of it."""
import pytest

import node as nodes
from node import wait_until
# pylint: disable=unused-import
from redis_fleet import fleet, is_synced, redis
from test_crashpoints import Control, build_has_points
from test_redis_inbox import restart_relay
from test_redis_routes import forge, registered, routes
from test_relay_crash import wait_relay
from wire import Client


class Script:
    """Clients come, go and take routes from others; after each turn Redis says
    what is so."""

    def __init__(self, node, redis):
        self.node = node
        self.redis = redis
        self.turn = 0
        self.clients = {}

    def come(self, name):
        self.clients[name] = Client(self.node, name)

    def go(self, name):
        self.clients.pop(name).close()

    def agrees(self):
        have = {name: "a" for name in self.clients}
        return routes(self.redis) == have and \
            set(registered(self.redis, "a")) == set(have)

    def run(self):
        number = self.turn
        self.turn += 1
        forge(self.redis, f"c{number}", "far")
        self.redis("SET", f"user-route:d{number}", "nobody")
        for name in "cde":
            self.come(f"{name}{number}")
        if number > 0:
            for name in "cde":
                self.go(f"{name}{number - 1}")
        wait_until(self.agrees, 20)


def test_every_crash_point(fleet, redis, tmp_path):
    if not build_has_points():
        pytest.skip("no build with crash points")
    control, seen = Control(tmp_path / "control", "hf-r"), tmp_path / "points"
    node = fleet(more={"worker.backoff": "1ms"}, build=nodes.FAULTS,
                 env={"HOLDFAST_CRASH_CONTROL": str(control.path),
                      "HOLDFAST_CRASH_LIST": str(seen)})
    script, deaths = Script(node, redis), 0
    script.run()
    script.run()
    restart_relay(node)
    script.run()
    points = sorted({name for name in seen.read_text().split()
                     if name.startswith("route")})
    assert len(points) >= 4, points
    for point in (name + side for name in points for side in ("", "a")):
        before, = node.workers("relay")
        control.arm(point, 1 + script.turn % 2)
        script.run()
        if control.is_armed():
            restart_relay(node)
        if control.is_armed():
            control.disarm()
            continue
        deaths += 1
        wait_relay(node, before["generation"] + 1)
        script.run()
    wait_until(lambda: is_synced(node))
    print(f"{len(points)} points, {deaths} deaths")
    assert deaths > len(points) / 2
    for client in script.clients.values():
        client.close()
