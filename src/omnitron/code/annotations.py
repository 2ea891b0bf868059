"""What annotations say about neighbours in a pipe: refuse only what cannot work as it is annotated.

A check here is a help at composition, not a type checker: two annotations clash when no member of the one can meet any
member of the other. The rules stand in `docs/decisions/0011-neighbours.md`.
"""

from __future__ import annotations

from abc import ABCMeta
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Mapping
from types import AsyncGeneratorType, FunctionType, GeneratorType, GenericAlias, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

from omnitron.code.flags import stream_colour

__all__ = [
    "UNKNOWN",
    "WIDER",
    "AllOf",
    "Every",
    "OneOf",
    "Yields",
    "clash",
    "describe_annotation",
    "exact_classes",
    "input_annotation",
    "named_annotation",
    "is_read",
    "item_annotation",
    "iterations",
    "output_annotation",
    "parameter_annotation",
    "streams_in",
    "tuple_members",
    "untaken",
]

UNKNOWN: Any = object()
DEPTH = 8
Form: TypeAlias = tuple[type, tuple[Any, ...]]


class OneOf:
    """One of several annotations. `Union` would compare and hash its members, which may be large trees of types."""

    __slots__ = ("members",)

    def __init__(self, members: tuple[Any, ...]) -> None:
        self.members = members


class AllOf(OneOf):
    """All of several annotations at once: what several flows that are given the same value take."""

    __slots__ = ()


class Every(OneOf):
    """Some classes, of which every value that comes must be one: what a choice by type takes."""

    __slots__ = ()


class Yields:
    """A generator, whatever it is written as: what a generator function and a `.stream()` give.

    Args:
        colour: "sync" or "async".
        item: the annotation of its items.
        written: that of the whole.
    """

    __slots__ = ("colour", "item", "written")

    def __init__(self, colour: str, item: Any, written: Any) -> None:
        self.colour = colour
        self.item = item
        self.written = written

    def form(self) -> Form:
        """Give the class of the generator, with that of its items where it is known."""
        kind = AsyncGeneratorType if self.colour == "async" else GeneratorType
        return kind, () if self.item is UNKNOWN else (self.item,)


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
    """Give the annotated result of a function or UNKNOWN; a class gives itself, unless its metaclass has a say."""
    if isinstance(fn, type):
        return fn if type(fn).__call__ is type.__call__ else UNKNOWN
    written = UNKNOWN
    if type(fn) is FunctionType:
        written = resolve(fn, fn.__annotations__.get("return", UNKNOWN), names=names)
    colour = stream_colour(fn)
    return Yields(colour, item_annotation(written), written) if colour else written


def item_annotation(annotation: Any) -> Any:
    """Give what the items of an iterable are annotated with, where it is of one class and tells that; else UNKNOWN."""
    known = forms(annotation) if annotation is not UNKNOWN else None
    items = items_of(*known[0]) if known is not None and len(known) == 1 else ()
    return items[0] if len(items) == 1 else UNKNOWN


def input_annotation(fn: Any, *, names: bool = False) -> Any:
    """Give the annotation of the parameter that takes a pipe's value, or UNKNOWN."""
    return parameter_annotation(fn, 0, names=names)


def parameter_annotation(fn: Any, place: int, *, names: bool = False) -> Any:
    """Give the annotation of a positional parameter of a function, or UNKNOWN."""
    if type(fn) is not FunctionType or fn.__code__.co_argcount <= place:
        return UNKNOWN
    return resolve(fn, fn.__annotations__.get(fn.__code__.co_varnames[place], UNKNOWN), names=names)


def named_annotation(fn: Any, name: str, *, names: bool = False) -> Any:
    """Give the annotation of a parameter of a function by its name, or UNKNOWN."""
    if type(fn) is not FunctionType:
        return UNKNOWN
    return resolve(fn, fn.__annotations__.get(name, UNKNOWN), names=names)


# What an annotation allows


