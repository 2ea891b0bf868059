"""Trees and flows as pickles: by reference where a name leads to them, else as a flat list of nodes.

A flat list, children before parents, so that neither a long pipe nor a deep tree meets pickle's own recursion.
"""

from __future__ import annotations

import sys
from functools import partial
from types import BuiltinFunctionType, FunctionType
from typing import Any

from omnitron.algebra.node import Node, alike, fill
from omnitron.errors import Unpicklable

__all__ = ["find_name", "is_fixed", "reduce_flow", "reduce_node"]


def find_name(module: Any, qualname: Any) -> Any:
    """Give what `module.qualname` leads to, or None."""
    found = sys.modules.get(module) if isinstance(module, str) else None
    if found is None or not isinstance(qualname, str):
        return None
    for part in qualname.split("."):
        found = getattr(found, part, None)
        if found is None:
            return None
    return found


class Reference:
    """The function of a flow that stands under a name in a module, where it is looked up when loaded."""

    __slots__ = ("module", "qualname")

    def __init__(self, module: str, qualname: str) -> None:
        self.module = module
        self.qualname = qualname

    def __reduce__(self) -> tuple[Any, ...]:
        return look_up_function, (self.module, self.qualname)


class Part:
    """A `functools.partial` over a function of a flow."""

    __slots__ = ("held",)

    def __init__(self, held: tuple[Any, ...]) -> None:
        self.held = held

    def __reduce__(self) -> tuple[Any, ...]:
        return make_partial, self.held


def make_partial(fn: Any, args: tuple[Any, ...], keywords: tuple[tuple[str, Any], ...]) -> partial[Any]:
    """Load a partial."""
    return partial(fn, *args, **dict(keywords))


def look_up_function(module: str, qualname: str) -> Any:
    """Load the function of the flow that stands under a name."""
    return look_up(module, qualname).fn


def look_up(module: str, qualname: str) -> Any:
    """Load the flow that stands under a name."""
    from importlib import import_module

    found: Any = import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


def portable(fn: Any) -> Any:
    """Give a function in a form that pickles: itself, or a reference to the flow that holds it.

    So too for the functions in a tuple or a partial; any other value is left to pickle.

    Raises:
        Unpicklable: nothing of that name leads to it.
    """
    if type(fn) is tuple:
        return tuple([portable(item) for item in fn])
    if type(fn) is partial:
        parts = (fn.func, fn.args, tuple(fn.keywords.items()))
        found = portable(parts)
        return fn if alike(found, parts) else Part(found)
    if type(fn) is not FunctionType:
        return fn
    found = find_name(fn.__module__, fn.__qualname__)
    if found is fn:
        return fn
    held: Any = getattr(getattr(found, "node", None), "fn", None)
    if held is fn:
        return Reference(fn.__module__, fn.__qualname__)
    if "<lambda>" in fn.__qualname__:
        why = "a lambda has no name to be found by; write a function at the top of a module"
    elif "<locals>" in fn.__qualname__:
        why = "it is defined inside another function; move it to the top of its module"
    else:
        why = f"{fn.__module__}.{fn.__qualname__} leads to something else; give it a name of its own"
    raise Unpicklable(f"the function {fn.__qualname__!r} cannot be pickled: {why}.")


def reduce_node(root: Node) -> tuple[Any, ...]:
    """Give the pickle of a tree: every different node once, children before parents."""
    order: dict[int, int] = {}
    rows: list[tuple[Any, ...]] = []
    stack: list[tuple[Node, bool]] = [(root, False)]
    while stack:
        node, ready = stack.pop()
        if id(node) in order:
            continue
        if not ready:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(node.children) if id(child) not in order)
            continue
        order[id(node)] = len(rows)
        rows.append(row_of(node, order))
    return load_node, (tuple(rows),)


def row_of(node: Node, order: dict[int, int]) -> tuple[Any, ...]:
    """Give one node as class, label, metadata, colour, fields; children as numbers in marked lists."""
    values: list[tuple[int, Any]] = []
    for name in node.fields:
        value = getattr(node, name)
        if isinstance(value, Node):
            values.append((1, order[id(value)]))
        elif isinstance(value, tuple) and value and isinstance(value[0], Node):
            values.append((2, [order[id(item)] for item in value]))
        else:
            values.append((0, portable(value)))
    colour = node.is_async if not node.children else None
    return type(node), node.label, node.meta, colour, values


def load_node(rows: tuple[tuple[Any, ...], ...]) -> Node:
    """Make a tree of its rows."""
    made: list[Node] = []
    for kind, label, meta, colour, values in rows:
        fields = [
            made[value] if mark == 1 else tuple(made[number] for number in value) if mark == 2 else value
            for mark, value in values
        ]
        node = kind.__new__(kind)
        if colour is not None:
            fill(node, "is_async", colour)
        node._setup(fields, label, meta)
        made.append(node)
    return made[-1]


FIXED = (str, bytes, int, float, bool, type(None), type, FunctionType, BuiltinFunctionType)


def is_fixed(root: Node) -> bool:
    """Say whether a tree holds only functions and constants, so that it is the same whenever it is pickled."""
    stack = [root]
    while stack:
        node = stack.pop()
        stack += node.children
        values = [getattr(node, name) for name in node.fields]
        while values:
            value = values.pop()
            if isinstance(value, tuple):
                values += value
            elif not isinstance(value, (*FIXED, Node)):
                return False
    return True


def reduce_flow(flow: Any) -> tuple[Any, ...]:
    """Give the pickle of a flow: a reference where its function's name leads to it, else its tree."""
    node = flow.node
    fn = getattr(node, "fn", None)
    if fn is not None and find_name(getattr(fn, "__module__", None), getattr(fn, "__qualname__", None)) is flow:
        return look_up, (fn.__module__, fn.__qualname__)
    return load_flow, (node,)


def load_flow(node: Node) -> Any:
    """Make a flow of its tree."""
    from omnitron.algebra.flows import from_node

    return from_node(node)
