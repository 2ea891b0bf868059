"""JSON Schema of what flows take and give, from annotations and docstrings."""

import enum
import functools
import json
import subprocess
import sys
import types
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
)
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypedDict, TypeVar, Unpack

import pytest
from pydantic import BaseModel, Field

from omnitron import (
    DefinitionError,
    Key,
    MissingExtra,
    by_type,
    choose,
    flow,
    gather,
    identity,
    keep,
    loop,
    needs,
    parallel,
    race,
    sequence,
    tap,
    try_with,
    when,
)

T = TypeVar("T")
TENANT = needs(Key("tenant", str))
DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass
class Order:
    id: int
    items: list[str] = field(default_factory=list)


class Priced(BaseModel):
    order: Order
    total: float = Field(ge=0, description="With tax.")


@flow
def price(order: Order, rate: float = 1.5, *, region: "Literal['eu', 'us']" = "eu", who: str = TENANT) -> Priced:
    """Price an order.

    Args:
        order: what was
            ordered.
        region: whose taxes.
        who: is never asked for.

    Returns:
        The priced order.
    """
    return Priced(order=order, total=rate)


@flow
def double(x: int) -> int:
    return 2 * x


@flow
def many(numbers: list[int]) -> list[str]:
    return [str(number) for number in numbers]


@flow
def shown(x: object) -> str:
    """Show anything."""
    return repr(x)


@flow
def size(x: str) -> float:
    return len(x)


@flow
def text(x: int) -> str:
    return str(x)


@flow
def text_or(x: int) -> str | bool:
    return str(x)


@flow
def loose(x):
    return x


@flow
async def later(x: int) -> bool:
    return True


def properties(made: Any) -> dict[str, Any]:
    """Give the properties of a flow's input schema."""
    found: dict[str, Any] = made.input_schema()["properties"]
    return found


def output(made: Any) -> dict[str, Any]:
    """Give a flow's output schema without what all have."""
    found: dict[str, Any] = made.output_schema()
    assert found.pop("$schema") == DIALECT
    return found


# ------------------------------------------------------------------ input


def test_the_input_is_an_object_of_arguments_by_name():
    """With definitions, defaults, descriptions, and without what the context fills."""
    schema = price.input_schema()

    assert schema.pop("$defs")["Order"]["required"] == ["id"]
    assert schema == {
        "$schema": DIALECT,
        "title": "price",
        "description": "Price an order.",
        "type": "object",
        "properties": {
            "order": {"$ref": "#/$defs/Order", "description": "what was ordered."},
            "rate": {"type": "number", "default": 1.5},
            "region": {"type": "string", "enum": ["eu", "us"], "default": "eu", "description": "whose taxes."},
        },
        "required": ["order"],
        "additionalProperties": False,
    }


def test_a_pipe_takes_what_its_first_part_takes():
    """And is described by it."""
    whole = price | str

    assert properties(whole) == properties(price)
    assert whole.input_schema()["title"] == "price → str"


def test_rest_and_more_are_an_array_and_additional_properties():
    """`*rest` is given as a list, `**more` by any other name."""
    schema = flow(lambda *rest, **more: 0).input_schema()

    assert schema["properties"] == {"rest": {"type": "array", "items": {}}}
    assert (schema["additionalProperties"], "required" in schema) == (True, False)


def test_a_parameter_without_annotation_allows_any_value():
    """It is still required."""
    schema = loose.input_schema()

    assert (schema["properties"], schema["required"]) == ({"x": {}}, ["x"])


def test_a_flow_without_parameters_takes_an_empty_object():
    """Nothing is required."""
    schema = flow(lambda: 1).input_schema()

    assert (schema["properties"], schema["additionalProperties"]) == ({}, False)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (double.each(), {"items": {"type": "array", "items": {"type": "integer"}}}),
        (double.stream(), {"items": {"type": "array", "items": {"type": "integer"}}}),
        (double.stream() | list, {"items": {"type": "array", "items": {"type": "integer"}}}),
        (many.batch(10), {"item": {"type": "integer"}}),
        (flow(sorted).batch(10), {"item": {}}),
        (many.chunk(10), {"items": {"type": "array", "items": {"type": "integer"}}}),
        (double.bind(x=1), {}),
        (price.bind(order=Order(1), region="us"), {"rate": {"type": "number", "default": 1.5}}),
        (parallel(double, text), {"x": {"type": "integer"}}),
        (when(flow(lambda x: True), double, text), {"x": {"type": "integer"}}),
        (try_with(double, catch=loose), {"x": {"type": "integer"}}),
        (double.on("thread"), {"x": {"type": "integer"}}),
        (sequence(identity, double), {"value": {}}),
    ],
)
def test_a_composed_flow_takes_what_its_parts_take(made, expected):
    """As far as their annotations tell."""
    assert properties(made) == expected


