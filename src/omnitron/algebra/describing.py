"""A flow as plain data: what `flow.describe()` gives.

    {"omnitron": 1, "flow": NODE, "parts": [NODE, ...]}

    NODE = {"kind": "when", "class": "omnitron.algebra:When", "colour": "sync", "label": "sized", "meta": {...},
            "fields": {"test": NODE, "then": NODE, "otherwise": null}}

`fields` are those of the node's class by name, its children nested in them. `label` and `meta` stand where there are
some, `parts` too: what stands at several places of the tree, or more than 25 levels deep, is described there once, and
`{"part": 3}` stands in its place, so that neither JSON nor anything else meets its limit of recursion. How fields that
are no nodes look is told in `omnitron.algebra.constants`.
"""

from __future__ import annotations

from typing import Any

from omnitron.algebra.constants import Constants, opaque_text, path_to
from omnitron.algebra.node import Node
from omnitron.model import FlowMeta

__all__ = ["FORMAT", "describe_node"]

FORMAT = 1
LEVELS = 25


def describe_node(root: Node) -> dict[str, Any]:
    """Give a tree as plain data, without recursion.

    Laws:
        `rebuild` gives an equal flow, also from what JSON made of it, unless something in it is marked opaque.
    """
    return Description(root).whole()


class Description:
    """What is being described: the nodes that still wait for it, and the parts that have a number."""

    __slots__ = ("constants", "level", "numbers", "parts", "root", "shared", "waiting")

    def __init__(self, root: Node) -> None:
        self.root = root
        self.constants = Constants(self.node, self.part)
        self.shared = several_places(root)
        self.numbers: dict[int, int] = {}
        self.parts: list[dict[str, Any]] = []
        self.waiting: list[tuple[Node, dict[str, Any], int]] = []
        self.level = 0

    def whole(self) -> dict[str, Any]:
        """Give all of it."""
        made: dict[str, Any] = {}
        self.waiting.append((self.root, made, 0))
        while self.waiting:
            node, form, self.level = self.waiting.pop()
            self.describe(node, form)
        data: dict[str, Any] = {"omnitron": FORMAT, "flow": made}
        if self.parts:
            data["parts"] = self.parts
        return data

    def node(self, node: Node) -> dict[str, Any]:
        """Give what stands for a node inside another: its description, filled in later, or the number of a part."""
        form: dict[str, Any] = {}
        if id(node) not in self.shared and (self.level < LEVELS or not node.children):
            self.waiting.append((node, form, self.level + 1))
            return form
        return self.part(node)

    def part(self, node: Node) -> dict[str, Any]:
        """Give the number of the part that describes a node."""
        number = self.numbers.get(id(node))
        if number is None:
            number = self.numbers[id(node)] = len(self.parts)
            form: dict[str, Any] = {}
            self.parts.append(form)
            self.waiting.append((node, form, 0))
        return {"part": number}

    def describe(self, node: Node, form: dict[str, Any]) -> None:
        """Fill in the description of a node."""
        plain = self.constants.plain
        form["kind"] = node.kind
        form["class"] = path_to(type(node)) or {"opaque": opaque_text(type(node))}
        form["colour"] = "async" if node.is_async else "sync"
        if node.label is not None:
            form["label"] = node.label
        if node.meta is not None:
            empty = FlowMeta()
            held = {name: getattr(node.meta, name) for name in FlowMeta.fields}
            form["meta"] = {name: plain(value) for name, value in held.items() if value != getattr(empty, name)}
        form["fields"] = {name: plain(getattr(node, name)) for name in node.fields}


def several_places(root: Node) -> set[int]:
    """Give the composed nodes that stand at more than one place of a tree, by their ids."""
    met: set[int] = set()
    again: set[int] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if not node.children:
            continue
        if id(node) in met:
            again.add(id(node))
            continue
        met.add(id(node))
        stack += node.children
    return again
