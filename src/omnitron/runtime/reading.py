"""Runs whose flow gave a stream: they go on, item by item, as somebody reads, and end with the stream.

Each item is taken inside a context of the run's own (`Context.run`): nothing is set and reset around a `yield`, so readers
may come and go, in any task or thread. When the stream is read to its end, closed, or fails, what was opened for the run is
closed. Streams within streams need none of this: the outermost reads them. Read next: `omnitron.runtime.contexts`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import suppress
from contextvars import Context as Variables
from contextvars import copy_context
from types import GeneratorType
from typing import Any

from omnitron.errors import DefinitionError, NoRun
from omnitron.runtime.frames import Frame
from omnitron.runtime.options import Runtime
from omnitron.runtime.scopes import AppScope, Scope, note, running_loop
from omnitron.runtime.starting import refuse_late
from omnitron.runtime.stopping import Stop
from omnitron.runtime.streams import begun, go_on_in, read_in

__all__ = ["Reading", "hand_over", "refuse_unclosable"]


class Reading:
    """What a stream is read in: the variables of its run, and the scope that ends with it.

    Args:
        stream: a generator of either kind.
        variables: the context variables of the run, which belong to the stream from now on.
        runtime: what the run carries; its deadline holds for each item. None where another one sees to that.
        scope: what was opened for the run; None where that belongs to another run.
        frame: the root frame of a run that is watched.
        leaves: gives what leaves where a `Stop` ends the stream; by default its error.
    """

    __slots__ = ("__weakref__", "frame", "leaves", "left", "run", "runtime", "scope", "stream")

    def __init__(
        self,
        stream: Any,
        variables: Variables,
        *,
        runtime: Runtime | None = None,
        scope: Scope | None = None,
        frame: Frame | None = None,
        leaves: Callable[[Stop], BaseException] | None = None,
    ) -> None:
        self.stream = stream
        self.run = variables.run
        self.runtime = None if runtime is None or runtime.deadline is None else runtime
        self.scope = scope
        self.frame = frame
        self.leaves = leaves
        self.left = False

    def begin(self) -> Any:
        """Give the stream that the reader reads; an entered context ends it when it is left."""
        scope = self.scope
        if scope is not None:
            app: AppScope | None = scope.context._scope
            if app is not None:
                app.add_reading(self)
        return begun(read if type(self.stream) is GeneratorType else read_async, self)

    def passed(self, stop: Stop) -> BaseException:
        """Give what leaves when a deadline, or a cancellation of the run, ended the stream."""
        return stop.error if self.leaves is None else self.leaves(stop)

    def leave(self) -> None:
        """End the stream because its context was left. One that is read elsewhere at this moment ends at its next item."""
        self.left = True
        if type(self.stream) is GeneratorType:
            with suppress(ValueError):  # "generator already executing"
                self.end(None)

    async def leave_async(self) -> None:
        """The async twin of `leave`; a stream of another loop is closed by that."""
        if type(self.stream) is GeneratorType:
            self.leave()
            return
        self.left = True
        scope = self.scope
        if scope is None or scope.loop in (None, running_loop()):
            with suppress(RuntimeError):  # "asynchronous generator is already running"
                await self.end_async(None)

    def refuse_left(self) -> None:
        """Refuse to end quietly when it was not read to its end."""
        if self.left:
            raise NoRun(
                "the stream was closed before it was read to its end, because the context whose run gave it was left. "
                "Read it inside the `with` block, or make a list of it there."
            ) from None

    def end(self, error: BaseException | None) -> BaseException | None:
        """Close the stream, and what was opened for its run; give what it ends with."""
        try:
            self.run(self.stream.close)
        except BaseException as broken:
            error = first_error(error, broken)
        scope = self.scope
        if scope is not None:
            if (scope.entries or scope.runs) and not scope.closed:
                self.run(scope.close, error)
            scope.closed = True
        return error

    async def end_async(self, error: BaseException | None) -> BaseException | None:
        """The async twin of `end`; what asynchronous observers answered is awaited too."""
        try:
            await read_in(self.run, self.stream.aclose())
        except BaseException as broken:
            error = first_error(error, broken)
        if self.frame is not None and self.frame.run.later:
            error = await read_in(self.run, self.frame.run.settle_later()) or error
        scope = self.scope
        if scope is not None:
            if (scope.entries or scope.runs) and not scope.closed:
                await read_in(self.run, scope.aclose(error))
            scope.closed = True
        return error


def hand_over(stream: Any, runtime: Runtime, scope: Scope, frame: Frame | None) -> Any:
    """Give the stream of a run to its reader: the run goes on in it, and what was opened for the run closes with it.

    Raises:
        DefinitionError: an async run gave a sync stream, and something is open that only async code can close.
    """
    if type(stream) is GeneratorType:
        if scope.loop is not None:
            refuse_unclosable(stream, scope)
            scope.loop = None
        if frame is not None:
            frame.run.later = None
    return Reading(stream, copy_context(), runtime=runtime, scope=scope, frame=frame).begin()


def refuse_unclosable(stream: Any, scope: Scope) -> None:
    """Refuse a sync stream of a run that has open what could not be closed when the stream ends."""
    names = [closer.resource.name for closer in scope.closers or () if closer.resource.is_async]
    names += [f"the run {run.id!r}" for run in scope.runs or ()]
    if names:
        stream.close()
        raise DefinitionError(
            f"the flow is async and gave a sync stream, at whose end nothing can be awaited; but {', '.join(names)} would "
            "have to be closed then. Make one of its streaming steps async, or let a last step make a list."
        )


def first_error(error: BaseException | None, broken: BaseException) -> BaseException:
    """Give what a stream ends with that was closed for `error`, and whose closing raised."""
    if error is None or isinstance(error, GeneratorExit):
        return broken
    note(error, f"closing failed too: {type(broken).__name__}: {broken}")
    return error


def read(o_reading: Reading, *, begins: bool) -> Generator[Any]:
    """Read a sync stream, each item inside its context."""
    run, advance, runtime = o_reading.run, o_reading.stream.__next__, o_reading.runtime
    ended: BaseException | None = None
    try:
        if begins:
            yield
        if runtime is None:
            while True:
                yield run(advance)
        while True:
            item = run(advance)
            refuse_late(runtime)
            yield item
    except StopIteration:
        o_reading.refuse_left()
    except Stop as stop:
        ended = o_reading.passed(stop)
    except BaseException as error:
        ended = o_reading.end(error)
        if ended is not error and ended is not None:
            raise ended from error
        raise
    ended = o_reading.end(ended)
    if ended is not None:
        raise ended from None


async def read_async(o_reading: Reading, *, begins: bool) -> AsyncGenerator[Any]:
    """The async twin of `read`."""
    run, advance, runtime, scope = o_reading.run, o_reading.stream.__anext__, o_reading.runtime, o_reading.scope
    ended: BaseException | None = None
    try:
        if begins:
            yield
        if scope is not None and scope.loop is None:
            scope.loop = running_loop()
        while runtime is None:
            steps = advance()
            try:
                waits = run(steps.send, None)
            except StopIteration as stop:
                item = stop.value
            else:
                item = await go_on_in(run, steps, waits)
            yield item
        from omnitron.runtime.deadlines import before_deadline

        assert runtime.deadline is not None
        while True:
            yield await read_in(run, before_deadline(runtime.deadline, runtime.clock, advance, (), {}))
    except StopAsyncIteration:
        o_reading.refuse_left()
    except Stop as stop:
        ended = o_reading.passed(stop)
    except BaseException as error:
        ended = await o_reading.end_async(error)
        if ended is not error and ended is not None:
            raise ended from error
        raise
    ended = await o_reading.end_async(ended)
    if ended is not None:
        raise ended from None
