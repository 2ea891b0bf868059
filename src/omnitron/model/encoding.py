"""`canonical`: the bytes of a value that are the same in every process, for keys that must survive one.

A `Secret` has none; what may stand for one in a key of this process is its `keyed_hash`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from omnitron.errors import DefinitionError
from omnitron.model.record import Record
from omnitron.model.secrecy import PROCESS_KEY, Secret

__all__ = ["canonical", "keyed_hash"]

StandIn: TypeAlias = Callable[[Secret[Any]], bytes] | None


def canonical(value: Any, *, secret: StandIn = None) -> bytes:
    """Encode plain data so that equal encodings mean the same value of the same type, whatever the process.

    Takes None, booleans, numbers, strings, bytes, tuples, lists, sets, mappings in any order, enum members, dates,
    durations, decimals, UUIDs, paths, records of the library, dataclasses, pydantic models. `1`, `True` and `1.0` differ.

    Args:
        value: the data.
        secret: gives what stands for a Secret in it, for example `keyed_hash`; left out, a Secret is refused.

    Raises:
        DefinitionError: a value of another type, whose `repr` or pickle need not be the same elsewhere.

    Example:
        >>> canonical({"b": 1, "a": (True, 1.0)}) == canonical({"a": (True, 1.0), "b": 1})
        True
    """
    out = bytearray()
    write(value, out, secret)
    return bytes(out)


def keyed_hash(secret: Secret[Any]) -> bytes:
    """Give 32 bytes that stand for a secret in keys of this process: equal for equal values of the same type.

    They are made with a random key of this process: other processes (but those that are forked from it) give others, and
    nobody there can guess the value by trying. So they are for keys that stay in the process.

    Raises:
        DefinitionError: what it holds has no form that is the same in every process.
    """
    found = digest_of(secret)
    if found is None:
        raise DefinitionError(
            f"a Secret of a {type(secret.reveal()).__qualname__} has no form that makes a key. Let it hold plain data, a "
            "dataclass or a pydantic model, or make the key yourself."
        )
    return found


def digest_of(secret: Secret[Any]) -> bytes | None:
    """Give the same, or None. See Note [No trace of a value] in `omnitron.model.secrecy`."""
    from hashlib import blake2b

    try:
        return blake2b(canonical(secret.reveal(), secret=keyed_hash), key=PROCESS_KEY, digest_size=32).digest()
    except Exception:
        return None


def write(value: Any, out: bytearray, secret: StandIn) -> None:
    """Append the encoding of a value: a tag, lengths, and the parts."""
    kind = type(value)
    if value is None or kind in (bool, int, float, complex):
        part(kind.__name__, repr(value).encode(), out)
    elif kind is str:
        part("str", value.encode("utf-8", "surrogatepass"), out)
    elif kind in (bytes, bytearray):
        part(kind.__name__, bytes(value), out)
    elif kind in (tuple, list):
        row(kind.__name__, value, out, secret)
    elif kind in (set, frozenset):
        gathered(kind.__name__, [canonical(item, secret=secret) for item in value], out)
    elif isinstance(value, Mapping) and kind.__module__ in ("builtins", "collections", "types"):
        pairs = [canonical(key, secret=secret) + canonical(item, secret=secret) for key, item in value.items()]
        gathered("mapping", pairs, out)
    elif isinstance(value, Secret):
        if secret is None:
            raise DefinitionError(
                "a Secret has no encoding, because who reads the key could read it. Leave it out of the key, or say by "
                "`secret=` what stands in its place."
            )
        part("secret", secret(value), out)
    elif isinstance(value, type) and "<" not in kind.__qualname__ + value.__qualname__:  # of a name that leads to it
        module = value.__module__
        module = module.partition(".")[0] if module.startswith("pathlib.") else module
        part("class", f"{module}.{value.__qualname__}".encode(), out)
    else:
        write_other(value, out, secret)


def write_other(value: Any, out: bytearray, secret: StandIn) -> None:
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
        row(name, [item for pair in fields_of(value).items() for item in pair], out, secret)


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


def row(tag: str, items: Any, out: bytearray, secret: StandIn) -> None:
    """Append tagged items in their order."""
    inside = bytearray()
    for item in items:
        write(item, inside, secret)
    part(tag, bytes(inside), out)


def gathered(tag: str, items: list[bytes], out: bytearray) -> None:
    """Append tagged items that have no order."""
    part(tag, b"".join(sorted(items)), out)
