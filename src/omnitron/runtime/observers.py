"""Three users of the interception point: hooks, tracing, and a log of events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from functools import partial
from typing import Any

from omnitron.errors import DefinitionError, RunCancelled
from omnitron.model import CallAnswered, CallFailed, CallFinished, CallStarted, Event, ItemYielded, PolicyChanged

__all__ = ["EventLog", "Hooks", "Span", "Tracing"]

Hook = Callable[[Any], Awaitable[None] | None]


class Hooks:
    """Call functions before a flow runs, after it gave its output, when it raised, and for each item of a stream.

    Each function takes one event: `before` a `CallStarted`, `after` a `CallFinished` (`.output`, `.duration_s`; of a
    stream when it has ended, with a `StreamEnd`), `on_error` a `CallFailed` (`.error`, `.duration_s`; cancellation too),
    `on_item` an `ItemYielded` (`.index`, `.item`), `on_answer` a `CallAnswered`: what a cache gave in the place of a call
    (`.output`, `.outcome`), `on_change` a `PolicyChanged` (`.policy`, `.before`, `.after`, `.why`). All have `.flow, .path,
    .attempt, .run_id, .input`. Functions of one kind are called in the order given, each even when an earlier one raised.
    Over async flows they may be async; over sync flows that is refused when the run starts.

    Args:
        before: a function or several.
        after: a function or several.
        on_error: a function or several.
        on_item: a function or several.
        on_answer: a function or several.
        on_change: a function or several.

    Example:
        >>> from omnitron import context, flow
        >>> hooks = Hooks(after=lambda event: print(event.path, "is over"))
        >>> context(hooks=hooks).run(flow(int), "4")
        int is over
        4
    """

    __slots__ = ("after", "before", "is_async", "on_answer", "on_change", "on_error", "on_item")

    def __init__(
        self,
        *,
        before: Hook | Iterable[Hook] = (),
        after: Hook | Iterable[Hook] = (),
        on_error: Hook | Iterable[Hook] = (),
        on_item: Hook | Iterable[Hook] = (),
        on_answer: Hook | Iterable[Hook] = (),
        on_change: Hook | Iterable[Hook] = (),
    ) -> None:
        self.before = functions("before", before)
        self.after = functions("after", after)
        self.on_error = functions("on_error", on_error)
        self.on_item = functions("on_item", on_item)
        self.on_answer = functions("on_answer", on_answer)
        self.on_change = functions("on_change", on_change)
        hooks = (
            *self.before, *self.after, *self.on_error, *self.on_item, *self.on_answer, *self.on_change,
        )  # fmt: skip
        self.is_async = any(is_coroutine_function(hook) for hook in hooks)

    def observe(self, event: Event, /) -> Awaitable[None] | None:
        """Call the functions of the event's kind; give an awaitable if any of them did."""
        hooks = self.of_kind(type(event))
        errors: list[Exception] = []
        for place, hook in enumerate(hooks):
            try:
                later = hook(event)
            except Exception as error:
                errors.append(error)
                continue
            if later is not None and hasattr(later, "__await__"):
                return Answered(self.finish(event, later, hooks[place + 1 :], errors), later)
        raise_all(errors)
        return None

    def of_kind(self, kind: type[Event]) -> tuple[Hook, ...]:
        """Give the functions that take events of a kind."""
        if kind is ItemYielded:
            return self.on_item
        if kind is CallAnswered:
            return self.on_answer
        if kind is PolicyChanged:
            return self.on_change
        return self.before if kind is CallStarted else self.after if kind is CallFinished else self.on_error

    async def finish(
        self, event: Event, later: Awaitable[None], rest: tuple[Hook, ...], errors: list[Exception]
    ) -> None:
        """Await one hook's answer, then call the hooks that come after it."""
        try:
            await later
        except Exception as error:
            errors.append(error)
        for hook in rest:
            try:
                answer = hook(event)
                if answer is not None and hasattr(answer, "__await__"):
                    await answer
            except Exception as error:
                errors.append(error)
        raise_all(errors)

    def __repr__(self) -> str:
        named = ", ".join(
            f"{kind}=[{', '.join(getattr(hook, '__name__', repr(hook)) for hook in hooks)}]"
            for kind in ("before", "after", "on_error", "on_item", "on_answer", "on_change")
            if (hooks := getattr(self, kind))
        )
        return f"Hooks({named})"


class Answered:
    """What hooks answer that must be awaited, and can be closed where nothing does."""

    __slots__ = ("first", "rest")

    def __init__(self, rest: Coroutine[Any, Any, None], first: Awaitable[None]) -> None:
        self.rest = rest
        self.first = first

    def __await__(self) -> Generator[Any, Any, None]:
        return self.rest.__await__()

    def close(self) -> None:
        """Drop all of it."""
        for waiting in (self.rest, self.first):
            close = getattr(waiting, "close", None)
            if close is not None:
                close()


def functions(kind: str, given: Any) -> tuple[Hook, ...]:
    """Give one hook or several as a tuple, each callable."""
    if not callable(given) and not hasattr(given, "__iter__"):
        raise DefinitionError(f"`{kind}` takes a function of one event or a list of them, got {given!r}.")
    hooks = (given,) if callable(given) else tuple(given)
    for hook in hooks:
        if not callable(hook):
            raise DefinitionError(f"`{kind}` takes a function of one event or a list of them, got {hook!r}.")
    return hooks


