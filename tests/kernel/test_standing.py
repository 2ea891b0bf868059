"""How a flow stands in for its function: what frameworks read of it, and what they may set."""

import copy
import dis
import functools
import inspect
import pickle
import types
import typing
from unittest import mock

import pytest

from omnitron import AsyncFlow, Flow, Key, flow, needs, parallel, when
from omnitron.errors import DefinitionError, MissingPart

tenant = Key("tenant", str)


@flow
def double(x: "int", times: int = 1) -> "int":
    """Double a number."""
    return 2 * x * times


@flow
async def later(x: int) -> None:
    """Do nothing."""


@flow
def greet(name: str, *, who: str = needs(tenant)) -> str:
    return f"{who} greets {name}"


@flow
def count(upto: int):
    yield from range(upto)


class Till:
    @flow
    def bare(self, x: "int", *, y: "int" = 1) -> "int":
        return x * y

    @flow
    def price(self, x: int, *, who: str = needs(tenant)) -> int:
        return x


# ------------------------------------------------------------------ signatures


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (double, "(x: int, times: int = 1) -> int"),
        (double.retry(attempts=2), "(x: int, times: int = 1) -> int"),
        (double.bind(times=2), "(x: int) -> int"),
        (double | later, "(x: int, times: int = 1) -> None"),
        (double | str | len, "(x: int, times: int = 1)"),
        (double | str, "(x: int, times: int = 1) -> str"),
        (parallel(double, double), "(x: int, times: int = 1) -> tuple[int, int]"),
        (when(flow(lambda x: x > 1), double, flow(lambda x: x)), "(x: int)"),
        (when(flow(lambda y: y > 1), double, double), "(*args, **kwargs) -> int"),
        (count | flow(lambda numbers: numbers).stream(), "(upto: int)"),
    ],
)
def test_signature_is_looked_up(made, expected):
    """Texts are what they name; what is composed takes what all parts take, and gives what the last one gives."""
    assert str(inspect.signature(made)) == expected


def test_signature_keeps_a_text_that_names_nothing():
    """It must not fail for that."""

    def lost(x: "Nowhere", y: int) -> "Nobody":  # noqa: F821
        return x

    assert str(inspect.signature(flow(lost))) == "(x: 'Nowhere', y: int) -> 'Nobody'"
    assert str(inspect.signature(flow(lost) | str)) == "(x: 'Nowhere', y: int) -> str"
    assert str(inspect.signature(flow(str) | flow(lost).bind(y=1))) == "(*args, **kwargs) -> 'Nobody'"


def test_signature_leaves_out_what_the_context_fills():
    """Parameters that callers fill stand in it; `bind` takes the others, and the text shows them to people."""
    signature = inspect.signature(greet | str.upper)

    assert list(signature.parameters) == ["name"]
    assert signature.bind("you", who="me").arguments == {"name": "you", "who": "me"}
    assert signature.bind_partial(who="me").arguments == {"who": "me"}
    assert str(signature) == "(name: str, *, who: str = needs(tenant))"


def test_signature_without_needs_is_a_value():
    """It can be copied, pickled and replaced like any other; replaced, it is a plain one."""
    signature = inspect.signature(greet)
    other = signature.replace(return_annotation=int)

    assert pickle.loads(pickle.dumps(signature)) == signature
    assert str(pickle.loads(pickle.dumps(signature))) == str(signature)
    assert copy.copy(signature) == signature
    assert str(other) == "(name: str) -> int"


def test_annotations_agree_with_the_signature():
    """Also of composed flows; a pipe of streams claims no result."""
    assert typing.get_type_hints(double | str) == {"x": int, "times": int, "return": str}
    assert (count | flow(lambda numbers: numbers).stream()).__annotations__ == {"upto": int}
    assert typing.get_type_hints(double.bind(times=2)) == {"x": int, "return": int}
    assert typing.get_type_hints(Till().bare) == {"x": int, "y": int, "return": int}
    assert typing.get_type_hints(greet) == {"name": str, "who": str, "return": str}


# ------------------------------------------------------------------ functions


@pytest.mark.parametrize(
    "made", [double, double.retry(attempts=2), double | str, parallel(double, double), Till().price]
)
def test_a_flow_passes_for_a_function_where_that_is_asked(made):
    """With `inspect.isfunction`, and not with who would take it apart."""
    assert inspect.isfunction(made)
    assert not isinstance(made, types.FunctionType)
    assert made.__class__ is Flow


def test_a_refined_flow_wraps_its_function():
    """Its policies add neither parameter nor colour."""
    assert inspect.unwrap(double.retry(attempts=2).cache(ttl=3)) is double.fn
    assert inspect.unwrap(later.timeout(3)) is later.fn


@pytest.mark.parametrize(
    "made", [double.bind(times=2), Till().bare, Till().bare.bind(y=2), Till.bare.bind(self=Till())]
)
def test_a_flow_that_is_called_in_another_way_wraps_what_it_was_compiled_to(made):
    """Whoever unwraps it calls it as the flow is called."""
    run = inspect.unwrap(made)

    values = {"x": 3}
    assert (type(run), run(**values)) == (types.FunctionType, made(**values))
    assert inspect.getsource(made)
    assert list(inspect.signature(run).parameters) == list(inspect.signature(made).parameters)


def test_a_composed_flow_wraps_what_it_was_compiled_to():
    """A function of the same parameters, whose source names the steps."""
    piped = double | str | len
    run = inspect.unwrap(piped)

    assert (type(run), run(50), piped(50)) == (types.FunctionType, 3, 3)
    assert "f1(v)  # str" in inspect.getsource(piped)


