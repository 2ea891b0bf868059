"""Streams in a run that watches: each item is taken inside the frame of the call that gave the stream, and told of.

The call ends with the stream: read to its end, closed by its reader, or failed. Read next: `omnitron.runtime.watching`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Generator, Iterable
from types import GeneratorType, coroutine
from typing import Any

from omnitron.errors import DefinitionError
from omnitron.model import Call, CallFailed, CallFinished, Event, StreamEnd, new_yielded
from omnitron.runtime.frames import Frame, leave_frame, reset_watch, set_watch
from omnitron.runtime.mapping import again, again_async
from omnitron.runtime.stopping import leaves_as
from omnitron.runtime.streams import begun, ending, fail, fail_async, is_async_stream

__all__ = ["one_turn", "standing", "told"]


@coroutine
def one_turn() -> Generator[None, None, None]:
    """Let the event loop go on once."""
    yield


def told(frame: Frame, stream: Any, started: float) -> Any:
    """Give a stream whose items are taken inside `frame`; observers are told of each, and of the end.

    Args:
        frame: that of the call which gave it.
        stream: a generator of either kind.
        started: when the call began, in seconds of the run's clock.
    """
    frame.streams = True
    return begun(telling if type(stream) is GeneratorType else telling_async, frame, stream, started)


def standing(call: Call, output: Any) -> Any:
    """Give what stands in for a flow that gives a stream as a stream too, of whatever iterable it is.

    Raises:
        DefinitionError: it is an async one in the place of a sync generator function.
    """
    colour = call.node.streams
    if not colour or isinstance(output, (str, bytes)):
        return output
    if hasattr(output, "__await__"):
        return awaited(output) if colour == "async" and not call.node.children else output
    if hasattr(output, "__aiter__"):
        if colour == "async" or call.node.children:
            return output if is_async_stream(output) else again_async(output.__aiter__())
        raise DefinitionError(
            f"what stands in for {call.path!r} gives an async stream, and that is sync: nothing could await its items. "
            "Give a generator, or a list."
        )
    if not hasattr(output, "__iter__"):
        return output
    if colour == "async" and not call.node.children:
        return later(output)
    return output if type(output) is GeneratorType else again(iter(output))


async def awaited(waiting: Awaitable[Any]) -> AsyncGenerator[Any]:
    """Give what an iterable gives that has to be awaited first."""
    items = await waiting
    async for item in items if hasattr(items, "__aiter__") else later(items):
        yield item


async def later(items: Iterable[Any]) -> AsyncGenerator[Any]:
    """Give sync items as an async stream."""
    with ending(items):
        for item in items:
            yield item


def telling(frame: Frame, stream: Generator[Any], started: float, *, begins: bool) -> Generator[Any]:
    """Read a sync stream. See Note [How deep]."""
    run, call, advance = frame.run, frame.call, stream.__next__
    assert call is not None
    observed, now, index = bool(run.observers), run.clock.monotonic, 0
    try:
        if begins:
            yield
        while True:
            if run.halt is not None or run.deadline is not None:
                run.go_on(call)
            token = set_watch(frame)
            try:
                item = advance()
            except StopIteration:
                break
            finally:
                reset_watch(token)
            if observed:
                run.notify(new_yielded(call, index, item))
            index += 1
            yield item
    except BaseException as error:
        token = set_watch(frame)
        try:
            fail(stream, error)
        except BaseException as broken:
            run.notify(CallFailed(call, leaves_as(broken), now() - started))
            raise
        finally:
            reset_watch(token)
        run.notify(end_of(call, error, index, now() - started))
        raise
    run.notify(CallFinished(call, StreamEnd(index, complete=True), now() - started))


async def telling_async(
    frame: Frame, stream: AsyncGenerator[Any], started: float, *, begins: bool
) -> AsyncGenerator[Any]:
    """Read an async stream. See Note [How deep]."""
    run, call, advance = frame.run, frame.call, stream.__anext__
    assert call is not None
    observed, now, index = bool(run.observers), run.clock.monotonic, 0
    try:
        if begins:
            yield
        while True:
            if run.is_late is not None and run.is_late():
                await one_turn()  # the cancellation arrives
            if run.halt is not None or run.deadline is not None:
                run.go_on(call)
            token = set_watch(frame)
            try:
                item = await advance()
            except StopAsyncIteration:
                break
            finally:
                leave_frame(token)
            if observed and (later := run.tell(new_yielded(call, index, item))) is not None:
                await later
            index += 1
            yield item
    except BaseException as error:
        token = set_watch(frame)
        try:
            await fail_async(stream, error)
        except BaseException as broken:
            leave_frame(token)
            await run.notify_async(CallFailed(call, leaves_as(broken), now() - started))
            raise
        leave_frame(token)
        await run.notify_async(end_of(call, error, index, now() - started))
        raise
    await run.notify_async(CallFinished(call, StreamEnd(index, complete=True), now() - started))


def end_of(call: Call, error: BaseException, items: int, took: float) -> Event:
    """Give the event that tells the end of a stream which was not read to its end."""
    if isinstance(error, GeneratorExit):
        return CallFinished(call, StreamEnd(items, complete=False), took)
    return CallFailed(call, leaves_as(error), took)
