#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Installs into an empty DESTDIR, starts the node from there, uninstalls.

Called by `make test-install'.  The node runs etc/holdfast-dev.conf with free
ports and folders of its own, and has to find its workers without the
compiled-in path: relative to the executable.
"""
import argparse
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
START_SECONDS = 20


def check(name, good, detail=""):
    print(f"ok   install: {name}" if good else f"FAIL install: {name}")
    if not good and detail:
        print("    " + detail.strip().replace("\n", "\n    "))
    return bool(good)


def make(*words):
    return subprocess.run(["make", "--no-print-directory", *words], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)


def run(*words):
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, timeout=30,
                          stderr=subprocess.STDOUT, check=False)


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def dev_config(folder):
    """Write the development config for this run; return (path, ports)."""
    text = (ROOT / "etc/holdfast-dev.conf").read_text(encoding="utf-8")
    old = sorted(set(re.findall(r"\bport\s*=\s*(\d+)", text)))
    ports = dict(zip(old, free_ports(len(old))))
    text = re.sub(r"(\bport\s*=\s*)(\d+)",
                  lambda m: m[1] + str(ports[m[2]]), text)
    for name in ("run_dir", "state_dir"):
        text = re.sub(rf'(\b{name}\s*=\s*)"[^"]*"',
                      rf'\1"{folder}/{name}"', text)
        (folder / name).mkdir()
    path = folder / "dev.conf"
    path.write_text(text, encoding="utf-8")
    return path, ports


def healthy(port, process):
    """Ask until /healthz answers 200; None, or why it never did."""
    why = "no answer"
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            return f"holdfastd ended with {process.returncode}"
        try:
            url = f"http://127.0.0.1:{port}/healthz"
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return None
                why = f"status {answer.status}"
        except OSError as error:
            why = str(error)
        time.sleep(0.05)
    return why


def serve(daemon, folder):
    """Start the installed node; yield the checks one after the other."""
    config, ports = dev_config(folder)
    done = run(daemon, "-n", "-c", config)
    yield check("holdfastd -n accepts the dev config", done.returncode == 0,
                done.stdout)
    with open(folder / "log", "wb") as log, \
         subprocess.Popen([daemon, "-c", config], stderr=log,
                          stdin=subprocess.DEVNULL, stdout=log) as node:
        for old, new in ports.items():
            if old in ("8080", "8082"):
                why = healthy(new, node)
                yield check(f"GET /healthz on the port for {old}", not why,
                            f"{why}\n" + (folder / "log").read_text())
        node.send_signal(signal.SIGINT)
        try:
            status = node.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            node.kill()
            status = "SIGINT ignored"
        yield check("SIGINT ends the node with 0", status == 0,
                    f"{status}\n" + (folder / "log").read_text())


def checks(options, folder):
    stage = folder / "stage"
    words = [f"DESTDIR={stage}", "PREFIX=/usr/local", *options]
    done = make("install", *words)
    yield check("make install", done.returncode == 0, done.stdout)
    daemon = stage / "usr/local/sbin/holdfastd"
    if daemon.exists():
        done = run(daemon, "-V")
        yield check("holdfastd -V", done.returncode == 0, done.stdout)
    example = stage / "etc/holdfast/holdfast.conf.example"
    if daemon.exists() and example.exists():
        done = run(daemon, "-n", "-c", example)
        yield check("holdfastd -n accepts the example config",
                    done.returncode == 0, done.stdout)
    if daemon.exists() and (ROOT / "etc/holdfast-dev.conf").exists():
        yield from serve(daemon, folder)
    done = make("uninstall", *words)
    left = [str(p) for p in stage.rglob("*") if not p.is_dir()]
    yield check("make uninstall leaves nothing",
                done.returncode == 0 and not left, "\n".join(left))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("options", nargs="*", help="CC=..., SAN=...")
    args = parser.parse_args()
    # the make that called us must not share its jobs with ours
    os.environ.pop("MAKEFLAGS", None)
    with tempfile.TemporaryDirectory(prefix="holdfast-install-") as name:
        results = list(checks(args.options, pathlib.Path(name)))
    failed = results.count(False)
    print(f"{len(results) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
