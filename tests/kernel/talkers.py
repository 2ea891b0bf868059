"""Flows that log in worker processes, for the tests of logging. Importing this puts up a handler, as many modules do."""

import asyncio
import io
import logging
import os
import threading
import time
import warnings

from omnitron import flow

log = logging.getLogger("talkers")
written = io.StringIO()
log.addHandler(logging.StreamHandler(written))
log.propagate = False


class Sore:
    """An object that has no text and does not pickle."""

    def __str__(self):
        raise ZeroDivisionError("no text")

    __repr__ = __reduce__ = __str__


class Point:
    """An object that pickles."""

    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return isinstance(other, Point) and self.x == other.x

    __hash__ = None


@flow
def inner(x):
    """Log at a level that few want."""
    log.debug("inner %s", x)
    return x


@flow
def talk(x):
    """Log, and call a flow that logs."""
    log.info("talk %s", x, extra={"point": Point(x)})
    return inner(x)


@flow
async def later(x):
    """Log around a wait, and in two tasks of branches."""
    log.info("before")
    await asyncio.sleep(0)
    log.info("after")
    return x


@flow
async def further(x):
    """Go on in a process of its own."""
    log.info("further")
    return await talk.on("process")(x)


@flow
def fail(x):
    """Log an exception that is handled."""
    try:
        raise ValueError("within", x)
    except ValueError:
        log.exception("caught")
    return x


@flow
def odd(x):
    """Log what is hard to send."""
    log.info("value %s", Sore())
    log.info("%d %d", 1)  # noqa: PLE1206 - what is tried
    log.info("carries", extra={"sore": Sore(), "call": lambda: 0, "run_id": "mine"})
    log.info("é\ud800 %s", "z" * 3_000_000)
    log.log(35, "between")
    return x


@flow
def whisper(secret):
    """Log a secret."""
    log.info("key %s", secret, extra={"key": secret, "keys": [secret]})


@flow
def die(x):
    """Log, and leave without clean-up."""
    log.warning("last words")
    os._exit(7)


@flow
def chatter(x):
    """Log from threads, some of which go on when the answer is there."""

    def speak(name):
        for number in range(200):
            log.info("%s %s", name, number)

    threads = [threading.Thread(target=speak, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    threads[0].join()
    return "y" * 1_000_000


@flow
def linger(doors):
    """Log from a thread when the answer is there: when one pipe is opened, then open another."""
    enter, leave = doors

    def late():
        open(enter).close()
        log.info("late")
        open(leave, "w").close()

    threading.Thread(target=late).start()


@flow
def hold(x):
    """Log without end until it is ended, and once more on the way out."""
    try:
        log.info("begun")
        for _ in range(100_000):
            log.info("x" * 100_000)
            time.sleep(0)
    finally:
        log.info("ended")


@flow
def branch_off(x):
    """Log in a child process that this one forks."""
    child = os.fork()
    if child == 0:
        try:
            log.info("child")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    log.info("parent")
    return x


@flow
def warn(x):
    """Warn."""
    warnings.warn("take care", UserWarning, stacklevel=1)
    return x


@flow
def anew(x):
    """Configure logging as a program would, and log."""
    logging.basicConfig(force=True, stream=written, level="ERROR")
    log.error("unheard")
    return x


@flow
def handlers(x):
    """Tell which handlers stand, by the names of their classes."""
    return [[type(one).__name__ for one in logger.handlers] for logger in (logging.root, log)]