def test_the_source_tells_flows_of_the_same_steps_apart():
    """Whoever knows functions by their source does not take one for the other; a flow keeps its own."""
    alike = [double.bind(times=times) | str for times in (-1, -2)]
    alike += [double.bind(times=2), double.bind(times=3), Till().bare, Till().price, double.on("thread")]
    alike += [double | flow(lambda x: x + 1), double | flow(lambda x: x + 2)]

    assert len({inspect.getsource(made) for made in alike}) == len(alike)
    assert inspect.getsource(alike[0]) == inspect.getsource(alike[0])


def test_a_flow_of_unknown_names_wraps_nothing():
    """What is refused at the first call is, for whoever looks, not there."""

    def lost(x: "Nowhere") -> int:  # noqa: F821
        return x

    piped = flow(str) | flow(lost)

    assert isinstance(inspect.unwrap(piped), (types.FunctionType, Flow))


def test_a_method_shows_its_object_and_the_flow_of_the_class():
    """As bound methods do; other flows have neither."""
    till = Till()

    assert (till.price.__self__, till.price.__func__) == (till, Till.price)
    assert not hasattr(Till.price, "__func__")
    assert not hasattr(double, "__self__")


def test_a_function_of_a_flow_can_be_looked_into():
    """Globals, closure and qualified name; nothing is claimed of what has none."""
    step = 3
    made = flow(lambda x: x + step)

    assert made.__globals__ is globals()
    assert made.__closure__[0].cell_contents == 3
    assert (flow(len).__globals__, flow(len).__closure__) == ({}, None)
    assert (double | str).__qualname__ == "double → str"
    assert list(dis.get_instructions(made)) == list(dis.get_instructions(made.fn))


def test_the_class_shows_nothing_of_instances():
    """Whoever looks at the class finds a class like others."""
    for kind in (Flow, AsyncFlow):
        assert inspect.unwrap(kind) is kind
        assert isinstance(typing.get_type_hints(kind), dict)
        assert not hasattr(kind, "__self__")
        assert kind.__annotations__ == {}
    assert inspect.get_annotations(double, eval_str=True) == {"x": int, "times": int, "return": int}


# ------------------------------------------------------------------ attributes


def test_attributes_of_the_function_are_seen():
    """Through policies, too; a composed flow has no function of whose attributes to tell."""

    @flow
    def marked(x):
        return x

    marked.fn.marks = ["below"]

    assert (marked.marks, marked.retry(attempts=2).marks) == (["below"], ["below"])
    assert not hasattr(marked | marked, "marks")
    assert "marks" in dir(marked)


def test_attributes_are_set_and_deleted_on_the_flow_alone():
    """They are no part of its value."""
    made, other = flow(double.fn), flow(double.fn)
    made.marks = ["above"]

    assert (made == other, hasattr(other, "marks"), hasattr(double.fn, "marks")) == (True, False, False)
    del made.marks
    assert not hasattr(made, "marks")


def test_what_a_flow_says_of_itself_cannot_be_set():
    """Its name, its tree and its function are what they are."""
    for name in ("name", "node", "fn", "meta", "__name__", "__code__"):
        with pytest.raises(AttributeError):
            setattr(flow(double.fn), name, None)


def test_an_attribute_that_is_not_there_is_told_as_everywhere():
    """Also where the function has attributes."""
    with pytest.raises(AttributeError, match="'Flow' object has no attribute 'nothing'"):
        _ = double.nothing


def test_parts_that_a_flow_does_not_have_are_attribute_errors():
    """`hasattr` asks for them, `dir` lists only what is there, and the error says what to write."""
    cached = double.cache(ttl=3)

    assert (hasattr(double, "breaker"), hasattr(double, "cached"), hasattr(double | str, "fn")) == (False, False, False)
    assert {"breaker", "cached", "fn"} & {*dir(cached)} == {"cached"}
    with pytest.raises(MissingPart, match="circuit_breaker") as caught:
        _ = double.breaker
    assert isinstance(caught.value, DefinitionError)
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), MissingPart)


def test_everything_that_dir_lists_can_be_read():
    """Mocks and test runners read it all."""
    for made in (double, double | later, double.cache(ttl=3), count, Till().price):
        assert [name for name in dir(made) if not hasattr(made, name)] == []


# ------------------------------------------------------------------ mocks


@pytest.mark.parametrize("called", [False, True])
def test_a_mock_of_a_class_takes_calls_of_its_flows_with_and_without_the_object(called):
    """Whether or not the flow was called before."""

    class Shop:
        @flow
        def price(self, x: int, y: int = 1) -> int:
            return x

    if called:
        assert Shop().price(1) == 1
    shop = mock.create_autospec(Shop)

    shop().price(3)
    shop().price.assert_called_once_with(x=3)
    shop.price(Shop(), 3)
    with pytest.raises(TypeError):
        shop().price(3, 4, 5, 6)
    with pytest.raises(TypeError):
        shop().price(z=3)


@pytest.mark.parametrize("make", [flow, lambda fn: flow(fn) | str, lambda fn: flow(fn).bind(times=2)])
def test_the_call_of_a_flow_has_its_parameters_before_and_after_the_first(make):
    """`unittest.mock` reads them there."""
    made = make(double.fn)
    before = list(inspect.signature(made.__call__).parameters)
    made(1)

    assert before == list(inspect.signature(made.__call__).parameters)
    assert before == list(inspect.signature(made).parameters)


def test_wraps_copies_what_was_set_on_the_flow():
    """As from a function."""
    made = flow(double.fn)
    made.marks = ["above"]

    assert functools.wraps(made)(lambda x: x).marks == ["above"]
