"""`PolicyChanged`: what is seen where a policy changes its state."""

from __future__ import annotations

from typing import Any

from omnitron.model.events import Call, Event, fill

__all__ = ["PolicyChanged"]


class PolicyChanged(Event):
    """A policy has changed its state in the course of a run; `call` tells the place of the flow, without its arguments.

    Attributes:
        policy: the kind of policy: "circuit_breaker", or "adaptive" (a bound that moves).
        before: its state until then, and `after` from then on.
        why: the reason, as part of a sentence.
    """

    __slots__ = ("after", "before", "policy", "why")
    policy: str
    before: Any
    after: Any
    why: str

    def __init__(self, call: Call, policy: str, before: Any, after: Any, why: str) -> None:
        fill(self, "call", call)
        fill(self, "policy", policy)
        fill(self, "before", before)
        fill(self, "after", after)
        fill(self, "why", why)

    def of(self, call: Call) -> PolicyChanged:
        """Give the same event of another call."""
        return PolicyChanged(call, self.policy, self.before, self.after, self.why)

    def __reduce__(self) -> tuple[Any, ...]:
        return PolicyChanged, (self.call, self.policy, self.before, self.after, self.why)

    def __repr__(self) -> str:
        return f"PolicyChanged({self.call.path!r}, {self.policy}: {self.before} → {self.after}, {self.why})"
