"""One flow after another until one succeeds: `fallback` and `.or_else`."""

import asyncio

import pytest

from omnitron import AsyncFlow, DefinitionError, EventLog, Flow, context, fallback, flow, walk


class Broken(Exception):
    """An error of these tests."""


class Worse(Broken):
    """A kind of it."""


def failing(kind, word):
    """Make a flow that raises."""

    def fail(x):
        raise kind(word, x)

    return flow(fail, name=word)


@flow
def double(x):
    return x * 2


@flow
async def late_fail(x):
    await asyncio.sleep(0)
    raise Broken("late", x)


first, second, third = failing(Broken, "first"), failing(Worse, "second"), failing(KeyError, "third")


def test_the_first_success_wins():
    """What stands after it is not called."""
    called = []
    made = fallback(first, double, flow(called.append))

    assert type(made) is Flow
    assert made(3) == 6
    assert called == []


def test_every_flow_gets_the_whole_call():
    """Several arguments reach each."""
    made = fallback(flow(lambda a, *, b: 1 / 0), flow(lambda a, *, b: (a, b)))

    assert made(1, b=2) == (1, 2)


def test_the_last_error_leaves_with_the_earlier_ones_behind_it():
    """As contexts, and in one note."""
    with pytest.raises(KeyError) as caught:
        fallback(first, second, third)(1)

    error = caught.value
    assert error.args == ("third", 1)
    assert [type(error.__context__), type(error.__context__.__context__)] == [Worse, Broken]
    assert error.__notes__ == [
        "raised before it: Broken('first', 1) in fallback/first; Worse('second', 1) in fallback/second",
        "raised in flow 'fallback', at fallback/third",
    ]


def test_an_error_of_another_kind_leaves_at_once():
    """It has those before it behind it, too."""
    with pytest.raises(KeyError) as caught:
        fallback(first, third, double, on=Broken)(1)

    assert type(caught.value.__context__) is Broken


@pytest.mark.parametrize("on", [Broken, (KeyError, Worse), lambda error: error.args[0] == "second"])
def test_on_chooses_the_errors(on):
    """A type, several, or a predicate."""
    assert fallback(second, double, on=on)(2) == 4


@pytest.mark.parametrize("on", [KeyError, (KeyError, ValueError), lambda error: False])
def test_on_lets_others_leave(on):
    """What is not chosen is not recovered from."""
    with pytest.raises(Broken):
        fallback(first, double, on=on)(2)


@pytest.mark.parametrize("on", [BaseException, asyncio.CancelledError, (), 3, int], ids=repr)
def test_what_would_catch_cancellation_is_refused(on):
    """Nothing ever catches it."""
    with pytest.raises(DefinitionError):
        fallback(first, double, on=on)


def test_or_else_is_a_fallback_of_two():
    """Chained, it is one fallback of many."""
    assert first.or_else(double) == fallback(first, double)
    assert first.or_else(second).or_else(double) == fallback(first, second, double)


def test_or_else_on_other_errors_nests():
    """Each `on` keeps its own flows, and a name keeps a fallback whole."""
    made = first.or_else(third, on=Broken).or_else(double, on=KeyError)

    assert made(2) == 4
    assert len(made.node.children) == 2
    assert len(first.or_else(second).named("both").or_else(double).node.children) == 2


def test_nested_fallbacks_have_one_note():
    """The outer one extends that of the inner."""
    with pytest.raises(KeyError) as caught:
        fallback(first, fallback(second, third))(1)

    notes = [note for note in caught.value.__notes__ if note.startswith("raised before it")]
    assert [note.count("Broken") + note.count("Worse") for note in notes] == [2]
    assert type(caught.value.__context__.__context__) is Broken


def test_contexts_that_were_there_stay():
    """What was being handled outside stays at the end of the chain, and nothing runs in a circle."""
    try:
        raise OSError("outside")
    except OSError:
        with pytest.raises(KeyError) as caught:
            fallback(first, third)(1)

    found = [caught.value]
    while found[-1].__context__ is not None:
        found.append(found[-1].__context__)
    assert [type(error) for error in found] == [KeyError, Broken, OSError]


def test_one_error_raised_twice_is_no_circle():
    """The same object may leave several flows."""
    error = Broken("same")

    def fail(x):
        raise error

    with pytest.raises(Broken):
        fallback(flow(fail), flow(fail), flow(fail))(1)
    assert error.__context__ is None


def test_any_async_part_makes_the_whole_async():
    """Flows of either colour stand in for each other."""
    made = late_fail.or_else(double)

    assert type(made) is AsyncFlow
    assert type(first.or_else(late_fail)) is AsyncFlow
    assert asyncio.run(made(2)) == 4


def test_cancellation_leaves_at_once():
    """A cancelled flow has no stand-in."""
    called = []

    async def main():
        waits = flow(lambda x: asyncio.Event().wait(), colour="async")
        task = asyncio.ensure_future(waits.or_else(flow(called.append))(1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert called == []


def test_thirty_flows_in_a_row():
    """They stand beside each other in the code, whatever CPython says of nested blocks."""
    assert fallback(*[first] * 29, double)(2) == 4


def test_the_flows_are_in_the_tree_and_observed():
    """Those that ran are seen, in order."""
    log = EventLog()
    made = fallback(first, double, third)
    context(observers=[log]).run(made, 1)

    assert [path for path, _ in walk(made)] == ["fallback", "fallback/first", "fallback/double", "fallback/third"]
    assert [event.path for event in log.events][::2] == ["fallback", "fallback/first", "fallback/double"]


@pytest.mark.parametrize("wrong", [lambda: fallback(), lambda: fallback(double, len), lambda: double.or_else(len)])
def test_no_flow_and_plain_functions_are_refused(wrong):
    """Combinators take flows."""
    with pytest.raises(DefinitionError):
        wrong()
