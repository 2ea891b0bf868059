"""From words and JSON to the arguments of a call, each checked against the annotation of its parameter.

`parameters_of` says what a flow takes, `read_arguments` gives positional and keyword arguments. pydantic does the
checking; which flow it is for is found in `omnitron.cli.targets`.
"""

from __future__ import annotations

import collections.abc
import decimal
import enum
import fractions
import inspect
import json
import os
import shlex
import typing
from collections.abc import Callable, Iterable, Mapping
from types import GenericAlias
from typing import Annotated, Any, NoReturn, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError

from omnitron.algebra import is_need, typed_parameters
from omnitron.cli.exits import Misuse
from omnitron.cli.slips import near_text
from omnitron.cli.targets import AnyFlow
from omnitron.errors import DefinitionError
from omnitron.model import Secret, annotations_inside, holds_secret
from omnitron.runtime import Key, Resource

__all__ = [
    "NOTHING",
    "adapter_of",
    "as_json_or_text",
    "complaints",
    "from_text",
    "parameters_of",
    "read_arguments",
    "read_pairs",
    "read_settings",
]

NOTHING: Any = object()
"""Stands for an input that was not given."""

EMPTY: Any = inspect.Parameter.empty
NAMED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
TEXTS = (str, bytes, decimal.Decimal, fractions.Fraction, os.PathLike, complex)
LISTS = (collections.abc.Iterable, collections.abc.Collection)


# ------------------------------------------------------------------ what a flow takes


def parameters_of(flow: AnyFlow) -> dict[str, inspect.Parameter]:
    """Give the parameters of a flow with their annotations, as far as its functions tell them.

    Raises:
        Misuse: an annotation is a text that names nothing.
    """
    try:
        return typed_parameters(flow.node)
    except DefinitionError as error:
        raise Misuse(str(error)) from error


# ------------------------------------------------------------------ what the command gives


def read_pairs(
    words: Iterable[str], find: Callable[[], AnyFlow] | None = None, *, options: Iterable[str] = ()
) -> dict[str, str]:
    """Split words of the form `name=value`.

    Args:
        words: as the command has them.
        find: gives the flow that they are for; asked only for what to write instead of a word of another form.
        options: the command's own, one of which a word with dashes may have meant.

    Raises:
        Misuse: a word of another form, or a name given twice.
    """
    pairs: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if word.startswith("-"):
            bare = name.lstrip("-").replace("-", "_") or "name"
            raise Misuse(
                f"there is no option {name!r}. {near_text(name, options)}"
                f"Arguments of the flow are written without dashes: {bare}=VALUE."
            )
        if not equals or not name.isidentifier():
            refuse_word(word, pairs, find)
        if name in pairs:
            raise Misuse(f"the argument {name!r} is given twice.")
        pairs[name] = text
    return pairs


def refuse_word(word: str, pairs: Mapping[str, str], find: Callable[[], AnyFlow] | None) -> NoReturn:
    """Refuse a word that is no argument, with what to write instead: the first parameter that is not given yet.

    That is one a caller would give by its place, or has to give. A word that stands for a Secret is not shown, nor what
    stands behind a `=`, which may be one.
    """
    try:
        parameters = {} if find is None else parameters_of(find())
    except Misuse:  # the word is wrong anyway, and comes first
        parameters = {}
    free = (one for name, one in parameters.items() if one.kind in NAMED and name not in pairs and not is_need(one))
    first = next((one for one in free if one.kind is not one.KEYWORD_ONLY or one.default is EMPTY), None)
    before, equals, _ = word.partition("=")
    shown, value = (f"{before}=…", "VALUE") if equals else (word, shlex.quote(word))
    if first is not None and holds_secret(first.annotation):
        shown, value = "…", "VALUE"
    instead = "" if first is None else f", here {first.name}={value}"
    raise Misuse(f"{shown!r} is no argument: arguments of the flow are written name=value{instead}.")


