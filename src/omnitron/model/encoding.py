"""`canonical`: the bytes of a value that are the same in every process, for keys that must survive one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omnitron.errors import DefinitionError
from omnitron.model.record import Record

__all__ = ["canonical"]


def canonical(value: Any) -> bytes:
    """Encode plain data so that equal encodings mean the same value of the same type, whatever the process.

    Takes None, booleans, numbers, strings, bytes, tuples, lists, sets, mappings in any order, enum members, dates,
    durations, decimals, UUIDs, paths, records of the library, dataclasses, pydantic models. `1`, `True` and `1.0` differ.

    Raises:
        DefinitionError: a value of another type, whose `repr` or pickle need not be the same elsewhere.

    Example:
        >>> canonical({"b": 1, "a": (True, 1.0)}) == canonical({"a": (True, 1.0), "b": 1})
        True
    """
    out = bytearray()
    write(value, out)
    return bytes(out)


def write(value: Any, out: bytearray) -> None:
    """Append the encoding of a value: a tag, lengths, and the parts."""
    kind = type(value)
    if value is None or kind in (bool, int, float, complex):
        part(kind.__name__, repr(value).encode(), out)
    elif kind is str:
        part("str", value.encode("utf-8", "surrogatepass"), out)
    elif kind in (bytes, bytearray):
        part(kind.__name__, bytes(value), out)
    elif kind in (tuple, list):
        row(kind.__name__, value, out)
    elif kind in (set, frozenset):
        gathered(kind.__name__, [canonical(item) for item in value], out)
    elif isinstance(value, Mapping) and kind.__module__ in ("builtins", "collections", "types"):
        gathered("mapping", [canonical(key) + canonical(item) for key, item in value.items()], out)
    else:
        write_other(value, out)


def write_other(value: Any, out: bytearray) -> None:
    """Append a value of a class that has a name: fields, or a text that says all of it."""
    kind = type(value)
    module = kind.__module__
    module = module.partition(".")[0] if module.startswith("pathlib.") else module  # where a release of Python keeps it
    name = f"{module}.{kind.__qualname__}"
    if hasattr(value, "_value_") and hasattr(kind, "__members__"):  # an enum member
        part(name, str(getattr(value, "name", None) or value._value_).encode(), out)
    elif module in ("datetime", "decimal", "uuid", "pathlib", "fractions"):
        part(name, repr(value).encode(), out)
    else:
        row(name, [item for pair in fields_of(value).items() for item in pair], out)


def fields_of(value: Any) -> dict[str, Any]:
    """Give the fields of a record, a dataclass or a pydantic model."""
    kind = type(value)
    if isinstance(value, Record):
        names = kind.fields
    else:
        names = tuple(getattr(kind, "__dataclass_fields__", None) or getattr(kind, "__pydantic_fields__", None) or ())
        if not names:
            raise DefinitionError(
                f"{value!r} ({kind.__qualname__}) has no form that is the same in every process. Pass plain data, a "
                "dataclass or a pydantic model, or make the key yourself."
            )
    return {name: getattr(value, name) for name in names}


def part(tag: str, content: bytes, out: bytearray) -> None:
    """Append one tagged content with its length."""
    out += f"{tag}:{len(content)}:".encode()
    out += content


def row(tag: str, items: Any, out: bytearray) -> None:
    """Append tagged items in their order."""
    inside = bytearray()
    for item in items:
        write(item, inside)
    part(tag, bytes(inside), out)


def gathered(tag: str, items: list[bytes], out: bytearray) -> None:
    """Append tagged items that have no order."""
    part(tag, b"".join(sorted(items)), out)
