"""`flow`: from a function to a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from omnitron.algebra.flows import AnyFlow, check_fields, from_node
from omnitron.algebra.making import step_of
from omnitron.algebra.node import checked_name
from omnitron.errors import DefinitionError
from omnitron.model import FlowMeta
from omnitron.runtime import adopt_factory, adopt_reader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Literal, Unpack

    from omnitron.algebra.callables import (
        AsyncDecorator,
        Declared,
        Decorator,
        Later,
        Options,
        P,
        R,
        SyncDecorator,
        Untyped,
    )
    from omnitron.algebra.flows import AsyncFlow, Flow

__all__ = ["flow"]

MISSING: Any = object()
NOTHING_DECLARED = FlowMeta()


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
    colour: str | None = None,
    **declared: Unpack[Declared],
) -> Any:
    """Make a flow of a function; as a decorator with or without arguments.

    The flow is called like the function, with its signature, name and docstring; it composes, and it can be looked
    into. A sync function makes a `Flow`, an `async def` an `AsyncFlow`.

    Args:
        fn: a function, lambda, method, class, `functools.partial`, builtin or other callable. A flow is given back.
        name: instead of the function's own name.
        colour: "async" declares that a callable whose code does not show it gives an awaitable; "sync" refuses an
            async one.
        **declared: the fields of `FlowMeta` by name: `version`, `description` and `documentation` (instead of the
            docstring), `effects` (left out, the flow is undeclared), `capabilities`, `tags`, `examples`, `objectives`,
            `semantics`, `performance`, `deployment`.

    Raises:
        DefinitionError: generator functions, static and class methods, what is not callable, an option that does not
            exist or is not of its type.

    Example:
        >>> @flow
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> double(4), (double | str)(4)
        (8, '8')
    """
    fields: dict[str, Any] = {}
    if declared:
        check_fields(declared, "name")
        meta = FlowMeta(**declared)  # refused here, not where the decorator is given its function
        fields = {field: getattr(meta, field) for field in declared}
    if name is not None:
        checked_name(name)

    if fn is MISSING:
        return lambda function: made_of(function, name, fields, colour)
    return made_of(fn, name, fields, colour)


def made_of(function: Any, name: str | None, declared: dict[str, Any], colour: str | None) -> Any:
    """Give the flow of a function, or a flow with what is declared beside it."""
    if colour not in (None, "sync", "async"):
        raise DefinitionError(f"`colour` is 'sync' or 'async', got {colour!r}.")
    if not isinstance(function, AnyFlow):
        meta = FlowMeta(**declared) if declared else None
        return from_node(step_of(function, colour, name, None if meta == NOTHING_DECLARED else meta))
    if not declared and name is None and colour is None:
        return function
    if colour is not None and (colour == "async") != function.node.is_async:
        raise DefinitionError(
            f"{function.name!r} is a flow of the other colour already; `colour` is for plain callables."
        )
    made = function.with_meta(**declared) if declared else function
    return made if name is None else made.named(name)


def path_here() -> tuple[str, bool]:
    """Read the path of the running code off the stack, for log records in runs that nothing watches."""
    from omnitron.algebra import stacks

    adopt_reader(stacks.path_here)  # from the next time on
    return stacks.path_here()


adopt_factory(flow)
adopt_reader(path_here)
