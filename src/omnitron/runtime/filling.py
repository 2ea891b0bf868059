"""How a step gets what it needs: `needs(...)` in its parameters, filled from the context when it is called.

Read next: `omnitron.runtime.resources` (what can be needed) and `omnitron.runtime.scopes` (how long it lives).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from contextvars import ContextVar
from threading import Lock
from typing import Any, TypeVar, overload

from omnitron.errors import DefinitionError, MissingKey, MissingNeed, NoRun
from omnitron.runtime.contexts import Context, current
from omnitron.runtime.frames import read_watch, watch
from omnitron.runtime.keys import Key, LeftBehind
from omnitron.runtime.resources import Need, Resource
from omnitron.runtime.scopes import (
    UNOPENED,
    AppScope,
    Closer,
    Entry,
    Scope,
    first_of,
    making,
    running_loop,
    scope_here,
)

__all__ = ["holds_needs", "missing_needs", "needs", "take", "take_async"]

T = TypeVar("T")
MISSING: Any = object()


@overload
def needs(target: Key[T], /) -> T: ...
@overload
def needs(target: Resource[T], /) -> T: ...
@overload
def needs(target: type[Context], /) -> Context: ...
def needs(target: Any, /) -> Any:
    """Say, as the default of a keyword-only parameter, that it is filled from the context.

    The caller may pass the argument as any other; otherwise it is the value of a `Key`, the opened `Resource`, or for
    `Context` the context itself. What lacks is refused before a run starts. A context overrides a resource by holding a
    value for it: `ctx.with_({http: fake})`.

    Args:
        target: a `Key`, a `Resource`, or the class `Context`.

    Example:
        >>> from omnitron import Key, context, flow, needs
        >>> tenant = Key("tenant", str)
        >>> @flow
        ... def greet(name: str, *, who: str = needs(tenant)) -> str:
        ...     return f"{who} greets {name}"
        >>> context(tenant="acme").run(greet, "you"), greet("me", who="nobody")
        ('acme greets you', 'nobody greets me')
    """
    if isinstance(target, Key | Resource) or target is Context:
        return Need(target)
    hint = f"Write needs(Key({target!r}, its_type))." if isinstance(target, str) else "Give one of these."
    raise DefinitionError(f"`needs` takes a Key, a resource, or Context; got {target!r}. {hint}")


def take(target: Any) -> Any:
    """Give what is needed, where it can be had without awaiting: a value, the context, a sync resource.

    Raises:
        MissingNeed: the context holds no value.
        NoRun: a resource is needed outside of any run.
    """
    ctx = current.get()
    if isinstance(target, Key):
        return value_of(target, ctx)
    return ctx if target is Context else take_resource(target, ctx, scope_here.get())


def value_of(key: Key[Any], ctx: Context) -> Any:
    """Give the context's value for a key that a step needs."""
    found = ctx._values.get(key.name, MISSING)
    if type(found) is key.type:
        return found
    try:
        return ctx.get(key)
    except MissingKey:
        frame = read_watch()
        who = "the step that runs now" if frame is None else frame.path
        raise MissingNeed({key.name: (who,)}, tuple(map(str, ctx))) from None


def take_resource(target: Resource[Any], ctx: Context, run: Scope | None) -> Any:
    """Give a sync resource, opened if it is not."""
    found = ctx._values.get(target, MISSING)
    if found is not MISSING:
        return found if not isinstance(found, LeftBehind) else found.refuse()
    scope, where = home(target, ctx, run)
    entry = place(target, scope, where, None)
    if entry.value is UNOPENED:
        open_now(target, scope, where, entry)
    return entry.value


async def take_async(target: Resource[Any]) -> Any:
    """Give an async resource, opened if it is not on this loop."""
    return await take_resource_async(target, current.get(), scope_here.get())


async def take_resource_async(target: Resource[Any], ctx: Context, run: Scope | None) -> Any:
    """Give a resource of either colour."""
    if not target.is_async:
        return take_resource(target, ctx, run)
    found = ctx._values.get(target, MISSING)
    if found is not MISSING:
        return found if not isinstance(found, LeftBehind) else found.refuse()
    scope, where = home(target, ctx, run)
    entry = place(target, scope, where, running_loop())
    if entry.value is UNOPENED:
        await open_later(target, scope, where, entry)
    return entry.value


def home(target: Resource[Any], ctx: Context, run: Scope | None) -> tuple[Scope, Context]:
    """Give the scope that holds a resource, and the context that fills its own needs."""
    app = ctx._scope
    if target.scope == "app" and app is not None:
        root = app.root
        return root, root.context
    if run is None:
        raise NoRun(
            f"the resource {target.name!r} is needed outside of any run, so nothing would close it. Run the flow by "
            f"`context().run(flow, ...)`, or pass the argument."
        )
    return run, ctx