def forms(annotation: Any) -> list[Form] | None:
    """Give the classes that an annotation allows, each with its arguments, or None where that may be anything."""
    found: list[Form] = []
    stack = [annotation]
    while stack:
        here = plain(stack.pop())
        if isinstance(here, Yields):
            found.append(here.form())
        elif isinstance(here, OneOf) and type(here) is not AllOf:
            stack += here.members
        elif isinstance(here, UnionType) or get_origin(here) is Union:
            stack += get_args(here)
        elif get_origin(here) is Literal:
            found += [(type(value), ()) for value in get_args(here)]
        else:
            origin = get_origin(here)
            kind = here if origin is None else origin
            if not isinstance(kind, type) or kind is object or kind is Any:
                return None
            found.append((dict, ()) if hasattr(kind, "__total__") else (kind, get_args(here)))
    return found


def plain(annotation: Any) -> Any:
    """Give an annotation without what only names or describes it: `Annotated`, `NewType`, a type alias, None."""
    for _ in range(DEPTH):
        if annotation is None:
            return type(None)
        if hasattr(annotation, "__metadata__"):
            annotation = annotation.__origin__
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            break
    return annotation


def exact_classes(annotation: Any) -> tuple[type, ...] | None:
    """Give the classes that an annotation names, `object` where it allows anything by name; None for all else.

    Example:
        >>> exact_classes(list[int] | None)
        (<class 'list'>, <class 'NoneType'>)
    """
    annotation = plain(annotation)
    if annotation is object or annotation is Any:
        return (object,)
    if type(annotation) is OneOf or get_origin(annotation) is Union:
        members = annotation.members if isinstance(annotation, OneOf) else get_args(annotation)
        rows = [exact_classes(member) for member in members]
        return None if None in rows else tuple(dict.fromkeys(kind for row in rows for kind in row or ()))
    if isinstance(annotation, UnionType):
        return exact_classes(OneOf(get_args(annotation)))
    known = None if get_origin(annotation) is Literal else forms(annotation)
    return None if known is None else tuple(kind for kind, _ in known)


# Whether two annotations meet

WIDER: dict[type, tuple[type, ...]] = {int: (float, complex), float: (complex,)}
PROMOTED = {(int, float), (int, complex), (float, complex), (bytearray, bytes), (memoryview, bytes)}
ITEMS: dict[type, Any] = {str: str, bytes: int, bytearray: int, range: int}
SERIES = (list, set, frozenset, deque)
SUBCLASSED = 1 << 10
GENERATORS: tuple[type, ...] = (Generator, AsyncGenerator)
STREAMS = (GeneratorType, AsyncGeneratorType)


def clash(given: Any, wanted: Any, depth: int = 0) -> bool:
    """Say whether no value annotated `given` can be taken where `wanted` is annotated.

    Example:
        >>> clash(int, str), clash(int, float), clash(list[int], list), clash(int | None, str | None)
        (True, False, False, False)
        >>> clash(list[int], list[str]), clash(dict[str, int], Iterable[int])
        (True, True)
    """
    if given is UNKNOWN or wanted is UNKNOWN or given is wanted or depth > DEPTH:
        return False
    if isinstance(wanted, AllOf):
        return any(clash(given, member, depth) for member in wanted.members)
    if isinstance(wanted, Every):
        return untaken(given, wanted.members) is not None
    outs = forms(given)
    ins = None if outs is None else forms(wanted)
    if outs is None or ins is None:
        return False
    return not any(meets(out, ins, depth) for out in outs)


def untaken(given: Any, kinds: tuple[type, ...]) -> type | None:
    """Give the first class of an annotation of which not every value is one of `kinds`; None where all are or may be.

    Example:
        >>> untaken(int | str | None, (float, str))
        <class 'NoneType'>
    """
    if object in kinds:
        return None
    if plain(given) is object:
        return object
    return next((kind for kind, _ in forms(given) or () if not is_one_of(kind, kinds)), None)


def is_one_of(given: type, kinds: tuple[type, ...]) -> bool:
    """Say whether every value of a class is of one of several, an int being a float too."""
    wider = {wide for kind in given.__mro__ for wide in WIDER.get(kind, ())}
    try:
        return any(kind in wider or issubclass(given, kind) for kind in kinds)
    except TypeError:
        return True


