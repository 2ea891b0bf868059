"""The values that nodes hold as plain data, and back: constants, functions, classes, and what pickles.

JSON has null, booleans, numbers, strings and lists; a list stands for a tuple, and everything else is an object with a
word for what it is. A value that no import path leads to is marked `{"opaque": text}`: it can be read, not rebuilt. So is
a `Secret`, of which nothing is told.

    {"ref": "shop.orders:price"}                 what stands under that name in a module
    {"ref": "shop.orders:price", "attribute": "fn"}   the function of the flow that stands there
    {"list": [...]}, {"set": [...]}, {"frozenset": [...]}, {"dict": [[key, value], ...]}
    {"float": "nan"}, {"int": "0x..."}, {"bytes": "hex"}, {"bytearray": "hex"}, {"complex": [real, imaginary]}
    {"module": "math"}, {"enum": class, "name": "READ|WRITE"}, {"record": class, "fields": {...}}
    {"partial": function, "args": [...], "keywords": {...}}, {"method": name, "of": object}
    {"flow": node}
    {"new": class, "args": [...], ...}, {"call": function, "args": [...], ...}   as `__reduce__` of the value says

A class that wants a form of its own gives it by `__reduce__`, which also makes it pickle. What a node looks like stands
in `omnitron.algebra.describing`; the way back, in `omnitron.algebra.rebuilding`.
"""

from __future__ import annotations

import copyreg
import sys
from collections.abc import Callable
from enum import Enum, Flag
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from omnitron.algebra.node import Node, is_flow
from omnitron.algebra.pickling import find_name
from omnitron.model import Record, Secret

__all__ = [
    "HOLDS",
    "OWN",
    "SECRET",
    "Constants",
    "contents",
    "is_special",
    "member",
    "opaque_text",
    "path_to",
    "source_of",
]

OWN = "omnitron"
HOLDS = ("fn", "__wrapped__")
SECRET = "a Secret"
DEEPEST = 50
HUGE = 1 << 64
BARE = (str, bool, type(None))


class Constants:
    """Turns values into plain data; `node` says what stands for a node inside one, `part` what for the node of a flow."""

    __slots__ = ("inside", "known", "node", "part")

    def __init__(self, node: Callable[[Node], Any], part: Callable[[Node], Any]) -> None:
        self.node = node
        self.part = part
        self.known: dict[int, tuple[Any, Any]] = {}
        self.inside: set[int] = set()

    def plain(self, value: Any) -> Any:
        """Give a value as plain data."""
        kind = type(value)
        if kind in BARE:
            return value
        if kind in SIMPLE:
            return SIMPLE[kind](value)
        if kind is Secret:
            return {"opaque": SECRET}
        if isinstance(value, Node):
            return self.node(value)
        if kind is FunctionType:
            found = self.known.get(id(value))
            if found is None:
                found = self.known[id(value)] = (value, function_form(value))
            return found[1]
        if id(value) in self.inside or len(self.inside) > DEEPEST:
            return {"opaque": f"{opaque_text(value)}, nested in itself or more than {DEEPEST} levels deep"}
        self.inside.add(id(value))
        try:
            return self.compound(value)
        finally:
            self.inside.discard(id(value))

    def each(self, values: Any) -> list[Any]:
        """Give several values as plain data."""
        return [self.plain(value) for value in values]

    def compound(self, value: Any) -> Any:
        """Give a value that may hold others."""
        kind = type(value)
        if kind is tuple:
            return self.each(value)
        if kind is list:
            return {"list": self.each(value)}
        if kind is dict:
            return {"dict": [[self.plain(key), self.plain(held)] for key, held in value.items()]}
        if kind is set or kind is frozenset:
            return {kind.__name__: sorted(self.each(value), key=repr)}
        if is_flow(value):
            return {"flow": self.part(value.node)}
        path = path_to(value)
        if path is not None:
            return {"ref": path}
        if kind is partial:
            keywords = {name: self.plain(held) for name, held in value.keywords.items()}
            return {"partial": self.plain(value.func), "args": self.each(value.args), "keywords": keywords}
        if kind in (MethodType, BuiltinFunctionType) and not is_special(value.__name__):
            return {"method": value.__name__, "of": self.plain(value.__self__)}
        if isinstance(value, type | ModuleType):
            return {"module": value.__name__} if isinstance(value, ModuleType) else {"opaque": opaque_text(value)}
        return self.instance(value)

    def instance(self, value: Any) -> Any:
        """Give an object by its class and what it is made of."""
        path = path_to(type(value))
        if path is not None and isinstance(value, Enum):
            name = (value.name or "") if isinstance(value, Flag) else value.name
            if member(type(value), name) is value:
                return {"enum": path, "name": name}
        if path is not None and isinstance(value, Record):
            return {"record": path, "fields": {name: self.plain(getattr(value, name)) for name in value.fields}}
        return self.reduced(value) or {"opaque": opaque_text(value)}

    def reduced(self, value: Any) -> dict[str, Any] | None:
        """Give an object as it would pickle: what to call, with what, and the state to fill in; None if it would not.

        An object that could not be made again is opaque as a whole, and tells nothing of its state.
        """
        try:
            reducer = copyreg.dispatch_table.get(type(value))
            found: Any = value.__reduce_ex__(4) if reducer is None else reducer(value)
        except Exception:
            return None
        if isinstance(found, str):
            module = getattr(value, "__module__", None) or "builtins"
            return {"ref": door(module, found)} if find_name(module, found) is value else None
        if len(found) > 5 and found[5] is not None:
            return None
        make, args, *rest = found
        form: dict[str, Any]
        if make is getattr(copyreg, "__newobj__", None):
            made, *args = args
            form = {"new": self.plain(made), "args": self.each(args)}
        else:
            form = {"call": self.plain(make), "args": self.each(args)}
        state, items, pairs = (*rest, None, None, None)[:3]
        if state is not None:
            form["state"] = self.plain(state)
        if items is not None:
            form["items"] = self.each(items)
        if pairs is not None:
            form["pairs"] = [[self.plain(key), self.plain(kept)] for key, kept in pairs]
        hidden = hidden_in(form)
        return form if hidden is None else {"opaque": f"{opaque_text(value)}, which holds {hidden}"}


