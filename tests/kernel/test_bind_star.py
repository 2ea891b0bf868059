"""`bind` fixes a parameter by name; `star` spreads a tuple over parameters."""

import asyncio
import inspect
from typing import NamedTuple

import pytest

from omnitron import AsyncFlow, DefinitionError, flow, gather, parallel, walk
from omnitron.algebra import Bound, Star


@flow
def tax(amount, region="us", *, rate=1):
    return (amount, region, rate)


@flow
async def late_tax(amount, *, rate=1):
    await asyncio.sleep(0)
    return (amount, rate)


@flow
def pair(x):
    return (x, x + 1)


def test_bind_fixes_a_parameter():
    """A bound parameter needs no argument any more."""
    assert tax.bind(region="eu")(5) == (5, "eu", 1)
    assert tax.bind(region="eu", rate=2)(5) == (5, "eu", 2)


def test_bind_keeps_the_colour():
    """Binding an async flow gives an async flow."""
    bound = late_tax.bind(rate=2)

    assert type(bound) is AsyncFlow
    assert asyncio.run(bound(5)) == (5, 2)


def test_bind_twice_fixes_both():
    """Two bindings add up."""
    assert tax.bind(region="eu").bind(rate=2)(5) == (5, "eu", 2)


def test_bind_removes_the_parameter_from_the_signature():
    """A bound parameter is not shown as one that can be passed by position."""
    assert "rate" not in inspect.signature(tax.bind(rate=2)).parameters


def test_bind_in_the_middle_of_a_pipe():
    """A bound flow stands in a pipe."""
    assert (pair | flow(sum) | tax.bind(rate=3))(1) == (3, "us", 3)


def test_bind_of_the_first_parameter_leaves_the_rest():
    """Binding the first parameter by name leaves the others to be passed by keyword or default."""
    assert tax.bind(amount=7)(region="eu") == (7, "eu", 1)


def test_bind_refuses_an_unknown_parameter():
    """A name that is no parameter is refused at composition, and named."""
    with pytest.raises(DefinitionError, match="rgion"):
        tax.bind(rgion="eu")


def test_bind_refuses_a_positional_only_parameter():
    """A positional-only parameter has no name to bind it by."""
    with pytest.raises(DefinitionError):
        flow(lambda a, /: a).bind(a=1)


def test_bind_refuses_nothing_at_all():
    """`bind()` without a parameter is a mistake."""
    with pytest.raises(DefinitionError):
        tax.bind()


def test_bind_is_in_the_tree():
    """The binding is a node that a walk sees, with its keywords."""
    bound = [node for _, node in walk(pair | tax.bind(rate=2)) if isinstance(node, Bound)]

    assert [dict(node.keywords) for node in bound] == [{"rate": 2}]


def test_bind_leaves_the_original_alone():
    """Refining gives a new flow."""
    tax.bind(rate=9)

    assert tax(1) == (1, "us", 1)


def test_star_spreads_a_tuple():
    """The tuple's items become the arguments of the next."""
    assert pair.star(flow(lambda a, b: a * b))(3) == 12


def test_star_takes_a_plain_function():
    """A plain function may stand after `star`."""
    assert pair.star(max)(3) == 4


def test_star_with_an_async_side_is_async():
    """Either side async makes the whole async."""

    async def both(a, b):
        await asyncio.sleep(0)
        return a * b

    starred = pair.star(flow(both))
    assert type(starred) is AsyncFlow
    assert asyncio.run(starred(3)) == 12


def test_star_after_parallel_joins_the_branches():
    """`parallel(...).star(f)` gives each branch's result to a parameter of f."""
    join = parallel(flow(str.upper), flow(len)).star(flow(lambda text, size: f"{text}{size}"))

    assert join("ab") == "AB2"


def test_star_is_in_the_tree():
    """The spreading is a node that a walk sees."""
    starred = pair.star(flow(max))

    assert any(isinstance(node, Star) for _, node in walk(starred))


def test_star_over_a_value_that_is_no_tuple_is_a_type_error():
    """A value that cannot be spread raises as `f(*value)` would."""
    with pytest.raises(TypeError):
        flow(lambda x: x).star(flow(lambda a, b: a))(3)


def test_bound_values_arrive_as_they_are():
    """A named tuple stays one, and a flow stays a flow."""

    class Pair(NamedTuple):
        left: int
        right: int

    kept = flow(lambda x, y: (x, y)).bind(y=Pair(1, 2))
    given = flow(lambda x, y: (x, y)).bind(y=(flow(len), flow(abs)))

    assert type(kept(0)[1]) is Pair
    assert given(0)[1] == (flow(len), flow(abs))


def test_a_bound_name_is_never_code():
    """Keywords that are no identifiers arrive as they are; a parameter may be called like a bound constant."""
    take = flow(lambda **named: named)
    odd = {"a b": 1, "class": 2, "x=1, y": 3}

    assert take.bind(**odd)() == odd
    assert flow(lambda k0, a, b: (k0, a, b)).bind(a=1, b=2)(0) == (0, 1, 2)
    assert gather(dict, **{"a b": flow(len), "c": flow(str)})("x") == {"a b": 1, "c": "x"}
