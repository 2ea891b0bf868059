"""What can go wrong at one place of a flow, and the node that makes it go wrong.

How places are found stands in `omnitron.testing.injecting`; every fault at every place in turn, in
`omnitron.testing.driving`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from omnitron.algebra import Args, Node, Writer
from omnitron.errors import DefinitionError, InvalidValue, Unpicklable
from omnitron.model import Clock, Record
from omnitron.runtime import SYSTEM_CLOCK, current_context, wait_on
from omnitron.testing.jumping import VirtualLoop

if TYPE_CHECKING:
    from omnitron.code import Parameters

__all__ = ["FAULTS", "Fault", "Faulty", "Injected"]

FAULTS = ("error", "delay", "hang", "cancel")
ENDLESS = ("hang", "cancel")


class Injected(Exception):
    """The error that a fault raises when no other is given."""

    def __str__(self) -> str:
        return "a fault that a test injected"


class Fault(Record):
    """One thing that goes wrong, at one call or at all of them.

    Attributes:
        kind: "error", "delay", "hang", "cancel"; "" for nothing, which only counts.
        value: the exception, its class, or the seconds of a delay.
        at: the number of the call, from 1; None for every call.
        after: whether it happens when the call has done its work, whose result is lost.
        is_virtual: whether a delay by the machine's own clock is refused.
    """

    __slots__ = ("kind", "value", "at", "after", "is_virtual", "_next", "_refused")
    kind: str
    value: Any
    at: int | None
    after: bool
    is_virtual: bool
    _next: Callable[[], int]
    _refused: list[DefinitionError]

    def __init__(
        self,
        kind: str,
        value: Any = None,
        at: int | None = None,
        *,
        after: bool = False,
        is_virtual: bool = False,
    ) -> None:
        check_value(kind, value)
        check_at(at)
        self._fill(kind=kind, value=value, at=at, after=after, is_virtual=is_virtual)
        self._fill(_next=count(1).__next__, _refused=[])

    def strikes(self) -> bool:
        """Count a call; say whether it is one that goes wrong."""
        number = self._next()
        return bool(self.kind) and self.at in (None, number)

    def calls(self) -> int:
        """Give how many calls were counted; it is asked once, at the end."""
        return self._next() - 1

    def strike(self) -> None:
        """Go wrong in sync code."""
        if self.kind == "error":
            raise made(self.value)
        if self.kind == "delay":
            wait_on(self.clock(), self.value)

    async def strike_async(self) -> None:
        """Go wrong in a task."""
        if self.kind == "delay":
            await self.clock().sleep(self.value)
        elif self.kind == "hang":
            await asyncio.get_running_loop().create_future()
        elif self.kind == "cancel":
            task = asyncio.current_task()
            assert task is not None
            task.cancel("injected")
            await asyncio.sleep(0)
        else:
            self.strike()

    def clock(self) -> Clock:
        """Give the clock that tells a delay."""
        clock = clock_here()
        if clock is SYSTEM_CLOCK and self.is_virtual:
            self._refused.append(
                DefinitionError(
                    f"a delay of {self.value:g} s would really pass, by the machine's own clock. Run the flow in virtual "
                    "time: `VirtualClock().run(flow(...))`, or `context(clock=VirtualClock()).run(flow, ...)` for a sync "
                    "one; or leave 'delay' out of `faults`."
                )
            )
            raise self._refused[0]
        return clock

    def settle(self) -> None:
        """Raise what it refused, which a policy of the flow may have caught."""
        if self._refused:
            raise self._refused[0]

    def detail(self) -> str:
        """Give it as it is written: `error=TimeoutError, at=2`."""
        if not self.kind:
            return "counted"
        value = True if self.kind in ENDLESS else self.value
        shown = f"{self.kind}={value.__qualname__ if isinstance(value, type) else repr(value)}"
        return shown + (f", at={self.at}" if self.at else "") + (", after=True" if self.after else "")

    def __reduce__(self) -> tuple[Any, ...]:
        raise Unpicklable(
            "a fault counts calls, which cannot go to another process. Inject it into a part around `.on('process')`, or "
            "take the `.on` away for this test."
        )


def check_value(kind: str, value: Any) -> None:
    """Refuse what is no exception, or no delay."""
    if kind == "error":
        is_class = isinstance(value, type) and issubclass(value, BaseException)
        if not is_class and not isinstance(value, BaseException):
            raise DefinitionError(f"`error` is an exception or a class of exceptions, got {value!r}.")
        if is_class:
            refuse_unmakable(value)
    if kind == "delay":
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise DefinitionError(f"`delay` is a number of seconds, got {value!r}.")
        if not value >= 0:
            raise InvalidValue(f"`delay` is a number of seconds that is not negative, got {value!r}.")


def check_at(at: Any) -> None:
    """Refuse what is no number of a call."""
    if at is not None and (isinstance(at, bool) or not isinstance(at, int)):
        raise DefinitionError(f"`at` is the number of a call, from 1, got {at!r}.")
    if at is not None and at < 1:
        raise InvalidValue(f"`at` is the number of a call, from 1, got {at}. Leave it out for every call.")


def refuse_unmakable(kind: Any) -> None:
    """Refuse a class of exceptions that cannot be made of nothing."""
    try:
        kind()
    except Exception as error:
        raise DefinitionError(
            f"`error={kind.__name__}` cannot be made without arguments ({error}). Give an exception: "
            f"`error={kind.__name__}(...)`."
        ) from error


def made(error: Any) -> BaseException:
    """Give the exception to raise: an instance as it is, without the traceback of its last time."""
    if isinstance(error, type):
        raised: BaseException = error()
        return raised
    fresh: BaseException = error.with_traceback(None)
    return fresh


def clock_here() -> Clock:
    """Give the clock of the context; if that is the machine's, on a loop of virtual time the clock of the loop."""
    clock = current_context().runtime.clock
    if clock is SYSTEM_CLOCK:
        loop = asyncio._get_running_loop()
        if isinstance(loop, VirtualLoop):
            return loop.clock
    return clock


