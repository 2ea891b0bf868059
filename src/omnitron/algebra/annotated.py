"""What a tree takes and gives, as far as the annotations and docstrings of its functions tell.

Two questions are asked of each kind of node: who takes the arguments (`annotation_at`, `takers`), and what leaves it (the
table `RESULTS`). What nobody annotated is `EMPTY`, which allows everything. Imports `inspect`, so only when asked.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from types import GenericAlias
from typing import Any, get_args, get_origin

from omnitron.algebra.batching import Batched
from omnitron.algebra.branching import Gather, Parallel, TryWith, When
from omnitron.algebra.choosing import ByType, Choose, Keep, Tap
from omnitron.algebra.chunking import Chunked
from omnitron.algebra.loops import Each
from omnitron.algebra.node import Node
from omnitron.algebra.policing import Policy
from omnitron.algebra.racing import Race
from omnitron.algebra.recovering import Fallback
from omnitron.algebra.refining import Bound, Receiver, Star
from omnitron.algebra.repeating import Loop
from omnitron.algebra.signature import signature_of
from omnitron.algebra.steps import Identity, Sequence, Step
from omnitron.algebra.streams import Stream
from omnitron.algebra.undoing import Undo
from omnitron.algebra.walking import derived_meta
from omnitron.code import UNKNOWN, input_schema, item_annotation, output_schema, parameter_texts, stream_colour
from omnitron.errors import DefinitionError

__all__ = [
    "annotation_at",
    "given",
    "input_schema_of",
    "is_need",
    "looked_up",
    "output_schema_of",
    "typed_parameters",
    "typed_result",
]

EMPTY: Any = inspect.Parameter.empty
Came = Callable[[], Any]


# ------------------------------------------------------------------ schemas


def input_schema_of(node: Node) -> dict[str, Any]:
    """Give the schema of the arguments by name; parameters that the context fills are no part of it."""
    parameters = [one for one in typed_parameters(node).values() if not is_need(one)]
    texts: dict[str, str] = {}
    for step in takers(node):
        texts = parameter_texts(step.fn)[0] | texts
    return input_schema(node.name, parameters, texts, derived_meta(node).description)


def output_schema_of(node: Node) -> dict[str, Any]:
    """Give the schema of the result."""
    giver = node
    while isinstance(giver, (Sequence, *REFINEMENTS)):
        giver = giver.children[-1] if isinstance(giver, Sequence) else giver.children[0]
    text = parameter_texts(giver.fn)[1] if isinstance(giver, Step) else ""
    return output_schema(node.name, typed_result(node), text)


def is_need(parameter: inspect.Parameter) -> bool:
    """Say whether a parameter is one that the context fills: keyword-only, its default a `needs(...)`."""
    return parameter.kind is parameter.KEYWORD_ONLY and type(parameter.default).__name__ in NEEDS


NEEDS = ("Need", "Needs")


# ------------------------------------------------------------------ what it takes


def typed_parameters(node: Node) -> dict[str, inspect.Parameter]:
    """Give the parameters of a tree with their annotations, texts looked up.

    Raises:
        DefinitionError: an annotation is a text that names nothing.
    """
    found: dict[str, inspect.Parameter] = {}
    for place, parameter in enumerate(signature_of(node).parameters.values()):
        annotation = annotation_at(node, place, parameter.name)
        found[parameter.name] = parameter.replace(annotation=annotation)
    return found


def annotation_at(node: Node, place: int, name: str) -> Any:
    """Give the annotation of the parameter `name` (the one number `place`) of a tree."""
    if isinstance(node, Step):
        return step_annotation(node.fn, place, name)
    if isinstance(node, (Each, Stream)):
        item = annotation_at(node.body, 0, "")
        return EMPTY if item is EMPTY else GenericAlias(list, item)
    if isinstance(node, (Batched, Chunked)):
        item = member(annotation_at(node.body, 0, ""))
        return item if item is EMPTY or isinstance(node, Batched) else GenericAlias(list, item)
    shift = 1 if isinstance(node, Receiver) else 0
    for child in entries(node):
        annotation = annotation_at(child, place + shift, name)
        if annotation is not EMPTY:
            return annotation
    return EMPTY


def entries(node: Node) -> tuple[Node, ...]:
    """Give the children that are called with the node's own arguments."""
    if isinstance(node, (Sequence, TryWith, Undo, Loop)):
        return node.children[:1]
    return () if isinstance(node, (Batched, Chunked, Each, Star, Stream)) else node.children


