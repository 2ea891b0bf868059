"""The node that ends a flow which takes too long. What runs stands in `omnitron.runtime.deadlines`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from omnitron import runtime
from omnitron.algebra.node import Node, refines
from omnitron.algebra.policing import Policy
from omnitron.errors import DefinitionError
from omnitron.policy import Timeout

if TYPE_CHECKING:
    from omnitron.algebra.writer import Args, Writer

__all__ = ["Timed"]


def inside(node: Node) -> int:
    """Give how many places beneath a policy the part stands that has a segment of its own: it is what took too long."""
    depth = 0
    while refines(node):
        depth, node = depth + 1, node.children[0]
    return depth


class Timed(Policy):
    """Run an async flow; cancel it, and await its clean-up, when its time is over. The fields are those of `Timeout`.

    Attributes:
        body: the flow.
        seconds: for a whole call, or a whole stream; None for no bound.
        idle: for each item of a stream; None for no bound.
    """

    __slots__ = ("body", "seconds", "idle")
    body: Node
    seconds: float | None
    idle: float | None
    kind = "timeout"
    tunable: ClassVar = {"seconds": float, "idle": float}

    @classmethod
    def of(cls, body: Node, policy: Timeout) -> Timed:
        """Give the node of a policy over a flow."""
        return cls(body, policy.seconds, policy.idle)

    def check(self) -> None:
        """Refuse what nothing could end, and seconds that are none."""
        Timeout(self.seconds, idle=self.idle)
        name, streams = self.body.name, self.body.streams
        if streams == "sync" or not (streams or self.body.is_async):
            one = " Of a stream, put both on the flow of one item, before `.stream(...)`." if streams else ""
            raise DefinitionError(
                f"{name!r} is sync, and nothing ends a Python function that computes. Run it elsewhere, and wait for it: "
                "`.on('process').timeout(...)` ends the work when its time is over, `.on('thread').timeout(...)` abandons "
                f"it.{one}"
            )
        if streams and self.body.is_async:
            raise DefinitionError(
                f"{name!r} is awaited, and then gives a stream. Put the timeout on the part that is awaited, or on the "
                "stream."
            )
        if self.idle is not None and not streams:
            raise DefinitionError(
                f"`idle` is for the items of a stream, and {name!r} gives none: use `timeout(seconds)`."
            )

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the call of the machine."""
        place = w.cursor - 1 + inside(self)
        if self.body.streams:
            w.call(self.body, args, target)
            bounds = f"{w.bind(self.seconds, 'k')}, {w.bind(self.idle, 'k')}, {w.bind(self.body.name, 'k')}"
            made = f"{w.bind(runtime.stream_in_time)}({target}, {bounds}, {w.bind(w.spot(place))})"
            w.mark(f"{target} = {made}", place)
            return
        fn = w.function(self.body, args, awaits=True)
        passed = f", {args.call}" if args.call else ""
        bounds = f"{w.bind(self.seconds, 'k')}, {w.bind(self.late, 'k')}"
        w.mark(f"{target} = await {w.bind(runtime.in_time)}({bounds}, {fn}{passed})", place)

    def late(self) -> str:
        """Give the words for a call that took too long."""
        return f"{self.body.name!r} did not end within {self.seconds:g} s, and was cancelled."

    def detail(self) -> str:
        """Give the bounds."""
        shown = [] if self.seconds is None else [f"{self.seconds:g} s"]
        return ", ".join(shown + ([] if self.idle is None else [f"idle={self.idle:g} s"]))
