"""What a pipe checks of two neighbours: that the second takes one value, and that the annotations do not clash."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from omnitron.algebra.node import Node
from omnitron.algebra.steps import Sequence, Step
from omnitron.algebra.walking import clash_text
from omnitron.code import clash, input_annotation, output_annotation
from omnitron.errors import DefinitionError

__all__ = ["check_neighbours", "first_function", "last_function"]


def last_function(node: Node) -> Any:
    """Give the function whose result leaves the tree, as far as that is one."""
    while isinstance(node, Sequence):
        right = node._right
        node = right if right is not None else node.parts[-1]
    return node.fn if isinstance(node, Step) else None


def first_function(node: Node) -> Any:
    """Give the function that takes the value that enters the tree, as far as that is one."""
    while isinstance(node, Sequence):
        left = node._left
        node = left if left is not None else node.parts[0]
    return node.fn if isinstance(node, Step) else None


def takes_one(fn: FunctionType) -> bool:
    """Say whether a function can be called with one positional value."""
    code = fn.__code__
    required = code.co_argcount - len(fn.__defaults__ or ())
    if required > 1 or (code.co_argcount == 0 and not code.co_flags & 0x04):
        return False
    return not code.co_kwonlyargcount or code.co_kwonlyargcount == len(fn.__kwdefaults__ or ())


def check_neighbours(left: Node, right: Node) -> None:
    """Refuse a pipe whose annotations say that it cannot work."""
    taker = right.fn if type(right) is Step else first_function(right)
    if type(taker) is not FunctionType:
        return
    code = taker.__code__
    if (code.co_argcount != 1 or code.co_kwonlyargcount) and not takes_one(taker):
        known = ", ".join(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        raise DefinitionError(
            f"a step in a pipe takes the one value before it; {taker.__name__!r} takes ({known}). "
            "Fix the others by `.bind(...)`, spread a tuple by `.star(...)`, or give them defaults."
        )
    notes = taker.__annotations__
    if notes:
        giver = last_function(left)
        if type(giver) is FunctionType:
            given = giver.__annotations__.get("return")
            if given is not None and (type(given) is str or given is next(iter(notes.values()))):
                return  # the same class (or a first parameter without any); texts are checked at the first call
            given, wanted = output_annotation(giver), input_annotation(taker)
            if given is not wanted and clash(given, wanted):
                raise DefinitionError(clash_text(giver, taker, given, wanted))
