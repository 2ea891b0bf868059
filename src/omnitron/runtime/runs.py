"""`Run`: the handle of a run that was started and goes on by itself.

States: running → succeeded | failed | cancelled; an ended run changes no more. An async run is a task, a sync one a thread;
the handle is the same, and may be used from any thread and any event loop.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Callable, Generator
from contextvars import copy_context
from functools import partial
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from omnitron.errors import DefinitionError, NoRun, RunCancelled
from omnitron.model import COLLECT, Event
from omnitron.runtime.bells import Bell
from omnitron.runtime.contexts import Context, admitted_flow, run_async, run_sync, without_title
from omnitron.runtime.following import LOOK_S, MAX_EVENTS, RunEvents
from omnitron.runtime.forking import after_fork
from omnitron.runtime.outside import outside
from omnitron.runtime.reporting import log, shown
from omnitron.runtime.scopes import AppScope, Scope, running_loop, scope_here
from omnitron.runtime.starting import watched_frame
from omnitron.runtime.stopping import Halt
from omnitron.runtime.streams import STREAMS, end, end_async, is_async_stream

if TYPE_CHECKING:
    from omnitron.runtime.frames import Watched

__all__ = ["Run", "RunEvents", "start_run"]

R = TypeVar("R")

going_on: set[Run[Any]] = set()
"""The runs that go on: the event loop holds its tasks weakly. Each leaves when it ends."""

started: WeakSet[Run[Any]] = WeakSet()
"""All runs that somebody still has the handle of."""


class Run(Generic[R]):
    """A run that was started by `ctx.start(flow, ...)`. Await it for its result.

    Awaiting only waits: a waiter that is cancelled leaves the run alone. A run that failed and whose result nobody took is
    logged.

    Attributes:
        id: the name that `as_run` gave, else 16 random hexadecimal digits.
        flow: the flow's name.
        reason: what was said when it was cancelled, else "".

    Example:
        >>> from omnitron import context, flow
        >>> with context() as app:
        ...     run = app.start(flow(int), "4")
        ...     run.result(), run.status
        (4, 'succeeded')
    """

    __slots__ = (
        "__weakref__", "_asked", "_bell", "_dropped", "_error", "_events", "_loop", "_news", "_owner", "_state",
        "_stop", "_taken", "_traceback", "_value", "flow", "id", "reason",
    )  # fmt: skip

    def __init__(self, id: str, flow: str, owner: Scope | None) -> None:
        self.id = id
        self.flow = flow
        self.reason = ""
        self._owner = owner
        self._bell = Bell()  # rings at the end
        self._news = Bell()  # rings where somebody waits for the next event; see `omnitron.runtime.following`
        self._events: list[Event] = []
        self._dropped = 0
        self._state = "running"
        self._value: Any = None
        self._error: BaseException | None = None
        self._traceback: TracebackType | None = None
        self._taken = False
        self._asked = False
        self._stop: Callable[[str], object] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def status(self) -> str:
        """One of "running", "succeeded", "failed", "cancelled"."""
        return self._state

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._state != "running"

    def cancel(self, reason: str = "") -> bool:
        """Ask the run to end; give False if it has ended already.

        An async run is cancelled where it awaits. A sync one cannot be interrupted: nothing more starts in it, and it ends
        at the next boundary of a step; a step that runs goes on to its end. Whoever asks for the result gets
        `RunCancelled`.
        """
        if not isinstance(reason, str):
            raise DefinitionError(f"the reason of a cancellation is a string, got {reason!r}.")
        with self._bell.changed:
            if self.done:
                return False
            if self._asked:  # a second cancellation would end the clean-up that the first one began
                return True
            self._asked, self.reason, stop = True, reason, self._stop
        if stop is not None:
            stop(reason)
        return True

    def begins(self, stop: Callable[[str], object], loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Take what stops the run, and the loop of an async one; it may have been cancelled already."""
        with self._bell.changed:
            self._stop = stop
            self._loop = loop
            asked = self._asked
        if asked:
            stop(self.reason)

    def result(self, timeout: float | None = None) -> R:
        """Give the result, or raise the run's error; in a thread without a running event loop wait for it.

        Args:
            timeout: the most seconds to wait; None waits until it ends.

        Raises:
            RunCancelled: it was cancelled.
            TimeoutError: it goes on after `timeout` seconds.
            NoRun: it goes on, and waiting here would block an event loop: await the run instead.
        """
        if not self.done:
            if running_loop() is not None:
                raise NoRun(
                    f"the run {self.id!r} goes on, and waiting here would block the event loop. Write `await run`."
                )
            if not self._wait_here(timeout):
                raise TimeoutError(f"the run {self.id!r} goes on after {timeout} s.")
        return self._outcome()

    def __await__(self) -> Generator[Any, None, R]:
        return self._wait_for_result().__await__()

    async def _wait_for_result(self) -> R:
        await self._ended()
        return self._outcome()

    def _wait_here(self, timeout: float | None) -> bool:
        """Wait in this thread until it has ended; say whether it has."""
        over = None if timeout is None else monotonic() + timeout
        while not self.done:
            left = LOOK_S if over is None else min(LOOK_S, over - monotonic())
            if left <= 0:
                return False
            with self._bell.changed:
                self._bell.changed.wait_for(lambda: self.done, left)
            self._look()
        return True

    async def _ended(self) -> None:
        """Wait until it has ended."""
        while True:
            with self._bell.changed:
                if self.done:
                    return
                future = self._bell.wait_for()
            with outside(self._loop):
                await self._bell.rung(future, LOOK_S)
            self._look()

    def _look(self) -> None:
        """End a run whose event loop is gone, or stands still when it is to be cancelled: nothing goes on in it."""
        loop = self._loop
        if loop is not None and not self.done and (loop.is_closed() or (self._asked and not loop.is_running())):
            self.reason = self.reason or ("its event loop was closed" if loop.is_closed() else "")
            self.settle("cancelled")

    def _outcome(self) -> R:
        self._taken = True
        if self._state == "cancelled":
            cancelled = RunCancelled(self.id, self.reason)
            for text in getattr(self._error, "__notes__", ()):
                cancelled.add_note(text)
            raise cancelled from self._error
        if self._error is not None:
            raise self._error.with_traceback(self._traceback)
        value: R = self._value
        return value

    def events(self) -> RunEvents:
        """Give what happened so far by `for`, and from the beginning until the run ends by `async for`.

        The last 100,000 events are kept; those of items of a stream without the values that passed there.
        """
        return RunEvents(self)

    # What the run itself tells

    def observe(self, event: Event, /) -> None:
        """Take an event of the run, from whichever thread."""
        events = self._events
        events.append(event.without_values())
        if len(events) > 2 * MAX_EVENTS:
            self._drop()
        if self._news.waiting:
            with self._news.changed:
                self._news.ring()

    def _drop(self) -> None:
        """Forget the oldest events."""
        with self._news.changed:
            if len(self._events) > 2 * MAX_EVENTS:  # else another thread has
                del self._events[:MAX_EVENTS]
                self._dropped += MAX_EVENTS

    def settle(self, state: str, value: Any = None, error: BaseException | None = None) -> None:
        """Take the end of the run; the first one counts."""
        with self._bell.changed:
            if self.done:
                return
            self._value, self._error, self._stop = value, error, None
            self._traceback = None if error is None else error.__traceback__
            # last: who reads it takes no lock, and a fork in between leaves a run that has not ended
            self._state = state
            self._bell.ring()
        with self._news.changed:
            self._news.ring()
        going_on.discard(self)
        if self._owner is not None:
            self._owner.drop_run(self)

    def end(self) -> None:
        """Wait in this thread until it has ended (who asks has cancelled it).

        Raises:
            DefinitionError: this thread runs its event loop, and would wait for itself.
        """
        if not self.done and self._loop is not None and running_loop() is self._loop:
            raise DefinitionError(
                f"the end of the run {self.id!r} cannot be awaited here: its context was entered by `with` outside of this "
                "event loop, and is left on it. The run is cancelled. Leave the block where it was entered, or write "
                "`async with context(...) as app:`."
            )
        self._wait_here(None)

    async def aend(self) -> None:
        """Wait until it has ended (who asks has cancelled it); a cancellation of this wait is raised afterwards."""
        interrupted: asyncio.CancelledError | None = None
        while not self.done:
            try:
                await self._ended()
            except asyncio.CancelledError as error:
                interrupted = error
        if interrupted is not None:
            raise interrupted

    def __repr__(self) -> str:
        return f"<Run {self.id!r} of {self.flow}, {self._state}>"

    def __del__(self) -> None:
        if getattr(self, "_state", "") == "failed" and not self._taken:
            # without its traceback: formatting one parses source, which a collection in the middle of parsing must not
            said = "" if self._error is None else shown(self._error)
            log(
                "error", "the run %s of %s failed and nobody asked for its result: %s", self.id, self.flow, said,
                run_id=self.id, path=self.flow, attempt=1,
            )  # fmt: skip


