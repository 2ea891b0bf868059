"""The node that runs a flow so many times at once at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from omnitron import runtime
from omnitron.algebra.branching import check_no_stream
from omnitron.algebra.node import WAITS, Node
from omnitron.algebra.policing import Policy
from omnitron.algebra.queueing import (
    bell_waiter,
    blocks_loop,
    check_loop,
    future_waiter,
    held_here,
    wait_for_turn,
    wait_for_turn_async,
)
from omnitron.errors import BulkheadFull, DefinitionError, SelfWait
from omnitron.policy import Bulkhead, BulkheadCell, door

if TYPE_CHECKING:
    from omnitron.algebra.writer import Args, Writer
    from omnitron.model import Clock
    from omnitron.policy import Turns, Waiter

__all__ = ["Bulkheaded"]


class Bulkheaded(Policy):
    """Run a flow so many times at once at most. The fields beside `body` and `cell` are those of `omnitron.Bulkhead`.

    Attributes:
        body: the flow.
        cell: who runs and who waits; no part of equality.
    """

    __slots__ = ("body", "limit", "queue", "max_wait", "cell")
    body: Node
    limit: int
    queue: int | None
    max_wait: float | None
    cell: BulkheadCell
    kind = "bulkhead"
    tunable: ClassVar = {"limit": int, "queue": int, "max_wait": float}

    @classmethod
    def of(cls, body: Node, policy: Bulkhead) -> Bulkheaded:
        """Give the node of a policy over a flow; all that are made of one policy share its cell."""
        return cls(body, *(getattr(policy, name) for name in Bulkhead.fields), policy.cell)

    def _derive(self) -> None:
        super()._derive()
        object.__setattr__(self, "needs", self.needs | {WAITS})

    def check(self) -> None:
        """Refuse what is no policy, and a flow whose work begins when it has been called."""
        Bulkhead(self.limit, self.queue, max_wait=self.max_wait)
        if not isinstance(self.cell, BulkheadCell):
            raise DefinitionError(f"the cell of a bulkhead is a BulkheadCell, got {self.cell!r}.")
        check_no_stream(
            self.body,
            "nothing runs any more when its call is over",
            "Put `.bulkhead` on the flow of one item: `f.bulkhead(10).stream()`.",
        )

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the body between taking a place and giving it back.

        A place is taken, and what holds it noted, with no call in between: an interrupt comes before both or after both.
        """
        turns, place = self.cell.turns, w.cursor - 1
        fence = Fence(self)
        held, book, lock = w.temp(), w.bind(turns), w.bind(door)
        result = w.temp() if self.body.children else target
        w.line(f"{held} = None")
        with w.block("try:"):
            with w.block(f"with {lock}.lock:"):
                with w.block(f"if {book}.running < {self.limit} and not {book}.line:"):
                    w.line(f"{book}.running += 1; {held} = {book}.token; {book}.taken += 1")
            wait = f"await {w.bind(fence.enter_async)}()" if w.awaits else f"{w.bind(fence.enter)}()"
            with w.block(f"if {held} is None:"):
                w.mark(f"{held} = {wait}", place)
            w.call(self.body, args, result)
        with w.block("finally:"):
            with w.block("try:"):
                with w.block(f"with {lock}.lock:"):
                    w.line(f"if {held} is {book}.token: {book}.running -= 1; {held} = None")
            with w.block("finally:"):
                w.line(f"if {held} is not None or {book}.line: {held} = {w.bind(fence.leave)}({held})")
        if result != target:
            w.line(f"{target} = {result}")
            w.line(f"del {result}")

    def detail(self) -> str:
        """Give the bounds."""
        shown = [str(self.limit)] + ([] if self.queue is None else [f"queue={self.queue}"])
        return ", ".join(shown + ([] if self.max_wait is None else [f"max_wait={self.max_wait:g} s"]))


class Fence:
    """Where calls of one node come that find no room."""

    __slots__ = ("name", "node", "turns")

    def __init__(self, node: Bulkheaded) -> None:
        self.node = node
        self.name = node.body.name
        self.turns: Turns = node.cell.turns

    def leave(self, held: Any) -> None:
        """Give back what an interrupt kept from being given back, and serve who waits."""
        with door:
            self.turns.leave(held)
            self.turns.serve()

    def enter(self) -> Any:
        """Wait for a place in this thread; give the permit.

        Raises:
            BulkheadFull: there is no room.
            SelfWait: all who run wait here themselves.
        """
        waiter, bell = bell_waiter(self.node.limit)
        clock, over = self.bounds(waiter)
        try:
            if self.approach(waiter, blocks=True):
                wait_for_turn(self.turns, bell, clock, over)
            return self.served(waiter)
        except BaseException:  # Ctrl-C comes between any two calls
            self.quit(waiter)
            raise

    async def enter_async(self) -> Any:
        """The async twin of `enter`."""
        waiter, future = future_waiter(self.node.limit)
        clock, over = self.bounds(waiter)
        try:
            if self.approach(waiter, blocks=False):
                await wait_for_turn_async(self.turns, future, clock, over)
            return self.served(waiter)
        except BaseException:
            self.quit(waiter)
            raise

    def bounds(self, waiter: Waiter) -> tuple[Clock, float | None]:
        """Give the clock of the context, and until when to wait."""
        options, most = runtime.current_context().runtime, self.node.max_wait
        waiter.lasts = most is None and options.deadline is None
        return options.clock, None if most is None else options.clock.monotonic() + most

    def approach(self, waiter: Waiter, *, blocks: bool) -> bool:
        """Join the line, or be refused; say whether it is to wait."""
        turns, node = self.turns, self.node
        with door:
            turns.drop_dead()
            if turns.running >= node.limit or turns.line:
                if (node.queue is not None and len(turns.line) >= node.queue) or node.max_wait == 0:
                    turns.refused += 1
                    raise BulkheadFull(self.name, node.limit, len(turns.line))
                if node.max_wait is None:
                    waiter.held, sure = held_here(turns.token)
                    waiter.lasts = waiter.lasts and sure
                    self.check_end(waiter.held, blocks=blocks)
            turns.join(waiter)
            turns.serve()
            return waiter.permit is None

    def check_end(self, held: frozenset[Any], *, blocks: bool) -> None:
        """Refuse to wait for ever."""
        asleep = check_loop(self.turns, self.name) if blocks else frozenset()
        if self.turns.waits_for_itself(held | asleep):
            raise SelfWait(self.name, blocks_loop(self.name) if asleep else waits_here(self.name, self.node.limit))

    def served(self, waiter: Waiter) -> Any:
        """Give the permit of one who waited, or refuse it."""
        with door:
            if waiter.permit is not None:
                return self.turns.go(waiter)
            self.turns.refused += 1
            raise BulkheadFull(self.name, self.node.limit, len(self.turns.line) - 1, self.node.max_wait or 0.0)

    def quit(self, waiter: Waiter) -> None:
        """Let one go who was interrupted."""
        with door:
            self.turns.quit(waiter)


def waits_here(name: str, limit: int) -> str:
    """Say that all who have a place wait for one more."""
    return (
        f"at most {limit} calls of {name!r} run at once, and all that run wait, in the course of it, for one more place of "
        "the same bulkhead: they would wait for ever. Give what is called inside a bulkhead of its own, or call it there "
        "without."
    )
