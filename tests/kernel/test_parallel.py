"""Branches over one input: `parallel`."""

import asyncio
import threading

import pytest

from omnitron import AsyncFlow, DefinitionError, Failure, Flow, InvalidValue, Ok, flow, parallel


class Broken(Exception):
    """An error of these tests."""


@flow
def up(x):
    return x + 1


@flow
def fail(x):
    raise Broken(x)


@flow
async def late_up(x):
    await asyncio.sleep(0)
    return x + 1


@flow
async def late_fail(x):
    await asyncio.sleep(0)
    raise Broken(x)


def test_every_branch_gets_the_input_and_the_results_are_a_tuple():
    """`parallel(a, b)(x)` is `(a(x), b(x))`."""
    both = parallel(up, flow(str))

    assert type(both) is Flow
    assert both(1) == (2, "1")


def test_one_async_branch_makes_the_whole_async():
    """Sync and async branches mix, in the order of writing."""
    mixed = parallel(up, late_up, flow(str))

    assert type(mixed) is AsyncFlow
    assert asyncio.run(mixed(1)) == (2, 2, "1")


def test_every_branch_gets_the_whole_call():
    """Several arguments and keywords reach every branch."""
    sums = parallel(flow(lambda a, b, *, k: a + b + k), flow(lambda a, b, *, k: a * b * k))

    assert sums(2, 3, k=4) == (9, 24)


def test_sync_branches_run_in_order_in_the_callers_thread():
    """Without threads, sync branches are plain calls in order."""
    order = []
    mark = [flow(lambda x, n=n: order.append((n, threading.get_ident()))) for n in range(3)]
    parallel(*mark)(0)

    assert order == [(n, threading.get_ident()) for n in range(3)]


def test_async_branches_overlap():
    """Async branches wait at the same time."""

    async def main():
        event = asyncio.Event()

        async def opener(x):
            event.set()

        async def waiter(x):
            await event.wait()
            return x

        return await parallel(flow(waiter), flow(opener))(5)

    assert asyncio.run(main()) == (5, None)


def test_first_error_leaves_as_it_is():
    """The user's own exception object leaves."""
    with pytest.raises(Broken) as caught:
        parallel(up, fail)(3)

    assert caught.value.args == (3,)


def test_a_sync_error_stops_the_branches_after_it():
    """Sync branches run in order, so those behind the failing one do not run."""
    seen = []
    with pytest.raises(Broken):
        parallel(fail, flow(seen.append))(3)

    assert seen == []


def test_siblings_are_cancelled_and_awaited_before_the_error_leaves():
    """When the error arrives, every sibling has ended, its clean-up included."""
    ended = []

    @flow
    async def sibling(x):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("cleaned")

    async def main():
        with pytest.raises(Broken):
            await parallel(sibling, late_fail, sibling)(1)
        return list(ended), asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(main()) == (["cleaned", "cleaned"], set())


def test_errors_of_siblings_are_in_the_notes():
    """A sibling that fails while it is cancelled is listed, not lost."""

    @flow
    async def sore(x):
        try:
            await asyncio.Event().wait()
        finally:
            raise KeyError("sore loser")

    with pytest.raises(Broken) as caught:
        asyncio.run(parallel(late_fail, sore)(1))

    assert "sore loser" in "\n".join(caught.value.__notes__)


