"""`.hedge`: a second attempt beside a slow first one. Every clock here is virtual, so that nothing waits."""

import asyncio
import gc
import pickle
import weakref
from collections import Counter
from contextlib import suppress
from datetime import timedelta

import pytest

from omnitron import (
    Config,
    DeadlineExceeded,
    DefinitionError,
    Effect,
    EventLog,
    Hedge,
    InvalidValue,
    RetryBudget,
    context,
    current_step,
    flow,
    keep,
    needs,
    parallel,
    rebuild,
    resource,
    rewrite,
    tap,
    walk,
)
from omnitron.policy import HedgeInfo
from omnitron.testing import ManualClock, VirtualClock


class Down(Exception):
    """What attempts raise."""


class Server:
    """A step whose attempts take so long, one after the other, and raise where an exception stands beside that.

    Attributes:
        book: when each attempt began, and how it ended: (start, end, "done" | "failed" | "cancelled").
    """

    def __init__(self, clock, *attempts, clean=0.0):
        self.clock, self.attempts, self.clean = clock, iter(attempts), clean
        self.book = []

    async def __call__(self, value):
        """Answer with the ordinal of the attempt, later."""
        place, start = len(self.book), self.clock.monotonic()
        self.book.append(None)
        plan = next(self.attempts)
        seconds, error = plan if isinstance(plan, tuple) else (plan, None)
        how = "cancelled"
        try:
            await asyncio.sleep(seconds)
            how = "done" if error is None else "failed"
            if error is not None:
                raise error
        finally:
            if how == "cancelled" and self.clean:
                await asyncio.sleep(self.clean)
            self.book[place] = (start, self.clock.monotonic(), how)
        return place + 1


def run(clock, tree, *args, **options):
    """Run a flow on a virtual clock, of which nothing is left; give the result and when it came."""

    async def main():
        try:
            result = await context(clock=clock, **options).run(tree, *args)
        finally:
            assert others() == set()
        return result, clock.monotonic()

    return clock.run(main())


def others():
    """Give the tasks beside the running one."""
    return asyncio.all_tasks() - {asyncio.current_task()}


# ------------------------------------------------------------------ when attempts start, and which one wins


def test_a_fast_call_is_made_once():
    """A result before the delay needs no second attempt."""
    clock = VirtualClock()
    server = Server(clock, 1)

    assert run(clock, flow(server).hedge(2), "x") == (1, 1.0)
    assert server.book == [(0.0, 1.0, "done")]


def test_a_slow_call_is_made_once_more():
    """The second attempt starts after the delay, wins, and the first is cancelled in that moment."""
    clock = VirtualClock()
    server = Server(clock, 10, 1)

    assert run(clock, flow(server).hedge(2), "x") == (2, 3.0)
    assert server.book == [(0.0, 3.0, "cancelled"), (2.0, 3.0, "done")]


def test_the_first_attempt_may_still_win():
    """The second is cancelled then."""
    clock = VirtualClock()
    server = Server(clock, 3, 10)

    assert run(clock, flow(server).hedge(2), "x") == (1, 3.0)
    assert server.book == [(0.0, 3.0, "done"), (2.0, 3.0, "cancelled")]


def test_each_attempt_waits_for_the_one_before():
    """Of three attempts the third starts after two delays, and a fourth never."""
    clock = VirtualClock()
    server = Server(clock, 50, 50, 50)

    assert run(clock, flow(server).hedge(2, at_most=3), "x") == (1, 50.0)
    assert [start for start, *_ in server.book] == [0.0, 2.0, 4.0]


def test_no_delay_starts_two_at_once():
    """With 0 seconds the second attempt starts in the next turn."""
    clock = VirtualClock()
    server = Server(clock, 5, 1)

    assert run(clock, flow(server).hedge(0), "x") == (2, 1.0)


