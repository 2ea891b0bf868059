"""Neighbours in a pipe whose annotated types cannot meet are refused when they are composed."""

import enum
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NewType,
    Optional,
    Protocol,
    TypedDict,
    TypeVar,
    TypeVarTuple,
    Union,
)

import pytest

from omnitron import (
    DefinitionError,
    Failure,
    choose,
    fallback,
    flow,
    gather,
    identity,
    keep,
    loop,
    parallel,
    sequence,
    tap,
    try_with,
    when,
)
from omnitron.code import clash

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Number = NewType("Number", int)


class Named(Protocol):
    """A protocol."""

    name: str


class Row(TypedDict):
    """A dictionary."""

    name: str


class Fuel(enum.Enum):
    """An enumeration."""

    GAS = 1


class Box(Generic[T]):
    """A generic class."""


class Shape:
    """A base class."""


class Circle(Shape):
    """A subclass."""


@dataclass
class Pair:
    """A record."""

    left: int
    right: str


CLASHES = [
    (int, str),
    (float, int),
    (None, int),
    (int, None),
    (list[int], Sequence[str] | dict[str, int]),
    (int | bytes, str | None),
    (Union[int, bytes], Optional[str]),  # noqa: UP007, UP045 - the other spelling is what is tested
    (list, dict),
    (list[int], list[str]),
    (list[int], Sequence[str]),
    (list[int], Iterable[str]),
    (list[list[int]], list[list[str]]),
    (dict[str, int], dict[str, str]),
    (dict[str, int], Mapping[int, int]),
    (dict[str, int], Iterable[int]),
    (str, Iterable[int]),
    (set[int], Iterable[str]),
    (deque[int], Sequence[str]),
    (tuple[int, str], tuple[int, int]),
    (tuple[int, str], tuple[int]),
    (tuple[int, ...], tuple[str, ...]),
    (tuple[int, ...], tuple[int, str]),
    (tuple[int, str], Sequence[int]),
    (tuple[int, int], list[int]),
    (tuple[list[int], str], tuple[list[str], str]),
    (tuple[list[int], ...], tuple[set[int], ...]),
    (Box[int], Box[str]),
    (type[int], type[str]),
    (Literal["a", "b"], int),
    (Annotated[int, "positive"], str),
    (Number, str),
    (Row, str),
    (Fuel, str),
    (None, Iterable[int]),
    (Iterable[int], AsyncIterable[int]),
    (AsyncIterable[int], list[int]),
]

MEETINGS = [
    (int, int),
    (int, float),
    (int, complex),
    (float, complex),
    (bool, int),
    (int, bool),
    (bytearray, bytes),
    (int | None, str | None),
    (int | str, str),
    (str, int | str),
    (Shape, Circle),
    (Circle, Shape),
    (object, int),
    (int, object),
    (Any, int),
    (int, Any),
    (T, int),
    (list[T], list[int]),
    (list[Any], list[int]),
    (list, list[int]),
    (list[int], list),
    (list[int], list[float]),
    (list[int | str], list[str]),
    (list[int], Iterable[float]),
    (dict[str, int], Mapping[str, float]),
    (dict[str, int], Iterable[str]),
    (str, Iterable[str]),
    (tuple[int, ...], tuple[int, int]),
    (tuple[int, int], tuple[int, ...]),
    (tuple[int, str], Sequence[object]),
    (tuple[()], tuple[int, ...]),
    (tuple[list[int], str], tuple[list[int], str]),
    (tuple[list[int], str], tuple[*tuple[int, ...], str]),
    (tuple[int, *Ts], tuple[str]),
    (Box[int], Box[Any]),
    (int, Named),
    (Named, int),
    (int, Iterable),
    (Iterable[int], Iterable[int] | AsyncIterable[int]),
    (Callable[[int], str], Callable[[str], int]),
    (Row, dict[str, Any]),
    (Row, Mapping[str, object]),
    (Literal[1], float),
    (Literal["a"], Literal["b"]),
    (Number, int),
    (int, Number),
    (Fuel, Fuel),
    ("Missing", int),
]


