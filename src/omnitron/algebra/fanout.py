"""`parallel`: the function that gives the same arguments to several flows.

The other combinators stand in `omnitron.algebra.combinators`; how the branches run, in `omnitron.algebra.branching`; its
types, one for each number of flows, in `fanout.pyi`.
"""

from __future__ import annotations

from typing import Any

from omnitron.algebra.branching import Parallel
from omnitron.algebra.flows import flow_node, from_node

__all__ = ["flow_node", "parallel"]


def parallel(*flows: Any, mode: str = "raise", threads: int | None = None, quorum: int | None = None) -> Any:
    """Run flows with the same arguments; give a tuple of their results in order.

    Async flows run at once: the first error cancels the others, which are awaited, then it leaves with a note that lists
    what else was raised. Sync flows run one after the other unless `threads` are given; then running ones are awaited.

    Args:
        *flows: at least one.
        mode: "raise", or "collect" for a tuple of `Ok(value)` and `Failure(error, input, path)`.
        threads: on how many threads to run sync flows.
        quorum: how many must succeed. Then it is done: async flows that still run are cancelled and awaited, sync ones that
            have not begun do not begin, those on threads are awaited and their outcomes kept. The tuple has an `Ok` or
            a `Failure` for each flow that ended, None for the others. Once so many have failed that the quorum is
            out of reach, the others are cancelled too and an `ExceptionGroup` of all errors leaves.

    Example:
        >>> from omnitron import flow
        >>> parallel(flow(min), flow(max), flow(sum))([3, 1, 2])
        (1, 3, 6)
    """
    return from_node(Parallel(tuple(flow_node(flow, "parallel") for flow in flows), mode, threads, quorum))