class Faulty(Node):
    """Run a flow that goes wrong at some calls. It is no part of paths, and is inside of what observers see of the flow.

    Attributes:
        body: the flow.
        faults: what goes wrong, and when; each counts every call.
    """

    __slots__ = ("body", "faults")
    body: Node
    faults: tuple[Fault, ...]
    kind = "fault"
    segment = False
    direct = "first"

    def check(self) -> None:
        """Refuse what only a task can do."""
        for fault in self.faults:
            if fault.kind in ENDLESS and not self.body.is_async:
                what = "hang: nothing could end it" if fault.kind == "hang" else "be cancelled: it has no task"
                raise DefinitionError(
                    f"{self.body.name!r} is sync, and cannot {what}. Inject `error=` or `delay=`, or inject it around an "
                    "async part."
                )

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the call of the body with the fault around its function, inside of its boundary."""
        body, index = self.body, w.cursor
        w.cursor = index + body.size
        fn, awaits = w.callable_of(body, index, args, awaits=w.awaits if w.seen else body.is_async)
        name = w.attach(fn, partial(around, self.faults, is_async=body.is_async, awaits=awaits))
        if w.seen and (body.segment or body.label is not None):
            see = "await o_see" if w.awaits else "o_see"
            site = w.bind(w.site(body, index, awaits=awaits), "s")
            w.mark(f"{target} = {see}({site}, {name}, {args.call})", index)
            w.go_on_stopping(target, index, stops=w.awaits and not body.is_async)
        else:
            w.mark(f"{target} = {'await ' if awaits else ''}{name}({args.call})", index)
            w.go_on_stopping(target, index, stops=awaits and not body.is_async)

    def takes(self, look: Any) -> Any:
        """Give what the body takes."""
        return look.takes(self.body)

    def gives(self, look: Any, before: Any) -> Any:
        """Give what the body gives."""
        return look.gives(self.body, before)

    def parameters(self) -> Parameters | None:
        """Give the body's."""
        return self.body.parameters()

    def detail(self) -> str:
        """Give the faults."""
        return "; ".join(fault.detail() for fault in self.faults)

    def streams_after(self, before: str) -> str:
        """Give the body's."""
        return self.body.streams_after(before)

    def title(self) -> str:
        """Give the body's name."""
        return self.body.name

    @property
    def binds(self) -> bool:  # type: ignore[override]
        """Whether the body binds like a method."""
        return self.body.binds


def around(faults: tuple[Fault, ...], fn: Callable[..., Any], *, is_async: bool, awaits: bool) -> Callable[..., Any]:
    """Give a function of the same colour as `fn` (`awaits`) that goes wrong as a flow of the body's colour (`is_async`)."""

    def struck(*args: Any, **kwargs: Any) -> Any:
        striking = [fault for fault in faults if fault.strikes()]
        strike(striking, after=False)
        value = fn(*args, **kwargs)
        strike(striking, after=True)
        return value

    async def struck_async(*args: Any, **kwargs: Any) -> Any:
        striking = [fault for fault in faults if fault.strikes()]
        await strike_async(striking, after=False) if is_async else strike(striking, after=False)
        value = await fn(*args, **kwargs)
        await strike_async(striking, after=True) if is_async else strike(striking, after=True)
        return value

    return struck_async if awaits else struck


def strike(faults: list[Fault], *, after: bool) -> None:
    """Go wrong in sync code."""
    for fault in faults:
        if fault.after is after:
            fault.strike()


async def strike_async(faults: list[Fault], *, after: bool) -> None:
    """Go wrong in a task."""
    for fault in faults:
        if fault.after is after:
            await fault.strike_async()
