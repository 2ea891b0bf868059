"""Rows of limits where nobody waits. The timed objects are then shown to bound what runs, and to refuse.

Read next: `bench.rows`, whose table these rows join; the baselines are in `bench.limiting_by_hand`.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

from bench import limiting_by_hand
from bench.measure import Sample, timed, timed_async
from bench.promises import Proof, require
from bench.rows import Row, Settings, Subjects, compared
from omnitron import Bulkhead, RateLimit, flow

MANY, LIMIT, TASKS = 10**9, 10, 1_000
inside, most = 0, 0


def work(value: object) -> object:
    """The function that is limited."""
    return value


async def work_soon(value: object) -> object:
    """The async twin."""
    return value


async def busy(value: object) -> object:
    """One that shows how many are in it."""
    global inside, most  # noqa: PLW0603 - what is counted
    inside += 1
    most = max(most, inside)
    await asyncio.sleep(0)
    inside -= 1
    return value


limit, bulkhead = RateLimit(MANY, per=1), Bulkhead(LIMIT)
limited, limited_soon = flow(work).rate_limit(limit), flow(work_soon).rate_limit(limit)
bounded, bounded_soon = flow(work).bulkhead(bulkhead), flow(work_soon).bulkhead(bulkhead)


def peers() -> dict[str, Sample | None]:
    """`limits`, in memory."""
    found: dict[str, Sample | None] = {"limits": None}
    if find_spec("limits") is not None:
        from limits import RateLimitItemPerSecond
        from limits.storage import MemoryStorage
        from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

        def hit(strategy: Any, most: int) -> Sample:
            item, limiter = RateLimitItemPerSecond(most, 1), strategy(MemoryStorage())
            return timed("hit(item) and call(1)", hit=limiter.hit, item=item, call=work)

        found["limits"] = hit(FixedWindowRateLimiter, MANY)
        found["limits, moving window"] = hit(MovingWindowRateLimiter, 1000)
    return found


def peers_soon(runner: asyncio.Runner) -> dict[str, Sample | None]:
    """`aiolimiter`."""
    if find_spec("aiolimiter") is None:
        return {"aiolimiter": None}
    from aiolimiter import AsyncLimiter

    limiter = AsyncLimiter(MANY, 1)

    async def call(value: object) -> object:
        async with limiter:
            return await work_soon(value)

    return {"aiolimiter": timed_async(runner, "await call(1)", call=call)}


def limiting(settings: Settings, subjects: Subjects, proof: Proof) -> list[Row]:
    """Measure, then show."""
    runner, hand = settings.runner, limiting_by_hand
    bucket, bucket_soon = hand.locked_bucket(work, MANY, MANY), hand.task_bucket(work_soon, MANY, MANY)
    places, places_soon = hand.semaphore(work, LIMIT), hand.task_semaphore(work_soon, LIMIT)
    sync = {
        "rate limit, sync": (limited, ("lock, bucket", bucket, hand.locked_bucket), peers()),
        "bulkhead, sync": (bounded, ("Semaphore", places, hand.semaphore), {}),
    }
    later = {
        "rate limit, async": (limited_soon, ("bucket", bucket_soon, hand.task_bucket), peers_soon(runner)),
        "bulkhead, async": (bounded_soon, ("asyncio.Semaphore", places_soon, hand.task_semaphore), {}),
    }
    table = []
    for name, (ours, (against, base, written), others) in sync.items():
        baseline = (against, timed("call(1)", call=base), written)
        table.append(compared(settings, name, None, timed("call(1)", call=ours), baseline, others=others))
    for name, (ours_soon, (against, base_soon, written), others) in later.items():
        sample = timed_async(runner, "await call(1)", call=base_soon)
        ours_sample = timed_async(runner, "await call(1)", call=ours_soon)
        table.append(compared(settings, name, None, ours_sample, (against, sample, written), others=others))
    proof.show(f"the bulkhead that was timed lets {LIMIT} of {TASKS:,} tasks run at once", shows_bulkhead)
    proof.show("the rate limit that was timed counts threads and tasks together", shows_limit)
    return table


def shows_bulkhead(proof: Proof) -> None:
    """It bounds another flow too, because the value is shared."""
    tree = flow(busy).bulkhead(bulkhead)

    async def main() -> None:
        await asyncio.gather(*(tree(number) for number in range(TASKS)))

    proof.runner.run(main())
    require((most, bulkhead.info().running) == (LIMIT, 0), f"{most} ran at once")


def shows_limit(proof: Proof) -> None:
    """All are counted."""
    before = limit.info().taken
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(limited, range(TASKS)))

    async def main() -> None:
        await asyncio.gather(*(limited_soon(number) for number in range(TASKS)))

    proof.runner.run(main())
    require(limit.info().taken - before == 2 * TASKS, "some were not counted")
