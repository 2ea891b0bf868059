"""What stands for a value in a key of this process: hashable, equal only for values that a computation cannot tell apart.

A *form* is the value itself where that is a text, a whole number, bytes, None or a tuple of such; else a tuple that begins
with a class. So `1`, `True` and `1.0` have different forms, `float("nan")` has one that is equal to itself, and a
dictionary has one whatever its order. What could change unseen, or be equal without being the same, has no form: it is
refused. Keys that leave the process are the canonical bytes of a form (`omnitron.model.canonical`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from operator import attrgetter
from typing import Any, NoReturn, TypeAlias

from omnitron.errors import DefinitionError
from omnitron.model import Record, Secret, keyed_hash

__all__ = ["PLAIN", "Former", "Same"]

Form: TypeAlias = Any
PLAIN: frozenset[type] = frozenset({str, int, bytes, type(None)})
"""The classes whose values are their own forms."""
WAY_OUT = (
    "Pass plain data, a dataclass or a pydantic model; or say by `key=` what tells one call from another: "
    "`.cache(60, key=lambda order: order.id)`."
)


class Same:
    """Stands in a key for one very object, whatever its own equality says, and keeps it alive."""

    __slots__ = ("held",)

    def __init__(self, held: object) -> None:
        self.held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.held is other.held

    def __hash__(self) -> int:
        return id(self.held)

    def __repr__(self) -> str:
        return f"<this {type(self.held).__qualname__}>"


class Former:
    """Gives the forms of values, and remembers how for each class. Safe for threads: two that learn a class learn the same.

    Raises:
        DefinitionError: (when called) a value has no form.

    Example:
        >>> form = Former()
        >>> (
        ...     form("a"),
        ...     form((1, "b")),
        ...     form(True) == form(1),
        ...     form({"x": 1, "y": 2}) == form({"y": 2, "x": 1}),
        ... )
        ('a', (1, 'b'), False, True)
    """

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[type, Callable[[Any], Form]] = {
            bool: lambda value: (bool, value),
            float: of_float,
            complex: lambda value: (complex, repr(value)),
            bytearray: lambda value: (bytearray, bytes(value)),
            tuple: self.of_tuple,
            list: lambda value: (list, *self.row(value)),
            dict: lambda value: unordered(dict, self.pairs(value)),
            OrderedDict: lambda value: (OrderedDict, *self.pairs(value)),
            set: lambda value: unordered(set, self.row(value)),
            frozenset: lambda value: unordered(frozenset, self.row(value)),
            range: lambda value: (range, value.start, value.stop, value.step),
            Secret: lambda value: (Secret, keyed_hash(value)),
        }

    def __call__(self, value: Any) -> Form:
        """Give the form of a value."""
        kind = type(value)
        if kind in PLAIN:
            return value
        make = self.known.get(kind)
        if make is None:
            make = self.learn(kind)
            if make is None:
                refuse(kind)
        return make(value)

    def of_owner(self, value: Any) -> Form:
        """Give the form of the object whose method a flow is: by its own equality where it is no plain data.

        Raises:
            DefinitionError: it is not hashable.
        """
        kind = type(value)
        try:
            hash(value)
        except TypeError as error:
            raise DefinitionError(
                f"the object of the cached method is a {kind.__qualname__}, which is not hashable, so that it cannot stand "
                "in a key. Give its class a `__hash__`, or say by `key=` what tells one call from another."
            ) from error
        make = self.known.get(kind) or self.learn(kind)
        return (kind, value) if make is None and kind not in PLAIN else self(value)

    def of_tuple(self, value: tuple[Any, ...]) -> Form:
        """Give the form of a tuple: itself, if its members are theirs."""
        for item in value:
            if type(item) not in PLAIN:
                return (tuple, *self.row(value))
        return value

    def row(self, items: Any) -> list[Form]:
        """Give the forms of the members of a container."""
        try:
            return [item if type(item) in PLAIN else self(item) for item in items]
        except RecursionError:
            raise DefinitionError(f"a value that is nested too deep, or in itself, makes no key. {WAY_OUT}") from None

    def pairs(self, value: dict[Any, Any]) -> list[tuple[Form, Form]]:
        """Give the forms of the pairs of a dictionary."""
        values = self.row(value.values())
        return list(zip(self.row(value), values, strict=True))

    def learn(self, kind: type) -> Callable[[Any], Form] | None:
        """Give what makes the form of a value of a class, and keep it; None if there is none."""
        make = self.made_for(kind)
        if make is not None:
            self.known[kind] = make
        return make

    def made_for(self, kind: Any) -> Callable[[Any], Form] | None:
        """Find out what makes the form of a value of a class."""
        if hasattr(kind, "__members__") and hasattr(kind, "_value2member_map_"):  # an enum; a flag may have no name
            return lambda value: (kind, value._name_ if value._name_ is not None else self(value._value_))
        if issubclass(kind, Record):
            return self.of_fields(kind, kind.fields)
        if "__dataclass_fields__" in kind.__dict__ and native_base(kind) is object:
            return self.of_dataclass(kind)
        if isinstance(kind.__dict__.get("__pydantic_fields__"), dict):
            return self.of_model(kind)
        if kind.__bases__ == (tuple,) and "_fields" in kind.__dict__:
            return lambda value: (kind, *self.row(value))
        module = kind.__module__
        module = "pathlib" if module.startswith("pathlib.") else module
        if module == "collections" and kind.__name__ == "Counter":
            return lambda value: unordered(kind, self.pairs(value))
        if module == "collections" and kind.__name__ == "defaultdict":
            return lambda value: (*unordered(kind, self.pairs(value)), factory_of(value))
        if module == "datetime":
            return of_moment if kind.__name__ in ("datetime", "time") else lambda value: (kind, repr(value))
        if module in ("decimal", "uuid", "fractions", "ipaddress", "pathlib", "zoneinfo"):
            return lambda value: (kind, repr(value))
        return of_array if module == "numpy" and hasattr(kind, "dtype") else None

    def of_fields(self, kind: type, names: tuple[str, ...]) -> Callable[[Any], Form]:
        """Give what makes the form of a value that is nothing but its fields."""
        if not names:
            return lambda value: (kind,)
        get = attrgetter(*names)
        if len(names) == 1:
            return lambda value: (kind, *self.row((get(value),)))

        def form(value: Any) -> Form:  # as `of_tuple`, without a call more
            items = get(value)
            for item in items:
                if type(item) not in PLAIN:
                    return (kind, (tuple, *self.row(items)))
            return (kind, items)

        return form

    def of_dataclass(self, kind: Any) -> Callable[[Any], Form]:
        """Give what makes the form of a dataclass: its fields, and the attributes that an object of it has besides."""
        from dataclasses import fields

        names = tuple(one.name for one in fields(kind))
        made = self.of_fields(kind, names)
        slots = [name for name in slots_of(kind) if name not in names]
        if not slots and not kind.__dictoffset__:
            return made
        derived = {name for base in kind.__mro__ for name, held in base.__dict__.items() if is_derived(held)}
        count, known = len(names), {*names, *derived}

        def form(value: Any) -> Form:
            held = getattr(value, "__dict__", {})
            if len(held) == count and not slots:
                return made(value)
            more = {name: one for name, one in held.items() if name not in known}
            more |= {name: getattr(value, name) for name in slots if hasattr(value, name)}
            return (made(value), self(more)) if more else made(value)

        return form

    def of_model(self, kind: Any) -> Callable[[Any], Form]:
        """Give what makes the form of a pydantic model: fields, which of them were set, extras, private attributes."""
        names = frozenset(kind.__pydantic_fields__)
        fields = self.of_fields(kind, tuple(kind.__pydantic_fields__))

        def form(value: Any) -> Form:
            made, extra, private = fields(value), value.__pydantic_extra__, value.__pydantic_private__
            left = names - value.__pydantic_fields_set__
            return (made, left, self(extra), self(private)) if left or extra or private else made

        return form


def native_base(kind: type) -> type:
    """Give the first class of an object's that is not written in Python: what such a one holds is no field.

    As `copyreg` finds it: the class that made the object.
    """
    for base in kind.__mro__:
        new = base.__dict__.get("__new__")
        if not base.__flags__ & HEAP or getattr(new, "__self__", None) is base:
            return base
    return object


HEAP = 1 << 9
"""The flag of classes that are made at run time."""


def slots_of(kind: type) -> list[str]:
    """Give the slots of a class and its bases, as attributes are called."""
    found = []
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            private = name[:2] == "__" and name[-2:] != "__"
            found.append(f"_{base.__name__.lstrip('_')}{name}" if private else name)
    return [name for name in found if name not in ("__dict__", "__weakref__")]


def is_derived(attribute: Any) -> bool:
    """Say whether an attribute of a class is what its objects compute of the others, and keep."""
    return type(attribute).__name__ == "cached_property"


def unordered(kind: type, forms: list[Form]) -> tuple[Any, ...]:
    """Give the form of members without an order; several that only look equal (NaN) count as several."""
    found = frozenset(forms)
    return (kind, found) if len(found) == len(forms) else (kind, *sorted(forms, key=repr))


def factory_of(value: Any) -> Form:
    """Give what stands for the function that makes what a `defaultdict` lacks."""
    factory = value.default_factory
    return factory if factory is None or isinstance(factory, type) else Same(factory)


def of_float(value: float) -> Form:
    """Give the form of a float: NaN is equal to itself, and 0.0 is not -0.0."""
    return (float, value) if value and value == value else (float, repr(value))


def of_moment(value: Any) -> Form:
    """Give the form of a date with a time, or of a time: what it shows, and its zone, not only the instant."""
    zone = value.tzinfo
    if zone is not None and type(zone).__module__ not in ("datetime", "zoneinfo"):
        refuse(type(zone))
    plain = value.replace(tzinfo=None)
    return (type(value), repr(plain), None if zone is None else (type(zone), repr(zone)))


def of_array(value: Any) -> Form:
    """Give the form of a numpy array or number by content: the type of its items, its shape, and a hash of its bytes."""
    if value.dtype.hasobject or hasattr(value, "mask"):
        refuse(type(value), f" of the dtype {value.dtype}")
    from hashlib import blake2b

    content = value.tobytes()
    stands = content if len(content) <= 64 else blake2b(content, digest_size=32).digest()
    return (type(value), repr(value.dtype), tuple(value.shape), len(content), stands)


def refuse(kind: type, more: str = "") -> NoReturn:
    """Refuse a value that has no form."""
    raise DefinitionError(
        f"a value of the class {kind.__module__}.{kind.__qualname__}{more} stands in a call of a cached flow, and nothing "
        f"tells for sure whether two such are the same, now and later. {WAY_OUT}"
    )
