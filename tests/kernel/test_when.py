"""A branch that is chosen by a test: `when`."""

import asyncio

import pytest

from omnitron import AsyncFlow, DefinitionError, Flow, flow, walk, when


def is_large(x):
    return x > 10


async def is_large_later(x):
    await asyncio.sleep(0)
    return x > 10


@flow
def halve(x):
    return x / 2


@flow
def double(x):
    return x * 2


@flow
async def late_halve(x):
    await asyncio.sleep(0)
    return x / 2


def test_the_test_chooses_the_branch():
    """A true test takes the first branch, a false one the second."""
    sized = when(is_large, halve, double)

    assert type(sized) is Flow
    assert (sized(20), sized(2)) == (10, 4)


def test_without_else_the_input_passes():
    """A false test without another branch gives the input itself."""
    assert [when(is_large, halve)(x) for x in (20, 2)] == [10, 2]


def test_only_the_chosen_branch_runs():
    """The other branch is not called."""
    called = []
    when(is_large, flow(called.append), flow(lambda x: None))(1)

    assert called == []


def test_the_test_is_truthiness():
    """Any truthy value takes the first branch."""
    assert [when(flow(lambda x: x), flow(lambda x: "then"), flow(lambda x: "else"))(x) for x in ([], [0])] == [
        "else",
        "then",
    ]


@pytest.mark.parametrize(
    "made",
    [
        when(is_large_later, halve, double),
        when(is_large, late_halve, double),
        when(flow(is_large_later), late_halve, double),
    ],
    ids=["test", "branch", "both"],
)
def test_any_async_part_makes_the_whole_async(made):
    """Test and branches may have either colour."""

    async def main():
        return await made(20), await made(2)

    assert type(made) is AsyncFlow
    assert asyncio.run(main()) == (10, 4)


def test_test_and_branch_get_the_whole_call():
    """Several arguments reach the test and the branch."""
    larger = when(flow(lambda a, b: a > b), flow(lambda a, b: a), flow(lambda a, b: b))

    assert (larger(1, 2), larger(2, 1)) == (2, 2)


def test_without_else_more_than_one_input_is_refused():
    """There is no single input to give back, so composition refuses."""
    with pytest.raises(DefinitionError):
        when(flow(lambda a, b: a > b), flow(lambda a, b: a))


def test_an_error_of_the_test_leaves_as_it_is():
    """The test may raise."""
    with pytest.raises(TypeError):
        when(is_large, halve)("text")


def test_the_parts_are_in_the_tree():
    """Test and both arms are seen before running."""
    names = [path.rsplit("/", 1)[-1] for path, _ in walk(when(is_large, halve, double))]

    assert {"is_large", "halve", "double"} <= set(names)


@pytest.mark.parametrize("wrong", [1, None, "text"])
def test_a_test_that_cannot_be_called_is_refused(wrong):
    """The test is a function or a flow."""
    with pytest.raises(DefinitionError):
        when(wrong, halve, double)


def test_a_plain_function_is_refused_as_a_branch():
    """Combinators take flows for branches."""
    with pytest.raises(DefinitionError):
        when(is_large, len, double)


def test_when_in_a_pipe():
    """A choice is a step like any."""
    assert (flow(int) | when(is_large, halve, double) | flow(str))("4") == "8"


def test_without_else_a_branch_may_have_defaults():
    """One value is all that it needs."""
    tree = when(flow(lambda x: x > 0), flow(lambda x, step=1: x + step))

    assert (tree(1), tree(-1)) == (2, -1)
