"""A flow's tree as text, with what can be looked into, and the flows that its functions are known to call."""

from __future__ import annotations

from omnitron.algebra import Node, Step, called_flows, readable, render
from omnitron.cli.targets import AnyFlow

__all__ = ["draw_tree"]


def draw_tree(flow: AnyFlow, limit: int = 50) -> str:
    """Draw a flow's tree, each node with a word: tree, body or opaque; dashed what bodies are known to call.

    Equal siblings bear the numbers that they have in paths.
    """

    def called(node: Node) -> list[Node]:
        return [flow.node for flow in called_flows(node)]

    return render(flow.node, limit, called=called, word=word_of, numbered=True)


def word_of(node: Node) -> str:
    """Say whether a node is part of the tree, a function that can be read, or one that cannot (a builtin, for example)."""
    if not isinstance(node, Step):
        return "tree"
    return "opaque" if readable(node.fn) is None else "body"
