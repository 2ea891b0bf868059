"""What the pages of docs/migration say of other libraries, over random calls: the same is computed, at the same times."""

from __future__ import annotations

import asyncio
import random
from functools import lru_cache
from itertools import pairwise

import backoff
import pytest
import stamina
from aiocache import cached as aiocached
from aiodataloader import DataLoader
from cachetools import LRUCache, TTLCache, cached
from hypothesis import given
from hypothesis import strategies as st

from omnitron import Schedule, context, flow
from omnitron.testing import ManualClock, VirtualClock

names = st.sampled_from(["tea", "milk", "salt", "rice"])


@given(st.lists(st.tuples(names, st.integers(0, 40)), max_size=60))
def test_results_are_kept_as_long_as_by_a_ttlcache(calls):
    """To the second."""
    clock = ManualClock()
    asked: dict[str, list[tuple[str, float]]] = {"theirs": [], "ours": []}

    def price_of(whose):
        def price(sku):
            asked[whose].append((sku, clock.time))
            return len(sku)

        return price

    theirs = cached(TTLCache(10, 60, timer=clock.monotonic))(price_of("theirs"))
    ours, app = flow(price_of("ours")).cache(60, max_entries=10), context(clock=clock)
    for sku, seconds in calls:
        clock.move(seconds)
        assert app.run(ours, sku) == theirs(sku)
    assert asked["ours"] == asked["theirs"]


@pytest.mark.parametrize("entries", [10, 50, 200])
def test_what_was_not_used_lately_goes_about_as_from_lru_cache(entries):
    """Their orders differ a little; how often something is found does not."""
    draw = random.Random(7)
    calls = [min(int(draw.paretovariate(0.6)), 1_000) for _ in range(20_000)]
    theirs, store = lru_cache(entries)(str), cached(LRUCache(entries), info=True)(str)
    ours = flow(lambda number: str(number)).cache(None, max_entries=entries)
    for number in calls:
        assert ours(number) == theirs(number) == store(number)
    hits = [ours.cached.info().hits, theirs.cache_info().hits, store.cache_info().hits]
    assert hits[1] == hits[2]
    assert abs(hits[0] - hits[1]) < 0.02 * len(calls)
    assert ours.cached.info().size == theirs.cache_info().currsize


@given(st.lists(st.tuples(names, st.integers(0, 40)), max_size=30))
def test_results_are_kept_as_long_as_by_aiocache(calls):
    """On the clock of one event loop."""

    def run(decorated):
        asked = []

        async def price(sku):
            asked.append((sku, asyncio.get_running_loop().time()))
            return len(sku)

        async def main():
            start = asyncio.get_running_loop().time()
            call = decorated(price)
            for sku, seconds in calls:
                await asyncio.sleep(seconds + 1e-3)
                await call(sku)
            return [(sku, round(time - start, 2)) for sku, time in asked]

        return VirtualClock().run(main())

    assert run(lambda price: flow(price).cache(60)) == run(aiocached(ttl=60))


@given(st.lists(st.lists(st.integers(0, 20), max_size=12), max_size=4))
def test_calls_are_the_same_as_those_of_a_dataloader(rounds):
    """Those who ask in one turn share one call, in their order, each key once."""

    async def run(make):
        calls = []

        async def load(ids):
            calls.append(list(ids))
            return [ValueError(id) if id == 13 else str(id) for id in ids]

        answers = []
        for asked in rounds:
            one = make(load)  # a loader keeps its answers
            answers.append([str(a) for a in await asyncio.gather(*[one(id) for id in asked], return_exceptions=True)])
        return calls, answers

    theirs = asyncio.run(run(lambda load: DataLoader(load).load))
    assert asyncio.run(run(lambda load: flow(load).batch())) == theirs


def test_waits_are_those_of_stamina():
    """Whose own objects tell them; without the jitter that it adds."""
    stamina.instrumentation.set_on_retry_hooks([])
    times: list[float] = []

    async def work():
        times.append(asyncio.get_running_loop().time())
        if len(times) < 8:
            raise OSError

    for base, first, longest in [(2, 0.1, 5), (3, 1, 60), (1.5, 0.25, 1)]:
        times.clear()
        retry = stamina.retry(
            on=OSError, attempts=8, wait_initial=first, wait_max=longest, wait_jitter=0, wait_exp_base=base
        )
        VirtualClock().run(retry(work)())
        waits = [round(after - before, 6) for before, after in pairwise(times)]
        ours = Schedule.exponential(first, base, max_delay=longest).up_to(attempts=8)
        assert waits == [round(delay, 6) for delay in ours.delays()]


def test_waits_are_those_of_backoff():
    """Whose generators tell them."""
    for generator, ours in [
        (backoff.expo(max_value=30), Schedule.exponential(1, max_delay=30)),
        (backoff.expo(base=3, factor=0.5), Schedule.exponential(0.5, 3)),
        (backoff.fibo(max_value=20), Schedule.fibonacci(1, max_delay=20)),
        (backoff.constant(interval=3), Schedule.fixed(3)),
    ]:
        generator.send(None)
        assert [next(generator) for _ in range(9)] == list(ours.up_to(attempts=10).delays())


def test_full_jitter_is_that_of_backoff():
    """From 0 to the delay: the same mean and spread over many draws."""
    draw = random.Random(7)
    theirs = sorted(backoff.full_jitter(8) for _ in range(4_000))
    schedule = Schedule.fixed(8).jittered("full")
    ours = sorted(next(schedule.delays(at=draw.random())) for _ in range(4_000))
    assert abs(sum(theirs) - sum(ours)) / 4_000 < 0.3
    assert max(abs(a - b) for a, b in zip(theirs, ours, strict=True)) < 0.5