def test_after_a_failure_the_next_attempt_starts_at_once():
    """Without waiting for the rest of the delay; and the next one waits a whole delay from there."""
    clock = VirtualClock()
    server = Server(clock, (1, Down()), 20, 20)

    assert run(clock, flow(server).hedge(4, at_most=3), "x") == (2, 21.0)
    assert [start for start, *_ in server.book] == [0.0, 1.0, 5.0]


def test_a_failure_beside_a_running_attempt_does_not_leave():
    """As long as one runs there may be a result."""
    clock = VirtualClock()
    server = Server(clock, 5, (1, Down()))

    assert run(clock, flow(server).hedge(2), "x") == (1, 5.0)


def test_the_last_error_leaves_with_the_others_in_its_notes():
    """It is the very object that was raised last; a note counts the attempts."""
    clock = VirtualClock()
    first, last = Down("first"), Down("last")

    with pytest.raises(Down) as caught:
        run(clock, flow(Server(clock, (3, last), (0.5, first)), name="ask").hedge(2), "x")

    assert caught.value is last
    assert caught.value.__notes__ == [
        "raised in flow 'ask', at ask, after 2 attempts",
        "other attempts raised too: Down: first",
    ]


def test_an_exception_raised_by_both_attempts_is_told_once():
    """The same object is no other error."""
    clock, error = VirtualClock(), Down("same")

    with pytest.raises(Down) as caught:
        run(clock, flow(Server(clock, (0, error), (0, error)), name="ask").hedge(2), "x")

    assert caught.value.__notes__ == ["raised in flow 'ask', at ask, after 2 attempts"]


def test_an_error_that_is_not_listed_ends_all():
    """Of `on=` only what is listed is followed by another attempt; what runs beside it is cancelled."""
    clock = VirtualClock()
    server = Server(clock, 9, (1, KeyError("x")))

    with pytest.raises(KeyError):
        run(clock, flow(server).hedge(2, on=Down), "x")
    assert server.book == [(0.0, 3.0, "cancelled"), (2.0, 3.0, "failed")]


def test_a_predicate_that_raises_ends_all():
    """Its error leaves."""
    clock = VirtualClock()

    with pytest.raises(ZeroDivisionError):
        run(clock, flow(Server(clock, 9, (1, Down()))).hedge(2, on=lambda error: 1 / 0), "x")


def test_an_error_that_asks_to_wait_starts_no_attempt_at_once():
    """A server that says so is not asked again for that; the slow attempt's turn comes as ever."""

    class Busy(Exception):
        retry_after = 30

    clock = VirtualClock()
    server = Server(clock, (1, Busy()), 1)

    with pytest.raises(Busy):
        run(clock, flow(server).hedge(2), "x")
    assert len(server.book) == 1


def test_an_iterator_is_read_by_one_attempt():
    """There is no second attempt at what can be read only once, and the note says why."""
    clock = VirtualClock()
    server = Server(clock, (5, Down()))

    with pytest.raises(Down) as caught:
        run(clock, flow(server, name="ask").hedge(2), iter("abc"))
    assert caught.value.__notes__[0].endswith("after 1 attempt (its input is an iterator, which can be read only once)")


def test_arguments_by_keyword_reach_each_attempt():
    """They are the same for all."""
    clock, seen = VirtualClock(), []

    @flow
    async def ask(a, *, b):
        seen.append((a, b))
        await asyncio.sleep(10 if len(seen) == 1 else 0)
        return a + b

    assert run(clock, flow(lambda a, b: ask.hedge(1)(a, b=b), colour="async"), 1, 2) == (3, 1.0)
    assert seen == [(1, 2), (1, 2)]


# ------------------------------------------------------------------ a delay that is measured


def answered(clock, tree, latencies):
    """Call a flow once for each latency, one after the other."""

    async def main():
        for seconds in latencies:
            await context(clock=clock).run(tree, seconds)

    clock.run(main())


@flow
async def takes(seconds):
    await asyncio.sleep(seconds)


