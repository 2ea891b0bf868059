"""What a stream is, how it is closed, and how one is read inside a context.

A stream is a generator, sync or async: what a generator function gives, what `.stream()` makes, what a run hands over whose
flow gave one. Rules: whoever reads a stream closes it when he leaves early or fails, so that each generator of a row ends
in the order of reading, once; what closing raises hides no other error, and is not lost. Read next:
`omnitron.runtime.mapping`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import AsyncGeneratorType, coroutine
from typing import Any

from omnitron.model import STREAMS
from omnitron.runtime.leaving import Leaving, leaves
from omnitron.runtime.scopes import running_loop

__all__ = [
    "STREAMS",
    "begun",
    "end",
    "end_all",
    "end_all_async",
    "end_async",
    "ending",
    "fail",
    "fail_async",
    "go_on_in",
    "is_async_stream",
    "read_in",
]


def is_async_stream(value: Any) -> bool:
    """Say whether a value is a stream that is read by `async for`."""
    return type(value) is AsyncGeneratorType


def begun(make: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Make a stream of ours and bring it to its first `yield`, so that closing it finds it at work.

    A generator that nobody has begun to read is closed without a word. An async one is begun where a loop runs, which then
    takes care of it; elsewhere it has nothing to end yet. `make` is told by `begins` whether to yield first.
    """
    if not make.__code__.co_flags & ASYNC_GENERATOR:
        stream = make(*args, **options, begins=True)
        next(stream)
        return stream
    begins = running_loop() is not None
    stream = make(*args, **options, begins=begins)
    if begins:
        with suppress(StopIteration):
            stream.__anext__().send(None)
    return stream


ASYNC_GENERATOR = 0x200
"""The flag of the code of async generator functions."""


def end(source: Any) -> None:
    """Close a generator; any other iterable is its owner's."""
    if isinstance(source, Generator):
        source.close()


async def end_async(source: Any) -> None:
    """Close a generator of either kind; any other iterable is its owner's.

    One that is at work is closed by somebody else at this moment: a loop that ends closes all its generators at once.
    """
    if not isinstance(source, AsyncGenerator):
        end(source)
    elif not getattr(source, "ag_running", False):
        await source.aclose()


@contextmanager
def ending(source: Any) -> Iterator[None]:
    """Close a generator on every way out of a block."""
    try:
        yield
    except BaseException as error:
        fail(source, error)
        raise
    end(source)


def fail(source: Any, error: BaseException) -> None:
    """Close a generator because of an error; what that raises is noted on it, or leaves in its place."""
    try:
        if isinstance(source, Generator):
            source.close()
    except BaseException as broken:
        if leaves(error, broken) is not error:
            raise


async def fail_async(source: Any, error: BaseException) -> None:
    """Close a generator of either kind because of an error; what that raises is noted on it, or leaves in its place."""
    try:
        if not isinstance(source, AsyncGenerator):
            end(source)
        elif not getattr(source, "ag_running", False):
            await source.aclose()
    except BaseException as broken:
        if leaves(error, broken) is not error:
            raise


# Note [How deep]
# Streams in a row are read and closed one inside the other. Few frames stand in between: Python gives up at about 1,000,
# within which a row of 200 streams that is watched has to be closed.


def end_all(sources: Sequence[Any], error: BaseException | None) -> None:
    """Close the sync generators among `sources`, the last first, because of an error or at their end (None)."""
    left = Leaving(error)
    for source in reversed(sources):
        with left:
            end(source)
    left.leave()


async def end_all_async(sources: Sequence[Any], error: BaseException | None) -> None:
    """The async twin of `end_all`, for generators of either kind."""
    left = Leaving(error)
    for source in reversed(sources):
        with left:
            await end_async(source)
    left.leave()


Runner = Callable[..., Any]
"""`Context.run` of the context in which a stream is read."""


async def read_in(run: Runner, waiting: Awaitable[Any]) -> Any:
    """Await something with each of its steps inside a context; the task of who awaits keeps its own in between."""
    steps = waiting.__await__()
    try:
        waits = run(steps.send, None)
    except StopIteration as stop:
        return stop.value
    return await go_on_in(run, steps, waits)


@coroutine
def go_on_in(run: Runner, steps: Any, waits: Any) -> Generator[Any, Any, Any]:
    """Go on with something that has given `waits` to its event loop, each step inside a context."""
    step: Callable[..., Any] = steps.send
    sent: Any = None
    while True:
        try:
            sent = yield waits
            step = steps.send
        except GeneratorExit:
            run(steps.close)
            raise
        except BaseException as error:
            sent, step = error, steps.throw
        try:
            waits = run(step, sent)
        except StopIteration as stop:
            return stop.value
        finally:
            sent = None  # an error there would keep itself alive
