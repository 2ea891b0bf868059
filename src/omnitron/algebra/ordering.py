"""Policies whose order defeats them: looked for where one is written over others, and told as a `PolicyWarning`.

Which orders are wrong stands in `omnitron.algebra.orders`; here, who looks, and how it is told.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, TypeVar

from omnitron.algebra.node import Node
from omnitron.errors import PolicyWarning

__all__ = ["findings", "ordered"]

N = TypeVar("N", bound=Node)

LOOKING = frozenset({
    "batch", "bulkhead", "circuit_breaker", "each", "hedge", "rate_limit", "retry", "stream", "timeout",
})  # fmt: skip
"""The kinds that are looked beneath when they are written."""
GOVERNED = frozenset({"batch", "cache", "hedge", "retry", "timeout"})
"""The kinds that are looked for there."""


def governs_any(outer: Node) -> bool:
    """Say whether anything that a rule could be about stands beneath a node."""
    seen: set[int] = set()
    stack = [*outer.children]
    while stack:
        node = stack.pop()
        if node.kind in GOVERNED:
            return True
        if id(node) not in seen:
            seen.add(id(node))
            stack += [child for child in node.children if child.children]
    return False


def findings(outer: Node) -> Iterator[tuple[str, str]]:
    """Give the code and the text of each rule that a node breaks with what is beneath it."""
    if outer.kind in LOOKING and governs_any(outer):
        from omnitron.algebra.orders import broken

        yield from broken(outer)


def ordered(node: N) -> N:
    """Give a node back that a user has written just now; warn of each rule that it breaks, at the user's line."""
    for _, text in findings(node):
        warn(text)
    return node


def warn(text: str) -> None:
    """Warn at the innermost line that is not the library's."""
    import warnings

    level, frame = 1, sys._getframe()
    while frame.f_back is not None and is_own(frame.f_globals.get("__name__")):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, PolicyWarning, stacklevel=level)


def is_own(module: Any) -> bool:
    """Say whether a module is one of the library."""
    return isinstance(module, str) and (module == "omnitron" or module.startswith("omnitron."))
