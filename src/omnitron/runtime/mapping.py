"""`.stream()`: a lazy map over an iterable, and the row of streams that a pipe is.

An item is taken when somebody asks for a result, and never before: nothing is ahead, nothing is kept. What computes items
ahead stands in `omnitron.runtime.ahead`. The locals that begin with `o_` are what notes read off the traceback.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Generator, Iterable
from itertools import count
from types import GeneratorType
from typing import Any, Protocol

from omnitron.errors import DefinitionError
from omnitron.model import Failure, Ok, Record
from omnitron.runtime.streams import begun, end_all, end_all_async, fail, fail_async, is_async_stream

__all__ = ["Mapped", "Spot", "a_row", "mapped"]


class Spot(Protocol):
    """A place of a tree, as the machine there needs it."""

    def held(self) -> object:
        """Give what has to live as long as the stream does."""
        ...

    def note(self, error: BaseException) -> None:
        """Put on an error where in the tree it came from."""
        ...

    def __call__(self, error: BaseException) -> str:
        """Give the path of an error beneath this place."""
        ...


class Mapped(Record):
    """How items are mapped.

    Attributes:
        awaits: whether the function of an item is a coroutine function.
        collect: whether outcomes are given instead of results.
        ahead: how many items are computed at once; None for one at a time, when it is asked for.
        unordered: whether results come as they are ready.
        enter: `enter(index)` frames an item for whoever watches.
        leave: `leave(token)` ends that.
    """

    __slots__ = ("awaits", "collect", "ahead", "unordered", "enter", "leave")
    awaits: bool
    collect: bool
    ahead: int | None
    unordered: bool
    enter: Callable[[int], Any] | None
    leave: Callable[[Any], None] | None

    def __init__(
        self,
        *,
        awaits: bool,
        collect: bool,
        ahead: int | None,
        unordered: bool,
        enter: Callable[[int], Any] | None,
        leave: Callable[[Any], None] | None,
    ) -> None:
        self._fill(awaits=awaits, collect=collect, ahead=ahead, unordered=unordered, enter=enter, leave=leave)


def mapped(call: Callable[[Any], Any], items: Any, spot: Spot, how: Mapped) -> Any:
    """Give the stream of `call(item)` for every item of a sync or async iterable.

    The iterable is asked for its iterator here, once, as a generator expression does; one that is a generator is closed
    with the stream.

    Raises:
        TypeError: `items` can be iterated in no way.
        DefinitionError: it is an async one, which threads cannot share.
    """
    later = hasattr(items, "__aiter__") and (how.awaits or not hasattr(items, "__iter__"))
    if later and how.ahead is not None and not how.awaits:
        raise DefinitionError(
            f"`stream(threads=...)` reads a sync iterable, got an async one: {type(items).__name__}. Write "
            f"`.on('thread').stream(concurrency={how.ahead})`, which reads either."
        )
    source = iterated_async(items) if later else iterated(items)
    if how.ahead is not None:
        from omnitron.runtime.ahead import ahead_async, ahead_threads

        many = min(how.ahead, max(len(items), 1)) if isinstance(items, SIZED) else how.ahead
        return begun(ahead_async if how.awaits else ahead_threads, call, source, spot, spot.held(), how, many)
    if how.collect or how.enter is not None:
        call = (framed_async if how.awaits else framed)(call, spot, how)
    if not later:
        return begun(over_sync if how.awaits else counting, call, source, spot, spot.held())
    return begun(over_async, call, source, spot, spot.held(), awaits=how.awaits)


SIZED = (list, tuple, range, dict, set, frozenset, str, bytes)
"""What tells its length and does nothing for it."""


def iterated(items: Any) -> Any:
    """Give the iterator of an iterable; one that is not iterable itself, as it should be, is made so."""
    source = iter(items)
    return source if hasattr(source, "__iter__") else again(source)


def iterated_async(items: Any) -> Any:
    """Give the iterator of an async iterable; one that is not iterable itself, as it should be, is made so."""
    source = items.__aiter__()
    return source if hasattr(source, "__aiter__") else again_async(source)


def again(iterator: Any) -> Generator[Any]:
    """Give what an iterator gives."""
    while True:
        try:
            item = next(iterator)
        except StopIteration:
            return
        yield item


async def again_async(iterator: Any) -> AsyncGenerator[Any]:
    """Give what an async iterator gives."""
    while True:
        try:
            item = await anext(iterator)
        except StopAsyncIteration:
            return
        yield item


def framed(call: Callable[[Any], Any], spot: Spot, how: Mapped) -> Callable[[Any], Any]:
    """Give the function of one item with its frame, and its outcome where that is wanted."""
    number = count().__next__
    enter, leave, collect = how.enter, how.leave, how.collect

    def item_call(item: Any, o_item: int = 0) -> Any:
        token = enter(number()) if enter is not None else None
        try:
            value = call(item)
            return Ok(value) if collect else value
        except Exception as error:
            if not collect:
                raise
            return Failure(error, item, spot(error))
        finally:
            if leave is not None:
                leave(token)

    return item_call


def framed_async(call: Callable[[Any], Any], spot: Spot, how: Mapped) -> Callable[[Any], Awaitable[Any]]:
    """The async twin of `framed`."""
    number = count().__next__
    enter, leave, collect = how.enter, how.leave, how.collect

    async def item_call(item: Any, o_item: int = 0) -> Any:
        token = enter(number()) if enter is not None else None
        try:
            value = await call(item)
            return Ok(value) if collect else value
        except Exception as error:
            if not collect:
                raise
            return Failure(error, item, spot(error))
        finally:
            if leave is not None:
                leave(token)

    return item_call


# Note [Outcomes]
# A frame of a traceback holds the frame that called it, also when that has ended, with all its locals. An outcome with an
# error from a call below must not stay there: it would keep itself alive.


def stopped(error: Exception, kind: str, skip: int = 1) -> RuntimeError:
    """Give what Python makes of a stop that leaves a generator (PEP 479); made inside of it, it can be noted.

    Args:
        error: the stop.
        kind: the kind of generator.
        skip: how many frames of the stop's traceback the error has, too.
    """
    made = RuntimeError(f"{kind} raised {type(error).__name__}")
    traceback = error.__traceback__
    for _ in range(skip):
        traceback = None if traceback is None else traceback.tb_next
    made.__cause__ = error.with_traceback(traceback)
    return made


STOPS = (StopIteration, StopAsyncIteration)
"""What cannot leave an async generator."""


def counting(
    call: Callable[[Any], Any], items: Iterable[Any], o_spot: Spot, o_held: object, *, begins: bool
) -> Generator[Any]:
    """Map sync items by a sync function."""
    o_number = o_given = None
    o_index = -1
    try:
        if begins:
            yield
        for o_index, item in enumerate(items):
            try:
                value = call(item)
            except Exception as raised:
                o_number = o_index
                if isinstance(raised, StopIteration):
                    raise stopped(raised, "generator") from raised
                raise
            yield value
    except BaseException as error:
        if isinstance(error, Exception):
            o_spot.note(error)
        try:
            fail(items, error)
        except Exception as broken:
            o_given = o_index if o_index >= 0 else None
            o_spot.note(broken)
            raise
        raise
    finally:
        value = None  # see Note [Outcomes]


async def over_sync(
    call: Callable[[Any], Awaitable[Any]], items: Iterable[Any], o_spot: Spot, o_held: object, *, begins: bool
) -> AsyncGenerator[Any]:
    """Map sync items by an async function."""
    o_number = o_given = None
    o_index = -1
    try:
        if begins:
            yield
        for o_index, item in enumerate(items):
            try:
                value = await call(item)
            except Exception as raised:
                o_number = o_index
                if isinstance(raised, STOPS):
                    raise stopped(raised, "async generator") from raised
                raise
            yield value
    except BaseException as error:
        if isinstance(error, Exception):
            o_spot.note(error)
        try:
            fail(items, error)
        except Exception as broken:
            o_given = o_index if o_index >= 0 else None
            o_spot.note(broken)
            raise
        raise
    finally:
        value = None  # see Note [Outcomes]


async def over_async(
    call: Callable[[Any], Any], items: AsyncIterable[Any], o_spot: Spot, o_held: object, *, awaits: bool, begins: bool
) -> AsyncGenerator[Any]:
    """Map async items by a function of either colour."""
    o_number = o_given = None
    o_index = -1
    try:
        if begins:
            yield
        async for item in items:
            o_index += 1
            try:
                value = await call(item) if awaits else call(item)
            except Exception as raised:
                o_number = o_index
                if isinstance(raised, STOPS):
                    raise stopped(raised, "async generator") from raised
                raise
            yield value
    except BaseException as error:
        if isinstance(error, Exception):
            o_spot.note(error)
        try:
            await fail_async(items, error)
        except Exception as broken:
            o_given = o_index if o_index >= 0 else None
            o_spot.note(broken)
            raise
        raise
    finally:
        value = None  # see Note [Outcomes]


# ------------------------------------------------------------------ a row of streams


def a_row(last: Any, before: list[Any], spot: Spot) -> Any:
    """Give the stream of a pipe whose last step gave `last`: when it ends, so do those that stand before it.

    What is no stream is given as it is.
    """
    if type(last) is GeneratorType:
        return begun(row, last, before, spot, spot.held())
    return begun(row_async, last, before, spot, spot.held()) if is_async_stream(last) else last


def row(last: Generator[Any], before: list[Any], o_spot: Spot, o_held: object, *, begins: bool) -> Generator[Any]:
    """Give what `last` gives; then close it, and those before it."""
    o_given = None
    o_index = -1
    try:
        if begins:
            yield
        for o_index, item in enumerate(last):
            yield item
    except BaseException as error:
        if isinstance(error, Exception):
            o_given = o_index + 1
            o_spot.note(error)
        try:
            end_all((*before, last), error)
        except Exception as broken:
            o_given = o_index if o_index >= 0 else None
            o_spot.note(broken)
            raise
        raise
    end_all(before, None)


async def row_async(
    last: AsyncGenerator[Any], before: list[Any], o_spot: Spot, o_held: object, *, begins: bool
) -> AsyncGenerator[Any]:
    """The async twin of `row`."""
    o_given = None
    o_index = -1
    try:
        if begins:
            yield
        async for item in last:
            o_index += 1
            yield item
    except BaseException as error:
        if isinstance(error, Exception):
            o_given = o_index + 1
            o_spot.note(error)
        try:
            await end_all_async((*before, last), error)
        except Exception as broken:
            o_given = o_index if o_index >= 0 else None
            o_spot.note(broken)
            raise
        raise
    await end_all_async(before, None)
