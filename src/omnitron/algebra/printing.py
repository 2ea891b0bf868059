"""A tree as text, one line a node."""

from __future__ import annotations

from omnitron.algebra.node import Node

__all__ = ["render"]


def caption(node: Node) -> str:
    """Give what stands on the node's line."""
    detail = node.detail()
    if not node.children:
        return node.name
    word = node.kind if not detail else f"{node.kind}({detail})"
    if node.kind == "sequence":
        return node.name if node.label is not None else "sequence"
    return word if node.label is None else f"{node.label}: {word}"


def render(root: Node, limit: int | None = None) -> str:
    """Give the tree as text with lines drawn between the nodes.

    Args:
        root: the tree.
        limit: how many children of one node to show at most; the middle of longer rows is counted only.
    """
    lines: list[str] = []
    stack: list[tuple[Node | int, str, str, str]] = [(root, "", "", "")]
    first = True
    while stack:
        node, lead, beneath, role = stack.pop()
        if isinstance(node, int):
            lines.append(f"{lead}… {node:,} more")
            continue
        text = root_caption(root) if first else caption(node)
        first = False
        lines.append(f"{lead}{role}{text}")
        children = node.children
        roles = node.roles()
        rows: list[tuple[Node | int, str]] = [
            (child, f"{name}: " if name and name != "body" else "") for child, name in zip(children, roles, strict=True)
        ]
        if limit is not None and len(rows) > limit:
            half = limit // 2
            rows = [*rows[:half], (len(rows) - 2 * half, ""), *rows[-half:]]
        for place, (child, name) in enumerate(reversed(rows)):
            mark, bar = ("└── ", "    ") if place == 0 else ("├── ", "│   ")
            stack.append((child, beneath + mark, beneath + bar, name))
    return "\n".join(lines)


def root_caption(root: Node) -> str:
    """Give the first line: the name of the flow, and what it is when that does not say it."""
    if not root.children or root.kind == "sequence":
        return root.name
    word = caption(root)
    return word if root.label is not None or root.name == root.kind else f"{root.name}: {word}"
