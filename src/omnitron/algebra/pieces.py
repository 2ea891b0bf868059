"""`Piece`: one function of a program that is being written. Read next: `omnitron.algebra.writer`, which writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omnitron.algebra.node import Node
    from omnitron.algebra.writer import Args, Writer

__all__ = ["Piece"]


class Piece:
    """One function to be generated: what writes its body, how it is called, and what it became.

    `stops` says that it awaits only because it is watched, and gives a `StopIteration` as a value: see `Stopped`.
    """

    __slots__ = (
        "args",
        "awaits",
        "body",
        "cursor",
        "declared",
        "lines",
        "links",
        "marks",
        "namespace",
        "node",
        "stops",
        "urgent",
    )

    def __init__(
        self,
        node: Node,
        body: Callable[[Writer, Args, str], None],
        args: Args,
        declared: str,
        *,
        awaits: bool,
        cursor: int,
        stops: bool = False,
        urgent: bool = False,
    ) -> None:
        self.stops = stops
        self.urgent = urgent
        self.node = node
        self.body = body
        self.args = args
        self.declared = declared
        self.awaits = awaits
        self.cursor = cursor
        self.lines: list[str] = []
        self.namespace: dict[str, Any] = {}
        self.links: list[tuple[str, int, Any]] = []
        self.marks: dict[int, int] = {}
