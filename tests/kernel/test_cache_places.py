"""A cached flow wherever flows stand: branches, items, races, threads, runs that end, other policies."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from omnitron import (
    Cache,
    CallStarted,
    DeadlineExceeded,
    EventLog,
    RunCancelled,
    SQLiteStore,
    context,
    fallback,
    flow,
    parallel,
    race,
    try_with,
    when,
)


def counted():
    """Give the list of calls, and an async flow."""
    calls = []

    @flow
    async def f(x):
        calls.append(x)
        await asyncio.sleep(0)
        return x

    return calls, f


def test_branches_at_once_compute_once():
    """Two branches of one call ask for one key."""
    calls, f = counted()
    cached = f.cache(60)
    assert (asyncio.run(parallel(cached, cached)(1)), calls) == ((1, 1), [1])


def test_items_at_once_compute_each_key_once():
    """Equal items share a computation."""
    calls, f = counted()
    assert (asyncio.run(f.cache(60).each(concurrency=8)([1, 2] * 50)), sorted(calls)) == ([1, 2] * 50, [1, 2])


def test_items_of_a_stream_and_of_threads():
    """So do those that are computed ahead, and on threads."""
    calls = []

    @flow
    def f(x):
        calls.append(x)
        return x

    cached = f.cache(60)
    assert list(cached.stream()([1, 1, 2])) + cached.each(threads=4)([1, 2, 1]) == [1, 1, 2, 1, 2, 1]
    assert sorted(calls) == [1, 2]


def test_a_batch_waits_for_no_company_from_threads_that_wait_for_its_answer():
    """Threads of one crew that wait for a key are counted among those that will not come."""
    doubled = flow(lambda xs: [2 * x for x in xs]).batch(4, max_wait=20.0).cache(60)
    begun = time.monotonic()
    assert doubled.each(threads=4)([1, 1, 1, 1, 2]) == [2, 2, 2, 2, 4]
    assert time.monotonic() - begun < 10


def test_a_race_that_is_lost_takes_nothing_from_others():
    """A loser of a race leaves a computation that somebody else waits for."""

    async def main():
        calls, event = [], asyncio.Event()

        @flow
        async def slow(x):
            calls.append(x)
            await event.wait()
            return x

        cached = slow.cache(60)
        quick = flow(asyncio.sleep)
        lost = race(cached, quick)
        other = asyncio.create_task(cached(0))
        first = await lost(0)
        event.set()
        return first, await other, calls

    assert asyncio.run(main()) == (None, 0, [0])


def test_in_a_thread():
    """`.on("thread")` inside and outside."""
    calls = []

    @flow
    def f(x):
        calls.append(x)
        return threading.current_thread() is threading.main_thread()

    inside, outside = f.on("thread").cache(60), f.cache(60).on("thread")
    got = [asyncio.run(one(1)) for one in (inside, inside, outside, outside)]
    assert (got, calls) == ([False] * 4, [1, 1])


def test_beside_other_policies():
    """A retry inside computes once for all; the whole of it is kept."""
    calls = []

    @flow
    def f(x):
        calls.append(x)
        if len(calls) < 3:
            raise OSError
        return x

    cached = f.retry(3, delay=0).cache(60)
    assert (cached(1), cached(1), len(calls)) == (1, 1, 3)


def test_in_conditions_and_recoveries():
    """Its errors are caught as any."""
    fails = flow(lambda x: 1 // x).cache(60)
    assert fallback(fails, flow(lambda x: "instead"))(0) == "instead"
    assert try_with(fails, catch=flow(lambda failure: failure.path))(0) == "try_with/<lambda>"
    assert when(flow(lambda x: x > 0).cache(60), fails, flow(lambda x: "no"))(0) == "no"


def test_a_call_in_a_body_is_cached():
    """A flow that is called by a function is the same flow."""
    calls = []
    cached = flow(lambda x: calls.append(x)).cache(60)

    @flow
    def body(x):
        cached(x)
        cached(x)

    context(observers=[EventLog()]).run(body, 1)
    body(1)
    assert calls == [1]


def test_an_observer_sees_a_miss_and_not_a_hit():
    """What does not run starts no call."""
    log = EventLog()
    cached = (flow(abs).cache(60) | str).named("whole")
    ctx = context(observers=[log])
    counts = []
    for _ in range(2):
        ctx.run(cached, -1)
        counts.append(sum(type(event) is CallStarted and event.path == "whole/abs" for event in log.events))
    assert counts == [1, 1]


def blocked():
    """Give a flow that blocks, what tells that it has begun, what lets it end, and its policy."""
    begun, bell, policy = threading.Event(), threading.Event(), Cache(60)

    @flow
    def f(x):
        begun.set()
        assert bell.wait(10)
        return x

    return f.cache(policy), begun, bell, policy


def test_a_run_that_is_cancelled_waits_no_longer():
    """A sync run that waits for another's computation ends when it is told to."""
    cached, begun, bell, policy = blocked()
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(cached, 1)
        begun.wait(10)
        run = context().start(cached, 1)
        while not policy.info().shared:
            threading.Event().wait(0.001)
        run.cancel("enough")
        with pytest.raises(RunCancelled):
            run.result()
        bell.set()
        assert leader.result(10) == 1


def test_a_run_whose_time_is_over_waits_no_longer():
    """Nor does one with a deadline; the leader goes on."""
    cached, begun, bell, _ = blocked()
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(cached, 1)
        begun.wait(10)
        with pytest.raises(DeadlineExceeded):
            context(deadline=0.02).run(cached, 1)
        bell.set()
        assert leader.result(10) == 1


def test_a_leader_whose_deadline_passes_is_succeeded():
    """Its end is its own: who waits computes anew."""
    calls, started = [], threading.Event()

    @flow
    def step(x):
        calls.append(x)
        started.set()
        if len(calls) == 1:
            threading.Event().wait(0.5)
        return x

    policy = Cache(60)
    cached = (step | step).cache(policy)
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(context(deadline=0.4).run, cached, 1)
        started.wait(10)
        got = cached(1)
        assert isinstance(leader.exception(10), DeadlineExceeded)
    assert (got, calls) == (1, [1, 1, 1])


def doubled(x):
    """Double."""
    return x * 2


@pytest.mark.real
def test_in_a_process(tmp_path):
    """A flow that travels has a fresh cell there, and its store."""
    store = SQLiteStore(tmp_path / "cache.db")
    there = flow(doubled).cache(60, store=store, version="1")
    got = asyncio.run(there.on("process")(21))
    found = there.cached.explain(21).outcome
    store.close()
    assert (got, found) == (42, "hit")
