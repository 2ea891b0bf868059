"""Streams that compute some items before they are asked for: on tasks of the running loop, or on threads.

Never more than the bound are on the way: taken from the source, and not yet given to the reader. No task or thread that is
started here outlives the stream.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable
from contextvars import copy_context
from typing import Any

from omnitron.model import Failure, Ok
from omnitron.runtime.joining import END, Source, cancel_all
from omnitron.runtime.mapping import Mapped, Spot, ended_with
from omnitron.runtime.streams import end, end_async, fail_async

__all__ = ["ahead_async", "ahead_threads"]


class Raised:
    """What an item, or the source, raised: it leaves where its turn comes."""

    __slots__ = ("error", "number")

    def __init__(self, error: BaseException, number: int | None) -> None:
        self.error = error
        self.number = number


class Ahead:
    """The workers that share a source, and the results that wait for their reader.

    Attributes:
        bound: how many items are on the way at most.
        taken: how many are, or are about to be.
        ready: results by the number of their item.
        arrived: where order does not matter, the numbers of what is ready, in the order in which it came.
        running: how many workers go on.
    """

    __slots__ = (
        "arrived",
        "bound",
        "call",
        "due",
        "how",
        "ready",
        "reader",
        "running",
        "source",
        "spot",
        "taken",
        "waiting",
    )

    def __init__(self, call: Callable[[Any], Any], source: Source, spot: Spot, how: Mapped) -> None:
        assert how.ahead is not None
        self.call = call
        self.source = source
        self.spot = spot
        self.how = how
        self.bound = self.running = how.ahead
        self.taken = self.due = 0
        self.ready: dict[int, Any] = {}
        self.arrived: deque[int] = deque()
        self.reader: asyncio.Future[None] | None = None
        self.waiting: deque[asyncio.Future[None]] = deque()

    async def work(self) -> None:
        """Take items and put results, as there is room, until the source is empty or something failed."""
        try:
            while await self.item():
                pass
        finally:
            self.running -= 1
            self.wake_reader()

    async def item(self) -> bool:
        """Take and compute one item; say whether there may be more."""
        while self.taken >= self.bound:
            room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiting.append(room)
            await room
        self.taken += 1
        source = self.source
        try:
            found = await source.take() if source.is_async else source.take_now()
        except BaseException as error:
            self.put(source.taken, Raised(error, None))
            return False
        if found is END:
            self.gone()
            return False
        number, item = found
        try:
            value = await self.outcome(number, item)
        except BaseException as error:
            source.ended = True
            self.put(number, Raised(error, number))
            return False
        self.put(number, value)
        return True

    async def outcome(self, number: int, item: Any, o_item: int = 0) -> Any:
        """Compute one item."""
        how = self.how
        token = how.enter(number) if how.enter is not None else None
        try:
            value = await self.call(item)
            return Ok(value) if how.collect else value
        except Exception as error:
            if not how.collect:
                raise
            return Failure(error, item, self.spot(error))
        finally:
            if how.leave is not None:
                how.leave(token)

    def put(self, number: int, value: Any) -> None:
        """Take the result of an item."""
        self.ready[number] = value
        if self.how.unordered:
            self.arrived.append(number)
        self.wake_reader()

    def wake_reader(self) -> None:
        """Let the reader look."""
        if self.reader is not None and not self.reader.done():
            self.reader.set_result(None)

    def gone(self) -> None:
        """Make room for another item."""
        self.taken -= 1
        while self.waiting:
            room = self.waiting.popleft()
            if not room.done():
                room.set_result(None)
                break

    def next_number(self) -> int | None:
        """Give the number of the result that is to be given now, if it is there."""
        if self.how.unordered:
            return self.arrived.popleft() if self.arrived else None
        return self.due if self.due in self.ready else None

    async def read(self) -> Any:
        """Give the next result, once it is there; END after the last."""
        while (number := self.next_number()) is None:
            if not self.running:
                return END
            self.reader = asyncio.get_running_loop().create_future()
            await self.reader
        self.due += 1
        value = self.ready.pop(number)
        self.gone()
        return value


async def ahead_async(
    call: Callable[[Any], Any], items: Iterable[Any] | AsyncIterable[Any], o_spot: Spot, o_held: object, how: Mapped
) -> AsyncGenerator[Any]:
    """Map items by an async function, some of them at once; the first error in order leaves when its turn comes."""
    o_number = None
    loop = asyncio.get_running_loop()
    ahead = Ahead(call, Source(items), o_spot, how)
    tasks = [loop.create_task(ahead.work()) for _ in range(ahead.bound)]
    try:
        while (value := await ahead.read()) is not END:
            if type(value) is Raised:
                o_number = value.number
                raise value.error
            yield value
    except GeneratorExit:
        try:
            await cancel_all(tasks)
        finally:
            await end_async(items)
        raise
    except BaseException as error:
        if isinstance(error, Exception):
            o_spot.note(error)
        try:
            await cancel_all(tasks)
        finally:
            await fail_async(items, error)
        raise


def ahead_threads(
    call: Callable[[Any], Any], items: Iterable[Any], o_spot: Spot, o_held: object, how: Mapped
) -> Generator[Any]:
    """Map items by a sync function on threads; the source is read in the reader's own thread.

    What runs when the stream ends early is awaited: a thread cannot be stopped.
    """
    from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

    o_number = None
    assert how.ahead is not None

    def one(number: int, item: Any, o_item: int = 0) -> Any:
        token = how.enter(number) if how.enter is not None else None
        try:
            value = call(item)
            return Ok(value) if how.collect else value
        except Exception as error:
            if not how.collect:
                raise
            return Failure(error, item, o_spot(error))
        finally:
            if how.leave is not None:
                how.leave(token)

    running: dict[Future[Any], int] = {}
    numbered = iter(enumerate(items))
    try:
        with ThreadPoolExecutor(how.ahead) as pool:
            try:
                more = True
                while True:
                    while more and len(running) < how.ahead:
                        found = next(numbered, None)
                        if found is None:
                            more = False
                            break
                        running[pool.submit(copy_context().run, one, *found)] = found[0]
                    if not running:
                        break
                    future = next(iter(running))
                    if how.unordered:
                        future = next(iter(wait(running, return_when=FIRST_COMPLETED).done))
                    number = running.pop(future)
                    try:
                        value = future.result()
                    except Exception:
                        o_number = number
                        raise
                    yield value
            except BaseException:
                for future in running:
                    future.cancel()
                raise
    except GeneratorExit:
        end(items)
        raise
    except BaseException as error:
        ended_with(error, items, o_spot)
        raise
