"""One flow, one context, several event loops: one after the other, and in two threads at once."""

import asyncio
import atexit
import gc
import logging
import sys
import threading
import weakref
from contextlib import ExitStack
from functools import partial

import pytest

from omnitron import DefinitionError, EventLog, context, flow, needs, resource
from omnitron.testing import ManualClock

from .scenes import SCENES, double, forever, later, piped, side_by_side

each_scene = pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)


@each_scene
def test_one_loop_after_the_other(scene):
    """Nothing is left of a loop that has ended."""
    with context() as app:
        for _ in range(3):
            asyncio.run(scene(app))


@each_scene
def test_two_loops_in_two_threads(scene):
    """Neither hinders the other; asyncio looks that nobody takes the wrong thread."""
    side_by_side(scene, [partial(asyncio.run, debug=True)] * 2, 3)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are new in Python 3.12")
@each_scene
def test_a_loop_with_eager_tasks(scene):
    """A task that runs at once until it first waits."""

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        async with context() as app:
            await scene(app)

    asyncio.run(main())


class Course:
    """Writes down what opens and closes."""

    def __init__(self):
        self.log = []

    def later(self, name, on_close=None):
        """Make an async app resource; `on_close` is awaited while it closes."""

        @resource
        async def opened():
            self.log.append(f"open {name}")
            try:
                yield name
                if on_close is not None:
                    await on_close()
            finally:
                self.log.append(f"close {name}")

        return opened


@pytest.fixture
def course():
    """Give an empty course."""
    return Course()


def asking(target):
    """Make an async step that gives what it is given."""

    @flow
    async def step(x: int, *, it: object = needs(target)) -> object:
        await asyncio.sleep(0)
        return it

    return step