def takers(node: Node) -> Iterator[Step]:
    """Give the steps that are called with the arguments of a tree, in order."""
    stack = [node]
    while stack:
        one = stack.pop()
        if isinstance(one, Step):
            yield one
        stack += reversed(entries(one))


def step_annotation(fn: Any, place: int, name: str) -> Any:
    """Give the annotation of one parameter of a function, by name or else by place, texts looked up."""
    try:
        known = inspect.signature(fn).parameters
    except (TypeError, ValueError):
        return EMPTY
    if name in known:
        parameter = known[name]
    elif place < len(known):
        parameter = list(known.values())[place]
    else:
        return EMPTY
    return looked_up(fn, parameter.name, parameter.annotation, f"the parameter {parameter.name!r}")


def looked_up(fn: Any, name: str, annotation: Any, what: str) -> Any:
    """Give an annotation with the texts in it evaluated where its function stands."""
    if annotation is EMPTY:
        return EMPTY
    holder = types.SimpleNamespace(__annotations__={name: annotation})
    try:
        return typing.get_type_hints(holder, globalns=globals_of(fn), include_extras=True)[name]
    except Exception as error:
        raise DefinitionError(
            f"the annotation {annotation!r} of {what} cannot be looked up: "
            f"{type(error).__name__}: {error}. Import what it names at the top of its module."
        ) from error


def globals_of(fn: Any) -> dict[str, Any]:
    """Give the names among which a function was written."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    fn = inspect.unwrap(fn)
    for part in (fn, getattr(fn, "__init__", None), vars(type(fn)).get("__call__")):
        space = getattr(part, "__globals__", None)
        if isinstance(space, dict):
            return space
    module = sys.modules.get(getattr(fn, "__module__", None) or "")
    return {} if module is None else vars(module)


# ------------------------------------------------------------------ what it gives


def typed_result(node: Node) -> Any:
    """Give the annotation of what a tree gives, texts looked up.

    Raises:
        DefinitionError: an annotation is a text that names nothing.
    """
    return given(node, lambda: value_taken(node))


def given(node: Node, came: Came) -> Any:
    """Give the annotation of a node's result, where `came` gives that of the one value that it is called with."""
    rule = next((RESULTS[kind] for kind in type(node).__mro__ if kind in RESULTS), None)
    return EMPTY if rule is None else rule(node, came)


def value_taken(node: Node) -> Any:
    """Give the annotation of the one value that a tree is called with."""
    taken = [one for one in typed_parameters(node).values() if not is_need(one)]
    return taken[0].annotation if len(taken) == 1 and taken[0].kind in BY_PLACE else EMPTY


BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def step_result(node: Step, came: Came) -> Any:
    """Give what a function is annotated to give; for an async one, what is there when it was awaited.

    A stream is written out as the list of its items.
    """
    fn = node.fn
    annotation = function_result(fn)
    if stream_colour(fn):
        item = item_annotation(annotation)
        return list if item is UNKNOWN else GenericAlias(list, item)
    awaited = get_origin(annotation) in (Awaitable, Coroutine) and node.is_async
    if awaited and not inspect.iscoroutinefunction(inspect.unwrap(fn)):
        return get_args(annotation)[-1]
    return annotation


def function_result(fn: Any) -> Any:
    """Give the annotated result of a callable; a class gives itself."""
    made = fn.func if isinstance(fn, functools.partial) else fn
    if isinstance(made, type):
        return made
    try:
        annotation = inspect.signature(fn).return_annotation
    except (TypeError, ValueError):
        return EMPTY
    return looked_up(fn, "return", annotation, f"the result of {getattr(fn, '__name__', repr(fn))!r}")


def sequence_result(node: Sequence, came: Came) -> Any:
    """Give what the last part gives; a long row of parts that pass their input on is gone along without recursion."""
    parts = node.parts
    place = len(parts) - 1
    while place >= 0 and passes(parts[place]):
        place -= 1
    annotation = row_result(parts, place, came)
    for part in parts[place + 1 :]:
        annotation = given(part, functools.partial(as_it_is, annotation))
    return annotation


def row_result(parts: tuple[Node, ...], place: int, came: Came) -> Any:
    """Give what the part at `place` gives."""
    if place < 0:
        return came()
    before = came if not place else lambda: sequence_result(Sequence(parts[:place]), came)
    return given(parts[place], before)


