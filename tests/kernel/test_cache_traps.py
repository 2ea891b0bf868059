"""What the sketch of the specification gets wrong about caches (rows 22 and 23 of the list of traps), as it is here."""

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor

import pytest

from omnitron import Cache, DefinitionError, SQLiteStore, context, flow
from omnitron.testing import ManualClock


@flow
def first(x):
    """One flow."""
    return ("first", x)


@flow
def second(x):
    """Another, of the same input."""
    return ("second", x)


def test_row_22_keys_are_no_json(tmp_path):
    """Order does not matter, sets, NaN and None are themselves, cycles are refused; flows never mix their values."""
    store = SQLiteStore(tmp_path / "cache.db")
    for options in ({}, {"store": store, "version": "1"}):
        policy = Cache(60, **options)
        one, other = first.cache(policy), second.cache(policy)
        assert one({"a": 1, "b": 2}) == one({"b": 2, "a": 1})
        assert policy.info().hits == 1
        for value in ({1}, {2}, set(), {}, [], math.nan, None, 2**80, "null"):
            assert repr(one(value)) == repr(("first", value))
        assert (one(1), other(1)) == (("first", 1), ("second", 1))
        cycle = []
        cycle.append(cycle)
        with pytest.raises(DefinitionError):
            one(cycle)
    newer = first.cache(60, store=store, version="2")
    assert newer.cached.explain(1).outcome == "miss"
    store.close()


def test_row_23_one_computation_bounded_on_a_clock_that_never_goes_back(caplog):
    """No stampede, bounded, no wall clock; a broken storage fails no call; failures have a time of their own."""
    calls = []

    @flow
    def counted(x):
        calls.append(x)
        if x == "bad":
            raise LookupError(x)
        return x

    policy, clock = Cache(60, max_entries=5, ttl_on_error=1), ManualClock()
    cached, ctx = counted.cache(policy), context(clock=clock)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(cached, range(100)))
    assert policy.info().size == 5
    for passed, computed in ((0, 1), (0.5, 1), (0.6, 2)):
        clock.move(passed)
        with pytest.raises(LookupError):
            ctx.run(cached, "bad")
        assert calls.count("bad") == computed

    class Broken:
        def get(self, key, value=None):
            raise OSError(key)

        set = delete = clear = get

    assert first.cache(60, store=Broken(), version="1")(1) == ("first", 1)
    assert len(caplog.records) == 2

    async def cancelled():
        event = asyncio.Event()

        async def slow(x):
            calls.append("slow")
            await event.wait()
            return x

        held = flow(slow).cache(60)
        tasks = [asyncio.create_task(held(1)) for _ in range(5)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.sleep(0)
        event.set()
        return await asyncio.gather(*tasks[1:])

    assert (asyncio.run(cancelled()), calls.count("slow")) == ([1] * 4, 1)
