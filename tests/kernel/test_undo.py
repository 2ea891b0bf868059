"""Sagas: `.undo`."""

import asyncio
import logging
import pickle
import threading

import pytest

from omnitron import (
    AsyncFlow,
    CallStarted,
    DeadlineExceeded,
    DefinitionError,
    EventLog,
    Flow,
    context,
    current_context,
    flow,
    parallel,
    race,
    rewrite,
    try_with,
    walk,
)
from omnitron.testing import ManualClock

log = []


@pytest.fixture(autouse=True)
def empty_log():
    """Begin every test with an empty log."""
    log.clear()


class Broken(Exception):
    """An error of these tests."""


def fail(x):
    raise Broken(x)


async def fail_later(x):
    await asyncio.sleep(0)
    raise Broken(x)


def do(name):
    """Give a step that does something which can be undone."""

    def step(x):
        log.append(f"do {name}")
        return name

    def back(given):
        log.append(f"undo {given}")

    return flow(step).named(f"do_{name}").undo(flow(back).named(f"undo_{name}"))


def do_later(name, turns=1):
    """Give the async twin of `do`."""

    async def step(x):
        await asyncio.sleep(0)
        log.append(f"do {name}")
        return name

    async def back(given):
        log.append(f"undo {given}")
        for _ in range(turns):
            await asyncio.sleep(0)
        log.append(f"undone {given}")

    return flow(step).named(f"do_{name}").undo(flow(back).named(f"undo_{name}"))


@flow
async def forever(x):
    await asyncio.Event().wait()


def ends(tree, ctx=None):
    """Run a flow of either colour that fails; give the error."""
    call = tree if ctx is None else lambda x: ctx.run(tree, x)
    with pytest.raises(Broken) as caught:
        asyncio.run(call(0)) if tree.colour == "async" else call(0)
    return caught.value


def test_what_was_done_is_undone_in_reverse():
    """The last step that succeeded is undone first, with its own result."""
    tree = do("a") | do("b") | do("c") | fail

    assert type(tree) is Flow
    ends(tree)
    assert log == ["do a", "do b", "do c", "undo c", "undo b", "undo a"]


def test_nothing_is_undone_after_a_success():
    """A flow that succeeded stays done, and its result is that of the step."""
    assert (do("a") | do("b"))(0) == "b"
    assert log == ["do a", "do b"]


def test_a_step_that_failed_is_not_undone():
    """Only what gave a result has something to undo."""
    undone = []
    ends(do("a") | flow(fail).undo(flow(undone.append)))

    assert (log, undone) == (["do a", "undo a"], [])


def test_colours_mix():
    """An async compensation makes the flow async; a sync one serves an async step."""
    tree = flow(lambda x: log.append("do x")).undo(flow(fail_later)) | do("a") | fail

    assert type(tree) is AsyncFlow
    assert type(do_later("a")) is AsyncFlow
    assert type(flow(fail_later).undo(flow(len))) is AsyncFlow
    ends(do_later("a") | do("b") | fail_later)
    assert log == ["do a", "do b", "undo b", "undo a", "undone a"]


def test_steps_are_undone_in_the_order_of_completion():
    """In a parallel, who ended last is undone first; siblings have ended before."""

    @flow
    async def sibling(x):
        try:
            await asyncio.Event().wait()
        finally:
            log.append("sibling ended")

    ends(parallel(do_later("slow") | do_later("slower"), do_later("quick"), sibling, flow(fail_after(3))))
    assert log[-7:] == [
        "sibling ended",
        "undo slower",
        "undone slower",
        "undo quick",
        "undone quick",
        "undo slow",
        "undone slow",
    ]


def fail_after(turns):
    """Give a function that fails after some turns of the loop."""

    async def later(x):
        for _ in range(turns):
            await asyncio.sleep(0)
        raise Broken(x)

    return later


def test_a_catch_finds_its_body_undone():
    """The body of a `try_with` is undone before the error is handled; what stands before it stays."""
    tree = do("a") | try_with(do("b") | fail, flow(lambda failure: log.append("caught"))) | do("c")

    assert tree(0) == "c"
    assert log == ["do a", "do b", "undo b", "caught", "do c"]