def start_run(ctx: Context, flow: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run[Any]:
    """Begin a run in a task or a thread; give its handle."""
    flow, is_async, _, streams = admitted_flow(ctx, flow, kwargs)
    if streams:
        raise DefinitionError(stream_text(flow.name, streams))
    loop = running_loop()
    if is_async and loop is None:
        raise NoRun(
            f"{flow.name!r} is async, and no event loop runs here to start it in. Start it inside `async def`, or run it "
            f"by `asyncio.run(ctx.run(...))`."
        )
    detached = ctx._title is not None and ctx._title[1]
    owner = None if detached else owner_of(ctx)
    if owner is not None and is_async:
        refuse_blocking(owner, loop)
    frame = watched_frame(ctx.runtime, None if ctx._title is None else ctx._title[0], is_async=is_async)
    run: Run[Any] = Run(frame.run.id, flow.name, owner)
    frame.run.observers = (*frame.run.observers, run)
    if owner is not None:
        owner.add_run(run)
    inner = without_title(ctx)
    going_on.add(run)
    started.add(run)
    try:
        if is_async:
            start_task(run, loop, run_async(inner, frame, flow, args, kwargs))
        else:
            call = partial(run_sync, inner, frame, flow, args, kwargs)
            start_thread(run, frame.run, call, ends=not detached and owner is None)
    except BaseException as error:
        run._taken = True
        run.settle("failed", error=error)
        raise
    return run


def stream_text(name: str, colour: str) -> str:
    """Say why a stream is not started."""
    reading = COLLECT if colour == "async" else "`flow | list`"
    return (
        f"a started run goes on by itself, and {name!r} gives a stream, which goes on only as somebody reads it. Read it "
        f"by `ctx.run(...)`, or start a flow whose last step reads it: {reading}."
    )


def no_stream(flow: str, value: Any) -> Any:
    """Refuse the stream that a started run gave; another result is given back."""
    if type(value) in STREAMS:
        end(value)
        raise DefinitionError(stream_text(flow, "async" if is_async_stream(value) else "sync"))
    return value


async def no_stream_async(flow: str, value: Any) -> Any:
    """The async twin of `no_stream`."""
    if type(value) in STREAMS:
        await end_async(value)
        raise DefinitionError(stream_text(flow, "async" if is_async_stream(value) else "sync"))
    return value


def owner_of(ctx: Context) -> Scope | None:
    """Give the scope that a run ends with: that of the entered context, else that of the run which starts it."""
    return ctx._scope if ctx._scope is not None else scope_here.get()


def refuse_blocking(owner: Scope, loop: Any) -> None:
    """Refuse an async run whose owner would wait for it in sync code on the very loop that it needs."""
    blocks = owner.entered_on is loop if isinstance(owner, AppScope) else True
    if owner.loop is None and blocks:
        raise DefinitionError(
            "an async run ends with the context or run that starts it, and this one ends in sync code, which cannot await. "
            "Enter the context by `async with`, start it from async code, or detach it: `ctx.as_run(name, detached=True)`."
        )


def start_task(run: Run[Any], loop: asyncio.AbstractEventLoop, coroutine: Any) -> None:
    """Run a coroutine in a task that settles the handle, even when it never came to run."""
    left_with: list[BaseException] = []

    async def main() -> Any:
        try:
            return await no_stream_async(run.flow, await coroutine)
        except asyncio.CancelledError as error:
            left_with.append(error)  # a task forgets what it was cancelled with
            raise

    task = loop.create_task(main(), name=f"run {run.id}")

    def stop(reason: str) -> None:
        if running_loop() is loop:
            task.cancel(reason)
            return
        try:
            if loop.is_running():
                loop.call_soon_threadsafe(task.cancel, reason)
                return
            task.cancel(reason)
        except RuntimeError:  # the loop is closed
            run.reason = run.reason or "its event loop was closed"
        run.settle("cancelled")  # what comes of it nobody can wait for: its loop is closed, or stands still

    def ended(task: asyncio.Task[Any]) -> None:
        coroutine.close()  # where it never began
        if task.cancelled():
            run.reason = run.reason or ("" if run._asked else "its task was cancelled")
            run.settle("cancelled", error=left_with[0] if left_with else None)
        elif (error := task.exception()) is not None:
            run.settle("failed", error=error)
        else:
            run.settle("succeeded", task.result())

    task.add_done_callback(ended)
    run.begins(stop, loop)


def start_thread(run: Run[Any], watched: Watched, call: Callable[[], Any], *, ends: bool) -> None:
    """Run a call in a thread that settles the handle.

    The program waits for it when it ends; a run that belongs to nobody (`ends`) is asked to stop then.
    """
    halt = watched.halt = Halt()

    def stop(reason: str) -> None:
        halt.ring(reason)

    def work() -> None:
        try:
            value = no_stream(run.flow, call())
        except RunCancelled as error:
            run.settle("failed" if halt.reason is None else "cancelled", error=error)
        except BaseException as error:
            run.settle("failed", error=error)
        else:
            run.settle("succeeded", value)

    wait_at_exit(run, ends=ends)
    run.begins(stop)
    try:
        threading.Thread(target=copy_context().run, args=(work,), name=f"run {run.id}", daemon=True).start()
    except BaseException:
        going_on_at_exit.pop(run, None)
        raise


going_on_at_exit: WeakKeyDictionary[Run[Any], bool] = WeakKeyDictionary()
at_exit: list[Callable[[], None]] = []
"""What the end of this process is to call, once it has been told so."""


def wait_at_exit(run: Run[Any], *, ends: bool) -> None:
    """Have the end of the program wait for a run; `ends` says that it is asked to stop then."""
    if not at_exit:
        at_exit.append(end_with_program)
        atexit.register(end_with_program)
    going_on_at_exit[run] = ends


def end_with_program() -> None:
    """Wait for the threads of sync runs when the program ends; those that belong to nobody are asked to stop."""
    runs = [(run, ends) for run, ends in list(going_on_at_exit.items()) if not run.done]
    for run, ends in runs:
        if ends:
            run.cancel("the program has ended")
    for run, _ in runs:
        run.end()


def leave_runs_to_parent() -> None:
    """In a forked child: no run of the parent goes on here, and nobody waits for one; those that have ended can be read."""
    at_exit.clear()  # `multiprocessing` forgets in its children what is to be done then
    going_on_at_exit.clear()
    going_on.clear()
    for run in list(started):
        # another thread may have held the locks of the old ones, and their waiters are not here
        run._bell, run._news = Bell(), Bell()
        run._taken = True  # a failure that nobody asks for is told of in the parent
        if not run.done:
            run._state, run._stop = "cancelled", None
            run.reason = "it stayed in the process that this one was forked from"


after_fork(leave_runs_to_parent)
