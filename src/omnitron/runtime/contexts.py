"""The context: the values and the authority that a run carries.

A context is immutable. `with_` derives another, which shares nothing with its parent but what it copied: no parent keeps
its children and no child its parent, so contexts come and go like any small object. How the running code finds it is a
context variable, which follows tasks, and the threads and processes that the library starts.

Source: the specification, section 2; DESIGN, "Where the sketch is wrong".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, NoReturn, ParamSpec, TypeVar, overload

from omnitron.errors import DeadlineExceeded, DefinitionError, MissingKey
from omnitron.model import Capability, covers
from omnitron.runtime.clock import SYSTEM_CLOCK, SYSTEM_RANDOM
from omnitron.runtime.keys import Key, LeftBehind, checked_values, key_name
from omnitron.runtime.options import PLAIN, Runtime, read_options
from omnitron.runtime.watching import DeadlinePassed, Frame, Run, leave_frame, watch

__all__ = ["Context", "Key", "Runtime", "context", "current_context", "enter_run"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
D = TypeVar("D")


MISSING: Any = object()


class Context:
    """The values and the authority of a run; made by `context(...)`, derived by `with_`.

    Reading: `ctx.get(key)`, `ctx[key]`, `ctx.name`, `key in ctx`, `iter(ctx)`, `len(ctx)`. A missing key is an error,
    not None. Threads and tasks may share a context freely: nothing in it changes.
    """

    __slots__ = ("__weakref__", "_runtime", "_values")
    _values: dict[Hashable, Any]
    _runtime: Runtime

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Refuse to be called: a context made inside a run must not hold more than the run does."""
        raise DefinitionError("a Context is made by `context(...)`, or derived from another by `.with_(...)`.")

    # Reading

    @overload
    def get(self, key: Key[T]) -> T: ...
    @overload
    def get(self, key: Key[T], default: D) -> T | D: ...
    @overload
    def get(self, key: Hashable, default: Any = ...) -> Any: ...
    def get(self, key: Any, default: Any = MISSING) -> Any:
        """Give the value under `key`, or `default` where there is none.

        Raises:
            MissingKey: there is none, and no default was given.
            DefinitionError: the value is not of the key's type (it was given under the plain name).
        """
        found = self._values.get(key_name(key), MISSING)
        if type(found) is LeftBehind:
            found.refuse()
        if found is not MISSING:
            if isinstance(key, Key):
                key.check(found)
            return found
        if default is not MISSING:
            return default
        raise MissingKey(key_name(key), tuple(str(name) for name in self._values))

    @overload
    def __getitem__(self, key: Key[T]) -> T: ...
    @overload
    def __getitem__(self, key: Hashable) -> Any: ...
    def __getitem__(self, key: Any) -> Any:
        return self.get(key)

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__":
            raise AttributeError(name)
        try:
            return self.get(name)
        except MissingKey as error:
            raise AttributeError(str(error)) from error

    def __contains__(self, key: object) -> bool:
        return key_name(key) in self._values

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __bool__(self) -> bool:
        return True

    @property
    def runtime(self) -> Runtime:
        """What the context carries besides values."""
        return self._runtime

    def has_capability(self, name: str | Capability) -> bool:
        """Say whether a run in this context holds the capability `name`."""
        held = self._runtime.capabilities
        return held is None or any(covers(one, str(name)) for one in held)

    # Deriving

    def with_(self, values: Mapping[Any, Any] | None = None, /, **named: Any) -> Context:
        """Derive a context with more values, or with less authority or time.

        Args:
            values: `{key: value}` for keys of any hashable type.
            **named: the options of `context`, and values by name.

        Raises:
            DefinitionError: a value not of its key's type, a reserved name, a wrong option.
            MissingCapability: a capability is named that this context does not hold.
        """
        runtime, more = read_options(self._runtime, named, Context)
        merged = checked_values(values, self._values) if values else dict(self._values)
        merged.update(more)
        return make(merged, runtime)

    def isolate(self, *keys: Hashable, capabilities: Iterable[str | Capability] = ()) -> Context:
        """Derive a context that keeps only the values under `keys`, and no capability but those named.

        Raises:
            MissingKey: a key is named that this context does not hold.
            MissingCapability: a capability is named that this context does not hold.
        """
        kept = {key_name(key): self.get(key) for key in keys}
        runtime, _ = read_options(
            self._runtime, {"capabilities": frozenset() if capabilities is None else capabilities}, Context
        )
        return make(kept, runtime)

    # Running

    def run(self, flow: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `flow(*args, **kwargs)` inside this context; for an async flow gives the coroutine to await.

        Before anything runs it checks that the capabilities which the tree requires are held. A plain function is run
        as the flow that it would make.

        Raises:
            MissingCapability: names what is missing and who needs it.
            DeadlineExceeded: the context's deadline passed.
        """
        result: R = enter_run(self, flow, args, kwargs)
        return result

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a context is immutable: derive one by `.with_({name}=...)`")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"a context is immutable: {name!r} cannot be deleted; keep what you want by `.isolate(...)`"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Context):
            return NotImplemented
        return self._values == other._values and self._runtime == other._runtime

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}=…" if isinstance(name, str) else repr(name) for name in self._values)
        held = self._runtime.capabilities
        return (
            f"context({inside})"
            if held is None
            else f"context({inside}{', ' if inside else ''}capabilities={set(held) or 'set()'})"
        )

    def __copy__(self) -> Context:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Context:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a context cannot be pickled: it carries what belongs to this process. Send the values you need."
        )


def make(values: dict[Hashable, Any], runtime: Runtime) -> Context:
    """Make a context of values that are already checked."""
    made: Context = object.__new__(Context)
    object.__setattr__(made, "_values", values)
    object.__setattr__(made, "_runtime", runtime)
    return made


EMPTY = make({}, PLAIN)
current: ContextVar[Context] = ContextVar("omnitron_context", default=EMPTY)


def current_context() -> Context:
    """Give the context of the innermost run, or an empty one that restricts nothing outside any run."""
    return current.get()


def context(values: Mapping[Any, Any] | None = None, /, **named: Any) -> Context:
    """Make a root context.

    Made inside a run it holds no more authority than that run, and that run's guards stay.

    Args:
        values: `{key: value}` for keys of any hashable type.
        **named: values by name, and these options:
            capabilities: the names held; left out, nothing is restricted; an empty set holds nothing.
            observers, hooks, tracer: who watches (an object with `observe`, or a list of them).
            guards: who may refuse or replace calls (an object with `check`, or a list).
            clock, random: where time and randomness come from.
            executor: who runs flows in other places.
            deadline: seconds from now after which the run is over.

    Raises:
        DefinitionError: a value not of its key's type, a reserved name, a wrong option.
        MissingCapability: made inside a run that does not hold what is named.

    Example:
        >>> ctx = context(tenant="acme", capabilities={"net:*"})
        >>> ctx.tenant, ctx.has_capability("net:api.example"), ctx.has_capability("file:/etc")
        ('acme', True, False)
    """
    outer = current.get().runtime
    base = PLAIN if outer is PLAIN else Runtime(capabilities=outer.capabilities, guards=outer.guards)
    runtime, more = read_options(base, named, Context)
    merged = checked_values(values) if values else {}
    merged.update(more)
    return make(merged, runtime)


def new_run(runtime: Runtime, *, is_async: bool) -> Frame | None:
    """Give the root frame of a run if anything watches it, else None."""
    if runtime is PLAIN:
        return None
    deadline = None if is_async else runtime.deadline
    watches = (
        runtime.observers
        or runtime.guards
        or runtime.capabilities is not None
        or deadline is not None
        or runtime.clock is not SYSTEM_CLOCK
        or runtime.random is not SYSTEM_RANDOM
    )
    if not watches:
        return None
    run = Run(os.urandom(8).hex(), runtime.clock, runtime.observers, runtime.guards, deadline)
    return Frame(run, "", None, body=False)


def enter_run(ctx: Context, flow: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run `flow` inside `ctx` in the caller's own thread and task, keeping its colour."""
    admit = getattr(flow, "_admit", None)
    if admit is None:
        flow = factories[0](flow)
        admit = flow._admit
    is_async: bool = admit(ctx)
    runtime = ctx.runtime
    check_observers(runtime, flow, is_async=is_async)
    frame = new_run(runtime, is_async=is_async)
    if is_async:
        return run_async(ctx, frame, flow, args, kwargs)
    context_token, watch_token = current.set(ctx), watch.set(frame)
    try:
        result = flow(*args, **kwargs)
        if runtime.deadline is not None:
            refuse_late(runtime)
        return result
    except DeadlinePassed as passed:
        raise DeadlineExceeded(str(passed)) from None
    finally:
        watch.reset(watch_token)
        current.reset(context_token)


def refuse_late(runtime: Runtime) -> None:
    """Refuse the result of a sync run that took longer than it may."""
    late = runtime.clock.monotonic() - (runtime.deadline or 0.0)
    if late > 0:
        raise DeadlineExceeded(
            f"the run ended {late:.3f} s after the deadline of its context; a sync flow is only stopped between its steps. "
            "Give more time where the context is made: `context(deadline=seconds)`."
        )


async def run_async(ctx: Context, frame: Frame | None, flow: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The async half of `enter_run`: set the variables inside the task that awaits."""
    context_token, watch_token = current.set(ctx), watch.set(frame)
    try:
        if ctx.runtime.deadline is None:
            return await flow(*args, **kwargs)
        from omnitron.runtime.deadlines import before_deadline

        return await before_deadline(ctx.runtime.deadline, ctx.runtime.clock, flow, args, kwargs)
    finally:
        leave_frame(watch_token)
        with suppress(ValueError):
            current.reset(context_token)


def check_observers(runtime: Runtime, flow: Any, *, is_async: bool) -> None:
    """Refuse an asynchronous observer over a sync flow before it runs."""
    if is_async:
        return
    for observer in runtime.observers:
        code = getattr(getattr(observer, "observe", None), "__code__", None)
        if getattr(observer, "is_async", False) or (code is not None and code.co_flags & 0x80):
            raise DefinitionError(
                f"{observer!r} is asynchronous and the flow {getattr(flow, 'name', flow)!r} is sync: "
                "nothing could await it. "
                "Give plain functions as hooks, or make the flow async."
            )


factories: list[Callable[[Any], Any]] = []


def adopt_factory(factory: Callable[[Any], Any]) -> None:
    """Tell this room how a plain function becomes a flow (called once, by the room that knows flows)."""
    factories[:] = [factory]
