"""Running a part of a flow in a context that is derived for it.

The part belongs to the run around it: the same run id, paths that go on, and whoever watches the run watches the part too.
Where nothing watched and the derived context does, the part alone is watched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import copy_context
from copy import copy
from typing import Any, Protocol

from omnitron.errors import DefinitionError
from omnitron.runtime.contexts import (
    Context,
    current,
    current_context,
)
from omnitron.runtime.frames import Frame, leave_frame, read_watch, reset_watch, set_watch
from omnitron.runtime.keys import checked_values
from omnitron.runtime.options import PLAIN, Runtime, read_options
from omnitron.runtime.reading import Reading, read_here
from omnitron.runtime.scopes import scope_here
from omnitron.runtime.starting import check_observers, refuse_late, watched_frame, watches
from omnitron.runtime.stopping import DeadlinePassed, Stop
from omnitron.runtime.streams import STREAMS

__all__ = ["Derivation", "check_changes", "run_derived", "run_derived_async"]


class Place(Protocol):
    """Where in its program a part stands."""

    def here(self) -> tuple[str, bool]:
        """Give the static path around the part, and whether it is that of the part itself."""
        ...

    def part(self, *, awaits: bool) -> Callable[..., Any]:
        """Give what runs the part where every boundary is observed."""
        ...


class Derivation:
    """How a part's context differs from the one around it, and what the part is.

    Args:
        values: more values by their keys.
        named: options of a context, and values by name.
        part: the part, for errors that name it.
        place: where it stands.
        is_async: whether the part itself awaits.
    """

    __slots__ = ("is_async", "named", "part", "place", "values")

    def __init__(
        self, values: Mapping[Any, Any], named: Mapping[str, Any], *, part: Any, place: Place, is_async: bool
    ) -> None:
        self.values = values
        self.named = named
        self.part = part
        self.place = place
        self.is_async = is_async

    @property
    def ends(self) -> bool:
        """Whether the part has a deadline of its own."""
        return self.named.get("deadline") is not None

    def enter(
        self, fn: Callable[..., Any], parent: Frame | None, *, awaits: bool
    ) -> tuple[Context, Frame | None, Callable[..., Any]]:
        """Give the derived context, the frame of the part if it is watched, and what runs it there.

        Raises:
            MissingCapability: a capability is named that the context around does not hold.
        """
        old = current_context()
        ctx = old.with_(self.values, **self.named)
        if parent is not None:
            return ctx, self.beneath(parent, old.runtime, ctx.runtime), fn
        watching = ctx.runtime if self.ends else ctx.runtime.replace(deadline=None)
        if not watches(watching, is_async=self.is_async):
            return ctx, None, fn
        run, scope = watched_frame(watching, is_async=self.is_async).run, scope_here.get()
        if scope is not None and scope.run_id():
            run.id, run.next_call = scope.run_id(), scope.call_numbers()
        path, named = self.place.here()
        return ctx, Frame(run, path, None, body=False, named=named), self.place.part(awaits=awaits)

    def beneath(self, parent: Frame, old: Runtime, new: Runtime) -> Frame:
        """Give the frame of a part of a run that is watched already: what the part adds comes to what is there."""
        run = copy(parent.run)
        run.observers = (*run.observers, *new.observers[len(old.observers) :])
        run.guards = (*run.guards, *new.guards[len(old.guards) :])
        if new.clock is not old.clock:
            run.clock = new.clock
            run.deadline = None if run.deadline is None else new.deadline
        if self.ends and not self.is_async:
            run.deadline = new.deadline
        run.replaced = new.replaced
        return Frame(run, parent.path, parent.call, body=False, named=parent.named, attempt=parent.attempt)

    def stream(self, stream: Any, ctx: Context, parent: Frame | None) -> Any:
        """Give a stream of the part, whose items are taken in the derived context."""
        runtime = ctx.runtime if self.ends else None
        return Reading(stream, copy_context(), runtime=runtime, leaves=lambda stop: self.leaves(stop, parent)).begin()

    def leaves(self, stop: Stop, parent: Frame | None) -> BaseException:
        """Give what leaves when a stream of the part was stopped."""
        return self.passed(stop, parent) if isinstance(stop, DeadlinePassed) else stop

    def refuse_late(self, ctx: Context) -> None:
        """Refuse the result of a sync part that took longer than it may."""
        if self.ends and not self.is_async:
            refuse_late(ctx.runtime)

    def passed(self, error: DeadlinePassed, parent: Frame | None) -> BaseException:
        """Give what leaves when a deadline ended the part: its own as an error, that of the run around as it is."""
        if not self.ends:
            return error
        run = None if parent is None else parent.run
        if run is not None and run.deadline is not None and run.clock.monotonic() >= run.deadline:
            return error
        return error.error


def run_derived(derivation: Derivation, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call a sync part in its derived context; a stream that is given stays in the one around."""
    parent = read_watch()
    args, kwargs = tuple(map(read_here, args)), {name: read_here(value) for name, value in kwargs.items()}
    ctx, frame, fn = derivation.enter(fn, parent, awaits=False)
    check_observers(ctx.runtime, derivation.part)
    context_token, watch_token = current.set(ctx), set_watch(frame)
    try:
        result = fn(*args, **kwargs)
        if type(result) in STREAMS:
            return derivation.stream(result, ctx, parent)
        derivation.refuse_late(ctx)
        return result
    except DeadlinePassed as error:
        raise derivation.passed(error, parent) from None
    finally:
        reset_watch(watch_token)
        current.reset(context_token)


async def run_derived_async(derivation: Derivation, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call and await a part of an async flow in its derived context; a stream that is given stays in the one around."""
    parent = read_watch()
    args, kwargs = tuple(map(read_here, args)), {name: read_here(value) for name, value in kwargs.items()}
    ctx, frame, fn = derivation.enter(fn, parent, awaits=True)
    context_token, watch_token = current.set(ctx), set_watch(frame)
    try:
        if derivation.ends and derivation.is_async:
            from omnitron.runtime.deadlines import before_deadline

            assert ctx.runtime.deadline is not None
            result = await before_deadline(ctx.runtime.deadline, ctx.runtime.clock, fn, args, kwargs)
        else:
            result = await fn(*args, **kwargs)
        if type(result) in STREAMS:
            return derivation.stream(result, ctx, parent)
        derivation.refuse_late(ctx)
        return result
    except DeadlinePassed as error:
        raise derivation.passed(error, parent) from None
    finally:
        leave_frame(watch_token)
        with suppress(ValueError):
            current.reset(context_token)


def check_changes(values: Mapping[Any, Any], named: Mapping[str, Any]) -> frozenset[str] | None:
    """Refuse what no context could be derived by; give the names of the capabilities that are left, None for all.

    Raises:
        DefinitionError: nothing is changed, a value is not of its key's type, a name is reserved, an option is wrong.
    """
    if not values and not named:
        raise DefinitionError(
            "within takes what its context has beside the one around: values, or options such as "
            "`deadline=3`, `observers=...`, `capabilities={...}`."
        )
    if "config" in named:
        raise DefinitionError(
            "within takes no `config`, which tunes a whole tree when it is run. Give it to `context(config=...)`, or tune "
            "the part before it is composed: `Config(...).apply(part)`."
        )
    checked_values(values)
    runtime, _ = read_options(PLAIN, dict(named), Context)
    return runtime.capabilities
