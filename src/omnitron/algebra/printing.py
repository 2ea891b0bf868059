"""A tree as text, one line a node."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from omnitron.algebra.node import Node, walk_nodes

__all__ = ["render"]

DASHED, WIDEST = "╌╌", 72


def caption(node: Node, number: str = "") -> str:
    """Give what stands on the node's line.

    Args:
        node: what stands there.
        number: what tells it apart in paths from the siblings of its name before it, for example "#2".
    """
    detail = f"({node.detail()})" if node.detail() else ""
    if not node.children:
        return f"{node.name}{number}"
    if node.kind == "sequence":
        return f"{node.name}{number}" if node.label is not None else "sequence"
    if node.label is not None:
        return f"{node.label}{number}: {node.kind}{detail}"
    if number and node.name != node.kind:  # what stands in paths is neither the label nor the kind
        return f"{node.name}{number}: {node.kind}{detail}"
    return f"{node.kind}{number}{detail}"


def numbers_of(root: Node) -> list[str]:
    """Give for each node, in the order of walking, what its segment of paths has behind its name: "" or "#2", "#3"."""
    found: list[str] = []
    for path, node in walk_nodes(root):
        before, sign, number = path.rpartition("#")
        is_segment = number.isdigit() and (node.segment or node.label is not None)
        found.append(f"{sign}{number}" if is_segment and before.endswith(f"/{node.name}") else "")
    return found


def render(
    root: Node,
    limit: int | None = None,
    *,
    called: Callable[[Node], Iterable[Node]] | None = None,
    word: Callable[[Node], str] | None = None,
    numbered: bool = False,
) -> str:
    """Give the tree as text with lines drawn between the nodes.

    Args:
        root: the tree.
        limit: how many children of one node to show at most; the middle of longer rows is counted only.
        called: gives the roots of the flows that a node's function is known to call; they are drawn dashed beneath it,
            whole where they are met first, then by name.
        word: what to say of a node in a second column.
        numbered: whether equal siblings bear the numbers that they have in paths: the second one is `price#2`.
    """
    lines: list[tuple[str, str]] = []
    stack: list[tuple[Node | int, str, str, str, list[str], int]] = []

    def begin(tree: Node, lead: str, beneath: str, role: str) -> None:
        stack.append((tree, lead, beneath, role, numbers_of(tree) if numbered else [], 0))

    begin(root, "", "", "")
    drawn: set[int] = set()
    while stack:
        node, lead, beneath, role, numbers, index = stack.pop()
        if isinstance(node, int):
            lines.append((f"{lead}… {node:,} more", ""))
            continue
        alone = node is root or role == DASHED
        text = root_caption(node) if alone else caption(node, numbers[index] if numbers else "")
        again = role == DASHED and id(node) in drawn
        lines.append(
            (f"{lead}{'' if alone else role}{text}{' (above)' if again else ''}", "" if word is None else word(node))
        )
        if again:
            continue
        drawn.add(id(node))
        rows: list[tuple[Node | int, str, int]] = []
        for part, name in zip(node.children, node.roles(), strict=True):
            rows.append((part, f"{name}: " if name and name != "body" else "", index := index + 1))
            index += part.size - 1
        if limit is not None and len(rows) > limit:
            half = limit // 2
            rows = [*rows[:half], (len(rows) - 2 * half, "", 0), *rows[-half:]]
        if called is not None:
            rows += [(inner, DASHED, 0) for inner in called(node)]
        for place, (child, name, number) in enumerate(reversed(rows)):
            mark, bar = ("└", "    ") if place == 0 else ("├", "│   ")
            if name == DASHED and isinstance(child, Node):
                begin(child, f"{beneath}{mark}{DASHED} ", beneath + bar, DASHED)
            else:
                stack.append((child, f"{beneath}{mark}── ", beneath + bar, name, numbers, number))
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
