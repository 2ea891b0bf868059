"""The node that runs a flow somewhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omnitron import runtime
from omnitron.algebra.node import UNDOES, Node
from omnitron.errors import DefinitionError

if TYPE_CHECKING:
    from omnitron.algebra.looking import Before, Look
    from omnitron.algebra.writer import Args, Writer
    from omnitron.code import Parameters

__all__ = ["On"]


class On(Node):
    """Run a flow in another place; waiting for it is waiting, so the flow is async.

    Attributes:
        body: the flow.
        place: "thread", "process", or a name that the context's executor knows.
    """

    __slots__ = ("body", "place")
    body: Node
    place: str
    kind = "on"
    segment = False
    direct = "first"

    def check(self) -> None:
        """Refuse a place without a name."""
        if not isinstance(self.place, str) or not self.place:
            raise DefinitionError(f"a place is a name such as 'thread' or 'process', got {self.place!r}.")
        if self.place != "thread" and UNDOES in self.body.needs:
            raise DefinitionError(
                f"what {self.body.name!r} did at {self.place!r} could not be undone from here: it has an `.undo` inside. "
                f"Put `.undo` outside: `f.on({self.place!r}).undo(...)`."
            )

    def _derive(self) -> None:
        super()._derive()
        object.__setattr__(self, "is_async", True)

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the hand-over."""
        if self.place == "thread":
            machine = runtime.run_in_thread_loop if self.body.is_async else runtime.run_in_thread
            run, place = w.bind(machine), w.cursor
            body = w.function(self.body, args, awaits=self.body.is_async)
            w.mark(f"{target} = await {run}({body}, {args.call})", place)
            return
        from omnitron.algebra.flows import from_node

        flow = w.bind(from_node(self.body))
        if self.place == "process":
            run = f"{w.bind(runtime.run_in_process)}({flow}, {args.call})"
        else:
            run = f"{w.bind(runtime.run_in_executor)}({self.place!r}, {flow}, {args.call})"
        index = w.cursor
        if w.seen and w.segment_of(index) is not None:
            name, rest = run.split("(", 1)
            run = f"{w.bind(runtime.run_beneath)}({w.segment_of(index)!r}, {name}, {rest}"
        w.mark(f"{target} = await {run}", index)
        w.leave_out(self.body)

    def takes(self, look: Look) -> Any:
        """Give what the body takes."""
        return look.takes(self.body)

    def gives(self, look: Look, before: Before) -> Any:
        """Give what the body gives."""
        return look.gives(self.body, before)

    def parameters(self) -> Parameters | None:
        """Give the body's."""
        return self.body.parameters()

    def detail(self) -> str:
        """Give the place."""
        return repr(self.place)

    def title(self) -> str:
        """Give the body's name."""
        return self.body.name

    @property
    def binds(self) -> bool:  # type: ignore[override]
        """Whether the body binds like a method."""
        return self.body.binds
