"""One of several flows, by the class of the input: `by_type`."""

import asyncio
import enum
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NewType, Protocol, TypedDict, TypeVar

import pytest

from omnitron import AsyncFlow, DefinitionError, Flow, NoMatch, by_type, flow, identity, parallel, when


class Shape:
    """A base class."""


class Circle(Shape):
    """A shape."""


class Wheel(Circle):
    """A circle."""


class Row(TypedDict):
    """A dictionary."""

    name: str


class Fuel(enum.Enum):
    """An enumeration."""

    GAS = 1


class Sized(Protocol):
    """A protocol that cannot be asked of a value."""

    size: int


Number = NewType("Number", int)
T = TypeVar("T")


def taking(annotation, word):
    """Make a flow whose parameter has this annotation, and which gives the word."""

    def fn(value):
        return word

    fn.__annotations__ = {"value": annotation, "return": str}
    return flow(fn)


def test_the_class_chooses_the_flow():
    """Each value goes to the flow that is annotated with its class."""
    made = by_type(taking(int, "int"), taking(str | None, "text"))

    assert type(made) is Flow
    assert [made(x) for x in (1, "a", None)] == ["int", "text", "text"]


def test_the_most_specific_class_wins():
    """Whatever the order in which they stand."""
    made = by_type(taking(Shape, "shape"), taking(object, "rest"), taking(Circle, "circle"))

    assert [made(x) for x in (Wheel(), Circle(), Shape(), 1)] == ["circle", "circle", "shape", "rest"]


def test_abstract_classes_come_after_classes_and_in_order():
    """A list is no subclass of Sequence by its line, but by its rule."""
    made = by_type(taking(Sequence, "series"), taking(Mapping, "mapping"), taking(tuple, "tuple"), taking(Any, "rest"))

    assert [made(x) for x in ([], {}, (), 1)] == ["series", "mapping", "tuple", "rest"]


def test_an_int_goes_to_float_when_nothing_takes_int():
    """As type checkers say; a bool is an int."""
    tower = by_type(taking(float, "float"), taking(str, "text"))
    own = by_type(taking(float, "float"), taking(int, "int"), taking(complex, "complex"))

    assert [tower(x) for x in (1, True, 1.5)] == ["float", "float", "float"]
    assert [own(x) for x in (1, True, 1.5, 1j)] == ["int", "int", "float", "complex"]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (list[int], [1]),
        (Annotated[int, "positive"], 1),
        (Number, 1),
        (Row, {"name": "a"}),
        (Fuel, Fuel.GAS),
        ("Shape", Circle()),
        ("int | None", None),
    ],
    ids=["generic", "annotated", "new type", "typed dict", "enum", "text", "union as text"],
)
def test_annotations_count_by_their_classes(annotation, value):
    """Generics by origin, wrappers by what they wrap, texts by what they name."""
    assert by_type(taking(annotation, "taken"), taking(object, "rest"))(value) == "taken"


@pytest.mark.parametrize(
    "annotation", [Literal["a"], T, Sized, "Missing", int | T], ids=["literal", "variable", "protocol", "name", "union"]
)
def test_annotations_that_are_no_classes_are_refused(annotation):
    """What cannot be asked of a value cannot choose."""
    with pytest.raises(DefinitionError, match="by_type"):
        by_type(taking(annotation, "taken"))


def test_a_flow_without_annotation_is_refused():
    """The error names it, and the ways out."""
    with pytest.raises(DefinitionError, match=r"bare.*object.*choose"):
        by_type(taking(int, "int"), flow(lambda value: value).named("bare"))


def test_two_flows_for_one_class_are_refused():
    """One of them would never run."""
    with pytest.raises(DefinitionError, match="int"):
        by_type(taking(int, "one"), taking(int | str, "other"))


def test_no_flow_is_refused():
    """There is nothing to choose from."""
    with pytest.raises(DefinitionError):
        by_type()


def test_a_value_that_no_flow_takes_is_refused_at_run_time():
    """The error names its class, and those that are taken."""
    with pytest.raises(NoMatch, match="list") as caught:
        by_type(taking(int | str, "one"), taking(None, "none"))([])

    assert (caught.value.key, caught.value.arms) == (list, ("int | str", "None"))


def test_composed_flows_are_arms():
    """What a pipe or a combinator takes is known too."""
    made = by_type(taking(int, "int") | str.upper, parallel(taking(str, "text"), identity))

    assert (made(1), made("a")) == ("INT", ("text", "a"))


def test_any_async_arm_makes_the_whole_async():
    """Arms may have either colour."""

    @flow
    async def later(value: str) -> str:
        await asyncio.sleep(0)
        return value

    made = by_type(taking(int, "int"), later)

    assert type(made) is AsyncFlow
    assert asyncio.run(made("a")) == "a"


def test_the_arms_are_in_the_tree():
    """Each is drawn beneath its classes."""
    made = by_type(taking(int, "int"), taking(str | None, "text"))

    assert made.node.roles() == ("int", "str | None")
    assert "int: fn" in repr(made)


def gives(annotation):
    """Make a flow whose result has this annotation."""

    def source(value):
        return value

    source.__annotations__ = {"return": annotation}
    return flow(source)


@pytest.mark.parametrize(
    ("annotation", "missing"),
    [
        (int | str | None, "None"),
        (bytes, "bytes"),
        (Shape, "Shape"),
        (object, "object"),
        (list[int] | str, "list"),
    ],
)
def test_a_class_that_no_flow_takes_is_refused_in_a_pipe(annotation, missing):
    """A value may come for which there is no arm; the error names its class."""
    made = by_type(taking(int, "int"), taking(str, "text"), taking(Circle, "circle"))

    with pytest.raises(DefinitionError, match=f"no arm for {missing}"):
        gives(annotation) | made
    with pytest.raises(DefinitionError, match=f"no arm for {missing}"):
        gives(annotation) | parallel(made, identity)


@pytest.mark.parametrize("annotation", [int | str, bool, Wheel, Any, Literal["a"], T, float | int])
def test_a_pipe_of_which_every_class_is_taken_is_composed(annotation):
    """So is one that says nothing certain."""
    made = gives(annotation) | by_type(taking(float, "float"), taking(str, "text"), taking(Circle, "circle"))

    assert made("a") == "text"


def test_string_annotations_are_looked_up_at_the_first_call():
    """When they were composed the name may not have been there."""
    tree = gives("int | None") | by_type(taking(int, "int"))

    with pytest.raises(DefinitionError, match="no arm for None"):
        tree(1)


def test_a_test_may_rule_out_what_is_not_taken():
    """Beneath a `when` only some of the values come."""
    made = gives(int | None) | when(lambda x: x is None, identity, by_type(taking(int, "int")))

    assert (made(None), made(1)) == (None, "int")
