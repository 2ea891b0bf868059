"""`omnitron.testing.inputs` draws what a flow takes."""

import enum
import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Gt
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter

from omnitron import DefinitionError, Inputs, MissingExtra, flow, parallel
from omnitron.testing import inputs

few = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Order:
    id: int
    items: list[str]


class Priced(BaseModel):
    order: Order
    total: float = Field(ge=0, le=100)


class Need:
    """What `needs(...)` gives looks like this one."""


@flow
def double(x: int) -> int:
    return 2 * x


@flow
def price(order: Order, rate: float = 1.5, *, region: Literal["eu", "us"], note: str = "", who: str = Need()) -> float:
    return rate


@flow
def places(a: int, /, b: int = 2, *rest: str, c: bool = True, **more: float) -> Any:
    return (a, b, rest, c, more)


def check(strategy, holds):
    """Draw a few values and ask of each whether something holds."""

    @few
    @given(strategy)
    def drawn(value):
        assert holds(value), value

    drawn()


@pytest.mark.parametrize("made", [double, double | str, parallel(double, double), double.on("thread")], ids=repr)
def test_of_one_parameter_the_value_is_drawn(made):
    """In a pipe it is that of the first part."""
    check(inputs(made), lambda value: type(value) is int)


def doubled(items: Iterable[int]) -> Iterator[int]:
    yield from (2 * item for item in items)


async def doubled_later(items: Iterable[int]) -> AsyncIterator[int]:
    for item in items:
        yield 2 * item


@pytest.mark.parametrize(
    "made",
    [double.each(), double.stream(), double.stream() | list, *map(flow, (doubled, doubled_later))],
    ids=repr,
)
def test_a_loop_is_given_lists(made):
    """Of what one item is; so is a stream."""
    check(inputs(made), lambda value: type(value) is list and all(type(item) is int for item in value))


def test_of_several_parameters_inputs_are_drawn():
    """They are arguments of a call: required ones always, others now and then, those of the context never."""

    def holds(value):
        assert isinstance(value.args[0], Order)
        assert value.kwargs.keys() <= {"rate", "region", "note"}
        return value.kwargs["region"] in ("eu", "us") and isinstance(price(*value.args, **value.kwargs), float | int)

    check(inputs(price), holds)
    assert find(inputs(price), lambda value: "note" not in value.kwargs and "rate" in value.kwargs)
    assert find(inputs(price), lambda value: "note" in value.kwargs and "rate" not in value.kwargs)


def test_every_kind_of_parameter_is_drawn():
    """A rest comes after all places are filled; other names do not meet the parameters' own."""

    def holds(value):
        a, b, rest, _, more = places(*value.args, **value.kwargs)
        return type(a) is type(b) is int and all(type(one) is str for one in rest) and more.keys().isdisjoint("abc")

    check(inputs(places), holds)
    assert find(inputs(places), lambda value: len(value.args) == 3 and len(value.kwargs) == 2)


def test_of_no_parameters_the_empty_inputs_are_drawn():
    """There is nothing to choose."""
    check(inputs(flow(lambda: 1)), lambda value: value == Inputs())


def test_a_keyword_only_parameter_is_drawn_as_inputs():
    """It has no place to stand alone in."""

    def f(*, x: int) -> int:
        return x

    check(inputs(flow(f)), lambda value: value.args == () and type(value.kwargs["x"]) is int)


def test_a_strategy_can_be_given():
    """Instead of an annotation or of none, also for what the context fills and for other names."""
    ask = flow(lambda x: x)

    check(inputs(ask, x=st.just(7)), lambda value: value == 7)
    check(inputs(places, d=st.just(1.0)), lambda value: value.kwargs["d"] == 1.0)
    assert find(inputs(price, who=st.just("me")), lambda value: value.kwargs.get("who") == "me")


@pytest.mark.parametrize(
    "annotation",
    [
        *(int, str, None, bool, float, Colour, Order, Priced, Literal[1, "a"], int | None, list[Order]),
        *(dict[str, Any], list[Any], tuple[int, ...], tuple[int, str], tuple[Any, ...], Iterable[int], set[int]),
        *(Annotated[int, Gt(5)], Annotated[int, Field(gt=5, multiple_of=2)], Annotated[str, Field(max_length=3)]),
        *(Annotated[list[Annotated[int, Field(ge=0)]], "words"], dict[int, list[Priced | None]]),
    ],
    ids=repr,
)
def test_what_is_drawn_is_of_the_annotation(annotation):
    """Pydantic accepts it as it is, constraints included."""

    def f(x): ...

    f.__annotations__ = {"x": annotation}
    adapter = TypeAdapter(annotation)

    check(inputs(flow(f)), lambda value: adapter.validate_python(value, strict=False) is not Ellipsis)


def test_a_pattern_of_pydantic_is_kept():
    """What Hypothesis does not know of is filtered."""

    def f(x: Annotated[int, Field(multiple_of=3, ge=0, le=30)]): ...

    check(inputs(flow(f)), lambda value: value % 3 == 0 and 0 <= value <= 30)


def test_any_value_is_drawn_where_any_is_allowed():
    """Plain ones."""

    def f(x: Any): ...

    assert find(inputs(flow(f)), lambda value: isinstance(value, str)) == ""
    assert find(inputs(flow(f)), lambda value: isinstance(value, bool)) is False


def test_functions_are_drawn():
    """Hypothesis knows how."""

    def f(x: Callable[[int], int]): ...

    check(inputs(flow(f)), callable)


def test_a_required_parameter_without_annotation_is_refused():
    """With the way out."""
    with pytest.raises(DefinitionError, match=r"'x' of 'ask' has no annotation.*inputs\(ask, x=\.\.\.\)"):
        inputs(flow(lambda x: x).named("ask"))


def test_what_nothing_can_be_drawn_for_is_refused():
    """Before any test runs."""

    def f(x: AsyncIterable[int], y: int = 0): ...

    with pytest.raises(DefinitionError, match="nothing can be drawn for the parameter 'x' of 'f'"):
        inputs(flow(f))


def test_a_strategy_for_nothing_is_refused():
    """With the parameters that there are."""
    with pytest.raises(DefinitionError, match="no parameter 'y'; it has x"):
        inputs(double, y=st.just(1))


def test_what_is_no_flow_is_refused():
    """A plain function is made one first."""
    with pytest.raises(DefinitionError, match="takes a flow"):
        inputs(len)


def test_without_hypothesis_the_extra_is_named(monkeypatch):
    """Nothing else of the room needs it."""
    monkeypatch.setitem(sys.modules, "hypothesis", None)

    with pytest.raises(MissingExtra, match=r"omnitron\[testing\]"):
        inputs(double)
