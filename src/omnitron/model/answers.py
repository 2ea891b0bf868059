"""`CallAnswered`: what is seen where a cache answers in the place of a flow."""

from __future__ import annotations

from typing import Any

from omnitron.model.events import NOT_KEPT, Call, Event, fill, kept

__all__ = ["CallAnswered"]


class CallAnswered(Event):
    """A cache gave `output`, so that the flow was not called: `call` is the one that was spared.

    Attributes:
        output: what was given.
        outcome: "hit" (it was kept), "stale" (past its time; a new one is computed), or "shared" (another computed it).
    """

    __slots__ = ("outcome", "output")
    output: Any
    outcome: str

    def __init__(self, call: Call, output: Any, outcome: str) -> None:
        fill(self, "call", call)
        fill(self, "output", output)
        fill(self, "outcome", outcome)

    def of(self, call: Call) -> CallAnswered:
        """Give the same event of another call."""
        return CallAnswered(call, self.output, self.outcome)

    def without_values(self) -> Event:
        """Give this event as it is kept."""
        output = NOT_KEPT if self.call.in_item else kept(self.output)
        return CallAnswered(self.call.without_values(), output, self.outcome)

    def __reduce__(self) -> tuple[Any, ...]:
        return CallAnswered, (self.call, self.output, self.outcome)