def read_settings(words: Iterable[str]) -> dict[str, str]:
    """Split the values for the context, `key=value`, whose keys may be any texts.

    Raises:
        Misuse: a word of another form, or a key given twice.
    """
    pairs: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            shown = "=…" if equals else word
            raise Misuse(f"{shown!r} is no value for the context: it is written --context KEY=VALUE.")
        if name in pairs:
            raise Misuse(f"the value {name!r} for the context is given twice.")
        pairs[name] = text
    return pairs


def read_arguments(
    flow: AnyFlow, words: Mapping[str, str], given: Any = NOTHING
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Give the arguments of a call of `flow`.

    Args:
        flow: what is to be called.
        words: arguments by name, as texts.
        given: an input that was JSON: an object of arguments by name, or the value of the flow's one parameter.

    Raises:
        Misuse: names each parameter that is missing, unknown, given twice or not of its type.
    """
    every = parameters_of(flow)
    parameters = {name: one for name, one in every.items() if not is_need(one)}
    values = {} if given is NOTHING else by_name(flow, parameters, given)
    twice = sorted(words.keys() & values.keys())
    if twice:
        raise Misuse(f"{', '.join(map(repr, twice))} is given as name=value and in the input; give it once.")
    more = next((one for one in parameters.values() if one.kind is one.VAR_KEYWORD), None)
    rest = next((one for one in parameters.values() if one.kind is one.VAR_POSITIONAL), None)
    known = {name: one for name, one in parameters.items() if one is not more}
    read: dict[str, Any] = {}
    wrong: list[str] = []
    for name in (*words, *values):
        if name in every and name not in parameters:
            wrong.append(f"{name}: {filled_text(every[name].default.target)}")
            continue
        if name not in known and more is None:
            near = near_text(name, known.keys() - words.keys() - values.keys()).rstrip(". ")
            wrong.append(f"{name}: there is no such parameter{near and f'. {near}'}")
            continue
        annotation = known[name].annotation if name in known else getattr(more, "annotation", EMPTY)
        if rest is not None and name == rest.name and annotation is not EMPTY:
            annotation = GenericAlias(list, annotation)
        try:
            adapter = adapter_of(annotation, f"the parameter {name!r}")
            read[name] = (
                from_text(adapter, annotation, words[name]) if name in words else from_json(adapter, values[name])
            )
        except ValidationError as error:
            wrong += complaints(name, error, annotation)
    missing = [
        name
        for name, one in known.items()
        if one.kind in NAMED and one.default is EMPTY and name not in words and name not in values
    ]
    if missing:
        wrong.append(f"{', '.join(missing)}: missing")
    if wrong:
        raise Misuse(
            "the arguments do not fit.\n" + "\n".join(f"  {line}" for line in wrong) + f"\n{takes(flow, parameters)}"
        )
    return arranged(parameters, read)


def filled_text(target: Any) -> str:
    """Say how a parameter is filled that is not given as an argument."""
    if isinstance(target, Key):
        return f"is filled from the context; give it as --context {target.name}=VALUE"
    return f"is filled by the {'resource' if isinstance(target, Resource) else 'context'}, not given as an argument"


def by_name(flow: AnyFlow, parameters: Mapping[str, inspect.Parameter], given: Any) -> dict[str, Any]:
    """Give an input as arguments by name."""
    named = [one for one in parameters.values() if one.kind in NAMED]
    required = [one for one in named if one.default is EMPTY]
    rest = next((one for one in parameters.values() if one.kind is one.VAR_POSITIONAL), None)
    single = named[0] if len(named) == 1 else required[0] if len(required) == 1 else None
    if isinstance(given, dict):
        names_only = given.keys() <= parameters.keys() or any(
            one.kind is one.VAR_KEYWORD for one in parameters.values()
        )
        if single is None or (given and names_only):
            return given
    if single is not None:
        return {single.name: given}
    if rest is not None and not named:
        return {rest.name: [given]}
    raise Misuse(
        f"the input is a JSON {type(given).__name__}, but this flow needs an object of arguments by name. "
        f"{takes(flow, parameters)}"
    )


def takes(flow: AnyFlow, parameters: Mapping[str, inspect.Parameter]) -> str:
    """Say what a flow takes."""
    text = str(inspect.Signature(list(parameters.values())))
    return f"The flow {flow.name!r} takes {text}." if parameters else f"The flow {flow.name!r} takes no argument."


def arranged(
    parameters: Mapping[str, inspect.Parameter], read: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Give arguments by name as positional ones where the parameters ask for it, else by keyword."""
    positional: list[Any] = []
    by_place = any(one.kind is one.VAR_POSITIONAL and read.get(name) for name, one in parameters.items())
    places = [
        name
        for name, one in parameters.items()
        if one.kind is one.POSITIONAL_ONLY or (by_place and one.kind is one.POSITIONAL_OR_KEYWORD)
    ]
    while places and not by_place and places[-1] not in read:
        places.pop()
    positional += [read.pop(name, parameters[name].default) for name in places]
    for name, one in parameters.items():
        if one.kind is one.VAR_POSITIONAL:
            positional += read.pop(name, ())
    return tuple(positional), read


# ------------------------------------------------------------------ one value


def adapter_of(annotation: Any, what: str) -> TypeAdapter[Any]:
    """Give what checks values against an annotation; `what` says whose it is."""
    if annotation is EMPTY:
        annotation = Any
    elif get_origin(annotation) in LISTS:
        annotation = GenericAlias(list, get_args(annotation))
    try:
        return TypeAdapter(annotation)
    except PydanticUndefinedAnnotation as error:
        raise Misuse(f"the annotation of {what} names {error.name!r}, which is not defined.") from error
    except PydanticUserError as error:
        said = error.message.splitlines()[0].partition(". ")[0]  # then comes what helps only who writes models
        raise Misuse(f"{what} cannot be read from outside: {said}.") from error


def from_text(adapter: TypeAdapter[Any], annotation: Any, text: str) -> Any:
    """Read a text as JSON if the annotation takes it so, else as it stands; text types always as it stands."""
    if is_text(annotation):
        return adapter.validate_python(text)
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        as_json = error
    try:
        return adapter.validate_python(text)
    except ValidationError:
        if text[:1] not in ("[", "{") and as_json.errors(include_url=False)[0]["type"] == "json_invalid":
            raise
    raise as_json


def from_json(adapter: TypeAdapter[Any], value: Any) -> Any:
    """Check a value that was JSON, by the rules for JSON."""
    return adapter.validate_json(json.dumps(value))


def as_json_or_text(text: str) -> Any:
    """Give the JSON value that a text is, or the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def is_text(annotation: Any) -> bool:
    """Say whether an annotation is one of the types that are written as text, or a Secret of one (or of anything)."""
    while True:
        if get_origin(annotation) in (Annotated, Secret):
            annotation = get_args(annotation)[0]
        elif annotation is Secret:
            return True
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        else:
            break
    return isinstance(annotation, type) and issubclass(annotation, TEXTS) and not issubclass(annotation, enum.Enum)


def complaints(name: str, error: ValidationError, annotation: Any) -> list[str]:
    """Say for each thing that is wrong where it stands and what it is; what was given, unless a Secret may be in it."""
    hidden = holds_secret(annotation)
    known = {field for field, _ in annotations_inside(annotation) if field} if hidden else set()
    lines = []
    for one in error.errors(include_url=False):
        parts = [part for part in one["loc"] if not hidden or isinstance(part, int) or part in known]
        place = name + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
        got = "" if hidden or one["type"] in ("missing", "json_invalid") else f", got {shortened(one['input'])}"
        lines.append(f"{place}: {one['msg']}{got}")
    return lines


def shortened(value: Any) -> str:
    """Give a value as text of bounded length."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
