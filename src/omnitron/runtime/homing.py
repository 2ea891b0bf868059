"""Log records of worker processes come home: both ends of their way.

In the worker a handler of the root logger sends each record over the pipe as it is made, before the answer of the job; the
parent hands it to its own loggers, as if it had been made there. The levels of the parent's loggers travel with the jobs,
so that a worker makes the records that the parent wants. On the pipe a record and the levels are told from jobs and answers
by their first byte, which no pickle begins with. Read next: `omnitron.runtime.travel`, the jobs and answers.
"""

from __future__ import annotations

import logging
import os
import pickle
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from omnitron.runtime.marking import mark
from omnitron.runtime.reporting import log, logger, shown

__all__ = ["LEVELS", "RECORD", "Away", "Levels", "Line", "levels_now", "levels_told", "receive"]

RECORD, LEVELS = b"R", b"L"
PLAIN = (str, int, float, bool, type(None))

Levels = tuple[int, int, bool, dict[str, int]]
"""Of the root logger, of `logging.disable`, whether warnings are captured, and of loggers that have one of their own."""


# In the parent


def levels_now() -> Levels | None:
    """Give the levels of this process."""
    try:
        return int(logging.root.level), int(logging.root.manager.disable), captures(), levelled()
    except Exception:  # a logger of the user's own class
        return None


def levelled() -> dict[str, int]:
    """Give the loggers that have a level of their own, by name, with their levels."""
    every = logging.root.manager.loggerDict.copy().items()
    return {name: int(one.level) for name, one in every if not isinstance(one, logging.PlaceHolder) and one.level}


def captures() -> bool:
    """Say whether warnings go to the logger `py.warnings`."""
    return getattr(warnings.showwarning, "__module__", "") == "logging"


def levels_told(levels: Levels) -> bytes:
    """Give what tells a worker the levels."""
    return LEVELS + pickle.dumps(levels)


def receive(message: bytes) -> None:
    """Hand a record that came home to the loggers of this process, at their levels. Never raises: an answer follows."""
    place: dict[str, Any] = {"run_id": "", "path": "", "attempt": 0}
    try:
        record = unpacked(message)
        place = {name: getattr(record, name) for name in place}
        home = logger() if record.name == "omnitron" else logging.getLogger(record.name)
        if home.isEnabledFor(record.levelno):
            home.handle(record)
    except BaseException as error:
        with suppress(BaseException):
            log("error", "a log record of a worker process could not be handled: %s", shown(error), **place)


def unpacked(message: bytes) -> logging.LogRecord:
    """Make the record again; its time is also counted from the start of this process."""
    fields, parcels = pickle.loads(memoryview(message)[1:])
    for name, parcel in parcels.items():
        try:
            fields[name] = pickle.loads(parcel)
        except Exception as error:
            fields[name] = f"<cannot be loaded here: {shown(error)}>"
    record = logging.makeLogRecord({})
    fields["relativeCreated"] = record.relativeCreated + (fields["created"] - record.created) * 1000
    record.__dict__.update(fields)
    return record


# In the worker


class Line:
    """The worker's end of the pipe, over which all its threads send whole messages, one after the other.

    A request to end (a signal) waits until the message of the main thread is sent: half a message would spoil all that
    come after. What a finalizer logs in the midst of sending is sent next.
    """

    __slots__ = ("asked", "connection", "in_main", "lock", "main", "sends", "waiting")

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.lock = threading.RLock()
        self.waiting: deque[bytes] = deque()
        self.sends = False
        self.main = threading.get_ident()
        self.in_main = 0
        self.asked: Callable[[], None] | None = None

    def send(self, message: bytes) -> None:
        """Send a message.

        Raises:
            OSError: the parent is gone.
        """
        is_main = threading.get_ident() == self.main
        self.in_main += is_main
        try:
            with self.lock:
                self.waiting.append(message)
                if not self.sends:
                    self.send_waiting()
        finally:
            self.in_main -= is_main
            if is_main and not self.in_main and self.asked is not None:
                asked, self.asked = self.asked, None
                asked()

    def send_waiting(self) -> None:
        """Send what waits (the caller holds the lock)."""
        self.sends = True
        try:
            while self.waiting:
                self.connection.send_bytes(self.waiting.popleft())
        finally:
            self.sends = False

    def between(self, handler: Callable[[int, FrameType | None], None]) -> Callable[[int, FrameType | None], None]:
        """Give a signal handler that does what `handler` does, not in the midst of a message."""

        def wait(number: int, frame: FrameType | None) -> None:
            if self.in_main:
                self.asked = lambda: handler(number, frame)
            else:
                handler(number, frame)

        return wait


class Homeward(logging.Handler):
    """Sends records to the parent."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self.line = line

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record as it is now."""
        try:
            self.line.send(RECORD + packed(record))
        except OSError:  # the parent is gone, and this process will end
            return
        except Exception:
            self.handleError(record)


