"""`Record`: the base of the small frozen values of the library.

`dataclasses` costs as much at import as the rest of the kernel together, so records are written out by hand: slots,
one `__init__` that fills them, and everything else (equality, hash, repr, pickling) derived from the slots here.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, Self, dataclass_transform

__all__ = ["Record"]

fill = object.__setattr__


@dataclass_transform(frozen_default=True)
class Record:
    """A frozen value whose public slots are its fields, in the order of the slots.

    A subclass names `__slots__` and sets each of them once in `__init__` by `self._fill(name=value, ...)`. A slot whose
    name starts with an underscore is a cache: no part of equality, hash, repr or pickling.

    Laws:
        `a == b` if and only if both are of one class and all fields are equal; equal records have equal hashes;
        a pickled record loads as an equal one.
    """

    __slots__ = ()
    fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        slots = cls.__dict__.get("__slots__", ())
        own = (slots,) if isinstance(slots, str) else tuple(slots)
        cls.fields = (*cls.fields, *(name for name in own if name[0] != "_"))

    def _fill(self, **values: Any) -> None:
        for name, value in values.items():
            fill(self, name, value)

    def replace(self, **changes: Any) -> Self:
        """Give a copy in which the fields in `changes` have new values."""
        values = {name: getattr(self, name) for name in self.fields}
        unknown = changes.keys() - values.keys()
        if unknown:
            raise TypeError(
                f"{type(self).__name__} has no field {sorted(unknown)[0]!r}; it has {', '.join(self.fields)}"
            )
        return type(self)(**(values | changes))

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable: make a new one by `.replace({name}=...)`")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable: {name!r} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.fields)

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, name) for name in self.fields)))

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.fields)
        return f"{type(self).__name__}({inside})"

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, (type(self), tuple(getattr(self, name) for name in self.fields))


def restore(kind: type[Record], values: tuple[Any, ...]) -> Record:
    """Make a record of class `kind` from its field values in order (the other half of pickling)."""
    return kind(**dict(zip(kind.fields, values, strict=True)))
