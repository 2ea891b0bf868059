"""Flows that fork, for the tests of the command line."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import warnings

from omnitron import flow


def fork() -> int:
    """Fork, whatever threads there are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def ended(pid: int) -> int:
    """Wait for a child; give its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@flow
def exits(code: int) -> int:
    """Have a child that leaves by `sys.exit`; give its exit code."""
    pid = fork()
    if pid == 0:
        sys.exit(code)
    return ended(pid)


@flow
def returns() -> int:
    """Have a child that returns from the flow; give its exit code."""
    pid = fork()
    return ended(pid) if pid else 99


def terminated() -> int:
    """Have a child that waits, and ask it to end as `multiprocessing` does; give its exit code."""
    told = os.pipe()
    pid = fork()
    if pid == 0:
        os.write(told[1], b".")
        time.sleep(60)
        os._exit(1)
    os.read(told[0], 1)
    os.kill(pid, signal.SIGTERM)
    return ended(pid)


terminates = flow(terminated)


@flow
async def terminates_later() -> int:
    """Do the same from a thread of an async flow."""
    return await asyncio.to_thread(terminated)


@flow
def yields():
    """Have a child that goes on in the stream; give its exit code among the items."""
    yield 1
    pid = fork()
    if pid:
        yield ended(pid)
    yield 2
