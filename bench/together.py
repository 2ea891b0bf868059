"""Rows of one function with three policies at once: a timeout, retries, kept results; and of what is glued to do the same.

Read next: `bench.rows`, whose table these rows join.
"""

import asyncio
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from itertools import count
from typing import Any

from bench import peers
from bench.caching_by_hand import future_map
from bench.measure import Sample, timed_async
from bench.promises import Proof, require
from bench.rows import Row, Settings, Subjects, compared
from omnitron import EventLog, context, flow
from omnitron.testing import ManualClock

HIT, MISS = 'await call("key")', "await call(next(keys))"
failing: dict[object, int] = {}
asked: list[object] = []


async def quote(key: object) -> object:
    """The function: it suspends once, and fails where a proof wants it to."""
    await asyncio.sleep(0)
    if key in failing:
        asked.append(key)
        failing[key] -= 1
        if failing[key] >= 0:
            raise ConnectionError("down")
    return key


quoted = flow(quote).timeout(5).retry(4, on=OSError).cache(60)


def by_hand(function: Callable[..., Awaitable[object]]) -> Callable[[object], Awaitable[object]]:
    """A loop around `asyncio.timeout`, in a future map.

    Lacks: what the loop, the timeout and the future map of the other rows lack; a shared error waits for nobody.
    """

    async def call(key: object) -> object:
        for attempt in range(4):
            try:
                async with asyncio.timeout(5):
                    return await function(key)
            except OSError:
                if attempt == 3:
                    raise
                await asyncio.sleep(0.1 * 2**attempt)
        raise AssertionError

    return future_map(call)


async def in_time(key: object) -> object:
    """The function within `asyncio.timeout`, for those who have no timeout of their own."""
    async with asyncio.timeout(5):
        return await quote(key)


def glued() -> dict[str, Any]:
    """What users put around one function, where it is installed."""
    found: dict[str, Any] = {}
    if find_spec("async_lru") is not None:
        from async_lru import alru_cache

        for name, again in peers.of_retry_soon(in_time).items():
            found[f"{name} + async-lru"] = None if again is None else alru_cache(1024, ttl=60)(again)
    if find_spec("aiocache") is not None and peers.HAS_BACKOFF:
        import backoff
        from aiocache import cached

        again = backoff.on_exception(backoff.expo, OSError, max_tries=4)(in_time)
        found["backoff + aiocache"] = cached(ttl=60, key_builder=lambda function, key: str(key))(again)
    return found


def together(settings: Settings, subjects: Subjects, proof: Proof) -> list[Row]:
    """Measure, then show."""
    runner, keys, hand, others = settings.runner, count(), by_hand(quote), glued()

    def samples(statement: str) -> dict[str, Sample | None]:
        return {
            name: None if call is None else timed_async(runner, statement, call=call, keys=keys)
            for name, call in others.items()
        }

    table = [
        compared(
            settings,
            f"timeout, retry and cache of one async function, {what}",
            None,
            timed_async(runner, statement, call=quoted, keys=keys),
            ("by hand", timed_async(runner, statement, call=hand, keys=keys), by_hand),
            others=samples(statement),
        )
        for what, statement in (("kept", HIT), ("computed", MISS))
    ]
    proof.show("three policies: tried again, kept, and seen at each attempt", shows_all)
    return table


def shows_all(proof: Proof) -> None:
    """The flow that was timed asks for a key that fails twice, and keeps what comes then."""
    asked.clear()
    failing["shown"], log = 2, EventLog()
    ctx = context(clock=Hasty(), observers=log)

    async def main() -> list[object]:
        return [await ctx.run(quoted, "shown") for _ in range(3)]

    require(proof.runner.run(main()) == ["shown"] * 3, "it gave something else")
    require(len(asked) == 3, f"it asked {len(asked)} times")
    attempts = sorted({event.attempt for event in log.events})
    require(attempts == [1, 2, 3], f"hooks saw the attempts {attempts}")


class Hasty(ManualClock):
    """A clock that moves as soon as anybody sleeps for a short while; a longer one is a bound."""

    async def sleep(self, delay: float) -> None:
        if delay < 1:
            self.move(delay)
        else:
            await super().sleep(delay)
