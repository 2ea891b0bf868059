"""From a policy that is a value to its node: the table that `apply` looks into. A new policy adds a line."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from omnitron.errors import DefinitionError
from omnitron.policy import PolicyValue

if TYPE_CHECKING:
    from omnitron.algebra.node import Node

__all__ = ["NODES", "node_of"]

NODES: dict[str, tuple[str, str]] = {
    "Bulkhead": ("bulkheading", "Bulkheaded"),
    "Cache": ("caching", "Cached"),
    "CircuitBreaker": ("breaking", "Breaking"),
    "Hedge": ("hedging", "Hedged"),
    "RateLimit": ("limiting", "Limited"),
    "Retry": ("retrying", "Retrying"),
    "Timeout": ("timing", "Timed"),
}
"""For the name of each policy the module of this room and the class in it whose `of` makes its node: loaded when used."""
HOME = PolicyValue.__module__.rpartition(".")[0]


def node_of(body: Node, policy: object) -> Node:
    """Give the node of a policy over a flow.

    Raises:
        DefinitionError: it is no policy.
    """
    for kind in type(policy).__mro__:
        if kind.__name__ in NODES and kind.__module__.startswith(HOME):
            module, name = NODES[kind.__name__]
            found: Any = getattr(import_module(f"omnitron.algebra.{module}"), name)
            made: Node = found.of(body, policy)
            return made
    is_class = isinstance(policy, type) and issubclass(policy, PolicyValue)
    hint = f" Write `{policy.__name__}(...)`." if isinstance(policy, type) and is_class else ""
    raise DefinitionError(
        f"apply takes a policy ({', '.join(NODES)}) or a stack of them, got {policy!r} ({type(policy).__name__}).{hint}"
    )
