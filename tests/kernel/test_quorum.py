"""Enough of several: `parallel(quorum=n)` and `.each(quorum=n)`."""

import asyncio
import threading

import pytest

from omnitron import DefinitionError, EventLog, Failure, InvalidValue, NotEnough, Ok, context, flow, parallel


class Broken(Exception):
    """An error of these tests."""


@flow
def up(x):
    return x + 1


@flow
def fail(x):
    raise Broken(x)


@flow
async def soon(x):
    await asyncio.sleep(0)
    return x + 1


@flow
async def late_fail(x):
    await asyncio.sleep(0)
    raise Broken(x)


@flow
def positive(x):
    if x <= 0:
        raise Broken(x)
    return x


@flow
async def late_positive(x):
    await asyncio.sleep(0)
    return positive(x)


def waiting(log):
    """Give a flow that waits for ever and says when it is cancelled."""

    @flow
    async def forever(x):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            log.append("cleaned")

    return forever


def others():
    """Give the tasks beside the running one."""
    return asyncio.all_tasks() - {asyncio.current_task()}


def kinds(outcomes):
    """Give what became of each."""
    return [type(outcome).__name__ for outcome in outcomes]


# ---- parallel


def test_sync_flows_run_in_order_and_stop_at_the_quorum():
    """What came of each that ended, None for those that never began."""
    begun = []
    outcomes = parallel(up, fail, up, flow(begun.append), quorum=2)(1)

    assert kinds(outcomes) == ["Ok", "Failure", "Ok", "NoneType"]
    assert (outcomes[0], outcomes[1].path, outcomes[1].input, begun) == (Ok(2), "parallel/fail", 1, [])


def test_async_flows_are_done_with_the_quorum():
    """The others are cancelled and awaited before the tuple leaves, and have None in it."""
    log = []

    async def main():
        return await parallel(waiting(log), soon, late_fail, soon, quorum=2)(1), list(log), others()

    outcomes, cleaned, left = asyncio.run(main())
    assert kinds(outcomes) == ["NoneType", "Ok", "Failure", "Ok"]
    assert (cleaned, left) == (["cleaned"], set())


def test_a_quorum_out_of_reach_ends_at_once():
    """When too many have failed, the rest is cancelled and awaited, and all errors leave in order."""
    log = []
    with pytest.raises(ExceptionGroup, match="2 of 3 needed, 0 succeeded and 2 failed") as caught:
        asyncio.run(parallel(late_fail, waiting(log), late_fail, quorum=2).named("vote")(1))

    assert [error.args for error in caught.value.exceptions] == [(1,), (1,)]
    assert caught.value.exceptions[1].__notes__ == ["raised in flow 'vote', at vote/late_fail#2"]
    assert log == ["cleaned"]


def test_a_quorum_out_of_reach_stops_sync_flows():
    """Sync flows after the one that decides do not begin."""
    begun = []
    with pytest.raises(ExceptionGroup, match="2 of 2 needed"):
        parallel(fail, flow(begun.append), quorum=2)(1)

    assert begun == []


def test_a_branch_that_ends_in_spite_of_its_cancellation_keeps_its_outcome():
    """No outcome is lost: only what the library cancelled has None."""

    @flow
    async def stubborn(x):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "went on"

    @flow
    async def sore(x):
        try:
            await asyncio.Event().wait()
        finally:
            raise Broken("sore")

    first, second, third = asyncio.run(parallel(stubborn, sore, soon, quorum=1)(1))
    assert (first, type(second), third) == (Ok("went on"), Failure, Ok(2))


def test_threads_are_awaited_and_their_outcomes_kept():
    """A thread cannot be cancelled: what runs when the quorum is reached is part of the result, what waits is not."""
    both, begun = threading.Barrier(2, timeout=10), []
    meet = flow(lambda x: both.wait() >= 0)
    outcomes = parallel(meet, meet, up, *[flow(begun.append)] * 8, quorum=1, threads=2)(1)

    assert outcomes[:2] == (Ok(True), Ok(True))
    assert len(begun) + (outcomes[2] is not None) <= 1


def test_a_quorum_out_of_reach_on_threads():
    """The group has the errors of all that ran."""
    with pytest.raises(ExceptionGroup, match="1 of 2 needed"):
        parallel(fail, fail, quorum=1, threads=2)(1)


def test_an_interrupt_is_no_outcome():
    """`KeyboardInterrupt` leaves, inline and on threads."""

    @flow
    def interrupt(x):
        raise KeyboardInterrupt

    for options in ({}, {"threads": 2}):
        with pytest.raises(KeyboardInterrupt):
            parallel(interrupt, up, quorum=2, **options)(1)


def test_a_cancellation_from_outside_leaves():
    """It reaches every branch, and is no outcome."""
    log = []

    async def main():
        task = asyncio.ensure_future(parallel(waiting(log), waiting(log), quorum=1)(1))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return others()

    assert asyncio.run(main()) == set()
    assert log == ["cleaned", "cleaned"]


@pytest.mark.parametrize("quorum", [0, -1, True, 1.5, "2", 4])
def test_a_quorum_is_a_number_that_can_be_reached(quorum):
    """What can never be is refused at composition."""
    with pytest.raises(DefinitionError, match="quorum"):
        parallel(up, up, up, quorum=quorum)


def test_a_quorum_excludes_collect():
    """One mode ends early, the other waits for all."""
    with pytest.raises(DefinitionError, match="quorum.*collect"):
        parallel(up, up, mode="collect", quorum=1)
    with pytest.raises(DefinitionError, match="quorum.*collect"):
        up.each(mode="collect", quorum=1)


