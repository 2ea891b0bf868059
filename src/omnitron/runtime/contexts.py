"""The context: the values and the authority that a run carries.

A context is immutable. `with_` derives another, which shares nothing with its parent but what it copied: no parent keeps
its children and no child its parent, so contexts come and go like any small object. How the running code finds it is a
context variable, which follows tasks, and the threads and processes that the library starts.

Source: the specification, section 2; DESIGN, "Where the sketch is wrong".
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, Self, TypeVar, overload

from omnitron.errors import DefinitionError, MissingKey
from omnitron.model import Capability, Clock, covers
from omnitron.runtime.clock import SYSTEM_CLOCK
from omnitron.runtime.frames import Frame, leave_frame, watch
from omnitron.runtime.keys import Key, LeftBehind, checked_values, key_name
from omnitron.runtime.options import PLAIN, Runtime, factories, options_shown, read_options
from omnitron.runtime.reading import hand_over, hand_over_async
from omnitron.runtime.scopes import AppScope, Scope, running_loop, scope_here
from omnitron.runtime.starting import check_observers, refuse_late, watched_frame, watches
from omnitron.runtime.stopping import Stop
from omnitron.runtime.streams import STREAMS

if TYPE_CHECKING:
    from types import TracebackType

    from omnitron.runtime.runs import Run

__all__ = [
    "Context",
    "Key",
    "Runtime",
    "admitted_flow",
    "context",
    "current",
    "current_context",
    "make",
    "on_clock",
    "read_context",
]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
D = TypeVar("D")


MISSING: Any = object()


class Context:
    """The values and the authority of a run; made by `context(...)`, derived by `with_`.

    Reading: `ctx.get(key)`, `ctx[key]`, `ctx.name`, `key in ctx`, `iter(ctx)`, `len(ctx)`. A missing key is an error,
    not None. Threads and tasks may share a context freely: nothing in it changes.

    Entering: leaving `with context(...) as app:` (or `async with`) ends the runs that it started and closes the resources
    of scope "app" that were opened for it and for the contexts derived from it inside the block. It does not make the
    context the current one.
    """

    __slots__ = ("__weakref__", "_runtime", "_scope", "_title", "_values")
    _values: dict[Hashable, Any]
    _runtime: Runtime
    _scope: AppScope | None
    _title: tuple[str, bool] | None

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
        if isinstance(found, LeftBehind):
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
        return make(merged, runtime, self._scope, self._title)

    def as_run(self, id: str, *, detached: bool = False) -> Context:
        """Derive a context whose next run has the name `id`, and keeps the places of its steps.

        Args:
            id: the run's name, the first part of every `current_step().key`.
            detached: whether a run started by `start` may outlive the context that started it.

        Example:
            >>> from omnitron import context, current_step, flow
            >>> context().as_run("order-17").run(flow(lambda x: current_step().run_id), 1)
            'order-17'
        """
        if not isinstance(id, str) or not id.strip():
            raise DefinitionError(f"the name of a run is a string that is not empty, got {id!r}.")
        return make(self._values, self._runtime, self._scope, (id, bool(detached)))

    def isolate(self, *keys: Hashable, capabilities: Iterable[str | Capability] = ()) -> Context:
        """Derive a context that keeps only the values under `keys`, and no capability but those named.

        It has no part in the resources that were opened for this one either.

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

    @overload
    def start(self, flow: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> Run[R]: ...
    @overload
    def start(self, flow: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Run[R]: ...
    def start(self, flow: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Begin a run and give its handle at once: an async flow in a task of the running loop, a sync one in a thread.

        The run ends with the context that started it: when its `with` block is left, or, where it was not entered,
        when the run ends inside which this was called, what still goes on is cancelled and awaited; so give it time by
        awaiting it. Where there is neither, an async run ends with its loop, and a sync one is asked to stop when the
        program ends. A run that is to outlive both is named and detached:
        `ctx.as_run("nightly", detached=True).start(...)`.

        Raises:
            MissingCapability, MissingNeed: names what is missing and who needs it; nothing has started.
            NoRun: the context was left, or an async flow was started where no event loop runs.
        """
        from omnitron.runtime.runs import start_run

        return start_run(self, flow, args, kwargs)

    # Entering

    def _enter(self, *, awaits: bool) -> Self:
        outer = self._scope
        here = scope_here.get()
        if self is EMPTY or (here is not None and here.context is self):
            raise DefinitionError(
                "the current context belongs to the run, or to nobody; enter one of your own: `with context(...)`, or "
                "`with current_context().with_(...)`."
            )
        if outer is not None and outer.context is self:
            raise DefinitionError("a context is entered once; make or derive another one for another block.")
        loop = running_loop()
        object.__setattr__(self, "_scope", AppScope(self, loop if awaits else None, outer, loop))
        return self

    def __enter__(self) -> Self:
        return self._enter(awaits=False)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._scope is not None
        self._scope.close(error)

    async def __aenter__(self) -> Self:
        return self._enter(awaits=True)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        assert self._scope is not None
        await self._scope.aclose(error)

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
        values = (f"{name}=…" if isinstance(name, str) else repr(name) for name in self._values)
        return f"context({', '.join([*values, *options_shown(self._runtime)])})"

    def __copy__(self) -> Context:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Context:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a context cannot be pickled: it carries what belongs to this process. Send the values you need."
        )


def make(
    values: dict[Hashable, Any], runtime: Runtime, scope: AppScope | None = None, title: tuple[str, bool] | None = None
) -> Context:
    """Make a context of values that are already checked."""
    made: Context = object.__new__(Context)
    fill = object.__setattr__
    fill(made, "_values", values)
    fill(made, "_runtime", runtime)
    fill(made, "_scope", scope)
    fill(made, "_title", title)
    return made


EMPTY = make({}, PLAIN)
current: ContextVar[Context] = ContextVar("omnitron_context", default=EMPTY)


read_context = current.get


def current_context() -> Context:
    """Give the context of the innermost run, or an empty one that restricts nothing outside any run.

    Example:
        >>> from omnitron import flow
        >>> context(tenant="acme").run(flow(lambda x: current_context().get("tenant")), 1)
        'acme'
    """
    return current.get()


def context(values: Mapping[Any, Any] | None = None, /, **named: Any) -> Context:
    """Make a root context.

    Made inside a run it holds no more authority than that run, and that run's guards, replacements, configuration, clock
    and random source stay, unless others are given.

    Args:
        values: `{key: value}` for keys of any hashable type.
        **named: values by name, and these options:

            - `capabilities`: the names held; left out, nothing is restricted; an empty set holds nothing.
            - `observers`, `hooks`, `tracer`: who watches (an object with `observe`, or a list of them).
            - `guards`: who may refuse or replace calls (an object with `check`, or a list).
            - `clock`, `random`: where time and randomness come from.
            - `executor`: who runs flows in other places.
            - `deadline`: seconds from now after which the run is over.
            - `replace`: in tests, functions or flows that run in the place of those of a name or static path, for example
              `{"price": fake}`.
            - `config`: what tunes the flows that are run: the path of a TOML file (and then the environment), a mapping
              `{path: {parameter: value}}`, or a `Config`.

    Raises:
        DefinitionError: a value not of its key's type, a reserved name, a wrong option.
        MissingCapability: made inside a run that does not hold what is named.

    Example:
        >>> ctx = context(tenant="acme", capabilities={"net:*"})
        >>> ctx.tenant, ctx.has_capability("net:api.example"), ctx.has_capability("file:/etc")
        ('acme', True, False)
    """
    outer = current.get().runtime
    base = (
        PLAIN
        if outer is PLAIN
        else Runtime(
            capabilities=outer.capabilities,
            guards=outer.guards,
            replaced=outer.replaced,
            config=outer.config,
            clock=outer.clock,
            random=outer.random,
        )
    )
    runtime, more = read_options(base, named, Context)
    merged = checked_values(values) if values else {}
    merged.update(more)
    return make(merged, runtime)


@contextmanager
def on_clock(clock: Clock) -> Iterator[None]:
    """Let a clock be the one of what is called within this block, unless a run around it has one of its own."""
    ctx = current.get()
    if ctx.runtime.clock is not SYSTEM_CLOCK:
        yield
        return
    ctx = ctx.with_(clock=clock)
    context_token, watch_token = current.set(ctx), watch.set(watched_frame(ctx.runtime, is_async=True))
    try:
        yield
    finally:
        watch.reset(watch_token)
        current.reset(context_token)


def without_title(ctx: Context) -> Context:
    """Give the context that is current inside a run: the name of a run is that of no other."""
    return ctx if ctx._title is None else make(ctx._values, ctx.runtime, ctx._scope)


def admitted_flow(ctx: Context, flow: Any, kwargs: dict[str, Any]) -> tuple[Any, bool, bool, str]:
    """Check that a flow may run here.

    Gives it as it is tuned, whether it is async, whether its tree asks for places, and the colour of the stream that it
    gives, if any.
    """
    admit = getattr(flow, "_admit", None)
    if admit is None:
        flow = factories[0](flow)
        admit = flow._admit
    if ctx._runtime.config is not None:
        flow = ctx._runtime.config._admit(flow, ctx._runtime.executor)
        admit = flow._admit
    is_async, keeps_places, streams = admit(ctx, kwargs)
    if ctx._runtime.observers and (streams == "sync" or not (is_async or streams)):
        check_observers(ctx._runtime, flow)
    return flow, is_async, keeps_places, streams


def enter_run(ctx: Context, flow: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run `flow` inside `ctx` in the caller's own thread and task, keeping its colour."""
    flow, is_async, keeps_places, streams = admitted_flow(ctx, flow, kwargs)
    runtime, frame, awaits = ctx._runtime, None, is_async or streams == "async"
    if keeps_places or ctx._title is not None or (runtime is not PLAIN and watches(runtime, is_async=awaits)):
        frame = watched_frame(ctx.runtime, None if ctx._title is None else ctx._title[0], is_async=awaits)
        ctx = without_title(ctx)
    if not is_async and (around := watch.get()) is not None and around.run.halt is not None:
        frame = frame or watched_frame(ctx.runtime, is_async=False)
        frame.run.halt = around.run.halt
    return (run_async if is_async else run_sync)(ctx, frame, flow, args, kwargs)


def run_sync(ctx: Context, frame: Frame | None, flow: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The sync half of a run: call the flow, then close what was opened for it."""
    scope, streams = Scope(ctx), False
    context_token, watch_token, scope_token = current.set(ctx), watch.set(frame), scope_here.set(scope)
    try:
        result = flow(*args, **kwargs)
        if type(result) in STREAMS:
            given = hand_over(result, ctx._runtime, scope, frame)
            streams = True
            return given
        if ctx._runtime.deadline is not None:
            refuse_late(ctx._runtime)
        if scope.entries or scope.runs:
            scope.close(None)
        return result
    except Stop as stop:
        close_failed(scope, stop.error)
        around = watch_token.old_value
        if isinstance(around, Frame) and frame is not None and around.run.halt is frame.run.halt is not None:
            raise  # what ends is the run around this one
        raise stop.error from None
    except BaseException as error:
        close_failed(scope, error)
        raise
    finally:
        scope.closed = not streams
        scope_here.reset(scope_token)
        watch.reset(watch_token)
        current.reset(context_token)


def close_failed(scope: Scope, error: BaseException) -> None:
    """End the scope of a run that raised."""
    if scope.entries or scope.runs:
        scope.close(error)


async def run_async(ctx: Context, frame: Frame | None, flow: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The async half of a run: set the variables inside the task that awaits, and close there what was opened."""
    scope, streams = Scope(ctx), False
    scope.loop = running_loop()
    context_token, watch_token, scope_token = current.set(ctx), watch.set(frame), scope_here.set(scope)
    try:
        deadline = ctx._runtime.deadline
        if deadline is None:
            result = await flow(*args, **kwargs)
        else:
            from omnitron.runtime.deadlines import before_deadline

            result = await before_deadline(deadline, ctx._runtime.clock, flow, args, kwargs)
        if type(result) in STREAMS:
            given = await hand_over_async(result, ctx._runtime, scope, frame)
            streams = True
            return given
        if scope.entries or scope.runs:
            await scope.aclose(None)
        return result
    except GeneratorExit as error:  # the coroutine is thrown away: nothing can be awaited any more
        scope.abandon(error)
        raise
    except BaseException as error:
        if scope.entries or scope.runs:
            await scope.aclose(error)
        raise
    finally:
        scope.closed = not streams
        leave_frame(watch_token)
        for variable, token in ((scope_here, scope_token), (current, context_token)):
            with suppress(ValueError):
                variable.reset(token)  # type: ignore[arg-type] # each its own
