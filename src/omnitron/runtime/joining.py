"""Structured concurrency over plain functions: a parallel whose branches fail fast, and loops with bounds.

These machines know no flow: branches and items are functions. No task or thread that is started here outlives the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Coroutine, Generator, Iterable
from contextvars import copy_context
from types import coroutine
from typing import Any
from weakref import ref

from omnitron.model import Failure, Ok
from omnitron.runtime.crews import Crew
from omnitron.runtime.reporting import shown
from omnitron.runtime.streams import end_async, fail, fail_async
from omnitron.runtime.whereabouts import thread_here

__all__ = ["caller_here", "each_async", "each_threads", "parallel_async", "parallel_threads"]

PathOf = Callable[[BaseException], str]


async def parallel_async(
    branches: tuple[Callable[..., Coroutine[Any, Any, Any]], ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[Any]:
    """Run the branches at once with the same arguments; give their results in order.

    The first error cancels the others; once all have ended it leaves, with one note that lists what else was raised. A
    cancellation from outside is passed to all branches, which are awaited before it leaves.

    The local `o_branch` is what notes read off the traceback to tell which branch it was, `o_caller` what log records read
    off the stack to tell where the task belongs.
    """
    loop = asyncio.get_running_loop()
    left = len(branches)
    results: list[Any] = [None] * left
    done: asyncio.Future[None] = loop.create_future()
    errors: list[BaseException] = []
    stopping = False

    async def fill(o_branch: int, branch: Callable[..., Coroutine[Any, Any, Any]], o_caller: Any) -> None:
        nonlocal left
        try:
            results[o_branch] = await branch(*args, **kwargs)
        except BaseException as error:
            if not (stopping and isinstance(error, asyncio.CancelledError)):
                errors.append(error)
                if not done.done():
                    done.set_result(None)
            if not isinstance(error, (Exception, asyncio.CancelledError)):
                raise
        left -= 1
        if left == 0 and not done.done():
            done.set_result(None)

    caller = caller_here()
    tasks = [loop.create_task(fill(index, branch, caller)) for index, branch in enumerate(branches)]
    try:
        await done
    finally:
        if left:
            stopping = True
            await cancel_all(tasks)
    if errors:
        raise_first(errors)
    given, results = results, []  # see Note [Outcomes] in `omnitron.runtime.mapping`
    return given


def caller_here() -> ref[asyncio.Task[Any]] | None:
    """Give the running task, as tasks that it starts hold it: an error that they leave must not keep it alive."""
    task = asyncio.current_task()
    return None if task is None else ref(task)


async def cancel_all(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel the tasks and wait until each has ended; a cancellation that arrives meanwhile is raised afterwards."""
    for task in tasks:
        task.cancel()
    await all_ended(tasks)


async def all_ended(tasks: list[asyncio.Task[None]]) -> None:
    """Wait until each task has ended; a cancellation that arrives meanwhile is raised afterwards."""
    interrupted: asyncio.CancelledError | None = None
    waiting = {task for task in tasks if not task.done()}
    while waiting:
        try:
            await asyncio.wait(waiting)
        except asyncio.CancelledError as error:
            interrupted = error
        waiting = {task for task in waiting if not task.done()}
    for task in tasks:
        if not task.cancelled():
            task.exception()
    if interrupted is not None:
        raise interrupted


def raise_first(errors: list[BaseException]) -> None:
    """Raise the first error; note the others on it, once.

    The list is emptied: it stands in frames that the traceback holds, so that the error would keep itself alive.
    """
    first, *others = errors
    errors.clear()
    if others:
        listed = "; ".join(map(shown, others))
        note_quietly(first, f"other branches raised too: {listed}")
    try:
        raise first
    finally:
        del first, others, errors


def note_quietly(error: BaseException, note: str) -> None:
    """Add a note unless it is there already or the exception refuses notes."""
    try:
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
    except Exception:
        return


