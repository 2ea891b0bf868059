"""A flow as a picture in HTML, for notebooks. As text it is drawn in `omnitron.algebra.printing`, which makes this."""

from __future__ import annotations

from typing import Any

from omnitron.algebra.bodies import called_flows
from omnitron.algebra.node import Node
from omnitron.algebra.printing import render
from omnitron.algebra.signature import signature_text

__all__ = ["html_of"]

LIMIT = 50
MOST = 400
"""How many lines a picture has at most: a cell of a notebook is for looking at."""


def html_of(flow: Any) -> str:
    """Give name, colour, signature and description of a flow above its tree, dashed what its functions are known to call.

    Everything that stands in it is escaped, and it brings neither script nor style sheet.
    """
    from html import escape

    node = flow.node
    lines = render(node, LIMIT, called=called_by, numbered=True).split("\n")
    if len(lines) > MOST:
        lines = [*lines[:MOST], f"… {len(lines) - MOST:,} more lines"]
    about = flow.meta.description
    return "".join(
        [
            '<div class="omnitron-flow">',
            f"<div><b>{escape(flow.name)}</b><code>{escape(signature_text(node))}</code> <i>{flow.colour}</i></div>",
            f"<div>{escape(about)}</div>" if about else "",
            '<pre style="line-height: 1.2; margin: 0.3em 0">',
            escape("\n".join(lines)),
            "</pre></div>",
        ]
    )


def called_by(node: Node) -> list[Node]:
    """Give the roots of the flows that a node's function is known to call."""
    return [flow.node for flow in called_flows(node)]
