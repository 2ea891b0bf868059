"""Catching, and finishing exactly once: `try_with`."""

import asyncio
import itertools

import pytest

from omnitron import (
    AsyncFlow,
    DeadlineExceeded,
    DefinitionError,
    EventLog,
    Failure,
    Flow,
    Inputs,
    context,
    flow,
    parallel,
    try_with,
)
from omnitron.testing import ManualClock


class Broken(Exception):
    """An error of these tests."""


@flow
def fail(x):
    raise Broken("why", x)


@flow
def fine(x):
    return x + 1


@flow
def stop(x):
    raise StopIteration(x)


@flow
async def late_fail(x):
    await asyncio.sleep(0)
    raise Broken("why", x)


@flow
def recover(failure):
    return ("recovered", failure)


def finishing(log):
    """Give a flow that logs its input."""
    return flow(log.append).named("finish")


def test_without_an_error_the_result_passes():
    """The body's result leaves, the handler does not run."""
    guarded = try_with(fine, recover)

    assert type(guarded) is Flow
    assert guarded(1) == 2


def test_catch_gets_the_failure_and_its_answer_is_the_result():
    """The handler gets error, input and path, and gives the result."""
    word, failure = try_with(fail, recover).named("guarded")(1)

    assert word == "recovered"
    assert type(failure) is Failure
    assert (type(failure.error), failure.error.args, failure.input) == (Broken, ("why", 1), 1)
    assert failure.path == "guarded/fail"


def test_the_error_that_catch_gets_keeps_its_traceback():
    """The exception arrives intact."""
    _, failure = try_with(fail, recover)(1)

    assert failure.error.__traceback__ is not None


def test_failure_of_several_inputs_holds_them_all():
    """With more than one input, `Failure.input` has args and kwargs."""
    _, failure = try_with(flow(lambda a, *, k: a / k), recover)(1, k=0)

    assert (failure.input.args, failure.input.kwargs) == ((1,), {"k": 0})


def test_finally_gets_the_input_and_its_answer_is_dropped():
    """Finishing sees the input and changes nothing."""
    log = []

    assert try_with(fine, finally_=finishing(log))(1) == 2
    assert log == [1]


def test_finally_runs_after_an_error_that_leaves():
    """An error that is not caught leaves after finishing."""
    log = []
    with pytest.raises(Broken):
        try_with(fail, finally_=finishing(log))(1)

    assert log == [1]


def test_finally_runs_after_the_handler():
    """The handler runs first, finishing last."""
    log = []
    handler = flow(lambda failure: log.append("caught"))
    try_with(fail, handler, finally_=finishing(log))(1)

    assert log == ["caught", 1]


def test_finally_runs_once_when_the_handler_fails():
    """A failing handler's error leaves, after finishing once."""
    log = []
    with pytest.raises(ZeroDivisionError) as caught:
        try_with(fail, flow(lambda failure: 1 / 0), finally_=finishing(log))(1)

    assert log == [1]
    assert isinstance(caught.value.__context__, Broken)


def test_an_error_in_finally_is_chained_to_the_first():
    """A failing finish does not hide what failed before."""
    with pytest.raises(ZeroDivisionError) as caught:
        try_with(fail, finally_=flow(lambda x: 1 / 0))(1)

    assert isinstance(caught.value.__context__, Broken)


@pytest.mark.parametrize(
    "on", [Broken, (KeyError, Broken), lambda error: "why" in error.args], ids=["type", "tuple", "predicate"]
)
def test_on_chooses_what_is_caught(on):
    """A type, a tuple of types or a predicate that matches catches."""
    assert try_with(fail, recover, on=on)(1)[0] == "recovered"


@pytest.mark.parametrize("on", [KeyError, (KeyError, OSError), lambda error: False], ids=["type", "tuple", "predicate"])
def test_what_on_does_not_choose_leaves(on):
    """What does not match leaves as it is."""
    with pytest.raises(Broken):
        try_with(fail, recover, on=on)(1)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_interrupts_are_never_caught(error):
    """Interrupts pass a predicate that says yes to everything, and finishing runs."""
    log = []

    @flow
    def interrupt(x):
        raise error

    with pytest.raises(error):
        try_with(interrupt, recover, finally_=finishing(log), on=lambda error: True)(1)
    assert log == [1]


