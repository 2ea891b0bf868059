"""`race`: several flows at once with the same arguments, of which the first that succeeds gives the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from omnitron import runtime
from omnitron.algebra.branching import check_no_stream, common_parameters, passing
from omnitron.algebra.fanout import flow_node
from omnitron.algebra.flows import from_node
from omnitron.algebra.node import UNDOES, Node, walk_nodes
from omnitron.errors import DefinitionError
from omnitron.model import Effect

if TYPE_CHECKING:
    from typing import Concatenate

    from omnitron.algebra.callables import (
        R1,
        R2,
        R3,
        R4,
        R5,
        R6,
        R7,
        R8,
        A,
        AnyCall,
        AnyStep,
        AsyncCall,
        AsyncStep,
        B,
        P,
        R,
    )
    from omnitron.algebra.flows import AsyncFlow
    from omnitron.algebra.writer import Args, Writer
    from omnitron.code import Parameters

__all__ = ["Race", "race"]


class Race(Node):
    """Run branches at once with the same arguments; give the result of the first that succeeds.

    Attributes:
        branches: the flows.
        idempotent: whether a user says that running one more often than once does no harm.
    """

    __slots__ = ("branches", "idempotent")
    branches: tuple[Node, ...]
    idempotent: bool
    kind = "race"
    direct = "all"
    shares = "all"

    def check(self) -> None:
        """Refuse no branches, only sync ones, and branches that write."""
        if not self.branches:
            raise DefinitionError("race takes at least one flow.")
        if not isinstance(self.idempotent, bool):
            raise DefinitionError(f"`idempotent` is True or False, got {self.idempotent!r}.")
        if not self.is_async:
            raise DefinitionError(
                "race runs flows at once, and these are all sync: each would end before the next begins. Put them "
                "elsewhere by `.on('thread')`, or try one after the other by `fallback(...)`."
            )
        for branch in self.branches:
            check_no_stream(branch, "the race would be over before", "Let it end with a step that reads the stream.")
        if not self.idempotent:
            for branch in self.branches:
                refuse_writes(branch)

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the call of the machine that runs the branches."""
        place = w.cursor - 1
        names = [w.function(branch, args, awaits=True) for branch in self.branches]
        options = w.bind({"undoes": UNDOES in self.needs}, "k")
        given = f"({', '.join(names)},), {w.bind(w.spot(place))}, {passing(w, args)}, **{options}"
        w.mark(f"{target} = await {w.bind(runtime.race_async)}({given})", place)

    def parameters(self) -> Parameters | None:
        """Give those that all branches share."""
        return common_parameters(self.branches)

    def detail(self) -> str:
        """Give the option that is not the default."""
        return "idempotent" if self.idempotent else ""


def refuse_writes(branch: Node) -> None:
    """Refuse a branch in which something declares that it writes."""
    for path, node in walk_nodes(branch):
        declared = None if node.meta is None else node.meta.effects
        if declared is not None and Effect.WRITE in declared:
            raise DefinitionError(
                f"race runs all of its flows, and {path!r} declares Effect.WRITE: a loser may have written before it is "
                "cancelled. If that does no harm, say so: `race(..., idempotent=True)`."
            )