def parallel_threads(
    branches: tuple[Callable[..., Any], ...], threads: int, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[Any]:
    """Run sync branches on at most `threads` threads; give their results in order.

    After an error no further branch starts; those that run are awaited (a thread cannot be cancelled), then the first
    error in order leaves with one note that lists the others.
    """
    from concurrent.futures import ThreadPoolExecutor

    failed: list[bool] = []
    caller, crew = thread_here(), Crew(min(threads, len(branches)))
    with ThreadPoolExecutor(crew.threads) as pool:
        futures = [
            crew.submit(pool, run_branch, branch, number, failed, args, kwargs, caller)
            for number, branch in enumerate(branches)
        ]
        crew.rest()
        errors: list[BaseException] = []
        results: list[Any] = []
        for future in futures:
            if errors and future.cancel():
                continue
            error = future.exception()
            if error is not None:
                errors.append(error)
            else:
                results.append(future.result())
    if errors:
        raise_first(errors)
    return results


def run_branch(
    branch: Callable[..., Any],
    o_branch: int,
    failed: list[bool],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    o_caller: tuple[int, int],
) -> Any:
    """Call a branch unless another has failed; for `o_branch` and `o_caller` see `parallel_async`."""
    if failed:
        return None
    try:
        return branch(*args, **kwargs)
    except BaseException:
        failed.append(True)
        raise


class Ordered:
    """Give results on in the order of their inputs, however they arrive."""

    __slots__ = ("accept", "early", "next")

    def __init__(self, accept: Callable[[Any], None]) -> None:
        self.accept = accept
        self.early: dict[int, Any] = {}
        self.next = 0

    def put(self, index: int, value: Any) -> None:
        """Take the result of input `index`."""
        if index != self.next:
            self.early[index] = value
            return
        self.accept(value)
        self.next += 1
        while self.early and self.next in self.early:
            value = self.early.pop(self.next)
            self.next += 1
            self.accept(value)


class Folded:
    """Where the results of a loop go: into a list, or through the user's reducer into one value."""

    __slots__ = ("fold", "value")

    def __init__(self, fold: Callable[[Any, Any], Any] | None, start: Callable[[], Any] | None) -> None:
        self.fold = fold
        self.value: Any = start() if start is not None else []

    def acceptor(self) -> Callable[[Any], None]:
        """Give the function that takes one result."""
        append: Callable[[Any], None] = self.value.append if self.fold is None else self.reduce
        return append

    def reduce(self, item: Any) -> None:
        """Fold one result in."""
        assert self.fold is not None
        self.value = self.fold(self.value, item)


class Loop:
    """One concurrent loop over items: workers that share a source, and the place where results go."""

    __slots__ = (
        "accept", "blocked", "call", "collect", "enter", "folded", "leave", "order", "path_of", "source", "window",
    )  # fmt: skip

    def __init__(
        self,
        call: Callable[[Any], Coroutine[Any, Any, Any]],
        source: Source,
        concurrency: int,
        path_of: PathOf,
        *,
        unordered: bool,
        collect: bool,
        fold: Callable[[Any, Any], Any] | None,
        start: Callable[[], Any] | None,
        enter: Callable[[int], Any] | None,
        leave: Callable[[Any], None] | None,
    ) -> None:
        self.call = call
        self.source = source
        self.window = 2 * concurrency
        self.path_of = path_of
        self.collect = collect
        self.enter = enter
        self.leave = leave
        self.folded = Folded(fold, start)
        self.accept = self.folded.acceptor()
        self.order = None if unordered else Ordered(self.accept)
        self.blocked: list[asyncio.Future[None]] = []

    async def work(self) -> None:
        """Take items and put results until the source is empty.

        The local `o_item` tells notes whether an error came from an item or from the source.
        """
        source, call, order, enter = self.source, self.call, self.order, self.enter
        while True:
            if order is not None and source.taken - order.next >= self.window:
                await self.room(order)
            o_item: int | None = None
            found = await source.take() if source.is_async else source.take_now()
            if found is END:
                value = order = None  # see Note [Outcomes] in `omnitron.runtime.mapping`
                return
            index, item = found
            token = enter(index) if enter is not None else None
            try:
                o_item = 0
                value = await call(item)
                if self.collect:
                    value = Ok(value)
            except Exception as error:
                if not self.collect:
                    raise
                value = Failure(error, item, self.path_of(error))
            finally:
                if token is not None and self.leave is not None:
                    self.leave(token)
            o_item = None  # noqa: F841 - read off the traceback: from here on what is raised comes from no item
            if order is None:
                self.accept(value)
            else:
                order.put(index, value)
                if self.blocked:
                    self.wake()

    def given(self) -> Any:
        """Give the list, or the folded value, and hold it no longer: frames of errors in it hold this."""
        value = self.folded.value
        del self.folded, self.accept, self.order
        return value

    async def room(self, order: Ordered) -> None:
        """Wait while too many results stand before the one that is due."""
        while self.source.taken - order.next >= self.window:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.blocked.append(waiter)
            await waiter

    def wake(self) -> None:
        """Let the workers that wait for room look again."""
        for waiter in self.blocked:
            if not waiter.done():
                waiter.set_result(None)
        self.blocked.clear()


async def each_async(
    call: Callable[[Any], Coroutine[Any, Any, Any]],
    items: Iterable[Any] | AsyncIterable[Any],
    concurrency: int,
    *,
    path_of: PathOf,
    **options: Any,
) -> Any:
    """Await `call(item)` for every item, at most `concurrency` at once; give the list, or the folded value.

    Items are taken from the iterable only when a worker is free, and in order; a result that waits for an earlier one
    counts against twice the bound, so memory stays bounded too. The first error (not under `collect`) cancels the
    running calls, which are awaited.

    Args:
        call: the function of one item.
        items: any iterable.
        concurrency: the bound.
        path_of: tells where an error was raised, for outcomes.
        **options: `unordered`, `collect`, `fold` and `start` as `Each` has them; `enter(index)` and `leave(token)` frame
            each item for whoever watches.
    """
    return await work_through(Loop(call, Source(items), concurrency, path_of, **options), concurrency)


async def work_through(loop: Loop, concurrency: int) -> Any:
    """Run the workers of a loop until its source is empty; give the list, or the folded value."""
    source = loop.source
    size = source.known_size()
    count = concurrency if size is None else max(1, min(concurrency, size))
    try:
        if count == 1:
            await in_copy(loop.work())
        else:
            await parallel_async((loop.work,) * count, (), {})
    except BaseException as error:
        await fail_async(source.iterator, error)
        raise
    await source.close()
    return loop.given()


@coroutine
def in_copy(work: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
    """Await a coroutine in a copy of the running context, as a task of its own would, without one."""
    run = copy_context().run
    sent: Any = None
    step: Callable[[Any], Any] = work.send
    while True:
        try:
            waits = run(step, sent)
        except StopIteration:
            return
        finally:
            sent = None  # an error there would keep itself alive
        try:
            sent = yield waits
            step = work.send
        except GeneratorExit:
            run(work.close)
            raise
        except BaseException as error:
            sent, step = error, work.throw


END: Any = object()


class Source:
    """Number the items of a sync or async iterable and hand them out one at a time."""

    __slots__ = ("ended", "is_async", "items", "iterator", "lock", "taken")

    def __init__(self, items: Iterable[Any] | AsyncIterable[Any]) -> None:
        self.items = items
        self.is_async = hasattr(items, "__aiter__")
        self.iterator: Any = items.__aiter__() if self.is_async else iter(items)  # type: ignore[union-attr,arg-type]
        self.lock = asyncio.Lock() if self.is_async else None
        self.taken = 0
        self.ended = False

    def known_size(self) -> int | None:
        """Give the number of items if the iterable tells it."""
        try:
            return len(self.items)  # type: ignore[arg-type]
        except TypeError:
            return None

    def take_now(self) -> Any:
        """Give the next (index, item) of a sync iterable, or END."""
        if self.ended:
            return END
        try:
            item = next(self.iterator)
        except StopIteration:
            self.ended = True
            return END
        except BaseException:
            self.ended = True
            raise
        index = self.taken
        self.taken = index + 1
        return index, item

    async def take(self) -> Any:
        """Give the next (index, item) of an async iterable, or END; one taker at a time."""
        assert self.lock is not None
        async with self.lock:
            if self.ended:
                return END
            try:
                item = await self.iterator.__anext__()
            except StopAsyncIteration:
                self.ended = True
                return END
            except BaseException:
                self.ended = True
                raise
            index = self.taken
            self.taken = index + 1
            return index, item

    async def close(self) -> None:
        """Close a generator that was not read to its end."""
        if not self.ended:
            await end_async(self.iterator)


def each_threads(
    call: Callable[[Any], Any],
    items: Iterable[Any],
    threads: int,
    *,
    unordered: bool,
    collect: bool,
    fold: Callable[[Any, Any], Any] | None,
    start: Callable[[], Any] | None,
    path_of: PathOf,
    enter: Callable[[int], Any] | None = None,
    leave: Callable[[Any], None] | None = None,
) -> Any:
    """Call `call(item)` for every item on `threads` threads; give the list, or the folded value.

    The iterable is read and the reducer is called in the caller's thread only. At most twice `threads` items are on the
    way. After an error (not under `collect`) nothing further starts and what runs is awaited.
    """
    from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

    folded = Folded(fold, start)
    accept = folded.acceptor()
    put = Ordered(accept).put if not unordered else lambda _, value: accept(value)

    def one(index: int, item: Any, o_item: int = 0, o_caller: tuple[int, int] = thread_here()) -> Any:
        token = enter(index) if enter is not None else None
        try:
            value = call(item)
            return Ok(value) if collect else value
        except Exception as error:
            if not collect:
                raise
            return Failure(error, item, path_of(error))
        finally:
            if leave is not None and token is not None:
                leave(token)

    running: dict[Future[Any], int] = {}
    numbered, crew = iter(enumerate(items)), Crew(threads)
    with ThreadPoolExecutor(threads) as pool:
        try:
            more = True
            while more or running:
                while more and len(running) < 2 * threads:
                    if (found := next(numbered, None)) is None:
                        more = False
                    else:
                        running[crew.submit(pool, one, *found)] = found[0]
                crew.rest()
                waiting = running if unordered else [*running][:1]  # they were started in order
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    put(running.pop(future), future.result())
                crew.feeding = more
        except BaseException as error:
            for future in running:
                future.cancel()
            fail(items, error)
            raise
    return folded.value
