"""Flows against each other: `race`."""

import asyncio

import pytest

from omnitron import (
    AsyncFlow,
    DeadlineExceeded,
    DefinitionError,
    Effect,
    EventLog,
    context,
    flow,
    parallel,
    race,
    rewrite,
    sequence,
    try_with,
    walk,
)
from omnitron.testing import ManualClock


class Broken(Exception):
    """An error of these tests."""


@flow
def up(x):
    return x + 1


@flow
async def soon(x):
    await asyncio.sleep(0)
    return ("soon", x)


@flow
async def fail(x):
    raise Broken(x)


@flow
async def fail_later(x):
    await asyncio.sleep(0)
    raise KeyError(x)


def waiting(log, turns=1):
    """Give a flow that waits for ever, and cleans up for some turns when it is cancelled."""

    @flow
    async def forever(x):
        log.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(turns):
                await asyncio.sleep(0)
            log.append("cleaned")

    return forever


def others():
    """Give the tasks beside the running one."""
    return asyncio.all_tasks() - {asyncio.current_task()}


def test_the_first_success_wins():
    """The result is that of the flow that ends first, whatever its place."""
    assert type(race(soon, up)) is AsyncFlow
    assert asyncio.run(race(waiting([]), soon)(1)) == ("soon", 1)


def test_losers_are_awaited_before_the_result_leaves():
    """When the result arrives the losers have been cancelled and have cleaned up."""
    log = []

    async def main():
        result = await race(waiting(log, 3), soon, waiting(log))(1)
        return result, sorted(log), others()

    assert asyncio.run(main()) == (("soon", 1), ["begun", "begun", "cleaned", "cleaned"], set())


def test_what_has_not_begun_does_not_begin():
    """A flow that wins at once keeps those after it from starting."""
    log = []

    assert asyncio.run(race(up, waiting(log))(1)) == 2
    assert log == []


def test_a_failure_does_not_decide():
    """While others run, an error is no result."""
    assert asyncio.run(race(fail, fail_later, soon | soon)(1)) == ("soon", ("soon", 1))


def test_when_all_fail_all_errors_leave_as_a_group():
    """The errors stand in the order of the flows, each with its place."""
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(race(fail_later, fail).named("both")(1))

    assert [type(error) for error in caught.value.exceptions] == [KeyError, Broken]
    assert caught.value.exceptions[0].__notes__ == ["raised in flow 'both', at both/fail_later"]
    assert caught.value.__notes__ == ["raised in flow 'both', at both"]


def test_a_group_is_caught_like_any_error():
    """`try_with` over a race takes the group, and its path is that of the race."""
    caught = try_with(race(fail, fail_later), flow(lambda failure: (len(failure.error.exceptions), failure.path)))

    assert asyncio.run(caught(1)) == (2, "try_with/race")


def test_every_flow_gets_the_whole_call():
    """Several arguments and keywords reach all."""

    async def both(a, b=2, *, c=3):
        return (a, b, c)

    assert asyncio.run(race(flow(both), flow(both))(1, c=4)) == (1, 2, 4)


def test_a_cancellation_from_outside_reaches_all_and_leaves():
    """Cancelling the race cancels and awaits each flow, even when it is cancelled again meanwhile."""
    log = []

    async def main():
        task = asyncio.ensure_future(race(waiting(log, 4), waiting(log, 2))(1))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return others()

    assert asyncio.run(main()) == set()
    assert log == ["begun", "begun", "cleaned", "cleaned"]


def test_a_branch_that_cancels_itself_is_no_failure():
    """Cancellation is caught by no policy: it ends the race."""
    log = []

    @flow
    async def give_up(x):
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(race(waiting(log), give_up)(1))
    assert log == ["begun", "cleaned"]


def test_a_loser_that_fails_while_it_is_cancelled_changes_nothing():
    """What a loser raises in its clean-up is dropped with it."""

    @flow
    async def sore(x):
        try:
            await asyncio.Event().wait()
        finally:
            raise Broken("sore")

    assert asyncio.run(race(sore, soon)(1)) == ("soon", 1)


def test_a_loser_that_does_not_let_itself_be_cancelled_is_awaited():
    """A loser that goes on is waited for, and its result is dropped."""
    log = []

    @flow
    async def stubborn(x):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            log.append("went on")
        return "too late"

    assert asyncio.run(race(stubborn, soon)(1)) == ("soon", 1)
    assert log == ["went on"]


def test_only_sync_flows_are_refused():
    """One after the other is no race; the text says what is."""
    with pytest.raises(DefinitionError, match=r"\.on\('thread'\).*fallback"):
        race(up, up)
    with pytest.raises(DefinitionError, match="at least one"):
        race()
    with pytest.raises(DefinitionError, match="takes flows"):
        race(soon, len)


def test_threads_make_a_race_of_sync_flows():
    """The way out that the refusal names works."""
    assert asyncio.run(race(up.on("thread"), flow(waiting([])))(1)) == 2


def test_a_declared_write_is_refused_unless_it_does_no_harm():
    """Losers may have written already, so a user says that this is harmless."""
    write = soon.with_meta(effects=Effect.WRITE | Effect.NETWORK)
    with pytest.raises(DefinitionError, match="soon → soon/soon.*Effect.WRITE.*idempotent=True"):
        race(soon, soon | write)

    assert asyncio.run(race(write, write, idempotent=True)(1)) == ("soon", 1)
    assert repr(race(write, idempotent=True)).startswith("<AsyncFlow race(idempotent)")


def test_idempotent_is_a_truth_value():
    """An option of another type is refused."""
    with pytest.raises(DefinitionError, match="idempotent"):
        race(soon, idempotent=1)


def test_a_race_is_a_value():
    """Equal races are equal, walk, rewrite and keep their effects."""
    tree = race(soon, fail)

    assert tree == race(soon, fail) != race(fail, soon)
    assert [path for path, _ in walk(tree)] == ["race", "race/soon", "race/fail"]
    assert asyncio.run(rewrite(tree, lambda node: node)(1)) == ("soon", 1)


def test_races_nest():
    """A race in a race, a parallel or a pipe is a flow like any."""
    tree = sequence(parallel(race(fail, soon), race(race(fail_later, soon), fail)), flow(len))

    assert asyncio.run(tree(1)) == 2


def test_observers_see_every_branch_and_how_it_ended():
    """A watched race has one start and one end for each flow, the cancelled ones included."""
    log = EventLog()

    async def main():
        return await context(observers=[log]).run(race(waiting([]), fail, soon), 1)

    assert asyncio.run(main()) == ("soon", 1)
    ends = {event.path: type(event).__name__ for event in log.events}
    assert ends == {
        "race": "CallFinished",
        "race/forever": "CallFailed",
        "race/fail": "CallFailed",
        "race/soon": "CallFinished",
    }


def test_a_deadline_ends_a_race():
    """The time of the context bounds it like every flow."""
    log, clock = [], ManualClock()

    async def main():
        task = asyncio.ensure_future(context(deadline=3, clock=clock).run(race(waiting(log), waiting(log)), 1))
        await clock.advance(5)
        await task

    with pytest.raises(DeadlineExceeded):
        asyncio.run(main())
    assert log == ["begun", "begun", "cleaned", "cleaned"]
