# SPDX-License-Identifier: ISC
"""The sample configuration for HAProxy, with the places of real nodes."""
import re

from node import ROOT


def haproxy_conf(nodes, bind, inter="1s", maxconn=5000):
    """nodes: (address and port, admin port, agent port) of each"""
    text = (ROOT / "etc/haproxy.cfg").read_text()
    lines = [f"\tserver ws{number} {where} check port {admin}"
             f" agent-port {agent}\n"
             for number, (where, admin, agent) in enumerate(nodes, 1)]
    text, count = re.subn(r"(?:^\tserver ws\d .*\n)+", "".join(lines), text,
                          flags=re.M)
    assert count == 1
    for old, new in (("bind :80", f"bind {bind}"),
                     ("agent-inter 1s", f"agent-inter {inter}"),
                     (" inter 1s", f" inter {inter}"),
                     ("maxconn 250000", f"maxconn {maxconn}")):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text
