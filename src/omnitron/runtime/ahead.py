"""Streams that compute some items before they are asked for: on tasks of the running loop, or on threads.

Never more than the bound are on the way: taken from the source, and not yet given to the reader. No task or thread that is
started here outlives the stream.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from omnitron.model import Failure, Ok
from omnitron.runtime.crews import Crew
from omnitron.runtime.joining import END, Source, cancel_all
from omnitron.runtime.leaving import Leaving
from omnitron.runtime.mapping import STOPS, Mapped, Spot, stopped
from omnitron.runtime.streams import end_async, fail

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

__all__ = ["ahead_async", "ahead_threads"]


class Raised:
    """What an item, or the source, raised: it leaves where its turn comes."""

    __slots__ = ("error", "number")

    def __init__(self, error: BaseException, number: int | None) -> None:
        self.error: BaseException | None = error
        self.number = number

    def take(self) -> BaseException:
        """Give the error, and hold it no more: in the frames that it passes it would keep itself alive."""
        error, self.error = self.error, None
        assert error is not None
        return stopped(error, "async generator", 0) if isinstance(error, STOPS) else error


class Ahead:
    """Workers that share a source, and the results that wait for their reader.

    A worker takes items as long as there is room, and ends when there is none; the reader makes room, and starts another.
    So none waits for a reader who may never come again.

    Attributes:
        bound: how many items are on the way at most.
        taken: how many are, or are about to be.
        due: how many results have been given.
        ready: results by the number of their item.
        arrived: where order does not matter, the numbers of what is ready, in the order in which it came.
        broken: what leaves once all that was taken has been given: the source failed, or somebody else ended a worker.
        tasks: the workers.
        late: what workers raise while they are ended, but for their cancellation; None before.
    """

    __slots__ = (
        "arrived",
        "bound",
        "broken",
        "call",
        "due",
        "how",
        "late",
        "ready",
        "reader",
        "source",
        "spot",
        "taken",
        "tasks",
    )

    def __init__(self, call: Callable[[Any], Any], source: Source, spot: Spot, how: Mapped) -> None:
        assert how.ahead is not None
        self.call = call
        self.source = source
        self.spot = spot
        self.how = how
        self.bound = how.ahead
        self.taken = self.due = 0
        self.ready: dict[int, Any] = {}
        self.arrived: deque[int] = deque()
        self.broken: Raised | None = None
        self.reader: asyncio.Future[None] | None = None
        self.tasks: dict[asyncio.Task[None], None] = {}  # in the order in which they are to be cancelled
        self.late: list[BaseException] | None = None

    def start(self) -> None:
        """Start a worker; there is room for its first item."""
        self.taken += 1
        task = asyncio.get_running_loop().create_task(self.work())
        self.tasks[task] = None
        task.add_done_callback(self.ended)

    def ended(self, task: asyncio.Task[None]) -> None:
        """Drop a worker; one that was cancelled before it began has said nothing."""
        self.tasks.pop(task, None)
        if task.cancelled():
            self.stop(asyncio.CancelledError())

    async def work(self) -> None:
        """Take items and put results, as there is room, until the source is empty or something failed."""
        try:
            while await self.item() and self.taken < self.bound:
                self.taken += 1
        except BaseException as error:
            self.stop(error)

    def stop(self, error: BaseException) -> None:
        """Take nothing more; the error leaves once all that was taken has been given."""
        self.source.ended = True
        if self.late is not None:
            self.add_late(error)
        else:
            self.broken = self.broken or Raised(error, None)
            self.wake_reader()

    async def item(self) -> bool:
        """Take and compute one item; say whether there may be more."""
        source = self.source
        found = await source.take() if source.is_async else source.take_now()
        if found is END:
            self.taken -= 1
            self.wake_reader()
            return False
        number, item = found
        try:
            value = await self.outcome(number, item)
        except BaseException as error:
            source.ended = True
            self.put(number, Raised(error, number))
            return False
        self.put(number, value)
        del value  # see Note [Outcomes] in `omnitron.runtime.mapping`
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
        if self.late is not None:
            if type(value) is Raised:
                self.add_late(value.take())
            return
        self.ready[number] = value
        if self.how.unordered:
            self.arrived.append(number)
        self.wake_reader()

    def wake_reader(self) -> None:
        """Let the reader look."""
        if self.reader is not None and not self.reader.done():
            self.reader.set_result(None)

    def next_number(self) -> int | None:
        """Give the number of the result that is to be given now, if it is there."""
        if self.how.unordered:
            return self.arrived.popleft() if self.arrived else None
        return self.due if self.due in self.ready else None

    async def read(self) -> Any:
        """Give the next result, once it is there; END after the last."""
        source = self.source
        while (number := self.next_number()) is None:
            if source.ended and self.due == source.taken:
                return self.broken or END
            self.reader = asyncio.get_running_loop().create_future()
            await self.reader
        self.due += 1
        self.taken -= 1
        if not source.ended:
            self.start()
        return self.ready.pop(number)

    def add_late(self, error: BaseException) -> None:
        """Take what a worker raised while it was ended."""
        assert self.late is not None
        if not isinstance(error, asyncio.CancelledError):
            self.late.append(error)

    async def close(self, left: Leaving) -> None:
        """End the workers, and drop what nobody reads any more: an error among it would keep itself alive."""
        self.source.ended = True
        self.ready.clear()
        self.broken, self.late = None, []
        with left:
            await cancel_all([*self.tasks])
        while self.late:
            left.add(self.late.pop(0))


async def ahead_async(
    call: Callable[[Any], Any],
    items: Iterable[Any] | AsyncIterable[Any],
    o_spot: Spot,
    o_held: object,
    how: Mapped,
    workers: int,
    *,
    begins: bool,
) -> AsyncGenerator[Any]:
    """Map items by an async function, some of them at once; the first error in order leaves when its turn comes."""
    o_number = None
    ahead = Ahead(call, Source(items), o_spot, how)
    try:
        if begins:
            yield
        for _ in range(workers):
            ahead.start()
        while (value := await ahead.read()) is not END:
            if type(value) is Raised:
                o_number = value.number
                raise value.take()
            yield value
    except BaseException as error:
        if isinstance(error, Exception):
            o_spot.note(error)
        try:
            await end_ahead(ahead, items, error)
        except Exception as broken:
            o_spot.note(broken)
            raise
        raise


async def end_ahead(ahead: Ahead, items: Any, error: BaseException) -> None:
    """End the workers and close what they read, because of an error."""
    left = Leaving(error)
    await ahead.close(left)
    with left:
        await end_async(items)
    left.leave()


def ahead_threads(
    call: Callable[[Any], Any],
    items: Iterable[Any],
    o_spot: Spot,
    o_held: object,
    how: Mapped,
    workers: int,
    *,
    begins: bool,
) -> Generator[Any]:
    """Map items by a sync function on threads; the source is read in the reader's own thread.

    What runs when the stream ends early is awaited: a thread cannot be stopped.
    """
    from concurrent.futures import ThreadPoolExecutor

    o_number = None
    running: dict[Future[Any], int] = {}
    one, crew = partial(outcome, call, o_spot, how), Crew(workers)
    numbered = enumerate(items)
    try:
        if begins:
            yield
        with ThreadPoolExecutor(workers) as pool:
            try:
                while fill(running, numbered, pool, crew, one, how):
                    future = next_done(running) if how.unordered else next(iter(running))
                    number = running.pop(future)
                    try:
                        value = future.result()
                    except Exception as raised:
                        o_number = number
                        if isinstance(raised, StopIteration):
                            raise stopped(raised, "generator") from raised
                        raise
                    yield value
            except BaseException:
                for future in running:
                    future.cancel()
                raise
    except BaseException as error:
        running.clear()  # an error there would keep itself alive
        if isinstance(error, Exception):
            o_spot.note(error)
        try:
            fail(items, error)
        except Exception as broken:
            o_spot.note(broken)
            raise
        raise


def fill(
    running: dict[Future[Any], int],
    numbered: Iterator[tuple[int, Any]],
    pool: Executor,
    crew: Crew,
    one: Callable[[int, Any], Any],
    how: Mapped,
) -> bool:
    """Start items while there is room; say whether any run."""
    assert how.ahead is not None
    crew.feeding = True
    while len(running) < how.ahead and (found := next(numbered, None)) is not None:
        running[crew.submit(pool, one, *found)] = found[0]
    crew.rest()
    return bool(running)


def next_done(running: dict[Future[Any], int]) -> Future[Any]:
    """Wait for one that is done, and give that which was started first, so that none waits for ever."""
    from concurrent.futures import FIRST_COMPLETED, wait

    done = wait(running, return_when=FIRST_COMPLETED).done
    return next(future for future in running if future in done)


def outcome(call: Callable[[Any], Any], o_spot: Spot, how: Mapped, o_number: int, item: Any) -> Any:
    """Compute one item on a thread."""
    token = how.enter(o_number) if how.enter is not None else None
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
