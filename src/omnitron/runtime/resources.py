"""`Resource`: something that is opened when it is first needed and closed when its scope ends; and `Need`, the mark of it.

Here stands what a resource is. When it is opened and closed is the business of `omnitron.runtime.scopes`; how a
step gets it, of `omnitron.runtime.filling`.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, Protocol, TypeAlias, TypeVar, overload

from omnitron.errors import DefinitionError, Unpicklable
from omnitron.model import Record
from omnitron.runtime.keys import Key

__all__ = ["Need", "Resource", "needs_of", "resource"]

T = TypeVar("T")
ScopeName: TypeAlias = Literal["app", "run"]
SCOPES = ("app", "run")
GENERATOR, COROUTINE, ASYNC_GENERATOR = 0x20, 0x80, 0x200
set_slot = object.__setattr__


class Need(Record):
    """The default of a keyword-only parameter that is filled from the context; made by `needs(...)`.

    Attributes:
        target: a `Key`, a `Resource`, or the class `Context`.
    """

    __slots__ = ("target",)
    target: Any

    def __init__(self, target: Any) -> None:
        self._fill(target=target)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Need):
            return NotImplemented
        return self.target == other.target and kind_of(self.target) is kind_of(other.target)

    def __hash__(self) -> int:
        return hash((Need, self.target))

    def __repr__(self) -> str:
        return f"needs({target_name(self.target)})"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            raise AttributeError(f"{self!r} has no {name!r}: {NOT_FILLED}")


NOT_FILLED = (
    "it only stands in the place of what is needed, because a plain function was called. Call the flow that is made of "
    "it, inside a context, or pass the argument."
)


def kind_of(target: Any) -> Any:
    """Give the type of a key, whose equality goes by its name alone."""
    return target.type if isinstance(target, Key) else None


def target_name(target: Any) -> str:
    """Give the name by which a reader knows what is needed."""
    return str(getattr(target, "name", None) or getattr(target, "__name__", target))


class Resource(Generic[T]):
    """Something that runs share: opened lazily and once in its scope, closed in reverse order; made by `resource`.

    Attributes:
        fn: the function that opens it.
        scope: "app" or "run".
        name: the function's name.
        is_async: whether opening it awaits.
        closes: whether the function is a generator, which is finished to close it.
        needs: what its own parameters need, by name.
        keys: the names of the context's values that opening it reads, those of its own needs included.
    """

    __slots__ = ("__weakref__", "closes", "fn", "is_async", "keys", "name", "needs", "scope")
    fn: Callable[..., Any]
    scope: str
    name: str
    is_async: bool
    closes: bool
    needs: dict[str, Need]
    keys: frozenset[Any]

    def __init__(self, fn: Callable[..., Any], scope: str) -> None:
        if scope not in SCOPES:
            raise DefinitionError(f"the scope of a resource is 'app' or 'run', got {scope!r}.")
        if type(fn) is not FunctionType:
            raise DefinitionError(
                f"`resource` takes a function that gives the resource, or a generator that yields it once; got {fn!r}."
            )
        flags = fn.__code__.co_flags
        fields = {
            "fn": fn,
            "scope": scope,
            "name": fn.__name__,
            "is_async": bool(flags & (COROUTINE | ASYNC_GENERATOR)),
            "closes": bool(flags & (GENERATOR | ASYNC_GENERATOR)),
            "needs": needs_of(fn),
        }
        for name, value in fields.items():
            set_slot(self, name, value)
        self._check(fn)
        set_slot(self, "keys", self._keys())

    def _check(self, fn: FunctionType) -> None:
        """Refuse parameters that nobody fills, and needs that cannot be met when this is opened."""
        code, name = fn.__code__, self.name
        taken = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        free = [one for one in taken if one not in self.needs and not has_default(fn, one)]
        if free or code.co_flags & 0x0C:
            raise DefinitionError(
                f"the resource {name!r} is opened by the library, which has nothing to pass for "
                f"{', '.join(free) or 'its *args or **kwargs'}. Give each parameter `needs(...)` or another default."
            )
        for parameter, need in self.needs.items():
            target = need.target
            if not isinstance(target, Resource):
                continue
            if target.is_async and not self.is_async:
                raise DefinitionError(
                    f"the resource {name!r} is sync and needs {target.name!r} ({parameter}=), which is async: "
                    "nothing could await it. Make it `async def`."
                )
            if self.scope == "app" and target.scope == "run":
                raise DefinitionError(
                    f"the resource {name!r} has the scope 'app' and needs {target.name!r}, whose scope is a run: it would "
                    "go on with something that is closed. Give both one scope."
                )

    def _keys(self) -> frozenset[Any]:
        """Give what of a context opening this depends on: names of values, other resources, the class `Context`."""
        found: set[Any] = set()
        for need in self.needs.values():
            target = need.target
            if isinstance(target, Resource):
                found |= {target, *target.keys}
            else:
                found.add(target.name if isinstance(target, Key) else target)
        return frozenset(found)

    @property
    def owns(self) -> bool:
        """Whether something is to be closed: this, or what it may be made of; a context may be asked for anything."""
        return self.closes or any(
            key.closes if isinstance(key, Resource) else isinstance(key, type) for key in self.keys
        )

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(
            f"a resource is immutable: {name!r} cannot be set; override it by `ctx.with_({{it: ...}})`"
        )

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a resource is immutable: {name!r} cannot be deleted")

    def __call__(self) -> NoReturn:
        """Refuse to be called: who needs it says so in a parameter."""
        raise DefinitionError(
            f"the resource {self.name!r} is not called: a step asks for it by a parameter `*, it=needs({self.name})`; "
            f"its function is `{self.name}.fn`."
        )

    def __repr__(self) -> str:
        return f"<Resource {self.name}, scope {self.scope!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        found: Any = sys.modules.get(self.fn.__module__)
        for part in self.fn.__qualname__.split("."):
            found = getattr(found, part, None)
        if found is not self:
            raise Unpicklable(
                f"the resource {self.name!r} cannot be pickled: {self.fn.__module__}.{self.fn.__qualname__} leads to "
                "something else. Define it at the top of a module, under its function's name."
            )
        return find_resource, (self.fn.__module__, self.fn.__qualname__)


def find_resource(module: str, qualname: str) -> Any:
    """Load the resource that stands under a name."""
    from importlib import import_module

    found: Any = import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


def has_default(fn: FunctionType, parameter: str) -> bool:
    """Say whether a parameter has a default."""
    code, defaults = fn.__code__, fn.__defaults__ or ()
    first = code.co_argcount - len(defaults)
    return parameter in code.co_varnames[first : code.co_argcount] or parameter in (fn.__kwdefaults__ or {})


def needs_of(fn: Any) -> dict[str, Need]:
    """Give the needs in the keyword-only parameters of a callable, by name, as far as it can be seen into.

    Partials, methods, classes (their `__init__`), callable objects, flows, and wrappers that pass keywords on are seen
    into.

    Raises:
        DefinitionError: a need stands where a caller could fill it by position, or behind a wrapper that passes none on.
    """
    if isinstance(fn, partial):
        return {name: need for name, need in needs_of(fn.func).items() if name not in fn.keywords}
    asked = getattr(getattr(fn, "node", None), "asked", None)
    if isinstance(asked, dict):  # a flow of one step
        return asked
    if type(fn) is MethodType:
        return needs_of(fn.__func__)
    if isinstance(fn, type):
        made_by = getattr(fn, "__init__", None)
        return own_needs(made_by) if type(made_by) is FunctionType else {}
    if type(fn) is FunctionType:
        return own_needs(fn) | behind(fn, passes_on=bool(fn.__code__.co_flags & 0x08))
    if type(getattr(fn, "__wrapped__", None)) is FunctionType:  # functools.lru_cache and the like
        return behind(fn, passes_on=True)
    call = getattr(type(fn), "__call__", None)  # noqa: B004 - its defaults are what is asked for
    return own_needs(call) if type(call) is FunctionType else {}


def own_needs(fn: FunctionType) -> dict[str, Need]:
    """Give the needs in the keyword-only parameters of a function."""
    if any(isinstance(value, Need) for value in fn.__defaults__ or ()):
        raise DefinitionError(
            f"`needs(...)` stands in a keyword-only parameter; in {fn.__qualname__!r} it is one that can be given by "
            "position. Put a `*` before it: `def f(x, *, client=needs(http))`."
        )
    return {name: value for name, value in (fn.__kwdefaults__ or {}).items() if isinstance(value, Need)}


def behind(fn: Any, *, passes_on: bool) -> dict[str, Need]:
    """Give the needs of the function that a wrapper wraps."""
    inner = getattr(fn, "__wrapped__", None)
    found = needs_of(inner) if type(inner) is FunctionType else {}
    if found and not passes_on:
        taken = fn.__code__.co_varnames[: fn.__code__.co_argcount + fn.__code__.co_kwonlyargcount]
        lost = [name for name in found if name not in taken]
        if lost:
            raise DefinitionError(
                f"{fn.__qualname__!r} wraps a function that needs {', '.join(lost)}, and passes no keywords on to it. "
                "Give the wrapper `**kwargs` and pass them on, or put `@flow` beneath it."
            )
    return found


class Opener(Protocol):
    """What `resource(scope=...)` gives: takes the function."""

    @overload
    def __call__(self, fn: Callable[..., AsyncIterator[T]], /) -> Resource[T]: ...
    @overload
    def __call__(self, fn: Callable[..., Iterator[T]], /) -> Resource[T]: ...
    @overload
    def __call__(self, fn: Callable[..., Awaitable[T]], /) -> Resource[T]: ...
    @overload
    def __call__(self, fn: Callable[..., T], /) -> Resource[T]: ...


@overload
def resource(fn: Callable[..., AsyncIterator[T]], /) -> Resource[T]: ...
@overload
def resource(fn: Callable[..., Iterator[T]], /) -> Resource[T]: ...
@overload
def resource(fn: Callable[..., Awaitable[T]], /) -> Resource[T]: ...
@overload
def resource(fn: Callable[..., T], /) -> Resource[T]: ...
@overload
def resource(*, scope: ScopeName = "app") -> Opener: ...
def resource(fn: Any = None, /, *, scope: str = "app") -> Any:
    """Make a resource of a function; as a decorator with or without arguments.

    The function gives the resource, or is a generator that yields it once and closes it after the `yield`; either may be
    async. It is called when something first needs it, once, also when many ask at the same time. When its scope
    ends it is closed: the generator goes on after the `yield`, or has the error there that ended the scope (so that a
    transaction can be rolled back), which it cannot swallow. Resources close in the reverse order of opening, each even
    when another one's close failed; a cancellation in the middle interrupts the close that runs, and no other.

    Args:
        fn: the function. Its parameters have `needs(...)` or other defaults.
        scope: "app": one for an entered context and all that derive from it, closed when the `with` block of that context
            is left; of an async one, one an event loop. Its needs are filled from the entered context. Where no context was
            entered it lives as long as the run. "run": one for each run.

    Raises:
        DefinitionError: a parameter that nobody fills, a sync one that needs an async one, an "app" that needs a "run".

    Example:
        >>> from omnitron import context, flow, needs, resource
        >>> @resource(scope="run")
        ... def log():
        ...     lines = []
        ...     yield lines
        ...     print("closed with", lines)
        >>> @flow
        ... def work(x: int, *, lines: list = needs(log)) -> int:
        ...     lines.append(x)
        ...     return x + 1
        >>> context().run(work | work, 1)
        closed with [1, 2]
        3
    """
    if fn is None:
        if scope not in SCOPES:
            raise DefinitionError(f"the scope of a resource is 'app' or 'run', got {scope!r}.")
        return lambda function: Resource(function, scope)
    return Resource(fn, scope)
