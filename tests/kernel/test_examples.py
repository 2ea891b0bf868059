"""Examples are tests: `check_examples` runs those of metadata and docstrings, and says which do not hold."""

import asyncio
import doctest
import pickle
import statistics

import pytest

from omnitron import DefinitionError, FlowExample, Inputs, Key, MissingCapability, context, current_context, flow
from omnitron.testing import ExamplesFailed, check_examples

tenant = Key("tenant", str)


@flow(examples=[FlowExample(1, 2), FlowExample(3, 6)])
def double(x):
    """Double a number.

    >>> double(2)
    4
    """
    return 2 * x


@flow(examples=[FlowExample(Inputs((1,), {"b": 2}), 3)])
async def add(a, *, b):
    """Add two numbers.

    >>> asyncio.run(add(1, b=1))
    2
    """
    await asyncio.sleep(0)
    return a + b


def made_wrong():
    """Make a flow that is wrong, out of sight of pytest's own doctests."""

    @flow
    def wrong(x):
        """Be wrong.

        >>> wrong(1)
        2
        >>> wrong(2)
        Traceback (most recent call last):
        ValueError: 2
        >>> wrong("a")
        'aa'
        """
        if x == "a":
            raise KeyError(x)
        return 3

    return wrong


def failure(made, **options):
    """Give the error of a flow whose examples do not hold."""
    with pytest.raises(ExamplesFailed) as caught:
        check_examples(made, **options)
    return caught.value


def test_declared_examples_and_doctests_are_run():
    """It gives their number."""
    assert check_examples(double) == 3


def test_an_async_flow_runs_in_a_loop_of_its_own():
    """`Inputs` stand for several arguments."""
    assert check_examples(add) == 2


def test_the_examples_of_parts_are_run_once_each():
    """Also where a part stands in the tree twice."""
    whole = double | double

    assert check_examples(whole.with_meta(examples=[FlowExample(1, 4)])) == 4


def test_a_flow_without_examples_has_none():
    """Nothing is run."""
    assert check_examples(flow(lambda x: x)) == 0


def test_functions_of_the_standard_library_are_taken_to_work():
    """Their docstrings are not ours."""
    assert ">>>" in (statistics.mean.__doc__ or "")
    assert check_examples(flow(statistics.mean)) == 0


def test_every_mismatch_is_told():
    """With what was expected and what came."""
    error = failure(double.with_meta(examples=[FlowExample(1, 3, "small"), FlowExample(2, 4), FlowExample(None, 0)]))

    assert [(one.title, one.expected, one.got) for one in error.mismatches] == [
        ("example 1 (small)", "3", "2"),
        ("example 3", "0", "raised TypeError: unsupported operand type(s) for *: 'int' and 'NoneType'"),
    ]
    assert "2 of 4 examples of 'double' do not hold" in str(error)
    assert "double, example 1 (small): double(1)" in str(error)
    assert isinstance(error.__cause__, TypeError)


def test_every_doctest_that_does_not_hold_is_told():
    """Each line by itself."""
    error = failure(made_wrong())

    assert [(one.call, one.expected, one.got) for one in error.mismatches] == [
        ("line 3: wrong(1)", "2", "3"),
        ("line 5: wrong(2)", "Traceback (most recent call last):\nValueError: 2", "3"),
        ('line 8: wrong("a")', "'aa'", "raised KeyError: 'a'"),
    ]


def test_a_mismatch_names_the_part():
    """By its path in the tree."""
    error = failure(double | made_wrong().named("last"))

    assert {one.path for one in error.mismatches} == {"double → last/last"}


def test_the_error_pickles():
    """As every error of the library, with its mismatches."""
    error = failure(made_wrong())

    again = pickle.loads(pickle.dumps(error))

    assert (again.mismatches, str(again)) == (error.mismatches, str(error))


def test_a_value_that_cannot_be_compared_is_a_mismatch():
    """What its comparison raised is told."""

    class Odd:
        def __eq__(self, other):
            raise ValueError("no")

        __hash__ = None

    error = failure(flow(lambda x: Odd(), examples=[FlowExample(1, 1)]))

    assert "cannot be compared: ValueError: no" in error.mismatches[0].got


def test_what_ends_the_process_passes():
    """Only errors are mismatches."""

    def stop(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_examples(flow(stop, examples=[FlowExample(1, 1)]))


def test_examples_run_in_a_context():
    """Its values are seen, its capabilities checked."""
    ask = flow(lambda x: current_context().get(tenant), examples=[FlowExample(1, "acme")], capabilities={"db:read"})

    assert check_examples(ask, ctx=context({tenant: "acme"})) == 1
    assert isinstance(failure(ask, ctx=context(capabilities=set())).__cause__, MissingCapability)


def test_async_examples_run_in_a_context():
    """The context is there inside the coroutine."""

    async def ask(x):
        await asyncio.sleep(0)
        return current_context().get(tenant)

    assert check_examples(flow(ask, examples=[FlowExample(1, "acme")]), ctx=context({tenant: "acme"})) == 1


def test_inside_a_running_loop_async_examples_are_refused():
    """With the way out, which works."""

    async def main():
        with pytest.raises(DefinitionError, match="asyncio.to_thread"):
            check_examples(add)
        return await asyncio.to_thread(check_examples, add)

    assert asyncio.run(main()) == 2


def test_flags_of_doctest_are_taken():
    """For all docstrings."""

    def text(x):
        """Give a text.

        >>> text(1)
        'a...c'
        """
        return "abc"

    assert check_examples(flow(text), options=doctest.ELLIPSIS) == 1
    assert failure(flow(text)).count == 1


def test_what_is_no_flow_is_refused():
    """A plain function has no examples of its own."""
    with pytest.raises(DefinitionError, match="takes a flow"):
        check_examples(len)


def upto(last):
    yield from range(last)


async def upto_later(last):
    for number in range(last):
        yield number


@pytest.mark.parametrize("fn", [upto, upto_later])
@pytest.mark.parametrize("ctx", [None, context()])
def test_of_a_stream_the_items_count(fn, ctx):
    """An example of either kind has the list of its items as output."""
    assert check_examples(flow(fn, examples=[FlowExample(3, [0, 1, 2])]), ctx=ctx) == 1
    with pytest.raises(ExamplesFailed, match=r"got: +\[0, 1\]"):
        check_examples(flow(fn, examples=[FlowExample(2, [0])]), ctx=ctx)


def test_of_a_map_over_items_the_results_count():
    """`.stream()` over a list, read to its end."""
    assert check_examples(flow(str).stream().with_meta(examples=[FlowExample([1, 2], ["1", "2"])])) == 1


def forever():
    number = 0
    while True:
        yield number
        number += 1


async def forever_later():
    for number in forever():
        yield number


@pytest.mark.parametrize("fn", [forever, forever_later])
@pytest.mark.parametrize("ctx", [None, context()])
def test_a_stream_without_end_is_none_with_one(fn, ctx):
    """One item more than the example has is read, and the stream is closed."""
    made = flow(fn, examples=[FlowExample(Inputs(), [0, 1])])

    assert failure(made, ctx=ctx).mismatches[0].got == "[0, 1, 2] and perhaps more"
