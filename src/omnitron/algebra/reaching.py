"""How far down a policy reaches: to what it calls, to whose errors it meets, or to all that runs in its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from omnitron.algebra.node import Node
from omnitron.algebra.policing import Policy

__all__ = ["Inside", "Reach", "calls", "errors", "everything", "under"]

Reach: TypeAlias = Callable[[Node], tuple[Node, ...]]
"""Gives the children of a node to which what stands above it reaches through it."""


class Inside:
    """A policy that stands beneath another one.

    Attributes:
        node: its node.
        between: the nodes that stand between the two, from the outer to the inner.
    """

    __slots__ = ("between", "node")

    def __init__(self, node: Node, between: tuple[Node, ...]) -> None:
        self.node = node
        self.between = between


def everything(node: Node) -> tuple[Node, ...]:
    """Reach all that runs in the time of a node."""
    return () if node.kind == "stream" else node.children


def calls(node: Node) -> tuple[Node, ...]:
    """Reach what is called with the very arguments, once for each call: through policies, not into what a cache is over."""
    passes = isinstance(node, Policy) or node.kind in ("bind", "method")
    return node.children[:1] if passes and node.kind != "cache" else ()


def errors(node: Node) -> tuple[Node, ...]:
    """Reach the parts whose errors leave the node: not those that are caught, collected, kept, or met by a reader."""
    kind = node.kind
    if kind == "stream" or getattr(node, "mode", "") == "collect" or getattr(node, "quorum", None) is not None:
        return ()
    if kind == "fallback":
        return node.children[-1:]
    if kind == "try_with" and getattr(node, "catch", None) is not None:
        return node.children[1:]
    if kind == "cache" and getattr(node, "ttl_on_error", None) is not None:
        return ()
    return node.children[:1] if kind == "undo" else node.children


def under(outer: Node, kinds: tuple[str, ...], reach: Reach) -> list[Inside]:
    """Give the nodes of some kinds beneath one, as far as it reaches; a part that stands at several places, once."""
    found: list[Inside] = []
    seen: set[int] = set()
    stack: list[tuple[Node, tuple[Node, ...]]] = [(child, ()) for child in outer.children[:1]]
    while stack:
        node, between = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.kind in kinds:
            found.append(Inside(node, between))
        inside = reach(node)
        if inside:
            through = (*between, node)
            stack += [(child, through) for child in reversed(inside) if child.children]
    return found
