"""Flows as plain data, and back: describe and rebuild."""

import datetime
import enum
import functools
import json
import math
import operator
import os
import pickle
import threading
from decimal import Decimal
from pathlib import PurePosixPath

import pytest

from omnitron import (
    DefinitionError,
    Effect,
    Failure,
    FlowExample,
    Key,
    Unpicklable,
    flow,
    identity,
    parallel,
    rebuild,
    sequence,
    try_with,
    walk,
    when,
)
from omnitron.algebra import Args, Node, Step, Writer, from_node
from omnitron.algebra.node import alike
from omnitron.errors import InvalidValue

from . import test_tree


def plain(x, extra=None):
    """A function of this module."""
    return x


async def later(x):
    return x


@flow
def decorated(x):
    return x


class Colour(enum.Enum):
    RED = "red"


class Box:
    """A class with a form of its own."""

    def __init__(self, held):
        self.held = held

    def __eq__(self, other):
        return isinstance(other, Box) and self.held == other.held

    __hash__ = None

    def __reduce__(self):
        return Box, (self.held,)


class Bare:
    """A class that says nothing of pickling."""

    __slots__ = ("more", "__dict__")

    def __init__(self, held):
        self.held = held
        self.more = [held]

    def __eq__(self, other):
        return isinstance(other, Bare) and (self.held, self.more) == (other.held, other.more)

    __hash__ = None

    def method(self, x):
        return x


class Twice(Node):
    """A combinator from outside, with nodes and other values in its fields."""

    __slots__ = ("body", "rest", "options", "owner")
    kind = "twice"

    def emit(self, w: Writer, args: Args, target: str) -> None:
        w.call(self.body, args, target)
        for node in self.rest:
            w.call(node, Args(target, target), target)


def through_json(tree, **options):
    """Rebuild a flow from what JSON made of its description."""
    return rebuild(json.loads(json.dumps(tree.describe(), allow_nan=False)), **options)


@pytest.mark.parametrize("place", range(len(test_tree.build())), ids=[one.name for one in test_tree.build()])
def test_every_kind_of_node_comes_back_equal(place):
    """A tree over importable functions is rebuilt equal, of the same class, name and metadata."""
    tree = test_tree.build()[place]
    rebuilt = through_json(tree)

    assert rebuilt == tree
    assert (type(rebuilt), rebuilt.name, rebuilt.meta, repr(rebuilt)) == (type(tree), tree.name, tree.meta, repr(tree))


VALUES = [
    (1, True, 1.0, "1", None, ()),
    [1, (2, [3])],
    {"a": 1, 2: (3,), (4, None): {5: 6}},
    {1, "a"},
    frozenset({(1, 2), 3}),
    math.nan,
    math.inf,
    -math.inf,
    -0.0,
    complex(1, -0.0),
    b"\x00\xff",
    bytearray(b"ab"),
    10**6000,
    '\ud800\n"',
    Colour.RED,
    Effect.READ | Effect.NETWORK,
    Effect.NONE,
    Failure(3, 4, "path"),
    FlowExample((1,), [2]),
    Key("tenant", str),
    Key("names", list[int]),
    int | None,
    dict,
    type(None),
    ...,
    plain,
    decorated.fn,
    decorated,
    plain.__name__.upper,
    str.upper,
    Bare.method,
    Box([1]).__eq__,
    dict.fromkeys,
    len,
    operator.add,
    functools.partial(plain, 1, extra=(2,)),
    functools.partial(decorated.fn, Box(1)),
    datetime.datetime(2024, 5, 6, tzinfo=datetime.UTC),
    Decimal("1.50"),
    PurePosixPath("a/b"),
    Box({"a": (1,)}),
    Bare(3),
    math,
    {"ref": "os:system", "opaque": 1, "class": 2, "fields": 3},
    functools.partial(plain, opaque=1, part=2),
]


@pytest.mark.parametrize(
    "value", VALUES, ids=[f"{number}-{type(value).__name__}" for number, value in enumerate(VALUES)]
)
def test_constants_come_back_as_they_were(value):
    """What is bound is described by what it is made of, and rebuilt equal, of the same type."""
    tree = flow(plain).bind(extra=value)
    rebuilt = through_json(tree).node.keywords[0][1]

    assert type(rebuilt) is type(value)
    assert rebuilt is value or alike(rebuilt, value) or rebuilt.__self__ == value.__self__


def test_a_description_reads_well():
    """Kinds, classes at their public doors, colours, names and fields stand in it by name."""
    tree = (flow(plain).named("start") | flow(later)).with_meta(tags={"t"})
    whole = tree.describe()["flow"]
    first = whole["fields"]["parts"][0]

    assert (whole["kind"], whole["colour"], whole["meta"]) == ("sequence", "async", {"tags": {"frozenset": ["t"]}})
    assert first == {
        "kind": "step",
        "class": "omnitron.algebra:Step",
        "colour": "sync",
        "label": "start",
        "fields": {"fn": {"ref": f"{__name__}:plain"}},
    }


