"""What runs a flow of a list over all items of an iterable, so many at a time.

Which chunk an item is in is told by the order alone; how chunks run at once is the business of `omnitron.runtime.joining`,
which knows only that it has a loop over chunks. Read next: `omnitron.algebra.chunking`, the node.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from math import inf
from operator import iadd
from typing import TYPE_CHECKING, Any

from omnitron import runtime
from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model import Failure, Ok
from omnitron.policy import answers_of

if TYPE_CHECKING:
    from omnitron.algebra.notes import Spot

__all__ = ["Asking", "Chunker", "chunk_async", "chunk_here", "chunk_threads"]

Weigh = Callable[[Any], float]


class Chunk:
    """Consecutive items, and the number of the first."""

    __slots__ = ("items", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.items: list[Any] = []


class Chunker:
    """Puts items into chunks.

    Attributes:
        size: how many items a chunk has at most.
        weigh: gives the weight of an item, or None.
        max_weight: what the items of a chunk weigh at most; an item that weighs more is alone in its chunk.
    """

    __slots__ = ("max_weight", "size", "weigh")

    def __init__(self, size: int, weigh: Weigh | None, max_weight: float | None) -> None:
        self.size = size
        self.weigh = weigh
        self.max_weight = inf if max_weight is None else max_weight

    def weight(self, item: Any) -> float:
        """Weigh an item.

        Raises:
            DefinitionError, InvalidValue: it weighs no number, or less than nothing.
        """
        if self.weigh is None:
            return 0.0
        weight = self.weigh(item)
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise DefinitionError(f"`weigh` gives a number, got {weight!r} ({type(weight).__name__}).")
        if not weight >= 0:
            raise InvalidValue(f"`weigh` gives a number from 0 on, got {weight!r}.")
        return weight


class Filling:
    """The chunk that is being filled."""

    __slots__ = ("chunk", "chunker", "weight")

    def __init__(self, chunker: Chunker) -> None:
        self.chunker = chunker
        self.chunk = Chunk(0)
        self.weight = 0.0

    def put(self, item: Any) -> Chunk | None:
        """Take an item; give the chunk before it where it does not fit in there any more."""
        chunker, chunk = self.chunker, self.chunk
        weight = chunker.weight(item)
        if chunk.items and (len(chunk.items) >= chunker.size or self.weight + weight > chunker.max_weight):
            self.chunk = Chunk(chunk.start + len(chunk.items))
            self.chunk.items.append(item)
            self.weight = weight
            return chunk
        chunk.items.append(item)
        self.weight += weight
        return None

    def full(self) -> Chunk | None:
        """Give the chunk if nothing more could be in it whatever it weighs, so that it need not wait for the next item."""
        chunk = self.chunk
        if len(chunk.items) < self.chunker.size:
            return None
        self.chunk, self.weight = Chunk(chunk.start + len(chunk.items)), 0.0
        return chunk


class Chunks:
    """The chunks of a sync iterable."""

    __slots__ = ("chunker", "items")

    def __init__(self, chunker: Chunker, items: Iterable[Any]) -> None:
        self.chunker = chunker
        self.items = items

    def __len__(self) -> int:
        """Give how many there are, at most: nobody need start more workers."""
        many = len(self.items)  # type: ignore[arg-type] # it raises TypeError where that is not known
        return many if self.chunker.weigh is not None else -(-many // self.chunker.size)

    def __iter__(self) -> Iterator[Chunk]:
        items, filling = self.items, Filling(self.chunker)
        try:
            for item in items:
                if (chunk := filling.put(item)) is not None:
                    yield chunk
                if (chunk := filling.full()) is not None:
                    yield chunk
        except BaseException as error:
            runtime.fail(items, error)
            raise
        if filling.chunk.items:
            yield filling.chunk


async def chunks_later(chunker: Chunker, items: AsyncIterable[Any]) -> AsyncIterator[Chunk]:
    """Give the chunks of an async iterable."""
    filling = Filling(chunker)
    try:
        async for item in items:
            if (chunk := filling.put(item)) is not None:
                yield chunk
            if (chunk := filling.full()) is not None:
                yield chunk
    except BaseException as error:
        await runtime.fail_async(items, error)
        raise
    if filling.chunk.items:
        yield filling.chunk


class Asking:
    """Calls the flow of a list with a chunk, and gives what it gave of each item.

    Attributes:
        name: that of the flow.
        collect: whether outcomes are given instead of results.
        spot: the place of the node.
        path: tells the path of an error, that of the flow or beneath.
    """

    __slots__ = ("call", "collect", "name", "path", "spot")

    def __init__(self, call: Callable[[Any], Any], name: str, spot: Spot, path: Spot, *, collect: bool) -> None:
        self.call = call
        self.name = name
        self.collect = collect
        self.spot = spot
        self.path = path

    def now(self, chunk: Chunk) -> list[Any]:
        """Call a sync flow."""
        try:
            answers = answers_of(self.call([*chunk.items]), len(chunk.items), self.name)
        except Exception as error:
            return self.failed(chunk, error)
        return self.sorted(chunk, answers)

    async def later(self, chunk: Chunk) -> list[Any]:
        """Call an async flow."""
        try:
            answers = answers_of(await self.call([*chunk.items]), len(chunk.items), self.name)
        except Exception as error:
            return self.failed(chunk, error)
        return self.sorted(chunk, answers)

    def sorted(self, chunk: Chunk, answers: Any) -> list[Any]:
        """Give the results of a chunk, or the outcomes.

        The locals that begin with `o_` are what notes read off the traceback.

        Raises:
            Exception: the first that stands in the place of an item, where outcomes are not collected.
        """
        o_spot, o_number = self.spot, None  # noqa: F841
        found = [*answers]
        for place, answer in enumerate(found):
            if isinstance(answer, Exception):
                if not self.collect:
                    o_number = chunk.start + place  # noqa: F841
                    raise answer
                found[place] = Failure(answer, chunk.items[place], self.path(answer))
            elif self.collect:
                found[place] = Ok(answer)
        return found

    def failed(self, chunk: Chunk, error: Exception) -> list[Any]:
        """Give the failure of each item of a chunk; where outcomes are not collected the error leaves."""
        if not self.collect:
            note_chunk(error, chunk)
            raise error
        path = self.path(error)
        return [Failure(error, item, path) for item in chunk.items]


def note_chunk(error: Exception, chunk: Chunk) -> None:
    """Note on an error in which chunk it was; some exceptions refuse notes."""
    with suppress(Exception):
        note = f"in the chunk of the items {chunk.start} to {chunk.start + len(chunk.items) - 1}"
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)


def chunk_here(asking: Asking, chunker: Chunker, items: Iterable[Any], enter: Any, leave: Any) -> list[Any]:
    """Call a sync flow with one chunk after the other."""
    found: list[Any] = []
    for number, chunk in enumerate(Chunks(chunker, items)):
        token, o_item = None if enter is None else enter(number), 0  # noqa: F841 - notes read it off the traceback
        try:
            part = asking.now(chunk)
        except BaseException as error:
            runtime.fail(items, error)
            raise
        finally:
            if leave is not None:
                leave(token)
        found += part
    return found


def chunk_threads(
    asking: Asking, chunker: Chunker, items: Iterable[Any], enter: Any, leave: Any, threads: int
) -> list[Any]:
    """Call a sync flow with chunks on threads; items are read in the caller's thread."""
    found: list[Any] = runtime.each_threads(
        asking.now, iter(Chunks(chunker, items)), threads, unordered=False, collect=False, fold=iadd, start=list,
        path_of=asking.path, enter=enter, leave=leave,
    )  # fmt: skip
    return found


def chunk_async(
    asking: Asking,
    chunker: Chunker,
    items: Iterable[Any] | AsyncIterable[Any],
    enter: Any,
    leave: Any,
    concurrency: int,
) -> Coroutine[Any, Any, list[Any]]:
    """Call an async flow with chunks, at most so many at once."""
    chunks = chunks_later(chunker, items) if isinstance(items, AsyncIterable) else Chunks(chunker, items)
    return runtime.each_async(
        asking.later, chunks, concurrency, path_of=asking.path, unordered=False, collect=False, fold=iadd, start=list,
        enter=enter, leave=leave,
    )  # fmt: skip