def test_the_delay_is_a_percentile_of_what_was_measured():
    """Of 100 calls that took 1 to 100 seconds, 90 took up to 90; until 16 are known the delay is that which was given."""
    clock, policy = VirtualClock(), Hedge(1000, percentile=0.9)

    answered(clock, takes.hedge(policy), range(1, 16))
    assert policy.info().delay == 1000
    answered(clock, takes.hedge(policy), range(16, 101))
    assert policy.info().delay == 90.0


def test_old_latencies_are_forgotten():
    """Only the last 128 calls count, so that a server that was slow may be fast again."""
    clock, policy = VirtualClock(), Hedge(10_000, percentile=0.5, budget=None)

    answered(clock, takes.hedge(policy), [1000] * 50)
    answered(clock, takes.hedge(policy), [1] * 128)

    assert (policy.info().delay, policy.info().measured) == (1.0, 128)


def test_the_measured_delay_has_a_minimum():
    """A fast flow does not hedge because of microseconds."""
    clock, policy = VirtualClock(), Hedge(9, percentile=0.5, minimum=0.25)

    answered(clock, takes.hedge(policy), [0.001] * 20)

    assert policy.info().delay == 0.25


def test_the_share_of_hedges_follows_the_percentile():
    """An attempt that was cut off counts with the time it had, so that winners alone do not pull the delay down."""
    clock, policy = VirtualClock(), Hedge(50, percentile=0.8, budget=None)
    latencies = [1 + number * 37 % 100 for number in range(1000)]

    answered(clock, takes.hedge(policy), latencies)

    assert 0.15 < policy.info().hedges / 1000 < 0.25


# ------------------------------------------------------------------ the budget


def test_hedges_are_a_share_of_the_calls():
    """All calls are slow, and yet only one in ten is made twice, beyond the ten in reserve."""
    clock, policy = VirtualClock(), Hedge(1)

    answered(clock, takes.hedge(policy), [5] * 200)

    info = policy.info()
    assert 28 <= info.hedges <= 30
    assert info == HedgeInfo(calls=200, hedges=info.hedges, wins=0, refused=200 - info.hedges, delay=1.0, measured=0)


def test_without_a_budget_every_slow_call_is_made_twice():
    """`budget=None` is no bound."""
    clock, policy = VirtualClock(), Hedge(1, budget=None)

    answered(clock, takes.hedge(policy), [5] * 50)

    assert policy.info().hedges == 50


def test_a_budget_is_shared_with_retries():
    """One `RetryBudget` for both: what retries have used is not there for hedges."""
    clock, budget = VirtualClock(), RetryBudget(ratio=0, burst=1)
    server = Server(clock, (0, Down()), (0, Down()))

    with pytest.raises(Down) as caught:
        run(clock, flow(server).hedge(1, budget=budget).retry(2, 0, budget=budget), "x")
    assert "(the retry budget is used up)" in caught.value.__notes__[0]


def test_a_used_up_budget_is_told():
    """The note says why there was no second attempt."""
    clock, budget = VirtualClock(), RetryBudget(ratio=0, burst=1)
    budget.take()

    with pytest.raises(Down) as caught:
        run(clock, flow(Server(clock, (0, Down())), name="ask").hedge(1, budget=budget), "x")
    assert caught.value.__notes__[0].endswith("after 1 attempt (the hedge budget is used up)")


# ------------------------------------------------------------------ what is refused


def test_a_sync_flow_is_refused():
    """With the way out."""
    with pytest.raises(DefinitionError, match=r"'up' is sync.*\.on\('process'\)\.hedge"):
        flow(lambda x: x, name="up").hedge(1)


def test_a_stream_is_refused():
    """With the way out."""

    @flow
    async def count(n):
        yield n

    with pytest.raises(DefinitionError, match=r"gives a stream.*f\.hedge\(0\.1\)\.stream\(\)"):
        count.hedge(1)