def test_the_format_has_a_version():
    """The root names the format, and another is refused with what to do."""
    data = flow(plain).describe()

    assert data["omnitron"] == 1
    with pytest.raises(InvalidValue, match="format 2.*Describe the flow anew"):
        rebuild(data | {"omnitron": 2})


def test_a_combinator_from_outside_comes_back():
    """Fields of every sort come back: a node, several nodes, pairs with nodes and values, an object."""
    options = (("deep", (flow(later).node, flow(plain))), ("shallow", {"a": Step(len)}))
    tree = from_node(Twice(flow(plain), (flow(len).node, flow(later).node), options, Bare((1, 2))))
    rebuilt = through_json(tree)

    assert rebuilt == tree
    assert rebuilt.colour == "async"
    assert rebuilt.node.options[0][1][1] == flow(plain)


def test_a_declared_colour_is_kept():
    """A lambda-like callable that was declared async stays so."""
    tree = flow(operator.attrgetter("later"), colour="async") | flow(functools.partial(later), colour="async")

    assert [node.is_async for _, node in walk(through_json(flow(functools.partial(later))))] == [True]
    assert [part["colour"] for part in tree.describe()["flow"]["fields"]["parts"]] == ["async", "async"]


def test_a_function_that_became_async_is_refused():
    """A description of a sync step does not make one of a function that is async by now."""
    data = flow(plain).describe()

    with pytest.raises(DefinitionError, match="async"):
        rebuild(data, find={f"{__name__}:plain": later}.get)


def test_what_stands_twice_is_described_once():
    """A part that stands at many places is one part of the description, and one node again."""
    shared = parallel(flow(plain), flow(len))
    tree = shared | shared.named("other") | shared
    for _ in range(15):
        tree = parallel(tree, tree)
    data = tree.describe()

    assert len(json.dumps(data)) < 10_000
    assert rebuild(data) == tree
    assert len(set(map(id, rebuild(data).node.branches))) == 1


def test_deep_trees_stay_shallow_in_json():
    """200 levels are described in parts, so that JSON does not meet its limit of recursion."""
    tree = flow(plain)
    for _ in range(199):
        tree = try_with(flow(plain) | tree, flow(plain))
    data = json.loads(json.dumps(tree.describe()))

    assert rebuild(data) == tree
    assert len(data["parts"]) == 15


def test_two_equal_policies_stay_two():
    """Equal nodes that were written twice are not made one, for they may have state of their own."""
    one, other = parallel(flow(plain)), parallel(flow(plain))
    first, second = through_json(sequence(one, other)).node.parts
    again, same = through_json(sequence(one, one)).node.parts

    assert first is not second
    assert again is same


def local_things():
    """Give what no path leads to, with how it is called."""

    def inner(x):
        return x

    class Local:
        pass

    return [
        (flow(lambda x: x), r"local_things.<locals>.<lambda> at tests/kernel/test_describe.py:\d+"),
        (flow(plain) | inner, r"local_things.<locals>.inner at tests/kernel/test_describe.py:\d+"),
        (when(lambda x: x, flow(plain), flow(plain)), r"<lambda>"),
        (try_with(flow(plain), identity, on=lambda error: True), r"<lambda>"),
        (flow(plain).bind(extra=[{"a": (lambda: 1,)}]), r"<lambda>"),
        (flow(functools.partial(inner, 1)), r"inner at"),
        (flow(plain).bind(extra=Box(threading.Lock())), r"an object of .*Box, which holds an object of _thread.lock"),
        (flow(plain).bind(extra=Local), r"the class .*Local"),
        (flow(plain).bind(extra=Local()), r"an object of .*Local"),
        (flow(plain).bind(extra=(n for n in ())), r"an object of builtins.generator"),
    ]


@pytest.mark.parametrize("place", range(len(local_things())))
def test_what_has_no_path_is_marked_and_refused_by_name(place):
    """It is described as opaque; rebuild says what it is, where it stands and what to do."""
    tree, text = local_things()[place]
    data = json.loads(json.dumps(tree.describe(), allow_nan=False))

    assert '"opaque"' in json.dumps(data)
    with pytest.raises(DefinitionError, match=rf"no import path leads to .*{text}.*\(at flow\..*top of a module"):
        rebuild(data)


@pytest.mark.parametrize(
    "tree",
    [flow(plain).bind(extra=lambda: 1), flow(functools.partial(lambda x, y: x, 1)), flow(plain) | (lambda x: x)],
    ids=["bound", "partial", "step"],
)
def test_pickle_names_what_has_no_path_too(tree):
    """Wherever a lambda stands in a tree, pickling says so in the same words."""
    with pytest.raises(Unpicklable, match="<lambda>.*top of a module"):
        pickle.dumps(tree)