def test_a_default_that_json_cannot_say_is_left_out():
    """The parameter is optional all the same."""

    def f(x: float = float("nan"), y: Any = ...) -> None: ...

    schema = flow(f).input_schema()

    assert (schema["properties"], "required" in schema) == ({"x": {"type": "number"}, "y": {}}, False)


def test_a_description_of_the_annotation_wins():
    """`Field(description=...)` stands nearer than the docstring."""

    def f(x: Annotated[int, Field(description="near", gt=0)]) -> None:
        """F.

        Args:
            x: far.
        """

    assert properties(flow(f)) == {"x": {"type": "integer", "exclusiveMinimum": 0, "description": "near"}}


@pytest.mark.parametrize(
    "words",
    [
        "F.\n\n    Args:\n        x: the one\n            number.\n    ",
        "F.\n\n    Parameters\n    ----------\n    x : int\n        the one\n        number.\n    ",
        "F.\n\n    Parameters\n    ----------\n    x, y : int\n        the one number.\n    ",
        "F.\n\n    :param int x: the one\n        number.\n    ",
        "F.\n\n    @param x: the one number.\n    ",
    ],
)
def test_docstrings_of_every_style_describe_parameters(words):
    """Google's, NumPy's, Sphinx's, Epydoc's."""

    def f(x: int) -> None: ...

    f.__doc__ = words

    assert properties(flow(f))["x"]["description"] == "the one number."


@pytest.mark.parametrize(
    "words", [None, "", "F", "Args:", "F.\n\nArgs:\n x", ":param", "Parameters\n----\n", "\n\n :x\n"]
)
def test_odd_docstrings_describe_what_they_can(words):
    """None stops a schema."""

    def f(x: int) -> None: ...

    f.__doc__ = words

    assert properties(flow(f))["x"]["type"] == "integer"


# ------------------------------------------------------------------ output


def test_the_output_is_what_the_last_part_gives():
    """As it is written out, with what its docstring says of it."""
    schema = output(flow(lambda x: x) | price)

    assert schema["description"] == "The priced order."
    assert schema["required"] == ["order", "total"]
    assert schema["properties"]["total"]["description"] == "With tax."


def rows(x: int) -> Iterator[int]:
    yield x


async def rows_later(x: int) -> "AsyncGenerator[int, None]":
    yield x


def rows_of_anything(x):
    yield x


INTEGER, STRING, BOOLEAN = {"type": "integer"}, {"type": "string"}, {"type": "boolean"}


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (later, BOOLEAN),
        (double | later, BOOLEAN),
        (double | identity, INTEGER),
        (double | when(flow(lambda x: True), text_or), {"anyOf": [STRING, BOOLEAN, INTEGER]}),
        (double | loose, {}),
        (double | str, STRING),
        (double.each(), {"type": "array", "items": INTEGER}),
        (loose.each(), {"type": "array", "items": {}}),
        (double.each(mode="collect"), {"type": "array", "items": {}}),
        (flow(rows), {"type": "array", "items": INTEGER}),
        (flow(rows_later), {"type": "array", "items": INTEGER}),
        (flow(rows_of_anything), {"type": "array", "items": {}}),
        (flow(functools.partial(rows, 3)), {"type": "array", "items": INTEGER}),
        (double.stream(), {"type": "array", "items": INTEGER}),
        (many.batch(10), STRING),
        (many.chunk(10), {"type": "array", "items": STRING}),
        (many.chunk(10, mode="collect"), {"type": "array", "items": {}}),
        (later.stream(), {"type": "array", "items": BOOLEAN}),
        (flow(rows) | text.stream(), {"type": "array", "items": STRING}),
        (double.stream(mode="collect"), {"type": "array", "items": {}}),
        (flow(rows).each(), {"type": "array", "items": {"type": "array", "items": INTEGER}}),
        (later.stream(concurrency=2) | double.stream(), {"type": "array", "items": INTEGER}),
        (double.within(tenant="acme"), INTEGER),
        (when(flow(lambda x: True), double, text), {"anyOf": [INTEGER, STRING]}),
        (when(flow(lambda x: True), double, loose), {}),
        (when(flow(lambda x: True), double, double), INTEGER),
        (try_with(double, catch=text), {"anyOf": [INTEGER, STRING]}),
        (try_with(double, finally_=loose), INTEGER),
        (double.on("thread"), INTEGER),
        (price.bind(rate=1.0) | shown, STRING),
        (identity, {}),
        (gather(dict, a=double, b=text), {"type": "object", "additionalProperties": {"anyOf": [INTEGER, STRING]}}),
    ],
)
def test_a_composed_flow_gives_what_its_parts_give(made, expected):
    """As far as their annotations tell."""
    assert output(made) == expected


