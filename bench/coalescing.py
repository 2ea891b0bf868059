"""Single loads that are asked for together, by hand and by the libraries that a user might pick.

Read next: `bench.batching`.

As in `bench.baselines`: signatures are exact, and each docstring says under `Lacks:` which promises the code does not keep.
"""

import asyncio
from collections.abc import Callable, Coroutine
from importlib.util import find_spec
from typing import Any

from bench.measure import Sample, timed_async

SIZE = 1_000
ITEMS = range(10_000)
LOAD_ALL = "await gather(*[load(item) for item in items])"


async def rows_of(items: list[int]) -> list[int]:
    """The work: what a database gives for many keys at once."""
    return [item + 1 for item in items]


class Coalescer:
    """A window for what one turn of the loop asks for.

    Lacks: equal items asked for once; cancelled callers leave; a call that nobody waits for is cancelled; an exception in
    its place fails one item; callers of different context or loop apart; a second turn for those who come later; max_wait;
    hooks, notes, configuration, retries; a flow that can be drawn.
    """

    def __init__(self, fn: Callable[[list[int]], Coroutine[Any, Any, list[int]]], size: int) -> None:
        self.fn = fn
        self.size = size
        self.items: list[int] = []
        self.waiters: list[asyncio.Future[int]] = []

    async def load(self, item: int) -> int:
        items = self.items
        if not items:
            self.loop = asyncio.get_running_loop()
            self.handle = self.loop.call_soon(self.flush)
        future = self.loop.create_future()
        items.append(item)
        self.waiters.append(future)
        if len(items) == self.size:
            self.handle.cancel()
            self.flush()
        return await future

    def flush(self) -> None:
        items, waiters = self.items, self.waiters
        self.items, self.waiters = [], []
        self.task = self.loop.create_task(self.send(items, waiters))

    async def send(self, items: list[int], waiters: list[asyncio.Future[int]]) -> None:
        try:
            results = await self.fn(items)
            if len(results) != len(items):
                raise ValueError("a wrong number of results")
        except Exception as error:
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(error)
            return
        for waiter, result in zip(waiters, results, strict=True):
            if not waiter.done():
                waiter.set_result(result)


def of_loads(runner: asyncio.Runner) -> dict[str, Sample | None]:
    """The same by libraries, without the cache that both have by default."""
    found: dict[str, Sample | None] = {"aiodataloader": None, "strawberry": None}

    async def make(kind: Callable[..., Any], *args: Any, **options: Any) -> Any:
        loader = kind(*args, **options)

        async def load(item: int) -> int:  # their `load` gives a future; here, as above, a coroutine asks
            return await loader.load(item)  # type: ignore[no-any-return] # it has no types

        return load

    def sample(kind: Callable[..., Any], *args: Any, **options: Any) -> Sample:
        load = runner.run(make(kind, *args, max_batch_size=SIZE, cache=False, **options))
        return timed_async(runner, LOAD_ALL, gather=asyncio.gather, load=load, items=ITEMS)

    if find_spec("aiodataloader") is not None:
        from aiodataloader import DataLoader

        found["aiodataloader"] = sample(DataLoader, rows_of)
    if find_spec("strawberry") is not None:
        from strawberry.dataloader import DataLoader as StrawberryLoader

        found["strawberry"] = sample(StrawberryLoader, load_fn=rows_of)
    return found
