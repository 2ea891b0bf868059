"""What may read a stream that comes in: one flow, once, in the stream's own way.

A generator is read once. Where several flows are given one, the first takes its items and the others find none, without
a word; so those are refused when they are composed. Read next: `omnitron.algebra.neighbours`, which asks here.
"""

from __future__ import annotations

import builtins
import math
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Sized
from functools import partial, reduce
from typing import Any

from omnitron.algebra.looking import Look
from omnitron.algebra.node import Node
from omnitron.algebra.steps import Step, first_part, last_part
from omnitron.algebra.walking import refuse_clash
from omnitron.code import UNKNOWN, is_read, iterations, streams_in
from omnitron.errors import DefinitionError
from omnitron.model import COLLECT

__all__ = ["check_reader", "check_test"]

NAMES = """
all any bytearray bytes dict enumerate frozenset iter list max min next set sorted sum tuple
"""
READERS = (*(getattr(builtins, name) for name in NAMES.split()), Counter, OrderedDict, deque, math.fsum, math.prod)
"""What reads its one argument by `for`. They have no annotations that could say so."""
METHODS = ("extend", "extendleft", "join", "update", "writelines")
"""Methods of built-in objects that do the same."""
LEVELS = 12


def check_reader(left: Node, head: Node, given: Any) -> None:
    """Refuse what would lose the items of a stream, or cannot read it at all.

    Args:
        left: gives the value, perhaps a stream.
        head: takes it.
        given: the annotation of the value, as far as it is known.
    """
    last = last_part(left)
    if not streams_in(given) and not last.streams:
        return
    sharing = sharing_part(head)
    if sharing is not None:
        raise DefinitionError(sharing_text(last, sharing, iterations(given)))
    refuse_clash(last, head, given, built_in(head))


def check_test(body: Node, test: Node) -> None:
    """Refuse the test of a loop that would read the stream with which the loop goes on."""
    if body.streams and is_reader(test):
        raise DefinitionError(
            f"{body.name!r} gives a stream, which is read once, and the test {test.name!r} would take the items that the "
            "loop goes on with. Let the body end with a step that reads the stream."
        )


def sharing_part(head: Node) -> Node | None:
    """Give the part of a flow that hands the value which comes in to more than one reader, or None."""
    row: list[Node] = [head]
    for _ in range(LEVELS):
        below: dict[int, Node] = {}
        for node in row:
            if shares(node):
                return node
            inside = {"none": (), "first": node.children[:1], "all": node.children}[node.direct]
            below |= {id(part): part for part in map(first_part, inside)}
        row = list(below.values())
    return None


def shares(node: Node) -> bool:
    """Say whether a node hands the value that comes in to more than one reader, as far as is known.

    A part that only looks at the value before it goes on (a test, a tap) may look without reading.
    """
    if node.shares == "all":
        return len(node.children) > 1
    looking = getattr(node, node.looks, None) if node.looks else None
    return node.shares == "input" or (looking is not None and is_reader(looking))


def is_reader(node: Node) -> bool:
    """Say whether a flow is known to read the iterable that it is given."""
    head = first_part(node)
    wanted = built_in(head)
    return wanted is Iterable or is_read(Look().takes(head))


def built_in(node: Node) -> Any:
    """Give what the built-in function takes that is all that a flow begins with, or UNKNOWN."""
    for _ in range(LEVELS):
        if type(node) is Step or node.direct != "first" or not node.children:
            break
        node = first_part(node.children[0])
    fn = node.fn if isinstance(node, Step) else None
    while type(fn) is partial and not fn.args:
        fn = fn.func
    if fn is len:
        return Sized
    if any(fn is reader for reader in READERS) or (type(fn) is partial and is_filled(fn)):
        return Iterable
    bound = type(fn) is type([].extend) and type(getattr(fn, "__self__", None)).__module__ in (
        "builtins",
        "collections",
    )
    return Iterable if bound and fn.__name__ in METHODS else UNKNOWN  # type: ignore[union-attr]


def is_filled(fn: Any) -> bool:
    """Say whether a `partial` leaves the iterable of `map`, `filter` or `reduce` to be given."""
    return len(fn.args) == 1 and any(fn.func is known for known in (map, filter, reduce))


def sharing_text(giver: Node, sharing: Node, colours: frozenset[str]) -> str:
    """Say why a stream cannot be given to several readers, and what can."""
    collect = (
        "`flow(list)`" if colours == {"sync"} else COLLECT if colours == {"async"} else f"`flow(list)`, or {COLLECT}"
    )
    own = " or begin each of its flows with a stream of its own;" if sharing.shares == "all" else ""
    return (
        f"{giver.name!r} gives a stream, which is read once, and `{sharing.kind}` hands what comes in to more than one "
        f"reader: the first would take the items, and leave none to the next. Collect it first, by {collect};{own} or do "
        f"it for each item, `{sharing.kind}(...).stream()`."
    )