@pytest.mark.parametrize(("given", "wanted"), CLASHES, ids=repr)
def test_types_that_cannot_meet_clash(given, wanted):
    """No value of the one is a value of the other."""
    assert clash(given, wanted)


@pytest.mark.parametrize(("given", "wanted"), MEETINGS, ids=repr)
def test_types_that_may_meet_do_not_clash(given, wanted):
    """Only what is certain is refused."""
    assert not clash(given, wanted)


def giving(annotation):
    """Make a flow whose result has this annotation."""

    def giver(value):
        return value

    giver.__annotations__ = {"return": annotation}
    return flow(giver)


def taking(annotation):
    """Make a flow whose parameter has this annotation."""

    def taker(value):
        return value

    taker.__annotations__ = {"value": annotation}
    return flow(taker)


def step(takes, gives):
    """Make a flow of both annotations."""

    def both(value):
        return value

    both.__annotations__ = {"value": takes, "return": gives}
    return flow(both)


number, text, ident = step(int, int), step(int, str), step(str, str)


@flow
async def late(value: int) -> int:
    return value


@pytest.mark.parametrize(
    ("made", "gives"),
    [
        (number | text, str),
        (parallel(number, text), tuple[int, str]),
        (gather(Pair, left=number, right=text), Pair),
        (when(taking(int), number, text), int | str),
        (when(taking(int), number), int),
        (choose(taking(int), {1: number}, text), int | str),
        (fallback(number, text), int | str),
        (number.or_else(text), int | str),
        (try_with(number, step(Failure, str)), int | str),
        (try_with(number, finally_=text), int),
        (number.each(), list[int]),
        (late.each(), list[int]),
        (parallel(number, text).each(), list[tuple[int, str]]),
        (keep(text), tuple[int, str]),
        (tap(text), int),
        (number | tap(print), int),
        (number | identity, int),
        (number | keep(str), tuple[int, Any]),
        (loop(number, at_most=2), int),
        (number.on("thread"), int),
        (number.bind(value=3), int),
        (number.within(tenant="acme"), int),
        (number.undo(taking(int)), int),
        (number.named("n"), int),
        (sequence(number, text).named("whole"), str),
        (flow(Pair), Pair),
        (giving(tuple[str, int]).star(lambda a, b: b) | number, int),
    ],
    ids=lambda value: value.name if hasattr(value, "node") else str(value),
)
def test_composed_flows_say_what_they_give(made, gives):
    """Each meets what takes that, and is refused before what takes none of it."""
    made | taking(gives)
    with pytest.raises(DefinitionError, match="gives"):
        made | taking(bytes)


@pytest.mark.parametrize(
    ("made", "takes"),
    [
        (number | text, int),
        (parallel(identity, number), int),
        (gather(Pair, left=number, right=text), int),
        (when(lambda x: True, number, text), int),
        (when(taking(int), identity, identity), int),
        (choose(lambda x: 1, {1: number}), int),
        (fallback(number, text), int),
        (try_with(number, identity), int),
        (try_with(identity, finally_=number), int),
        (number.each(), list[int]),
        (late.each(), list[int]),
        (keep(number), int),
        (tap(number), int),
        (loop(number, at_most=2), int),
        (number.on("thread"), int),
        (number.within(tenant="acme"), int),
        (number.undo(taking(int)), int),
        (number.named("n"), int),
    ],
    ids=lambda value: value.name if hasattr(value, "node") else str(value),
)
def test_composed_flows_say_what_they_take(made, takes):
    """Each is refused behind what gives none of it."""
    giving(takes) | made
    with pytest.raises(DefinitionError, match="takes"):
        giving(list[bytes]) | made
    with pytest.raises(DefinitionError, match="takes"):
        sequence(giving(list[bytes]), made)


def test_what_one_branch_cannot_take_is_refused():
    """All branches of a parallel get the value."""
    with pytest.raises(DefinitionError, match="takes str"):
        giving(int) | parallel(number, ident)


