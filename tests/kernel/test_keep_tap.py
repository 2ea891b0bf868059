"""A value that is passed on: `keep` and `tap`."""

import asyncio

import pytest

from omnitron import AsyncFlow, EventLog, Flow, context, flow, keep, parallel, tap, walk
from omnitron.model import Inputs


@flow
def double(x):
    return x * 2


async def late_double(x):
    await asyncio.sleep(0)
    return x * 2


def test_keep_gives_input_and_result():
    """The pair has the input first."""
    kept = keep(double)

    assert type(kept) is Flow
    assert kept(3) == (3, 6)


def test_keep_takes_plain_functions():
    """A function is a step of its own."""
    assert (double | keep(str) | parallel(flow(len)))(4) == (2,)
    assert keep(len)("abc") == ("abc", 3)


def test_keep_of_several_arguments_keeps_all():
    """The input of several arguments is one value, `Inputs`."""
    assert keep(divmod)(7, 2) == (Inputs((7, 2)), (3, 1))
    assert keep(lambda a, *, b: b)(1, b=2) == (Inputs((1,), {"b": 2}), 2)


def test_keep_is_async_over_an_async_flow():
    """The colour follows the function."""
    assert type(keep(late_double)) is AsyncFlow
    assert asyncio.run(keep(late_double)(3)) == (3, 6)


def test_tap_gives_the_input_on():
    """What the tapped flow gives is dropped."""
    seen = []
    tapped = tap(seen.append)

    assert type(tapped) is Flow
    assert (double | tapped | double)(1) == 4
    assert seen == [2]


def test_tap_is_async_over_an_async_flow():
    """The value waits for it."""
    seen = []

    async def note(x):
        await asyncio.sleep(0)
        seen.append(x)

    tapped = double | tap(note)

    assert type(tapped) is AsyncFlow
    assert asyncio.run(tapped(1)) == 2
    assert seen == [2]


def test_what_a_tapped_flow_raises_leaves():
    """A tap is no place where errors end."""
    with pytest.raises(ZeroDivisionError) as caught:
        (double | tap(lambda x: 1 / 0))(1)

    assert caught.value.__notes__ == ["raised in flow 'double → <lambda>', at double → <lambda>/<lambda>"]


def test_tap_of_several_arguments_gives_all_on():
    """The input of several arguments is one value, `Inputs`."""
    assert tap(divmod)(7, 2) == Inputs((7, 2))


@pytest.mark.parametrize("made", [keep(double), tap(double)], ids=["keep", "tap"])
def test_neither_is_a_segment_of_paths(made):
    """What is seen of them is the flow itself."""
    log = EventLog()
    context(observers=[log]).run(double | made, 1)

    assert [path for path, _ in walk(made)] == ["double", "double"]
    assert {event.path for event in log.events} == {
        "double → double",
        "double → double/double",
        "double → double/double#2",
    }
