"""JSON Schema 2020-12 of parameters and results, by pydantic, which is imported only when a schema is asked for.

What a flow takes and gives is found in `omnitron.algebra`; what docstrings say, in `omnitron.code.docstrings`.
"""

from __future__ import annotations

import json
from collections import abc
from collections.abc import Iterable, Mapping
from inspect import Parameter
from types import GenericAlias, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, Unpack, get_args, get_origin

from omnitron.code.annotations import describe_annotation
from omnitron.errors import DefinitionError, MissingExtra
from omnitron.model import holds_secret

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["input_schema", "output_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EMPTY: Any = Parameter.empty
LISTED = (abc.Iterator, abc.Generator, abc.Iterable, abc.Collection)
STREAMED = (*LISTED, abc.AsyncIterator, abc.AsyncGenerator, abc.AsyncIterable)
BUILT_IN = (list, tuple, dict, set, frozenset)


def input_schema(
    title: str, parameters: Iterable[Parameter], texts: Mapping[str, str], description: str = ""
) -> dict[str, Any]:
    """Give the schema of an object of arguments by name.

    Args:
        title: the flow's name.
        parameters: with annotations that are looked up already; an empty one allows any value.
        texts: what the docstring says of parameters, by name.
        description: what the flow is for.

    Raises:
        DefinitionError: names the parameter whose annotation has no schema.
        MissingExtra: pydantic is not installed.
    """
    found = [one.replace(annotation=EMPTY) if get_origin(one.annotation) is Unpack else one for one in parameters]
    adapters = {one.name: adapter_of(one.annotation, f"the parameter {one.name!r} of {title!r}") for one in found}
    schemas, shared = schemas_of(adapters, {one.name: one.annotation for one in found}, title)
    properties: dict[str, Any] = {}
    required: list[str] = []
    more: Any = False
    for one in found:
        schema = schemas[one.name]
        if one.kind is one.VAR_KEYWORD:
            more = schema or True
            continue
        if one.kind is one.VAR_POSITIONAL:
            schema = {"type": "array", "items": schema}
        elif one.default is EMPTY:
            required.append(one.name)
        else:
            schema |= default_of(adapters[one.name], one)
        if one.name in texts:
            schema.setdefault("description", texts[one.name])
        properties[one.name] = schema
    head = {"$schema": DIALECT, "title": title, **({"description": description} if description else {})}
    body = {"type": "object", "properties": properties, **({"required": required} if required else {})}
    return {**head, **body, "additionalProperties": more, **shared}


def output_schema(title: str, annotation: Any, description: str = "") -> dict[str, Any]:
    """Give the schema of a result, as it is written out; an empty annotation allows any value.

    A stream is written out as the list of its items, an iterator inside of a result too.

    Raises:
        DefinitionError: the annotation has no schema.
        MissingExtra: pydantic is not installed.
    """
    what = f"the result of {title!r}"
    adapter = adapter_of(annotation, what, lists=STREAMED)
    from pydantic.errors import PydanticUserError  # there is a pydantic: an adapter was made

    try:
        schema = adapter.json_schema(mode="serialization")
    except (PydanticUserError, RecursionError) as error:
        raise refused(what, annotation, error) from error
    if description:
        schema.setdefault("description", description)
    return {"$schema": DIALECT, **schema}


def written(annotation: Any, lists: tuple[type, ...]) -> Any:
    """Give an annotation with lists in the place of the classes in `lists`, and of iterators inside."""
    origin, args = get_origin(annotation) or annotation, get_args(annotation)
    if any(origin is one for one in lists):
        return GenericAlias(list, written(args[0], LISTED)) if args else list
    if origin is Annotated:
        return Annotated[(written(args[0], lists), *args[1:])]
    if origin is Union or origin is UnionType:
        return Union[tuple(written(one, lists) for one in args)]  # noqa: UP007 - a tuple of them
    if args and any(origin is one for one in BUILT_IN):
        return GenericAlias(origin, tuple(written(one, LISTED) for one in args))
    return annotation


def adapter_of(annotation: Any, what: str, *, lists: tuple[type, ...] = ()) -> TypeAdapter[Any]:
    """Give what knows the schema of an annotation, for which lists may stand in the place of other classes."""
    try:
        from pydantic import TypeAdapter
        from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
    except ImportError as error:
        raise MissingExtra("schema", "pydantic") from error
    try:
        found = written(annotation, lists) if lists else annotation
        return TypeAdapter(Any if found is EMPTY else found)
    except (PydanticUserError, PydanticUndefinedAnnotation, RecursionError) as error:
        raise refused(what, annotation, error) from error


def schemas_of(
    adapters: Mapping[str, TypeAdapter[Any]], annotations: Mapping[str, Any], title: str
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Give the schema of each parameter, and the definitions that they share."""
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError

    try:
        found, shared = TypeAdapter.json_schemas([(name, "validation", one) for name, one in adapters.items()])
    except (PydanticUserError, RecursionError) as first:
        for name, one in adapters.items():
            try:
                one.json_schema()
            except (PydanticUserError, RecursionError) as error:
                raise refused(f"the parameter {name!r} of {title!r}", annotations[name], error) from error
        raise DefinitionError(f"no JSON Schema can be made for {title!r}: {first}") from first
    return {name: dict(schema) for (name, _), schema in found.items()}, dict(shared)


def refused(what: str, annotation: Any, error: Any) -> DefinitionError:
    """Say which annotation has no schema, and what to do."""
    if isinstance(error, RecursionError):
        return DefinitionError(f"{what} is annotated so deeply nested a type that no JSON Schema can be made of it.")
    shown = describe_annotation(annotation)
    said = str(getattr(error, "message", error)).strip().splitlines()[0].partition(". ")[0].rstrip(".")
    return DefinitionError(
        f"{what} is annotated {shown}, of which no JSON Schema can be made: {said}. Annotate plain data (a dataclass, a "
        "TypedDict, a pydantic model, built-in types), or give the class a `__get_pydantic_core_schema__`."
    )


def default_of(adapter: TypeAdapter[Any], parameter: Parameter) -> dict[str, Any]:
    """Give the default as the schema says it; nothing where JSON cannot say it, or it is declared to hold a Secret."""
    if holds_secret(parameter.annotation):  # somebody might send the mask
        return {}
    try:
        value = adapter.dump_python(parameter.default, mode="json", warnings=False)
        json.dumps(value, allow_nan=False)
    except Exception:
        return {}
    return {"default": value}
