"""The node that maps a flow over an iterable, lazily. Read next: `omnitron.algebra.loops`, which makes a list at once."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from types import GenericAlias
from typing import TYPE_CHECKING, Any

from omnitron import runtime
from omnitron.algebra.branching import check_count, check_mode, check_one, outcome_of
from omnitron.algebra.looking import one_of
from omnitron.algebra.node import STREAMS, UNDOES, Node
from omnitron.algebra.steps import ITEMS
from omnitron.algebra.undoing import Whole
from omnitron.algebra.writer import Args
from omnitron.code import UNKNOWN
from omnitron.errors import DefinitionError

if TYPE_CHECKING:
    from omnitron.algebra.looking import Before, Look
    from omnitron.algebra.writer import Writer
    from omnitron.code import Parameters

__all__ = ["Stream"]


class Stream(Node):
    """Give the stream of what a flow gives for each item of an iterable, computed as it is read.

    Calling it gives a generator at once, so the node is sync, whatever its body is.

    Attributes:
        body: the flow of one item.
        concurrency: how many async calls are on the way at once; None for one at a time, when it is asked for.
        unordered: whether results come as they are ready.
        mode: "raise" or "collect".
        threads: the same as `concurrency` for a sync flow, on threads.
    """

    __slots__ = ("body", "concurrency", "unordered", "mode", "threads")
    body: Node
    concurrency: int | None
    unordered: bool
    mode: str
    threads: int | None
    kind = "stream"

    def _derive(self) -> None:
        super()._derive()
        # each item is a whole of its own: its reader has it, so that a later failure cannot undo it
        object.__setattr__(self, "needs", (self.needs | {STREAMS}) - {UNDOES})
        object.__setattr__(self, "is_async", False)

    def check(self) -> None:
        """Refuse bounds and modes that do not fit."""
        check_one("the flow under `stream`", "an item", self.body)
        check_mode(self.mode)
        check_count("concurrency", self.concurrency)
        check_count("threads", self.threads)
        if not isinstance(self.unordered, bool):
            raise DefinitionError(f"`unordered` is True or False, got {self.unordered!r}.")
        if self.threads is not None and self.body.is_async:
            raise DefinitionError("`threads` is for sync flows; this one is async. Bound it by `concurrency`.")
        if self.concurrency is not None and not self.body.is_async:
            raise DefinitionError(
                "`concurrency` is for async flows; this one is sync. Use `threads`, or `.on('process').stream(...)`."
            )
        if self.unordered and self.threads is None and self.concurrency is None:
            raise DefinitionError(
                "`unordered` is for items that are computed at once: give `concurrency` (or `threads`) too."
            )

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the call that makes the stream."""
        place = w.cursor - 1
        body = w.function(Whole.of(self.body), Args("v", "v"), awaits=self.body.is_async)
        how = runtime.Mapped(
            awaits=self.body.is_async,
            collect=self.mode == "collect",
            ahead=self.threads or self.concurrency,
            unordered=self.unordered,
            enter=runtime.item_frame if w.seen else None,
            leave=runtime.leave_frame if w.seen else None,
        )
        made = f"{w.bind(runtime.mapped)}({body}, {args.value}, {w.bind(w.spot(place))}, {w.bind(how, 'k')})"
        w.mark(f"{target} = {made}", place)

    def streams_after(self, before: str) -> str:
        """Give that of an async body, else that of what it reads."""
        return "async" if self.body.is_async else before or "sync"

    def takes(self, look: Look) -> Any:
        """Give an iterable of what the body takes, of either colour."""
        item = look.takes(self.body)
        return one_of((GenericAlias(Iterable, (item,)), GenericAlias(AsyncIterable, (item,))))

    def gives(self, look: Look, before: Before) -> Any:
        """Give an iterator of what the body gives; over a sync body of the colour of what it reads."""
        item = look.gives(self.body)
        item = item if self.mode == "raise" else outcome_of(item)
        if self.body.is_async:
            return GenericAlias(AsyncIterator, (item,))
        given = before()
        origin = getattr(given, "__origin__", given)
        if given is UNKNOWN or not isinstance(origin, type):
            return UNKNOWN
        return GenericAlias(AsyncIterator if hasattr(origin, "__aiter__") else Iterator, (item,))

    def parameters(self) -> Parameters:
        """One iterable."""
        return ITEMS

    def detail(self) -> str:
        """Give the options that are not the default."""
        shown = []
        if self.concurrency is not None:
            shown.append(f"concurrency={self.concurrency}")
        if self.threads is not None:
            shown.append(f"threads={self.threads}")
        if self.unordered:
            shown.append("unordered")
        if self.mode == "collect":
            shown.append("mode='collect'")
        return ", ".join(shown)
