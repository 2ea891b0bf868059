"""Run handles: a run that was started goes on by itself, and ends with the context that started it."""

import asyncio
import gc
import logging
import subprocess
import sys
import threading
import traceback

import pytest

from omnitron import (
    CallFinished,
    CallStarted,
    DeadlineExceeded,
    DefinitionError,
    EventLog,
    Key,
    MissingCapability,
    MissingNeed,
    NoRun,
    Run,
    RunCancelled,
    context,
    current_context,
    current_step,
    flow,
    needs,
    resource,
)
from omnitron.testing import ManualClock


@flow
async def double(x: int) -> int:
    await asyncio.sleep(0)
    return 2 * x


@flow
def triple(x: int) -> int:
    return 3 * x


@flow
async def forever(x: int) -> int:
    await asyncio.Event().wait()
    return x


@flow
def divide(x: int) -> float:
    return 1 / x


def in_app(main, **options):
    """Run `main(app)` inside an entered context."""

    async def inside():
        async with context(**options) as app:
            return await main(app)

    return asyncio.run(inside())


def test_a_started_run_gives_its_result_to_whoever_awaits():
    """The handle comes at once, the result when it is there, as often as it is asked for."""

    async def main(app):
        run = app.start(double, 4)
        before = run.status
        return before, await run, await run, run.result(), run.status, run.done

    assert in_app(main) == ("running", 8, 8, 8, "succeeded", True)


def test_a_sync_flow_runs_in_a_thread():
    """`result` waits for it where no event loop runs."""
    with context() as app:
        run = app.start(flow(lambda x: threading.current_thread().name), 1)

        assert run.result() == f"run {run.id}"


def test_a_sync_run_can_be_awaited():
    """The handle is the same for both colours."""

    async def main(app):
        return await app.start(triple, 4), await app.start(len, "abc")

    assert in_app(main) == (12, 3)


def test_the_error_of_a_run_is_the_users_own():
    """Awaiting raises it, with its note."""

    async def main(app):
        run = app.start(double | divide, 0)
        with pytest.raises(ZeroDivisionError) as caught:
            await run
        return run.status, caught.value.__notes__

    assert in_app(main) == ("failed", ["raised in flow 'double → divide', at double → divide/divide"])


def test_a_run_has_a_name():
    """`as_run` gives it to the next run, and to no run inside that one."""
    app = context()

    @flow
    def names(x: int) -> tuple:
        return current_step().run_id, current_context().run(flow(lambda _: current_step().run_id), x)

    outer, inner = app.as_run("order-17").run(names, 1)

    assert outer == "order-17"
    assert inner != "order-17"
    assert len(inner) == 16


def test_a_run_without_a_name_is_given_one():
    """Two runs never have the same."""

    async def main(app):
        runs = [app.start(double, 1) for _ in range(3)]
        for run in runs:
            await run
        return {run.id for run in runs}

    assert len(in_app(main)) == 3


@pytest.mark.parametrize("name", ["", "  ", 5, None])
def test_a_name_is_a_string(name):
    """Anything else is refused."""
    with pytest.raises(DefinitionError, match="name of a run"):
        context().as_run(name)


def test_cancel_ends_an_async_run():
    """The reason stands in the error that whoever asks for the result gets."""

    async def main(app):
        run = app.start(forever, 1)
        await asyncio.sleep(0)
        first, second = run.cancel("no longer wanted"), run.cancel()
        with pytest.raises(RunCancelled, match="no longer wanted") as caught:
            await run
        return first, second, run.status, run.reason, caught.value.run_id == run.id, run.cancel()

    assert in_app(main) == (True, True, "cancelled", "no longer wanted", True, False)


def test_cancel_before_the_first_step():
    """A run that never came to run is cancelled too."""

    async def main(app):
        run = app.start(forever, 1)
        run.cancel()
        with pytest.raises(RunCancelled):
            await run

    in_app(main)


