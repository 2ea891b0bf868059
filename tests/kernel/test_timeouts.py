"""`.timeout`: what takes too long is cancelled, and its clean-up awaited."""

import asyncio
import gc
import inspect
import math
import os
import pickle
import threading
from datetime import timedelta
from functools import partial

import pytest

from omnitron import (
    AsyncFlow,
    CallFailed,
    Config,
    DeadlineExceeded,
    DefinitionError,
    EventLog,
    InvalidValue,
    MissingCapability,
    Retry,
    TimedOut,
    Timeout,
    context,
    current_context,
    flow,
    parallel,
    rebuild,
    try_with,
)
from omnitron.testing import ManualClock

from .places import sleep_and_note
from .trying import driven

watched = pytest.mark.parametrize("watched", [False, True])


class Desk:
    """Async steps that wait on a clock, and write down what happens to them."""

    def __init__(self):
        self.clock = ManualClock()
        self.book = []

    def step(self, seconds, name="work", cleans=0, raises=None, swallows=False):
        """Give a flow that takes so long, and so long to clean up."""

        async def work(x):
            try:
                await self.clock.sleep(seconds)
                self.book.append("done")
                return x
            except asyncio.CancelledError:
                self.book.append("cancelled")
                if cleans:
                    await self.clock.sleep(cleans)
                self.book.append("clean")
                if raises is not None:
                    raise raises from None
                if swallows:
                    return "all the same"
                raise

        return flow(work, name=name)

    def run(self, tree, *args, **options):
        """Run a flow, moving the clock whenever everybody waits."""
        return asyncio.run(self.later(tree, *args, **options))

    async def later(self, tree, *args, **options):
        """The same inside a loop; nothing is left of it."""
        before = asyncio.all_tasks()
        try:
            return await driven(context(clock=self.clock, **options).run(tree, *args), self.clock)
        finally:
            assert asyncio.all_tasks() == before


def late(call):
    """Give the error of a call that takes too long."""
    with pytest.raises(TimedOut) as caught:
        call()
    return caught.value


# ------------------------------------------------------------------ a call


@watched
def test_what_takes_too_long_is_cancelled(watched):
    """At the very second, and an error says which flow, and how long it had."""
    desk = Desk()

    error = late(lambda: desk.run(desk.step(10).timeout(5), 1, **({"observers": EventLog()} if watched else {})))

    assert str(error) == "'work' did not end within 5 s, and was cancelled."
    assert error.__notes__ == ["raised in flow 'work', at work"]
    assert isinstance(error, TimeoutError)
    assert isinstance(error.__cause__, asyncio.CancelledError)
    assert (desk.clock.time, desk.book) == (5, ["cancelled", "clean"])


@watched
def test_what_ends_in_time_is_left_alone(watched):
    """It gives its result, and nothing is left that watches."""
    desk = Desk()

    assert desk.run(desk.step(4).timeout(5), 1, **({"observers": EventLog()} if watched else {})) == 1
    assert desk.book == ["done"]


def test_clean_up_is_awaited():
    """However long it takes."""
    desk = Desk()

    late(lambda: desk.run(desk.step(10, cleans=60).timeout(5), 1))

    assert (desk.clock.time, desk.book) == (65, ["cancelled", "clean"])


def test_an_error_of_the_clean_up_leaves():
    """It is what went wrong last; the cancellation is counted off all the same."""
    desk, counts = Desk(), []

    async def main():
        with pytest.raises(OSError, match="disk"):
            await desk.later(desk.step(10, raises=OSError("disk")).timeout(5), 1)
        counts.append(asyncio.current_task().cancelling())
        await asyncio.sleep(0)

    asyncio.run(main())
    assert counts == [0]


def test_what_swallows_its_cancellation_gives_its_result():
    """As under `asyncio.timeout`: the task may go on, nothing is left to be delivered."""
    desk, counts = Desk(), []
    after = flow(lambda x: counts.append(asyncio.current_task().cancelling()) or x)

    assert desk.run(desk.step(10, swallows=True).timeout(5) | after | desk.step(1), 1) == "all the same"
    assert counts == [0]