def test_what_one_arm_takes_is_enough():
    """One branch of a `when` gets the value, so it may suit one only."""
    made = giving(int) | when(lambda x: True, number, ident)

    assert made(1) == 1


def test_a_bound_method_takes_its_second_parameter():
    """The object is given."""

    class Shop:
        @flow
        def price(self, amount: int) -> float:
            return amount * 2.0

    assert (giving(int) | Shop().price)(2) == 4.0
    with pytest.raises(DefinitionError, match="price"):
        giving(str) | Shop().price


def test_a_tuple_is_spread_over_parameters_that_it_fits():
    """Number and types of its members are compared."""

    def joined(a: int, b: str) -> str:
        return b * a

    assert giving(tuple[int, str]).star(joined)((2, "x")) == "xx"
    with pytest.raises(DefinitionError, match="tuple of 3"):
        giving(tuple[int, str, int]).star(joined)
    with pytest.raises(DefinitionError, match="'joined' takes int"):
        giving(tuple[str, str]).star(joined)


def test_a_composed_flow_of_several_parameters_is_refused():
    """A step in a pipe takes one value, whatever it is made of."""
    two = flow(lambda a, b: a)

    for made in (two.on("thread"), parallel(two, two), two.named("x") | identity):
        with pytest.raises(DefinitionError, match="one value"):
            giving(int) | made


def test_gather_compares_composed_branches():
    """What a branch gives must be what the field is."""
    with pytest.raises(DefinitionError, match=r"Pair\.right"):
        gather(Pair, left=number, right=text | flow(lambda x: x) | number)


def test_when_without_else_compares_composed_branches():
    """Input and result must be of one kind."""
    with pytest.raises(DefinitionError, match="else_"):
        when(lambda x: True, number | text)
    with pytest.raises(DefinitionError, match="else_"):
        when(lambda x: True, parallel(number, number))


def test_string_annotations_are_compared_at_the_first_call():
    """When a name could not be looked up at composition, it is by then."""
    made = giving("list[Shape]") | parallel(taking(list[int]), identity)

    with pytest.raises(DefinitionError, match="list\\[Shape\\]"):
        made([])
    with pytest.raises(DefinitionError, match="int"):
        (giving("int") | identity | taking("str"))(1)


def test_a_name_that_leads_nowhere_refuses_nothing():
    """What is imported for the checkers only is not known in a running program."""
    made = giving("Missing") | parallel(taking(int), identity)

    assert made(1) == (1, 1)


def test_a_function_that_gives_an_awaitable_is_not_compared():
    """A flow of it gives what is awaited."""

    def later(value) -> Awaitable[int]:
        raise NotImplementedError

    flow(later, colour="async") | taking(int)


def test_a_wide_union_of_large_trees_is_not_unfolded():
    """A check stays cheap, however often a tree holds itself."""
    tree = step(Shape, Shape)
    for _ in range(20):
        tree = parallel(tree, tree)

    with pytest.raises(DefinitionError, match="tuple") as caught:
        tree | taking(int)
    assert len(str(caught.value)) < 2_000


def test_a_long_pipe_of_identities_is_composed():
    """What comes through many steps that change nothing is not looked for any further."""
    tree = giving(int)
    for _ in range(2_000):
        tree = tree | identity

    assert (tree | taking(int))(1) == 1


def test_iterators_meet_iterables():
    """A generator's items are compared where its class tells."""
    assert clash(Iterator[int], Iterable[str])
    assert not clash(Iterator[int], Iterable[float])


@pytest.mark.parametrize(
    "compose",
    [
        lambda f: f.each(),
        lambda f: try_with(flow(abs), catch=f),
        lambda f: try_with(flow(abs), finally_=f),
        lambda f: flow(abs).undo(f),
    ],
    ids=["each", "catch", "finally", "undo"],
)
def test_a_flow_of_two_is_refused_where_one_value_is_given(compose):
    """It is refused where it is written, not at the first call."""
    with pytest.raises(DefinitionError, match=r"alone; 'add' takes \(a, b\)"):
        compose(flow(lambda a, b: a + b).named("add"))