def place(target: Resource[Any], scope: Scope, ctx: Context, loop: Any) -> Entry:
    """Give the entry of a resource; in a run one for each difference of the context that opening it could see."""
    if scope.is_app or not target.keys:
        return scope.entry(target if loop is None else (target, loop))
    values = ctx._values
    seen = [ctx if key is Context else values.get(key, MISSING) for key in sorted(target.keys, key=id)]
    return scope.entry((target, loop, *map(likeness, seen)), seen)


def likeness(value: Any) -> Any:
    """Give what tells one value of a context from another: plain constants by value, anything else by identity."""
    return (type(value), value) if type(value) in (str, int, bool, bytes, float, type(None)) else id(value)


class Opening:
    """One resource that is being opened, and the opening in the course of which it is, if any.

    Attributes:
        waiting: the place that its course waits for, because another one opens it.
    """

    __slots__ = ("entry", "outer", "target", "waiting")

    def __init__(self, target: Resource[Any], entry: Entry, outer: Opening | None) -> None:
        self.target = target
        self.entry = entry
        self.outer = outer
        self.waiting: Entry | None = None

    def chain(self) -> list[Opening]:
        """Give this opening and those around it that still go on."""
        found: list[Opening] = []
        here: Opening | None = self
        while here is not None:
            if here.entry.opening is here or here is self:
                found.append(here)
            here = here.outer
        return found

    def refuse_cycle(self) -> None:
        """Refuse to wait for a place whose opening waits, perhaps through others, for one in this course."""
        mine = self.chain()[1:]
        entry: Entry | None = self.entry
        names = [one.target.name for one in reversed(mine)]
        for _ in range(1000):
            holder = None if entry is None else entry.opening
            if holder is None:
                return
            names.append(holder.target.name)
            if holder in mine:
                cycle = " → ".join(names[names.index(holder.target.name) :])
                raise DefinitionError(
                    f"the resource {self.target.name!r} needs itself while it is opened: {cycle}. Break the cycle."
                )
            entry = holder.waiting

    def wait(self, entry: Entry | None) -> None:
        """Say that this course waits for a place, or for none any more."""
        for one in self.chain()[1:]:
            one.waiting = entry


opening: ContextVar[Opening | None] = ContextVar("omnitron_opening", default=None)


def begin(target: Resource[Any], scope: Scope, entry: Entry) -> Opening:
    """Begin to open a resource; refuse one that is asked for by its own opening, or after the end."""
    scope.refuse_closed(f"the resource {target.name!r} cannot be opened")
    mine = Opening(target, entry, opening.get())
    with making:
        mine.refuse_cycle()
        mine.wait(entry)
    return mine


class Surroundings:
    """Where a resource is opened: an app's own context and no run, for what all its runs share; else the run that asks."""

    __slots__ = ("tokens",)

    def __init__(self, mine: Opening, scope: Scope) -> None:
        mine.wait(None)
        mine.entry.opening = mine
        self.tokens: list[tuple[Any, Any]] = [(opening, opening.set(mine))]
        if scope.is_app:
            self.tokens += [
                (current, current.set(scope.context)), (scope_here, scope_here.set(None)), (watch, watch.set(None)),
            ]  # fmt: skip

    def leave(self, mine: Opening) -> None:
        """End the opening."""
        mine.entry.opening = None
        for variable, token in reversed(self.tokens):
            with suppress(ValueError):  # a coroutine that is closed in another context than it ran in
                variable.reset(token)


def open_now(target: Resource[Any], scope: Scope, ctx: Context, entry: Entry) -> None:
    """Open a sync resource, once for all threads that ask."""
    mine = begin(target, scope, entry)
    with entry.one_at_a_time(Lock):
        around = Surroundings(mine, scope)
        try:
            if entry.value is not UNOPENED:
                return
            run = None if scope.is_app else scope
            filled = {name: take_for(need.target, ctx, run) for name, need in target.needs.items()}
            made = target.fn(**filled)
            if not target.closes:
                scope.refuse_closed(f"the resource {target.name!r} cannot be opened")
                entry.value = made
                return
            try:
                value = next(made)
            except StopIteration:
                raise never_yielded(target) from None
            closer = Closer(target, made)
            if not scope.keep(closer):
                refuse_late_opening(target, scope, closer)
            entry.value = value
        finally:
            around.leave(mine)


def refuse_late_opening(target: Resource[Any], scope: Scope, closer: Closer) -> None:
    """Close at once what was opened when its scope had ended, and say so."""
    try:
        scope.refuse_closed(f"the resource {target.name!r} was opened too late")
    except NoRun as error:
        closer.close(error)
        raise


