"""The node that maps a flow over an iterable, lazily. Read next: `omnitron.algebra.loops`, which makes a list at once."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from itertools import dropwhile
from types import GenericAlias
from typing import TYPE_CHECKING, Any, ClassVar

from omnitron import runtime
from omnitron.algebra.branching import check_count, check_mode, check_one, outcome_of
from omnitron.algebra.looking import one_of
from omnitron.algebra.node import STREAMS, UNDOES, Node
from omnitron.algebra.pieces import Piece
from omnitron.algebra.steps import CHUNK, ITEMS, emit_parts
from omnitron.algebra.undoing import Whole
from omnitron.algebra.writer import Args
from omnitron.code import Yields, iterations
from omnitron.errors import DefinitionError
from omnitron.model import COLLECT

if TYPE_CHECKING:
    from omnitron.algebra.looking import Before, Look
    from omnitron.algebra.steps import Sequence
    from omnitron.algebra.writer import Writer
    from omnitron.code import Parameters

__all__ = ["Stream", "emit_row"]

NEAR = 8  # how many parts after a stream of a long pipe are looked at one by one


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
    tunable: ClassVar = {"concurrency": int, "threads": int}

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
        """Give an iterable of what the body takes, of either colour; threads read a sync one."""
        item = look.takes(self.body)
        plain = GenericAlias(Iterable, (item,))
        return plain if self.threads is not None else one_of((plain, GenericAlias(AsyncIterable, (item,))))

    def gives(self, look: Look, before: Before) -> Any:
        """Give a generator of what the body gives; over a sync body of the colour of what it reads."""
        item = look.gives(self.body)
        item = item if self.mode == "raise" else outcome_of(item)
        if self.body.is_async:
            colours = ["async"]
        elif self.threads is not None:
            colours = ["sync"]
        else:
            colours = sorted(iterations(before()), reverse=True)
        kinds = {"sync": Iterator, "async": AsyncIterator}
        return one_of(Yields(colour, item, GenericAlias(kinds[colour], (item,))) for colour in colours)

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


# ------------------------------------------------------------------ a row


def emit_row(node: Sequence, w: Writer, args: Args, target: str) -> None:
    """Write a pipe of which some parts give streams: those are closed when a part after them fails, or the last ends.

    What a part that is no stream makes of one may still read it when that part has returned: see Note [What a reader
    leaves] in `omnitron.runtime.unread`.
    """
    parts, place = node.parts, w.cursor - 1
    kinds = ["stream" if part.kind == "stream" else part.streams for part in parts]
    last = kinds[-1]
    if last and UNDOES in node.needs:
        way = COLLECT if node.streams == "async" else "`| list`"
        raise DefinitionError(
            f"{node.name!r} ends in a stream, and has an `.undo` before it: once the stream is given away, nothing could "
            f"say whether the flow has succeeded. End it with a step that reads the stream, {way}; or undo in an item."
        )
    kept = w.temp()
    w.line(f"{kept} = []")
    if any(kinds[:-1]):
        error = w.temp()
        with w.block("try:"):
            emit_kept(w, parts, kinds, args, target, kept)
        with w.block(f"except BaseException as {error}:"):
            end = f"await {w.bind(runtime.end_all_async)}" if w.awaits else w.bind(runtime.end_all)
            w.line(f"{end}({kept}, {error})")
            w.line("raise")
    else:
        emit_kept(w, parts, kinds, args, target, kept)
    if last and (last != "stream" or leaves_open(kinds)):
        w.line(f"{target} = {w.bind(runtime.a_row)}({target}, {kept}, {w.bind(w.spot(place))})")


def leaves_open(kinds: list[str]) -> bool:
    """Say whether a row has a stream whose reader does not close it: any but a `.stream()`."""
    after = list(dropwhile(lambda kind: not kind, kinds))[1:]
    return any(kind != "stream" for kind in after)


def emit_kept(w: Writer, parts: tuple[Node, ...], kinds: list[str], args: Args, target: str, kept: str) -> None:
    """Write parts one after the other; the streams among them, but for the last, are put into `kept`.

    In a long pipe what stands between two streams is a function of its own, but for the parts that most likely read the
    first one: after each of these it is seen whether that has ended.
    """
    long, number, near = len(parts) > CHUNK, 0, 0
    streams = unread = False  # whether there was a stream, and one after it that does not close what it reads
    while number < len(parts):
        group = parts[number : number + together(w, parts, kinds, number, long=long and not near)]
        number += len(group)
        if len(group) == 1:
            w.call(group[0], args, target)
        elif kinds[number - 1]:
            emit_fused(w, group, args, target)
        elif len(group) > CHUNK:
            emit_parts(w, group, args, target)
        else:
            w.chunk(group, args, target, emit_parts)
        args = Args(target, target)
        kind = kinds[number - 1]
        if kind:
            unread = unread or (streams and kind != "stream")
            streams, near = True, NEAR if unread else 0
            if number < len(parts):
                w.line(f"{kept}.append({target})")
        elif unread:
            near = max(near - 1, 0)
            end = f"await {w.bind(runtime.end_read_async)}" if w.awaits else w.bind(runtime.end_read)
            w.line(f"if {kept}: {end}({kept})")


def together(w: Writer, parts: tuple[Node, ...], kinds: list[str], start: int, *, long: bool) -> int:
    """Give how many parts from `start` on are written as one."""
    end = start + 1
    if kinds[start]:
        if fuses(parts[start]) and not w.seen:
            while end < len(parts) and fuses(parts[end]):
                end += 1
    elif long:
        while end < len(parts) and not kinds[end]:
            end += 1
    return end - start


def fuses(part: Node) -> bool:
    """Say whether a stream computes one item at a time, and does nothing else, so that several make one loop."""
    if not isinstance(part, Stream) or UNDOES in part.body.needs:
        return False
    return part.mode == "raise" and part.concurrency is None and part.threads is None


def emit_fused(w: Writer, group: tuple[Node, ...], args: Args, target: str) -> None:
    """Write streams in a row as one: an item goes through all their flows, as it does when each reads the one before."""
    place, awaits = w.cursor, awaiting(group)
    how = runtime.Mapped(awaits=awaits, collect=False, ahead=None, unordered=False, enter=None, leave=None)
    piece = fused(group, place, urgent=w.urgent)
    w.cursor = place + sum(stream.size for stream in group)
    made = f"{w.bind(runtime.mapped)}({w.attach(piece)}, {args.value}, {w.bind(w.spot(place))}, {w.bind(how, 'k')})"
    w.mark(f"{target} = {made}", place)


def fused(group: tuple[Node, ...], place: int, *, urgent: bool) -> Piece:
    """Give the function that takes an item through the flows of streams; of many of them in functions of their own."""
    size = 1
    while size * CHUNK < len(group):
        size *= CHUNK

    def write(w: Writer, given: Args, into: str) -> None:
        if size == 1:
            for stream in group:
                w.cursor += 1
                w.call(stream.children[0], given, into)
                given = Args(into, into)
            return
        for start in range(0, len(group), size):
            part = group[start : start + size]
            name = w.attach(fused(part, w.cursor, urgent=urgent))
            w.line(f"{into} = {'await ' if awaiting(part) else ''}{name}({given.call})")
            w.cursor += sum(stream.size for stream in part)
            given = Args(into, into)

    return Piece(group[0], write, Args("v", "v"), "v", awaits=awaiting(group), cursor=place, urgent=urgent)


def awaiting(group: tuple[Node, ...]) -> bool:
    """Say whether the flow of an item of one of these streams is async."""
    return any(stream.children[0].is_async for stream in group)
