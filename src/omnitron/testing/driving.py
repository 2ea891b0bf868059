"""`check_faults`: each fault at each call of each part in turn, and what must hold whatever fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from omnitron.algebra import AnyFlow
from omnitron.errors import DefinitionError
from omnitron.model import Failure, Ok, Record
from omnitron.testing.failures import Deadlock, InvariantBroken
from omnitron.testing.faults import ENDLESS, FAULTS, Fault, Injected
from omnitron.testing.injecting import Place, places_of, wrapped

__all__ = ["Broken", "check_faults"]

F = TypeVar("F", bound=AnyFlow[..., Any])
SHOWN = 2000


class Broken(Record):
    """One fault that breaks what must hold, as texts.

    Attributes:
        path: which part went wrong.
        at: at which of its calls, from 1.
        fault: what went wrong there, as `inject` takes it.
        outcome: what the run gave, or raised.
        why: what the invariant said.
    """

    __slots__ = ("path", "at", "fault", "outcome", "why")
    path: str
    at: int
    fault: str
    outcome: str
    why: str

    def __init__(self, path: str, at: int, fault: str, outcome: str, why: str) -> None:
        self._fill(path=path, at=at, fault=fault, outcome=outcome, why=why)

    def __str__(self) -> str:
        return f"inject(flow, {self.path!r}, {self.fault})\n  the run {self.outcome}\n  but {self.why}"


def check_faults(
    flow: F,
    run: Callable[[F], Any],
    invariant: Callable[[Ok[Any] | Failure], object],
    *,
    faults: Iterable[str] = ("error", "cancel", "delay"),
    error: BaseException | type[BaseException] = Injected,
    delay: float = 60.0,
    after: bool = False,
) -> int:
    """Run a flow again and again, each time with one fault at one call, and check what must hold whatever fails.

    A first run without a fault tells which parts are called how often, and must succeed. Then each fault is injected at
    each of these calls in turn. A run that comes to a `Deadlock` breaks what must hold, whatever the invariant says.

    Args:
        flow: the flow.
        run: takes the flow with the fault, begins anew with all that it writes to, runs it once, an async flow by
            `VirtualClock().run(flow(...))`, and gives or raises what comes of it.
        invariant: takes `Ok(value)` or `Failure(error)`, and raises or gives False where what must hold does not. A
            cancelled run is a failure with a `CancelledError`.
        faults: which ones: "error", "delay", "hang", "cancel". Those that a sync part cannot have are left out there.
        error: what "error" raises.
        delay: the seconds of "delay"; by the machine's own clock they would really pass, which is refused.
        after: whether the fault comes when the part has done its work.

    Returns:
        How many runs with a fault there were, one for each call of each part and each fault.

    Raises:
        InvariantBroken: says of each fault that breaks it where it was, as a line that injects it again.
        DefinitionError: it is no flow, or a fault that there is not.
        Exception: what the run without a fault raises, or the invariant after it.

    Example:
        >>> from omnitron import flow
        >>> left = []
        >>> move = flow(lambda x: left.pop() * x, name="take") | flow(left.append, name="put")
        >>> def run(move):
        ...     left[:] = [7]
        ...     return move(1)
        >>> check_faults(move, run, lambda outcome: left == [7], faults=["error"])
        Traceback (most recent call last):
        omnitron.testing.failures.InvariantBroken: 1 of 3 faults break what must hold of 'take → put':
          inject(flow, 'take → put/put', error=Injected, at=1)
            the run raised Injected: a fault that a test injected
            but the invariant is False
    """
    kinds, values = checked_kinds(faults), {"error": error, "delay": delay}
    plans = plan(flow, counted(flow, run, invariant), kinds, values, after=after)
    tries = [tried(flow, run, invariant, place, fault) for place, fault in plans]
    broken = tuple(one for one, _ in tries if one is not None)
    if broken:
        raise InvariantBroken(flow.name, len(tries), broken) from next(
            (why for _, why in tries if why is not None), None
        )
    return len(tries)


def tried(
    flow: F, run: Callable[[F], Any], invariant: Callable[[Any], object], place: Place, fault: Fault
) -> tuple[Broken | None, BaseException | None]:
    """Run with one fault; give what it breaks, and the error that says so."""
    outcome = outcome_of(run, wrapped(flow, {place[0]: fault}))
    fault.settle()
    wrong: tuple[str, BaseException | None] | None
    if fault.calls() < (fault.at or 0):
        wrong = "the fault was not reached: the run is not the same each time. Let `run` begin anew", None
    else:
        wrong = verdict(invariant, outcome)
    if wrong is None:
        return None, None
    return Broken(place[1], fault.at or 0, fault.detail(), shown(outcome), wrong[0]), wrong[1]


def checked_kinds(faults: Iterable[str]) -> list[str]:
    """Give the kinds of faults; refuse what is none."""
    kinds = [faults] if isinstance(faults, str) else list(faults)
    for kind in kinds:
        if kind not in FAULTS:
            raise DefinitionError(f"`faults` are some of {', '.join(map(repr, FAULTS))}, got {kind!r}.")
    return kinds


def counted(flow: F, run: Callable[[F], Any], invariant: Callable[[Any], object]) -> dict[int, int]:
    """Give how often each part is called in a run without a fault, after which the invariant must hold."""
    counters = {index: Fault("") for index, _, _ in places_of(flow)}
    value = run(wrapped(flow, counters))
    if invariant(Ok(value)) is False:
        raise InvariantBroken(flow.name, 0, ())
    return {index: counter.calls() for index, counter in counters.items()}


def plan(
    flow: AnyFlow[..., Any], calls: dict[int, int], kinds: list[str], values: dict[str, Any], *, after: bool
) -> Iterator[tuple[Place, Fault]]:
    """Give each part with each fault that it can have at each of its calls."""
    for place in places_of(flow):
        for kind in kinds:
            if kind in ENDLESS and not place[2].is_async:
                continue
            for at in range(1, calls[place[0]] + 1):
                yield place, Fault(kind, values.get(kind), at, after=after, is_virtual=True)


def outcome_of(run: Callable[[F], Any], flow: F) -> Ok[Any] | Failure:
    """Run a flow; give what came of it."""
    try:
        return Ok(run(flow))
    except (Exception, asyncio.CancelledError) as error:
        return Failure(error)  # type: ignore[arg-type] # a cancellation is an outcome here


def verdict(invariant: Callable[[Any], object], outcome: Ok[Any] | Failure) -> tuple[str, BaseException | None] | None:
    """Give why an outcome breaks what must hold, with the error that says so; None if it does not."""
    if isinstance(outcome, Failure) and isinstance(outcome.error, Deadlock):
        return "a deadlock is never right", outcome.error
    try:
        if invariant(outcome) is False:
            return "the invariant is False", None
    except Exception as error:
        said = str(error).strip()
        return f"the invariant raised {type(error).__name__}{f': {said[:SHOWN]}' if said else ''}", error
    return None


def shown(outcome: Ok[Any] | Failure) -> str:
    """Give what came of a run as text."""
    if isinstance(outcome, Ok):
        return f"gave {outcome.value!r}"[:SHOWN]
    said = str(outcome.error)
    return f"raised {type(outcome.error).__name__}{f': {said}' if said else ''}"[:SHOWN]
