"""What an expert writes by hand to bound calls. Each says under `Lacks:` which promises of ours it does not keep."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from time import monotonic, sleep

Work = Callable[[object], object]
WorkSoon = Callable[[object], Awaitable[object]]


def locked_bucket(function: Work, rate: float, burst: float) -> Work:
    """A token bucket under a lock.

    Lacks: waiting in order, refusing at once, exact times, keys, deadlines, forks, tasks, one limit for several functions.
    """
    lock = threading.Lock()
    tokens, last = burst, monotonic()

    def call(value: object) -> object:
        nonlocal tokens, last
        with lock:
            now = monotonic()
            tokens = min(burst, tokens + (now - last) * rate)
            last = now
            tokens -= 1
            left = tokens
        if left < 0:
            sleep(-left / rate)
        return function(value)

    return call


def task_bucket(function: WorkSoon, rate: float, burst: float) -> WorkSoon:
    """A token bucket of one event loop.

    Lacks: waiting in order, giving back the token of who is cancelled, threads, and all that `locked_bucket` lacks.
    """
    tokens, last = burst, monotonic()

    async def call(value: object) -> object:
        nonlocal tokens, last
        now = monotonic()
        tokens = min(burst, tokens + (now - last) * rate)
        last = now
        tokens -= 1
        if tokens < 0:
            await asyncio.sleep(-tokens / rate)
        return await function(value)

    return call


def semaphore(function: Work, limit: int) -> Work:
    """`threading.Semaphore`.

    Lacks: order, a bounded queue, an end of a wait for ever on itself, forks, tasks, counts, cancelled runs.
    """
    places = threading.Semaphore(limit)

    def call(value: object) -> object:
        with places:
            return function(value)

    return call


def task_semaphore(function: WorkSoon, limit: int) -> WorkSoon:
    """`asyncio.Semaphore`.

    Lacks: threads and several loops, a bounded queue, an end of a wait for ever on itself, counts.
    """
    places = asyncio.Semaphore(limit)

    async def call(value: object) -> object:
        async with places:
            return await function(value)

    return call
