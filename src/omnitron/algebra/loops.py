"""The node that runs a flow for every item of an iterable."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from types import GenericAlias
from typing import TYPE_CHECKING, Any, ClassVar

from omnitron import runtime
from omnitron.algebra.branching import (
    check_count,
    check_mode,
    check_one,
    check_plain,
    check_quorum,
    outcome,
    outcome_of,
)
from omnitron.algebra.looking import one_of
from omnitron.algebra.node import Node
from omnitron.algebra.steps import ITEMS
from omnitron.algebra.undoing import scoped
from omnitron.algebra.writer import Args
from omnitron.code import UNKNOWN
from omnitron.errors import DefinitionError
from omnitron.model import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from omnitron.algebra.looking import Before, Look
    from omnitron.algebra.writer import Writer
    from omnitron.code import Parameters
    from omnitron.policy import Adaptive

__all__ = ["DEFAULT_CONCURRENCY", "Each"]

DEFAULT_CONCURRENCY = 64


class Each(Node):
    """Run a flow for every item; give the list of results, or what a reducer makes of them.

    Attributes:
        body: the flow of one item.
        concurrency: how many async calls are on the way at most; None for the default of 64; or an `Adaptive`.
        unordered: whether results are taken as they come.
        mode: "raise" or "collect".
        fold: the reducer `(accumulator, result) -> accumulator`, or None for a list.
        start: makes the first accumulator.
        threads: how many threads run a sync flow; None runs the items one after the other.
        quorum: how many items must succeed; None for all.
    """

    __slots__ = ("body", "concurrency", "unordered", "mode", "fold", "start", "threads", "quorum")
    body: Node
    concurrency: int | Adaptive | None
    unordered: bool
    mode: str
    fold: Callable[[Any, Any], Any] | None
    start: Callable[[], Any] | None
    threads: int | None
    quorum: int | None
    kind = "each"
    tunable: ClassVar = {"concurrency": int, "threads": int}

    def check(self) -> None:
        """Refuse bounds, modes, reducers and flows that do not fit."""
        check_one("the flow under `each`", "an item", self.body)
        check_mode(self.mode)
        if isinstance(self.concurrency, Record):
            check_adaptive(self.concurrency, self.quorum)
        else:
            check_count("concurrency", self.concurrency)
        check_count("threads", self.threads)
        check_quorum(self.quorum, self.mode)
        if not isinstance(self.unordered, bool):
            raise DefinitionError(f"`unordered` is True or False, got {self.unordered!r}.")
        if (self.fold is None) != (self.start is None):
            raise DefinitionError(
                "`fold` and `start` go together: `each(fold=add, start=int)`, where start makes the first accumulator."
            )
        for option, value in (("fold", self.fold), ("start", self.start)):
            check_plain(f"`{option}`", value)
            if value is not None and not callable(value):
                raise DefinitionError(
                    f"`{option}` is a function, got {value!r}. For a fixed first value write `start=lambda: {value!r}`."
                )
        if self.threads is not None and self.body.is_async:
            raise DefinitionError("`threads` is for sync flows; this one is async. Bound it by `concurrency`.")
        if self.concurrency is not None and not self.body.is_async:
            raise DefinitionError(
                "`concurrency` is for async flows; this one is sync and runs inline. "
                "Use `threads`, or `.on('process').each(concurrency=...)`."
            )

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write a loop, or the call of the machine that runs it concurrently."""
        if self.quorum is not None:
            self.emit_quorum(w, args, target, self.quorum)
        elif self.body.is_async or self.threads is not None:
            self.emit_machine(w, args, target)
        else:
            self.emit_loop(w, args, target)

    def emit_machine(self, w: Writer, args: Args, target: str) -> None:
        """Write the call of the concurrent loop."""
        place = w.cursor
        collect = self.mode == "collect"
        part = scoped(self.body) if collect else self.body
        body = w.function(part, Args("v", "v"), awaits=self.body.is_async)
        options = {
            "unordered": self.unordered,
            "collect": collect,
            "fold": self.fold,
            "start": self.start,
            "enter": runtime.item_frame if w.seen else None,
            "leave": runtime.leave_frame if w.seen else None,
        }
        run = w.bind(runtime.each_async if self.body.is_async else runtime.each_threads)
        bound: object = self.threads or self.concurrency or DEFAULT_CONCURRENCY
        if isinstance(self.concurrency, Record):
            run, bound = w.bind(runtime.each_adaptive), w.bind(self.concurrency.gauge)
        wait = "await " if self.body.is_async else ""
        path_of = w.bind(w.spot(place))
        text = f"{run}({body}, {args.value}, {bound}, path_of={path_of}, **{w.bind(options, 'k')})"
        w.mark(f"{target} = {wait}{text}", place - 1)

    def emit_quorum(self, w: Writer, args: Args, target: str, quorum: int) -> None:
        """Write the call of the machine that counts."""
        place = w.cursor - 1
        body = w.function(outcome(self.body), Args("v", "v"), awaits=self.body.is_async)
        options: dict[str, Any] = {
            "unordered": self.unordered,
            "fold": self.fold,
            "start": self.start,
            "enter": runtime.item_frame if w.seen else None,
            "leave": runtime.leave_frame if w.seen else None,
        }
        run: Callable[..., Any] = runtime.each_quorum
        if self.body.is_async:
            run = runtime.each_quorum_async
            options["concurrency"] = self.concurrency or DEFAULT_CONCURRENCY
        elif self.threads is not None:
            run = runtime.each_quorum_threads
            options["threads"] = self.threads
        given = f"{body}, {args.value}, {w.bind(quorum, 'k')}, {w.bind(w.spot(place))}, **{w.bind(options, 'k')}"
        wait = "await " if self.body.is_async else ""
        w.mark(f"{target} = {wait}{w.bind(run)}({given})", place)

    def emit_loop(self, w: Writer, args: Args, target: str) -> None:
        """Write a `for`."""
        collected, items = w.temp(), w.temp()
        if self.fold is None:
            append = w.temp()
            w.line(f"{collected} = []")
            w.line(f"{append} = {collected}.append")
            store = f"{append}({{}})"
        else:
            w.line(f"{collected} = {w.bind(self.start)}()")
            store = f"{collected} = {w.bind(self.fold)}({collected}, {{}})"
        w.line(f"{items} = {args.value}")
        with w.block("try:"):
            self.emit_items(w, items, store)
        error = w.temp()
        with w.block(f"except BaseException as {error}:"):
            w.line(f"{w.bind(runtime.fail)}({items}, {error})")
            w.line("raise")
        w.line(f"{target} = {collected}")

    def emit_items(self, w: Writer, items: str, store: str) -> None:
        """Write the loop itself."""
        item, value = w.temp(), w.temp()
        if not w.seen:
            with w.block(f"for {item} in {items}:"):
                self.emit_item(w, item, value, store)
            return
        index, token = w.temp(), w.temp()
        with w.block(f"for {index}, {item} in {w.bind(enumerate)}({items}):"):
            w.line(f"{token} = {w.bind(runtime.item_frame)}({index})")
            with w.block("try:"):
                self.emit_item(w, item, value, None)
            with w.block("finally:"):
                w.line(f"{w.bind(runtime.reset_watch)}({token})")
            w.line(store.format(value))

    def emit_item(self, w: Writer, item: str, value: str, store: str | None) -> None:
        """Write what happens to one item."""
        args = Args(item, item)
        if self.mode == "collect":
            with w.block("try:"):
                w.scope(self.body, args, value)
                w.line(f"{value} = o_ok({value})")
            error = w.temp()
            with w.block(f"except Exception as {error}:"):
                w.line(f"{value} = o_failure({error}, {item}, o_path({error}))")
        else:
            w.call(self.body, args, value)
        if store is not None:
            w.line(store.format(value))

    def takes(self, look: Look) -> Any:
        """Give an iterable of what the body takes; of an async body also an async one."""
        item = look.takes(self.body)
        items = GenericAlias(Iterable, (item,))
        return one_of((items, GenericAlias(AsyncIterable, (item,)))) if self.body.is_async else items

    def gives(self, look: Look, before: Before) -> Any:
        """Give a list of what the body gives; what a reducer makes of it is not known."""
        if self.fold is not None:
            return UNKNOWN
        item = look.gives(self.body)
        return GenericAlias(list, (item if self.mode == "raise" else outcome_of(item),))

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
        if self.quorum is not None:
            shown.append(f"quorum={self.quorum}")
        if self.fold is not None:
            shown.append(f"fold={getattr(self.fold, '__name__', repr(self.fold))}")
        return ", ".join(shown)


def check_adaptive(value: object, quorum: int | None) -> None:
    """Refuse what is no bound, and one that moves beside a quorum."""
    from omnitron.policy import Adaptive

    if not isinstance(value, Adaptive):
        raise DefinitionError(f"`concurrency` is a positive whole number, or an Adaptive, got {value!r}.")
    if quorum is not None:
        raise DefinitionError(
            "`quorum` ends when enough have succeeded, and measures nothing: give it a fixed `concurrency`."
        )