def test_a_partial_over_the_function_of_a_flow_pickles():
    """It is found as the flow's function is, alone and in what is bound."""
    tree = flow(functools.partial(decorated.fn)).bind(x=decorated.fn)

    assert pickle.loads(pickle.dumps(tree)) == tree


def test_what_cannot_be_made_again_tells_nothing_of_its_state():
    """An object that holds something opaque is opaque as a whole."""
    data = flow(plain).bind(extra=Bare(["secret", lambda: 1])).describe()

    assert list(data["flow"]["fields"]["keywords"][0][1]) == ["opaque"]
    assert "secret" not in json.dumps(data)


def test_an_opaque_part_does_not_hide_the_rest():
    """What can be read is there, beside the mark."""
    data = (flow(plain) | (lambda x: x)).describe()
    known, hidden = data["flow"]["fields"]["parts"]

    assert known["fields"] == {"fn": {"ref": f"{__name__}:plain"}}
    assert list(hidden["fields"]["fn"]) == ["opaque"]


def test_values_that_hold_themselves_end():
    """A list in itself is marked, a flow in a list of its own is refused."""
    ring, held = [], []
    ring.append(ring)
    tree = flow(plain).bind(extra=held)
    held.append(tree)

    assert "nested in itself" in json.dumps(flow(plain).bind(extra=ring).describe())
    with pytest.raises(DefinitionError, match="contains itself"):
        rebuild(tree.describe())


def test_find_stands_in_place_of_the_import():
    """Whoever reads descriptions from elsewhere says what may be named."""
    data = (flow(plain) | len).with_meta(effects=Effect.NONE).describe()
    allowed = {f"{__name__}:plain": plain, "builtins:len": abs}

    assert rebuild(data, find=allowed.__getitem__) == (flow(plain) | abs).with_meta(effects=Effect.NONE)


@pytest.mark.parametrize("find", [{}.get, {}.__getitem__])
def test_find_may_refuse(find):
    """What it does not give is refused by name."""
    with pytest.raises(DefinitionError, match="`find` has nothing under 'builtins:len'"):
        rebuild(flow(len).describe(), find=find)


STEP = {"class": "omnitron.algebra:Step", "kind": "step", "colour": "sync"}


@pytest.mark.parametrize(
    ("root", "text"),
    [
        (None, "takes what"),
        ({"kind": "step"}, "takes what"),
        (STEP | {"fields": {}}, "has the fields fn, the description gives none"),
        (STEP | {"fields": {"fn": {"ref": "no_such_module:f"}}}, "'no_such_module:f', which is not there"),
        (STEP | {"fields": {"fn": {"ref": "math:no_such_name"}}}, "which is not there"),
        (STEP | {"fields": {"fn": {"ref": "math.sqrt"}}}, "written `module:qualname`"),
        (STEP | {"fields": {"fn": {"ref": "math:pi"}}}, "got 3.14"),
        (STEP | {"fields": {"fn": {"what": 1}}}, "no known form"),
        (STEP | {"fields": {"fn": {"float": "x"}}}, "'fn' of omnitron.algebra:Step cannot be rebuilt"),
        (STEP | {"fields": {"fn": {"enum": "omnitron.model:Effect", "name": "X"}}}, "no member 'X'"),
        (STEP | {"fields": {"fn": {"part": 0}}}, "no part 0"),
        (STEP | {"fields": {"fn": {"ref": "builtins:len"}}, "label": "a/b"}, "a name has none of"),
        (STEP | {"fields": {"fn": {"ref": "builtins:len"}}, "meta": {"x": 1}}, "meta of a step do not fit"),
        (STEP | {"fields": {"fn": {"method": "__class__", "of": 1}}}, "no method of its own"),
        (STEP | {"fields": {"fn": {"method": "real", "of": 1}}}, "no method of its own"),
        (STEP | {"fields": {"fn": {"ref": "os:walk", "attribute": "__globals__"}}}, "not for its function"),
        (STEP | {"fields": {"fn": {"new": 3, "args": []}}}, "no class"),
        ({"class": "os:system", "fields": {}}, "no subclass of Node"),
        ({"class": "builtins:int", "fields": {}}, "no subclass of Node"),
        ({"class": "omnitron.algebra:Parallel", "fields": {}}, "Describe the flow anew"),
    ],
)
def test_what_is_no_description_is_refused(root, text):
    """Misuse is said in words, whatever the data."""
    with pytest.raises(DefinitionError, match=text):
        rebuild({"omnitron": 1, "flow": root})


def test_checks_of_a_node_hold_for_descriptions():
    """A description that was edited into something wrong is refused as the combinator would refuse it."""
    data = parallel(flow(plain)).describe()
    data["flow"]["fields"]["threads"] = 0

    with pytest.raises(InvalidValue, match="threads"):
        rebuild(data)


def test_describing_runs_nothing():
    """Neither describing nor rebuilding calls a function of the flow."""
    tree = flow(test_tree.plain) | flow(os._exit) | flow(later)

    assert through_json(tree) == tree