def test_the_quorum_is_shown_and_counts_for_equality():
    """Flows of different quorums are different."""
    assert parallel(up, up, quorum=1) != parallel(up, up, quorum=2) != parallel(up, up)
    assert "quorum=2" in repr(parallel(up, up, quorum=2))
    assert "quorum=2" in repr(up.each(quorum=2))


def test_every_branch_gets_the_whole_call():
    """Several arguments reach each, and are the input of a failure without what was left to its default."""
    odd = flow(lambda a, b=2, *, c=3: 1 / (a - b))
    both = parallel(odd, odd, flow(lambda a, b=2, *, c=3: (a, b, c)), quorum=1)

    failed, _, fine = both(2, c=4)
    assert (failed.input.args, failed.input.kwargs, fine) == ((2,), {"c": 4}, Ok((2, 2, 4)))


# ---- each


def test_a_loop_ends_with_the_quorum():
    """The outcomes of what ended, in the order of the items; nothing more is taken."""
    taken = []

    def source():
        for x in (0, 1, 2, 3):
            taken.append(x)
            yield x

    outcomes = positive.each(quorum=2)(source())
    assert (kinds(outcomes), taken) == (["Failure", "Ok", "Ok"], [0, 1, 2])
    assert (outcomes[0].input, outcomes[0].path) == (0, "each/positive")


def test_an_async_loop_cancels_the_rest():
    """Running items are cancelled and awaited, and have no outcome."""
    log = []

    @flow
    async def work(x):
        if x % 2:
            return await soon(x)
        return await waiting(log)(x)

    async def main():
        return await work.each(quorum=2, concurrency=4)(range(10)), others()

    outcomes, left = asyncio.run(main())
    assert (outcomes, log, left) == ([Ok(2), Ok(4)], ["cleaned"] * 3, set())


def test_a_loop_of_known_length_ends_when_the_quorum_is_out_of_reach():
    """With three items, two failures decide against a quorum of two."""
    seen = []
    body = flow(lambda x: seen.append(x) or positive(x))
    with pytest.raises(ExceptionGroup, match="2 of 3 needed, 0 succeeded and 2 failed"):
        body.each(quorum=2)([0, -1, 1])

    assert seen == [0, -1]


def test_a_loop_of_unknown_length_reads_to_the_end():
    """Without a length only the end of the source decides."""
    with pytest.raises(ExceptionGroup, match="2 of 3 needed, 1 succeeded and 2 failed"):
        positive.each(quorum=2)(iter([0, -1, 1]))
    with pytest.raises(ExceptionGroup, match="2 of 3 needed, 1 succeeded and 2 failed"):
        asyncio.run(late_positive.each(quorum=2, concurrency=1)(iter([0, -1, 1])))


def too_few():
    """Give loops over fewer items than they need."""
    yield lambda: up.each(quorum=2)([1])
    yield lambda: up.each(quorum=2)(iter([1]))
    yield lambda: up.each(quorum=2, threads=2)(iter([1]))
    yield lambda: asyncio.run(soon.each(quorum=2)([1]))
    yield lambda: asyncio.run(soon.each(quorum=2)(iter([1])))


@pytest.mark.parametrize("call", list(too_few()))
def test_too_few_items_are_said_so(call):
    """Where nothing failed there is no group of errors to raise."""
    with pytest.raises(NotEnough, match="quorum of 2 .* 1 item"):
        call()


def test_a_source_is_closed_when_the_loop_ends_early():
    """An async generator that was not read to its end is closed before the result leaves."""
    log = []

    async def source():
        try:
            for x in range(100):
                yield x
        finally:
            log.append("closed")

    assert len(asyncio.run(soon.each(quorum=3, concurrency=2)(source()))) == 3
    assert log == ["closed"]


def test_an_error_of_the_source_leaves_as_it_is():
    """It is no outcome of an item."""

    def source():
        yield 1
        raise Broken("source")

    for loop in (positive.each(quorum=2), positive.each(quorum=2, threads=2)):
        with pytest.raises(Broken, match="source"):
            loop(source())
    with pytest.raises(Broken, match="source"):
        asyncio.run(late_positive.each(quorum=2)(source()))


def test_outcomes_are_folded():
    """The reducer is given the outcomes that ended, in order."""
    count = positive.each(quorum=2, fold=lambda total, outcome: total + outcome.ok, start=int)

    assert count([0, 3, 4, 5]) == 2


def test_unordered_outcomes_come_as_they_end():
    """Who ends first stands first."""

    async def main():
        gate = asyncio.Event()

        @flow
        async def work(x):
            if x == 0:
                await gate.wait()
            else:
                gate.set()
            return x

        return await work.each(quorum=2, unordered=True, concurrency=2)([0, 1])

    assert asyncio.run(main()) == [Ok(1), Ok(0)]


def test_a_loop_on_threads_keeps_what_ran():
    """Running items are awaited and kept, further ones not started."""
    both, seen = threading.Barrier(2, timeout=10), []

    @flow
    def meet(x):
        seen.append(x)
        both.wait()
        return x

    assert meet.each(quorum=1, threads=2)(iter(range(2))) == [Ok(0), Ok(1)]
    assert sorted(seen) == [0, 1]


def test_observers_see_the_items_by_their_index():
    """A watched quorum has the paths of a watched loop."""
    log = EventLog()
    context(observers=[log]).run(positive.each(quorum=1), [0, 1])

    assert [event.path for event in log.events][1:3] == ["each[0]/positive"] * 2
    assert [event.path for event in log.events][3:5] == ["each[1]/positive"] * 2


def test_invalid_is_a_value_error_too():
    """A number out of range is an `InvalidValue`."""
    with pytest.raises(InvalidValue):
        up.each(quorum=0)
