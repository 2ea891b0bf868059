"""What the checkers see of `parallel`: a type for each number of flows, colour and mode; `fanout.py` has what runs."""

from __future__ import annotations

from typing import Any, Concatenate, overload

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
    AsyncStep,
    B,
    Collect,
    P,
    R,
    Raise,
    SyncCall,
    SyncStep,
)
from omnitron.algebra.flows import AsyncFlow, Flow
from omnitron.algebra.node import Node
from omnitron.model import Outcome

__all__ = ["flow_node", "parallel"]

def flow_node(value: Any, where: str) -> Node: ...
@overload
def parallel(f1: SyncStep[A, R1], /, *, mode: Raise = "raise", threads: int | None = None) -> Flow[[A], tuple[R1]]: ...
@overload
def parallel(f1: AsyncStep[A, R1], /, *, mode: Raise = "raise") -> AsyncFlow[[A], tuple[R1]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1], f2: SyncStep[A, R2], /, *, mode: Raise = "raise", threads: int | None = None
) -> Flow[[A], tuple[R1, R2]]: ...
@overload
def parallel(
    f1: AsyncStep[A, R1], f2: AnyStep[A, R2], /, *, mode: Raise = "raise"
) -> AsyncFlow[[A], tuple[R1, R2]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1], f2: AsyncStep[A, R2], /, *, mode: Raise = "raise"
) -> AsyncFlow[[A], tuple[R1, R2]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1],
    f2: SyncStep[A, R2],
    f3: SyncStep[A, R3],
    /,
    *,
    mode: Raise = "raise",
    threads: int | None = None,
) -> Flow[[A], tuple[R1, R2, R3]]: ...
@overload
def parallel(
    f1: AsyncStep[A, R1], f2: AnyStep[A, R2], f3: AnyStep[A, R3], /, *, mode: Raise = "raise"
) -> AsyncFlow[[A], tuple[R1, R2, R3]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1], f2: AsyncStep[A, R2], f3: AnyStep[A, R3], /, *, mode: Raise = "raise"
) -> AsyncFlow[[A], tuple[R1, R2, R3]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1], f2: AnyStep[A, R2], f3: AsyncStep[A, R3], /, *, mode: Raise = "raise"
) -> AsyncFlow[[A], tuple[R1, R2, R3]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1],
    f2: SyncStep[A, R2],
    f3: SyncStep[A, R3],
    f4: SyncStep[A, R4],
    /,
    *,
    mode: Raise = "raise",
    threads: int | None = None,
) -> Flow[[A], tuple[R1, R2, R3, R4]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1], f2: AnyStep[A, R2], f3: AnyStep[A, R3], f4: AnyStep[A, R4], /, *, mode: Raise = "raise"
) -> AsyncFlow[[A], tuple[R1, R2, R3, R4]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1],
    f2: SyncStep[A, R2],
    f3: SyncStep[A, R3],
    f4: SyncStep[A, R4],
    f5: SyncStep[A, R5],
    /,
    *,
    mode: Raise = "raise",
    threads: int | None = None,
) -> Flow[[A], tuple[R1, R2, R3, R4, R5]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1],
    f2: AnyStep[A, R2],
    f3: AnyStep[A, R3],
    f4: AnyStep[A, R4],
    f5: AnyStep[A, R5],
    /,
    *,
    mode: Raise = "raise",
) -> AsyncFlow[[A], tuple[R1, R2, R3, R4, R5]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1],
    f2: SyncStep[A, R2],
    f3: SyncStep[A, R3],
    f4: SyncStep[A, R4],
    f5: SyncStep[A, R5],
    f6: SyncStep[A, R6],
    /,
    *,
    mode: Raise = "raise",
    threads: int | None = None,
) -> Flow[[A], tuple[R1, R2, R3, R4, R5, R6]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1],
    f2: AnyStep[A, R2],
    f3: AnyStep[A, R3],
    f4: AnyStep[A, R4],
    f5: AnyStep[A, R5],
    f6: AnyStep[A, R6],
    /,
    *,
    mode: Raise = "raise",
) -> AsyncFlow[[A], tuple[R1, R2, R3, R4, R5, R6]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1],
    f2: SyncStep[A, R2],
    f3: SyncStep[A, R3],
    f4: SyncStep[A, R4],
    f5: SyncStep[A, R5],
    f6: SyncStep[A, R6],
    f7: SyncStep[A, R7],
    /,
    *,
    mode: Raise = "raise",
    threads: int | None = None,
) -> Flow[[A], tuple[R1, R2, R3, R4, R5, R6, R7]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1],
    f2: AnyStep[A, R2],
    f3: AnyStep[A, R3],
    f4: AnyStep[A, R4],
    f5: AnyStep[A, R5],
    f6: AnyStep[A, R6],
    f7: AnyStep[A, R7],
    /,
    *,
    mode: Raise = "raise",
) -> AsyncFlow[[A], tuple[R1, R2, R3, R4, R5, R6, R7]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1],
    f2: SyncStep[A, R2],
    f3: SyncStep[A, R3],
    f4: SyncStep[A, R4],
    f5: SyncStep[A, R5],
    f6: SyncStep[A, R6],
    f7: SyncStep[A, R7],
    f8: SyncStep[A, R8],
    /,
    *,
    mode: Raise = "raise",
    threads: int | None = None,
) -> Flow[[A], tuple[R1, R2, R3, R4, R5, R6, R7, R8]]: ...
@overload
def parallel(
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
    mode: Raise = "raise",
) -> AsyncFlow[[A], tuple[R1, R2, R3, R4, R5, R6, R7, R8]]: ...
@overload
def parallel(
    f1: SyncStep[A, R],
    f2: SyncStep[A, R],
    f3: SyncStep[A, R],
    f4: SyncStep[A, R],
    f5: SyncStep[A, R],
    f6: SyncStep[A, R],
    f7: SyncStep[A, R],
    f8: SyncStep[A, R],
    f9: SyncStep[A, R],
    /,
    *rest: SyncStep[A, R],
    mode: Raise = "raise",
    threads: int | None = None,
) -> Flow[[A], tuple[R, ...]]: ...
@overload
def parallel(
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
    mode: Raise = "raise",
) -> AsyncFlow[[A], tuple[R, ...]]: ...
@overload
def parallel(
    f1: SyncCall[Concatenate[A, B, P], R1],
    f2: SyncCall[Concatenate[A, B, P], R2],
    /,
    *,
    mode: Raise = "raise",
    threads: int | None = None,
) -> Flow[Concatenate[A, B, P], tuple[R1, R2]]: ...
@overload
def parallel(
    f1: AnyCall[Concatenate[A, B, P], R1], f2: AnyCall[Concatenate[A, B, P], R2], /, *, mode: Raise = "raise"
) -> AsyncFlow[Concatenate[A, B, P], tuple[R1, R2]]: ...
@overload
def parallel(f1: SyncStep[A, R1], /, *, mode: Collect, threads: int | None = None) -> Flow[[A], tuple[Outcome[R1]]]: ...
@overload
def parallel(f1: AsyncStep[A, R1], /, *, mode: Collect) -> AsyncFlow[[A], tuple[Outcome[R1]]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1], f2: SyncStep[A, R2], /, *, mode: Collect, threads: int | None = None
) -> Flow[[A], tuple[Outcome[R1], Outcome[R2]]]: ...
@overload
def parallel(
    f1: AsyncStep[A, R1], f2: AnyStep[A, R2], /, *, mode: Collect
) -> AsyncFlow[[A], tuple[Outcome[R1], Outcome[R2]]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1], f2: AsyncStep[A, R2], /, *, mode: Collect
) -> AsyncFlow[[A], tuple[Outcome[R1], Outcome[R2]]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1], f2: SyncStep[A, R2], f3: SyncStep[A, R3], /, *, mode: Collect, threads: int | None = None
) -> Flow[[A], tuple[Outcome[R1], Outcome[R2], Outcome[R3]]]: ...
@overload
def parallel(
    f1: AsyncStep[A, R1], f2: AnyStep[A, R2], f3: AnyStep[A, R3], /, *, mode: Collect
) -> AsyncFlow[[A], tuple[Outcome[R1], Outcome[R2], Outcome[R3]]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1], f2: AsyncStep[A, R2], f3: AnyStep[A, R3], /, *, mode: Collect
) -> AsyncFlow[[A], tuple[Outcome[R1], Outcome[R2], Outcome[R3]]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1], f2: AnyStep[A, R2], f3: AsyncStep[A, R3], /, *, mode: Collect
) -> AsyncFlow[[A], tuple[Outcome[R1], Outcome[R2], Outcome[R3]]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1],
    f2: SyncStep[A, R2],
    f3: SyncStep[A, R3],
    f4: SyncStep[A, R4],
    /,
    *,
    mode: Collect,
    threads: int | None = None,
) -> Flow[[A], tuple[Outcome[R1], Outcome[R2], Outcome[R3], Outcome[R4]]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1], f2: AnyStep[A, R2], f3: AnyStep[A, R3], f4: AnyStep[A, R4], /, *, mode: Collect
) -> AsyncFlow[[A], tuple[Outcome[R1], Outcome[R2], Outcome[R3], Outcome[R4]]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1],
    f2: SyncStep[A, R2],
    f3: SyncStep[A, R3],
    f4: SyncStep[A, R4],
    f5: SyncStep[A, R5],
    /,
    *,
    mode: Collect,
    threads: int | None = None,
) -> Flow[[A], tuple[Outcome[R1], Outcome[R2], Outcome[R3], Outcome[R4], Outcome[R5]]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1],
    f2: AnyStep[A, R2],
    f3: AnyStep[A, R3],
    f4: AnyStep[A, R4],
    f5: AnyStep[A, R5],
    /,
    *,
    mode: Collect,
) -> AsyncFlow[[A], tuple[Outcome[R1], Outcome[R2], Outcome[R3], Outcome[R4], Outcome[R5]]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1],
    f2: SyncStep[A, R2],
    f3: SyncStep[A, R3],
    f4: SyncStep[A, R4],
    f5: SyncStep[A, R5],
    f6: SyncStep[A, R6],
    /,
    *,
    mode: Collect,
    threads: int | None = None,
) -> Flow[[A], tuple[Outcome[R1], Outcome[R2], Outcome[R3], Outcome[R4], Outcome[R5], Outcome[R6]]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1],
    f2: AnyStep[A, R2],
    f3: AnyStep[A, R3],
    f4: AnyStep[A, R4],
    f5: AnyStep[A, R5],
    f6: AnyStep[A, R6],
    /,
    *,
    mode: Collect,
) -> AsyncFlow[[A], tuple[Outcome[R1], Outcome[R2], Outcome[R3], Outcome[R4], Outcome[R5], Outcome[R6]]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1],
    f2: SyncStep[A, R2],
    f3: SyncStep[A, R3],
    f4: SyncStep[A, R4],
    f5: SyncStep[A, R5],
    f6: SyncStep[A, R6],
    f7: SyncStep[A, R7],
    /,
    *,
    mode: Collect,
    threads: int | None = None,
) -> Flow[[A], tuple[Outcome[R1], Outcome[R2], Outcome[R3], Outcome[R4], Outcome[R5], Outcome[R6], Outcome[R7]]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1],
    f2: AnyStep[A, R2],
    f3: AnyStep[A, R3],
    f4: AnyStep[A, R4],
    f5: AnyStep[A, R5],
    f6: AnyStep[A, R6],
    f7: AnyStep[A, R7],
    /,
    *,
    mode: Collect,
) -> AsyncFlow[
    [A], tuple[Outcome[R1], Outcome[R2], Outcome[R3], Outcome[R4], Outcome[R5], Outcome[R6], Outcome[R7]]
]: ...
@overload
def parallel(
    f1: SyncStep[A, R1],
    f2: SyncStep[A, R2],
    f3: SyncStep[A, R3],
    f4: SyncStep[A, R4],
    f5: SyncStep[A, R5],
    f6: SyncStep[A, R6],
    f7: SyncStep[A, R7],
    f8: SyncStep[A, R8],
    /,
    *,
    mode: Collect,
    threads: int | None = None,
) -> Flow[
    [A], tuple[Outcome[R1], Outcome[R2], Outcome[R3], Outcome[R4], Outcome[R5], Outcome[R6], Outcome[R7], Outcome[R8]]
]: ...
@overload
def parallel(
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
    mode: Collect,
) -> AsyncFlow[
    [A], tuple[Outcome[R1], Outcome[R2], Outcome[R3], Outcome[R4], Outcome[R5], Outcome[R6], Outcome[R7], Outcome[R8]]
]: ...
@overload
def parallel(
    f1: SyncStep[A, R],
    f2: SyncStep[A, R],
    f3: SyncStep[A, R],
    f4: SyncStep[A, R],
    f5: SyncStep[A, R],
    f6: SyncStep[A, R],
    f7: SyncStep[A, R],
    f8: SyncStep[A, R],
    f9: SyncStep[A, R],
    /,
    *rest: SyncStep[A, R],
    mode: Collect,
    threads: int | None = None,
) -> Flow[[A], tuple[Outcome[R], ...]]: ...
@overload
def parallel(
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
    mode: Collect,
) -> AsyncFlow[[A], tuple[Outcome[R], ...]]: ...
@overload
def parallel(
    f1: SyncCall[Concatenate[A, B, P], R1],
    f2: SyncCall[Concatenate[A, B, P], R2],
    /,
    *,
    mode: Collect,
    threads: int | None = None,
) -> Flow[Concatenate[A, B, P], tuple[Outcome[R1], Outcome[R2]]]: ...
@overload
def parallel(
    f1: AnyCall[Concatenate[A, B, P], R1], f2: AnyCall[Concatenate[A, B, P], R2], /, *, mode: Collect
) -> AsyncFlow[Concatenate[A, B, P], tuple[Outcome[R1], Outcome[R2]]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1], /, *, quorum: int, threads: int | None = None
) -> Flow[[A], tuple[Outcome[R1] | None]]: ...
@overload
def parallel(f1: AsyncStep[A, R1], /, *, quorum: int) -> AsyncFlow[[A], tuple[Outcome[R1] | None]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1], f2: SyncStep[A, R2], /, *, quorum: int, threads: int | None = None
) -> Flow[[A], tuple[Outcome[R1] | None, Outcome[R2] | None]]: ...
@overload
def parallel(
    f1: AsyncStep[A, R1], f2: AnyStep[A, R2], /, *, quorum: int
) -> AsyncFlow[[A], tuple[Outcome[R1] | None, Outcome[R2] | None]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1], f2: AsyncStep[A, R2], /, *, quorum: int
) -> AsyncFlow[[A], tuple[Outcome[R1] | None, Outcome[R2] | None]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1], f2: SyncStep[A, R2], f3: SyncStep[A, R3], /, *, quorum: int, threads: int | None = None
) -> Flow[[A], tuple[Outcome[R1] | None, Outcome[R2] | None, Outcome[R3] | None]]: ...
@overload
def parallel(
    f1: AsyncStep[A, R1], f2: AnyStep[A, R2], f3: AnyStep[A, R3], /, *, quorum: int
) -> AsyncFlow[[A], tuple[Outcome[R1] | None, Outcome[R2] | None, Outcome[R3] | None]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1], f2: AsyncStep[A, R2], f3: AnyStep[A, R3], /, *, quorum: int
) -> AsyncFlow[[A], tuple[Outcome[R1] | None, Outcome[R2] | None, Outcome[R3] | None]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1], f2: AnyStep[A, R2], f3: AsyncStep[A, R3], /, *, quorum: int
) -> AsyncFlow[[A], tuple[Outcome[R1] | None, Outcome[R2] | None, Outcome[R3] | None]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1],
    f2: SyncStep[A, R2],
    f3: SyncStep[A, R3],
    f4: SyncStep[A, R4],
    /,
    *,
    quorum: int,
    threads: int | None = None,
) -> Flow[[A], tuple[Outcome[R1] | None, Outcome[R2] | None, Outcome[R3] | None, Outcome[R4] | None]]: ...
@overload
def parallel(
    f1: AnyStep[A, R1], f2: AnyStep[A, R2], f3: AnyStep[A, R3], f4: AnyStep[A, R4], /, *, quorum: int
) -> AsyncFlow[[A], tuple[Outcome[R1] | None, Outcome[R2] | None, Outcome[R3] | None, Outcome[R4] | None]]: ...
@overload
def parallel(
    f1: SyncStep[A, R1],
    f2: SyncStep[A, R2],
    f3: SyncStep[A, R3],
    f4: SyncStep[A, R4],
    f5: SyncStep[A, R5],
    /,
    *,
    quorum: int,
    threads: int | None = None,
) -> Flow[
    [A], tuple[Outcome[R1] | None, Outcome[R2] | None, Outcome[R3] | None, Outcome[R4] | None, Outcome[R5] | None]
]: ...
@overload
def parallel(
    f1: AnyStep[A, R1],
    f2: AnyStep[A, R2],
    f3: AnyStep[A, R3],
    f4: AnyStep[A, R4],
    f5: AnyStep[A, R5],
    /,
    *,
    quorum: int,
) -> AsyncFlow[
    [A], tuple[Outcome[R1] | None, Outcome[R2] | None, Outcome[R3] | None, Outcome[R4] | None, Outcome[R5] | None]
]: ...
@overload
def parallel(
    f1: SyncStep[A, R1],
    f2: SyncStep[A, R2],
    f3: SyncStep[A, R3],
    f4: SyncStep[A, R4],
    f5: SyncStep[A, R5],
    f6: SyncStep[A, R6],
    /,
    *,
    quorum: int,
    threads: int | None = None,
) -> Flow[
    [A],
    tuple[
        Outcome[R1] | None,
        Outcome[R2] | None,
        Outcome[R3] | None,
        Outcome[R4] | None,
        Outcome[R5] | None,
        Outcome[R6] | None,
    ],
]: ...
@overload
def parallel(
    f1: AnyStep[A, R1],
    f2: AnyStep[A, R2],
    f3: AnyStep[A, R3],
    f4: AnyStep[A, R4],
    f5: AnyStep[A, R5],
    f6: AnyStep[A, R6],
    /,
    *,
    quorum: int,
) -> AsyncFlow[
    [A],
    tuple[
        Outcome[R1] | None,
        Outcome[R2] | None,
        Outcome[R3] | None,
        Outcome[R4] | None,
        Outcome[R5] | None,
        Outcome[R6] | None,
    ],
]: ...
@overload
def parallel(
    f1: SyncStep[A, R1],
    f2: SyncStep[A, R2],
    f3: SyncStep[A, R3],
    f4: SyncStep[A, R4],
    f5: SyncStep[A, R5],
    f6: SyncStep[A, R6],
    f7: SyncStep[A, R7],
    /,
    *,
    quorum: int,
    threads: int | None = None,
) -> Flow[
    [A],
    tuple[
        Outcome[R1] | None,
        Outcome[R2] | None,
        Outcome[R3] | None,
        Outcome[R4] | None,
        Outcome[R5] | None,
        Outcome[R6] | None,
        Outcome[R7] | None,
    ],
]: ...
@overload
def parallel(
    f1: AnyStep[A, R1],
    f2: AnyStep[A, R2],
    f3: AnyStep[A, R3],
    f4: AnyStep[A, R4],
    f5: AnyStep[A, R5],
    f6: AnyStep[A, R6],
    f7: AnyStep[A, R7],
    /,
    *,
    quorum: int,
) -> AsyncFlow[
    [A],
    tuple[
        Outcome[R1] | None,
        Outcome[R2] | None,
        Outcome[R3] | None,
        Outcome[R4] | None,
        Outcome[R5] | None,
        Outcome[R6] | None,
        Outcome[R7] | None,
    ],
]: ...
@overload
def parallel(
    f1: SyncStep[A, R1],
    f2: SyncStep[A, R2],
    f3: SyncStep[A, R3],
    f4: SyncStep[A, R4],
    f5: SyncStep[A, R5],
    f6: SyncStep[A, R6],
    f7: SyncStep[A, R7],
    f8: SyncStep[A, R8],
    /,
    *,
    quorum: int,
    threads: int | None = None,
) -> Flow[
    [A],
    tuple[
        Outcome[R1] | None,
        Outcome[R2] | None,
        Outcome[R3] | None,
        Outcome[R4] | None,
        Outcome[R5] | None,
        Outcome[R6] | None,
        Outcome[R7] | None,
        Outcome[R8] | None,
    ],
]: ...
@overload
def parallel(
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
    quorum: int,
) -> AsyncFlow[
    [A],
    tuple[
        Outcome[R1] | None,
        Outcome[R2] | None,
        Outcome[R3] | None,
        Outcome[R4] | None,
        Outcome[R5] | None,
        Outcome[R6] | None,
        Outcome[R7] | None,
        Outcome[R8] | None,
    ],
]: ...
@overload
def parallel(
    f1: SyncStep[A, R],
    f2: SyncStep[A, R],
    f3: SyncStep[A, R],
    f4: SyncStep[A, R],
    f5: SyncStep[A, R],
    f6: SyncStep[A, R],
    f7: SyncStep[A, R],
    f8: SyncStep[A, R],
    f9: SyncStep[A, R],
    /,
    *rest: SyncStep[A, R],
    quorum: int,
    threads: int | None = None,
) -> Flow[[A], tuple[Outcome[R] | None, ...]]: ...
@overload
def parallel(
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
    quorum: int,
) -> AsyncFlow[[A], tuple[Outcome[R] | None, ...]]: ...
@overload
def parallel(
    f1: SyncCall[Concatenate[A, B, P], R1],
    f2: SyncCall[Concatenate[A, B, P], R2],
    /,
    *,
    quorum: int,
    threads: int | None = None,
) -> Flow[Concatenate[A, B, P], tuple[Outcome[R1] | None, Outcome[R2] | None]]: ...
@overload
def parallel(
    f1: AnyCall[Concatenate[A, B, P], R1], f2: AnyCall[Concatenate[A, B, P], R2], /, *, quorum: int
) -> AsyncFlow[Concatenate[A, B, P], tuple[Outcome[R1] | None, Outcome[R2] | None]]: ...
