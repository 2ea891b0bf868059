"""The node that runs a flow of a list over all items of an iterable, so many at a time. What runs stands in `chunks`."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable
from functools import partial
from types import GenericAlias
from typing import TYPE_CHECKING, Any, ClassVar

from omnitron import runtime
from omnitron.algebra.batching import check_list_flow
from omnitron.algebra.branching import check_count, check_mode, check_plain, outcome_of
from omnitron.algebra.looking import one_of
from omnitron.algebra.loops import DEFAULT_CONCURRENCY
from omnitron.algebra.node import Node
from omnitron.algebra.steps import ITEMS
from omnitron.algebra.undoing import scoped
from omnitron.algebra.writer import Args
from omnitron.code import item_annotation
from omnitron.errors import DefinitionError, InvalidValue

if TYPE_CHECKING:
    from omnitron.algebra.looking import Before, Look
    from omnitron.algebra.writer import Writer
    from omnitron.code import Parameters

__all__ = ["Chunked"]


class Chunked(Node):
    """Call a flow of a list with one chunk of an iterable after the other; give the list of all results.

    Attributes:
        body: the flow of a list.
        chunk_size: how many items a chunk has at most.
        concurrency: how many async calls are on the way at most; None for the default of 64.
        weigh: gives the weight of an item, or None.
        max_weight: what the items of a chunk weigh at most, or None.
        mode: "raise" or "collect".
        threads: how many threads run a sync flow; None runs the chunks one after the other.
    """

    __slots__ = ("body", "chunk_size", "concurrency", "weigh", "max_weight", "mode", "threads")
    body: Node
    chunk_size: int
    concurrency: int | None
    weigh: Callable[[Any], float] | None
    max_weight: float | None
    mode: str
    threads: int | None
    kind = "chunk"
    tunable: ClassVar = {"chunk_size": int, "concurrency": int, "max_weight": float, "threads": int}

    def check(self) -> None:
        """Refuse bounds, modes and flows that do not fit."""
        check_list_flow("chunk", self.body)
        check_mode(self.mode)
        if self.chunk_size is None:
            raise DefinitionError("`size` is how many items a chunk has at most, got None.")
        for option, value in (("size", self.chunk_size), ("concurrency", self.concurrency), ("threads", self.threads)):
            check_count(option, value)
        self.check_weights()
        if self.threads is not None and self.body.is_async:
            raise DefinitionError("`threads` is for sync flows; this one is async. Bound it by `concurrency`.")
        if self.concurrency is not None and not self.body.is_async:
            raise DefinitionError(
                "`concurrency` is for async flows; this one is sync and runs inline. "
                "Use `threads`, or `.on('process').chunk(concurrency=...)`."
            )

    def check_weights(self) -> None:
        """Refuse a weight without bound, a bound without weights, and what is neither."""
        if (self.weigh is None) != (self.max_weight is None):
            raise DefinitionError("`weigh` and `max_weight` go together: `chunk(weigh=len, max_weight=100_000)`.")
        check_plain("`weigh`", self.weigh)
        if self.weigh is not None and not callable(self.weigh):
            raise DefinitionError(f"`weigh` is a function of an item that gives its weight, got {self.weigh!r}.")
        most = self.max_weight
        if most is not None:
            if isinstance(most, bool) or not isinstance(most, int | float):
                raise DefinitionError(f"`max_weight` is a number, got {most!r}.")
            if not most > 0:
                raise InvalidValue(f"`max_weight` is a positive number, got {most!r}.")

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the call of the loop over chunks."""
        from omnitron.algebra.chunks import Asking, Chunker, chunk_async, chunk_here, chunk_threads

        place, collect = w.cursor - 1, self.mode == "collect"
        spots = f"{w.bind(w.spot(place))}, {w.bind(w.spot(place + 1))}"
        body = w.function(scoped(self.body) if collect else self.body, Args("v", "v"), awaits=self.body.is_async)
        asking = f"{w.bind(partial(Asking, collect=collect))}({body}, {w.bind(self.body.name, 'k')}, {spots})"
        chunker = w.bind(Chunker(self.chunk_size, self.weigh, self.max_weight))
        frame = (w.bind(runtime.item_frame), w.bind(runtime.leave_frame)) if w.seen else ("None", "None")
        given = f"{asking}, {chunker}, {args.value}, {', '.join(frame)}"
        if self.body.is_async:
            w.mark(f"{target} = await {w.bind(chunk_async)}({given}, {self.concurrency or DEFAULT_CONCURRENCY})", place)
        elif self.threads is not None:
            w.mark(f"{target} = {w.bind(chunk_threads)}({given}, {self.threads})", place)
        else:
            w.mark(f"{target} = {w.bind(chunk_here)}({given})", place)

    def takes(self, look: Look) -> Any:
        """Give an iterable of what the members of the body's list are; of an async body also an async one."""
        item = item_annotation(look.takes(self.body))
        items = GenericAlias(Iterable, (item,))
        return one_of((items, GenericAlias(AsyncIterable, (item,)))) if self.body.is_async else items

    def gives(self, look: Look, before: Before) -> Any:
        """Give a list of what the members of the body's result are."""
        item = item_annotation(look.gives(self.body))
        return GenericAlias(list, (item if self.mode == "raise" else outcome_of(item),))

    def parameters(self) -> Parameters:
        """One iterable."""
        return ITEMS

    def detail(self) -> str:
        """Give the options that are not the default."""
        shown = [f"size={self.chunk_size}"]
        for option in ("concurrency", "threads", "max_weight"):
            value = getattr(self, option)
            if value is not None:
                shown.append(f"{option}={value}")
        if self.weigh is not None:
            shown.append(f"weigh={getattr(self.weigh, '__name__', repr(self.weigh))}")
        if self.mode == "collect":
            shown.append("mode='collect'")
        return ", ".join(shown)
