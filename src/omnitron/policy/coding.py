"""Results as bytes that are safe to load: JSON with tags, and classes only where an annotation names them. No pickle.

What stands for itself in JSON does so (None, booleans, numbers, texts, lists); anything else is an object of one tag:
`{"tuple": [1, 2]}`. A dataclass, a record, a pydantic model, a named tuple or an enum member is
`{"class": ["shop:Order", {...}]}` (of a model, with the fields that were not set, if there are any), and loads only if the
annotation of the result leads to that very class: what somebody wrote into a store never chooses what is called.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, get_args, get_origin

from omnitron.errors import DefinitionError
from omnitron.model import Record

__all__ = ["Coding"]

DEEPEST = 100


class Coding:
    """Writes and reads the results of one flow.

    Args:
        annotation: of the result; what it does not name of classes cannot be kept.

    Example:
        >>> coding = Coding(None)
        >>> coding.decode(coding.encode({"a": (1, b"b")}))
        {'a': (1, b'b')}
    """

    __slots__ = ("classes",)

    def __init__(self, annotation: Any) -> None:
        self.classes = {path_of(kind): kind for kind in classes_in(annotation)}

    def encode(self, value: Any) -> bytes:
        """Give the bytes of a result.

        Raises:
            DefinitionError: something in it could not be read again as what it is.
        """
        import json

        try:
            return json.dumps(self.write(value, 0), ensure_ascii=True, separators=(",", ":")).encode()
        except RecursionError:
            raise DefinitionError("it is nested too deep, or in itself") from None

    def decode(self, data: bytes) -> Any:
        """Give the result of bytes.

        Raises:
            ValueError: they are no result of this flow, whatever they are.
        """
        import json

        try:
            return self.read(json.loads(data))
        except ValueError:
            raise
        except Exception as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error

    def write(self, value: Any, level: int) -> Any:
        """Give what JSON writes for a value."""
        kind = type(value)
        if value is None or kind in (bool, str):
            return value
        if level > DEEPEST:
            raise DefinitionError("it is nested too deep, or in itself")
        if kind is int:
            return value if -(2**63) <= value < 2**63 else {"int": hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is list:
            return [self.write(item, level + 1) for item in value]
        if kind in (tuple, set, frozenset):
            return {kind.__name__: [self.write(item, level + 1) for item in value]}
        if kind is dict:
            return {"dict": [[self.write(key, level + 1), self.write(item, level + 1)] for key, item in value.items()]}
        if kind in (bytes, bytearray):
            from base64 import b64encode

            return {kind.__name__: b64encode(value).decode()}
        if kind.__module__ in ("datetime", "zoneinfo", "decimal", "uuid", "fractions", "pathlib", "builtins") or (
            kind.__module__.startswith("pathlib.")
        ):
            return write_text(value)
        held = [path_of(kind), self.write_fields(kind, value, level)]
        unset = sorted(set(field_names(kind)) - value.__pydantic_fields_set__) if is_model(kind) else []
        return {"class": [*held, unset] if unset else held}

    def write_fields(self, kind: Any, value: Any, level: int) -> Any:
        """Give what JSON writes for an object of a class."""
        if self.classes.get(path_of(kind)) is not kind:
            raise DefinitionError(
                f"it has a {kind.__module__}.{kind.__qualname__}, and only plain data and what the annotation of the "
                "result leads to (dataclasses, pydantic models, enums, named tuples) can be read again"
            )
        members = getattr(kind, "__members__", None)
        if members is not None:  # several flags at once are no member, and have no name but their number
            return self.write(value._name_ if value._name_ in members else value._value_, level + 1)
        return {name: self.write(getattr(value, name), level + 1) for name in field_names(kind)}

    def read(self, form: Any) -> Any:
        """Give the value of what JSON read."""
        if isinstance(form, list):
            return [self.read(item) for item in form]
        if not isinstance(form, dict):
            return form
        ((tag, held),) = form.items()
        if tag == "class":
            return self.read_object(*held)
        if tag == "dict":
            return {self.read(key): self.read(item) for key, item in held}
        if tag in ROWS:
            return ROWS[tag]([self.read(item) for item in held])
        return READERS[tag](held)

    def read_object(self, path: str, held: Any, unset: Sequence[str] = ()) -> Any:
        """Give an object of a class that the annotation leads to; its own constructor has the last word."""
        kind = self.classes[path]
        if hasattr(kind, "__members__"):
            return kind[held] if isinstance(held, str) else kind(self.read(held))
        fields = {name: self.read(item) for name, item in held.items()}
        if hasattr(kind, "model_validate"):
            made = kind.model_validate(fields, by_name=True) if takes_names(kind) else kind.model_validate(fields)
            made.__pydantic_fields_set__.difference_update(unset)
            return made
        return kind(**fields)


def is_model(kind: Any) -> bool:
    """Say whether a class is a pydantic model."""
    return isinstance(kind.__dict__.get("__pydantic_fields__"), dict) and hasattr(kind, "model_validate")


def takes_names(kind: Any) -> bool:
    """Say whether a pydantic model has aliases, so that its fields have to be given by name."""
    return any(field.alias is not None or field.validation_alias is not None for field in kind.model_fields.values())


ROWS: Mapping[str, Callable[[Any], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}


def write_text(value: Any) -> Any:
    """Give what JSON writes for a date, a number or a path of the standard library."""
    name = type(value).__name__
    if name in ("datetime", "time"):
        zone = value.tzinfo
        where = None if zone is None else getattr(zone, "key", None) or zone_seconds(zone)
        return {name: [value.replace(tzinfo=None, fold=0).isoformat(), value.fold, where]}
    if name == "timedelta":
        return {name: [value.days, value.seconds, value.microseconds]}
    if name == "complex":
        return {name: repr(value)}
    if name in READERS:
        return {name: value.isoformat() if name == "date" else str(value)}
    raise DefinitionError(f"it has a {type(value).__module__}.{name}, which no store can hold")


def read_bytes(text: str) -> bytes:
    """Give the bytes of a text."""
    from base64 import b64decode

    return b64decode(text, validate=True)


def zone_seconds(zone: Any) -> float:
    """Give the offset of a fixed zone."""
    from datetime import timezone

    if type(zone) is not timezone or zone != timezone(zone.utcoffset(None)) or zone.tzname(None)[:3] != "UTC":
        raise DefinitionError(f"it has a time in the zone {zone!r}, which no store can hold")
    return zone.utcoffset(None).total_seconds()


def read_zoned(name: str, text: str, fold: int, where: str | float | None) -> Any:
    """Give a datetime or a time."""
    import datetime

    zone: Any = None
    if isinstance(where, str):
        from zoneinfo import ZoneInfo

        zone = ZoneInfo(where)
    elif where is not None:
        zone = datetime.timezone(datetime.timedelta(seconds=where)) if where else datetime.UTC
    return getattr(datetime, name).fromisoformat(text).replace(tzinfo=zone, fold=fold)


def named(module: str, name: str, make: str = "") -> Callable[[Any], Any]:
    """Give what reads a value of a class of the standard library, imported when it is needed."""

    def read(held: Any) -> Any:
        from importlib import import_module

        kind = getattr(import_module(module), name)
        if isinstance(held, list):
            return kind(*held)
        return (getattr(kind, make) if make else kind)(held)

    return read


READERS: Mapping[str, Callable[[Any], Any]] = {
    "int": lambda held: int(held, 16),
    "float": float,
    "complex": complex,
    "bytes": lambda held: read_bytes(held),
    "bytearray": lambda held: bytearray(read_bytes(held)),
    "datetime": lambda held: read_zoned("datetime", *held),
    "time": lambda held: read_zoned("time", *held),
    "date": named("datetime", "date", "fromisoformat"),
    "timedelta": named("datetime", "timedelta"),
    "Decimal": named("decimal", "Decimal"),
    "Fraction": named("fractions", "Fraction"),
    "UUID": named("uuid", "UUID"),
    "PosixPath": named("pathlib", "PosixPath"),
    "WindowsPath": named("pathlib", "WindowsPath"),
    "PurePosixPath": named("pathlib", "PurePosixPath"),
    "PureWindowsPath": named("pathlib", "PureWindowsPath"),
}


def path_of(kind: type) -> str:
    """Give the name of a class."""
    return f"{kind.__module__}:{kind.__qualname__}"


def field_names(kind: Any) -> tuple[str, ...]:
    """Give the fields of a class whose objects are nothing else."""
    if issubclass(kind, Record):
        return tuple(kind.fields)
    if issubclass(kind, tuple):
        return tuple(kind._fields)
    return tuple(kind.__dict__.get("__pydantic_fields__") or kind.__dataclass_fields__)


def classes_in(annotation: Any) -> list[Any]:
    """Give the classes of data that an annotation leads to, those of their fields included."""
    found: list[Any] = []
    stack, seen = [annotation], set[int]()
    while stack:
        here = stack.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        stack += [*get_args(here), *(getattr(here, "members", None) or ())]
        here = get_origin(here) or getattr(here, "__value__", here)
        if isinstance(here, type) and is_data(here):
            found.append(here)
            with suppress(Exception):  # it names what is not there: then such a field cannot be kept
                from typing import get_type_hints

                stack += get_type_hints(here).values()
        elif here is not None and get_args(here):
            stack.append(here)
    return found


def is_data(kind: Any) -> bool:
    """Say whether the objects of a class are their fields, or its members."""
    own = kind.__dict__
    return (
        "_member_map_" in own
        or issubclass(kind, Record)
        or "__dataclass_fields__" in own
        or isinstance(own.get("__pydantic_fields__"), dict)
        or (kind.__bases__ == (tuple,) and "_fields" in own)
    )