def test_the_task_goes_on_after_a_timeout():
    """What comes after a caught one is not cancelled."""
    desk = Desk()
    tree = try_with(desk.step(10).timeout(5), flow(lambda failure: "late")) | desk.step(3)

    assert desk.run(tree, 1) == "late"
    assert desk.clock.time == 8


def test_never_suspending_work_is_not_interrupted():
    """Nothing ends a function that computes; its result counts."""
    clock = ManualClock()

    @flow
    async def compute(x):
        clock.move(100)
        return x

    assert asyncio.run(context(clock=clock).run(compute.timeout(5), 1)) == 1


def test_the_error_names_the_part():
    """Also inside of a larger flow."""
    desk = Desk()
    tree = (flow(abs) | (desk.step(10) | desk.step(1)).named("both").timeout(5)).named("job")

    error = late(lambda: desk.run(tree, 1))

    assert str(error).startswith("'both' did not end within 5 s")
    assert error.__notes__ == ["raised in flow 'job', at job/both"]


def test_events_tell_of_the_cancellation():
    """The step that was cancelled failed; the flow around it timed out."""
    desk, log = Desk(), EventLog()

    late(lambda: desk.run((flow(abs) | desk.step(10).timeout(5)).named("job"), 1, observers=log))

    failed = [(event.path, type(event.error).__name__) for event in log.events if isinstance(event, CallFailed)]
    assert failed == [("job/work", "CancelledError"), ("job", "TimedOut")]


# ------------------------------------------------------------------ cancelled from outside


@watched
def test_a_cancellation_from_outside_stays_one(watched):
    """It is no timeout."""
    desk = Desk()

    async def main():
        ctx = context(clock=desk.clock, **({"observers": EventLog()} if watched else {}))
        task = asyncio.ensure_future(ctx.run(desk.step(10).timeout(5), 1))
        await desk.clock.advance(1)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled(), len(asyncio.all_tasks())

    assert asyncio.run(main()) == (True, 1)
    assert desk.book == ["cancelled", "clean"]


@pytest.mark.parametrize("first", [-1, 0.001], ids=["outside", "timeout"])
def test_both_in_one_turn_is_a_cancellation(first):
    """Whichever comes first: who cancelled the task waits for it to end."""

    async def main():
        loop, started = asyncio.get_running_loop(), asyncio.Event()

        @flow
        async def work(x):
            started.set()
            await asyncio.Event().wait()

        task = asyncio.ensure_future(work.timeout(0.005)(1))
        await started.wait()
        loop.call_at(loop.time() + 0.005 + first, task.cancel)
        while max(timer.when() for timer in loop._scheduled) > loop.time():
            pass  # until both are due, in one turn
        await asyncio.wait({task})
        return task.cancelled()

    assert asyncio.run(main())


def test_cancelled_from_outside_during_the_clean_up():
    """The timeout came first and was on its way; who cancels is told that it was cancelled."""
    desk = Desk()

    async def main():
        task = asyncio.ensure_future(context(clock=desk.clock).run(desk.step(10, cleans=60).timeout(5), 1))
        await desk.clock.advance(6)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled(), len(asyncio.all_tasks())

    assert asyncio.run(main()) == (True, 1)


def test_a_task_that_was_cancelled_before_times_out_as_usual():
    """What it swallowed earlier does not count for later."""
    desk = Desk()

    async def main():
        task = asyncio.current_task()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(0)
        with pytest.raises(TimedOut):
            await desk.later(desk.step(10).timeout(5), 1)
        return task.cancelling()

    assert asyncio.run(main()) == 1


def test_a_coroutine_that_is_thrown_away_is_quiet():
    """It can await nothing any more; no timer stays."""
    desk = Desk()

    async def main():
        work = context(clock=desk.clock).run(desk.step(10).timeout(5), 1)
        work.send(None)
        work.close()
        await desk.clock.advance(60)
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1


# ------------------------------------------------------------------ several


