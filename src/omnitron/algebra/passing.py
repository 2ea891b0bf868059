"""`keep`, `tap`, `loop`: the functions that pass a value on: beside a result, unchanged, or to the same flow again.

How they run stands in `omnitron.algebra.choosing` and `omnitron.algebra.repeating`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from omnitron.algebra.choosing import Keep, Tap
from omnitron.algebra.fanout import flow_node
from omnitron.algebra.flows import as_step, from_node
from omnitron.algebra.neighbours import check_neighbours
from omnitron.algebra.readers import check_test
from omnitron.algebra.repeating import Loop

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Concatenate

    from omnitron.algebra.callables import (
        A,
        AsyncIdentityFlow,
        AsyncKeepFlow,
        AsyncStep,
        B,
        IdentityFlow,
        KeepFlow,
        Later,
        P,
        R,
        SyncStep,
        Untyped,
    )
    from omnitron.algebra.flows import AsyncFlow, Flow
    from omnitron.model import Inputs

__all__ = ["keep", "loop", "tap"]


@overload
def keep(f: Callable[[object], Untyped], /) -> KeepFlow[Any]: ...
@overload
def keep(f: Callable[[object], Later[R]], /) -> AsyncKeepFlow[R]: ...  # type: ignore[overload-overlap]
@overload
def keep(f: Callable[[object], R], /) -> KeepFlow[R]: ...
@overload
def keep(f: Callable[[A], Untyped], /) -> Flow[[A], tuple[A, Any]]: ...
@overload
def keep(f: Callable[[A], Later[R]], /) -> AsyncFlow[[A], tuple[A, R]]: ...  # type: ignore[overload-overlap]
@overload
def keep(f: Callable[[A], R], /) -> Flow[[A], tuple[A, R]]: ...
@overload
def keep(f: Callable[Concatenate[A, B, P], Later[R]], /) -> AsyncFlow[Concatenate[A, B, P], tuple[Inputs, R]]: ...  # type: ignore[overload-overlap]
@overload
def keep(f: Callable[Concatenate[A, B, P], R], /) -> Flow[Concatenate[A, B, P], tuple[Inputs, R]]: ...
def keep(f: Any, /) -> Any:
    """Run `f` and give a pair of the input and its result. Of several arguments the input is `Inputs`.

    Args:
        f: a flow or a plain function, of either colour.

    Example:
        >>> from omnitron import flow, keep
        >>> keep(len)("abc")
        ('abc', 3)
    """
    return from_node(Keep(as_step(f)))


@overload
def tap(f: Callable[[object], Untyped], /) -> IdentityFlow: ...
@overload
def tap(f: Callable[[object], Later[object]], /) -> AsyncIdentityFlow: ...  # type: ignore[overload-overlap]
@overload
def tap(f: Callable[[object], object], /) -> IdentityFlow: ...
@overload
def tap(f: Callable[[A], Untyped], /) -> Flow[[A], A]: ...
@overload
def tap(f: Callable[[A], Later[object]], /) -> AsyncFlow[[A], A]: ...  # type: ignore[overload-overlap]
@overload
def tap(f: Callable[[A], object], /) -> Flow[[A], A]: ...
@overload
def tap(f: Callable[Concatenate[A, B, P], Later[object]], /) -> AsyncFlow[Concatenate[A, B, P], Inputs]: ...  # type: ignore[overload-overlap]
@overload
def tap(f: Callable[Concatenate[A, B, P], object], /) -> Flow[Concatenate[A, B, P], Inputs]: ...
def tap(f: Any, /) -> Any:
    """Run `f` and give the input on; what `f` gives is dropped, what it raises leaves.

    Args:
        f: a flow or a plain function, of either colour.

    Example:
        >>> from omnitron import flow
        >>> (flow(int) | tap(print) | flow(abs))("-4")
        -4
        4
    """
    return from_node(Tap(as_step(f)))


@overload
def loop(
    body: SyncStep[A, A], /, *, until: Callable[[A], Later[bool]], at_most: int | None = None
) -> AsyncFlow[[A], A]: ...
@overload
def loop(body: SyncStep[A, A], /, *, until: Callable[[A], bool], at_most: int | None = None) -> Flow[[A], A]: ...
@overload
def loop(body: SyncStep[A, A], /, *, until: None = None, at_most: int) -> Flow[[A], A]: ...
@overload
def loop(
    body: AsyncStep[A, A], /, *, until: Callable[[A], Later[bool]], at_most: int | None = None
) -> AsyncFlow[[A], A]: ...
@overload
def loop(body: AsyncStep[A, A], /, *, until: Callable[[A], bool], at_most: int | None = None) -> AsyncFlow[[A], A]: ...
@overload
def loop(body: AsyncStep[A, A], /, *, until: None = None, at_most: int) -> AsyncFlow[[A], A]: ...
def loop(body: Any, /, *, until: Any = None, at_most: int | None = None) -> Any:
    """Run `body` on its own result, turn after turn, and give what the last turn gave.

    Args:
        body: a flow of one value, which gives one of the same kind.
        until: a flow or a plain function, asked after each turn about what it gave; true ends the loop. Without it
            exactly `at_most` turns are taken.
        at_most: how many turns are taken at most; without it as many as it takes.

    Raises:
        DefinitionError: neither is given, or `body` gives what it cannot take.
        LimitReached: at run time, when `at_most` turns were taken and `until` was true after none of them.

    Example:
        >>> from omnitron import flow, loop
        >>> loop(flow(lambda x: x // 2), until=lambda x: x < 10)(1000)
        7
    """
    node = flow_node(body, "loop")
    check_neighbours(node, node)
    test = None if until is None else as_step(until)
    if test is not None:
        check_neighbours(node, test)
        check_test(node, test)
    return from_node(Loop(node, test, at_most))