def test_cancel_ends_a_sync_run_at_its_next_boundary():
    """The step that runs goes on to its end; nothing starts after it."""
    inside, gate, ran = threading.Event(), threading.Event(), []

    @flow
    def slow(x: int) -> int:
        inside.set()
        gate.wait()
        ran.append("slow")
        return x

    with context() as app:
        run = app.start(slow | (lambda x: ran.append("after")), 1)
        inside.wait()
        run.cancel("enough")
        gate.set()
        with pytest.raises(RunCancelled, match="enough"):
            run.result()

    assert ran == ["slow"]
    assert run.status == "cancelled"


def test_leaving_the_context_ends_its_runs():
    """What still goes on is cancelled and awaited before the block is left."""
    ended = []

    @flow
    async def work(x: int) -> int:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(x)
        return x

    async def main(app):
        runs = [app.start(work, n) for n in range(3)]
        await asyncio.sleep(0)
        return runs

    runs = in_app(main)

    assert sorted(ended) == [0, 1, 2]
    assert {run.status for run in runs} == {"cancelled"}
    assert {run.reason for run in runs} == {"the context that started it was left"}


def test_leaving_the_context_ends_sync_runs():
    """A thread is asked to stop, and waited for."""
    inside, gate, ended = threading.Event(), threading.Event(), []

    @flow
    def work(x: int) -> int:
        inside.set()
        gate.wait()
        ended.append(x)
        return x

    with context() as app:
        run = app.start(work | triple, 1)
        inside.wait()
        gate.set()

    assert ended == [1]
    assert run.done


def test_a_run_started_inside_a_run_ends_with_it():
    """Where no context was entered, the run that starts another is its owner."""
    inner = []

    @flow
    async def outer(x: int) -> int:
        inner.append(current_context().start(forever, x))
        await asyncio.sleep(0)
        return x

    assert asyncio.run(context().run(outer, 1)) == 1
    assert inner[0].status == "cancelled"


def test_a_detached_run_outlives_its_context():
    """It is named, and goes on when the block is left."""

    async def main():
        gate = asyncio.Event()

        @flow
        async def work(x: int) -> int:
            await gate.wait()
            return x

        async with context() as app:
            run = app.as_run("nightly", detached=True).start(work, 7)
        status = run.status
        gate.set()
        return status, await run

    assert asyncio.run(main()) == ("running", 7)


def test_a_context_that_was_left_starts_nothing():
    """Its end has passed."""

    async def main():
        async with context() as app:
            pass
        app.start(double, 1)

    with pytest.raises(NoRun, match="its context was left"):
        asyncio.run(main())


def test_an_async_run_in_a_context_entered_by_with_is_refused():
    """Leaving the block could not await its end."""

    async def main():
        with context() as app:
            app.start(double, 1)

    with pytest.raises(DefinitionError, match="async with"):
        asyncio.run(main())


def test_an_async_run_without_a_loop_is_refused():
    """The text says how to run it."""
    with context() as app, pytest.raises(NoRun, match="no event loop runs here"):
        app.start(double, 1)


def test_what_lacks_is_refused_when_a_run_starts():
    """Nothing has started."""

    @flow(capabilities={"net:api"})
    async def send(x: int, *, who: str = needs(Key("who", str))) -> int:
        return x

    async def main(app):
        with pytest.raises(MissingCapability):
            app.with_(capabilities=set(), who="me").start(send, 1)
        with pytest.raises(MissingNeed):
            app.start(send, 1)

    in_app(main)


def test_a_waiter_that_is_cancelled_leaves_the_run_alone():
    """Awaiting only waits."""

    async def main(app):
        run = app.start(double, 1)

        async def wait():
            return await run

        waiter = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        return await run

    assert in_app(main) == 2


def test_a_result_that_is_not_there_yet_blocks_no_loop():
    """Asking for it in a coroutine is refused; in a thread it waits, at most as long as it is told."""

    async def main(app):
        run = app.start(forever, 1)
        with pytest.raises(NoRun, match="await run"):
            run.result()
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(run.result, 0.001)

    in_app(main)