def as_it_is(annotation: Any) -> Any:
    """Give an annotation that is known already."""
    return annotation


def passes(node: Node) -> bool:
    """Say whether a node may give its own input on."""
    return isinstance(node, (Identity, Tap)) or (isinstance(node, When) and node.otherwise is None)


def parallel_result(node: Parallel, came: Came) -> Any:
    """Give a tuple; of outcomes only their number is known."""
    inside = [Any if node.mode == "collect" or node.quorum else anything_for(given(one, came)) for one in node.branches]
    return GenericAlias(tuple, tuple(inside))


def gather_result(node: Gather, came: Came) -> Any:
    """Give the record; of a plain dict, what its values are."""
    if node.record is dict:
        return GenericAlias(dict, (str, anything_for(union(*(given(one, came) for one in node.branches)))))
    return function_result(node.record)


def when_result(node: When, came: Came) -> Any:
    """Give what either branch gives."""
    return union(given(node.then, came), came() if node.otherwise is None else given(node.otherwise, came))


def try_result(node: TryWith, came: Came) -> Any:
    """Give what the body gives, or what is made of its error."""
    inside = given(node.body, came)
    return inside if node.catch is None else union(inside, given(node.catch, nobody))


def each_result(node: Each, came: Came) -> Any:
    """Give a list, or what the reducer gives."""
    if node.fold is not None:
        return function_result(node.fold)
    item = EMPTY if node.mode == "collect" or node.quorum else given(node.body, nobody)
    return list if item is EMPTY else GenericAlias(list, item)


def stream_result(node: Stream, came: Came) -> Any:
    """Give a list of what the body gives, which is how a stream is written out."""
    item = EMPTY if node.mode == "collect" else given(node.body, nobody)
    return list if item is EMPTY else GenericAlias(list, item)


def batched_result(node: Batched, came: Came) -> Any:
    """Give what the members of the body's list are."""
    return member(given(node.body, nobody))


def chunked_result(node: Chunked, came: Came) -> Any:
    """Give a list of what the members of the body's list are."""
    item = EMPTY if node.mode == "collect" else member(given(node.body, nobody))
    return list if item is EMPTY else GenericAlias(list, item)


def any_result(node: Any, came: Came) -> Any:
    """Give what any of the branches gives."""
    return union(*(given(one, came) for one in node.branches))


def chosen_result(node: Choose | ByType, came: Came) -> Any:
    """Give what any of the arms gives."""
    arms = node.children[1:] if isinstance(node, Choose) else node.arms
    return union(*(given(one, came) for one in arms))


def kept_result(node: Keep, came: Came) -> Any:
    """Give a pair of what came and what the body makes of it."""
    return GenericAlias(tuple, (anything_for(came()), anything_for(given(node.body, came))))


def refined_result(node: Any, came: Came) -> Any:
    """Give what the body gives."""
    return given(node.body, came if isinstance(node, Policy) else nobody)


def nobody() -> Any:
    """Give the annotation of a value that nothing is known of."""
    return EMPTY


def union(*annotations: Any) -> Any:
    """Give what is of one of several annotations; nothing is known of it when nothing is known of one."""
    if any(one is EMPTY for one in annotations):
        return EMPTY
    try:
        return typing.Union[annotations]  # noqa: UP007 - a tuple of them
    except TypeError:
        return EMPTY


def member(annotation: Any) -> Any:
    """Give the annotation of the members of a list."""
    item = UNKNOWN if annotation is EMPTY else item_annotation(annotation)
    return EMPTY if item is UNKNOWN else item


def anything_for(annotation: Any) -> Any:
    """Give an annotation that can stand inside another."""
    return Any if annotation is EMPTY else annotation


REFINEMENTS = (Bound, Policy, Receiver, Star)
RESULTS: dict[type[Node], Callable[[Any, Came], Any]] = {
    Step: step_result,
    Sequence: sequence_result,
    Parallel: parallel_result,
    Gather: gather_result,
    When: when_result,
    TryWith: try_result,
    Each: each_result,
    Stream: stream_result,
    Batched: batched_result,
    Chunked: chunked_result,
    Identity: lambda node, came: came(),
    Tap: lambda node, came: came(),
    Keep: kept_result,
    Choose: chosen_result,
    ByType: chosen_result,
    Fallback: any_result,
    Race: any_result,
    Loop: refined_result,
    **dict.fromkeys(REFINEMENTS, refined_result),
}
"""What leaves each kind of node; a node that is not listed may give anything."""
