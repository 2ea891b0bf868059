"""`stale_while_revalidate`: the old result at once, the new one behind."""

import asyncio
import threading

import pytest

from omnitron import Cache, context, flow
from omnitron.testing import ManualClock


class Scene:
    """A flow that gives the number of its call, on a clock, and what it does in the background."""

    def __init__(self, **options):
        self.clock = ManualClock()
        self.ctx = context(clock=self.clock)
        self.calls = 0
        self.act = None
        self.again = threading.Event()
        self.policy = Cache(10, stale_while_revalidate=5, **options)

        @flow
        def number(x):
            self.calls += 1
            if self.calls > 1:
                assert self.again.wait(10)
                if self.act is not None:
                    self.act()
            return self.calls

        self.flow = number.cache(self.policy)

    def ask(self, passed=0.0):
        """Call after some time."""
        self.clock.move(passed)
        return self.ctx.run(self.flow, 1)

    def refreshed(self):
        """Let what computes behind end, and wait for it."""
        self.again.set()
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and thread.daemon and "refresh" in thread.name:
                thread.join(10)


def test_a_stale_result_is_given_at_once_and_computed_anew_once():
    """Three calls past its time are answered with the old one; behind, one computes."""
    scene = Scene()
    got = [scene.ask(), scene.ask(12), scene.ask(), scene.ask()]
    scene.refreshed()
    assert (got, scene.ask(), scene.calls, scene.policy.info().stale) == ([1, 1, 1, 1], 2, 2, 3)


def test_past_the_window_a_call_computes():
    """Then nothing old is given."""
    scene = Scene()
    scene.again.set()
    assert (scene.ask(), scene.ask(15)) == (1, 2)


def test_who_comes_past_the_window_waits_for_the_one_behind():
    """Even then only one computes."""
    scene = Scene()
    scene.ask()
    scene.ask(12)
    scene.clock.move(10)
    results = []
    waiting = threading.Thread(target=lambda: results.append(scene.ctx.run(scene.flow, 1)))
    waiting.start()
    while not scene.policy.info().shared:
        threading.Event().wait(0.001)
    scene.again.set()
    waiting.join(10)
    assert (results, scene.calls) == ([2], 2)


def test_a_refresh_that_fails_is_logged_and_the_old_one_stays(caplog):
    """Until its window is over."""

    def fails():
        raise OSError("gone")

    scene = Scene()
    scene.act = fails
    scene.ask()
    got = scene.ask(12)
    scene.refreshed()
    assert [one.getMessage() for one in caplog.records] == ["a stale result of 'number' could not be computed anew"]
    assert (got, scene.ask()) == (1, 1)
    scene.refreshed()


def test_a_refresh_that_failed_is_not_tried_again_while_its_error_is_kept():
    """`ttl_on_error` spares who has failed also where an old result stands in."""

    def fails():
        raise OSError("gone")

    scene = Scene(ttl_on_error=2)
    scene.act = fails
    counts = []
    for passed in (0, 11, 1, 1.5):
        scene.ask(passed)
        scene.refreshed()
        counts.append(scene.calls)
    assert counts == [1, 2, 2, 3]


class Scenes:
    """The async twin."""

    def __init__(self):
        self.clock = ManualClock()
        self.ctx = context(clock=self.clock)
        self.calls, self.ends = 0, []
        self.event = asyncio.Event()
        self.act = None

        async def number(x):
            self.calls += 1
            mine = self.calls
            if mine > 1:
                try:
                    await self.event.wait()
                except asyncio.CancelledError:
                    self.ends.append("cancelled")
                    raise
                if self.act is not None:
                    self.act()
            return mine

        self.flow = flow(number).cache(10, stale_while_revalidate=5)

    async def ask(self, passed=0.0):
        """Call after some time."""
        self.clock.move(passed)
        return await self.ctx.run(self.flow, 1)


def test_in_tasks():
    """The new one is computed in a task of its own."""

    async def main():
        scene = Scenes()
        got = [await scene.ask(), await scene.ask(12), await scene.ask()]
        scene.event.set()
        for _ in range(5):
            await asyncio.sleep(0)
        return got, await scene.ask(), scene.calls

    assert asyncio.run(main()) == ([1, 1, 1], 2, 2)


def test_the_end_of_the_loop_ends_it():
    """It is cancelled with all else that goes on."""
    scene = None

    async def main():
        nonlocal scene
        scene = Scenes()
        await scene.ask()
        await scene.ask(12)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert (scene.calls, scene.ends) == (2, ["cancelled"])


def test_what_fails_in_a_task_is_logged(caplog):
    """And nothing is left that nobody asked for."""

    async def main():
        scene = Scenes()
        scene.act = lambda: 1 // 0
        await scene.ask()
        await scene.ask(12)
        scene.event.set()
        for _ in range(5):
            await asyncio.sleep(0)
        return await scene.ask()

    assert asyncio.run(main()) == 1
    assert "could not be computed anew" in caplog.text


def test_refresh_computes_whatever_is_kept():
    """`refresh` gives and keeps a new result."""
    scene = Scene()
    scene.again.set()
    first = scene.ask()
    new = scene.ctx.run(flow(lambda: scene.flow.cached.refresh(1)))
    assert (first, new, scene.ask()) == (1, 2, 2)


@pytest.mark.parametrize("kept", [False, True])
def test_what_is_invalidated_while_it_is_computed_is_not_kept(kept):
    """Who waited for it is given it; the next call computes."""
    bell, begun, calls = threading.Event(), threading.Event(), []

    @flow
    def f(x):
        calls.append(x)
        begun.set()
        assert bell.wait(10)
        return x

    cached = f.cache(60)
    thread = threading.Thread(target=cached, args=(1,))
    thread.start()
    begun.wait(10)
    if not kept:
        cached.cached.invalidate(1)
    bell.set()
    thread.join(10)
    cached(1)
    assert calls == ([1] if kept else [1, 1])
