"""Streams in a run that watches: each item is taken inside the frame of the call that gave the stream, and told of.

The call ends with the stream: read to its end, closed by its reader, or failed. Read next: `omnitron.runtime.watching`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from types import GeneratorType, coroutine
from typing import Any

from omnitron.model import CallFailed, CallFinished, ItemYielded, StreamEnd
from omnitron.runtime.frames import Frame, leave_frame, reset_watch, set_watch
from omnitron.runtime.stopping import leaves_as
from omnitron.runtime.streams import begun

__all__ = ["one_turn", "told"]


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


def inside(frame: Frame, call: Callable[[], Any]) -> Any:
    """Make a call inside a frame."""
    token = set_watch(frame)
    try:
        return call()
    finally:
        reset_watch(token)


def telling(frame: Frame, stream: Generator[Any], started: float, *, begins: bool) -> Generator[Any]:
    """Read a sync stream."""
    run, call, advance = frame.run, frame.call, stream.__next__
    assert call is not None
    observed, now, index = bool(run.observers), run.clock.monotonic, 0
    try:
        if begins:
            yield
        while True:
            run.go_on(call)
            try:
                item = inside(frame, advance)
            except StopIteration:
                break
            if observed:
                run.notify(ItemYielded(call, index, item))
            index += 1
            yield item
    except BaseException as error:
        try:
            inside(frame, stream.close)
        except BaseException as broken:
            run.notify(CallFailed(call, leaves_as(broken), now() - started))
            raise
        if isinstance(error, GeneratorExit):
            run.notify(CallFinished(call, StreamEnd(index, complete=False), now() - started))
        else:
            run.notify(CallFailed(call, leaves_as(error), now() - started))
        raise
    run.notify(CallFinished(call, StreamEnd(index, complete=True), now() - started))


async def inside_async(frame: Frame, call: Callable[[], Any]) -> Any:
    """Await a call inside a frame."""
    token = set_watch(frame)
    try:
        return await call()
    finally:
        leave_frame(token)


async def telling_async(
    frame: Frame, stream: AsyncGenerator[Any], started: float, *, begins: bool
) -> AsyncGenerator[Any]:
    """Read an async stream."""
    run, call, advance = frame.run, frame.call, stream.__anext__
    assert call is not None
    observed, now, index = bool(run.observers), run.clock.monotonic, 0
    try:
        if begins:
            yield
        while True:
            if run.is_late is not None and run.is_late():
                await one_turn()  # the cancellation arrives
            run.go_on(call)
            try:
                item = await inside_async(frame, advance)
            except StopAsyncIteration:
                break
            if observed:
                await run.notify_async(ItemYielded(call, index, item))
            index += 1
            yield item
    except BaseException as error:
        try:
            await inside_async(frame, stream.aclose)
        except BaseException as broken:
            await run.notify_async(CallFailed(call, leaves_as(broken), now() - started))
            raise
        if isinstance(error, GeneratorExit):
            await run.notify_async(CallFinished(call, StreamEnd(index, complete=False), now() - started))
        else:
            await run.notify_async(CallFailed(call, leaves_as(error), now() - started))
        raise
    await run.notify_async(CallFinished(call, StreamEnd(index, complete=True), now() - started))
