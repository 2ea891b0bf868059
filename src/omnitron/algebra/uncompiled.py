"""What stands in a flow for the function that its tree is compiled to, until the first call."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any
from weakref import ref

from omnitron.algebra.node import Node
from omnitron.algebra.program import compile_tree
from omnitron.algebra.refining import Receiver
from omnitron.algebra.walking import check_names
from omnitron.runtime import passes_on

__all__ = ["Uncompiled", "node_behind"]


class Signed:
    """Answers for the function of a flow in a class body when its signature is asked for."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    @property
    def __signature__(self) -> Any:
        from omnitron.algebra.offering import called_signature

        return called_signature(self.node)


class Uncompiled(ref[Any]):
    """Stands in a flow until its first call, which compiles it: a weak reference, so that it does not keep the flow."""

    __slots__ = ("node", "run")
    node: Node
    run: Callable[..., Any] | None

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Compile the tree, leave its function in the flow, and call it."""
        return (self.run or self.compiled())(*args, **kwargs)

    def compiled(self) -> Callable[..., Any]:
        """Compile the tree, and leave its function in the flow."""
        run = self.run
        if run is None:
            check_names(self.node)
            run = self.run = compile_tree(self.node)
            if self.node.binds and in_class(self.node):
                run.__wrapped__ = Signed(self.node)  # type: ignore[attr-defined] # a function's
            flow = ref.__call__(self)
            if flow is not None:
                flow._run = run
        return run

    @property
    def __signature__(self) -> Any:
        return Signed(self.node).__signature__


passes_on(Uncompiled.__call__.__code__)


def in_class(node: Node) -> bool:
    """Say whether the function of a tree was written in a class body, as far as its name tells."""
    while not hasattr(node, "fn"):
        if not node.children:
            return False
        node = node.children[0]
    around = getattr(node.fn, "__qualname__", "").rpartition(".")[0]
    return bool(around) and not around.endswith("<locals>")


def node_behind(run: Any) -> Node:
    """Give the tree that a flow's function was, or will be, compiled from."""
    if isinstance(run, Uncompiled):
        return run.node
    if isinstance(run, MethodType):
        return Receiver(node_behind(run.__func__), run.__self__)
    program = run.__globals__["__loader__"].program()
    return program.node  # type: ignore[no-any-return]
