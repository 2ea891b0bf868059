"""`inject`: a flow in which one part goes wrong. The parts of a tree that have a place, and nodes around them."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from omnitron.algebra import AnyFlow, Node, from_node, walk
from omnitron.errors import DefinitionError
from omnitron.testing.faults import Fault, Faulty

__all__ = ["Place", "inject", "places_of", "wrapped"]

F = TypeVar("F", bound=AnyFlow[..., Any])
Place = tuple[int, str, Node]
"""The number of a node in the order of walking, its path, and the node."""


def inject(
    flow: F,
    where: str,
    *,
    error: BaseException | type[BaseException] | None = None,
    delay: float | None = None,
    hang: bool = False,
    cancel: bool = False,
    at: int | None = None,
    after: bool = False,
) -> F:
    """Give the flow in which one part goes wrong; paths and what observers see of calls stay as they are.

    Exactly one of the four faults is given. The calls of a part are counted over the life of the flow that is given back,
    all attempts and items and, for a name that several parts have, all of those. Only parts of the tree have a place: a
    flow that a function calls in its body has none.

    Args:
        flow: the flow.
        where: the path of the part, or its name.
        error: is raised: an exception, or a class of exceptions that takes no arguments.
        delay: so many seconds pass first, by the clock of the context; by that of the loop where that is virtual and the
            context has none. A sync part blocks.
        hang: nothing happens any more until the task is cancelled; async parts only.
        cancel: the task that makes the call is cancelled there; async parts only.
        at: the number of the call that goes wrong, from 1; left out, every one does.
        after: whether it goes wrong when the part has done its work, so that the result is lost.

    Raises:
        DefinitionError: no part is so called, none or several faults are given, or the part cannot have this one.

    Example:
        >>> from omnitron import flow
        >>> total = flow(sorted) | flow(sum, name="total")
        >>> faulty = inject(total, "total", error=OverflowError, at=2)
        >>> faulty([1, 2])
        3
        >>> faulty([1, 2])
        Traceback (most recent call last):
        OverflowError
    """
    given: dict[str, Any] = {"error": error, "delay": delay, "hang": hang or None, "cancel": cancel or None}
    kinds = [kind for kind, value in given.items() if value is not None]
    if len(kinds) != 1:
        raise DefinitionError(
            f"inject takes exactly one fault, `error=`, `delay=`, `hang=True` or `cancel=True`, got "
            f"{' and '.join(kinds) or 'none'}. For several, inject one into what the other gave."
        )
    fault = Fault(kinds[0], given[kinds[0]], at, after=after)
    return wrapped(flow, {index: fault for index, _, _ in found(flow, where)})


def found(flow: AnyFlow[..., Any], where: str) -> list[Place]:
    """Give the parts of a path or name.

    Raises:
        DefinitionError: there is none; the message names what is near.
    """
    places = places_of(flow)
    for chosen in (
        [place for place in places if place[1] == where],
        [place for place in places if place[2].name == where],
    ):
        if chosen:
            return chosen
    known = list(dict.fromkeys(name for _, path, node in places for name in (path, node.name)))
    near = get_close_matches(str(where), known, 3, 0.6)
    has = f"Near is {' or '.join(map(repr, near))}." if near else f"It has {', '.join(map(repr, known[:12]))}."
    raise DefinitionError(f"inject names {where!r}, and no part of the flow {flow.name!r} has that path or name. {has}")


def places_of(flow: AnyFlow[..., Any]) -> list[Place]:
    """Give the parts of a tree that have a path of their own; the whole is the first.

    Raises:
        DefinitionError: it is no flow.
    """
    if not isinstance(flow, AnyFlow):
        raise DefinitionError(f"faults are injected into a flow, got {flow!r} ({type(flow).__name__}).")
    rows = list(walk(flow))
    first = 0  # a refinement at the top has the place of what it refines
    while first + 1 < len(rows) and refines(rows[first][1]):
        first += 1
    return [
        (index, path, node)
        for index, (path, node) in enumerate(rows)
        if index == first or (index > first and (node.segment or node.label is not None))
    ]


def refines(node: Node) -> bool:
    """Say whether a node changes how its one child is called, and has no place of its own."""
    return not node.segment and node.label is None and len(node.children) == 1 and node.kind != "sequence"


def wrapped(flow: F, faults: Mapping[int, Fault]) -> F:
    """Give the flow with faults around the nodes of some numbers. One node may stand at several places."""
    made: list[Node] = []
    for index, (_, node) in reversed([*enumerate(walk(flow))]):
        if node.children:
            before = node.children
            after = tuple([made.pop() for _ in before])
            if any(a is not b for a, b in zip(before, after, strict=True)):
                node = node.rebuild(after)
            if isinstance(node, Faulty) and isinstance(node.body, Faulty):  # each counts all calls of the part
                node = Faulty(node.body.body, (*node.faults, *node.body.faults))
        made.append(Faulty(node, (faults[index],)) if index in faults else node)
    changed: F = from_node(made[0])
    return changed
