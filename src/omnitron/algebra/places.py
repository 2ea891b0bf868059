"""The node that runs a flow somewhere else."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from omnitron import runtime
from omnitron.algebra.branching import check_no_stream
from omnitron.algebra.node import UNDOES, Node
from omnitron.algebra.policing import Policy
from omnitron.errors import DefinitionError

if TYPE_CHECKING:
    from omnitron.algebra.writer import Args, Writer

__all__ = ["BUILT_IN", "On"]

BUILT_IN = ("local", "thread", "process")
"""The places that need no executor."""


class On(Policy):
    """Run a flow in another place; waiting for it is waiting, so the flow is async.

    Attributes:
        body: the flow.
        place: "local", "thread", "process", or a name that the context's executor knows.
    """

    __slots__ = ("body", "place")
    body: Node
    place: str
    kind = "on"
    tunable: ClassVar = {"place": str}

    def check(self) -> None:
        """Refuse a place without a name."""
        if not isinstance(self.place, str) or not self.place:
            raise DefinitionError(f"a place is a name such as 'thread' or 'process', got {self.place!r}.")
        is_local = self.place == "local"
        check_no_stream(
            self.body,
            "to await it waits for none of them" if is_local else f"that would happen here, and not at {self.place!r}",
            f"Put `.on` on the flow of one item: `f.on({self.place!r}).stream(concurrency=...)`.",
        )
        if self.place not in ("local", "thread") and UNDOES in self.body.needs:
            raise DefinitionError(
                f"what {self.body.name!r} did at {self.place!r} could not be undone from here: it has an `.undo` inside. "
                f"Put `.undo` outside: `f.on({self.place!r}).undo(...)`."
            )

    def _derive(self) -> None:
        super()._derive()
        object.__setattr__(self, "is_async", True)

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the hand-over."""
        if self.place == "local":
            w.pass_on(self.body, args, target)
            return
        if self.place == "thread":
            machine = runtime.run_in_thread_loop if self.body.is_async else runtime.run_in_thread
            run, place = w.bind(machine), w.cursor
            body = w.function(self.body, args, awaits=self.body.is_async)
            w.mark(f"{target} = await {run}({body}, {args.call})", place)
            return
        from omnitron.algebra.flows import from_node

        flow = from_node(self.body)
        used = {} if self.body.segment or self.body.label is not None else names_before(w)
        if self.place == "process":
            carry = partial(runtime.run_in_process, flow, used)
        else:
            carry = partial(runtime.run_in_executor, self.place, flow, used)
        w.hand_over(self.body, carry, args, target)

    def detail(self) -> str:
        """Give the place."""
        return repr(self.place)


def names_before(w: Writer) -> dict[str, int]:
    """Give how often each name is used by siblings before the node that is written next."""
    program = w.build.program()
    assert program is not None  # it is being compiled
    paths = program.known_paths()
    around = paths[w.cursor][0]
    used: dict[str, int] = {}
    for path, node in paths[: w.cursor]:
        if path.rpartition("/")[0] == around and (node.segment or node.label is not None):
            used[node.name] = used.get(node.name, 0) + 1
    return used