def test_events_by_for_are_what_happened_so_far():
    """A snapshot, with the run's own name in each."""

    async def main(app):
        run = app.as_run("r").start(double | triple, 1)
        await run
        return [(type(event), event.flow, event.run_id) for event in run.events()], len(run.events())

    events, count = in_app(main)

    assert events[1:5] == [
        (CallStarted, "double", "r"),
        (CallFinished, "double", "r"),
        (CallStarted, "triple", "r"),
        (CallFinished, "triple", "r"),
    ]
    assert count == len(events) == 6


def test_events_by_async_for_are_all_until_the_end():
    """A reader that comes late or early sees the same, in order, and ends with the run."""

    async def main(app):
        run = app.start(double | triple, 1)
        live = [event async for event in run.events()]
        late = [event async for event in run.events()]
        return live == late == list(run.events()), run.status

    assert in_app(main) == (True, "succeeded")


def test_events_of_a_thread_reach_an_async_reader():
    """The reader is woken from the other thread."""

    async def main(app):
        run = app.start(triple | triple, 1)
        return len([event async for event in run.events()])

    assert in_app(main) == 6


def test_observers_of_the_context_see_a_started_run():
    """The handle's log stands beside them."""
    log = EventLog()

    async def main(app):
        await app.start(double, 1)

    in_app(main, observers=log)

    assert [type(event) for event in log.events] == [CallStarted, CallFinished]


def test_resources_of_a_started_run_close_with_it():
    """A run that was started has a scope of its own."""
    trace = []

    @resource(scope="run")
    async def tx():
        trace.append("open")
        yield 1
        trace.append("close")

    @flow
    async def use(x: int, *, it: int = needs(tx)) -> int:
        return x + it

    async def main(app):
        result = await app.start(use, 1)
        return result, list(trace)

    assert in_app(main) == (2, ["open", "close"])


def test_the_deadline_of_the_context_ends_a_started_run():
    """It fails as `ctx.run` would."""
    clock = ManualClock()

    async def main(app):
        run = app.with_(deadline=10).start(forever, 1)
        await asyncio.sleep(0)
        await clock.advance(11)
        with pytest.raises(DeadlineExceeded):
            await run
        return run.status

    assert in_app(main, clock=clock) == "failed"


def test_a_failure_that_nobody_asks_for_is_logged(caplog):
    """It does not vanish."""

    async def main(app):
        run = app.start(double | divide, 0)
        assert len([event async for event in run.events()]) == 6

    with caplog.at_level(logging.ERROR, "omnitron"):
        in_app(main)
        gc.collect()

    assert "nobody asked for its result: ZeroDivisionError" in caplog.text


def test_a_run_shows_itself():
    """Its name, its flow and how it stands."""

    async def main(app):
        run = app.as_run("r").start(double, 1)
        before = repr(run)
        await run
        return before, repr(run), isinstance(run, Run)

    assert in_app(main) == ("<Run 'r' of double, running>", "<Run 'r' of double, succeeded>", True)


def test_a_thousand_runs_at_once():
    """Each has its own id, events and result."""

    async def main(app):
        runs = [app.as_run(f"n{n}").start(double, n) for n in range(1000)]
        results = [await run for run in runs]
        strangers = [event for run in runs for event in run.events() if event.run_id != run.id]
        return results == [2 * n for n in range(1000)], strangers

    assert in_app(main) == (True, [])


def test_runs_are_asked_to_end_together():
    """Leaving a context waits for the slowest of its runs, not for one after the other."""
    asked, all_asked = [], asyncio.Event()

    @flow
    async def work(x: int) -> int:
        try:
            await asyncio.Event().wait()
        finally:
            asked.append(x)
            if len(asked) == 3:
                all_asked.set()
            await all_asked.wait()
        return x

    async def main(app):
        runs = [app.start(work, n) for n in range(3)]
        await asyncio.sleep(0)
        return runs

    assert {run.status for run in in_app(main)} == {"cancelled"}


def test_a_run_whose_loop_stands_still_ends_with_its_context():
    """Nothing could wait for it."""
    loop = asyncio.new_event_loop()

    async def begin(app):
        return app.start(forever, 1)

    with context() as app:
        run = loop.run_until_complete(begin(app))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()

    assert run.status == "cancelled"


