"""How a flow stands in for its function: which docstring, module, code and defaults it shows to those who look.

`Flow` asks here, in its properties of those names. What a flow is called with stands in `omnitron.algebra.signature`.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

from omnitron.algebra.policing import Policy
from omnitron.algebra.refining import Bound, Receiver, entry_function
from omnitron.algebra.steps import Sequence, Step
from omnitron.algebra.streams import Stream
from omnitron.code import ASYNC_GENERATOR, COROUTINE, GENERATOR

if TYPE_CHECKING:
    from omnitron.algebra.node import Node

__all__ = ["OwnDoc", "OwnModule", "Standing", "own_annotations", "single"]


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
    while isinstance(node, (Bound, Receiver, Policy)):
        node = node.body
    return node.fn if isinstance(node, Step) else None


def wrapped(node: Node) -> Any:
    """Give the function whose calls a tree refines without another parameter, result or colour, or None."""
    is_async = node.is_async
    while isinstance(node, Policy) and not isinstance(node, (Bound, Receiver)):
        node = node.body
    return node.fn if isinstance(node, Step) and node.is_async == is_async else None


def method_part(flow: Any, name: str) -> Any:
    """Give what a bound method has by this name, where the flow is one."""
    if not isinstance(flow.node, Receiver):
        raise AttributeError(f"{flow.name!r} is no bound method and has no {name!r}")
    if name == "__self__":
        return flow.node.owner
    from omnitron.algebra.flows import from_node

    return from_node(flow.node.body)


def surely_streams(node: Node) -> str:
    """Give the colour of the stream that a tree always gives; a branch may give one or not, and counts as none."""
    last = node
    while isinstance(last, (Sequence, Bound, Receiver, Policy)):
        last = last.parts[-1] if isinstance(last, Sequence) else last.body
    return node.streams if isinstance(last, (Step, Stream)) else ""


def own_annotations(flow: Any) -> dict[str, Any]:
    """Give the annotations of a single step's function, without those of parameters that are fixed; else looked up."""
    node = flow.node
    fn = single(flow)
    if fn is None:
        from omnitron.algebra.offering import offered_annotations

        return offered_annotations(node)
    found: dict[str, Any] = getattr(fn, "__annotations__", None) or {}
    while isinstance(node, (Bound, Receiver, Policy)):
        if isinstance(node, Bound):
            fixed = {name for name, _ in node.keywords}
            found = {name: kind for name, kind in found.items() if name not in fixed}
        node = node.body
    return found


def anything(*args: Any, **kwargs: Any) -> Any:
    """Stand for the code of a flow whose function has none."""


async def anything_async(*args: Any, **kwargs: Any) -> Any:
    """Stand for the code of an async flow whose function has none or is sync."""


def anything_yielded(*args: Any, **kwargs: Any) -> Any:
    """Stand for the code of a flow that gives a generator."""
    yield


async def anything_yielded_later(*args: Any, **kwargs: Any) -> Any:
    """Stand for the code of a flow that gives an async generator."""
    yield


KINDS = COROUTINE | GENERATOR | ASYNC_GENERATOR
YIELDING = {"": 0, "sync": GENERATOR, "async": ASYNC_GENERATOR}
CODES = {
    fn.__code__.co_flags & KINDS: fn.__code__
    for fn in (anything, anything_async, anything_yielded, anything_yielded_later)
}


PARTS = ("__func__", "__globals__", "__self__", "__wrapped__", "breaker", "cached", "fn")
"""What not every flow has."""


class Standing:
    """What a flow shows of its function to those who look: `inspect`, `functools.wraps`, frameworks."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def node(self) -> Node:
            """The tree."""

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        found = wrapped(self.node)
        if found is None:
            raise AttributeError(f"{self.node.name!r} wraps no single function of its parameters and colour")
        return found  # type: ignore[no-any-return] # a function's field

    @property
    def __func__(self) -> Any:
        return method_part(self, "__func__")

    @property
    def __self__(self) -> Any:
        return method_part(self, "__self__")

    def __getattr__(self, name: str) -> Any:
        """Give what somebody set on the function, the marks of a test runner for example; what a pipe is called, too."""
        if name == "__qualname__":
            return getattr(single(self), name, None) or self.node.name
        fn = None if hasattr(type(self), name) else single(self)
        if type(fn) is FunctionType and name in fn.__dict__:
            # kept as the flow's own, as `functools.wraps` would: whoever finds it may change or delete it here
            return self.__dict__.setdefault(name, fn.__dict__[name])
        return object.__getattribute__(self, name)

    @property
    def __name__(self) -> str:
        return self.node.name

    @property
    def __code__(self) -> Any:
        code, node = getattr(entry(self), "__code__", None), self.node
        kind = COROUTINE if node.is_async else YIELDING[surely_streams(node)]
        return code if code is not None and code.co_flags & KINDS == kind else CODES[kind]

    @property
    def __defaults__(self) -> tuple[Any, ...] | None:
        return getattr(entry(self), "__defaults__", None)

    @property
    def __kwdefaults__(self) -> dict[str, Any] | None:
        return getattr(entry(self), "__kwdefaults__", None)

    @property
    def __globals__(self) -> dict[str, Any]:
        found = getattr(single(self), "__globals__", None)
        if found is None:
            raise AttributeError("__globals__")
        return found  # type: ignore[no-any-return] # a function's

    def __dir__(self) -> list[str]:
        """List what can be read: parts that only some flows have where they are, and what was set on the function."""
        fn = single(self)
        names = {*object.__dir__(self), *(fn.__dict__ if type(fn) is FunctionType else ())}
        return [name for name in names if name not in PARTS or hasattr(self, name)]

    @property
    def __type_params__(self) -> tuple[Any, ...]:
        return getattr(single(self), "__type_params__", ())

    @property
    def __signature__(self) -> Any:
        from omnitron.algebra.offering import offered_signature

        return offered_signature(self.node)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Let a field of a pydantic model hold a flow as it is; as JSON it is written as its description."""
        from pydantic_core import core_schema

        described = core_schema.plain_serializer_function_ser_schema(lambda flow: flow.describe(), when_used="json")
        return core_schema.is_instance_schema(cls, serialization=described)

    @property
    def __isabstractmethod__(self) -> bool:
        return bool(getattr(single(self), "__isabstractmethod__", False))
