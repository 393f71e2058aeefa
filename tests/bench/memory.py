# SPDX-License-Identifier: ISC
"""Bytes per idle connection: growth from 200 to 15,000 on one worker."""
import time

import measure
from measure import Load, Row
from node import Floor, Node

FEW, MANY = 200, 15000


def settled_pss(server):
    """PSS once two readings a second apart agree to a page per process."""
    last = measure.pss_bytes(server.pids())
    for _ in range(10):
        time.sleep(1)
        now = measure.pss_bytes(server.pids())
        if abs(now - last) <= 4096 * len(server.pids()):
            return now
        last = now
    return last


def growth(server):
    """(user bytes, kernel bytes of both ends or None) per connection."""
    hold = ("-t", 0, "--probe-ms", 0)
    few = Load("hold", server.target, "-c", FEW, "--id-prefix", "few-", *hold)
    few.wait_ready()
    user, slab = settled_pss(server), measure.slab_bytes()
    many = Load("hold", server.target, "-c", MANY - FEW, "--id-prefix",
                "many-", *hold)
    opened, refused = many.wait_ready()
    user = settled_pss(server) - user
    after = measure.slab_bytes()
    results = [many.stop(), few.stop()]
    if refused or any(result["severed"] for result in results):
        raise RuntimeError(f"{refused} of {MANY} connections were refused")
    return user / opened, after and slab and (after - slab) / opened


def idle_bytes():
    with Node(workers=1, capacity=18000) as node:
        user, slab = growth(node)
    with Floor(workers=1) as floor:
        floor_user, floor_slab = growth(floor)
    yield Row("user bytes per idle connection", "B", user, floor_user,
              ("<=", 256))
    if slab and floor_slab:
        # Client and server end look alike to the kernel.
        yield Row("kernel bytes per connection", "B", slab / 2,
                  floor_slab / 2)