def test_a_second_cancellation_leaves_the_clean_up_alone():
    """A run is asked to end once, whoever asks again."""
    ended = []

    @flow
    async def work(x: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(x)

    async def main(app):
        run = app.start(work, 1)
        await asyncio.sleep(0)
        run.cancel("enough")
        await asyncio.sleep(0)
        return run, run.cancel("again")

    run, asked = in_app(main)

    assert (ended, asked, run.reason) == ([1], True, "enough")


def test_a_cancelled_sync_run_stops_inside_runs_of_its_bodies():
    """Nothing more starts in it, also where a body runs flows in contexts of their own."""
    inside, gate, ran = threading.Event(), threading.Event(), []

    @flow
    def step(x: int) -> int:
        ran.append(x)
        inside.set()
        gate.wait()
        return x

    @flow
    def outer(x: int) -> None:
        for n in range(5):
            current_context().run(step, n)

    with context() as app:
        run = app.start(outer, 1)
        inside.wait()
        run.cancel("enough")
        gate.set()
        with pytest.raises(RunCancelled):
            run.result()

    assert (ran, run.status) == ([0], "cancelled")


def test_the_error_of_a_run_keeps_its_traceback():
    """Asking again and again does not lengthen it."""

    async def main(app):
        run = app.start(double | divide, 0)
        lengths = []
        for _ in range(3):
            try:
                await run
            except ZeroDivisionError as error:
                lengths.append(len(traceback.extract_tb(error.__traceback__)))
        return lengths

    first, second, third = in_app(main)

    assert first == second == third


def test_waiters_that_gave_up_are_forgotten():
    """A run that is polled keeps none of them."""

    async def main(app):
        run = app.start(forever, 1)
        readers = [aiter(run.events()) for _ in range(10)]
        for reader in readers:
            await anext(reader)
        waiters = [asyncio.create_task(anext(reader)) for reader in readers]
        waiters += [asyncio.create_task(run._ended()) for _ in range(10)]
        await asyncio.sleep(0)
        waiting = len(run._bell.waiting) + len(run._news.waiting)
        for waiter in waiters:
            waiter.cancel()
        await asyncio.gather(*waiters, return_exceptions=True)
        return waiting, len(run._bell.waiting) + len(run._news.waiting)

    assert in_app(main) == (20, 0)


def test_what_closing_said_stands_on_the_cancellation():
    """A failing rollback is not lost with the run."""

    @resource(scope="run")
    async def tx():
        try:
            yield 1
        finally:
            raise OSError("no rollback")

    @flow
    async def work(x: int, *, it: int = needs(tx)) -> None:
        await asyncio.Event().wait()

    async def main(app):
        run = app.start(work, 1)
        for _ in range(3):
            await asyncio.sleep(0)
        run.cancel()
        with pytest.raises(RunCancelled) as caught:
            await run
        return caught.value.__notes__

    assert in_app(main) == ["closing failed too: OSError: no rollback"]


def test_a_thread_that_cannot_start_leaves_no_run(monkeypatch):
    """The error leaves, and leaving the context waits for nothing."""

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    with context() as app:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            app.start(triple, 1)
        monkeypatch.undo()


def test_a_reader_that_gave_up_may_go_on():
    """A time-out while it waits does not end the events."""

    async def main(app):
        gate = asyncio.Event()

        @flow
        async def work(x: int) -> int:
            await gate.wait()
            return x

        run = app.start(work, 1)
        reader = aiter(run.events())
        first = await anext(reader)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(reader), 0.001)
        gate.set()
        return type(first), type(await anext(reader))

    assert in_app(main) == (CallStarted, CallFinished)


def test_a_run_that_belongs_to_nobody_ends_with_the_program():
    """A sync run that was started outside of any block is asked to stop when the program ends."""
    code = (
        "import time\n"
        "from omnitron import context, flow\n"
        "def step(x):\n    time.sleep(0.05)\n    return x\n"
        "context().start((flow(step).named('a') | flow(step).named('b')).each(), range(1000))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stderr) == (0, "")