@pytest.mark.parametrize(
    ("inner", "outer", "words", "time"),
    [(3, 5, "within 3 s", 3), (5, 3, "within 3 s", 3), (5, 5, "within 5 s", 5)],
)
def test_timeouts_nest(inner, outer, words, time):
    """Whichever is over first."""
    desk = Desk()

    assert words in str(late(lambda: desk.run(desk.step(10).timeout(inner).timeout(outer), 1)))
    assert desk.clock.time == time


def test_an_outer_timeout_cuts_short_the_clean_up_of_an_inner_one():
    """Its own error leaves."""
    desk = Desk()

    error = late(lambda: desk.run(desk.step(10, cleans=60).timeout(3).named("inner").timeout(5), 1))

    assert "within 5 s" in str(error)
    assert desk.clock.time == 5


@pytest.mark.parametrize(("deadline", "error"), [(3, DeadlineExceeded), (60, TimedOut)])
def test_the_deadline_of_the_context_holds_beside(deadline, error):
    """Whichever is over first."""
    desk = Desk()

    with pytest.raises(error):
        desk.run(desk.step(100).timeout(5), 1, deadline=deadline)

    assert desk.clock.time == min(deadline, 5)


@pytest.mark.parametrize(("deadline", "error"), [(3, DeadlineExceeded), (60, TimedOut)])
def test_the_deadline_of_a_part_holds_beside(deadline, error):
    """That of `.within`, inside and around."""
    for nest in (lambda f: f.within(deadline=deadline).timeout(5), lambda f: f.timeout(5).within(deadline=deadline)):
        desk = Desk()
        with pytest.raises(error):
            desk.run(nest(desk.step(100)), 1)
        assert desk.clock.time == min(deadline, 5)


def test_a_timeout_under_a_retry_is_tried_again():
    """Each attempt has its own time."""
    desk = Desk()

    late(lambda: desk.run(desk.step(10).timeout(5).retry(3, 1, "fixed", jitter="none"), 1))

    assert desk.clock.time == 3 * 5 + 2
    assert desk.book == ["cancelled", "clean"] * 3


@pytest.mark.filterwarnings("ignore:order-timeout-around-waits")
def test_a_timeout_around_a_retry_bounds_it_all():
    """It cancels the wait between two attempts too."""
    desk = Desk()

    async def fail(x):
        raise OSError

    late(lambda: desk.run(flow(fail).retry(99, 2, "fixed", jitter="none").timeout(5), 1))

    assert desk.clock.time == 5


def test_branches_have_their_own_time():
    """One that is late ends the others, as any error does."""
    desk = Desk()

    error = late(lambda: desk.run(parallel(desk.step(10, "slow").timeout(5), desk.step(60, "slower")), 1))

    assert error.__notes__[0] == "raised in flow 'parallel', at parallel/slow"
    assert desk.clock.time == 5
    assert desk.book == ["cancelled", "clean"] * 2


def test_what_was_done_is_undone():
    """Before the error leaves."""
    desk = Desk()
    done = flow(lambda x: x).undo(flow(lambda x: desk.book.append("undone")))

    late(lambda: desk.run((done | desk.step(10)).timeout(5), 1))

    assert desk.book == ["cancelled", "clean", "undone"]


def test_an_undo_around_a_timeout_is_not_owed():
    """What gave no result has nothing to undo; what gave one has."""
    for seconds, book in ((10, ["cancelled", "clean"]), (1, ["done", "undone"])):
        desk = Desk()
        tree = desk.step(seconds).timeout(5).undo(flow(lambda x: desk.book.append("undone"))) | flow(len)  # noqa: B023
        with pytest.raises((TimedOut, TypeError)):
            desk.run(tree, 1)
        assert desk.book == book


def test_the_context_inside_is_the_callers():
    """A timeout changes nothing about it."""
    assert Desk().run(flow(tenant_later).timeout(5), 1, tenant="acme") == "acme"


async def tenant_later(x):
    """Give what the context holds."""
    await asyncio.sleep(0)
    return current_context().tenant


def test_a_refused_capability_is_refused():
    """Before anything runs."""
    desk = Desk()

    with pytest.raises(MissingCapability):
        desk.run(desk.step(1).with_meta(capabilities={"net:x"}).timeout(5), 1, capabilities=set())


# ------------------------------------------------------------------ streams