@pytest.mark.parametrize(
    "annotation",
    [
        *(one[int] for one in (Iterator, Iterable, Collection, AsyncIterator, AsyncIterable)),
        Generator[int, None, str],
        AsyncGenerator[int, None],
        Annotated[Iterator[int], "rows"],
    ],
)
@pytest.mark.parametrize("fn", [rows, rows_later, lambda: iter([1])])
def test_a_stream_is_written_out_as_the_list_of_its_items(fn, annotation):
    """However it is annotated, and whatever function gives it."""
    made = types.FunctionType(fn.__code__, globals())
    made.__annotations__ = {"return": annotation}

    assert output(flow(made)) == {"type": "array", "items": INTEGER}


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Iterator, {"type": "array", "items": {}}),
        (Iterator[Iterator[int]], {"type": "array", "items": {"type": "array", "items": INTEGER}}),
        (Iterator[int] | None, {"anyOf": [{"type": "array", "items": INTEGER}, {"type": "null"}]}),
        (
            dict[str, Iterator[bool]],
            {"type": "object", "additionalProperties": {"type": "array", "items": BOOLEAN}},
        ),
    ],
)
def test_an_iterator_inside_of_a_result_is_written_out_too(annotation, expected):
    """At any depth of what Python brings."""

    def f(): ...

    f.__annotations__ = {"return": annotation}

    assert output(flow(f)) == expected


def test_an_async_iterator_inside_of_a_result_has_no_schema():
    """Nothing writes it out."""

    def f() -> list[AsyncIterator[int]]: ...

    with pytest.raises(DefinitionError, match=r"annotated list\[AsyncIterator\[int\]\]"):
        flow(f).output_schema()


def test_a_parallel_gives_a_tuple_of_what_its_branches_give():
    """One schema a place."""
    schema = output(parallel(double, text, loose))

    assert (schema["prefixItems"], schema["minItems"], schema["maxItems"]) == ([INTEGER, STRING, {}], 3, 3)


def test_a_gather_gives_its_record():
    """A dataclass, a model, a TypedDict, or what a function gives."""
    made = gather(Order, id=double, items=flow(lambda x: []))

    assert output(made)["properties"]["id"] == {"title": "Id", "type": "integer"}


def test_a_fold_gives_what_its_reducer_gives():
    """No list is made."""

    def add(total: float, x: int) -> float:
        return total + x

    assert output(double.each(fold=add, start=float)) == {"type": "number"}


def test_what_an_awaitable_gives_is_the_result():
    """A function that is declared async gives what is there when it was awaited."""

    def f(x: int) -> Awaitable[str]:
        return later(x)

    assert output(flow(f, colour="async")) == STRING


def test_classes_partials_and_objects_give_what_they_say():
    """A class gives itself, a partial what its function gives."""

    class Adder:
        def __call__(self, x: int) -> int:
            return x

    assert output(flow(functools.partial(int, base=2))) == INTEGER
    assert output(flow(functools.partial(price.fn, rate=1.0)))["title"] == "Priced"
    assert output(flow(Adder())) == INTEGER


def test_methods_take_and_give_without_their_object():
    """The object is no argument."""

    class Shop:
        @flow
        def ask(self, x: int) -> str:
            return str(x)

    assert (properties(Shop().ask), output(Shop().ask)) == ({"x": INTEGER}, STRING)


def test_what_the_context_fills_is_no_part_of_a_schema():
    """The step gives what it gives without it."""

    def ask(x: int, *, who: str = needs(Key("tenant", str))) -> str:
        return who

    made = flow(ask)

    assert (properties(made), output(made)) == ({"x": INTEGER}, STRING)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (double | tap(text), INTEGER),
        (choose(double, {1: text, 2: later}), {"anyOf": [STRING, BOOLEAN]}),
        (choose(double, {1: text}, default=double), {"anyOf": [STRING, INTEGER]}),
        (by_type(double, size), {"anyOf": [INTEGER, {"type": "number"}]}),
        (double.or_else(text), {"anyOf": [INTEGER, STRING]}),
        (race(later, later), BOOLEAN),
        (loop(double, at_most=2), INTEGER),
        (double.undo(text), INTEGER),
        (double.each(quorum=1), {"type": "array", "items": {}}),
    ],
)
def test_every_combinator_gives_what_its_parts_give(made, expected):
    """As far as their annotations tell."""
    assert output(made) == expected


def test_keep_gives_what_came_and_what_was_made_of_it():
    """A pair."""
    assert output(double | keep(text))["prefixItems"] == [INTEGER, STRING]
    assert output(keep(text))["prefixItems"] == [INTEGER, STRING]