async def open_later(target: Resource[Any], scope: Scope, ctx: Context, entry: Entry) -> None:
    """Open an async resource, once for all tasks of this loop that ask; one that is cancelled leaves it to the next."""
    import asyncio

    mine = begin(target, scope, entry)
    try:
        await entry.one_at_a_time(asyncio.Lock).acquire()
    except BaseException:
        mine.wait(None)
        raise
    around = Surroundings(mine, scope)
    try:
        if entry.value is UNOPENED:
            refuse_wrong_door(target, scope)
            entry.value = await opened(target, scope, ctx, asyncio.get_running_loop())
    finally:
        around.leave(mine)
        entry.lock.release()


async def opened(target: Resource[Any], scope: Scope, ctx: Context, loop: Any) -> Any:
    """Open an async resource, and leave what closes it to who keeps what is opened on this loop."""
    from omnitron.runtime.shores import shore_of

    keeper = await shore_of(scope, loop)  # first of all: it also forgets the place of what cannot be opened
    run = None if scope.is_app else scope
    filled = {}
    for name, need in target.needs.items():
        wanted = need.target
        is_async = isinstance(wanted, Resource) and wanted.is_async
        filled[name] = await take_resource_async(wanted, ctx, run) if is_async else take_for(wanted, ctx, run)
    made = target.fn(**filled)
    if not target.closes:
        value = await made
        scope.refuse_closed(f"the resource {target.name!r} cannot be opened")
        return value
    try:
        value = await first_of(made)
    except StopAsyncIteration:
        raise never_yielded(target) from None
    closer = Closer(target, made)
    if not keeper.keep(closer):
        try:
            scope.refuse_closed(f"the resource {target.name!r} was opened too late")
        except NoRun as error:
            await closer.aclose(error)
            raise
    return value


def take_for(target: Any, ctx: Context, run: Scope | None) -> Any:
    """Give what opening a resource needs, from the context that it is opened for."""
    if isinstance(target, Key):
        return value_of(target, ctx)
    return ctx if target is Context else take_resource(target, ctx, run)


def never_yielded(target: Resource[Any]) -> DefinitionError:
    """Say that a generator ended too early."""
    return DefinitionError(f"the resource {target.name!r} ended without a `yield`; yield the resource once.")


def refuse_wrong_door(target: Resource[Any], scope: Scope) -> None:
    """Refuse an async resource of a context that was entered by `with` on this very loop: leaving it could not close it."""
    if not isinstance(scope, AppScope) or scope.loop is not None or scope.entered_on is None:
        return
    if scope.entered_on is running_loop():
        raise DefinitionError(
            f"the resource {target.name!r} is async, and its context was entered by `with`, which cannot await its end. "
            "Write `async with context(...) as app:`."
        )


def holds_needs(needs: Iterable[Any], ctx: Context) -> bool:
    """Say whether a context certainly holds all that is needed; the quick answer for a run in which nothing lacks."""
    values = ctx._values
    for need in needs:
        if type(need) is not Need:
            continue
        target = need.target
        if isinstance(target, Key):
            found = values.get(target.name, MISSING)
            if type(found) is not target.type and (found is MISSING or not target.fits(found)):
                return False
        elif target is not Context and target.keys:
            app = ctx._scope
            holder = values if app is None or target.scope == "run" else app.root.context._values
            if not all(type(key) is Resource or key is Context or key in holder for key in target.keys):
                return False
    return True


def wanted_keys(target: Any, holder: Context) -> Iterable[tuple[str, str]]:
    """Give the names of the values that a target will ask `holder` for, each with who asks besides the step."""
    if isinstance(target, Key):
        yield target.name, ""
    elif isinstance(target, Resource) and target not in holder:
        for need in target.needs.values():
            for name, who in wanted_keys(need.target, holder):
                yield name, f"{target.name} → {who}" if who else target.name


def missing_needs(targets: Iterable[Any], ctx: Context) -> dict[str, list[str]]:
    """Give the names of values that the context lacks for these targets, each with the resources that ask for it.

    Raises:
        DefinitionError: a value is there and is not of its key's type.
    """
    found: dict[str, list[str]] = {}
    for target in targets:
        if isinstance(target, Key):
            if target in ctx:
                ctx.get(target)
            else:
                found.setdefault(target.name, []).append("")
        elif isinstance(target, Resource) and target not in ctx:
            app = ctx._scope
            holder = app.root.context if target.scope == "app" and app is not None else ctx
            for name, who in wanted_keys(target, holder):
                if name not in holder:
                    found.setdefault(name, []).append(who)
    return found