@overload
def race(f1: AsyncStep[A, R1], /, *, idempotent: bool = False) -> AsyncFlow[[A], R1]: ...
@overload
def race(f1: AsyncStep[A, R1], f2: AnyStep[A, R2], /, *, idempotent: bool = False) -> AsyncFlow[[A], R1 | R2]: ...
@overload
def race(f1: AnyStep[A, R1], f2: AsyncStep[A, R2], /, *, idempotent: bool = False) -> AsyncFlow[[A], R1 | R2]: ...
@overload
def race(
    f1: AsyncStep[A, R1], f2: AnyStep[A, R2], f3: AnyStep[A, R3], /, *, idempotent: bool = False
) -> AsyncFlow[[A], R1 | R2 | R3]: ...
@overload
def race(
    f1: AnyStep[A, R1], f2: AsyncStep[A, R2], f3: AnyStep[A, R3], /, *, idempotent: bool = False
) -> AsyncFlow[[A], R1 | R2 | R3]: ...
@overload
def race(
    f1: AnyStep[A, R1], f2: AnyStep[A, R2], f3: AsyncStep[A, R3], /, *, idempotent: bool = False
) -> AsyncFlow[[A], R1 | R2 | R3]: ...
@overload
def race(
    f1: AnyStep[A, R1], f2: AnyStep[A, R2], f3: AnyStep[A, R3], f4: AnyStep[A, R4], /, *, idempotent: bool = False
) -> AsyncFlow[[A], R1 | R2 | R3 | R4]: ...
@overload
def race(
    f1: AnyStep[A, R1],
    f2: AnyStep[A, R2],
    f3: AnyStep[A, R3],
    f4: AnyStep[A, R4],
    f5: AnyStep[A, R5],
    /,
    *,
    idempotent: bool = False,
) -> AsyncFlow[[A], R1 | R2 | R3 | R4 | R5]: ...
@overload
def race(
    f1: AnyStep[A, R1],
    f2: AnyStep[A, R2],
    f3: AnyStep[A, R3],
    f4: AnyStep[A, R4],
    f5: AnyStep[A, R5],
    f6: AnyStep[A, R6],
    /,
    *,
    idempotent: bool = False,
) -> AsyncFlow[[A], R1 | R2 | R3 | R4 | R5 | R6]: ...
@overload
def race(
    f1: AnyStep[A, R1],
    f2: AnyStep[A, R2],
    f3: AnyStep[A, R3],
    f4: AnyStep[A, R4],
    f5: AnyStep[A, R5],
    f6: AnyStep[A, R6],
    f7: AnyStep[A, R7],
    /,
    *,
    idempotent: bool = False,
) -> AsyncFlow[[A], R1 | R2 | R3 | R4 | R5 | R6 | R7]: ...
@overload
def race(
    f1: AnyStep[A, R1],
    f2: AnyStep[A, R2],
    f3: AnyStep[A, R3],
    f4: AnyStep[A, R4],
    f5: AnyStep[A, R5],
    f6: AnyStep[A, R6],
    f7: AnyStep[A, R7],
    f8: AnyStep[A, R8],
    /,
    *,
    idempotent: bool = False,
) -> AsyncFlow[[A], R1 | R2 | R3 | R4 | R5 | R6 | R7 | R8]: ...
@overload
def race(
    f1: AnyStep[A, R],
    f2: AnyStep[A, R],
    f3: AnyStep[A, R],
    f4: AnyStep[A, R],
    f5: AnyStep[A, R],
    f6: AnyStep[A, R],
    f7: AnyStep[A, R],
    f8: AnyStep[A, R],
    f9: AnyStep[A, R],
    /,
    *rest: AnyStep[A, R],
    idempotent: bool = False,
) -> AsyncFlow[[A], R]: ...
@overload
def race(
    f1: AsyncCall[Concatenate[A, B, P], R1], f2: AnyCall[Concatenate[A, B, P], R2], /, *, idempotent: bool = False
) -> AsyncFlow[Concatenate[A, B, P], R1 | R2]: ...
@overload
def race(
    f1: AnyCall[Concatenate[A, B, P], R1], f2: AsyncCall[Concatenate[A, B, P], R2], /, *, idempotent: bool = False
) -> AsyncFlow[Concatenate[A, B, P], R1 | R2]: ...
def race(*flows: Any, idempotent: bool = False) -> Any:
    """Run flows at once with the same arguments; give the result of the first that succeeds.

    The others are cancelled and awaited before it leaves, and what they had done so far is undone where `.undo` says how. A
    sync flow among them runs in its turn and keeps the loop busy. A cancellation from outside is passed to all.

    Args:
        *flows: at least one that is async.
        idempotent: says that a flow which declares `Effect.WRITE` may run without its result being taken.

    Raises:
        DefinitionError: at composition: all are sync, or one declares that it writes.
        ExceptionGroup: when it runs: all have failed; the errors stand in the order of the flows.

    Example:
        >>> import asyncio
        >>> from omnitron import flow
        >>> async def slow(x):
        ...     await asyncio.sleep(60)
        >>> async def quick(x):
        ...     return x
        >>> asyncio.run(race(flow(slow), flow(quick))(4))
        4
    """
    return from_node(Race(tuple(flow_node(flow, "race") for flow in flows), idempotent))
