"""What an expert writes by hand to keep results. Each says under `Lacks:` which promises of `.cache` it does not keep."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

Lookup = Callable[..., object]


def future_map(function: Callable[..., Awaitable[object]], ttl: float = 60.0) -> Callable[[object], Awaitable[object]]:
    """A dictionary of futures with the times at which they are too old.

    Lacks: a bound, types told apart, errors that are not kept, cancellation of one waiter that does not reach the others,
    keys of what is not hashable, tenants, hooks, more than one loop.
    """
    futures: dict[object, tuple[asyncio.Future[object], float]] = {}

    async def call(key: object) -> object:
        found = futures.get(key)
        if found is None or found[1] <= monotonic():
            found = futures[key] = asyncio.ensure_future(function(key)), monotonic() + ttl  # type: ignore[arg-type]
        return await found[0]

    return call


def plain_future_map(function: Callable[..., Awaitable[object]]) -> Callable[[object], Awaitable[object]]:
    """The same without time.

    Lacks: a time to live, and all that `future_map` lacks.
    """
    futures: dict[object, asyncio.Future[object]] = {}

    async def call(key: object) -> object:
        found = futures.get(key)
        if found is None:
            found = futures[key] = asyncio.ensure_future(function(key))  # type: ignore[arg-type]
        return await found

    return call
