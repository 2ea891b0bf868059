"""How a flow stands in for its function: which docstring, module, code and defaults it shows to those who look.

`Flow` asks here, in its properties of those names. What a flow is called with stands in `omnitron.algebra.signature`.
"""

from __future__ import annotations

from typing import Any

from omnitron.algebra.places import On
from omnitron.algebra.refining import Bound, Receiver, entry_function
from omnitron.algebra.steps import Step
from omnitron.algebra.undoing import Undo
from omnitron.algebra.within import Within

__all__ = ["OwnDoc", "OwnModule", "anything", "anything_async", "entry", "own_annotations", "single"]


class OwnDoc(str):
    """The docstring of a class whose instances show that of their function."""

    __slots__ = ()

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        if owner is None:
            return str(self)
        return getattr(single(owner), "__doc__", None) or owner.meta.description or None


class OwnModule(str):
    """The module of a class whose instances show that of their function."""

    __slots__ = ()

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return str(self) if owner is None else getattr(single(owner) or entry(owner), "__module__", str(self))


def entry(flow: Any) -> Any:
    """Give the function that takes the arguments as they come, or None."""
    node = flow.node
    return None if isinstance(node, (Bound, Receiver)) else entry_function(node)


def single(flow: Any) -> Any:
    """Give the function of a single step, also behind refinements, or None."""
    node = flow.node
    while isinstance(node, (Bound, Receiver, On, Undo, Within)):
        node = node.body
    return node.fn if isinstance(node, Step) else None


def own_annotations(flow: Any) -> dict[str, Any]:
    """Give the annotations of a single step's function, without those of parameters that are fixed."""
    found: dict[str, Any] = getattr(single(flow), "__annotations__", None) or {}
    node = flow.node
    while isinstance(node, (Bound, Receiver, On, Undo, Within)):
        if isinstance(node, Bound):
            fixed = {name for name, _ in node.keywords}
            found = {name: kind for name, kind in found.items() if name not in fixed}
        node = node.body
    return found


def anything(*args: Any, **kwargs: Any) -> Any:
    """Stand for the code of a flow whose function has none."""


async def anything_async(*args: Any, **kwargs: Any) -> Any:
    """Stand for the code of an async flow whose function has none or is sync."""
