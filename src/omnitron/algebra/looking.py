"""`Look`: what annotations say about the value that a tree takes and the one that it gives.

Each node answers for itself by `takes` and `gives`, and asks here for its parts. Read next:
`omnitron.algebra.neighbours`, which compares the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from omnitron.code import UNKNOWN, AllOf, OneOf

if TYPE_CHECKING:
    from omnitron.algebra.node import Node

__all__ = ["Before", "Look", "all_of", "one_of", "unknown"]

LEVELS = 12
Before = Callable[[], Any]


def unknown() -> Any:
    """Stand for what comes in where that is not known."""
    return UNKNOWN


class Look:
    """One look at a tree. What lies deeper than twelve levels is not known: a check at composition stays cheap.

    Args:
        names: whether annotations that are strings are looked up; they are at the first call, when all names exist.
    """

    __slots__ = ("level", "names")

    def __init__(self, *, names: bool = False) -> None:
        self.names = names
        self.level = 0

    def takes(self, node: Node) -> Any:
        """Give the annotation of the one value that a node takes."""
        if self.level >= LEVELS:
            return UNKNOWN
        self.level += 1
        try:
            return node.takes(self)
        finally:
            self.level -= 1

    def gives(self, node: Node, before: Before = unknown) -> Any:
        """Give the annotation of what a node gives; `before` tells that of the value that comes in."""
        if self.level >= LEVELS:
            return UNKNOWN
        self.level += 1
        try:
            return node.gives(self, before)
        finally:
            self.level -= 1

    def comes(self, node: Node, before: Before) -> Any:
        """Give the annotation of the value that a node is given: that of what comes in, else of what the node takes."""
        known = before()
        return known if known is not UNKNOWN else self.takes(node)


def one_of(annotations: Iterable[Any]) -> Any:
    """Give the union of annotations; unknown where one of them is."""
    found: list[Any] = []
    for annotation in annotations:
        if annotation is UNKNOWN:
            return UNKNOWN
        if not any(annotation is known for known in found):
            found.append(annotation)
    return found[0] if len(found) == 1 else OneOf(tuple(found))


def all_of(annotations: Iterable[Any]) -> Any:
    """Give what a value must be that is taken by several; those that are not known are left out."""
    found = [annotation for annotation in annotations if annotation is not UNKNOWN]
    return UNKNOWN if not found else found[0] if len(found) == 1 else AllOf(tuple(found))