def test_a_body_that_succeeded_is_undone_by_a_later_failure():
    """A part that succeeded is handed to what is around it."""
    ends(try_with(do("a"), flow(lambda failure: None)) | do("b") | fail)

    assert log == ["do a", "do b", "undo b", "undo a"]


def test_a_finally_without_a_catch_is_no_scope():
    """An error that only passes is undone where it ends, after what it passed."""
    ends(try_with(do("a") | fail, finally_=flow(lambda x: log.append("finally"))))

    assert log == ["do a", "finally", "undo a"]


def test_what_the_catch_did_is_undone_too():
    """A catch is part of what is around the try."""
    ends(try_with(do("a") | fail, do("b")) | fail)

    assert log == ["do a", "undo a", "do b", "undo b"]


@pytest.mark.parametrize("options", [{}, {"threads": 1}])
def test_collected_branches_are_undone_one_by_one(options):
    """A branch that failed is undone, one that succeeded is not."""
    parallel(do("a") | fail, do("b"), mode="collect", **options)(0)

    assert log == ["do a", "undo a", "do b"]


@pytest.mark.parametrize("options", [{}, {"threads": 1}])
def test_collected_items_are_undone_one_by_one(options):
    """The same for items, and a later failure undoes the rest."""
    odd = do("a") | flow(lambda name: None) | fail
    choose = flow(lambda x: odd(x) if x else do("b")(x))
    tree = (do("a") | try_with(flow(fail), flow(lambda failure: 1))).each(mode="collect", **options)
    choose.each(mode="collect", **options)([0, 1])
    tree([0])
    log.clear()
    ends(flow(lambda x: [x, x]) | (do("a") | flow(len)).each(mode="collect", **options) | fail)

    assert log == ["do a", "do a", "undo a", "undo a"]


def test_collected_async_items_are_undone_one_by_one():
    """The machine that loops is no exception."""
    items = (do_later("a") | flow(fail_later)).each(mode="collect", concurrency=1)

    assert [outcome.ok for outcome in asyncio.run(items([1, 2]))] == [False, False]
    assert log == ["do a", "undo a", "undone a"] * 2


def test_losers_of_a_race_are_undone():
    """What a loser did is undone before the result leaves; what the winner did stays."""
    tree = race(do_later("loser") | forever, do_later("winner") | do_later("again"))

    assert asyncio.run(tree(0)) == "again"
    assert log == ["do loser", "do winner", "do again", "undo loser", "undone loser"]


def test_a_winner_is_undone_by_a_later_failure():
    """The winner's steps belong to what is around the race."""
    ends(race(do_later("a"), forever) | do("b") | fail)

    assert log == ["do a", "do b", "undo b", "undo a", "undone a"]


def test_a_loser_that_succeeded_all_the_same_is_undone():
    """A result that nobody takes is as good as none."""

    @flow
    async def stubborn(x):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "stubborn"

    tree = race(stubborn.undo(flow(lambda name: log.append(f"undo {name}"))), do_later("a"))
    assert asyncio.run(tree(0)) == "a"
    assert log == ["do a", "undo stubborn"]


def test_branches_of_a_quorum_are_undone_one_by_one():
    """Failed and cancelled ones are undone, those that count are not."""
    tree = parallel(do_later("a") | fail, do_later("b") | forever, do_later("c") | do_later("d"), quorum=1)
    outcomes = asyncio.run(tree(0))

    assert [outcome and outcome.ok for outcome in outcomes] == [False, None, True]
    assert sorted(log) == sorted(["do a", "do b", "do c", "do d", "undo a", "undone a", "undo b", "undone b"])


def test_a_quorum_that_is_missed_undoes_all():
    """What had succeeded belongs to what is around, which fails."""
    with pytest.raises(ExceptionGroup):
        parallel(do("a"), do("b") | fail, quorum=2)(0)

    assert log == ["do a", "do b", "undo b", "undo a"]


