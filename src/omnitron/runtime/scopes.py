"""`Scope`: what is opened in a run or in an entered context, and the runs that were started there; closed at its end.

Rules: each resource is opened at most once in its scope, whoever asks at the same time; everything closes in the reverse
order of opening, on every way out, and no failing close keeps another from running or hides an error. A forked child
leaves to its parent what the parent opened and started. Read next: `omnitron.runtime.filling`, which asks for resources,
and `omnitron.runtime.shores`, what is opened on other event loops.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine, Iterable
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

from omnitron.errors import DefinitionError, NoRun
from omnitron.runtime.forking import Mutex, after_fork, leave_to_parent
from omnitron.runtime.leaving import settle
from omnitron.runtime.reporting import log
from omnitron.runtime.resources import Resource

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from types import TracebackType

    from omnitron.runtime.contexts import Context
    from omnitron.runtime.shores import Shore

__all__ = [
    "SHORE",
    "UNOPENED",
    "AppScope",
    "Closer",
    "Entry",
    "Scope",
    "close_all",
    "first_of",
    "making",
    "running_loop",
    "scope_here",
]

UNOPENED: Any = object()
SHORE: Any = object()
making = Mutex()
"""Guards what scopes hold, for the moments in which it changes."""


class Entry:
    """The place of one resource in a scope: its value, and who may open it now."""

    __slots__ = ("kept", "lock", "opening", "value")

    def __init__(self, kept: Any) -> None:
        self.value: Any = UNOPENED
        self.lock: Any = None
        self.kept = kept
        self.opening: Any = None

    def one_at_a_time(self, kind: Callable[[], Any]) -> Any:
        """Give the lock of this place, of the kind that who opens it can wait for."""
        with making:
            if self.lock is None:
                self.lock = kind()
        return self.lock


class Closer:
    """What finishes one opened resource."""

    __slots__ = ("made", "resource")

    def __init__(self, resource: Resource[Any], made: Any) -> None:
        self.resource = resource
        self.made = made

    def close(self, error: BaseException | None) -> None:
        """Let a generator go on to its end; with the error that ended the scope, which it cannot swallow."""
        traceback = None if error is None else error.__traceback__
        try:
            if error is None:
                next(self.made)
            else:
                self.made.throw(error)
        except StopIteration:
            return
        except BaseException as raised:
            if not is_same(raised, error):
                raise
            return
        finally:
            keep_out(error, traceback)
        self.made.close()
        raise self.twice()

    async def aclose(self, error: BaseException | None) -> None:
        """The async twin of `close`, for either kind of generator."""
        if not self.resource.is_async:
            self.close(error)
            return
        traceback = None if error is None else error.__traceback__
        try:
            if error is None:
                await anext(self.made)
            else:
                await self.made.athrow(error)
        except StopAsyncIteration:
            return
        except BaseException as raised:
            if not is_same(raised, error):
                raise
            return
        finally:
            keep_out(error, traceback)
        await self.made.aclose()
        raise self.twice()

    def close_thrown_away(self, error: BaseException) -> None:
        """Close where nothing can be awaited any more; what would have to wait is an error."""
        closing = self.aclose(error)
        try:
            closing.send(None)
        except StopIteration:
            return
        closing.close()
        raise RuntimeError("it would have to wait, and the coroutine of its run was thrown away")

    def twice(self) -> DefinitionError:
        """Say that a resource yields once."""
        return DefinitionError(
            f"the resource {self.resource.name!r} yields more than once; what closes it stands after."
        )


def keep_out(error: BaseException | None, traceback: TracebackType | None) -> None:
    """Keep what a generator adds to the traceback of an error that was thrown into it out of it."""
    if error is not None:
        error.__traceback__ = traceback


def is_same(raised: BaseException, error: BaseException | None) -> bool:
    """Say whether what leaves a generator is what was thrown into it (PEP 479 wraps a StopIteration)."""
    return raised is error or (error is not None and isinstance(raised, RuntimeError) and raised.__cause__ is error)


class Scope:
    """What belongs to one run.

    Attributes:
        context: whose scope it is.
        loop: the event loop in which it ends; None where it ends in sync code.
        closed: whether it has ended.
        beneath: in another process, what gives the path in the whole run for one that begins with what runs here.
    """

    # Every run makes one, and few need what stands here: no slots, so that what is not set costs nothing.
    is_app = False
    closed = False
    loop: AbstractEventLoop | None = None
    entries: dict[Any, Entry] | None = None
    closers: list[Closer] | None = None
    runs: set[Any] | None = None
    beneath: Callable[[str], str] | None = None

    def __init__(self, context: Context) -> None:
        self.context = context

    @property
    def whose(self) -> str:
        """What to say of a scope that has ended."""
        return "its run has ended"

    def run_id(self) -> str:
        """Give the id of a run that nothing watches, made at the first ask; "" for what began outside of any run."""
        # No lock: a finalizer that logs may ask in the midst of anything. `setdefault` takes the first one.
        found: str | None = self.__dict__.get("id")
        return self.__dict__.setdefault("id", os.urandom(8).hex()) if found is None else found

    def goes_on(self, id: str, beneath: Callable[[str], str]) -> None:
        """Be a part of a run that began in another process."""
        self.__dict__["id"] = id
        self.beneath = beneath

    def call_numbers(self) -> Callable[[], int]:
        """Give what numbers the calls of all parts of such a run that are watched."""
        found: count[int] = self.__dict__.setdefault("numbers", count(1))
        return found.__next__

    def entry(self, key: Any, kept: Any = None) -> Entry:
        """Give the place of a resource, made at the first look."""
        entries = self.entries
        if entries is None:
            with making:
                entries = self.entries = self.entries or {}
            holding.add(self)
        found = entries.get(key)
        return found if found is not None else entries.setdefault(key, Entry(kept))

    def keep(self, closer: Closer) -> bool:
        """Take what closes a resource; say whether there is still somebody who will."""
        with making:
            if not self.closed:
                if self.closers is None:
                    self.closers = []
                self.closers.append(closer)
            return not self.closed

    def add_run(self, run: Any) -> None:
        """Take a run that is to end before this scope does."""
        with making:
            if not self.closed:
                if self.runs is None:
                    self.runs = set()
                self.runs.add(run)
                holding.add(self)
                return
        self.refuse_closed(f"the run {run.id!r} cannot start")

    def drop_run(self, run: Any) -> None:
        """Forget a run that has ended."""
        with making:
            if self.runs is not None:
                self.runs.discard(run)

    def refuse_closed(self, what: str) -> None:
        """Refuse to be used after the end."""
        if self.closed:
            raise NoRun(f"{what}: {self.whose}. Do it before, inside the `with` block or the run.")

    # Ending

    def stop(self) -> tuple[list[Any], list[Closer]]:
        """Take nothing more; ask all runs to end. Give them, to be waited for, and what is to be closed."""
        with making:
            self.closed = True
            runs, closers = list(self.runs or ()), self.closers or []
        for run in runs:
            run.cancel("the context that started it was left" if self.is_app else "the run that started it has ended")
        return runs, closers

    def close(self, error: BaseException | None, raised: Iterable[BaseException] = ()) -> None:
        """End the scope in sync code; `error` is what it ends with, and is never hidden.

        Args:
            error: what it ends with, if anything.
            raised: what was raised already while it ended.

        Raises:
            BaseException: what closing raised, where there is no `error`; several errors as one `ExceptionGroup`.
        """
        runs, closers = self.stop()
        raised = [*raised]
        for run in runs:
            try:
                run.end()
            except BaseException as broken:
                raised.append(broken)
                if not isinstance(broken, Exception):
                    break  # an interrupt: who waits gives up, and everything closes all the same
        self.end_elsewhere(raised)
        while closers:
            closer = closers.pop()
            try:
                closer.close(ends_with(error, raised))
            except BaseException as broken:
                raised.append(told(closer, broken))
        settle(error, raised)

    async def aclose(self, error: BaseException | None, raised: Iterable[BaseException] = ()) -> None:
        """The async twin of `close`; a cancellation that arrives meanwhile does not keep anything from closing."""
        runs, closers = self.stop()
        raised = [*raised]
        for run in runs:
            try:
                await run.aend()
            except BaseException as broken:
                raised.append(broken)
                if isinstance(broken, GeneratorExit):
                    break
        await self.aend_elsewhere(raised)
        await close_all(closers, error, raised)
        settle(error, raised)

    def end_elsewhere(self, raised: list[BaseException]) -> None:
        """End what was opened on other loops; put what was raised into `raised`. That of a run ends with those loops."""

    async def aend_elsewhere(self, raised: list[BaseException]) -> None:
        """The async twin of `end_elsewhere`."""

    def abandon(self, error: GeneratorExit) -> None:
        """End the scope of a coroutine that is thrown away: what would have to wait is only told of."""
        _, closers = self.stop()
        while closers:
            closer = closers.pop()
            try:
                closer.close_thrown_away(error)
            except BaseException as broken:
                told(closer, broken)


class AppScope(Scope):
    """What belongs to one entered context, and to those that derive from it.

    Attributes:
        outer: the scope of the entered context from which this one's context derives; None for a root.
        entered_on: the event loop that ran where the context was entered by `with`, or None.
    """

    is_app = True

    def __init__(self, context: Context, loop: Any, outer: AppScope | None, entered_on: Any) -> None:
        super().__init__(context)
        self.loop = loop
        self.outer = outer
        self.entered_on: AbstractEventLoop | None = entered_on
        self.readings: WeakKeyDictionary[Any, None] | None = None

    @property
    def whose(self) -> str:
        """What to say of a scope that has ended."""
        return "its context was left"

    @property
    def root(self) -> AppScope:
        """The scope that holds the resources of the app."""
        scope = self
        while scope.outer is not None:
            scope = scope.outer
        return scope

    def add_reading(self, reading: Any) -> None:
        """Take a stream that is to end before this scope does; who reads it keeps it."""
        with making:
            if not self.closed:
                if self.readings is None:
                    self.readings = WeakKeyDictionary()
                self.readings[reading] = None
                holding.add(self)

    def read_now(self) -> list[Any]:
        """Give the streams that are not read to their ends, the last begun first."""
        with making:
            return [*(self.readings or ())][::-1]

    def shores(self) -> list[Shore]:
        """Give what was opened on other loops."""
        with making:
            return [entry.value for key, entry in (self.entries or {}).items() if is_shore(key, entry)]

    def close(self, error: BaseException | None, raised: Iterable[BaseException] = ()) -> None:
        """End the scope in sync code, first the streams that are read in it."""
        raised = [*raised]
        for reading in self.read_now():
            try:
                reading.leave()
            except BaseException as broken:
                raised.append(broken)
        super().close(error, raised)

    async def aclose(self, error: BaseException | None, raised: Iterable[BaseException] = ()) -> None:
        """The async twin of `close`."""
        raised = [*raised]
        for reading in self.read_now():
            try:
                await reading.leave_async()
            except BaseException as broken:
                raised.append(broken)
        await super().aclose(error, raised)

    def end_elsewhere(self, raised: list[BaseException]) -> None:
        """End what was opened on loops that run in other threads."""
        for shore in self.shores():
            try:
                shore.end()
            except BaseException as broken:
                raised.append(broken)

    async def aend_elsewhere(self, raised: list[BaseException]) -> None:
        """The async twin of `end_elsewhere`."""
        for shore in self.shores():
            import asyncio

            if any(isinstance(broken, GeneratorExit) for broken in raised):
                return  # nothing can be awaited any more: it ends with those loops
            try:
                await asyncio.to_thread(shore.end)
            except BaseException as broken:
                raised.append(broken)


def is_shore(key: Any, entry: Entry) -> bool:
    """Say whether an entry holds what was opened on another loop."""
    return type(key) is tuple and key[0] is SHORE and entry.value is not UNOPENED


def ends_with(error: BaseException | None, raised: list[BaseException]) -> BaseException | None:
    """Give what a scope ends with for what is yet to close: its error, or the first that closing raised."""
    return error if error is not None else raised[0] if raised else None


async def close_all(closers: list[Closer], error: BaseException | None, raised: list[BaseException]) -> None:
    """Close in reverse order; put what was raised into `raised`. Thrown away meanwhile, it closes without awaiting."""
    while closers:
        closer = closers.pop()
        gone = next((broken for broken in raised if isinstance(broken, GeneratorExit)), None)
        try:
            if gone is not None:
                closer.close_thrown_away(gone)
            else:
                await closer.aclose(ends_with(error, raised))
        except BaseException as broken:
            raised.append(told(closer, broken))


def told(closer: Closer, broken: BaseException) -> BaseException:
    """Log that closing a resource failed; give the error back."""
    log("error", "closing the resource %s failed", closer.resource.name, error=broken)
    return broken


def first_of(made: Any) -> Coroutine[Any, Any, Any]:
    """Give what awaits the one `yield` of an async resource, which its event loop does not get to know.

    Loops end all generators that they know at once, in no order; a resource is ended by its scope.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        first: Coroutine[Any, Any, Any] = made.__anext__()
        return first
    finally:
        sys.set_asyncgen_hooks(*hooks)