@pytest.mark.parametrize("on", [asyncio.CancelledError, KeyboardInterrupt, BaseException, "text", int, ()])
def test_an_on_that_cannot_be_is_refused(on):
    """What is never caught, and what is no exception type, is refused at composition."""
    with pytest.raises(DefinitionError):
        try_with(fail, recover, on=on)


def test_neither_catch_nor_finally_is_refused():
    """A `try_with` that does nothing is a mistake."""
    with pytest.raises(DefinitionError):
        try_with(fail)


@pytest.mark.parametrize(
    "made",
    [
        try_with(late_fail, recover),
        try_with(fail, flow(lambda failure: asyncio.sleep(0, ("recovered", failure)), colour="async")),
        try_with(fail, recover, flow(lambda x: asyncio.sleep(0), colour="async")),
    ],
    ids=["body", "catch", "finally"],
)
def test_any_async_part_makes_the_whole_async(made):
    """Body, handler and finish may have either colour."""
    assert type(made) is AsyncFlow
    assert asyncio.run(made(1))[0] == "recovered"


def test_cancellation_runs_finally_once_and_leaves():
    """A cancelled body is finished once and stays cancelled."""
    log = []

    async def main():
        body = flow(lambda x: asyncio.Event().wait(), colour="async")
        task = asyncio.ensure_future(try_with(body, recover, finishing(log))(1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert log == [1]


def test_cancellation_during_the_handler_runs_finally_once():
    """Finishing runs when the handler is cancelled."""
    log = []

    async def main():
        handler = flow(lambda failure: asyncio.Event().wait(), colour="async")
        task = asyncio.ensure_future(try_with(fail, handler, finishing(log))(1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert log == [1]


def test_an_async_finally_completes_on_cancellation():
    """Finishing may wait, also when the body was cancelled."""
    log = []

    @flow
    async def finish(x):
        await asyncio.sleep(0)
        log.append(x)

    async def main():
        body = flow(lambda x: asyncio.Event().wait(), colour="async")
        task = asyncio.ensure_future(try_with(body, finally_=finish)(1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert log == [1]


def test_nested_finallies_run_from_the_inside():
    """The inner finish runs before the outer."""
    log = []
    inner = try_with(fail, finally_=flow(lambda x: log.append("inner")))
    with pytest.raises(Broken):
        try_with(inner, finally_=flow(lambda x: log.append("outer")))(1)

    assert log == ["inner", "outer"]


def test_a_plain_function_is_refused_as_a_part():
    """Combinators take flows."""
    with pytest.raises(DefinitionError):
        try_with(fail, len)


def test_the_input_is_what_was_given():
    """A default that was left out is no part of the input."""
    seen = []
    body = flow(lambda a, b=1, *, c=2: 1 / 0)
    tree = try_with(body, flow(lambda failure: failure.input), flow(seen.append))

    assert tree(5) == 5
    assert tree(5, 6) == Inputs((5, 6))
    assert tree(5, c=7) == Inputs((5,), {"c": 7})
    assert seen == [5, Inputs((5, 6)), Inputs((5,), {"c": 7})]
    assert parallel(body, mode="collect")(5)[0].input == 5


def test_finally_runs_after_the_deadline():
    """A deadline ends the run, not its clean-up; nothing on the way catches it."""
    clock, cleaned = ManualClock(), []

    @flow
    def slow(x):
        clock.move(10)
        return x

    tree = try_with(slow | slow, flow(lambda failure: "caught"), flow(cleaned.append))

    with pytest.raises(DeadlineExceeded):
        context(clock=clock, deadline=5).run(tree, 1)
    assert cleaned == [1]


def test_a_deadline_ends_a_loop_that_collects():
    """It is no outcome of an item."""
    clock = ManualClock()

    @flow
    def slow(x):
        clock.move(10)
        return x

    with pytest.raises(DeadlineExceeded):
        context(clock=clock, deadline=5).run(slow.each(mode="collect"), itertools.count())


@pytest.mark.parametrize("inside", [stop, (stop | flow(str)).named("inner"), parallel(flow(str), stop)])
def test_watching_does_not_change_whether_stop_iteration_is_caught(inside):
    """What a sync part of an async flow raises is caught as such, watched or not."""
    path = flow(lambda failure: failure.path)
    tree = try_with(flow(asyncio.sleep).bind(result=1) | inside, catch=path, on=StopIteration)

    plain = asyncio.run(tree(0))
    watched = asyncio.run(context(observers=EventLog()).run(tree, 0))

    assert plain.endswith("stop")
    assert watched == plain