def test_a_cancellation_undoes():
    """A flow that is cancelled undoes what it did, and the cancellation leaves."""

    async def main():
        task = asyncio.ensure_future((do_later("a") | do("b") | forever)(0))
        for _ in range(4):
            await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert log == ["do a", "do b", "undo b", "undo a", "undone a"]


def test_a_cancellation_meanwhile_keeps_nothing_from_being_undone():
    """It ends the compensation that runs; the rest run, then it leaves."""

    async def main():
        task = asyncio.ensure_future((do_later("a") | do_later("b", 5) | do("c") | fail_later)(0))
        for _ in range(8):
            await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError) as caught:
        asyncio.run(main())
    assert log[3:] == ["undo c", "undo b", "undo a", "undone a"]
    assert isinstance(caught.value.__context__, Broken | asyncio.CancelledError)


def test_a_deadline_undoes():
    """A run that is out of time undoes what it did, sync and async."""

    clock = ManualClock()
    late = do("a") | flow(lambda x: clock.move(5)) | do("b")
    with pytest.raises(DeadlineExceeded):
        context(deadline=3, clock=clock).run(late, 0)

    async def main():
        task = asyncio.ensure_future(context(deadline=3, clock=clock).run(do_later("c") | forever, 0))
        await clock.advance(5)
        await task

    with pytest.raises(DeadlineExceeded):
        asyncio.run(main())
    assert log == ["do a", "undo a", "do c", "undo c", "undone c"]


