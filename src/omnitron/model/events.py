"""What is seen at a flow's boundary: the call, and the events that tell its course.

All are frozen; what they hold, such as a dictionary of arguments, is the caller's own. Durations are seconds of the
context's monotonic clock. Who emits them: `omnitron.runtime`.
"""

from __future__ import annotations

from operator import is_
from types import AsyncGeneratorType, GeneratorType, NoneType
from typing import TYPE_CHECKING, Any, NoReturn

from omnitron.model.outcome import one_input
from omnitron.model.record import Record

__all__ = [
    "COLLECT",
    "NOT_KEPT",
    "Call",
    "CallFailed",
    "CallFinished",
    "CallStarted",
    "Event",
    "ItemYielded",
    "Replace",
    "StreamEnd",
    "new_call",
    "new_failed",
    "new_finished",
    "new_started",
    "new_yielded",
]


fill = object.__setattr__


class NotKept:
    """Stands for a value that passed through a stream, in events that are kept."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<not kept>"

    def __reduce__(self) -> str:
        return "NOT_KEPT"


NOT_KEPT = NotKept()
COLLECT = "an async step such as `async def collect(items): return [item async for item in items]`"
"""What reads an async stream to its end, in the words of an error."""
STREAMS = frozenset({GeneratorType, AsyncGeneratorType})
"""The types of streams."""


def kept(value: Any) -> Any:
    """Give a value as it is kept: without streams and other iterators, which would stay open, also in a tuple."""
    if is_lazy(value):
        return NOT_KEPT
    if type(value) is tuple and any(map(is_lazy, value)):
        return tuple(NOT_KEPT if is_lazy(item) else item for item in value)
    return value


def is_lazy(value: Any) -> bool:
    """Say whether a value is an iterator of either kind."""
    kind = type(value)
    return kind not in NEVER_LAZY and (hasattr(kind, "__next__") or hasattr(kind, "__anext__"))


NEVER_LAZY = frozenset({NoneType, bool, int, float, str, bytes, list, tuple, dict, set, frozenset})
"""Common types that are no iterators: what is known of them is not asked again for every event."""
KEPT_ARGS = (NOT_KEPT,)
"""The arguments of a call for an item of a stream, as they are kept."""


class Frozen:
    """Guards the attributes of calls and events, which all observers of a run share."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} is immutable: observers share it; {name!r} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} is immutable: observers share it; {name!r} cannot be deleted")


# Note [Filled, then frozen]
# A run that is watched makes a call and several events for each step. Setting the attributes of what refuses that, each by
# `object.__setattr__`, costs four times as much as setting those of a class that does not. So what the library makes is
# filled as one of a base that holds the same slots, and takes its class when it is filled, before anybody has it.


class CallSlots:
    """A call while it is filled. See Note [Filled, then frozen]."""

    __slots__ = (
        "_kept", "args", "attempt", "call_id", "flow", "in_item", "kwargs", "node", "parent", "path", "run_id",
        "started_s",
    )  # fmt: skip

    def __init__(
        self,
        flow: str,
        path: str,
        run_id: str,
        call_id: int,
        parent: Call | None,
        attempt: int,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        started_s: float,
        node: Any,
        in_item: bool,  # noqa: FBT001 - the last field of a record
    ) -> None:
        self.flow = flow
        self.path = path
        self.run_id = run_id
        self.call_id = call_id
        self.parent = parent
        self.attempt = attempt
        self.args = args
        self.kwargs = kwargs
        self.started_s = started_s
        self.node = node
        self.in_item = in_item
        self._kept: Any = None
        self.__class__ = Call  # noqa: PLE0237 - every class has it


