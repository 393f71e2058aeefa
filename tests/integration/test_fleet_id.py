# SPDX-License-Identifier: ISC
"""One id, one node: whoever comes second does not start."""
import time

from node import PATIENCE, wait_until
from redis_server import now_ms
from test_fleet import FAST, fleet, kill_all, long, redis, shown, states


def test_id_is_taken(fleet, start, redis):
    node, = fleet(1)
    second = start({**FAST, "redis.url": redis.url, "node.id": "n0"},
                   is_started=False)
    second.expects_errors = True
    second.expected_exit = 1
    second.spawn()
    assert second.wait(60) == 1
    assert "node_id_taken" in second.log()
    assert "another node of the fleet runs with this node.id" in second.log()
    wait_until(lambda: states(node) == {"n0": "healthy"}, 20)


def test_state_is_shared(fleet, start, redis):
    """What a node is known by is on its disk: nobody else starts with it."""
    node, = fleet(1)
    second = start({**FAST, "redis.url": redis.url, "node.id": "n0",
                    "node.state_dir": str(node.dir / "state")},
                   is_started=False)
    second.expects_errors = True
    second.expected_exit = 1
    second.spawn()
    assert second.wait(60) == 1
    assert "event=state_dir_in_use" in second.log()
    assert f"holder_pid={node.pid}" in second.log()
    # Another one has its id all the same: it is not ready, and says why.
    life = redis("HGET", "{main}:node:n0", "incarnation")
    redis("HSET", "{main}:node:n0", "incarnation", "a" * 16, "lease", 2000)
    wait_until(lambda: node.admin("/readyz").status == 503, 20)
    assert "; another node has this node.id\n" in node.admin("/readyz").text
    wait_until(lambda: node.admin("/readyz").status == 200, 20)
    assert redis("HGET", "{main}:node:n0", "incarnation") == life


def test_redis_goes_before_it_is_clear_whose_id_it_is(start, redis):
    now = now_ms(redis)
    redis("HSET", "{main}:node:n0", "incarnation", "a" * 16, "lease", 60000,
          "beat", now, "state", "healthy")
    node = start({**FAST, "redis.url": redis.url, "node.id": "n0"},
                 is_started=False)
    node.spawn()
    wait_until(lambda: "event=node_id_waits" in node.log(), 20)
    redis.kill()
    wait_until(lambda: "Redis has to say whose it is" in node.log(), 20)
    assert node.control("status")["state"] == "starting"
    assert "event=fleet_unheard" not in node.log()
    redis.start()
    node.wait_ready()


@long
def test_own_lease_does_not_lock_it_out(fleet):
    node, = fleet(1, **{"membership.lease": "60s"})
    kill_all(node)
    node.expected_exit = 0
    for name in ("slots", "settings", "supervisor.sock"):
        (node.run_dir / name).unlink(missing_ok=True)
    begun = time.monotonic()
    node.port = None
    node.start()
    assert time.monotonic() - begun < 20 * PATIENCE
    wait_until(lambda: shown(node)["place"] == "joined", 20)