class Tap:
    """An async stream whose items take so many seconds each."""

    def __init__(self, *seconds):
        self.seconds = seconds
        self.desk = Desk()
        self.clock = self.desk.clock

    def stream(self):
        """Give the flow."""

        async def numbers(start):
            try:
                for number, seconds in enumerate(self.seconds, start):
                    await self.clock.sleep(seconds)
                    yield number
            finally:
                self.desk.book.append("closed")

        return flow(numbers)

    def read(self, tree, *args, takes=0, **options):
        """Give the items that come, and how it ended."""
        found = []

        async def main():
            stream = context(clock=self.clock, **options).run(tree, *args)
            async for item in stream:
                found.append(item)
                await self.clock.sleep(takes)

        async def outer():
            before = asyncio.all_tasks()
            try:
                await driven(main(), self.clock)
            except TimedOut as error:
                return error
            finally:
                assert asyncio.all_tasks() == before
            return None

        return found, asyncio.run(outer())


@watched
def test_a_stream_that_falls_silent_is_closed(watched):
    """When no item came within the time from when it was asked for."""
    tap = Tap(1, 1, 10, 1)

    found, error = tap.read(tap.stream().timeout(idle=5), 0, **({"observers": EventLog()} if watched else {}))

    assert found == [0, 1]
    assert str(error) == "the stream of 'numbers' gave no item within 5 s of being asked for item 2, and was closed."
    assert error.__notes__ == ["raised in flow 'numbers', at numbers"]
    assert (tap.clock.time, tap.desk.book) == (7, ["closed"])


def test_a_slow_reader_is_not_the_streams_fault():
    """Idle time counts only while an item is asked for."""
    tap = Tap(1, 1, 1)

    assert tap.read(tap.stream().timeout(idle=5), 0, takes=60) == ([0, 1, 2], None)


@watched
def test_a_stream_has_so_much_time_in_all(watched):
    """From when its first item is asked for; the time of the reader counts."""
    tap = Tap(1, 1, 1, 1, 1)

    found, error = tap.read(tap.stream().timeout(4.5), 0, takes=1, **({"observers": EventLog()} if watched else {}))

    assert found == [0, 1]
    assert str(error) == "the stream of 'numbers' did not end within 4.5 s, and was closed after 2 items."
    assert tap.desk.book == ["closed"]


def test_a_stream_that_never_waits_has_no_more_time_than_others():
    """It is asked for no item when its time is over."""
    clock = ManualClock()

    async def endless(x):
        while True:
            clock.move(1)
            yield x

    async def main():
        stream, found = context(clock=clock).run(flow(endless).timeout(5), 1), []
        try:
            while True:
                found.append(await anext(stream))
        except TimedOut as error:
            return len(found), str(error)

    assert asyncio.run(main()) == (5, "the stream of 'endless' did not end within 5 s, and was closed after 5 items.")


def test_both_bounds_hold():
    """Whichever is over first."""
    tap = Tap(*[3] * 10)
    found, error = tap.read(tap.stream().timeout(10, idle=4), 0)
    assert (found, "did not end within 10 s" in str(error), tap.clock.time) == ([0, 1, 2], True, 10)

    tap = Tap(3, 9)
    found, error = tap.read(tap.stream().timeout(10, idle=4), 0)
    assert (found, "no item within 4 s" in str(error), tap.clock.time) == ([0], True, 7)


def test_a_timeout_inside_a_stream_is_not_that_of_the_stream():
    """Its own words leave."""
    tap = Tap(1)
    slow = tap.desk.step(10, "slow").timeout(2)

    _, error = tap.read((flow(lambda x: [x]) | slow.stream()).timeout(idle=5), 0)

    assert str(error) == "'slow' did not end within 2 s, and was cancelled."


def test_a_row_of_streams_is_closed_as_a_whole():
    """From the reader on."""
    tap = Tap(1, 60)
    up = flow(lambda x: x + 1)

    found, error = tap.read((tap.stream() | up.stream()).named("row").timeout(idle=5), 0)

    assert found == [1]
    assert "'row' gave no item within 5 s" in str(error)
    assert tap.desk.book == ["closed"]


