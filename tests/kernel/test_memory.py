"""What is dropped is gone: flows, compiled code, contexts, runs."""

import asyncio
import gc
import linecache
import sys
import weakref
from itertools import count

import pytest

from omnitron import EventLog, context, flow, gather, parallel, when


@flow
def up(x):
    return x + 1


def settled():
    """Give the number of allocated blocks after a full collection."""
    gc.collect()
    gc.collect()
    return sys.getallocatedblocks()


def grown(work, rounds):
    """Give by how many blocks `work` grows the process between a warm state and `rounds` more rounds.

    Blocks, not traced bytes: while `tracemalloc` runs it keeps the file name of every code that allocates. A tracer
    (coverage) keeps them too, so it looks away meanwhile.
    """
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        for _ in range(50):
            work()
        before = settled()
        for _ in range(rounds):
            work()
        return settled() - before
    finally:
        sys.settrace(tracer)


def test_ten_thousand_flows_leave_memory_flat():
    """Flows that are built, called once and dropped leave nothing."""

    def work():
        whole = flow(lambda x: x + 1) | flow(lambda x: x * 2) | up
        assert whole(1) == 5

    assert grown(work, 10_000) < 500


@pytest.mark.real
def test_flows_that_fail_leave_memory_flat():
    """Source texts that were made for tracebacks go with their flows."""
    import traceback

    def work():
        whole = flow(lambda x: x) | flow(lambda x: 1 // x)
        try:
            whole(0)
        except ZeroDivisionError:
            assert traceback.format_exc()

    assert grown(work, 1_000) < 500


def test_linecache_does_not_grow_with_flows():
    """The entry of a dropped flow is dropped."""
    import traceback

    def fail():
        try:
            (up | flow(lambda x: x / 0))(1)
        except ZeroDivisionError:
            return traceback.format_exc()

    fail()
    gc.collect()
    before = len(linecache.cache)
    for _ in range(200):
        fail()
    gc.collect()
    assert len(linecache.cache) <= before + 2


@pytest.mark.real
def test_flows_of_many_shapes_leave_memory_bounded():
    """The cache of shapes is bounded: ten times as many shapes take no more room."""
    sizes = count(2)

    def work():
        for arity in range(10):
            branches = next(sizes) % 5_000 + 1
            names = {f"{'abcdefghij'[arity]}{number}": up for number in range(branches % 7 + 1)}
            gather(dict, **names, **{f"z{branches}": up})(0)

    work()
    for _ in range(150):
        work()
    assert grown(work, 350) < 20_000


def test_a_dropped_flow_is_collected_with_its_function():
    """Nothing of ours holds a flow or its function."""

    def make():
        def step(x):
            return x

        whole = parallel(flow(step), up) | when(flow(step), flow(len))
        whole(1)
        return weakref.ref(step)

    ref = make()
    gc.collect()
    assert ref() is None


@pytest.mark.real
def test_a_million_derived_contexts_leave_memory_flat():
    """A parent holds no child."""
    parent = context(tenant="acme", big=list(range(10)))

    def work():
        for n in range(100):
            parent.with_(n=n).run(up, n)

    assert grown(work, 10_000) < 500


def test_a_dropped_context_is_collected_with_its_values():
    """A context that nobody holds is gone with what it carried."""

    class Big:
        pass

    parent, value = context(), Big()
    ref = weakref.ref(value)
    parent.with_(value=value).run(up, 1)
    del value
    gc.collect()

    assert ref() is None


@pytest.mark.real
def test_async_runs_leave_memory_flat():
    """Runs in tasks leave nothing behind."""
    late = flow(lambda x: asyncio.sleep(0, x), colour="async")
    whole = late | parallel(late, late) | flow(sum) | flow(lambda x: [x]) | late.each()

    async def some():
        for n in range(100):
            await context(n=n).run(whole, n)

    assert grown(lambda: asyncio.run(some()), 20) < 200


@pytest.mark.real
def test_watched_runs_leave_memory_flat():
    """What an observer does not keep is gone."""

    class Count:
        seen = 0

        def observe(self, event):
            self.seen += 1

    body = flow(lambda x: (up | up)(x))
    ctx = context(observers=[Count()])
    assert grown(lambda: ctx.run(body, 1), 5_000) < 500


def test_an_event_log_is_dropped_with_its_events():
    """A log in a context is no leak."""

    def make():
        log = EventLog()
        context(observers=[log]).run(up | up, 1)
        return weakref.ref(log)

    ref = make()
    gc.collect()
    assert ref() is None


def test_errors_of_a_parallel_make_no_cycles_that_hold_tasks():
    """After a failing parallel no task is held by anything."""

    async def main():
        forever = flow(lambda x: asyncio.Event().wait(), colour="async")
        for _ in range(20):
            try:
                await parallel(forever, flow(lambda x: asyncio.sleep(0, x), colour="async") | flow(lambda x: 1 // x))(0)
            except ZeroDivisionError:
                continue
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1
