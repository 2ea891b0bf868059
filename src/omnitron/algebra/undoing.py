"""The node of a step that can be undone, and the part of a tree that is undone as a whole.

A *scope* is a place where an error is caught or dropped (`Writer.scope` writes one): when it fails, what was done in it is
undone, the last step first, before the error is handled or leaves; when it succeeds, the scope around it takes over. The
whole of a flow that is called is the outermost one. A tree in which nothing can be undone has no scopes at all. What
runs stands in `omnitron.runtime.undoing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from omnitron import runtime
from omnitron.algebra.branching import check_no_stream, check_one
from omnitron.algebra.node import UNDOES, Node
from omnitron.algebra.policing import Policy
from omnitron.algebra.writer import Args

if TYPE_CHECKING:
    from omnitron.algebra.writer import Writer

__all__ = ["Undo", "scoped"]


class Undo(Policy):
    """Run a flow; when something fails after it, run another with its result.

    Attributes:
        body: the flow.
        with_: takes the body's result, and undoes what the body did.
    """

    __slots__ = ("body", "with_")
    body: Node
    with_: Node
    kind = "undo"

    def _derive(self) -> None:
        super()._derive()
        object.__setattr__(self, "needs", self.needs | {UNDOES})

    def check(self) -> None:
        """Refuse an undoing that takes more than the result."""
        check_one("what undoes a flow", "the result", self.with_)
        check_no_stream(
            self.body, "it has no result to undo", "Put `.undo` on the flow of one item: `f.undo(g).stream()`."
        )

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the promise, the body, and the keeping of the promise."""
        start = w.cursor
        w.cursor = start + self.body.size
        spot, promise = w.bind(w.spot(w.cursor)), w.temp()
        awaits = w.awaits if w.seen else self.with_.is_async
        with w.always():
            fn = w.function(Whole.of(self.with_), Args("v", "v"), awaits=awaits)
        w.line(f"{promise} = {w.bind(runtime.Promise)}({fn}, {spot}, awaits={awaits})")
        w.cursor = start
        keep = f"{promise}.keep" if w.keep is None else f"{w.bind(runtime.keep_both)}({promise}.keep, {w.keep})"
        if w.call(self.body, args, target, keep=keep):
            w.keep = None  # so is what was to be kept of this node, whose result is the body's
        else:
            w.line(f"{promise} = {promise}.keep({target})")
            if w.awaits:
                w.line(f"if {promise} is not None: await {promise}")
        w.leave_out(self.with_)


class Part(Node):
    """Run a child as a scope. Inside generated code only: it stands where its child stands in every walk."""

    __slots__ = ("body",)
    body: Node
    segment = False

    @classmethod
    def of(cls, body: Node) -> Node:
        """Give the node that counts as many places as `body`; that itself where there is nothing to undo."""
        if UNDOES not in body.needs:
            return body
        made = cls(body)
        object.__setattr__(made, "size", body.size)
        return made

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the child in a scope."""
        w.cursor -= 1
        w.scope(self.body, args, target)


class Whole(Part):
    """Run a child as a scope of its own: what was done in it stays done when it has succeeded."""

    __slots__ = ()

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the child in a scope that forgets."""
        w.cursor -= 1
        with w.undoing(self.body, root=True):
            w.call(self.body, args, target)


def scoped(body: Node) -> Node:
    """Give what runs `body` as a scope, for machines that catch errors themselves."""
    return Part.of(body)