def test_a_declared_write_is_refused():
    """Wherever it stands beneath; unless doing it twice does no harm."""

    @flow(effects=Effect.WRITE)
    async def save(x):
        return x

    with pytest.raises(DefinitionError, match=r"save' declares Effect.WRITE"):
        (takes | save).hedge(1)
    assert (takes | save).hedge(1, idempotent=True).colour == "async"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"delay": -1}, InvalidValue),
        ({"delay": "1"}, DefinitionError),
        ({"delay": None}, DefinitionError),
        ({"at_most": 1}, InvalidValue),
        ({"at_most": True}, DefinitionError),
        ({"at_most": 2.0}, DefinitionError),
        ({"percentile": 0}, InvalidValue),
        ({"percentile": 1}, InvalidValue),
        ({"percentile": 95}, InvalidValue),
        ({"percentile": "0.9"}, DefinitionError),
        ({"minimum": 1}, DefinitionError),
        ({"percentile": 0.5, "minimum": -1}, InvalidValue),
        ({"budget": 0}, InvalidValue),
        ({"budget": "0.1"}, DefinitionError),
        ({"on": KeyboardInterrupt}, DefinitionError),
        ({"on": ()}, DefinitionError),
        ({"on": "Down"}, DefinitionError),
        ({"idempotent": 1}, DefinitionError),
    ],
)
def test_a_wrong_option_is_refused(options, error):
    """When it is written, in the value and in the method alike."""
    with pytest.raises(error):
        Hedge(**options)
    with pytest.raises(error):
        takes.hedge(**options)


def test_options_beside_a_hedge_are_refused():
    """They would be ignored."""
    with pytest.raises(DefinitionError, match=r"hedge takes a `Hedge` alone, got 'at_most'"):
        takes.hedge(Hedge(1), at_most=3)


# ------------------------------------------------------------------ a policy is a value


def test_a_hedge_is_a_value():
    """Equal by its fields, whatever it has counted; the method and `apply` give equal flows."""
    policy = Hedge(timedelta(seconds=2), 3)

    assert policy == Hedge(2.0, at_most=3)
    assert takes.hedge(2, 3) == takes.hedge(policy) == takes.apply(policy)
    assert hash(takes.hedge(2, 3)) == hash(takes.apply(policy))


def test_who_shares_a_hedge_shares_its_count():
    """Two flows, a rewritten and a renamed one; a fresh one, an equal one and a pickled one count for themselves."""
    clock, policy = VirtualClock(), Hedge(1)
    trees = [
        takes.hedge(policy), flow(takes.fn, name="other").apply(policy),
        rewrite(takes.hedge(policy), lambda node: node), takes.hedge(policy).named("third"),
    ]  # fmt: skip

    for tree in trees:
        answered(clock, tree, [0])
    answered(clock, takes.hedge(policy.fresh()), [0])

    assert policy.info().calls == 4
    assert pickle.loads(pickle.dumps(policy)).info().calls == 0


def test_a_hedged_flow_is_described_and_built_again():
    """With all its options."""
    tree = takes.hedge(2, 3, percentile=0.9, minimum=0.1, idempotent=True)

    assert rebuild(tree.describe()) == tree


def test_a_hedge_is_tuned_from_outside():
    """Its numbers, which are checked; what was counted stays."""
    policy = Hedge(2)
    tree = takes.hedge(policy)

    tuned = Config({"takes": {"delay": 3.0, "at_most": 4, "percentile": 0.9}}).apply(tree)

    assert tuned == takes.hedge(3, 4, percentile=0.9)
    assert tuned.node.cell is policy.cell
    with pytest.raises(InvalidValue, match="`at_most`"):
        Config({"takes": {"at_most": 1}}).apply(tree)


def test_a_hedge_adds_no_segment():
    """Its name and its path are those of the flow; the tree shows it."""
    tree = takes.hedge(0.5, at_most=3)

    assert (tree.name, [path for path, _ in walk(tree)]) == ("takes", ["takes", "takes"])
    assert tree.node.detail() == "0.5 s, at_most=3"


# ------------------------------------------------------------------ what is seen


