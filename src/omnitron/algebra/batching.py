"""The node of a flow of a list that is called for single items, which are asked for together.

What runs stands in `omnitron.algebra.batches` (tasks) and `omnitron.algebra.crowds` (threads); when a window closes, in
`omnitron.policy.Window`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, get_origin

from omnitron import runtime
from omnitron.algebra.branching import check_no_stream, check_one, check_plain
from omnitron.algebra.looking import Look
from omnitron.algebra.node import UNDOES, Node
from omnitron.algebra.timing import inside
from omnitron.algebra.undoing import Whole
from omnitron.algebra.within import keys_of
from omnitron.algebra.writer import Args
from omnitron.code import UNKNOWN, Parameters, clash, describe_annotation, item_annotation
from omnitron.errors import DefinitionError
from omnitron.model import Record
from omnitron.policy import MAX_WAIT_S, AdaptiveSize, check_window
from omnitron.runtime import Context, Need, Resource

if TYPE_CHECKING:
    from omnitron.algebra.looking import Before
    from omnitron.algebra.writer import Writer

__all__ = ["Batched", "Windows", "check_list_flow"]

ITEM = Parameters(("item",))


class Windows(Record):
    """The open windows of a batched flow: the cell of its node. Any two are equal; a pickle brings a fresh one."""

    __slots__ = ("_state",)
    _state: State

    def __init__(self) -> None:
        self._fill(_state=State())


class State:
    """What a cell holds.

    Attributes:
        last: the window that was found last, or None.
        open: the open windows by loop (None for threads) and by what tells them apart.
    """

    __slots__ = ("__weakref__", "last", "open")

    def __init__(self) -> None:
        self.last: Any = None
        self.open: dict[Any, Any] = {}


class Batched(Node):
    """Call a flow of a list for single items; callers at the same time share a call.

    Attributes:
        body: the flow of a list.
        batch_size: how many items one call gets at most; or an `AdaptiveSize`, which measures how many.
        max_wait: seconds that the first caller waits at most for others.
        by: gives of an item what tells windows apart, or None.
        key: gives of an item what is equal for items that are asked for once; None for the items themselves.
        cell: the open windows.
    """

    __slots__ = ("body", "batch_size", "max_wait", "by", "key", "cell")
    body: Node
    batch_size: int | AdaptiveSize
    max_wait: float
    by: Callable[[Any], Any] | None
    key: Callable[[Any], Any] | None
    cell: Windows
    kind = "batch"
    segment = False
    tunable: ClassVar = {"batch_size": int, "max_wait": float}

    def _derive(self) -> None:
        super()._derive()
        # a batch is a whole of its own: others have its results, so that the failure of one caller cannot undo it
        object.__setattr__(self, "needs", self.needs - {UNDOES})

    def check(self) -> None:
        """Refuse a window that is none, functions that are none, and a flow that is not of one list."""
        check_window(1 if isinstance(self.batch_size, AdaptiveSize) else self.batch_size, self.max_wait)
        for option, value in (("by", self.by), ("key", self.key)):
            check_plain(f"`{option}`", value)
            if value is not None and not callable(value):
                raise DefinitionError(f"`{option}` is a function of an item, got {value!r}.")
        check_list_flow("batch", self.body)
        if self.key is None and self.by is None:
            for need in self.body.needs:
                if isinstance(need, Need) and of_one_run(need.target):
                    name = getattr(need.target, "name", "the Context")
                    raise DefinitionError(
                        f"{self.body.name!r} needs {name!r}, which is of one run alone, and callers of several runs may be "
                        "in one batch. Say what tells them apart, `by=lambda item: ...` (which may read "
                        "`current_context()`), or that an item alone does, `key=lambda item: ...`."
                    )

    def size_now(self) -> int:
        """Give how many items a window takes that opens now."""
        size = self.batch_size
        return size if isinstance(size, int) else size.sizer.limit

    def measure(self, sent: int, seconds: float) -> None:
        """Take how long a call of so many items took."""
        if not isinstance(self.batch_size, int):
            runtime.tell_shift(self.batch_size.sizer.ended(sent, seconds), self.body.name)

    def names(self) -> tuple[Any, ...] | None:
        """Give the names of the values that the flow asks the context for; None where callers see to what bears on it."""
        targets = [need.target for need in self.body.needs if isinstance(need, Need)]
        if any(map(of_one_run, targets)):
            return None
        return tuple(sorted({key.name for target in targets for key in keys_of(target, ())}))

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the joining of a window, and the wait for what it brings."""
        from omnitron.algebra.batches import Batching, ended, leave

        place = w.cursor - 1 + inside(self)
        driver = Batching(self, w.spot(place), seen=w.seen)
        body = w.function(Whole.of(self.body), Args("v", "v"), awaits=self.body.is_async)
        if not self.body.is_async:
            from omnitron.algebra.crowds import wait_in_thread

            w.mark(f"{target} = {w.bind(wait_in_thread)}({w.bind(driver)}, {body}, {args.value})", place)
            return
        window, spot, future, error = w.temp(), w.temp(), w.temp(), w.temp()
        w.line(f"{window}, {spot}, {future} = {w.bind(driver.joiner())}({body}, {args.value})")
        with w.block("try:"):
            w.mark(f"{target} = await {future}", place)
        with w.block(f"except BaseException as {error}:"):
            w.line(f"if {w.bind(leave)}({window}, {spot}, {future}, {error}): await {w.bind(ended)}({window})")
            w.line("raise")
        w.line(f"del {window}, {future}")

    def takes(self, look: Look) -> Any:
        """Give what the members of the body's list are."""
        return item_annotation(look.takes(self.body))

    def gives(self, look: Look, before: Before) -> Any:
        """Give what the members of the body's result are."""
        return item_annotation(look.gives(self.body))

    def parameters(self) -> Parameters:
        """One item."""
        return ITEM

    def detail(self) -> str:
        """Give the options that are not the default."""
        shown = [f"size={self.batch_size}"]
        if self.max_wait != MAX_WAIT_S:
            shown.append(f"max_wait={self.max_wait:g}")
        for option in ("by", "key"):
            value = getattr(self, option)
            if value is not None:
                shown.append(f"{option}={getattr(value, '__name__', repr(value))}")
        return ", ".join(shown)

    def title(self) -> str:
        """Give the body's name."""
        return self.body.name


def of_one_run(target: Any) -> bool:
    """Say whether what is needed belongs to one run: the context itself, or what is opened for a run or by its context."""
    if target is Context:
        return True
    return isinstance(target, Resource) and (target.scope == "run" or Context in target.keys)


def check_list_flow(what: str, body: Node) -> None:
    """Refuse a flow that is not of one list, or does not give one, as far as can be told."""
    check_one(f"the flow under `{what}`", "a list", body)
    check_no_stream(body, "nothing says which item is whose", "Let it give a list, `flow | list`.")
    look = Look()
    wanted, given = look.takes(body), look.gives(body)
    if wanted is not UNKNOWN and clash(list, wanted):
        raise DefinitionError(
            f"`{what}` calls {body.name!r} with a list, and it takes {describe_annotation(wanted)}. Write it as a function "
            "of a list of items that gives a list of their results."
        )
    if given is not UNKNOWN and (get_origin(given) or given) in NO_LISTS:
        raise DefinitionError(
            f"`{what}` needs one result for each item, in their order, and {body.name!r} gives "
            f"{describe_annotation(given)}. Give a list."
        )


NO_LISTS = (bool, int, float, complex, type(None), None, str, bytes, dict, set, frozenset)
