"""Running a flow from the command line: signals, and telling what went wrong.

The first SIGINT or SIGTERM ends the run as its colour allows (a sync flow by an exception in the main thread, an async
one by cancelling its task), so every `finally` runs; the second gives up at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Any, NoReturn

from omnitron.cli.exits import Exit
from omnitron.cli.lines import Lines
from omnitron.cli.results import printable, told
from omnitron.cli.streams import tell
from omnitron.cli.targets import AnyFlow
from omnitron.cli.wants import option_text
from omnitron.errors import DeadlineExceeded, MissingNeed, OmnitronError
from omnitron.runtime import Context, after_fork

__all__ = ["Interrupted", "Interruptions", "deadline_hint", "tell_failure"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)
NOTICE = "omnitron: interrupted, cleaning up (once more gives up at once)"
SHOW_CURSOR = b"\x1b[?25h"


class Interrupted(KeyboardInterrupt):
    """The process was asked to end; raised in the main thread, where a sync flow runs."""


class Interruptions:
    """Take over SIGINT and SIGTERM for the length of a block, and run flows so that these end them cleanly.

    Outside the main thread, where Python gives no signals, it only runs flows. A child that a flow forks off has the
    handlers that Python starts with.

    Attributes:
        process: the id of the process whose run it is.
        count: how many signals came.
        show: shows a text beside what is drawn on the terminal, or gives False where nothing is.
    """

    def __init__(self) -> None:
        self.process = os.getpid()
        self.count = 0
        self.show: Callable[[str], bool] | None = None
        self._cancel: Callable[[], object] | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruptions:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self.on_signal)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def forked(self) -> bool:
        """Whether this is a child that was forked inside the run; what the run is to say, its parent says."""
        return os.getpid() != self.process

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """End the run; at the second time, the process."""
        self.count += 1
        if self.count > 1:
            give_up()
        if self.show is None or not self.show(NOTICE):
            with suppress(OSError):  # whoever read it may have been interrupted too
                os.write(2, f"\n{NOTICE}\n".encode())
        if self._cancel is None:
            raise Interrupted(signal.Signals(number).name)
        self._cancel()

    @contextmanager
    def unbroken(self) -> Iterator[None]:
        """Let no signal end the run within this block, but after it; the second one still ends the process."""
        cancel, came = self._cancel, False

        def note() -> None:
            nonlocal came
            came = True

        self._cancel = note
        try:
            yield
        finally:
            self._cancel = cancel
        if came and cancel is None:
            raise Interrupted("after a line")
        if came and cancel is not None:
            cancel()

    def run(
        self, ctx: Context, flow: AnyFlow, args: tuple[Any, ...], kwargs: dict[str, Any], lines: Lines | None = None
    ) -> Any:
        """Enter `ctx`, run a flow of either colour to its end, and leave it, which closes what was opened.

        Gives the result, unless there are `lines` that take it: what it computes lazily belongs to the run.

        Raises:
            Interrupted: a signal came, and the flow has cleaned up.
        """
        runnable: Any = flow
        if flow.colour == "sync" and flow.node.streams != "async":
            with ctx:
                value = ctx.run(runnable, *args, **kwargs)
                if lines is None:
                    return value
                if isinstance(value, AsyncIterator):
                    return self.run_task(lambda: lines.take_async(value))
                return lines.take(value)
        return self.run_task(lambda: self.entered(ctx, runnable, args, kwargs, lines))

    def run_task(self, call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run a coroutine under a loop of its own, in a task that a signal cancels."""
        try:
            with asyncio.Runner() as runner:
                return runner.run(self.as_task(call))
        except asyncio.CancelledError as error:
            if self.count:
                raise Interrupted("cancelled") from error
            raise

    async def as_task(self, call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Await a coroutine in a task that a signal cancels."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        self._cancel = task.cancel
        try:
            with woken_by_signals(loop):
                return await call()
        finally:
            self._cancel = None

    async def entered(
        self, ctx: Context, flow: Any, args: tuple[Any, ...], kwargs: dict[str, Any], lines: Lines | None
    ) -> Any:
        """Run a flow in its context; see `run`."""
        async with ctx:
            value = ctx.run(flow, *args, **kwargs)
            if hasattr(value, "__await__"):
                value = await value
            if lines is None:
                return value
            if isinstance(value, AsyncIterator):
                return await lines.take_async(value)
            cancel, self._cancel = self._cancel, None  # taking it awaits nothing, so that only an exception ends it
            try:
                return lines.take(value)
            finally:
                self._cancel = cancel


@contextmanager
def woken_by_signals(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Let every signal end the wait of a loop, also one that comes just before the wait or to another thread.

    Python's handler runs in the main thread between two instructions: a loop that waits for nothing but its timers
    would not come to it. A loop that reads no sockets (Windows) sees to it itself.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.setblocking(False)
        writer.setblocking(False)
        try:
            loop.add_reader(reader, reader.recv, 4096)
        except NotImplementedError:
            yield
            return
        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            loop.remove_reader(reader)


def give_signals_back() -> None:
    """In a forked child: take no signals over. The run that they would end is the parent's."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if isinstance(getattr(signal.getsignal(number), "__self__", None), Interruptions):
            signal.signal(number, handler)


after_fork(give_signals_back)


def give_up() -> NoReturn:
    """End the process and its workers at once."""
    processes: Any = sys.modules.get("multiprocessing")
    if processes is not None:
        for child in processes.active_children():
            child.kill()
    if os.isatty(2):
        os.write(2, SHOW_CURSOR)
    os._exit(Exit.INTERRUPTED)


# ------------------------------------------------------------------ what went wrong


def tell_failure(error: BaseException, *, show_traceback: bool, hint: str = "") -> None:
    """Print on stderr what a flow raised, with its notes; the traceback from the user's code on when asked.

    Args:
        error: what it raised.
        show_traceback: whether it was asked.
        hint: what to do about it on the command line.
    """
    if show_traceback:
        error = error.with_traceback(from_flow(error.__traceback__))
        text = "".join(traceback.format_exception(error)).rstrip()
    else:
        lines = failure_lines(error)
        if isinstance(error, MissingNeed):
            hint = " ".join(map(option_text, error.missing))
        lines += [f"On the command line: {hint}"] if hint else []
        more = f" What to do: omnitron explain {error.code}" if isinstance(error, OmnitronError) else ""
        text = "\n".join([*lines, f"Run it with --traceback to see where.{more}"])
    tell(printable(text))


def deadline_hint(error: BaseException, ctx: Context, deadline: float | None) -> str:
    """Say where a deadline comes from that a run has met; "" where it is not that of the command."""
    end = ctx.runtime.deadline
    if deadline is None or end is None or not isinstance(error, DeadlineExceeded):
        return ""
    if ctx.runtime.clock.monotonic() < end:  # it is one that the flow itself has set
        return ""
    return f"--deadline {deadline:g} lets the run take no longer; give it more seconds, or leave it out."


def failure_lines(error: BaseException, indent: str = "") -> list[str]:
    """Give type, message and notes of an error, and of the errors that it groups."""
    said = told(error, str).replace("\n", f"\n{indent}")
    lines = [f"{indent}{type(error).__qualname__}{': ' if said else ''}{said}"]
    lines += [f"{indent}  {note}" for note in getattr(error, "__notes__", ())]
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            lines += failure_lines(one, f"{indent}  ")
    return lines


def from_flow(found: TracebackType | None) -> TracebackType | None:
    """Give a traceback without its first frames, which are the command's own."""
    step = found
    while step is not None and is_ours(step.tb_frame):
        step = step.tb_next
    return found if step is None else step


def is_ours(frame: FrameType) -> bool:
    """Say whether a frame belongs to the command and not to the flow."""
    name = str(frame.f_globals.get("__name__"))
    return name.startswith(("omnitron.", "asyncio")) and os.path.isfile(frame.f_code.co_filename)