class LoopThread:
    """A loop that runs in a thread of its own while a block runs."""

    def __enter__(self):
        self.over, self.begun = asyncio.Event(), threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.main()))
        self.thread.start()
        self.begun.wait()
        return self

    async def main(self):
        self.loop = asyncio.get_running_loop()
        self.begun.set()
        await self.over.wait()

    def do(self, coroutine):
        """Await a coroutine there; give its result here."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def __exit__(self, *error):
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join()


# ------------------------------------------------------------------ resources


def test_an_app_resource_opens_anew_on_each_loop(course):
    """And closes with it."""
    step = asking(course.later("pool"))
    with context() as app:
        for _ in range(2):
            asyncio.run(app.run(step, 1))
            course.log.append("between")

    assert course.log == ["open pool", "close pool", "between"] * 2


def test_an_app_resource_is_one_for_each_loop_of_two(course):
    """Two that go on at the same time share nothing, and each closes its own."""

    @resource
    async def mine():
        course.log.append("open")
        yield asyncio.get_running_loop()
        assert asyncio.get_running_loop() in (one.loop, other.loop)
        course.log.append("close")

    step = asking(mine)
    with context() as app:
        with LoopThread() as one, LoopThread() as other:
            for _ in range(2):
                assert one.do(app.run(step, 1)) is one.loop
                assert other.do(app.run(step, 1)) is other.loop
        before = list(course.log)

    assert (before, course.log) == (["open", "open", "close", "close"], before)


def test_what_cannot_be_opened_holds_no_loop():
    """Also when what it needs fails first."""

    @resource
    def broken():
        raise OSError

    @resource
    async def above(*, it: object = needs(broken)):
        yield it

    async def main(app):
        with pytest.raises(OSError):
            await app.run(asking(above), 1)
        return weakref.ref(asyncio.get_running_loop())

    with context() as app:
        loop = asyncio.run(main(app))
        gc.collect()
        assert loop() is None


def test_a_failing_close_on_another_loop_keeps_nothing_from_closing(course):
    """Here neither; its error leaves the block."""

    async def fail():
        raise OSError("broken pipe")

    @resource
    def here():
        try:
            yield "here"
        finally:
            course.log.append("close here")

    def leave(app, loop):
        with app:
            loop.do(app.run(asking(course.later("outer")), 1))
            loop.do(app.run(asking(course.later("there", fail)), 1))
            app.run(flow(lambda x, *, it=needs(here): it), 1)

    with LoopThread() as loop, pytest.raises(OSError, match="broken pipe"):
        leave(context(), loop)

    assert course.log == ["open outer", "open there", "close there", "close outer", "close here"]


def test_runs_end_before_what_they_use_is_closed(course):
    """On loops of other threads too."""
    inside = threading.Event()

    @flow
    async def work(x: int, *, it: str = needs(course.later("pool"))) -> None:
        inside.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            course.log.append(f"end with {it}")

    async def start(app):
        return app.start(work, 1)

    with LoopThread() as loop, context() as app:
        run = loop.do(start(app))
        inside.wait()

    assert run.status == "cancelled"
    assert course.log == ["open pool", "end with pool", "close pool"]


def test_leaving_a_block_waits_for_a_loop_that_closes_already(course):
    """What a loop that ends is just closing is closed once, and closed when the block is left."""
    inside, gate, left = threading.Event(), threading.Event(), threading.Event()

    async def slow():
        inside.set()
        await asyncio.to_thread(gate.wait)

    app = context()
    app.__enter__()
    runner = threading.Thread(target=lambda: asyncio.run(app.run(asking(course.later("pool", slow)), 1)))
    runner.start()
    inside.wait()

    def leave():
        app.__exit__(None, None, None)
        course.log.append("left")
        left.set()

    leaver = threading.Thread(target=leave)
    leaver.start()
    early = left.wait(0.05)
    gate.set()
    leaver.join()
    runner.join()

    assert (early, course.log) == (False, ["open pool", "close pool", "left"])


def test_a_block_that_is_left_on_a_loop_says_that_it_cannot_wait(course):
    """It was entered outside, and its resource lives on the very loop; which closes it at its end."""
    stack = ExitStack()
    app = stack.enter_context(context())

    async def main():
        await app.run(asking(course.later("pool")), 1)
        with pytest.raises(DefinitionError, match=r"opened cannot be closed here: .* `async with context"):
            stack.close()
        course.log.append("left")

    asyncio.run(main())

    assert course.log == ["open pool", "left", "close pool"]


# ------------------------------------------------------------------ runs


def test_a_block_that_is_left_on_a_loop_says_that_it_cannot_await_its_runs():
    """They are cancelled all the same."""
    stack = ExitStack()
    app = stack.enter_context(context())

    async def main():
        run = app.start(forever, 1)
        await asyncio.sleep(0)
        with pytest.raises(DefinitionError, match="cannot be awaited here"):
            stack.close()
        return run

    assert asyncio.run(main()).status == "cancelled"


def test_a_run_can_be_awaited_and_followed_from_another_loop():
    """Whoever waits is woken through the own loop."""

    async def start(app):
        return app.start(piped, 1)

    async def follow(run):
        return [event.flow async for event in run.events()], await run

    with LoopThread() as one, LoopThread() as other, context() as app:
        events, value = other.do(follow(one.do(start(app))))

    assert (len(events), value) == (6, 3)


def test_a_run_ends_with_its_loop():
    """The next loop has nothing of it."""

    async def start(app):
        return app.start(forever, 1)

    with context() as app:
        run = asyncio.run(start(app))
        assert (run.status, asyncio.run(app.run(later, 1))) == ("cancelled", 2)


def test_a_run_whose_loop_was_closed_is_over():
    """Also where the loop was closed without ending its tasks: nobody waits, and leaving the block is no error."""
    loop = asyncio.new_event_loop()

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

    assert (run.status, run.reason) == ("cancelled", "the context that started it was left")


def test_what_is_called_at_exit_does_not_grow_with_runs():
    """One function waits for all."""
    context().start(double, 1).result()
    before = atexit._ncallbacks()
    for _ in range(5):
        context().start(double, 1).result()

    assert atexit._ncallbacks() == before


# ------------------------------------------------------------------ clocks and logs


def test_a_log_with_a_limit_keeps_that_many_whoever_writes():
    """Threads that write at once leave neither more nor less."""
    log = EventLog(limit=7)
    app = context(observers=[log])
    threads = [threading.Thread(target=app.run, args=(double.each(), range(500))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(log.events) == 7


def test_a_manual_clock_goes_on_after_its_loop(caplog):
    """Who slept on a loop that was closed is not woken."""
    clock, tasks = ManualClock(), []

    async def sleep():
        tasks.append(asyncio.ensure_future(clock.sleep(5)))
        await asyncio.sleep(0)

    async def turn():
        task = asyncio.ensure_future(clock.sleep(2))
        await clock.advance(10)
        return task.done(), clock.monotonic()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(sleep())
    loop.close()
    tasks[0]._log_destroy_pending = False
    with caplog.at_level(logging.ERROR):
        assert asyncio.run(turn()) == (True, 10.0)
