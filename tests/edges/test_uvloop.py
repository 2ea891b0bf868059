"""uvloop: everything that asyncio's own loop is asked for, after it, before it and beside it."""

import asyncio
import os
import threading
from functools import partial

import pytest

from omnitron import TimedOut, context, flow, needs, resource
from omnitron.testing import VirtualClock
from tests.kernel.forked import child, in_program
from tests.kernel.scenes import (
    SCENES,
    forever,
    later,
    opens_resources,
    piped,
    side_by_side,
    starts_runs,
    uses_processes,
)

uvloop = pytest.importorskip("uvloop")

each_scene = pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)


@each_scene
def test_one_after_the_other(scene):
    """uvloop's loops in a row, and asyncio's in between."""
    with context() as app:
        for run in (uvloop.run, uvloop.run, asyncio.run, uvloop.run):
            run(scene(app))


@each_scene
def test_beside_each_other(scene):
    """Two of uvloop's and one of asyncio's, in three threads at once."""
    side_by_side(scene, [partial(uvloop.run, debug=True), uvloop.run, asyncio.run], 2)


@each_scene
def test_in_a_context_of_its_own(scene):
    """Entered by `async with` on the loop."""

    async def main():
        async with context() as app:
            await scene(app)

    uvloop.run(main())


def test_an_app_resource_opens_anew_on_each_loop():
    """And closes with it, whoever's loop it is."""
    log = []

    @resource
    async def pool():
        log.append(f"open on {type(asyncio.get_running_loop()).__module__.partition('.')[0]}")
        yield "pool"
        log.append("close")

    @flow
    async def use(x: int, *, it: str = needs(pool)) -> str:
        return it

    with context() as app:
        for run in (uvloop.run, asyncio.run, uvloop.run):
            run(app.run(use, 1))

    assert log == ["open on uvloop", "close", "open on asyncio", "close", "open on uvloop", "close"]


def test_leaving_a_block_ends_what_goes_on_in_another_thread():
    """Its runs first, then its resources, each on its own loop."""
    log, inside, over = [], threading.Event(), threading.Event()

    @resource
    async def pool():
        yield "pool"
        await asyncio.sleep(0)
        log.append("close")

    @flow
    async def work(x: int, *, it: str = needs(pool)) -> None:
        inside.set()
        try:
            await asyncio.Event().wait()
        finally:
            log.append("end")

    async def main(app):
        app.start(work, 1)
        await asyncio.to_thread(over.wait)

    with context() as app:
        thread = threading.Thread(target=uvloop.run, args=(main(app),))
        thread.start()
        inside.wait()
    left = list(log)
    over.set()
    thread.join()

    assert (left, log) == (["end", "close"], left)


def test_a_run_can_be_awaited_from_a_loop_of_the_other_kind():
    """Whoever waits is woken through the own loop."""
    begun, over, runs = threading.Event(), threading.Event(), []

    async def start(app):
        runs.append(app.start(piped, 1))
        begun.set()
        await asyncio.to_thread(over.wait)

    async def follow(run):
        return len([event async for event in run.events()]), await run

    with context() as app:
        thread = threading.Thread(target=uvloop.run, args=(start(app),))
        thread.start()
        begun.wait()
        found = asyncio.run(follow(runs[0]))
        over.set()
        thread.join()

    assert found == (6, 3)


def test_a_run_whose_loop_was_closed_is_over():
    """Without ending its tasks; leaving the block is no error."""
    loop = uvloop.new_event_loop()

    async def start(app):
        run = app.start(forever, 1)
        await asyncio.sleep(0)
        return run

    with context() as app:
        run = loop.run_until_complete(start(app))
        tasks = asyncio.all_tasks(loop)
        loop.close()
    for task in tasks:
        task._log_destroy_pending = False  # it is what the test is about

    assert run.status == "cancelled"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@in_program
def test_after_a_fork():
    """A child of a parent that has used uvloop, which runs either kind of loop."""

    async def scenes(app):
        for scene in (opens_resources, starts_runs, uses_processes):
            await scene(app)
        return await app.run(later, 1)

    with context() as app:
        assert uvloop.run(scenes(app)) == 2
        assert child(lambda: [run(scenes(app)) for run in (uvloop.run, asyncio.run, uvloop.run)]) == [2, 2, 2]


def test_virtual_time_has_a_loop_of_its_own():
    """Before and after uvloop has run, and beside it in another thread."""

    def hour():
        clock = VirtualClock()
        return clock.run(asyncio.sleep(3600, clock))

    async def beside():
        return await asyncio.to_thread(hour)

    clocks = [hour(), uvloop.run(beside()), hour()]

    assert [clock.monotonic() for clock in clocks] == [3600.0] * 3


def test_what_takes_too_long_is_cancelled():
    """And what ends in time is not; retries wait on the loop's own timers."""
    calls = []

    @flow
    async def work(seconds):
        calls.append(seconds)
        await asyncio.sleep(seconds)
        return seconds

    async def main():
        with pytest.raises(TimedOut):
            await work.timeout(0.01).retry(3, 0.001)(60)
        return await work.timeout(60).each(concurrency=1_000)([0] * 1_000), len(asyncio.all_tasks())

    assert uvloop.run(main()) == ([0] * 1_000, 1)
    assert calls == [60] * 3 + [0] * 1_000


def test_a_bound_may_be_longer_than_a_timer_takes():
    """It is one of a hundred years."""

    @flow
    async def work(x):
        await asyncio.sleep(0)
        return x

    assert uvloop.run(work.timeout(1e300)(3)) == 3