def test_a_stream_may_be_closed_half_way():
    """And the one inside with it."""
    tap = Tap(1, 1, 1)

    async def main():
        stream = context(clock=tap.clock).run(tap.stream().timeout(idle=5), 0)
        task = asyncio.ensure_future(anext(stream))
        await tap.clock.advance(1)
        await stream.aclose()
        return await task, len(asyncio.all_tasks())

    assert asyncio.run(main()) == (0, 1)
    assert tap.desk.book == ["closed"]


def test_a_stream_that_is_cancelled_from_outside_is_cancelled():
    """It is no timeout."""
    tap = Tap(60)

    async def main():
        stream = context(clock=tap.clock).run(tap.stream().timeout(90, idle=5), 0)
        task = asyncio.ensure_future(anext(stream))
        await tap.clock.advance(1)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled(), len(asyncio.all_tasks())

    assert asyncio.run(main()) == (True, 1)
    assert tap.desk.book == ["closed"]


def test_thousands_of_abandoned_streams_leave_nothing_open():
    """Nor a timer."""
    opened = []

    async def numbers(x):
        opened.append(1)
        try:
            while True:
                yield x
        finally:
            opened.pop()

    async def main():
        tree = flow(numbers).timeout(60, idle=60)
        for number in range(2_000):
            await anext(tree(number))
        gc.collect()
        await asyncio.sleep(0)
        return pending(asyncio.get_running_loop())

    assert asyncio.run(main()) == 0
    assert opened == []


# ------------------------------------------------------------------ other places


def test_a_thread_is_abandoned():
    """Its work goes on until it ends by itself, and nobody waits for it."""
    began, goes_on, ended = threading.Event(), threading.Event(), threading.Event()

    @flow
    def work(x):
        began.set()
        goes_on.wait(10)
        ended.set()

    error = late(lambda: asyncio.run(until(work.on("thread").timeout(0.05)(1), goes_on)))

    assert "'work' did not end within 0.05 s" in str(error)
    assert began.is_set()
    assert ended.wait(10)


async def until(work, event):
    """Await work, and set an event when it has ended."""
    try:
        return await work
    finally:
        event.set()


@pytest.mark.real
def test_a_process_is_ended(tmp_path):
    """The worker is gone, and with it what it did."""
    file = tmp_path / "pid"

    with pytest.raises(TimedOut):
        asyncio.run(flow(sleep_and_note).on("process").timeout(5)(str(file)))

    assert is_gone(int(file.read_text()))


def is_gone(pid):
    """Say whether a process ends within some seconds."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        threading.Event().wait(0.05)
    return False


# ------------------------------------------------------------------ many


def pending(loop):
    """Give how many timers wait in a loop."""
    return sum(not handle.cancelled() for handle in getattr(loop, "_scheduled", ()))


def test_thousands_at_once_leave_no_timer():
    """On the machine's clock, those that end in time and those that do not."""

    async def main():
        gate = asyncio.Event()

        @flow
        async def work(x):
            await gate.wait()
            return x

        tasks = [asyncio.ensure_future(work.timeout(60)(number)) for number in range(10_000)]
        await asyncio.sleep(0)
        waiting = pending(asyncio.get_running_loop())
        gate.set()
        await asyncio.gather(*tasks)
        return waiting, pending(asyncio.get_running_loop()), len(asyncio.all_tasks())

    assert asyncio.run(main()) == (10_000, 0, 1)


def test_thousands_time_out_at_once():
    """Each is told so."""
    desk = Desk()
    tree = desk.step(10).timeout(5).each(concurrency=1_000, mode="collect")

    outcomes = desk.run(tree, range(1_000))

    assert {type(outcome.error) for outcome in outcomes} == {TimedOut}
    assert desk.clock.time == 5


# ------------------------------------------------------------------ the flow as a value