def test_an_interrupt_undoes():
    """`KeyboardInterrupt` passes every policy, and what was done is undone on its way."""

    def interrupt(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        (do("a") | interrupt)(0)
    assert log == ["do a", "undo a"]


def test_a_failing_compensation_is_reported_and_the_rest_run(caplog):
    """It is logged with its place, and noted on the error that leaves as it is."""
    tree = (do("a") | do("b").undo(flow(fail)) | do("c") | fail).named("saga")
    with caplog.at_level(logging.ERROR, logger="omnitron"):
        error = ends(tree)

    assert log == ["do a", "do b", "do c", "undo c", "undo b", "undo a"]
    assert error.__notes__ == ["undoing failed in saga/fail: Broken: b", "raised in flow 'saga', at saga/fail#2"]
    assert [(record.path, record.attempt, record.run_id) for record in caplog.records] == [("saga/fail", 1, "")]


def test_a_flow_called_in_a_body_is_a_whole_of_its_own():
    """It undoes itself when it fails, and stays done when it succeeded."""

    def body(x):
        (do("a"))(x)
        (do("b") | fail)(x)

    ends(do("c") | body)
    assert log == ["do c", "do a", "do b", "undo b", "undo c"]


def test_a_compensation_has_a_scope_of_its_own():
    """What a compensation did is undone when it fails, and never when it succeeded."""
    ends(flow(str).undo(do("a") | flow(fail)) | flow(str).undo(do("b")) | fail)

    assert log == ["do b", "do a", "undo a"]


def test_observers_see_compensations():
    """Each is a call with the static path of its place, inside the call that failed."""
    events = EventLog()
    ends((do("a") | parallel(do("b"), flow(fail))).named("saga"), context(observers=[events]))

    seen = [(e.path, e.call.parent and e.call.parent.path) for e in events.events if isinstance(e, CallStarted)]
    assert seen[-2:] == [("saga/parallel/undo_b", "saga"), ("saga/undo_a", "saga")]


@pytest.mark.parametrize("watched", [False, True])
def test_a_step_may_be_undone_by_several(watched):
    """The compensation that was written last runs first; each has the step's result."""
    undone = []
    twice = flow(str).undo(flow(lambda x: undone.append(("one", x)))).undo(flow(lambda x: undone.append(("two", x))))
    ctx = context(observers=[EventLog()] if watched else [])
    ends(twice | fail, ctx)
    ends(twice | flow(fail_later), ctx)

    assert undone == [("two", "0"), ("one", "0")] * 2


def test_a_watched_step_is_undone_though_its_observers_were_cancelled():
    """What is done is done before anybody is told of it."""

    again = do_later("a").undo(flow(lambda name: log.append(f"again {name}")))

    class Stuck:
        async def observe(self, event):
            if event.path.endswith("/do_a") and type(event).__name__ == "CallFinished":
                await asyncio.Event().wait()

    async def main():
        task = asyncio.ensure_future(context(observers=[Stuck()]).run(again | do("b"), 0))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert log == ["do a", "again a", "undo a", "undone a"]


def test_a_compensation_runs_in_the_context_of_its_step():
    """It finds the values that the step found."""
    tenant = flow(lambda x: current_context().tenant).undo(flow(lambda x: log.append(current_context().tenant)))
    with pytest.raises(Broken):
        context(tenant="acme").run(tenant | fail, 0)

    assert log == ["acme"]


def test_a_step_in_a_thread_can_be_undone():
    """A part on a thread belongs to the flow around it."""
    ends(do("a").on("thread") | do("b").on("thread") | fail)

    assert log == ["do a", "do b", "undo b", "undo a"]


def test_work_left_behind_in_a_thread_is_undone_when_it_ends():
    """A thread that goes on after its flow was cancelled undoes what it did too late."""
    begun, go, undone = threading.Event(), threading.Event(), threading.Event()

    def slow(x):
        begun.set()
        go.wait(10)
        return x

    tree = flow(slow).undo(flow(lambda x: undone.set())).on("thread") | do("b")

    async def main():
        task = asyncio.ensure_future(tree(0))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()

    asyncio.run(main())
    assert undone.wait(10)
    assert log == []


def test_another_process_is_refused():
    """What was done there could not be undone from here; the text says where `.undo` stands."""
    for place in ("process", "cluster"):
        with pytest.raises(DefinitionError, match=r"Put `\.undo` outside"):
            (flow(str) | do("a")).on(place)


def test_a_coroutine_that_is_thrown_away_undoes_what_it_can(caplog):
    """Nothing can be awaited any more: a compensation that would have to wait is reported."""
    running = (do("a") | do_later("b") | do("c") | fail_later)(0)
    running.send(None)
    running.send(None)
    with caplog.at_level(logging.ERROR, logger="omnitron"):
        running.close()

    assert log == ["do a", "do b", "do c", "undo c", "undo b", "undo a"]
    assert ["thrown away" in record.exc_text for record in caplog.records if record.exc_text] == [True]


def test_a_coroutine_that_is_thrown_away_while_it_undoes(caplog):
    """What is left is undone as far as nothing has to wait."""
    running = (do("a") | do_later("b") | do_later("c") | fail_later)(0)
    for _ in range(4):
        running.send(None)
    with caplog.at_level(logging.ERROR, logger="omnitron"):
        running.close()

    assert log == ["do a", "do b", "do c", "undo c", "undo b", "undo a"]
    assert len(caplog.records) == 2


def test_an_undo_is_a_refinement():
    """It keeps name, signature and docstring, adds no segment, binds like a method, pickles."""

    class Shop:
        @flow
        def reserve(self, sku: str) -> str:
            """Reserve."""
            return sku

        safe = reserve.undo(flow(str))

    tree = flow(reserve).undo(flow(release))
    assert (tree.name, tree.__doc__, tree.__defaults__) == ("reserve", "Reserve.", (1,))
    assert Shop().safe("a") == "a"
    assert [path for path, _ in walk((tree | str).named("saga"))][2:] == ["saga/reserve", "saga/release", "saga/str"]
    assert pickle.loads(pickle.dumps(tree)) == tree == rewrite(tree, lambda node: node)


def reserve(sku, count=1):
    """Reserve."""
    return sku


def release(sku):
    """Release."""


def test_a_compensation_is_a_flow():
    """Combinators take flows."""
    with pytest.raises(DefinitionError, match="undo takes flows"):
        flow(reserve).undo(release)


def test_many_runs_at_once_do_not_meet():
    """Each run undoes what it did itself."""

    async def main():
        tree = do_later("a") | flow(lambda name: name) | fail_later
        return await asyncio.gather(*[tree(n) for n in range(50)], return_exceptions=True)

    assert {type(error) for error in asyncio.run(main())} == {Broken}
    assert (log.count("do a"), log.count("undo a"), log.count("undone a")) == (50, 50, 50)
