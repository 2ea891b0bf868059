"""The names of values in the context, with their types."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from types import UnionType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeAlias, TypeVar, Union, get_args, get_origin, overload

from omnitron.errors import DefinitionError, Unpicklable
from omnitron.model import holds_secret

__all__ = ["Key", "LeftBehind", "checked_values", "key_name"]

T = TypeVar("T")

if TYPE_CHECKING:
    # In the class `type` is its field.
    Kind: TypeAlias = type[T]


class Key(Generic[T]):
    """The name of a value in the context, with its type.

    Keys compare by name; a plain string is the same key without the type. The type is checked where a value is given.

    Example:
        >>> from omnitron.runtime import context
        >>> tenant = Key("tenant", str)
        >>> context({tenant: "acme"}).get(tenant)
        'acme'
    """

    __slots__ = ("name", "type")
    name: str
    type: Any

    @overload
    def __init__(self, name: str, type: Kind[T]) -> None: ...
    @overload
    def __init__(self: Key[Any], name: str, type: object = ...) -> None: ...
    def __init__(self, name: str, type: Any = object) -> None:
        if not isinstance(name, str) or not name:
            raise DefinitionError(f"the name of a Key is a string that is not empty, got {name!r}.")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "type", type)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a Key is immutable; make another one instead of setting {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Key is immutable; {name!r} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        return self.name == other.name if isinstance(other, Key) else NotImplemented

    def __hash__(self) -> int:
        return hash((Key, self.name))

    def __repr__(self) -> str:
        return f"Key({self.name!r}, {getattr(self.type, '__name__', self.type)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.type)

    def fits(self, value: Any) -> bool:
        """Say whether a value is of the key's type, as far as can be told."""
        return is_of(value, self.type)

    def check(self, value: Any) -> None:
        """Refuse a value that is not of the key's type (generics by their origin; what `isinstance` cannot tell passes)."""
        if not self.fits(value):
            if holds_secret(self.type):
                raise DefinitionError(
                    f"the value for {self!r} is a {type(value).__name__}, which is not shown because the key speaks of a "
                    "Secret. Give it as the key says, what is secret as `Secret(...)`."
                )
            raise DefinitionError(
                f"the value for {self!r} is {value!r}, a {type(value).__name__}. "
                f"Give a {getattr(self.type, '__name__', self.type)}, or widen the type of the key."
            )


def is_of(value: Any, kind: Any) -> bool:
    """Say whether a value is of a type, as far as can be told: of a generic by its origin, of a union by any member."""
    origin = getattr(kind, "__origin__", kind)
    try:
        return isinstance(value, origin) or (origin is float and type(value) is int)
    except TypeError:
        members = get_args(kind) if get_origin(kind) in (Union, UnionType) else ()
        return not members or any(is_of(value, member) for member in members)


class LeftBehind:
    """Stands in a worker process for a value that could not be pickled."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def refuse(self) -> NoReturn:
        """Say why the value is not here."""
        raise Unpicklable(
            f"the value {self.name!r} of the context stayed in the parent process, because it does not pickle. "
            "Pass what the flow needs of it as an argument."
        )


def key_name(key: Any) -> Hashable:
    """Give what a value is stored under: a Key counts by its name."""
    return key.name if isinstance(key, Key) else key


def checked_values(values: Mapping[Any, Any], onto: Mapping[Hashable, Any] | None = None) -> dict[Hashable, Any]:
    """Give a dictionary by name of `onto` and `values`, each value checked against its key."""
    if not isinstance(values, Mapping):
        raise DefinitionError(f"values are given as {{key: value}} or by name, got {values!r}.")
    merged = dict(onto or {})
    for key, value in values.items():
        if isinstance(key, Key):
            key.check(value)
        merged[key_name(key)] = value
    return merged
