"""The worst that a call of a flow can come to, read off its tree: how often each step runs, and how long it all takes."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Any

from omnitron.algebra.flows import AnyFlow
from omnitron.algebra.lasting import Lasting, Reason, times
from omnitron.algebra.node import Node, walk_nodes
from omnitron.algebra.orders import tries
from omnitron.algebra.steps import Step
from omnitron.errors import DefinitionError
from omnitron.model import Record
from omnitron.policy import HEDGES

__all__ = ["StepCase", "WorstCase", "worst_case"]

TOLD = 5


class StepCase(Record):
    """How often one step runs at most.

    Attributes:
        path: its place in the tree.
        attempts: for one call of the flow, and for one item under `each`, `stream` and `chunk`; None for no bound.
    """

    __slots__ = ("path", "attempts")
    path: str
    attempts: int | None

    def __init__(self, path: str, attempts: int | None) -> None:
        self._fill(path=path, attempts=attempts)


class WorstCase(Record):
    """The worst that a call of a flow can come to, read off its tree.

    Attributes:
        attempts: how often that step runs which runs most often, for one call, and for one item under `each`, `stream` and
            `chunk`; None for no bound.
        seconds: how long a call takes at most; None for no bound.
        counted: how long, if whatever no timeout is around took no time: where `seconds` is None, that comes on top. None
            where it has no bound even so.
        why: what has no bound, and which part makes it so, a sentence each; the first few.
        steps: how often each step runs at most.
    """

    __slots__ = ("attempts", "seconds", "counted", "why", "steps")
    attempts: int | None
    seconds: float | None
    counted: float | None
    why: tuple[str, ...]
    steps: tuple[StepCase, ...]

    def __init__(
        self,
        attempts: int | None,
        seconds: float | None,
        counted: float | None,
        why: tuple[str, ...] = (),
        steps: tuple[StepCase, ...] = (),
    ) -> None:
        self._fill(attempts=attempts, seconds=seconds, counted=counted, why=why, steps=steps)


def worst_case(flow: AnyFlow[..., Any]) -> WorstCase:
    """Give the worst that one call of a flow can come to: the attempts of each step, and the seconds of the whole.

    Read off the tree, which does not run. Attempts multiply: retries, hedges, turns of a loop. Time adds up along a pipe,
    the longest branch counts where branches run at once, and only a timeout, a deadline or a number of turns bounds it. The
    waits of a retry count with its `max_delay`, because an error may ask for as much. What a timeout has cancelled counts
    as ending at once, but for what `finally_` and `undo` do. A flow that a function calls in its body is part of that step.

    Args:
        flow: the flow.

    Raises:
        DefinitionError: it is no flow.

    Example:
        >>> from omnitron import flow
        >>> async def load(url: str) -> str: ...
        >>> worst = worst_case(flow(load).timeout(5).retry(4, max_delay=10))
        >>> worst.attempts, worst.seconds
        (4, 50.0)
    """
    if not isinstance(flow, AnyFlow):
        raise DefinitionError(f"worst_case takes a flow, got {flow!r} ({type(flow).__name__}).")
    root = flow.node
    steps: list[StepCase] = []
    reasons: list[Reason] = []
    most: float = 1
    for path, attempts, endless in runs(root):
        steps.append(StepCase(path, None if attempts == inf else int(attempts)))
        most = max(most, attempts)
        reasons += [] if endless is None or len(reasons) >= TOLD else [endless]
    whole, free = times(root)
    seconds, counted = total(whole), total(free)
    if whole.main == inf:
        reasons += whole.why
    if whole.undo == inf:
        reasons += whole.later
    why = sentences(root, reasons)
    return WorstCase(None if most == inf else int(most), seconds, counted, why, tuple(steps))


def total(time: Lasting) -> float | None:
    """Give all seconds of a call, what is undone at its end included."""
    seconds = time.main + time.undo
    return None if seconds == inf else seconds


def runs(root: Node) -> Iterator[tuple[str, float, Reason | None]]:
    """Give each step's path, how often it runs at most, and what makes that endless."""
    around: list[tuple[int, float, Reason | None]] = [(root.size, 1.0, None)]
    """Where the part of a node that is open ends, in the order of walking; how often that part runs, and why endlessly."""
    for number, (path, node) in enumerate(walk_nodes(root)):
        while around[-1][0] <= number:
            around.pop()
        _, often, endless = around[-1]
        if isinstance(node, Step):
            yield path, often, endless
        elif (own := repeats(node)) > 1:
            reason = (node, "may run its flow without end") if own == inf else None
            around.append((number + node.size, often * own, endless or reason))


def repeats(node: Any) -> float:
    """Give how often a node runs its flow at most, for one call of it or one item."""
    if node.kind == "retry":
        return tries(node)
    if node.kind == "hedge":
        return float(getattr(node, "at_most", None) or HEDGES)
    if node.kind == "loop":
        return inf if node.at_most is None else float(node.at_most)
    return 1.0


def sentences(root: Node, reasons: list[Reason]) -> tuple[str, ...]:
    """Give reasons as sentences that name the place of each part, once."""
    wanted = {id(node): text for node, text in reasons}
    found: dict[str, None] = {}
    for path, node in walk_nodes(root) if wanted else ():
        if id(node) in wanted:
            found[f"{path!r} {wanted.pop(id(node))}."] = None
            if not wanted or len(found) == TOLD:
                break
    return tuple(found)
