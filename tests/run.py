#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Runs the tests of one build and counts them all in one closing line.

Called by `make test' with the sections to run: unit (cmocka programs),
fuzz (seeds through the fuzz targets), integration (pytest against the built
programs) and lint (tests/lint/check_*).  A program that dies, or that does
not finish the tests it announced, counts as a failure.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
UNIT_SECONDS = 300
# Tests wait more than they work.  Each file stays in one process, since its
# tests may share a node.
JOBS = os.environ.get("HOLDFAST_TEST_JOBS",
                      str(min(6, (os.cpu_count() or 1) + 4)))
# What the sanitizers find ends a program like a fault would; real signals are
# left alone, since the tests send and provoke them.
ASAN_OPTIONS = ":".join(["abort_on_error=1", "handle_segv=0",
                         "handle_sigbus=0", "handle_sigill=0",
                         "handle_sigfpe=0", "handle_abort=0"])


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def line(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


def death(status):
    """What an exit status of subprocess says, in words."""
    if status is None:
        return f"still running after {UNIT_SECONDS} s"
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"


def run(command, **more):
    """Run command; return (status, output), status None after a time-out."""
    try:
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=UNIT_SECONDS, check=False, **more)
        return done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        return None, (late.stdout or b"").decode(errors="replace")


def show(name, problem, output):
    print(f"FAIL {name}: {problem}")
    for line in output.rstrip().splitlines():
        print("    " + line)


def run_unit(args, tally):
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    names = [p.stem for p in sorted(ROOT.glob("tests/unit/test_*.c"))]
    with concurrent.futures.ThreadPoolExecutor(int(JOBS)) as pool:
        runs = pool.map(lambda name: run([args.build / "tests/unit" / name],
                                         env=env), names)
        for name, (status, output) in zip(names, runs):
            count_unit(name, status, output, tally)


def count_unit(name, status, output, tally):
    ok = skipped = bad = planned = 0
    for line in output.splitlines():
        if match := re.match(r"1\.\.(\d+)", line):
            planned += int(match[1])
        elif re.match(r"(not )?ok \d+.*# SKIP", line, re.I):
            skipped += 1
        elif re.match(r"ok \d+", line):
            ok += 1
        elif re.match(r"not ok \d+", line):
            bad += 1
    if status != 0 and bad == 0 or ok + skipped + bad < planned or \
       planned == 0:
        bad += 1
    if bad:
        show(name, death(status), output)
    else:
        print(f"ok   {name}: {ok}"
              + (f", {skipped} skipped" if skipped else ""))
    tally.passed += ok
    tally.failed += bad
    tally.skipped += skipped


def run_fuzz(args, tally):
    for source in sorted(ROOT.glob("tests/fuzz/fuzz_*.c")):
        name = source.stem.removeprefix("fuzz_")
        seeds = sorted(p for p in ROOT.glob(f"tests/fuzz/seeds/{name}/*")
                       if p.is_file())
        if not seeds:
            show(source.stem, f"no seeds in tests/fuzz/seeds/{name}", "")
            tally.failed += 1
            continue
        program = args.build / "tests/fuzz" / f"replay_{name}"
        status, output = run([program, *seeds])
        if status == 0:
            print(f"ok   {source.stem}: {len(seeds)} seeds")
            tally.passed += 1
        else:
            last = "\n".join(output.splitlines()[-60:])
            show(source.stem, death(status), last)
            tally.failed += 1


# A test that fails because something took longer than it allows is looked at
# again, alone: a deadline says as much of the machine as of the product.  Not
# so what was lost, severed or left behind; and not when there are many.
LATE = re.compile(r"node\.Late|TimeoutError|subprocess\.TimeoutExpired"
                  r"|_queue\.Empty")
SECOND_LOOKS = 5


class Pytest:
    """Runs of pytest over the integration tests, and what came of each."""

    def __init__(self, args):
        self.args = args
        self.marks = {}
        self.env = dict(os.environ, HOLDFAST_BUILD=str(args.build),
                        HOLDFAST_FAULTS_BUILD=str(args.faults_build),
                        HOLDFAST_OLDER_BUILD=str(args.older_build),
                        PYTHONDONTWRITEBYTECODE="1")
        self.env.setdefault("ASAN_OPTIONS", ASAN_OPTIONS)

    def run(self, report, jobs, *selection):
        """Run the selected tests; return whether pytest itself worked."""
        report = self.args.build / report
        report.unlink(missing_ok=True)
        sys.stdout.flush()
        status = subprocess.run(
            ["/usr/bin/python3", "-m", "pytest", "-q", "-rs",
             "-p", "no:cacheprovider", f"--junitxml={report}",
             "-n", jobs, "--dist", "loadfile", *selection,
             *shlex.split(self.args.pytest_args)],
            cwd=ROOT, stdin=subprocess.DEVNULL, env=self.env,
            check=False).returncode
        try:
            suites = xml.etree.ElementTree.parse(report).getroot()
        except (OSError, xml.etree.ElementTree.ParseError) as error:
            show("integration", f"no report, {death(status)}", str(error))
            return False
        self.take(suites)
        if status not in (0, 5) and not self.failed():
            show("integration", f"pytest: {death(status)}", "")
            return False
        return True

    def take(self, suites):
        found = {}
        for case in suites.iter("testcase"):
            name = (f"{case.get('classname').replace('.', '/')}.py"
                    f"::{case.get('name')}")
            # A test that fails, and then its teardown as well, has two.
            marks = found.setdefault(name, set())
            marks |= {mark.tag for mark in case}
            for mark in case.iter("failure"):
                if LATE.match(mark.get("message", "")):
                    marks.add("late")
        self.marks.update(found)

    def failed(self):
        return [name for name, marks in self.marks.items()
                if marks & {"failure", "error"}]

    def look_again(self):
        late = [name for name in self.failed()
                if "late" in self.marks[name] and
                "error" not in self.marks[name]]
        if not late or len(late) > SECOND_LOOKS:
            return True
        print("late, and run again alone:", *late, sep="\n    ")
        return self.run("integration-late.xml", "1", *late)


def run_integration(args, tally):
    folder = "tests/integration"
    if not any(ROOT.glob(f"{folder}/**/test_*.py")):
        return
    tests = Pytest(args)
    # What measures a pace has the machine for itself.
    is_whole = tests.run("integration.xml", JOBS, "-m", "not pace", folder)
    is_whole &= tests.run("integration-pace.xml", "1", "-m", "pace", folder)
    is_whole &= tests.look_again()
    tally.failed += len(tests.failed()) + (not is_whole)
    for marks in tests.marks.values():
        if marks & {"failure", "error"}:
            continue
        if "skipped" in marks:
            tally.skipped += 1
        else:
            tally.passed += 1


def run_lint(_args, tally):
    for script in sorted(ROOT.glob("tests/lint/check_*.py")):
        status, output = run(["/usr/bin/python3", "-B", script])
        if status == 0:
            print(f"ok   lint/{script.stem}"
                  + (f": {output.strip()}" if output.strip() else ""))
            tally.passed += 1
        else:
            show(f"lint/{script.stem}", death(status), output)
            tally.failed += 1


SECTIONS = {"unit": run_unit, "fuzz": run_fuzz,
            "integration": run_integration, "lint": run_lint}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--faults-build", type=pathlib.Path, required=True)
    parser.add_argument("--older-build", type=pathlib.Path, required=True)
    parser.add_argument("--pytest-args", default="")
    parser.add_argument("sections", nargs="+", choices=SECTIONS)
    args = parser.parse_args()
    args.build = args.build.resolve()
    args.faults_build = args.faults_build.resolve()
    args.older_build = args.older_build.resolve()
    os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    # A shell starts what it puts into the background with SIGINT ignored;
    # programs under test that an operator would interrupt would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    tally = Tally()
    for section in args.sections:
        SECTIONS[section](args, tally)
    print(tally.line(), flush=True)
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
