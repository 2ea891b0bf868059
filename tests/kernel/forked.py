"""Forking in a program of its own, which a watchdog ends when it hangs: for the tests of what holds after a fork."""

import faulthandler
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from contextlib import suppress
from functools import wraps
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30
"""Seconds after which a forked child is ended, with its stacks on stderr; its parent has twice as many."""


def in_program(test):
    """Make a test that runs in an interpreter of its own: the tests' own threads and pools are not forked along."""

    @wraps(test)
    def alone():
        said, code = program(f"from {__name__} import run_here; run_here({test.__module__!r}, {test.__name__!r})")
        assert (said, code) == ("", 0), f"exit code {code}\n{said}"

    return alone


def program(text):
    """Run a text as a program; give what it wrote on stdout and stderr together, and its exit code."""
    with tempfile.TemporaryFile("w+") as out:  # no pipe, whose end a lost child might hold open
        process = subprocess.Popen(
            [sys.executable, "-c", text],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            code = process.wait(3 * PATIENCE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        out.seek(0)
        return out.read(), code


def run_here(module, name):
    """Run the body of a test in this process."""
    watch(2 * PATIENCE)
    getattr(importlib.import_module(module), name).__wrapped__()


def watch(seconds=PATIENCE):
    """End this process when it takes too long: a signal that the system sends, whatever is locked."""
    faulthandler.register(signal.SIGALRM, chain=True)
    signal.alarm(seconds)


def fork():
    """Fork; a child has a watchdog of its own, and must end by itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads are what is tested here
        pid = os.fork()
    if pid == 0:
        watch()
    return pid


def child(body):
    """Run `body()` in a forked child that ends by `os._exit`; give what it returned, which passes through JSON."""
    read, write = os.pipe()
    pid = fork()
    if pid == 0:
        code = 1
        try:
            os.write(write, json.dumps(body()).encode())
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(write)
    with open(read, "rb") as answer:
        said = answer.read()
    assert ended(pid) == 0
    return json.loads(said)


def leaver(body):
    """Run `body()` in a forked child that ends as a program does, with all that is done then; give its exit code."""
    pid = fork()
    if pid == 0:
        body()
        sys.exit(0)
    return ended(pid)


def ended(pid):
    """Wait for a child; give its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Held:
    """Holds a lock in another thread while a block runs."""

    def __init__(self, lock):
        self.lock = lock
        self.held, self.over = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.hold)

    def hold(self):
        with self.lock:
            self.held.set()
            self.over.wait()

    def __enter__(self):
        self.thread.start()
        self.held.wait()

    def __exit__(self, *error):
        self.over.set()
        self.thread.join()


# For worker processes


def leave_a_child(x):
    """Fork a child that leaves the step by `sys.exit`; give the step's input and the child's exit code."""
    pid = os.fork()
    if pid == 0:
        sys.exit(3)
    return x, ended(pid)


def return_twice(x):
    """Fork a child that returns from the step as its parent does; give the input and the child's exit code."""
    pid = os.fork()
    return (x, ended(pid)) if pid else (x, "child")


def die_before_a_child(pipe):
    """Fork a child that goes on while this process ends; the child ends when the named pipe is written to."""
    if os.fork() == 0:
        watch()
        open(pipe, "rb").close()
        os._exit(0)
    os._exit(7)