def test_outside_cancellation_reaches_every_branch():
    """Cancelling the whole cancels and awaits each branch, and `CancelledError` leaves."""
    ended = []

    @flow
    async def wait(x):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append(x)
            raise

    async def main():
        task = asyncio.ensure_future(parallel(wait, wait, wait)(1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(main()) == set()
    assert ended == [1, 1, 1]


def test_collect_loses_no_outcome():
    """`mode="collect"` gives an `Ok` or a `Failure` for each branch."""
    first, second, third = parallel(up, fail, up, mode="collect")(1)

    assert first == third == Ok(2)
    assert type(second) is Failure
    assert (type(second.error), second.error.args, second.input) == (Broken, (1,), 1)


def test_collect_runs_every_branch_when_async():
    """A failing branch does not cancel its siblings in collect mode."""
    failed, fine = asyncio.run(parallel(late_fail, late_up | late_up, mode="collect")(1))

    assert type(failed) is Failure
    assert fine == Ok(3)


def test_a_failure_says_where():
    """The path of a collected failure is the static path of the branch."""
    whole = parallel(up, fail, mode="collect").named("fan")

    assert whole(1)[1].path == "fan/fail"


def test_collect_never_swallows_cancellation():
    """Cancellation from outside leaves a collecting parallel."""

    async def main():
        forever = flow(lambda x: asyncio.Event().wait(), colour="async")
        task = asyncio.ensure_future(parallel(forever, forever, mode="collect")(1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


def test_collect_lets_keyboard_interrupt_pass():
    """`KeyboardInterrupt` is not an outcome."""

    @flow
    def interrupt(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parallel(interrupt, up, mode="collect")(1)


def test_threads_let_sync_branches_meet():
    """With threads, sync branches run at the same time."""
    barrier = threading.Barrier(2, timeout=10)
    meet = flow(lambda x: barrier.wait() >= 0)

    assert parallel(meet, meet, threads=2)(1) == (True, True)


def test_threads_keep_the_colour_and_the_order():
    """Threads change neither the colour nor the place of a result."""
    whole = parallel(up, flow(str), threads=2)

    assert type(whole) is Flow
    assert whole(1) == (2, "1")


def test_running_threads_are_awaited_before_an_error_leaves():
    """A thread cannot be cancelled, so an error waits for it."""
    started, seen = threading.Event(), []

    @flow
    def steady(x):
        started.set()
        seen.append(x)

    @flow
    def wait_then_fail(x):
        started.wait(10)
        raise Broken(x)

    with pytest.raises(Broken):
        parallel(steady, wait_then_fail, threads=2)(1)
    assert seen == [1]


@pytest.mark.parametrize("threads", [0, -1, True, 1.5])
def test_threads_must_be_a_positive_whole_number(threads):
    """A number of threads that cannot be is refused at composition."""
    with pytest.raises(DefinitionError):
        parallel(up, up, threads=threads)


def test_an_unknown_mode_is_refused():
    """The modes have names."""
    with pytest.raises(InvalidValue, match="some"):
        parallel(up, up, mode="some")


def test_a_plain_function_is_refused_as_a_branch():
    """Combinators take flows."""
    with pytest.raises(DefinitionError):
        parallel(up, len)


def test_a_parallel_in_a_parallel_nests_its_tuples():
    """Nesting shows in the result."""
    assert parallel(parallel(up, up), up)(1) == ((2, 2), 2)


def test_results_do_not_depend_on_the_order_of_finishing():
    """Places are those of the writing, not of the finishing."""

    async def main():
        gate = asyncio.Event()

        async def last(x):
            await gate.wait()
            return "last"

        async def first(x):
            gate.set()
            return "first"

        return await parallel(flow(last), flow(first))(0)

    assert asyncio.run(main()) == ("last", "first")


def test_threads_start_nothing_after_an_error():
    """What has not begun when a branch fails does not begin."""
    begun, gate = [], threading.Event()

    def fail(x):
        gate.set()
        raise ValueError(x)

    def wait(x):
        gate.wait(5)

    tree = parallel(flow(wait), flow(fail), *[flow(begun.append)] * 3, threads=2)

    with pytest.raises(ValueError):
        tree(1)
    assert len(begun) <= 1


def test_errors_without_a_text_do_not_hide_the_first():
    """The note that lists the others needs no text of theirs."""

    class Mute(Exception):
        def __str__(self):
            raise ValueError("no text")

    @flow
    async def fail(x):
        raise Mute

    with pytest.raises(Mute) as caught:
        asyncio.run(parallel(fail, fail)(1))

    assert caught.value.__notes__[0] == "other branches raised too: Mute"