def test_attempts_are_numbered():
    """In events, in logs of the body, and by `current_step()`; the path is the same."""
    clock, log, seen = VirtualClock(), EventLog(), []

    @flow
    async def ask(x):
        seen.append(current_step().attempt)
        await asyncio.sleep(10 if len(seen) == 1 else 1)

    run(clock, ask.hedge(2), "x", observers=log)

    assert seen == [1, 2]
    assert [(type(event).__name__, event.path, event.attempt) for event in log.events] == [
        ("CallStarted", "ask", 1),
        ("CallStarted", "ask", 2),
        ("CallFinished", "ask", 2),
        ("CallFailed", "ask", 1),
    ]


def test_the_error_of_a_part_names_the_part():
    """The note has the path beneath the hedge, and around it."""
    clock = VirtualClock()

    @flow
    async def fail(x):
        raise Down(x)

    tree = (takes | keep(fail).named("kept")).hedge(5).named("whole")

    for options in ({}, {"observers": EventLog()}):
        with pytest.raises(Down) as caught:
            run(clock, parallel(tree, takes).named("both"), 0, **options)
        assert caught.value.__notes__[0] == "raised in flow 'both', at both/whole/kept/fail, after 2 attempts"


def test_an_attempt_has_a_context_of_its_own():
    """What an attempt sets is not seen by the next, which starts from the context of the call."""
    from contextvars import ContextVar

    clock, mark, seen = VirtualClock(), ContextVar("mark", default="outside"), []

    @flow
    async def ask(x):
        seen.append(mark.get())
        mark.set("inside")
        raise Down

    with pytest.raises(Down):
        run(clock, ask.hedge(2, at_most=3), "x")
    assert seen == ["outside"] * 3


def test_resources_are_opened_once_and_closed():
    """A resource of the run is shared by its attempts, and closed when both have ended."""
    clock, book = VirtualClock(), []

    @resource
    async def line():
        book.append("open")
        yield "line"
        book.append("closed")

    @flow
    async def ask(x, *, over=needs(line)):
        await asyncio.sleep(9 if not book.count("asked") and not book.append("asked") else 1)
        return over

    assert run(clock, ask.hedge(2), "x") == ("line", 3.0)
    assert Counter(book) == Counter(["open", "closed", "asked"])


def test_what_the_loser_has_done_is_undone():
    """And what the winner has done stays."""
    clock, book = VirtualClock(), []

    async def make(x):
        number = len(book) + 1
        book.append(f"made {number}")
        return number

    async def wait(number):
        await asyncio.sleep(9 if number == 1 else 1)
        return number

    tree = flow(make).undo(flow(lambda number: book.append(f"undone {number}"), name="undo")) | wait

    assert run(clock, tree.hedge(2), "x") == (2, 3.0)
    assert book == ["made 1", "made 2", "undone 1"]


def test_a_deadline_ends_all_attempts():
    """That of the context, as it ends anything else."""
    clock = VirtualClock()
    server = Server(clock, 50, 50)

    with pytest.raises(DeadlineExceeded):
        run(clock, flow(server).hedge(2), "x", deadline=5)
    assert server.book == [(0.0, 5.0, "cancelled"), (2.0, 5.0, "cancelled")]


def test_a_timeout_around_bounds_all_attempts_and_one_inside_each():
    """Inside, an attempt that is late fails, and the next one starts at once."""
    clock = VirtualClock()
    server = Server(clock, 50, 1)

    assert run(clock, flow(server).timeout(3).hedge(10), "x") == (2, 4.0)


def test_a_manual_clock_is_waited_on():
    """The delay is one of the context's clock, not of the loop."""

    async def main():
        clock, gate, seen = ManualClock(), asyncio.Event(), []

        @flow
        async def ask(x):
            seen.append(clock.monotonic())
            if len(seen) == 1:
                await gate.wait()
            return len(seen)

        task = asyncio.ensure_future(context(clock=clock).run(ask.hedge(7), "x"))
        await clock.advance(6)
        assert seen == [0.0]
        await clock.advance(1)
        assert (await task, seen, others()) == (2, [0.0, 7.0], set())

    asyncio.run(main())


