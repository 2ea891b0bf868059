"""`Scope`: what is opened in a run or in an entered context, and the runs that were started there; closed at its end.

Rules: each resource is opened at most once in its scope, whoever asks at the same time; everything closes in the reverse
order of opening, on every way out, and no failing close keeps another from running or hides an error. Read next:
`omnitron.runtime.filling`, which asks for resources.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextvars import ContextVar
from threading import Lock
from typing import TYPE_CHECKING, Any

from omnitron.errors import DefinitionError, NoRun
from omnitron.runtime.reporting import logger

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from omnitron.runtime.contexts import Context
    from omnitron.runtime.resources import Resource

__all__ = ["UNOPENED", "Entry", "Scope", "opening", "running_loop", "scope_here"]

UNOPENED: Any = object()
making = Lock()


class Entry:
    """The place of one resource in a scope: its value, and who may open it now."""

    __slots__ = ("kept", "lock", "value")

    def __init__(self, kept: Any) -> None:
        self.value: Any = UNOPENED
        self.lock: Any = None
        self.kept = kept

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
        try:
            if error is None:
                next(self.made)
            else:
                throw(self.made.throw, error)
        except StopIteration:
            return
        except BaseException as raised:
            if raised is not error:
                raise
            return
        self.made.close()
        raise self.twice()

    async def aclose(self, error: BaseException | None) -> None:
        """The async twin of `close`, for either kind of generator."""
        if not self.resource.is_async:
            self.close(error)
            return
        try:
            if error is None:
                await anext(self.made)
            else:
                await throw(self.made.athrow, error)
        except StopAsyncIteration:
            return
        except BaseException as raised:
            if raised is not error:
                raise
            return
        await self.made.aclose()
        raise self.twice()

    def twice(self) -> DefinitionError:
        """Say that a resource yields once."""
        return DefinitionError(
            f"the resource {self.resource.name!r} yields more than once; what closes it stands after."
        )


def throw(into: Callable[[BaseException], Any], error: BaseException) -> Any:
    """Throw an error into a generator, and keep what the generator adds to its traceback out of it."""
    traceback = error.__traceback__
    try:
        return into(error)
    finally:
        error.__traceback__ = traceback


class Scope:
    """What belongs to one run, or to one entered context.

    Attributes:
        context: whose scope it is.
        loop: the event loop in which it ends; None where it ends in sync code.
        entered_on: the event loop that ran where a context was entered by `with`, or None.
        outer: the scope of the entered context from which this one's context derives; None for a run and for a root.
        is_app: whether it belongs to an entered context.
        closed: whether it has ended.
    """

    __slots__ = ("closed", "closers", "context", "entered_on", "entries", "is_app", "loop", "outer", "runs")

    def __init__(self, context: Context, loop: Any = None, outer: Scope | None = None, *, is_app: bool = False) -> None:
        self.context = context
        self.loop: AbstractEventLoop | None = loop
        self.entered_on: AbstractEventLoop | None = None
        self.outer = outer
        self.is_app = is_app
        self.closed = False
        self.entries: dict[Any, Entry] | None = None
        self.closers: list[Closer] = []
        self.runs: set[Any] | None = None

    @property
    def root(self) -> Scope:
        """The scope that holds the resources of the app."""
        scope = self
        while scope.outer is not None:
            scope = scope.outer
        return scope

    def entry(self, key: Any, kept: Any = None) -> Entry:
        """Give the place of a resource, made at the first look."""
        entries = self.entries
        if entries is None:
            with making:
                entries = self.entries = self.entries or {}
        found = entries.get(key)
        return found if found is not None else entries.setdefault(key, Entry(kept))

    def add_run(self, run: Any) -> None:
        """Take a run that is to end before this scope does."""
        self.refuse_closed(f"the run {run.id!r} cannot start")
        with making:
            if self.runs is None:
                self.runs = set()
            self.runs.add(run)

    def drop_run(self, run: Any) -> None:
        """Forget a run that has ended."""
        with making:
            if self.runs is not None:
                self.runs.discard(run)

    def refuse_closed(self, what: str) -> None:
        """Refuse to be used after the end."""
        if self.closed:
            whose = "its context was left" if self.is_app else "its run has ended"
            raise NoRun(f"{what}: {whose}. Do it before, inside the `with` block or the run.")

    def stop_runs(self) -> list[Any]:
        """Ask all runs to end; give them, to be waited for."""
        runs = self.list_runs()
        for run in runs:
            run.cancel("the context that started it was left")
        return runs

    def list_runs(self) -> list[Any]:
        """Give the runs that have not ended."""
        with making:
            return list(self.runs or ())

    # Ending

    def close(self, error: BaseException | None) -> None:
        """End the scope in sync code; `error` is what it ends with, and is never hidden.

        Raises:
            BaseException: what closing raised, where there is no `error`; several errors as one `ExceptionGroup`.
        """
        self.closed = True
        for run in self.stop_runs():
            run.end()
        raised: list[BaseException] = []
        while self.closers:
            closer = self.closers.pop()
            try:
                closer.close(error)
            except BaseException as broken:
                raised.append(told(closer, broken))
        settle(error, raised)

    async def aclose(self, error: BaseException | None) -> None:
        """The async twin of `close`; a cancellation that arrives meanwhile does not keep anything from closing."""
        self.closed = True
        raised: list[BaseException] = []
        if self.runs:
            for run in self.stop_runs():
                try:
                    await run.aend()
                except BaseException as broken:
                    raised.append(broken)
        await close_all(self.closers, error, raised)
        settle(error, raised)

    def abandon(self, error: BaseException) -> None:
        """End the scope of a coroutine that is thrown away: what would have to be awaited is only told of."""
        self.closed = True
        for run in self.list_runs():
            run.cancel("its caller was thrown away")
        while self.closers:
            closer = self.closers.pop()
            if closer.resource.is_async:
                logger().error("the resource %s was never closed: its run was thrown away", closer.resource.name)
                continue
            try:
                closer.close(error)
            except BaseException as broken:
                told(closer, broken)


async def close_all(closers: list[Closer], error: BaseException | None, raised: list[BaseException]) -> None:
    """Close in reverse order; put what was raised into `raised`."""
    while closers:
        closer = closers.pop()
        try:
            await closer.aclose(error)
        except BaseException as broken:
            raised.append(told(closer, broken))


def told(closer: Closer, broken: BaseException) -> BaseException:
    """Log that closing a resource failed; give the error back."""
    logger().error("closing the resource %s failed", closer.resource.name, exc_info=broken)
    return broken


def settle(error: BaseException | None, raised: list[BaseException]) -> None:
    """Let what closing raised leave, unless something else leaves already: then it is noted there.

    A cancellation, or the end of the process, that arrived while an ordinary error was leaving leaves in its place.
    """
    if not raised:
        return
    stops = [broken for broken in raised if not isinstance(broken, Exception)]
    if error is not None:
        if stops and isinstance(error, Exception):
            raise stops[0] from error
        for broken in raised:
            try:
                error.add_note(f"closing failed too: {type(broken).__name__}: {broken}")
            except Exception:
                return
        return
    if stops:
        raise stops[0]
    if len(raised) == 1:
        raise raised[0]
    raise ExceptionGroup("closing resources failed", [broken for broken in raised if isinstance(broken, Exception)])


async def keep_with_loop(scope: Scope, loop: Any, closers: list[Closer]) -> AsyncGenerator[None, None]:
    """Close what was opened on a loop that ends before the scope does, when that loop shuts its generators down."""
    try:
        yield
    finally:
        raised: list[BaseException] = []
        for key in [key for key in scope.entries or () if isinstance(key, tuple) and key[1] is loop]:
            if scope.entries is not None:
                del scope.entries[key]
        await close_all(closers, None, raised)
        settle(None, raised)


class Shore:
    """What a scope has opened on an event loop other than its own."""

    __slots__ = ("closers", "keeper")

    def __init__(self, scope: Scope, loop: Any) -> None:
        self.closers: list[Closer] = []
        self.keeper = keep_with_loop(scope, loop, self.closers)


async def closers_on(scope: Scope, loop: AbstractEventLoop) -> list[Closer]:
    """Give the list that a resource opened on `loop` goes to."""
    if scope.loop is loop:
        return scope.closers
    entry = scope.entry((Shore, loop))
    if entry.value is UNOPENED:
        shore = entry.value = Shore(scope, loop)
        await anext(shore.keeper)
    closers: list[Closer] = entry.value.closers
    return closers


scope_here: ContextVar[Scope | None] = ContextVar("omnitron_scope", default=None)
opening: ContextVar[tuple[Resource[Any], ...]] = ContextVar("omnitron_opening", default=())


def running_loop() -> Any:
    """Give the event loop that runs in this thread, or None; without importing asyncio for those who do not use it."""
    import sys

    asyncio = sys.modules.get("asyncio")
    return None if asyncio is None else asyncio._get_running_loop()