scope_here: ContextVar[Scope | None] = ContextVar("omnitron_scope", default=None)
loop_finder: list[Callable[[], Any]] = []


def running_loop() -> Any:
    """Give the event loop that runs in this thread, or None; without importing asyncio for those who do not use it."""
    if loop_finder:
        return loop_finder[0]()
    asyncio = sys.modules.get("asyncio")
    finder = getattr(asyncio, "_get_running_loop", None)
    if finder is None:
        return None
    loop_finder.append(finder)
    return finder()


holding: WeakSet[Scope] = WeakSet()
"""The scopes in which something was opened or started: what a forked child has to leave to its parent."""


def leave_scopes_to_parent() -> None:
    """In a forked child: hold nothing of what the parent opened and started but mere values, and open the rest anew."""
    left: list[Any] = []
    for scope in list(holding):
        scope.runs = None
        if isinstance(scope, AppScope) and scope.readings is not None:
            left += scope.readings  # the streams that are read there end there
            scope.readings = None
        kept: dict[Any, Entry] = {}
        theirs = [] if scope.closers is None else [scope.closers]
        for key, entry in (scope.entries or {}).items():
            if is_inherited(key, entry):
                kept[key] = inherited(entry)
                continue
            left.append(entry)
            if is_shore(key, entry):
                theirs.append(entry.value.closers)
        scope.entries = kept
        for closers in theirs:
            left += closers
            closers.clear()  # in place: whoever stands in the middle of closing them must find nothing more
    if left:
        leave_to_parent(left)


def is_inherited(key: Any, entry: Entry) -> bool:
    """Say whether a forked child may use what its parent opened: a value of no loop that nothing is closed for."""
    target, loop = key[:2] if type(key) is tuple else (key, None)
    return type(target) is Resource and loop is None and entry.value is not UNOPENED and not target.owns


def inherited(entry: Entry) -> Entry:
    """Give the place of a value in a forked child; who held its lock is not there."""
    found = Entry(entry.kept)
    found.value = entry.value
    return found


after_fork(leave_scopes_to_parent)
