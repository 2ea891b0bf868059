"""The node that runs a flow on its own result.

What users call is `omnitron.algebra.selecting.loop`. Read next: `omnitron.algebra.loops`, which runs a flow for many items.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

from omnitron import runtime
from omnitron.algebra.branching import check_count
from omnitron.algebra.node import Node
from omnitron.algebra.steps import ONE_VALUE
from omnitron.algebra.writer import Args
from omnitron.errors import DefinitionError, LimitReached

if TYPE_CHECKING:
    from omnitron.algebra.looking import Before, Look
    from omnitron.algebra.writer import Writer
    from omnitron.code import Parameters

__all__ = ["Loop"]


class Loop(Node):
    """Run a flow on its own result, until a test is true of that or a number of turns is taken.

    Attributes:
        body: the flow.
        until: the test of what a turn gave; None takes all turns.
        at_most: how many turns are taken at most; None for any number.
    """

    __slots__ = ("body", "until", "at_most")
    body: Node
    until: Node | None
    at_most: int | None
    kind = "loop"
    tunable: ClassVar = {"at_most": int}

    def check(self) -> None:
        """Refuse a loop that would never end, and a number that is not positive."""
        check_count("at_most", self.at_most)
        if self.until is None and self.at_most is None:
            raise DefinitionError("a loop needs an end: give `until=test`, `at_most=turns`, or both.")

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write a `for` whose `else` is reached when all turns are taken."""
        place, value, stop = w.cursor - 1, w.temp(), w.temp()
        w.line(f"{value} = {args.value}")
        turns = f"{w.bind(count)}()" if self.at_most is None else w.bind(range(self.at_most), "k")
        index = w.temp()
        with w.block(f"for {index} in {turns}:"):
            if w.seen:
                self.emit_seen_turn(w, index, value, stop)
            else:
                self.emit_turn(w, value, stop)
            if self.until is not None:
                w.line(f"if {stop}: break")
        if self.until is not None and self.at_most is not None:
            with w.block("else:"):
                name = w.bind(self.name, "k")
                w.mark(f"raise {w.bind(LimitReached)}({value}, {w.bind(self.at_most, 'k')}, {name})", place)
        w.line(f"{target} = {value}")
        w.line(f"del {value}, {index}{f', {stop}' if self.until is not None else ''}")

    def emit_turn(self, w: Writer, value: str, stop: str) -> None:
        """Write one turn and its test."""
        args = Args(value, value)
        w.call(self.body, args, value)
        if self.until is not None:
            w.call(self.until, args, stop)

    def emit_seen_turn(self, w: Writer, index: str, value: str, stop: str) -> None:
        """Write one turn within a frame whose path has its index."""
        token = w.temp()
        leave = runtime.leave_frame if w.awaits else runtime.reset_watch
        w.line(f"{token} = {w.bind(runtime.item_frame)}({index})")
        with w.block("try:"):
            self.emit_turn(w, value, stop)
        with w.block("finally:"):
            w.line(f"{w.bind(leave)}({token})")

    def takes(self, look: Look) -> Any:
        """Give what the body takes."""
        return look.takes(self.body)

    def gives(self, look: Look, before: Before) -> Any:
        """Give what the body gives."""
        return look.gives(self.body, before)

    def streams_after(self, before: str) -> str:
        """Give the body's."""
        return self.body.streams_after(before)

    def parameters(self) -> Parameters:
        """One value, as every turn but the first gives one."""
        return ONE_VALUE

    def detail(self) -> str:
        """Give the number of turns."""
        return f"at_most={self.at_most}" if self.at_most is not None else ""