class Call(Frozen, CallSlots):
    """One call of one flow inside a run: who, where, with what.

    Attributes:
        flow: the flow's name.
        path: the place in the run: names from the root joined by `/`, with loop indexes and call sites.
        run_id: the run that the call belongs to.
        call_id: a number that no other call of that run has, in order of starting.
        parent: the call inside which this one was made, or None for the root.
        attempt: the ordinal of this try, from 1.
        args: the positional arguments.
        kwargs: the keyword arguments.
        started_s: when it started, in seconds of the context's monotonic clock.
        node: the node of the tree, for readers that want its metadata; a pickled call arrives without it.
        in_item: whether it was made for an item of a stream.
    """

    __slots__ = ()

    def __init__(
        self,
        flow: str,
        path: str,
        run_id: str,
        call_id: int,
        parent: Call | None = None,
        attempt: int = 1,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        started_s: float = 0.0,
        node: Any = None,
        in_item: bool = False,  # noqa: FBT001, FBT002 - the last field of a record
    ) -> None:
        fill(self, "flow", flow)
        fill(self, "path", path)
        fill(self, "run_id", run_id)
        fill(self, "call_id", call_id)
        fill(self, "parent", parent)
        fill(self, "attempt", attempt)
        fill(self, "args", args)
        fill(self, "kwargs", {} if kwargs is None else kwargs)
        fill(self, "started_s", started_s)
        fill(self, "node", node)
        fill(self, "in_item", in_item)
        fill(self, "_kept", None)

    @property
    def input(self) -> Any:
        """The call's input as one value: its only positional argument, else `Inputs`. Defaults are no part of it."""
        return one_input(*self.given())

    def given(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give the arguments without those at the end that are the flow's defaults."""
        known = None if self.node is None else self.node.parameters()
        given: tuple[tuple[Any, ...], dict[str, Any]] = (
            (self.args, self.kwargs) if known is None else known.given(self.args, self.kwargs)
        )
        return given

    def __reduce__(self) -> tuple[Any, ...]:
        args, kwargs = self.given()
        return Call, (
            self.flow, self.path, self.run_id, self.call_id, self.parent, self.attempt, args, kwargs, self.started_s,
            None, self.in_item,
        )  # fmt: skip

    def without_values(self) -> Call:
        """Give this call as it is kept: without iterators, which would stay open, and what passed through streams.

        It is made once: all kept events of the call share it.
        """
        found: Call | bool | None = self._kept
        if found is None:
            made = self._without_values()
            fill(self, "_kept", made is self or made)  # a call that held itself would wait for a collection of garbage
            return made
        return self if found is True else found  # type: ignore[return-value]

    def _without_values(self) -> Call:
        parent = self.parent
        if parent is not None:
            parent = parent.without_values()
        args, kwargs = KEPT_ARGS, {}
        if not self.in_item:
            args, kwargs = tuple(map(kept, self.args)), {name: kept(value) for name, value in self.kwargs.items()}
            same = all(map(is_, args, self.args)) and all(map(is_, kwargs.values(), self.kwargs.values()))
            if same and parent is self.parent:
                return self
        made = new_call(
            self.flow, self.path, self.run_id, self.call_id, parent, self.attempt, args, kwargs, self.started_s,
            self.node, self.in_item,
        )  # fmt: skip
        fill(made, "_kept", True)
        return made

    def __repr__(self) -> str:
        return f"Call({self.path!r}, run_id={self.run_id!r}, call_id={self.call_id})"


class EventSlots:
    """An event while it is filled. See Note [Filled, then frozen]."""

    __slots__ = ("call",)
    call: Call


class Event(Frozen, EventSlots):
    """Something that happened to a call; the call's own attributes can be read on the event too."""

    __slots__ = ()

    def __init__(self, call: Call) -> None:
        fill(self, "call", call)

    def of(self, call: Call) -> Event:
        """Give the same event of another call."""
        return type(self)(call)

    def without_values(self) -> Event:
        """Give this event as it is kept: without iterators, which would stay open, and what passed through streams."""
        call = self.call.without_values()
        return self if call is self.call else self.of(call)

    @property
    def flow(self) -> str:
        """The flow's name."""
        return self.call.flow

    @property
    def path(self) -> str:
        """The place in the run."""
        return self.call.path

    @property
    def attempt(self) -> int:
        """The ordinal of this try, from 1."""
        return self.call.attempt

    @property
    def run_id(self) -> str:
        """The run that the call belongs to."""
        return self.call.run_id

    @property
    def input(self) -> Any:
        """What the flow was called with."""
        return self.call.input

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.call,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.call.path!r}, call_id={self.call.call_id})"


class CallStarted(Event):
    """A flow is about to run."""

    __slots__ = ()

    def without_values(self) -> Event:
        """Give this event as it is kept."""
        call = self.call.without_values()
        return self if call is self.call else new_started(call)


