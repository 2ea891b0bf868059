"""Races and quorums of async calls: all at once, until enough of them have succeeded or can no longer.

The calls of a quorum give outcomes (`Ok` or `Failure`), those of a race their value. What is counted stands in
`omnitron.runtime.tally`, the sync twins in `omnitron.runtime.quorums`. No task that is started here outlives the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from omnitron.model import Failure, Ok
from omnitron.runtime.joining import END, Source, all_ended, caller_here, raise_first
from omnitron.runtime.streams import fail_async
from omnitron.runtime.tally import Items, Marks, Tally
from omnitron.runtime.undoing import Saga

__all__ = ["each_quorum_async", "quorum_async", "race_async"]

Later = Callable[..., Coroutine[Any, Any, Any]]


class Heat:
    """Coroutines that run at once until a tally is decided; then those that are left are cancelled, and awaited.

    The moment of the decision is the moment of the cancellation: nothing goes on in between but clean-up, and what has
    not begun by then does not begin.
    """

    __slots__ = ("done", "errors", "left", "stopping", "tally", "tasks")

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.errors: list[BaseException] = []
        self.left = 0
        self.stopping = False
        self.tasks: list[asyncio.Task[None]] = []

    async def run(self, workers: list[Callable[[], Coroutine[Any, Any, None]]]) -> None:
        """Run the workers; an error that is no outcome stops them and leaves, a cancellation from outside too."""
        loop, caller = asyncio.get_running_loop(), caller_here()
        self.left = len(workers)
        try:
            for worker in workers:
                self.tasks.append(loop.create_task(self.guard(worker, caller)))
            await self.done
        finally:
            self.stop()
            await all_ended(self.tasks)
        if self.errors:
            raise_first(self.errors)

    async def guard(self, worker: Callable[[], Coroutine[Any, Any, None]], o_caller: Any) -> None:
        """Run one worker, and stop the others when it raises what is not the library's own cancellation."""
        try:
            if not self.stopping:
                await worker()
        except BaseException as error:
            if not (self.stopping and isinstance(error, asyncio.CancelledError)):
                self.errors.append(error)
                self.stop()
            if not isinstance(error, (Exception, asyncio.CancelledError)):
                raise
        self.left -= 1
        if self.left == 0:
            self.finish()

    def put(self, place: int, outcome: Ok[Any] | Failure) -> None:
        """Take one outcome."""
        self.tally.put(place, outcome)
        self.look()

    def look(self) -> None:
        """Stop if it is decided."""
        if self.tally.decided:
            self.stop()

    def stop(self) -> None:
        """Cancel all but the running task, once."""
        if not self.stopping:
            self.stopping = True
            me = asyncio.current_task()
            for task in self.tasks:
                if task is not me:
                    task.cancel()
            self.finish()

    def finish(self) -> None:
        """Wake whoever waits for the end."""
        if not self.done.done():
            self.done.set_result(None)


async def race_async(
    branches: tuple[Later, ...], spot: Marks, args: tuple[Any, ...], kwargs: dict[str, Any], *, undoes: bool
) -> Any:
    """Run the branches at once; give the value of the first that succeeds, when the others are cancelled and have ended.

    Args:
        branches: coroutine functions.
        spot: tells where an error was raised.
        args: the arguments of each.
        kwargs: and the keywords.
        undoes: whether a branch may have something to undo: what failed and what lost is undone.

    Raises:
        ExceptionGroup: all have failed; their errors in the order of the branches.
    """
    heat = Heat(Tally(1, len(branches)))

    async def run(o_branch: int, branch: Later) -> None:
        scope = Saga() if undoes else None
        try:
            value = await branch(*args, **kwargs)
        except BaseException as error:
            if scope is not None:
                await scope.fail_async(error)
            if not isinstance(error, Exception):
                raise
            heat.put(o_branch, Failure(error))
            return
        lost = heat.stopping
        heat.put(o_branch, Ok(value))
        if scope is not None:
            await (scope.drop_async() if lost else scope.keep_async())

    await heat.run([partial(run, number, branch) for number, branch in enumerate(branches)])
    for _, outcome in heat.tally.outcomes:
        if isinstance(outcome, Ok):
            return outcome.value
    errors = [outcome.error for _, outcome in heat.tally.in_order() if isinstance(outcome, Failure)]
    heat.tally.outcomes.clear()  # or each error, whose frames hold it, would keep itself alive
    for error in errors:
        spot.mark(error, spot(error))
    raise ExceptionGroup(f"no branch of the race succeeded, {len(errors)} failed", errors)


async def quorum_async(
    branches: tuple[Later, ...], needed: int, spot: Marks, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[Any]:
    """Run branches at once until `needed` of them have succeeded; give what came of each, None where it was cancelled."""
    heat = Heat(Tally(needed, len(branches)))

    async def run(o_branch: int, branch: Later) -> None:
        heat.put(o_branch, await branch(*args, **kwargs))

    await heat.run([partial(run, number, branch) for number, branch in enumerate(branches)])
    return heat.tally.by_place(spot)


async def each_quorum_async(
    call: Callable[[Any], Coroutine[Any, Any, Any]],
    items: Iterable[Any] | AsyncIterable[Any],
    needed: int,
    spot: Marks,
    *,
    concurrency: int,
    enter: Callable[[int], Any] | None,
    leave: Callable[[Any], None] | None,
    **result: Any,
) -> Any:
    """The same for coroutine functions, at most `concurrency` at once; when it is decided the others are cancelled."""
    source = Source(items)
    size = source.known_size()
    heat, one = Heat(Tally(needed, size)), Items(call, enter, leave)
    tally = heat.tally

    async def work() -> None:
        while not heat.stopping:
            found = await source.take() if source.is_async else source.take_now()
            if found is END:
                tally.possible = source.taken
                heat.look()
                return
            heat.put(found[0], await one.later(*found))

    try:
        if not tally.decided:
            await heat.run([work] * (concurrency if size is None else min(concurrency, size)))
    except BaseException as error:
        await fail_async(source.iterator, error)
        raise
    await source.close()
    return tally.listed(spot, **result)
