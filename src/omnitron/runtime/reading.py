"""Runs whose flow gave a stream: they go on, item by item, as somebody reads, and end with the stream.

Each item is taken inside a context of the run's own (`Context.run`): nothing is set and reset around a `yield`, so readers
may come and go, in any task or thread. When the stream is read to its end, closed, or fails, what was opened for the run is
closed. Streams within streams need none of this: the outermost reads them. Read next: `omnitron.runtime.contexts`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextvars import Context as Variables
from contextvars import copy_context
from types import GeneratorType
from typing import Any

from omnitron.errors import DefinitionError, NoRun
from omnitron.runtime.frames import Frame, read_watch
from omnitron.runtime.leaving import Leaving
from omnitron.runtime.options import Runtime
from omnitron.runtime.scopes import AppScope, Scope, running_loop
from omnitron.runtime.starting import refuse_late
from omnitron.runtime.stopping import Stop, leaves_as
from omnitron.runtime.streams import STREAMS, begun, end_async, fail, fail_async, go_on_in, read_in

__all__ = ["Reading", "hand_over", "hand_over_async", "read_here"]


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
        """Give what leaves when a deadline, or a cancellation of the run, ended the stream.

        Where what was cancelled is the run that reads, that goes on to end: nothing there may catch it.
        """
        if self.leaves is not None:
            return self.leaves(stop)
        around = read_watch()
        if around is not None and self.frame is not None and around.run.halt is self.frame.run.halt is not None:
            return stop
        return stop.error

    def leave(self) -> None:
        """End the stream because its context was left. One that is read elsewhere at this moment ends after that item."""
        self.left = True
        if type(self.stream) is GeneratorType:
            self.end(GeneratorExit())

    async def leave_async(self) -> None:
        """The async twin of `leave`; a stream of another loop ends after the item that it is at, or with that loop."""
        if type(self.stream) is GeneratorType:
            self.leave()
            return
        self.left = True
        scope = self.scope
        if (scope is None or scope.loop in (None, running_loop())) and not self.stream.ag_running:
            await self.end_async(GeneratorExit())

    def close(self) -> bool:
        """Close the stream; say whether that was possible: not while an item is computed in another thread."""
        entered = False

        def close() -> None:
            nonlocal entered
            entered = True
            self.stream.close()

        try:
            self.run(close)
        except RuntimeError:
            if entered:
                raise
        return entered

    def end(self, error: BaseException | None) -> None:
        """Close the stream, and what was opened for its run, because of an error or at the end (None).

        Raises:
            BaseException: what closing raised, where it leaves in the place of the error; see `Leaving`.
        """
        scope = self.scope
        holds = scope is not None and not scope.closed and bool(scope.entries or scope.runs)
        if holds or self.stream.gi_frame is not None:  # else it was read to its end
            left, closed = Leaving(error), True
            with left:
                closed = self.close()
            if closed and holds and scope is not None:
                with left:
                    self.run(scope.close, left.error)
            if closed and scope is not None:
                scope.closed = True
            left.leave()
        elif scope is not None:
            scope.closed = True

    async def end_async(self, error: BaseException | None) -> None:
        """The async twin of `end`; what asynchronous observers answered is awaited too."""
        left, scope, frame = Leaving(error), self.scope, self.frame
        with left:
            await read_in(self.run, end_async(self.stream))
        if frame is not None and frame.run.later:
            with left:
                await read_in(self.run, settled(frame))
        if scope is not None:
            with left:
                if (scope.entries or scope.runs) and not scope.closed:
                    await read_in(self.run, scope.aclose(left.error))
            scope.closed = True
        left.leave()


async def settled(frame: Frame) -> None:
    """Await what asynchronous observers answered where nothing could await it."""
    interrupted = await frame.run.settle_later()
    if interrupted is not None:
        raise interrupted


def read_here(value: Any) -> Any:
    """Give a stream whose items are taken in the running context, whoever reads it; any other value as it is."""
    if type(value) not in STREAMS:
        return value
    return Reading(value, copy_context(), leaves=lambda stop: stop).begin()


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


async def hand_over_async(stream: Any, runtime: Runtime, scope: Scope, frame: Frame | None) -> Any:
    """The same for an async run; what asynchronous observers answered where nothing could await it is awaited before."""
    if frame is not None and frame.run.later:
        try:
            await settled(frame)
        except BaseException as error:
            await fail_async(stream, error)
            raise
    return hand_over(stream, runtime, scope, frame)


def refuse_unclosable(stream: Any, scope: Scope) -> None:
    """Refuse a sync stream of a run that has open what could not be closed when the stream ends."""
    names = [closer.resource.name for closer in scope.closers or () if closer.resource.is_async]
    names += [f"the run {run.id!r}" for run in scope.runs or ()]
    if names:
        error = DefinitionError(
            f"the flow is async and gave a sync stream, at whose end nothing can be awaited; but {', '.join(names)} would "
            "have to be closed then. Make one of its streaming steps async, or let a last step make a list."
        )
        fail(stream, error)
        raise error


def left_early() -> NoRun:
    """Say why a stream ends that was not read to its end."""
    return NoRun(
        "the stream was closed before it was read to its end, because the context whose run gave it was left. "
        "Read it inside the `with` block, or make a list of it there."
    )


def read(o_reading: Reading, *, begins: bool) -> Generator[Any]:
    """Read a sync stream, each item inside its context."""
    run, advance, runtime = o_reading.run, o_reading.stream.__next__, o_reading.runtime
    ended: BaseException | None = None
    try:
        if begins:
            yield
        while runtime is None and not o_reading.left:
            yield run(advance)
        while runtime is not None and not o_reading.left:
            item = run(advance)
            refuse_late(runtime, "the stream gave an item")
            yield item
    except StopIteration:
        pass
    except Stop as stop:
        ended = o_reading.passed(stop)
    except BaseException as error:
        o_reading.end(error)
        raise
    finally:
        item = None  # see Note [Outcomes] in `omnitron.runtime.mapping`
    if o_reading.left and ended is None:
        ended = left_early()
    try:
        o_reading.end(None if ended is None else leaves_as(ended))
        if ended is not None:
            raise ended from None
    finally:
        del ended


def limits(runtime: Runtime | None) -> Callable[[Callable[[], Any]], Awaitable[Any]] | None:
    """Give what awaits an item until the deadline, where there is one."""
    if runtime is None or runtime.deadline is None:
        return None
    from omnitron.runtime.deadlines import before_deadline

    deadline, clock = runtime.deadline, runtime.clock
    return lambda advance: before_deadline(deadline, clock, advance, (), {}, "the next item was asked for")


async def read_async(o_reading: Reading, *, begins: bool) -> AsyncGenerator[Any]:
    """The async twin of `read`."""
    run, advance, scope = o_reading.run, o_reading.stream.__anext__, o_reading.scope
    limited = limits(o_reading.runtime)
    ended: BaseException | None = None
    try:
        if begins:
            yield
        if scope is not None and scope.loop is None:
            scope.loop = running_loop()
        while limited is None and not o_reading.left:
            steps = advance()
            try:
                waits = run(steps.send, None)
            except StopIteration as stop:
                item = stop.value
            else:
                item = await go_on_in(run, steps, waits)
            yield item
        while limited is not None and not o_reading.left:
            yield await read_in(run, limited(advance))
    except StopAsyncIteration:
        pass
    except Stop as stop:
        ended = o_reading.passed(stop)
    except BaseException as error:
        await o_reading.end_async(error)
        raise
    finally:
        item = None  # see Note [Outcomes] in `omnitron.runtime.mapping`
    if o_reading.left and ended is None:
        ended = left_early()
    try:
        await o_reading.end_async(None if ended is None else leaves_as(ended))
        if ended is not None:
            raise ended from None
    finally:
        del ended
