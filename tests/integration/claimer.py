# SPDX-License-Identifier: ISC
"""Peers on supervisor.sock that claim a slot which is not theirs."""
import array
import fcntl
import os
import pathlib
import re
import socket
import subprocess
import sys

from node import PATIENCE, ROOT


def numbers(header, prefix):
    """The names of an enum, in order: their numbers."""
    text = (ROOT / "proto" / header).read_text()
    return {name: number for number, name in enumerate(
        re.findall(rf"^\t{prefix}(\w+),", text, re.MULTILINE))}


KINDS = numbers("message.h", "MSG_")
FDS = numbers("slot_fd.h", "SLOT_FD_")
HELLO, CLAIM = KINDS["HELLO"], KINDS["CLAIM"]
LAYOUT = int(re.search(r"define SLOT_LAYOUT\s+(\d+)u",
                       (ROOT / "proto/slot_header.h").read_text())[1])
FD_TABLE, FD_NODE = FDS["TABLE"], FDS["NODE"]
OWN = 0xffff
F_ADD_SEALS, SEALS = 1033, 0x2 | 0x1  # shrink, seal


def varint(value):
    out = b""
    while value > 0x7f:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def hello(slot, nonce, pid, start_time, protocol=1, layout=LAYOUT, role=4):
    fields = [(1, protocol), (2, layout), (4, slot), (5, role), (6, nonce),
              (7, pid), (8, start_time)]
    body = b"".join(varint(n << 3) + varint(v) for n, v in fields)
    return bytes([HELLO, 0]) + body + varint(3 << 3 | 2) + b"\x04liar"


def claim_packet(specs):
    body = varint(1 << 3) + varint(1)
    for kind, index in specs:
        spec = b"\x08" + varint(kind) + b"\x10" + varint(index)
        body += varint(2 << 3 | 2) + varint(len(spec)) + spec
    return bytes([CLAIM, 0]) + body


def start_time(pid):
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return int(text.rpartition(")")[2].split()[19])


def listed(node, slot=0):
    """Number, kind, nonce, keeper, start time of a slot in the list."""
    for line in (node.run_dir / "slots").read_text().splitlines():
        words = line.split()
        if words[0] == "slot" and words[1] == str(slot):
            return slot, words[2], *map(int, words[3:])
    raise AssertionError("not listed")


def connect(node):
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    stream.settimeout(10 * PATIENCE)
    stream.connect(str(pathlib.Path(node.run_dir) / "supervisor.sock"))
    return stream


def knock(node):
    """Connect and leave; a full backlog is an answer, too."""
    try:
        connect(node).close()
    except BlockingIOError:
        pass


def answer(stream):
    try:
        return stream.recv(65536)
    except ConnectionResetError:
        return b""


def say(node, packet):
    """Send one packet; what comes back, b"" for the end."""
    with connect(node) as stream:
        stream.send(packet)
        stream.shutdown(socket.SHUT_WR)
        return answer(stream)


def claim(node, specs=((FD_TABLE, OWN),), fds=None, **identity):
    with connect(node) as stream, open("/dev/null", "rb") as null:
        stream.send(hello(**identity))
        fds = [null.fileno()] if fds is None else fds
        try:
            stream.sendmsg([claim_packet(specs)],
                           [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                             array.array("i", fds))])
        except BrokenPipeError:
            return b""
        return answer(stream)


def memfd(size, sealed=True):
    fd = os.memfd_create("lie", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    if sealed:
        fcntl.fcntl(fd, F_ADD_SEALS, SEALS)
    return fd


def lie(what, node_fd):
    """Specs and fds that are wrong in one way."""
    tables = {"unsealed": lambda: memfd(1 << 20, sealed=False),
              "magic": lambda: memfd(1 << 20),
              "small": lambda: memfd(10),
              "socket": lambda: socket.socket().detach(),
              "node": lambda: memfd(1 << 20)}
    specs = [(FD_TABLE, OWN), (FD_NODE, 0)]
    return specs, [tables[what](),
                   memfd(1 << 20) if what == "node" else node_fd]


def claim_as_member(node, keeper, what, **identity):
    """Claim from a process of the keeper's group: the slot's own gateway."""
    worker, = [pid for pid in os.listdir("/proc") if pid.isdigit() and
               is_member(int(pid), keeper)]
    subprocess.run(
        [sys.executable, __file__, str(node.run_dir), str(keeper), worker,
         what, str(identity["slot"]), str(identity["nonce"])], check=True,
        timeout=20 * PATIENCE,
        cwd=pathlib.Path(__file__).parent)


def is_member(pid, keeper):
    try:
        return pid != keeper and os.getpgid(pid) == keeper
    except ProcessLookupError:
        return False


def node_memfd(pid):
    """The node memfd, opened through /proc: the same file."""
    for entry in os.scandir(f"/proc/{pid}/fd"):
        if "holdfast-node" in os.readlink(entry.path):
            return os.open(entry.path, os.O_RDWR)
    raise AssertionError("no node memfd")


def main(run_dir, keeper, worker, what, slot, nonce):
    class Node:
        """As much of one as is needed here."""
    Node.run_dir = run_dir
    node_fd = node_memfd(worker)
    os.setpgid(0, int(keeper))
    specs, fds = lie(what, node_fd)
    got = claim(Node, specs, fds, slot=int(slot), nonce=int(nonce),
                pid=os.getpid(), start_time=start_time(os.getpid()))
    return 0 if got == b"" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
