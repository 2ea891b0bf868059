"""`Secret`: a value that shows itself to nobody who does not ask by `reveal()`; and where annotations speak of one.

How pydantic reads and writes one stands in `omnitron.model.validation`; what stands for one in keys, in
`omnitron.model.encoding`; how one travels to a worker process, in the runtime room.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, NoReturn, Self, TypeVar, final, get_args, get_origin

from omnitron.errors import DefinitionError, Unpicklable

__all__ = ["MASK", "PROCESS_KEY", "Secret", "annotations_inside", "holds_secret"]

T_co = TypeVar("T_co", covariant=True)

MASK = "Secret(***)"
WAY_OUT = "`.reveal()` gives the value, which is then yours to protect."
PROCESS_KEY = os.urandom(32)
"""Makes the hashes of secrets worthless outside of this process."""

put: Callable[[Any, Any], None]
take: Callable[[Any], Any]


@final
class Secret(Generic[T_co]):
    """Holds a value that never shows by itself: `reveal()` is the only way out.

    `repr`, `str`, `format`, events, descriptions, logs, notes and schemas have a mask in its place. It is immutable, equal
    to another Secret of an equal value of the same type (texts and bytes compared in constant time) and to nothing else,
    hashes so, and has no truth, length, order or arithmetic. It does not pickle, because a pickle may go anywhere; to the
    worker processes of `.on("process")` the library takes it along.

    A Secret guards against accidents. Code in the same process that wants the value gets it.

    Args:
        value: anything but a Secret.

    Raises:
        DefinitionError: the value is a Secret already.

    Example:
        >>> token = Secret("hunter2")
        >>> token, f"{token:>15}", token.reveal(), token == Secret("hunter2"), token == "hunter2"
        (Secret(***), '    Secret(***)', 'hunter2', True, False)
    """

    __slots__ = ("_held",)
    __module__ = "omnitron"  # annotations are shown to users by the name that they import

    def __new__(cls, value: T_co, /) -> Self:
        """Keep the value where nothing shows it."""
        if type(value) is Secret:
            raise DefinitionError("a Secret of a Secret would have to be revealed twice. Pass the Secret on as it is.")
        made = super().__new__(cls)
        put(made, value)
        return made

    def __init_subclass__(cls, **options: Any) -> None:
        raise DefinitionError(
            "Secret has no subclasses, which could show its value. Hold a Secret in a class of your own."
        )

    def reveal(self) -> T_co:
        """Give the value. From here on it is yours to protect."""
        return take(self)  # type: ignore[no-any-return]

    if not TYPE_CHECKING:  # checkers say themselves that there is none

        def __getattr__(self, name: str) -> NoReturn:
            raise AttributeError(f"a Secret has no {name!r}, neither of its own nor of its value. {WAY_OUT}")

        def __len__(self) -> NoReturn:
            raise DefinitionError(f"a Secret has no length. {WAY_OUT}")

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a Secret is immutable: {name!r} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Secret is immutable: {name!r} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(other) is not Secret:
            return NotImplemented
        same = agree(self, other)
        if same is None:
            raise DefinitionError(
                f"two Secrets of a {type_name(self)} cannot be compared, because their values cannot."
            )
        return same

    def __hash__(self) -> int:
        found = hash_of(self)
        if found is None:
            raise DefinitionError(f"a Secret of a {type_name(self)} has no hash, because its value has none.")
        return found

    def __bool__(self) -> NoReturn:
        raise DefinitionError(
            "a Secret is neither true nor false. Ask whether there is one by `secret is not None`, or ask what it holds: "
            "`secret.reveal()`."
        )

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise Unpicklable(
            "a Secret does not pickle, because a pickle may go anywhere. Let the context of the machine that needs it give "
            'it, `needs(Key("token", Secret[str]))`, or reveal it and protect the pickle yourself. `.on("process")` takes '
            "it along."
        )

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        self.__reduce__()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from omnitron.model.validation import core_schema_of

        return core_schema_of(source, handler)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
        from omnitron.model.validation import json_schema_of

        return json_schema_of(schema, handler)


# Note [Hidden slot]
# The value lies in a slot whose descriptor is taken off the class, so that no attribute leads to it: neither `dir` and
# `vars` nor `copyreg`, `inspect`, debuggers and other readers of attributes find anything to show.

put = Secret.__dict__["_held"].__set__
take = Secret.__dict__["_held"].__get__
delattr(Secret, "_held")
Secret.__slots__ = ()  # type: ignore[assignment]


# Note [No trace of a value]
# What an exception holds is shown: its text, its `__context__`, and the locals of its frames. So what may fail with a
# value in hand stands in a function that returns None instead, and who called it raises.


def agree(one: Secret[Any], other: Secret[Any]) -> bool | None:
    """Say whether two secrets hold equal values of one type; None where these cannot be compared."""
    kind = type(take(one))
    if kind is not type(take(other)):
        return False
    try:
        if kind is str or kind is bytes:
            from hmac import compare_digest

            return compare_digest(octets(one), octets(other))
        return bool(take(one) == take(other))
    except Exception:
        return None


def octets(secret: Secret[Any]) -> Any:
    """Give the bytes of a text or of bytes."""
    return take(secret) if type(take(secret)) is bytes else take(secret).encode("utf-8", "surrogatepass")


def hash_of(secret: Secret[Any]) -> int | None:
    """Give a hash that tells nothing outside of this process; None where the value has none."""
    try:
        return hash((PROCESS_KEY, type(take(secret)), take(secret)))
    except Exception:
        return None


def type_name(secret: Secret[Any]) -> str:
    """Give the name of the type of what a secret holds."""
    return type(take(secret)).__qualname__


# Where annotations speak of one


def holds_secret(annotation: Any) -> bool:
    """Say whether an annotation speaks of a Secret, at any depth: what is given for it must not be shown.

    Example:
        >>> holds_secret(dict[str, Secret[str] | None]), holds_secret(dict[str, str])
        (True, False)
    """
    return any("Secret" in one if isinstance(one, str) else one is Secret for _, one in annotations_inside(annotation))


def annotations_inside(annotation: Any) -> Iterator[tuple[str, Any]]:
    """Give an annotation and all that stand in it, the fields of its classes by name; one not looked up yet as a text."""
    stack: list[tuple[str, Any]] = [("", annotation)]
    seen: dict[int, Any] = {}
    while stack:
        name, here = stack.pop()
        here = getattr(here, "__forward_arg__", here)
        yield name, here
        if id(here) not in seen and not isinstance(here, str):
            seen[id(here)] = here  # kept, so that its id is no other's
            stack += [("", one) for one in behind(here)]
            stack += fields_of(here) if isinstance(here, type) else ()


def behind(annotation: Any) -> list[Any]:
    """Give the annotations that one is made of: what it names, its class, what stands in its brackets."""
    if type(annotation).__name__ == "TypeAliasType":
        try:
            return [annotation.__value__]
        except Exception:  # it names what is not there
            return []
    if isinstance(annotation, list):  # of the parameters of a function
        return annotation
    origin = get_origin(annotation)
    if origin is Literal:
        return []
    named, args = getattr(annotation, "__supertype__", origin), get_args(annotation)
    return [one for one in (named, *(args[:1] if origin is Annotated else args)) if one is not None]


def fields_of(kind: type) -> Iterator[tuple[str, Any]]:
    """Give the annotated attributes of a class."""
    for base in kind.__mro__[:-1]:
        try:
            found = dict(base.__annotations__)
        except Exception:  # it has none, or they are looked up late and name what is not there
            found = {}
        yield from found.items()
