"""`Policy`: the base of the nodes that say how one flow is called: policies, places, contexts, undoing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omnitron.algebra.node import Node

if TYPE_CHECKING:
    from omnitron.algebra.looking import Before, Look
    from omnitron.code import Parameters

__all__ = ["Policy"]


class Policy(Node):
    """Say how, where or in what context a flow is called.

    What it takes, what it gives and its name are that flow's; a path has no segment of it. A subclass has a field `body`;
    what else it says of itself stands in its own `detail`.
    """

    __slots__ = ()
    body: Node
    direct = "first"
    segment = False

    def takes(self, look: Look) -> Any:
        """Give what the body takes."""
        return look.takes(self.body)

    def gives(self, look: Look, before: Before) -> Any:
        """Give what the body gives."""
        return look.gives(self.body, before)

    def parameters(self) -> Parameters | None:
        """Give the body's."""
        return self.body.parameters()

    def streams_after(self, before: str) -> str:
        """Give the body's."""
        return self.body.streams_after(before)

    def title(self) -> str:
        """Give the body's name."""
        return self.body.name

    @property
    def binds(self) -> bool:  # type: ignore[override]
        """Whether the body binds like a method."""
        return self.body.binds
