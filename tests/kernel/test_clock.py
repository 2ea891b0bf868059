"""The clock that a test turns."""

import asyncio
from datetime import UTC, datetime

import pytest

from omnitron import DeadlineExceeded, EventLog, RunCancelled, context, flow, try_with
from omnitron.testing import ManualClock


def test_stands_still_until_it_is_moved():
    """Time is what the test says."""
    clock = ManualClock(start=5.0)
    clock.move(2.5)

    assert clock.monotonic() == 7.5
    assert clock.now() == datetime(2000, 1, 1, 0, 0, 2, 500000, tzinfo=UTC)


def test_a_thread_waits_longer_than_the_system_can():
    """What the system calls do not take is a long wait, not an OverflowError."""
    limited = flow(str).rate_limit(1, per=1e18)
    outcome = limited(1)
    run = context().start(limited, 2)
    run.cancel("enough")
    with pytest.raises(RunCancelled):
        run.result()

    assert outcome == "1"


def test_sleepers_wake_in_the_order_of_their_times():
    """Each finds the clock at its own time."""
    clock, woken = ManualClock(), []

    async def sleeper(delay):
        await clock.sleep(delay)
        woken.append((delay, clock.monotonic()))

    async def main():
        async with asyncio.TaskGroup() as group:
            for delay in (3, 1, 2):
                group.create_task(sleeper(delay))
            await clock.advance(2)
            seen = list(woken)
            await clock.advance(10)
        return seen

    assert asyncio.run(main()) == [(1, 1.0), (2, 2.0)]
    assert woken == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert clock.monotonic() == 12.0


def test_does_not_go_back():
    """A negative step is refused."""
    with pytest.raises(ValueError, match="back"):
        ManualClock().move(-1)
    with pytest.raises(ValueError, match="back"):
        asyncio.run(ManualClock().advance(-1))


def test_ends_a_run_at_its_deadline():
    """A deadline of hours passes in no time, and the flow cleans up."""
    clock, cleaned = ManualClock(), []

    @flow
    async def forever(x):
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(x)

    async def main():
        task = asyncio.create_task(context(clock=clock, deadline=7200).run(forever, 1))
        await clock.advance(7199)
        assert not task.done()
        await clock.advance(2)
        await task

    with pytest.raises(DeadlineExceeded):
        asyncio.run(main())
    assert cleaned == [1]


def test_a_sync_flow_is_stopped_at_the_next_boundary():
    """A sync flow sees the deadline where its next step would start."""
    clock = ManualClock()

    @flow
    def slow(x):
        clock.move(10)
        return x

    with pytest.raises(DeadlineExceeded, match="slow#2"):
        context(clock=clock, deadline=5).run(slow | slow, 1)


def test_a_late_result_of_an_async_run_is_refused():
    """An async flow whose steps never suspend cannot be stopped, and its late result is no result."""
    clock = ManualClock()

    async def slow(x):
        clock.move(10)
        return x

    with pytest.raises(DeadlineExceeded):
        asyncio.run(context(clock=clock, deadline=5).run(slow, 1))


def test_a_watched_async_run_ends_at_the_first_boundary_after_its_deadline():
    """Where something watches, no further step starts, and the clean-up runs."""
    clock, ran, cleaned = ManualClock(), [], []
    slow = flow(lambda x: clock.move(10) or x)
    late = flow(asyncio.sleep).bind(result=1) | slow | flow(ran.append)
    tree = try_with(late, finally_=flow(cleaned.append))

    with pytest.raises(DeadlineExceeded):
        asyncio.run(context(clock=clock, deadline=5, observers=EventLog()).run(tree, 0))

    assert (ran, cleaned) == ([], [0])