def test_without_a_context_the_machines_clock_is_waited_on():
    """A plain call, outside of any run; a timer of the loop, of which nothing is left."""
    clock = VirtualClock()
    server = Server(clock, 10, 1)

    async def main():
        result = await flow(server).hedge(2)("x")
        return result, others()

    assert clock.run(main()) == (2, set())
    assert [start for start, *_ in server.book] == [0.0, 2.0]


# ------------------------------------------------------------------ nothing is left


def cancelled_at(clock, tree, when, *, again=None):
    """Cancel a run at a time, and perhaps once more; give when it had ended. It leaves no task."""

    async def main():
        task = asyncio.ensure_future(context(clock=clock).run(tree, "x"))
        for moment in [when] if again is None else [when, again]:
            await asyncio.sleep(moment - clock.monotonic())
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert others() == set()
        return clock.monotonic()

    return clock.run(main())


@pytest.mark.parametrize("when", [1, 3])
def test_a_cancellation_ends_all_attempts(when):
    """Whether one or two run; all are told in that moment, and awaited."""
    clock = VirtualClock()
    server = Server(clock, 50, 50, clean=4)

    assert cancelled_at(clock, flow(server).hedge(2), when) == when + 4
    assert {(end, how) for _, end, how in server.book} == {(when + 4, "cancelled")}


def test_a_second_cancellation_does_not_leave_attempts_behind():
    """Those that clean up are still awaited."""
    clock = VirtualClock()
    server = Server(clock, 50, 50, clean=4)

    assert cancelled_at(clock, flow(server).hedge(2), 3, again=5) == 7.0


def test_a_loser_that_cleans_up_for_long_is_awaited():
    """The result leaves when it has ended."""
    clock = VirtualClock()
    server = Server(clock, 50, 1, clean=4)

    assert run(clock, flow(server).hedge(2), "x") == (2, 7.0)


def test_a_cancellation_while_a_loser_cleans_up_leaves():
    """The loser is awaited all the same, and the result is not given to who does not want it any more."""
    clock = VirtualClock()
    server = Server(clock, 50, 1, clean=4)

    assert cancelled_at(clock, flow(server).hedge(2), 5) == 7.0


def test_a_loser_that_refuses_to_die_does_not_win():
    """What it gives after it was cancelled is dropped."""
    clock, seen = VirtualClock(), []

    @flow
    async def stubborn(x):
        seen.append(x)
        number = len(seen)
        try:
            await asyncio.sleep(50 if number == 1 else 1)
        except asyncio.CancelledError:
            await asyncio.sleep(3)
        return number

    assert run(clock, stubborn.hedge(2), "x") == (2, 6.0)


def test_a_loser_that_raises_in_its_clean_up_disturbs_nobody():
    """There is a result."""
    clock, seen = VirtualClock(), []

    @flow
    async def clumsy(x):
        seen.append(x)
        number = len(seen)
        try:
            await asyncio.sleep(50 if number == 1 else 1)
        finally:
            if number == 1:
                raise Down("in clean-up")
        return number

    assert run(clock, clumsy.hedge(2), "x") == (2, 3.0)


def test_of_two_results_in_one_turn_the_first_is_given():
    """Both attempts end at the same time, and one result is dropped."""
    clock = VirtualClock()
    server = Server(clock, 3, 1)

    result, when = run(clock, flow(server).hedge(2), "x")

    assert (result in (1, 2), when) == (True, 3.0)


def test_a_cancellation_that_comes_from_inside_leaves():
    """It is no failure to hedge: whoever raised it wants to end."""
    clock = VirtualClock()

    with pytest.raises(asyncio.CancelledError):
        run(clock, flow(Server(clock, 9, (1, asyncio.CancelledError()))).hedge(2), "x")


