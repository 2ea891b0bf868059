"""Rows of hits: what it costs to be given what is kept. The timed objects are then shown to compute once, and to forget.

Read next: `bench.rows`, whose table these rows join; the baselines are `functools.lru_cache` and `bench.caching_by_hand`.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from bench import caching_by_hand
from bench.measure import Sample, timed, timed_async
from bench.promises import Proof, require
from bench.rows import Row, Settings, Subjects, compared
from omnitron import flow

THREADS, TASKS = 8, 1_000


@dataclass(frozen=True)
class Order:
    """An argument that is plain data."""

    name: str
    amount: int


begun, bell, computed = threading.Event(), threading.Event(), list[object]()
bell.set()


def look_up(key: object) -> object:
    """The function that is kept; it waits where a proof wants it to."""
    computed.append(key)
    begun.set()
    bell.wait(10)
    return key


def look_up_two(key: object, *, region: str = "eu") -> object:
    """The same with a keyword."""
    return key


async def look_up_soon(key: object) -> object:
    """The async twin."""
    computed.append(key)
    await asyncio.sleep(0)
    return key


def lru_baseline() -> None:
    """`functools.lru_cache`.

    Lacks: a time to live, single flight, types told apart, keys of what is not hashable, tenants, errors, hooks.
    """


kept = flow(look_up).cache(60)
kept_two = flow(look_up_two).cache(60)
kept_soon = flow(look_up_soon).cache(60)
CALLS: dict[str, tuple[str, Any, Any, Any]] = {
    "str": ('call("key")', kept, look_up, None),
    "int": ("call(7)", kept, look_up, None),
    "tuple": ("call(value)", kept, look_up, ("a", 1, "b")),
    "keyword": ('call("key", region="us")', kept_two, look_up_two, None),
    "dataclass": ("call(value)", kept, look_up, Order("book", 3)),
}


def with_condition(function: Callable[..., object]) -> Callable[..., object] | None:
    """`cachetools` with a lock that threads wait on, as its documentation writes single flight."""
    if find_spec("cachetools") is None:
        return None
    from cachetools import TTLCache, cached

    return cached(TTLCache(1024, 60), condition=threading.Condition())(function)  # type: ignore[no-any-return]


def peers_soon(runner: asyncio.Runner) -> dict[str, Sample | None]:
    """async-lru and aiocache, where they are installed."""
    found: dict[str, Sample | None] = {"async-lru": None, "aiocache": None}
    if find_spec("async_lru") is not None:
        from async_lru import alru_cache

        found["async-lru"] = timed_async(runner, 'await call("key")', call=alru_cache(1024, ttl=60)(look_up_soon))
    if find_spec("aiocache") is not None:
        from aiocache import cached as aio_cached

        found["aiocache"] = timed_async(runner, 'await call("key")', call=aio_cached(ttl=60)(look_up_soon))
    return found


def caching(settings: Settings, subjects: Subjects, proof: Proof) -> list[Row]:
    """Measure, then show."""
    table = []
    for name, (statement, ours, function, value) in CALLS.items():
        peer = with_condition(function)
        table.append(
            compared(
                settings,
                f"cache hit, sync, {name} key",
                4.0,
                timed(statement, call=ours, value=value),
                ("lru_cache", timed(statement, call=lru_cache(1024)(function), value=value), lru_baseline),
                others={"cachetools, condition": None if peer is None else timed(statement, call=peer, value=value)},
            )
        )
    runner = settings.runner
    by_hand, plain = caching_by_hand.future_map(look_up_soon), caching_by_hand.plain_future_map(look_up_soon)
    table.append(
        compared(
            settings,
            "cache hit, async",
            2.0,
            timed_async(runner, 'await call("key")', call=kept_soon),
            ("future map", timed_async(runner, 'await call("key")', call=by_hand), caching_by_hand.future_map),
            others={"without time": timed_async(runner, 'await call("key")', call=plain), **peers_soon(runner)},
        )
    )
    proof.show(f"the cached flow computes once for {THREADS} threads, and again when it was told to forget", shows_sync)
    proof.show(f"the async one computes once for {TASKS:,} tasks, also when the first is cancelled", shows_async)
    return table


def shows_sync(proof: Proof) -> None:
    """The flow that was timed does single flight."""
    computed.clear()
    begun.clear()
    bell.clear()
    before = kept.cached.info().shared
    with ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(kept, "shown") for _ in range(THREADS)]
        require(begun.wait(10), "nothing was computed")
        while kept.cached.info().shared - before < THREADS - 1:
            threading.Event().wait(0.001)
        bell.set()
        results = [future.result(10) for future in futures]
    require((results, computed) == (["shown"] * THREADS, ["shown"]), f"it computed {len(computed)} times")
    require((kept(1), kept(True), kept(1.0), computed[1:]) == (1, True, 1.0, [1, True, 1.0]), "types are mixed up")
    kept.cached.invalidate("shown")
    kept("shown")
    require(computed.count("shown") == 2, "it was not forgotten")


def shows_async(proof: Proof) -> None:
    """So does the async one."""

    async def main() -> None:
        computed.clear()
        tasks = [asyncio.create_task(kept_soon("shown")) for _ in range(TASKS)]  # type: ignore[arg-type]
        await asyncio.sleep(0)
        tasks[0].cancel()
        results = await asyncio.gather(*tasks[1:])
        require(tasks[0].cancelled(), "the first was not cancelled")
        require((set(results), computed) == ({"shown"}, ["shown"]), f"it computed {len(computed)} times")

    proof.runner.run(main())
