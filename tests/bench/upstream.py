# SPDX-License-Identifier: ISC
"""What clients send, on its way into the streams of Redis."""
import statistics
import time

import measure
from backplane import BYTES, CLIENTS, RedisLoad, open_all
from measure import Load, Row
from node import Node, Redis, wait_until

KEYS = [f"ingress:{partition}" for partition in range(16)]

COUNT = """local sum = 0
for _, key in ipairs(KEYS) do sum = sum + redis.call('XLEN', key) end
return sum"""

# Entries that are the next of their connection, and those that were there
# before; what is neither comes after a gap.
CHECK = """local last, good, repeated, from = {}, 0, 0, '-'
while true do
  local entries = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 1000)
  if #entries == 0 then return { good, repeated } end
  for _, entry in ipairs(entries) do
    local fields = entry[2]
    local connection, seq = fields[6], tonumber(fields[8])
    if seq == (last[connection] or 0) + 1 then good = good + 1 end
    if seq <= (last[connection] or 0) then
      repeated = repeated + 1
    else
      last[connection] = seq
    end
    from = '(' .. entry[1]
  end
end"""


def entries(redis):
    return redis("EVAL", COUNT, str(len(KEYS)), *KEYS)


def wrong(redis, messages):
    """How many are missing, out of order, or there more than once."""
    found = [redis("EVAL", CHECK, "1", key) for key in KEYS]
    return (messages - sum(good for good, _ in found)
            + sum(repeated for _, repeated in found))


def send(node, redis, count, each):
    """One run: (messages a second, CPU us of a message, how many are wrong)."""
    messages = count * each
    # Nothing is echoed, so that each sends its depth, and no more.
    load = Load("echo", node.target, "-c", count, "-P", CLIENTS, "-s", BYTES,
                "-d", each, "-t", 0, "--drain-ms", 0)
    open_all(load, count)
    begun, cpu = time.monotonic(), measure.cpu_ns(node.pids())
    wait_until(lambda: entries(redis) >= messages, 120,
               "Redis to have all messages")
    seconds = time.monotonic() - begun
    cpu = measure.cpu_ns(node.pids()) - cpu
    load.stop()
    bad = wrong(redis, messages)
    redis("UNLINK", *KEYS)
    return messages / seconds, cpu / 1e3 / messages, bad


def upstream(count=1000, each=300, rounds=5):
    with Redis() as redis, Node(workers=1, capacity=count + 1000,
                                is_pinned=False, redis=redis,
                                upstream="stream") as node:
        runs, bare = [], []
        for _ in range(rounds):
            runs.append(send(node, redis, count, each))
            done = RedisLoad("xadd", redis, count * each, "-k", "ingress",
                             "-c", count, "-s", BYTES).result()
            bare.append(done["messages"] / done["seconds"])
            redis("UNLINK", *KEYS)
    rates, cpu_us, bad = zip(*runs)
    yield Row(f"{count} clients send: in Redis, bare XADD pipeline", "/s",
              statistics.median(rates), statistics.median(bare),
              ("at least", 0.3))
    yield Row(f"of {count * each * rounds} lost, repeated, out of order", "",
              sum(bad), None, ("==", 0))
    yield Row("CPU of the node for a message", "us",
              statistics.median(cpu_us))