@pytest.mark.parametrize(
    "tree",
    [
        lambda sync, late: sync,
        lambda sync, late: sync | sync,
        lambda sync, late: sync.each(),
        lambda sync, late: sync.stream(),
        lambda sync, late: flow(counts),
        lambda sync, late: sync.retry(),
    ],
    ids=range(6),
)
def test_a_sync_flow_is_refused(tree):
    """The error says what does end."""
    with pytest.raises(DefinitionError, match=r"is sync.*\.on\('process'\)\.timeout"):
        tree(flow(abs), Desk().step(1)).timeout(5)


def counts(x):
    """Give a stream."""
    yield x


async def counts_later(x):
    """Give an async stream."""
    yield x


def test_what_is_awaited_and_gives_a_stream_is_refused():
    """Nobody could say which of the two is meant."""
    with pytest.raises(DefinitionError, match="is awaited, and then gives a stream"):
        (Desk().step(1) | flow(counts_later)).timeout(5)


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((), {}, DefinitionError),
        (("5",), {}, DefinitionError),
        ((True,), {}, DefinitionError),
        ((0,), {}, InvalidValue),
        ((-1,), {}, InvalidValue),
        ((math.nan,), {}, InvalidValue),
        ((math.inf,), {}, InvalidValue),
        ((timedelta(0),), {}, InvalidValue),
        ((), {"idle": 5}, DefinitionError),
        ((Retry(),), {}, DefinitionError),
        ((Timeout(5),), {"idle": 5}, DefinitionError),
    ],
    ids=str,
)
def test_wrong_bounds_are_refused(arguments, options, error):
    """When they are written."""
    with pytest.raises(error):
        Desk().step(1).timeout(*arguments, **options)


@flow
async def fine(key: str, *, fresh: bool = False) -> bytes:
    """Load it."""
    return key.encode()


def test_a_timed_flow_is_a_value():
    """Equal, hashed, described, pickled, printed."""
    tree = fine.timeout(5)

    assert tree == fine.timeout(5.0) == fine.timeout(timedelta(seconds=5)) == fine.apply(Timeout(5))
    assert tree != fine.timeout(6)
    assert hash(tree) == hash(fine.timeout(5))
    assert rebuild(tree.describe()) == tree
    assert pickle.loads(pickle.dumps(tree)) == tree
    assert repr((tree | len).named("job")) == "<AsyncFlow job\n├── timeout(5 s)\n│   └── fine\n└── len>"


def test_a_timed_flow_stands_for_its_function():
    """Name, signature, docstring and colour."""
    tree = fine.timeout(5)

    assert isinstance(tree, AsyncFlow)
    assert inspect.iscoroutinefunction(tree)
    assert (tree.name, tree.__doc__) == ("fine", "Load it.")
    assert inspect.signature(tree) == inspect.signature(fine)
    assert asyncio.run(tree("a", fresh=True)) == b"a"


def test_a_timed_stream_stands_for_its_function():
    """It is called, not awaited."""
    tree = flow(counts_later).timeout(idle=5)

    assert tree.colour == "sync"
    assert inspect.isasyncgenfunction(tree)


def test_a_method_binds():
    """Made in a class body, the timed flow takes `self`."""

    class Shop:
        @flow
        async def raw(self, x):
            return self, x

        load = raw.timeout(5)

    shop = Shop()
    assert asyncio.run(shop.load(3)) == (shop, 3)


def test_a_policy_is_a_value():
    """Equal by its bounds."""
    assert Timeout(5, idle=1) == Timeout(5.0, idle=timedelta(seconds=1))
    assert pickle.loads(pickle.dumps(Timeout(5))) == Timeout(5)
    assert repr(Timeout(5)) == "Timeout(seconds=5.0, idle=None)"


def test_a_configuration_tunes_a_timeout():
    """By path; an error names its source."""
    desk = Desk()

    error = late(lambda: desk.run(desk.step(10).timeout(60), 1, config={"work": {"seconds": 3}}))

    assert "within 3 s" in str(error)
    with pytest.raises(InvalidValue, match="positive number"):
        Config({"work": {"seconds": 0}}).apply(desk.step(10).timeout(60))


def test_outside_of_any_context():
    """On the machine's clock."""

    @flow
    async def work(x):
        await asyncio.Event().wait()

    assert "0.001 s" in str(late(partial(asyncio.run, work.timeout(0.001)(1))))