def meets(out: Form, ins: list[Form], depth: int) -> bool:
    """Say whether a value of one form may be one of others; where its class is related to theirs, that decides."""
    near = [into for into in ins if related(out[0], into[0])]
    if near:
        return any(not into[1] or arguments_meet(out, into, depth) for into in near)
    if is_final(out[0]):
        return any(decides_itself(into[0]) for into in ins)
    known = iterates(out[0])
    may = [into[0] for into in ins if not known or iterates(into[0]) in ("", known)]
    return any(open_class(into) for into in may) or (open_class(out[0]) and bool(may))


def arguments_meet(out: Form, into: Form, depth: int) -> bool:
    """Say whether what two related generics hold may be the same."""
    (given, args), (wanted, wants) = out, into
    if is_callable(wanted) or is_callable(given) or is_protocol(wanted):
        return True
    if given is tuple and wanted is tuple:
        return tuples_meet(args, wants, depth)
    if given in GENERATORS and wanted in GENERATORS:
        args, wants = args[:1], wants[:1]
    if given is wanted:
        if len(args) != len(wants):
            return True
        return not any(clash(a, b, depth + 1) for a, b in zip(args, wants, strict=True))
    if len(wants) == 2 and len(args) == 2 and issubclass(wanted, Mapping) and issubclass(given, Mapping):
        return not any(clash(a, b, depth + 1) for a, b in zip(args, wants, strict=True))
    if is_iterable_class(wanted) and (len(wants) == 1 or wanted in GENERATORS):
        return not any(clash(item, wants[0], depth + 1) for item in items_of(given, args))
    return True


def tuples_meet(args: tuple[Any, ...], wants: tuple[Any, ...], depth: int) -> bool:
    """Say whether two tuples may be one: of as many members, each of which meets the other's."""
    if not args:
        return True
    if any(map(is_spread, (*args, *wants))):
        return True
    loose = [row[-1:] == (Ellipsis,) for row in (args, wants)]
    if not any(loose) and len(args) != len(wants):
        return False
    if all(loose) or not any(loose):
        return not any(clash(a, b, depth + 1) for a, b in zip(args, wants, strict=False) if a is not Ellipsis)
    short, long = (args, wants) if loose[0] else (wants, args)
    pairs = [(short[0], item) if loose[0] else (item, short[0]) for item in long]
    return not any(clash(a, b, depth + 1) for a, b in pairs)


def tuple_members(annotation: Any) -> tuple[Any, ...] | None:
    """Give the annotations of the members of a tuple of a known length, else None."""
    annotation = plain(annotation)
    args = get_args(annotation)
    if get_origin(annotation) is not tuple or not args or Ellipsis in args or any(map(is_spread, args)):
        return None
    return args


def is_spread(annotation: Any) -> bool:
    """Say whether an annotation stands for any number of members."""
    spread = getattr(annotation, "__unpacked__", False)  # every `list[int]` has it, and only `*tuple[int, ...]` is True
    return spread is True or hasattr(annotation, "__typing_is_unpacked_typevartuple__")


