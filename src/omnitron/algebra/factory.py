"""`flow`: from a function to a flow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, overload

from omnitron.algebra.flows import AnyFlow, from_node
from omnitron.algebra.making import step_of
from omnitron.algebra.node import checked_name
from omnitron.errors import DefinitionError
from omnitron.model import Capability, Effect, FlowExample, FlowMeta
from omnitron.runtime import adopt_factory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Literal, Unpack

    from omnitron.algebra.callables import AsyncDecorator, Decorator, Later, Options, P, R, SyncDecorator, Untyped
    from omnitron.algebra.flows import AsyncFlow, Flow

__all__ = ["flow"]

MISSING: Any = object()


# See Note [Later first] for the overlapping overloads.


@overload
def flow(fn: Callable[P, Untyped], /, *, colour: None = None, **options: Unpack[Options]) -> Flow[P, Any]: ...
@overload
def flow(fn: Callable[P, Later[R]], /, *, colour: None = None, **options: Unpack[Options]) -> AsyncFlow[P, R]: ...  # type: ignore[overload-overlap]
@overload
def flow(fn: Callable[P, R], /, *, colour: None = None, **options: Unpack[Options]) -> Flow[P, R]: ...
@overload
def flow(fn: Callable[P, R], /, *, colour: Literal["sync"], **options: Unpack[Options]) -> Flow[P, R]: ...
@overload
def flow(
    fn: Callable[P, Awaitable[R]], /, *, colour: Literal["async"], **options: Unpack[Options]
) -> AsyncFlow[P, R]: ...
@overload
def flow(*, colour: None = None, **options: Unpack[Options]) -> Decorator: ...
@overload
def flow(*, colour: Literal["sync"], **options: Unpack[Options]) -> SyncDecorator: ...
@overload
def flow(*, colour: Literal["async"], **options: Unpack[Options]) -> AsyncDecorator: ...
def flow(
    fn: Any = MISSING,
    /,
    *,
    name: str | None = None,
    version: str = "",
    description: str = "",
    effects: Effect | None = None,
    capabilities: Iterable[str | Capability] = (),
    tags: Iterable[str] = (),
    examples: Iterable[FlowExample] = (),
    colour: str | None = None,
) -> Any:
    """Make a flow of a function; as a decorator with or without arguments.

    The flow is called like the function, with its signature, name and docstring; it composes, and it can be looked
    into. A sync function makes a `Flow`, an `async def` an `AsyncFlow`.

    Args:
        fn: a function, lambda, method, class, `functools.partial`, builtin or other callable. A flow is given back.
        name: instead of the function's own name.
        version: free text.
        description: instead of the first line of the docstring.
        effects: the declared effects; left out, the flow is undeclared.
        capabilities: names of capabilities that a run must hold.
        tags: words to search by.
        examples: inputs with their outputs.
        colour: "async" declares that a callable whose code does not show it gives an awaitable; "sync" refuses an
            async one.

    Raises:
        DefinitionError: generator functions, static and class methods, what is not callable.

    Example:
        >>> @flow
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> double(4), (double | str)(4)
        (8, '8')
    """
    declared = any((version, description, effects is not None, capabilities, tags, examples))
    meta = None
    if declared:
        meta = FlowMeta(
            version=version,
            description=description,
            effects=effects,
            capabilities=capabilities,
            tags=tags,
            examples=examples,
        )
    if name is not None:
        checked_name(name)

    if fn is MISSING:
        return lambda function: made_of(function, name, meta, colour)
    return made_of(fn, name, meta, colour)


def made_of(function: Any, name: str | None, meta: FlowMeta | None, colour: str | None) -> Any:
    """Give the flow of a function, or a flow with what is declared beside it."""
    if colour not in (None, "sync", "async"):
        raise DefinitionError(f"`colour` is 'sync' or 'async', got {colour!r}.")
    if not isinstance(function, AnyFlow):
        return from_node(step_of(function, colour, name, meta))
    if meta is None and name is None and colour is None:
        return function
    if colour is not None and (colour == "async") != function.node.is_async:
        raise DefinitionError(
            f"{function.name!r} is a flow of the other colour already; `colour` is for plain callables."
        )
    node = function.node if meta is None else function.node.declaring(meta)
    return from_node(node if name is None else node.labelled(name))


adopt_factory(flow)
