"""A flow on its own result: `loop`."""

import asyncio
import pickle

import pytest

from omnitron import AsyncFlow, DefinitionError, EventLog, Flow, InvalidValue, LimitReached, context, flow, loop, walk


@flow
def halve(x: int) -> int:
    return x // 2


@flow
async def late_halve(x: int) -> int:
    await asyncio.sleep(0)
    return x // 2


def is_small(x):
    return x < 10


async def is_small_later(x):
    await asyncio.sleep(0)
    return x < 10


def test_turns_are_taken_until_the_test_is_true():
    """The result is what the last turn gave."""
    made = loop(halve, until=is_small)

    assert type(made) is Flow
    assert made(1000) == 7


def test_the_test_is_asked_after_each_turn():
    """There is at least one turn."""
    assert loop(halve, until=is_small)(4) == 2


def test_without_a_test_the_turns_are_counted():
    """Exactly as many are taken."""
    assert loop(halve, at_most=3)(80) == 10


def test_a_test_that_is_true_in_time_ends_it():
    """Also in the last turn that is allowed."""
    assert [loop(halve, until=is_small, at_most=n)(1000) for n in (7, 8)] == [7, 7]


def test_a_limit_that_is_reached_is_an_error():
    """It has the last value, and says what to do."""
    with pytest.raises(LimitReached, match="at_most") as caught:
        loop(halve, until=is_small, at_most=2)(1000)

    assert (caught.value.value, caught.value.at_most, caught.value.flow) == (250, 2, "loop")
    assert caught.value.__notes__ == ["raised in flow 'loop', at loop"]


def test_the_error_pickles():
    """Its fields travel."""
    error = pickle.loads(pickle.dumps(LimitReached([1], 3, "shrink")))

    assert (error.value, error.at_most, error.flow, str(error)) == (
        [1],
        3,
        "shrink",
        str(LimitReached([1], 3, "shrink")),
    )


@pytest.mark.parametrize(
    "made",
    [
        loop(late_halve, until=is_small, at_most=10),
        loop(halve, until=is_small_later),
        loop(late_halve, until=flow(is_small_later)),
    ],
    ids=["body", "test", "both"],
)
def test_any_async_part_makes_the_whole_async(made):
    """Body and test may have either colour."""
    assert type(made) is AsyncFlow
    assert asyncio.run(made(1000)) == 7


@pytest.mark.parametrize("at_most", [0, -1, True, 2.5, "3"])
def test_at_most_is_a_positive_whole_number(at_most):
    """A bound that cannot be is refused at composition."""
    with pytest.raises(DefinitionError):
        loop(halve, at_most=at_most)


def test_a_loop_without_an_end_is_refused():
    """One of the two is required."""
    with pytest.raises(DefinitionError, match="at_most"):
        loop(halve)


def test_no_turns_is_a_value_out_of_range():
    """The error is a ValueError, too."""
    with pytest.raises(InvalidValue):
        loop(halve, at_most=0)


@pytest.mark.parametrize(
    "body", [len, flow(lambda a, b: a), flow(lambda x, *, k: x)], ids=["function", "two", "keyword"]
)
def test_the_body_is_a_flow_of_one_value(body):
    """Each turn gives one."""
    with pytest.raises(DefinitionError):
        loop(body, at_most=2)


def test_a_body_that_cannot_take_what_it_gives_is_refused():
    """A loop is a pipe of its body into itself."""

    @flow
    def name(number: int) -> str:
        return str(number)

    def is_long(text: list[str]) -> bool:
        return len(text) > 3

    with pytest.raises(DefinitionError, match="name"):
        loop(name, at_most=2)
    with pytest.raises(DefinitionError, match="is_long"):
        loop(halve, until=is_long)


def test_turns_have_an_index_in_a_watched_run():
    """Body and test of one turn have the same."""
    log = EventLog()
    context(observers=[log]).run(loop(halve, until=is_small), 30)

    assert [event.path for event in log.events][1:-1:2] == [
        "loop[0]/halve",
        "loop[0]/is_small",
        "loop[1]/halve",
        "loop[1]/is_small",
    ]


def test_turns_of_an_async_loop_have_an_index_too():
    """A named loop has its name there."""
    log = EventLog()
    ctx = context(observers=[log])
    asyncio.run(ctx.run((halve | loop(late_halve, at_most=2).named("shrink")).named("all"), 30))

    assert [event.path for event in log.events if event.path.endswith("late_halve")][::2] == [
        "all/shrink[0]/late_halve",
        "all/shrink[1]/late_halve",
    ]


def test_the_parts_are_in_the_tree():
    """Body and test are seen before running."""
    made = loop(halve, until=is_small, at_most=5)

    assert [path for path, _ in walk(made)] == ["loop", "loop/halve", "loop/is_small"]
    assert "loop(at_most=5)" in repr(made)


def test_a_million_turns_keep_nothing():
    """A loop is a loop, not a chain."""
    assert loop(flow(lambda x: x + 1), at_most=1_000_000)(0) == 1_000_000