def items_of(given: type, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Give what the items of a collection are annotated with; nothing where that is not known."""
    if given in ITEMS:
        return (ITEMS[given],)
    if given is tuple:
        return tuple(item for item in args if item is not Ellipsis)
    if issubclass(given, Mapping):
        return args[:1] if len(args) == 2 else ()
    if given in GENERATORS or given in STREAMS:
        return args[:1]
    return args if len(args) == 1 and (given in SERIES or is_iterable_class(given)) else ()


def is_iterable_class(kind: type) -> bool:
    """Say whether a class is one of the iterables of `collections.abc`, of either colour."""
    return kind.__module__ == "collections.abc" and issubclass(kind, (Iterable, AsyncIterable))


def iterates(kind: type) -> str:
    """Say how the values of a class are read: "sync" or "async"; "" for neither, for both, and where that is open."""
    if is_protocol(kind):
        return ""
    found = {name for name in ("__iter__", "__aiter__") if defines(kind, name)}
    if len(found) != 1:
        return ""
    return "sync" if "__iter__" in found else "async"


def defines(kind: type, name: str) -> bool:
    """Say whether the values of a class have a method; those of its metaclass do not count."""
    for base in kind.__mro__:
        if name in base.__dict__:
            return base.__dict__[name] is not None
    return False


def iterations(annotation: Any) -> frozenset[str]:
    """Say how what is annotated so may be read: "sync", "async"; both where that is not known.

    Example:
        >>> sorted(iterations(list[int])), sorted(iterations(AsyncIterable[int] | None))
        (['sync'], ['async'])
    """
    known = forms(annotation) if annotation is not UNKNOWN else None
    found = {iterates(kind) for kind, _ in known or () if kind is not type(None)}
    return frozenset(found) if found and "" not in found else frozenset(("sync", "async"))


def is_read(annotation: Any) -> bool:
    """Say whether whatever is annotated so can be read by `for` or by `async for`.

    Example:
        >>> (
        ...     is_read(Iterable[int]),
        ...     is_read(Iterable[int] | AsyncIterable[int]),
        ...     is_read(Iterable[int] | int),
        ... )
        (True, True, False)
    """
    known = forms(annotation) if annotation is not UNKNOWN else None
    return bool(known) and all(iterates(kind) for kind, _ in known or ())


def streams_in(annotation: Any) -> tuple[Yields, ...]:
    """Give the generators that are among what an annotation allows."""
    if isinstance(annotation, Yields):
        return (annotation,)
    members = annotation.members if type(annotation) is OneOf else ()
    return tuple(stream for member in members for stream in streams_in(member))


def is_final(kind: type) -> bool:
    """Say whether a class can have no subclass, so that it is known of every value what it can do."""
    return not kind.__flags__ & SUBCLASSED


def related(given: type, wanted: type) -> bool:
    """Say whether a value of class `given` could be taken where `wanted` is asked for."""
    if given is object or wanted is object or (given, wanted) in PROMOTED:
        return True
    try:
        return issubclass(given, wanted) or issubclass(wanted, given)
    except TypeError:
        return True


def is_protocol(kind: type) -> bool:
    """Say whether a class is a protocol."""
    return bool(getattr(kind, "_is_protocol", False))


def is_callable(kind: type) -> bool:
    """Say whether a generic is that of functions, whose parameters are not compared."""
    return (kind.__module__, kind.__name__) == (Callable.__module__, "Callable")


def open_class(kind: type) -> bool:
    """Say whether a class that does not know it may have a value as its own: protocols, abstract classes, own rules."""
    if type(kind) is type:
        return is_protocol(kind)
    rule = getattr(type(kind), "__subclasscheck__", None)
    if rule is type.__subclasscheck__:
        return is_protocol(kind)
    return is_protocol(kind) or bool(getattr(kind, "__abstractmethods__", True))


def decides_itself(kind: type) -> bool:
    """Say whether a class has a rule of its own for which values are of it: a protocol, or one whose metaclass has."""
    return is_protocol(kind) or type(kind) not in (type, ABCMeta)


# In words


def describe_annotation(annotation: Any, depth: int = 0) -> str:
    """Give the annotation as a reader would write it; what nests deeper than four levels is left out."""
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is UNKNOWN:
        return "Any"
    if annotation is Ellipsis or depth > 4:
        return "..."
    if isinstance(annotation, Yields):
        if annotation.written is UNKNOWN:
            return "an async generator" if annotation.colour == "async" else "a generator"
        return describe_annotation(annotation.written, depth)
    if isinstance(annotation, OneOf):
        between = " and " if isinstance(annotation, AllOf) else " | "
        texts = [describe_annotation(member, depth + 1) for member in annotation.members]
        return between.join(dict.fromkeys(texts))
    if isinstance(annotation, GenericAlias):
        inside = ", ".join(describe_annotation(item, depth + 1) for item in annotation.__args__)
        return f"{annotation.__origin__.__name__}[{inside}]"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
