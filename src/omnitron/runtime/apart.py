"""What one computation for several callers sees of their contexts: what they share, and nothing else.

`outlook` tells contexts apart as far as the computation could; those of one outlook may share one. It runs as a run of its
own (`run_apart`), which opens and closes its own resources, in a context that has nothing of what the callers may differ
in: a value that the flow does not ask for is there as a name that refuses to be read.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any, NoReturn

from omnitron.errors import DefinitionError
from omnitron.runtime.contexts import Context, current, make
from omnitron.runtime.frames import read_watch
from omnitron.runtime.keys import LeftBehind
from omnitron.runtime.options import PLAIN
from omnitron.runtime.resources import Resource
from omnitron.runtime.scopes import Scope, running_loop, scope_here

__all__ = ["context_apart", "earlier", "outlook", "run_apart", "run_apart_async"]

MISSING: Any = object()


class NotShared(LeftBehind):
    """Stands for a value in which the callers of a shared computation may differ."""

    __slots__ = ()

    def refuse(self) -> NoReturn:
        """Say how it can be had."""
        raise DefinitionError(
            f"the value {self.name!r} of the context is not seen inside a batch, because callers who have another one may "
            f"be in it too. Let the batched flow ask for it, `needs(Key({self.name!r}, ...))`: then callers with different "
            "values do not share a batch."
        )


def outlook(ctx: Context, names: tuple[Any, ...], same: Callable[[Any], Hashable]) -> Hashable:
    """Give what is equal for contexts in which a computation that asks for the values `names` runs alike.

    That are these values, authority, what stands in the place of flows and resources, where time and randomness come from,
    and where app resources live; not who observes, nor how much time is left.

    Args:
        ctx: the context of a caller.
        names: under what names the computation asks for values.
        same: gives what is equal for equal values, raises TypeError for what has no hash.
    """
    runtime, values = ctx._runtime, ctx._values
    if runtime is PLAIN and not values and ctx._scope is None:
        return None
    seen = tuple([told_apart(values.get(name, MISSING), same) for name in names])
    instead = frozenset([(id(key), id(value)) for key, value in values.items() if isinstance(key, Resource)])
    root = None if ctx._scope is None else id(ctx._scope.root)
    if runtime is PLAIN:
        return seen, instead, root
    held = runtime.capabilities
    alike = (runtime.clock, runtime.random, runtime.executor, runtime.config, *runtime.guards)
    return seen, instead, root, held, tuple(map(id, alike)), id(runtime.replaced)


def told_apart(value: Any, same: Callable[[Any], Hashable]) -> Hashable:
    """Give what tells one value from another: by equality where it has a hash, else by identity."""
    try:
        return same(value)
    except Exception:
        return "", id(value)


def context_apart(ctx: Context, names: tuple[Any, ...] | None, deadline: float | None) -> Context:
    """Give the context of a shared computation: that of a caller, without values that are not asked for.

    Args:
        ctx: the context of a caller.
        names: the values that all callers share; None keeps all of this one's.
        deadline: the earliest of the callers', which the computation sees and is not ended by.
    """
    values, runtime = ctx._values, ctx._runtime
    if names is not None and values:
        values = {
            key: value if key in names or isinstance(key, Resource) else NotShared(str(key))
            for key, value in values.items()
        }
    if runtime.deadline != deadline:
        runtime = runtime.replace(deadline=deadline)
    return make(values, runtime, ctx._scope)


def enter(ctx: Context) -> tuple[Scope, Any, Any]:
    """Begin a run in a context, a part of the run around: give its scope, and the tokens that `leave` takes."""
    outer, scope = scope_here.get(), Scope(ctx)
    if outer is not None and read_watch() is None:
        scope.__dict__["id"] = outer.run_id()
    return scope, current.set(ctx), scope_here.set(scope)


def leave(scope: Scope, context_token: Any, scope_token: Any) -> None:
    """End it."""
    scope.closed = True
    for variable, token in ((scope_here, scope_token), (current, context_token)):
        with suppress(ValueError):
            variable.reset(token)


def run_apart(ctx: Context, fn: Callable[[Any], Any], given: Any) -> Any:
    """Call `fn(given)` as a run of its own in a context; what it opens is closed when this returns."""
    scope, *tokens = enter(ctx)
    try:
        result = fn(given)
        if scope.entries or scope.runs:
            scope.close(None)
        return result
    except BaseException as error:
        if not scope.closed and (scope.entries or scope.runs):
            scope.close(error)
        raise
    finally:
        leave(scope, *tokens)


async def run_apart_async(ctx: Context, fn: Callable[[Any], Any], given: Any) -> Any:
    """The async twin of `run_apart`."""
    scope, *tokens = enter(ctx)
    scope.loop = running_loop()
    try:
        result = await fn(given)
        if scope.entries or scope.runs:
            await scope.aclose(None)
        return result
    except GeneratorExit as error:  # the coroutine is thrown away: nothing can be awaited any more
        scope.abandon(error)
        raise
    except BaseException as error:
        if not scope.closed and (scope.entries or scope.runs):
            await scope.aclose(error)
        raise
    finally:
        leave(scope, *tokens)


def earlier(one: float | None, other: float | None) -> float | None:
    """Give the earlier of two deadlines."""
    return one if other is None or (one is not None and one <= other) else other
