"""A tenacity object as a `Retry`: its own parts are asked after each failure."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

from omnitron.errors import DefinitionError
from omnitron.policy import LONGEST_S, Moment, Retry, Schedule

__all__ = ["policy_of"]

INSTEAD = {
    "before": "see attempts by `Hooks(before=...)` of the context",
    "after": "see failures by `Hooks(on_error=...)` of the context",
    "before_sleep": "see failures by `Hooks(on_error=...)` of the context, or the log of `omnitron.retry`",
    "retry_error_callback": "answer in its place by `.or_else(...)`",
    "retry_error_cls": "the last error leaves as it is; let the flow of `.or_else(...)` raise another",
    "sleep": "waits are those of the clock of the context: `context(clock=...)`",
}
"""The parts that no policy has, and what is written instead."""

LONGEST_ASKED_S = Retry().max_delay
"""How long an error may ask to wait where the object itself would wait less: as by every `Retry` that says nothing else."""


class OfTenacity(Schedule):
    """The waits of a tenacity object; it ends where that gives up."""

    __slots__ = ("retrying",)
    retrying: Any

    def __init__(self, retrying: Any) -> None:
        self._fill(retrying=retrying)

    def __repr__(self) -> str:
        parts = (self.retrying.retry, self.retrying.wait, self.retrying.stop)
        return f"OfTenacity({', '.join(getattr(part, '__name__', type(part).__name__) for part in parts)})"

    def begin(self) -> tuple[int, float]:
        """Give the number of the first attempt, and how long was waited before it."""
        return 1, 0.0

    def after(self, state: tuple[int, float], moment: Moment) -> tuple[float, tuple[int, float]] | None:
        """Ask `retry`, then `wait`, then `stop`, as tenacity does; an error that asks for a wait is granted a short one."""
        from tenacity import Future, RetryCallState, TryAgain

        attempt, idle = state
        call = RetryCallState(self.retrying, None, (), {})
        call.attempt_number, call.idle_for, call.start_time = attempt, idle, 0.0
        call.outcome, call.outcome_timestamp = Future(attempt), moment.elapsed_s
        call.outcome.set_exception(moment.error)
        if not isinstance(moment.error, TryAgain) and not self.retrying.retry(call):
            return None
        wait = float(self.retrying.wait(call))
        if moment.asked_s > max(wait, LONGEST_ASKED_S):
            return None
        call.upcoming_sleep = max(wait, moment.asked_s)  # so that a `stop` which adds it up sees what will be waited
        return None if self.retrying.stop(call) else (wait, (attempt + 1, idle + call.upcoming_sleep))


def policy_of(retrying: Any) -> Retry:
    """Give the policy of a tenacity object; see `omnitron.interop.from_tenacity`."""
    tenacity: Any = sys.modules.get("tenacity")
    given = retrying if tenacity is None or isinstance(retrying, type) else getattr(retrying, "retry", retrying)
    found = retrying if tenacity is None or isinstance(retrying, tenacity.BaseRetrying) else given
    if tenacity is None or not isinstance(found, tenacity.BaseRetrying):
        raise DefinitionError(
            f"from_tenacity takes a Retrying or an AsyncRetrying, or a function that `@tenacity.retry` has decorated; "
            f"got {retrying!r}."
        )
    if not found.enabled:
        return Retry(attempts=1)
    for name, instead in INSTEAD.items():
        given = getattr(found, name)
        if given is not None and not any(given is default for default in defaults(type(found), name)):
            raise DefinitionError(f"no policy has `{name}` of tenacity: {instead}, and leave it out here.")
    for part in (found.stop, found.wait, *conditions(found.retry)):
        refuse(part, tenacity)
    most = found.stop.max_attempt_number if type(found.stop) is tenacity.stop_after_attempt else None
    known = most if isinstance(most, int) and most > 0 else None  # said twice, so that worst cases and orders know it
    return Retry(known, backoff=OfTenacity(found), max_delay=LONGEST_S)


def defaults(kind: type, name: str) -> Iterator[Any]:
    """Give what tenacity's own classes have for a part where none is given; a subclass may have other defaults."""
    for one in kind.__mro__:
        made = vars(one).get("__init__")
        if made is not None and one.__module__.partition(".")[0] == "tenacity":
            parameter = inspect.signature(made).parameters.get(name)
            if parameter is not None:
                yield parameter.default


def conditions(retry: Any) -> Iterator[Any]:
    """Give the conditions that one is made of."""
    parts = getattr(retry, "retries", None)
    if not isinstance(parts, tuple | list):
        yield retry
        return
    for part in parts:
        yield from conditions(part)


def refuse(part: Any, tenacity: Any) -> None:
    """Refuse what cannot be asked, what looks at results, and what has to be awaited."""
    if not callable(part):
        raise DefinitionError(f"`retry`, `wait` and `stop` of a tenacity object are called, and {part!r} cannot be.")
    on_results = (tenacity.retry_if_result, tenacity.retry_if_not_result, tenacity.retry_unless_exception_type)
    if isinstance(part, on_results):
        raise DefinitionError(
            f"a flow is tried again when it fails, and {type(part).__name__} looks at what it gave: let the flow raise "
            "what is to be tried again."
        )
    if inspect.iscoroutinefunction(part) or inspect.iscoroutinefunction(type(part).__call__):
        raise DefinitionError(f"{part!r} has to be awaited, and a policy asks without waiting: give a plain function.")