def test_a_quorum_gives_outcomes():
    """Of which only the number is known."""
    assert output(parallel(double, text, quorum=1))["prefixItems"] == [{}, {}]


def test_a_long_row_of_parts_that_pass_on_needs_no_recursion():
    """The last part that makes something new is looked for in a loop."""
    whole = sequence(double, *[identity] * 5_000)

    assert output(whole) == INTEGER


# ------------------------------------------------------------------ refusals


class Opaque:
    """A class that pydantic knows nothing of."""


def test_a_parameter_that_has_no_schema_is_named():
    """With the class and the way out."""

    def f(x: int, door: Opaque) -> None: ...

    with pytest.raises(DefinitionError, match=r"'door' of 'f' is annotated Opaque.*plain data"):
        flow(f).input_schema()


def test_a_parameter_that_json_cannot_say_is_named():
    """Pydantic can check a callable, and has no schema for it."""

    def f(x: int, then: Callable[[int], int]) -> None: ...

    with pytest.raises(DefinitionError, match="'then' of 'f'"):
        flow(f).input_schema()


def test_a_result_that_has_no_schema_is_named():
    """It says that it is the result."""

    def f(x: int) -> Opaque: ...

    with pytest.raises(DefinitionError, match="the result of 'f' is annotated Opaque"):
        flow(f).output_schema()


def test_an_annotation_that_names_nothing_is_refused():
    """For the parameter and for the result."""

    def f(x: "Nowhere") -> "Nowhere": ...  # noqa: F821

    with pytest.raises(DefinitionError, match="the parameter 'x' cannot be looked up"):
        flow(f).input_schema()
    with pytest.raises(DefinitionError, match="the result of 'f' cannot be looked up"):
        flow(f).output_schema()


def test_an_annotation_nested_too_deeply_is_refused():
    """Pydantic goes down by recursion."""
    made = double
    for _ in range(180):
        made = parallel(made)

    with pytest.raises(DefinitionError, match="so deeply nested"):
        made.output_schema()


def test_a_generic_annotation_is_shown_whole():
    """With its arguments."""

    def f(x: list[Opaque]) -> None: ...

    with pytest.raises(DefinitionError, match=r"list\[.*Opaque\], of which no JSON Schema"):
        flow(f).input_schema()


def test_unpacked_names_allow_any_other():
    """What a TypedDict says of `**more` is left to the checkers."""

    def f(**more: Unpack[Named]) -> None: ...

    assert flow(f).input_schema()["additionalProperties"] is True


# ------------------------------------------------------------------ many annotations


class Colour(enum.Enum):
    RED = "red"


class Named(TypedDict):
    name: str


@pytest.mark.parametrize(
    "annotation",
    [
        *(int, float, str, bytes, bool, None, Any, object, list, dict, tuple, Order, Priced, Colour),
        *(list[Order], dict[str, Priced], tuple[int, ...], Iterable[int], set[str], frozenset[int], int | None),
        *(Order | None, Literal[1, "a"], Annotated[int, "words"], T, list[T], dict[int, list[Order | None]]),
    ],
    ids=repr,
)
def test_every_annotation_gives_data_that_json_can_write(annotation):
    """The input's schema and the output's."""

    def f(x): ...

    f.__annotations__ = {"x": annotation, "return": annotation}
    schemas = [flow(f).input_schema(), flow(f).output_schema()]

    assert json.loads(json.dumps(schemas, allow_nan=False)) == schemas


def test_typed_dicts_of_typing_extensions_work():
    """Those of `typing` need Python 3.12, as pydantic says."""

    def f(x: int) -> Named: ...

    if sys.version_info >= (3, 12):
        assert output(flow(f))["required"] == ["name"]
    else:
        with pytest.raises(DefinitionError, match="typing_extensions"):
            flow(f).output_schema()


@pytest.mark.parametrize("missing", ["pydantic", "docstring_parser"])
def test_without_the_extra_it_is_named(missing, monkeypatch):
    """Nothing else of the flow needs it."""
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(MissingExtra, match=r"omnitron\[schema\]"):
        price.input_schema()


def test_a_flow_that_is_never_asked_imports_nothing_for_it():
    """Neither making nor calling nor its metadata does."""
    code = (
        "import sys; from omnitron import flow; f = flow(lambda x: x); f(1); f.meta\n"
        "print([m for m in ('pydantic', 'docstring_parser', 'inspect', 'omnitron.code.schema') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-S", "-c", code], env={"PYTHONPATH": "src"}, capture_output=True, text=True)

    assert done.stdout == "[]\n", done.stderr