def test_a_group_with_an_interrupt_leaves_without_a_word_beside():
    """The loop is not told of a task whose error nobody has asked for."""
    clock, told = VirtualClock(), []
    group = BaseExceptionGroup("both", [KeyboardInterrupt(), ValueError()])

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, found: told.append(found["message"]))
        with pytest.raises(BaseExceptionGroup):
            await context(clock=clock).run(flow(Server(clock, (1, group))).hedge(2), "x")
        gc.collect()

    clock.run(main())
    assert told == []


def test_a_coroutine_that_is_never_awaited_starts_nothing():
    """It can be closed."""
    clock = VirtualClock()

    async def main():
        takes.hedge(1)(1).close()
        return others()

    assert clock.run(main()) == set()


def test_a_coroutine_that_is_thrown_away_cancels_its_attempts():
    """They end in the next turns, though nothing can wait for them."""
    clock, book = VirtualClock(), []

    @flow
    async def ask(x):
        try:
            await asyncio.sleep(99)
        finally:
            book.append("clean")

    async def main():
        waiting = ask.hedge(1)("x")
        waiting.send(None)
        await asyncio.sleep(2)
        waiting.close()
        await asyncio.sleep(0)
        return book, others()

    assert clock.run(main()) == (["clean", "clean"], set())


def test_a_loop_that_starts_tasks_at_once_changes_nothing():
    """With an eager task factory, from Python 3.12 on, a first attempt may have ended before its task is known."""
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        pytest.skip("Python 3.12 has it first")
    tries = []

    @flow
    async def ask(x):
        tries.append(x)
        if len(tries) < 3:
            raise Down
        return len(tries)

    async def main():
        asyncio.get_running_loop().set_task_factory(factory)
        return await ask.hedge(1, at_most=3)("x"), others()

    assert VirtualClock().run(main()) == (3, set())


@pytest.mark.parametrize("part", range(4))
def test_no_interleaving_leaves_a_task(part):
    """2,500 calls each: 100 on a loop whose order a seed shuffles, of which some fail, and every fifth is cancelled."""

    @flow
    async def ask(number, turns):
        attempt = turns.pop()
        try:
            for _ in range(attempt % 5):
                await asyncio.sleep(attempt % 3)
        finally:
            for _ in range(attempt % 4):
                await asyncio.sleep(0)
        if attempt % 7 == 3:
            raise Down(number)
        return number

    tree = ask.hedge(1, at_most=3, budget=None)

    async def main(seed):
        tasks = [asyncio.ensure_future(tree(number, [seed + number, number * 3, number])) for number in range(100)]
        await asyncio.sleep(seed % 3)
        for task in tasks[seed % 5 :: 5]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert others() == set()
        return [number for number, result in enumerate(results) if not isinstance(result, BaseException | int)]

    for seed in range(25 * part, 25 * part + 25):
        assert VirtualClock(seed=seed).run(main(seed)) == []


@pytest.mark.parametrize("succeeds", [False, True])
def test_a_failed_attempt_is_not_kept_alive(succeeds):
    """Neither by the error that leaves, once that is gone, nor by the result: there is no cycle for the collector."""
    marks = []

    class Mark:
        """Something that the attempt holds."""

    @flow
    async def fail(x):
        mark = Mark()
        marks.append(weakref.ref(mark))
        if len(marks) == 1 or not succeeds:
            raise Down
        return "done"

    async def main():
        with suppress(Down):
            await fail.hedge(1)("x")
        return [mark() for mark in marks]

    gc.disable()
    try:
        assert asyncio.run(main()) == [None, None]
    finally:
        gc.enable()


def test_watching_costs_no_task_either():
    """A hedge inside of a hedge, watched, with a tap: nothing is left."""
    clock, log = VirtualClock(), EventLog()
    server = Server(clock, *[9, 9, 9, 1])
    tree = (flow(server) | tap(lambda x: None)).hedge(2).named("inner").hedge(3, budget=None)

    assert run(clock, tree, "x", observers=log)[0] == 4