def whole(value: int) -> Any:
    """Give an integer; a huge one by its digits in base 16, because Python limits those in base 10."""
    return value if -HUGE < value < HUGE else {"int": hex(value)}


def real(value: float) -> Any:
    """Give a float; those that JSON has not by name."""
    return value if value - value == 0 else {"float": repr(value)}


SIMPLE: dict[type, Callable[[Any], Any]] = {
    int: whole,
    float: real,
    complex: lambda value: {"complex": [real(value.real), real(value.imag)]},
    bytes: lambda value: {"bytes": value.hex()},
    bytearray: lambda value: {"bytearray": value.hex()},
}


def member(kind: Any, name: str) -> Any:
    """Give the member of an enum by its name, of a flag by its names."""
    if not issubclass(kind, Flag):
        return kind.__members__.get(name)
    found = kind(0)
    for part in name.split("|") if name else ():
        if part not in kind.__members__:
            return None
        found |= kind.__members__[part]
    return found


def function_form(fn: FunctionType) -> dict[str, Any]:
    """Give a plain function: its path, that of the flow (or the like) that holds it, or a mark that it has none."""
    found = find_name(fn.__module__, fn.__qualname__)
    path = door(fn.__module__, fn.__qualname__)
    if found is fn:
        return {"ref": path}
    for attribute in HOLDS:
        if getattr(found, attribute, None) is fn:
            return {"ref": path, "attribute": attribute}
    return {"opaque": opaque_text(fn)}


def is_special(name: str) -> bool:
    """Say whether a name is one of Python's own, such as `__class__`."""
    return name[:2] == name[-2:] == "__"


def path_to(value: Any) -> str | None:
    """Give the import path `module:qualname` that leads to this very object, or None."""
    try:
        module, qualname = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
        if module is None and isinstance(getattr(value, "__objclass__", None), type):
            module = value.__objclass__.__module__
    except Exception:
        return None
    if not isinstance(module, str) or not isinstance(qualname, str):
        return None
    for place in (module, "types") if module == "builtins" else (module,):
        if find_name(place, qualname) is value:
            return door(place, qualname)
    return None


def door(module: str, qualname: str) -> str:
    """Give a path; what the library's rooms offer at their doors has the path of the door, which stays."""
    room = module.split(".")
    if room[0] == OWN and len(room) > 2:
        outside = ".".join(room[:2])
        here = find_name(outside, qualname)
        if here is not None and here is find_name(module, qualname):
            module = outside
    return f"{module}:{qualname}"


def opaque_text(value: Any) -> str:
    """Say what a value without a path is, and where it stands; never by its `repr`, which may tell too much."""
    if isinstance(value, FunctionType):
        return f"{value.__qualname__} at {source_of(value)}"
    kind = value if isinstance(value, type) else type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    return f"the class {name}" if isinstance(value, type) else f"an object of {name}"


def source_of(fn: FunctionType) -> str:
    """Give file and line of a function, the file as it stands beneath the root of its package."""
    code = fn.__code__
    parts = code.co_filename.replace("\\", "/").split("/")
    module = fn.__module__ if fn.__module__ in sys.modules else None
    depth = len((module or "").split(".")) + (parts[-1] == "__init__.py")
    return f"{'/'.join(parts[-depth:])}:{code.co_firstlineno}"


def contents(form: Any) -> list[tuple[Any, Any]]:
    """Give what stands directly in plain data and may hold more, with its place.

    What a user named (fields, keywords) stands one level deeper and is no word of a form.
    """
    if type(form) is list:
        return [(number, held) for number, held in enumerate(form) if type(held) in HOLDING]
    found: list[tuple[Any, Any]] = []
    for word, held in form.items():
        if type(held) in HOLDING:
            inner = type(held) is dict and word in NAMED
            found += [pair for pair in held.items() if type(pair[1]) in HOLDING] if inner else [(word, held)]
    return found


HOLDING = (list, dict)
NAMED = ("fields", "keywords", "meta")


def hidden_in(form: Any) -> str | None:
    """Give the text of something opaque in plain data, or None."""
    stack = [form]
    while stack:
        form = stack.pop()
        if type(form) is dict and "opaque" in form:
            return str(form["opaque"])
        stack += [held for _, held in contents(form)]
    return None
