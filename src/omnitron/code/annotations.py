"""What annotations say about neighbours in a pipe: refuse only what is certainly wrong.

A check here is a help at composition, not a type checker: everything that is not a plain class (or a union of plain
classes) on both sides passes.
"""

from __future__ import annotations

from types import FunctionType, GenericAlias, UnionType
from typing import Any, Union, get_args, get_origin

__all__ = ["UNKNOWN", "clash", "describe_annotation", "input_annotation", "output_annotation"]

UNKNOWN: Any = object()


def resolve(fn: FunctionType, annotation: Any, *, names: bool) -> Any:
    """Give the object behind an annotation; a string is looked up (only with `names`), what is not found is unknown."""
    if not isinstance(annotation, str):
        return annotation
    if not names:
        return UNKNOWN
    try:
        return eval(annotation, fn.__globals__, {})
    except Exception:
        return UNKNOWN


def output_annotation(fn: Any, *, names: bool = False) -> Any:
    """Give the annotated result of a function or UNKNOWN."""
    if isinstance(fn, type):
        return fn
    if type(fn) is not FunctionType:
        return UNKNOWN
    return resolve(fn, fn.__annotations__.get("return", UNKNOWN), names=names)


def input_annotation(fn: Any, *, names: bool = False) -> Any:
    """Give the annotation of the parameter that takes a pipe's value, or UNKNOWN."""
    if type(fn) is not FunctionType or not fn.__code__.co_argcount:
        return UNKNOWN
    return resolve(fn, fn.__annotations__.get(fn.__code__.co_varnames[0], UNKNOWN), names=names)


def classes(annotation: Any) -> tuple[type, ...] | None:
    """Give the plain classes that the annotation allows, or None if it says something else."""
    if annotation is None:
        return (type(None),)
    if hasattr(annotation, "__metadata__"):  # Annotated
        return classes(annotation.__origin__)
    if isinstance(annotation, GenericAlias):
        annotation = annotation.__origin__
    if isinstance(annotation, type):
        return (annotation,)
    if isinstance(annotation, UnionType) or get_origin(annotation) is Union:
        members = [classes(member) for member in get_args(annotation)]
        return None if None in members else tuple(kind for member in members for kind in member or ())
    origin = get_origin(annotation)
    return (origin,) if isinstance(origin, type) else None


PROMOTED = {(int, float), (int, complex), (float, complex), (bytearray, bytes), (memoryview, bytes)}


def related(given: type, wanted: type) -> bool:
    """Say whether a value of class `given` could be taken where `wanted` is asked for."""
    if given is object or wanted is object or (given, wanted) in PROMOTED:
        return True
    try:
        return issubclass(given, wanted) or issubclass(wanted, given)
    except TypeError:
        return True


def opaque(kind: type) -> bool:
    """Say whether a class is a protocol or checks its subclasses by its own rule, so that nothing certain follows."""
    return bool(getattr(kind, "_is_protocol", False)) or type(kind) is not type


def clash(given: Any, wanted: Any) -> bool:
    """Say whether no value annotated `given` can be taken where `wanted` is annotated.

    Example:
        >>> clash(int, str), clash(int, float), clash(list[int], list), clash(int | None, str | None)
        (True, False, False, False)
    """
    if given is UNKNOWN or wanted is UNKNOWN or given is wanted:
        return False
    outs, ins = classes(given), classes(wanted)
    if outs is None or ins is None or any(opaque(kind) for kind in (*outs, *ins)):
        return False
    return not any(related(out, into) for out in outs for into in ins)


def describe_annotation(annotation: Any) -> str:
    """Give the annotation as a reader would write it."""
    return (
        annotation.__name__
        if isinstance(annotation, type) and not isinstance(annotation, GenericAlias)
        else str(annotation)
    )
