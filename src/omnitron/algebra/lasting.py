"""How long the nodes of a tree take at most: a table of small functions, one a kind, over what their children take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple, TypeAlias

from omnitron.algebra.node import Node
from omnitron.algebra.orders import tries
from omnitron.policy import check_seconds, last_start

__all__ = ["TIMES", "Lasting", "Reason", "times"]

Reason: TypeAlias = tuple[Node, str]
"""The part for which there is no bound, and what is to be said of it."""
TOLD = 8
UNTIMED = "may take any time: no timeout is around it"
MANY = "runs its flow for as many items as there are"


class Lasting(NamedTuple):
    """How long a node takes at most, in seconds; `inf` for no bound.

    Attributes:
        main: from its call to its end.
        undo: for undoing it when something fails after it.
        clean: for what still runs when it is cancelled.
        why: what makes `main` endless.
        later: what makes the others endless.
    """

    main: float
    undo: float = 0.0
    clean: float = 0.0
    why: tuple[Reason, ...] = ()
    later: tuple[Reason, ...] = ()


NO_TIME = Lasting(0.0)
Ruling: TypeAlias = Callable[[Any, Sequence[Lasting]], Lasting]


def times(root: Node) -> tuple[Lasting, Lasting]:
    """Give how long a tree takes at most; and how long, if each function took no time whose time nothing bounds.

    Without recursion; each different part is looked at once.
    """
    known: dict[int, tuple[Lasting, Lasting]] = {}
    stack = [root]
    while stack:
        node = stack[-1]
        missing = [] if id(node) in known else [child for child in node.children if id(child) not in known]
        if missing:
            stack += missing
            continue
        stack.pop()
        if id(node) in known:
            continue
        if not node.children:
            known[id(node)] = leaf(node), NO_TIME
            continue
        ruling = TIMES.get(node.kind, any_kind)
        whole = ruling(node, [known[id(child)][0] for child in node.children])
        bounded = whole.main + whole.undo + whole.clean < inf
        known[id(node)] = whole, whole if bounded else ruling(node, [known[id(child)][1] for child in node.children])
    return known[id(root)]


def leaf(node: Node) -> Lasting:
    """Give the time of a node without children."""
    return NO_TIME if node.kind == "identity" else Lasting(inf, why=((node, UNTIMED),))


def product(number: float, seconds: float) -> float:
    """Multiply; nothing is nothing, however often."""
    return number * seconds if number and seconds else 0.0


def together(main: float, inside: Sequence[Lasting]) -> Lasting:
    """Give the time of parts whose own add up to `main`."""
    undo, clean = sum(time.undo for time in inside), sum(time.clean for time in inside)
    why = [reason for time in inside for reason in time.why[:TOLD]] if main == inf else []
    later = [reason for time in inside for reason in time.later[:TOLD]]
    return Lasting(main, undo, clean, tuple(why[:TOLD]), tuple(later[:TOLD]))


def after_another(node: Any, inside: Sequence[Lasting]) -> Lasting:
    """Parts run one after the other."""
    return together(sum(time.main for time in inside), inside)


def at_once(node: Any, inside: Sequence[Lasting]) -> Lasting:
    """Branches run at once, where they are async or have a thread each."""
    if node.is_async or (getattr(node, "threads", None) or 0) >= len(inside):
        return together(max(time.main for time in inside), inside)
    return after_another(node, inside)


def one_of(node: Any, inside: Sequence[Lasting]) -> Lasting:
    """A test is run, then one of the branches."""
    tested = 0 if node.kind == "by_type" else 1
    chosen = max((time.main for time in inside[tested:]), default=0.0)
    return together(sum(time.main for time in inside[:tested]) + chosen, inside)


def trying(node: Any, inside: Sequence[Lasting]) -> Lasting:
    """The flow, what catches its error, and what runs in the end, also when it is cancelled."""
    whole = after_another(node, inside)
    if node.final is None:
        return whole
    return whole._replace(clean=whole.clean + inside[-1].main, later=(*whole.later, *inside[-1].why)[:TOLD])


def undoing(node: Any, inside: Sequence[Lasting]) -> Lasting:
    """The flow; later, what undoes it."""
    body, undo = inside
    later = (*body.later, *undo.why, *undo.later)[:TOLD]
    return Lasting(body.main, body.undo + undo.main + undo.undo, body.clean, body.why, later)


def many(node: Any, inside: Sequence[Lasting]) -> Lasting:
    """The flow, nobody knows how often."""
    body = inside[0]
    endless = ((node, MANY),)
    if not body.main + body.undo:
        return body
    return Lasting(inf, product(inf, body.undo), product(inf, body.clean), endless, endless)


def looping(node: Any, inside: Sequence[Lasting]) -> Lasting:
    """Flow and test, so many turns."""
    turn = after_another(node, inside)
    if node.at_most is None:
        endless = ((node, "has no bound on its turns, `at_most`"),)
        return Lasting(inf, product(inf, turn.undo), turn.clean, endless, (*endless, *turn.later))
    return turn._replace(main=node.at_most * turn.main, undo=node.at_most * turn.undo)


def retrying(node: Any, inside: Sequence[Lasting]) -> Lasting:
    """The attempts, what is undone between them, and the waits; or the last one that may begin."""
    (body,) = inside
    most, last = tries(node), last_start(node._policy)
    counted = product(most, body.main) + product(most - 1, body.undo) + product(most - 1, node.max_delay)
    main = min(last + body.main, inf if most == inf else counted)
    endless = ((node, "has no bound on its attempts, nor a deadline"),) if most == last == inf else ()
    why = (*endless, *body.why, *(body.later if body.undo == inf else ()))
    return body._replace(main=main, why=why[:TOLD] if main == inf else ())


def in_time(seconds: float, body: Lasting) -> Lasting:
    """Give the time of a part that is cancelled after so many seconds."""
    bound = seconds + body.clean
    return body if body.main <= bound else body._replace(main=bound, why=body.later if bound == inf else ())


def timing(node: Any, inside: Sequence[Lasting]) -> Lasting:
    """The flow, cancelled when its time is over."""
    return inside[0] if node.seconds is None else in_time(node.seconds, inside[0])


def deriving(node: Any, inside: Sequence[Lasting]) -> Lasting:
    """The flow, cancelled when the deadline of its context passes; a sync one is not cancelled."""
    deadline = dict(node.options).get("deadline")
    if deadline is None or not node.is_async:
        return inside[0]
    return in_time(check_seconds("deadline", deadline), inside[0])


def batching(node: Any, inside: Sequence[Lasting]) -> Lasting:
    """The wait for company, and the call, which undoes its own."""
    (body,) = inside
    return Lasting(node.max_wait + body.main + body.undo, why=(*body.why, *body.later)[:TOLD])


def hedging(node: Any, inside: Sequence[Lasting]) -> Lasting:
    """The first call, and the later ones that begin when it takes long."""
    (body,) = inside
    most, delay = getattr(node, "at_most", None) or 2, getattr(node, "delay", None)
    main = product(most, body.main)
    if isinstance(delay, int | float) and getattr(node, "percentile", None) is None:
        main = min(main, (most - 1) * delay + body.main)
    return body._replace(main=main, undo=product(most, body.undo), clean=product(most, body.clean))


def queueing(node: Any, inside: Sequence[Lasting]) -> Lasting:
    """The wait for a turn, and the flow."""
    (body,) = inside
    none = getattr(node, "wait", True) is False or getattr(node, "queue", None) == 0
    wait: float | None = 0.0 if none else getattr(node, "max_wait", None)
    if wait is None:
        return body._replace(main=inf, why=((node, "waits for its turn as long as it takes"), *body.why))
    return body._replace(main=wait + body.main)


def any_kind(node: Any, inside: Sequence[Lasting]) -> Lasting:
    """Nobody told how long it takes."""
    return Lasting(inf, why=((node, f"is of a kind ({node.kind}) of which nobody told how long it takes"),))


TIMES: Mapping[str, Ruling] = {
    "batch": batching,
    "bind": after_another,
    "bulkhead": queueing,
    "by_type": one_of,
    "cache": after_another,
    "choose": one_of,
    "chunk": many,
    "circuit_breaker": after_another,
    "each": many,
    "fallback": after_another,
    "gather": at_once,
    "hedge": hedging,
    "keep": after_another,
    "loop": looping,
    "method": after_another,
    "on": after_another,
    "parallel": at_once,
    "race": at_once,
    "rate_limit": queueing,
    "retry": retrying,
    "sequence": after_another,
    "star": after_another,
    "stream": many,
    "tap": after_another,
    "timeout": timing,
    "try_with": trying,
    "undo": undoing,
    "when": one_of,
    "within": deriving,
}
"""How long each kind takes."""