def is_coroutine_function(hook: Any) -> bool:
    """Say whether calling `hook` gives a coroutine (as far as its code shows)."""
    while isinstance(hook, partial):
        hook = hook.func
    call = type(hook).__call__ if not hasattr(hook, "__code__") else hook
    code = getattr(call, "__code__", None)
    return code is not None and bool(code.co_flags & 0x80)


def raise_all(errors: list[Exception]) -> None:
    """Raise what the hooks raised, as one error."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ExceptionGroup("several hooks raised", errors)


class Span:
    """The time that one call took, as tracers draw it.

    Attributes:
        name: the flow's name.
        path: its place in the run.
        run_id, span_id, parent_id: who it is; `parent_id` is None for the root of the run.
        status: "running", then "ok", "error" or "cancelled".
        error: the exception it left with, or None.
        started_s: when it started, in seconds of the context's monotonic clock.
        duration_s: how long it took, None while it runs.
        cache: "hit", "stale" or "shared" where a cache answered in its place (it took no time then), else None.
    """

    __slots__ = (
        "cache",
        "duration_s",
        "error",
        "name",
        "parent_id",
        "path",
        "run_id",
        "span_id",
        "started_s",
        "status",
    )

    def __init__(
        self, name: str, path: str, run_id: str, span_id: int, parent_id: int | None, started_s: float
    ) -> None:
        self.name = name
        self.path = path
        self.run_id = run_id
        self.span_id = span_id
        self.parent_id = parent_id
        self.status = "running"
        self.error: BaseException | None = None
        self.started_s = started_s
        self.duration_s: float | None = None
        self.cache: str | None = None

    def __repr__(self) -> str:
        took = "" if self.duration_s is None else f", {self.duration_s * 1e3:.3f} ms"
        took = took if self.cache is None else f", cache {self.cache}"
        return f"Span({self.path!r}, {self.status}{took})"


class Tracing:
    """Record a span for every call, with its parent, status and error. One tracer may watch many runs at once.

    Args:
        on_end: called with each span when it ends; with `keep=False` nothing else holds the spans.
        keep: whether `spans` keeps them.

    Attributes:
        spans: the kept spans in the order in which the calls started.

    Example:
        >>> from omnitron import context, flow
        >>> tracer = Tracing()
        >>> context(tracer=tracer).run(flow(int), "4")
        4
        >>> [(span.path, span.status) for span in tracer.spans]
        [('int', 'ok')]
    """

    def __init__(self, on_end: Callable[[Span], object] | None = None, *, keep: bool = True) -> None:
        self.spans: list[Span] = []
        self.on_end = on_end
        self.keep = keep
        self._open: dict[tuple[str, int], Span] = {}

    def observe(self, event: Event, /) -> None:
        """Open or close the span of the event's call."""
        if type(event) is ItemYielded or type(event) is PolicyChanged:
            return
        call = event.call
        key = (call.run_id, call.call_id)
        if type(event) is CallStarted:
            parent = None if call.parent is None else call.parent.call_id
            span = self._open[key] = Span(call.flow, call.path, call.run_id, call.call_id, parent, call.started_s)
            if self.keep:
                self.spans.append(span)
            return
        if isinstance(event, CallAnswered):
            parent = None if call.parent is None else call.parent.call_id
            spared = Span(call.flow, call.path, call.run_id, call.call_id, parent, call.started_s)
            spared.status, spared.duration_s, spared.cache = "ok", 0.0, event.outcome
            if self.keep:
                self.spans.append(spared)
            if self.on_end is not None:
                self.on_end(spared)
            return
        ended = self._open.pop(key, None)
        if ended is None:
            return
        if isinstance(event, CallFinished):
            ended.status, ended.duration_s = "ok", event.duration_s
        elif isinstance(event, CallFailed):
            cancelled = isinstance(event.error, RunCancelled) or not isinstance(event.error, Exception)
            ended.status = "cancelled" if cancelled else "error"
            ended.error, ended.duration_s = event.error, event.duration_s
        if self.on_end is not None:
            self.on_end(ended)


class EventLog:
    """Keep the events of the runs that it watches, in order; those of items of a stream without the values there.

    Args:
        limit: how many to keep; the oldest go first. None keeps all. Between two readings of `events` it may hold a
            sixteenth more.

    Example:
        >>> from omnitron import context, flow
        >>> log = EventLog()
        >>> context(observers=log).run(flow(int), "4")
        4
        >>> [type(event).__name__ for event in log.events]
        ['CallStarted', 'CallFinished']
    """

    def __init__(self, limit: int | None = None) -> None:
        self._events: list[Event] = []
        self.limit = limit

    @property
    def events(self) -> list[Event]:
        """The events, the oldest first. What is beyond the limit goes when this is read."""
        if self.limit is not None:
            del self._events[: -self.limit or len(self._events)]
        return self._events

    @events.setter
    def events(self, events: list[Event]) -> None:
        self._events = events

    def observe(self, event: Event, /) -> None:
        """Append the event."""
        events = self._events  # each step is whole without a lock, which a forked child might find held for ever
        events.append(event.without_values())
        limit = self.limit
        # the oldest go some at a time: each time, all others are moved
        if limit is not None and len(events) > limit + (limit >> SLACK):
            del events[: -limit or len(events)]


SLACK = 4
"""How many more events than its limit an `EventLog` may hold until it is read: a sixteenth, in binary places."""
