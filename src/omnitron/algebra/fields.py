"""Checks at composition that need more than two neighbours: the fields of a record, a `when` without else."""

from __future__ import annotations

from typing import Any

from omnitron.algebra.looking import Look
from omnitron.algebra.node import Node
from omnitron.algebra.steps import last_part
from omnitron.code import clash, describe_annotation
from omnitron.errors import DefinitionError

__all__ = ["check_fields", "check_no_else"]


def field_names(record: Any) -> tuple[set[str], set[str]] | None:
    """Give the names that a record takes and those that it must get, or None if any name may be right."""
    import inspect

    required = getattr(record, "__required_keys__", None)
    if required is not None:
        return set(required) | set(record.__optional_keys__), set(required)
    try:
        parameters = inspect.signature(record).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    by_name = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return {p.name for p in by_name}, {p.name for p in by_name if p.default is p.empty}


def check_fields(record: Any, nodes: dict[str, Node]) -> None:
    """Refuse names that the record does not take or misses, and results that cannot be its fields."""
    shown = getattr(record, "__name__", repr(record))
    known = field_names(record)
    if known is not None:
        names, required = known
        unknown = [name for name in nodes if name not in names]
        if unknown:
            raise DefinitionError(
                f"gather: {shown} has no field {unknown[0]!r}; it has {', '.join(sorted(names)) or 'none'}."
            )
        missing = sorted(required - nodes.keys())
        if missing:
            raise DefinitionError(
                f"gather: {shown} needs {', '.join(missing)} too. Give a flow for each field without a default."
            )
    annotations = getattr(record, "__annotations__", {})
    for name, node in nodes.items():
        wanted = annotations.get(name)
        if wanted is None or isinstance(wanted, str):
            continue
        given = Look().gives(node)
        if clash(given, wanted):
            raise DefinitionError(
                f"gather: {last_part(node).name!r} gives {describe_annotation(given)}, "
                f"but {shown}.{name} is {describe_annotation(wanted)}."
            )


def check_no_else(then: Node) -> None:
    """Refuse a `when` without else whose branch gives another type than it takes."""
    known = then.parameters()
    if known is not None and not (known.take(1) and known.positional):
        raise DefinitionError(
            f"`when` without `else_` gives the input itself where the test is false, and {then.name!r} takes "
            f"({known.declared}), which is not one value. Name an `else_`."
        )
    look = Look(names=True)
    given, wanted = look.gives(then), look.takes(then)
    if clash(given, wanted):
        raise DefinitionError(
            f"`when` without `else_` gives the input itself where the test is false: {describe_annotation(wanted)}, but "
            f"{then.name!r} gives {describe_annotation(given)}. Name an `else_`, or make both of one type."
        )
