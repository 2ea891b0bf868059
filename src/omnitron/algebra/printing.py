"""A tree as text, one line a node."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from omnitron.algebra.node import Node

__all__ = ["render"]

DASHED, WIDEST = "╌╌", 72


def caption(node: Node) -> str:
    """Give what stands on the node's line."""
    detail = node.detail()
    if not node.children:
        return node.name
    word = node.kind if not detail else f"{node.kind}({detail})"
    if node.kind == "sequence":
        return node.name if node.label is not None else "sequence"
    return word if node.label is None else f"{node.label}: {word}"


def render(
    root: Node,
    limit: int | None = None,
    *,
    called: Callable[[Node], Iterable[Node]] | None = None,
    word: Callable[[Node], str] | None = None,
) -> str:
    """Give the tree as text with lines drawn between the nodes.

    Args:
        root: the tree.
        limit: how many children of one node to show at most; the middle of longer rows is counted only.
        called: gives the roots of the flows that a node's function is known to call; they are drawn dashed beneath it,
            whole where they are met first, then by name.
        word: what to say of a node in a second column.
    """
    lines: list[tuple[str, str]] = []
    stack: list[tuple[Node | int, str, str, str]] = [(root, "", "", "")]
    drawn: set[int] = set()
    while stack:
        node, lead, beneath, role = stack.pop()
        if isinstance(node, int):
            lines.append((f"{lead}… {node:,} more", ""))
            continue
        alone = node is root or role == DASHED
        text = root_caption(node) if alone else caption(node)
        again = role == DASHED and id(node) in drawn
        lines.append(
            (f"{lead}{'' if alone else role}{text}{' (above)' if again else ''}", "" if word is None else word(node))
        )
        if again:
            continue
        drawn.add(id(node))
        rows: list[tuple[Node | int, str]] = [
            (child, f"{name}: " if name and name != "body" else "")
            for child, name in zip(node.children, node.roles(), strict=True)
        ]
        if limit is not None and len(rows) > limit:
            half = limit // 2
            rows = [*rows[:half], (len(rows) - 2 * half, ""), *rows[-half:]]
        if called is not None:
            rows += [(inner, DASHED) for inner in called(node)]
        for place, (child, name) in enumerate(reversed(rows)):
            mark, bar = ("└", "    ") if place == 0 else ("├", "│   ")
            stack.append((child, f"{beneath}{mark}{DASHED if name == DASHED else '──'} ", beneath + bar, name))
    if word is None:
        return "\n".join(left for left, _ in lines)
    width = min(max(len(left) for left, _ in lines), WIDEST)
    return "\n".join(f"{left:<{width}}  {right}".rstrip() for left, right in lines)


def root_caption(root: Node) -> str:
    """Give the first line: the name of the flow, and what it is when that does not say it."""
    if not root.children or root.kind == "sequence":
        return root.name
    word = caption(root)
    return word if root.label is not None or root.name == root.kind else f"{root.name}: {word}"
