"""What a pipe checks of two neighbours: that the second takes one value, and that the annotations do not clash."""

from __future__ import annotations

from types import FunctionType, GenericAlias
from typing import Any

from omnitron.algebra.looking import Look
from omnitron.algebra.node import STREAMS, Node
from omnitron.algebra.readers import check_reader
from omnitron.algebra.steps import Sequence, Step, first_part, last_part
from omnitron.algebra.walking import refuse_clash
from omnitron.code import UNKNOWN, parameter_annotation, tuple_members
from omnitron.errors import DefinitionError

__all__ = ["check_neighbours", "check_star"]


def last_function(node: Node) -> Any:
    """Give the function whose result leaves the tree, as far as that is one."""
    while isinstance(node, Sequence):
        right = node._right
        node = right if right is not None else node.parts[-1]
    return node.fn if isinstance(node, Step) else None


def first_function(node: Node) -> Any:
    """Give the function that takes the value that enters the tree, as far as that is one."""
    node = first_part(node)
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
        check_composed(left, right)
        return
    code = taker.__code__
    if (code.co_argcount != 1 or code.co_kwonlyargcount) and not takes_one(taker):
        known = ", ".join(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        raise DefinitionError(arity_text(taker.__name__, known))
    notes = taker.__annotations__
    if notes:
        giver = last_function(left)
        if type(giver) is FunctionType and STREAMS not in left.needs:
            given = giver.__annotations__.get("return")
            if given is None:
                if "return" not in giver.__annotations__:
                    return
            elif type(given) is str or given is (first := next(iter(notes.values()))):
                return  # the same class (or a first parameter without any); texts are checked at the first call
            elif type(given) is GenericAlias and type(first) is GenericAlias and given == first:
                return
        check_composed(left, right)


def check_composed(left: Node, right: Node) -> None:
    """Refuse neighbours of any kind, of which the first gives what the second does not take."""
    head = first_part(right)
    if head.children:
        known = head.parameters()
        if known is not None and not known.take(1):
            raise DefinitionError(arity_text(head.name, known.declared))
    look = Look()
    wanted, streams = look.takes(head), STREAMS in left.needs
    if wanted is UNKNOWN and not streams:
        return
    given = look.gives(left)
    if streams:
        check_reader(left, head, given)
    refuse_clash(last_part(left), head, given, wanted)


def check_star(left: Node, body: Node) -> None:
    """Refuse a tuple that cannot be spread over the parameters of a flow."""
    given = Look().gives(left)
    members = tuple_members(given)
    fn = first_function(body)
    if members is None or type(fn) is not FunctionType:
        return
    known = body.parameters()
    if known is not None and not known.take(len(members)):
        raise DefinitionError(
            f"{last_part(left).name!r} gives a tuple of {len(members)}, which does not fit the parameters "
            f"({known.declared}) of {body.name!r} in `.star`. Give it as many as it has."
        )
    for place, member in enumerate(members):
        refuse_clash(last_part(left), first_part(body), member, parameter_annotation(fn, place))


def arity_text(name: str, parameters: str) -> str:
    """Say why a flow cannot stand after another."""
    return (
        f"a step in a pipe takes the one value before it; {name!r} takes ({parameters}). "
        "Fix the others by `.bind(...)`, spread a tuple by `.star(...)`, or give them defaults."
    )