class StartedSlots(EventSlots):
    """A `CallStarted` while it is filled."""

    __slots__ = ()

    def __init__(self, call: Call) -> None:
        self.call = call
        self.__class__ = CallStarted  # type: ignore[assignment]


class FinishedSlots(EventSlots):
    """A `CallFinished` while it is filled."""

    __slots__ = ("duration_s", "output")

    def __init__(self, call: Call, output: Any, duration_s: float) -> None:
        self.call = call
        self.output = output
        self.duration_s = duration_s
        self.__class__ = CallFinished


class CallFinished(Event, FinishedSlots):
    """A flow gave `output` after `duration_s` seconds; a stream that was read, or closed, has a `StreamEnd` there."""

    __slots__ = ()

    def __init__(self, call: Call, output: Any, duration_s: float) -> None:
        fill(self, "call", call)
        fill(self, "output", output)
        fill(self, "duration_s", duration_s)

    def of(self, call: Call) -> CallFinished:
        """Give the same event of another call."""
        return CallFinished(call, self.output, self.duration_s)

    def without_values(self) -> Event:
        """Give this event as it is kept."""
        call, output = self.call.without_values(), self.output
        if type(output) is not StreamEnd:
            output = NOT_KEPT if call.in_item else kept(output)
        if call is self.call and output is self.output:
            return self
        return new_finished(call, output, self.duration_s)

    def __reduce__(self) -> tuple[Any, ...]:
        return CallFinished, (self.call, self.output, self.duration_s)


class FailedSlots(EventSlots):
    """A `CallFailed` while it is filled."""

    __slots__ = ("duration_s", "error")

    def __init__(self, call: Call, error: BaseException, duration_s: float) -> None:
        self.call = call
        self.error = error
        self.duration_s = duration_s
        self.__class__ = CallFailed


class CallFailed(Event, FailedSlots):
    """A flow left with `error` (cancellation too) after `duration_s` seconds."""

    __slots__ = ()

    def __init__(self, call: Call, error: BaseException, duration_s: float) -> None:
        fill(self, "call", call)
        fill(self, "error", error)
        fill(self, "duration_s", duration_s)

    def of(self, call: Call) -> CallFailed:
        """Give the same event of another call."""
        return CallFailed(call, self.error, self.duration_s)

    def __reduce__(self) -> tuple[Any, ...]:
        return CallFailed, (self.call, self.error, self.duration_s)


class YieldedSlots(EventSlots):
    """An `ItemYielded` while it is filled."""

    __slots__ = ("index", "item")

    def __init__(self, call: Call, index: int, item: Any) -> None:
        self.call = call
        self.index = index
        self.item = item
        self.__class__ = ItemYielded


class ItemYielded(Event, YieldedSlots):
    """A stream gave its item number `index`, from 0. Who watches sees the `item`; events that are kept do not hold it."""

    __slots__ = ()

    def __init__(self, call: Call, index: int, item: Any) -> None:
        fill(self, "call", call)
        fill(self, "index", index)
        fill(self, "item", item)

    def of(self, call: Call) -> ItemYielded:
        """Give the same event of another call."""
        return ItemYielded(call, self.index, self.item)

    def without_values(self) -> Event:
        """Give this event as it is kept."""
        return new_yielded(self.call.without_values(), self.index, NOT_KEPT)

    def __reduce__(self) -> tuple[Any, ...]:
        return ItemYielded, (self.call, self.index, self.item)


if TYPE_CHECKING:
    new_call, new_started, new_finished = Call, CallStarted, CallFinished
    new_failed, new_yielded = CallFailed, ItemYielded
else:
    new_call, new_started, new_finished, new_failed, new_yielded = (
        CallSlots, StartedSlots, FinishedSlots, FailedSlots, YieldedSlots,
    )  # fmt: skip


class StreamEnd(Record):
    """What the end of a stream's call tells in the place of an output.

    Attributes:
        items: how many items it gave.
        complete: whether it was read to its end; else its reader closed it before.
    """

    __slots__ = ("items", "complete")
    items: int
    complete: bool

    def __init__(self, items: int, *, complete: bool) -> None:
        self._fill(items=items, complete=complete)


class Replace(Record):
    """A guard's answer that stands for the flow's result: the flow does not run, the call gives `value`."""

    __slots__ = ("value",)
    value: Any

    def __init__(self, value: Any) -> None:
        self._fill(value=value)