class Away:
    """Logging in a worker: everything goes home, at the levels of the parent.

    What stands when the worker starts, or comes up when the module of a flow is imported, is the program's own
    configuration, made a second time; the parent has it too. Its handlers are taken down and its loggers made to hand on,
    so that no record is written twice. What a flow puts up while it runs stays.
    """

    def __init__(self, line: Line) -> None:
        self.handler = Homeward(line)
        self.levels: Levels | None = None
        self.named: set[str] = set()
        self.tidy((), ())
        self.ready()
        if hasattr(os, "register_at_fork"):  # the pipe is not a child's: it would write into our messages
            os.register_at_fork(after_in_child=lambda: logging.root.removeHandler(self.handler))

    def take(self, message: bytes) -> None:
        """Take the levels of the parent, for the jobs to come."""
        self.levels = pickle.loads(memoryview(message)[1:])

    @contextmanager
    def importing(self) -> Iterator[None]:
        """Take down what is put up inside, where modules are imported."""
        handlers = {handler for one in loggers() for handler in one.handlers}
        silent = {one for one in loggers() if not one.propagate}
        try:
            yield
        finally:
            self.tidy(handlers, silent)

    def tidy(self, handlers: Iterable[logging.Handler], silent: Iterable[logging.Logger]) -> None:
        """Take down all handlers but these; let all loggers but the `silent` ones hand on; note who has a level."""
        for one in loggers():
            for handler in [*one.handlers]:
                if handler is not self.handler and handler not in handlers:
                    one.removeHandler(handler)
            one.propagate = one.propagate or one not in silent
            one.disabled = False
        self.named |= levelled().keys()

    def ready(self) -> None:
        """Be sure that records go home, and are made at the parent's levels."""
        if self.handler not in logging.root.handlers:
            logging.root.addHandler(self.handler)
        if self.levels is not None:
            with suppress(Exception):  # of a logger of the user's own class
                self.set_levels(self.levels)

    def set_levels(self, levels: Levels) -> None:
        """Set what is another here. The level that a flow has set while it ran stays where the parent has none."""
        root, disable, captured, named = levels
        if logging.root.manager.disable != disable:
            logging.disable(disable)
        if captures() != captured:
            logging.captureWarnings(captured)
        set_level(logging.root, root)
        for name in self.named - named.keys():
            set_level(logging.getLogger(name), logging.NOTSET)
        for name, level in named.items():
            set_level(logging.getLogger(name), level)
        self.named = {*named}


def loggers() -> list[logging.Logger]:
    """Give all loggers there are."""
    named = logging.root.manager.loggerDict.copy().values()
    return [logging.root, *(one for one in named if isinstance(one, logging.Logger))]


def set_level(one: logging.Logger, level: int) -> None:
    """Set a level if it is another: setting forgets what all loggers know of theirs."""
    if one.level != level:
        one.setLevel(level)


def packed(record: logging.LogRecord) -> bytes:
    """Give the pickle of a record: its message and traceback as texts, what else it carries by value, or as text too."""
    fields = dict(record.__dict__)
    mark(fields)
    message = message_of(record)
    fields |= {"msg": message, "message": message, "args": None, "exc_info": None, "exc_text": trace_of(record)}
    parcels: dict[str, bytes] = {}
    for name, value in fields.items():
        if type(value) in PLAIN:
            continue
        parcel = parcel_of(value)
        if parcel is None:
            fields[name] = text_of(value)
        else:
            parcels[name] = parcel
    for name in parcels:
        del fields[name]
    return pickle.dumps((fields, parcels), protocol=pickle.HIGHEST_PROTOCOL)


def message_of(record: logging.LogRecord) -> str:
    """Give the message; what cannot be formatted is told as it stands, and why."""
    try:
        return str(record.getMessage())
    except Exception as error:
        return f"{text_of(record.msg)} (its arguments cannot be formatted: {shown(error)})"


def trace_of(record: logging.LogRecord) -> str | None:
    """Give the text of the record's traceback, or None if it has none."""
    if record.exc_text or not isinstance(record.exc_info, tuple):
        return record.exc_text
    try:
        return FORMATTER.formatException(record.exc_info)
    except Exception as error:
        return f"the traceback cannot be shown: {shown(error)}"


FORMATTER = logging.Formatter()


def parcel_of(value: object) -> bytes | None:
    """Give the pickle of a value that loads again, or None."""
    try:
        parcel = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
        pickle.loads(parcel)
    except Exception:
        return None
    return parcel


def text_of(value: object) -> str:
    """Give the text of a value, whatever its `__str__` does."""
    try:
        return str(value)
    except Exception as broken:
        return f"<{type(value).__name__}, whose text cannot be made: {type(broken).__name__}>"
