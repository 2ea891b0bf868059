"""How a flow stands in for its function: which docstring, module, code and defaults it shows to those who look.

`Flow` asks here, in its properties of those names. What a flow is called with stands in `omnitron.algebra.signature`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from omnitron.algebra.policing import Policy
from omnitron.algebra.refining import Bound, Receiver, entry_function
from omnitron.algebra.steps import Sequence, Step
from omnitron.algebra.streams import Stream
from omnitron.code import ASYNC_GENERATOR, COROUTINE, GENERATOR
from omnitron.errors import OmnitronError

if TYPE_CHECKING:
    from omnitron.algebra.node import Node

__all__ = ["OwnAnnotations", "OwnDoc", "OwnModule", "Standing", "single"]


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


def surely_streams(node: Node) -> str:
    """Give the colour of the stream that a tree always gives; a branch may give one or not, and counts as none."""
    last = node
    while isinstance(last, (Sequence, Bound, Receiver, Policy)):
        last = last.parts[-1] if isinstance(last, Sequence) else last.body
    return node.streams if isinstance(last, (Step, Stream)) else ""


def own_annotations(flow: Any) -> dict[str, Any]:
    """Give the annotations of the function, if it is called as the flow is; else looked up, those of the signature."""
    fn = refined_function(flow.node)
    if fn is not None:
        return getattr(fn, "__annotations__", None) or {}
    from omnitron.algebra.offering import offered_annotations

    return offered_annotations(flow.node)


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


PARTS = ("_tunings", "breaker", "cached", "fn")
"""What not every flow has."""


class OwnAnnotations(dict[str, Any]):
    """The annotations of a class whose instances show those of their function."""

    __slots__ = ()

    def __get__(self, owner: Any, kind: Any = None) -> dict[str, Any]:
        return self if owner is None else own_annotations(owner)


class Standing:
    """What a flow shows of its function to those who look: `inspect`, `functools.wraps`, frameworks."""

    __slots__ = ()

    if TYPE_CHECKING:
        __signature__: Any
        __wrapped__: Callable[..., Any]

        @property
        def node(self) -> Node:
            """The tree."""

    if not TYPE_CHECKING:  # the checkers refuse what is not there

        def __getattr__(self, name: str) -> Any:
            """Give what only an instance shows, and what somebody set on the function, such as the marks of a test runner.

            What `SHOWN` names is no property, because a class that has it is taken for something that wraps or is called.
            """
            show = SHOWN.get(name)
            if show is not None:
                return show(self)
            fn = None if hasattr(type(self), name) else single(self)
            if type(fn) is FunctionType and name in fn.__dict__:
                # kept as the flow's own, as `functools.wraps` would: whoever finds it may change or delete it here
                return self.__dict__.setdefault(name, fn.__dict__[name])
            return object.__getattribute__(self, name)

        @property
        def __class__(self) -> type:
            """Pass for a function with `inspect.isfunction`, and with nobody else. See Note [Passing for a function]."""
            inspect, asking = sys.modules.get("inspect"), sys._getframe().f_back
            if inspect is not None and asking is not None and asking.f_code is inspect.isfunction.__code__:
                return FunctionType
            return type(self)

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
        return getattr(single(self) or entry(self), "__globals__", None) or {}

    def __dir__(self) -> list[str]:
        """List what can be read: parts that only some flows have where they are, and what was set on the function."""
        fn = single(self)
        names = {*object.__dir__(self), *(fn.__dict__ if type(fn) is FunctionType else ())}
        return [name for name in names if name not in PARTS or hasattr(self, name)]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Let a field of a pydantic model hold a flow as it is; as JSON it is written as its description."""
        from pydantic_core import core_schema

        described = core_schema.plain_serializer_function_ser_schema(lambda flow: flow.describe(), when_used="json")
        return core_schema.is_instance_schema(cls, serialization=described)

    def _repr_html_(self) -> str:
        """Give the picture that a notebook shows."""
        from omnitron.algebra.picturing import html_of

        return html_of(self)

    @property
    def __isabstractmethod__(self) -> bool:
        return bool(getattr(single(self), "__isabstractmethod__", False))


# ------------------------------------------------------------------ what only an instance shows


def wrapped(flow: Any) -> Any:
    """Give the function that a flow refines without another parameter or colour; of any other what it was compiled to.

    Either has a source that can be read.
    """
    fn = refined_function(flow.node)
    if fn is not None:
        return fn
    from omnitron.algebra.flows import from_node

    # a method of an object was compiled with those of the others
    run = flow._run if type(flow._run) is not MethodType else from_node(flow.node)._run
    if type(run) is not FunctionType:
        try:
            run = run.compiled()
        except OmnitronError as error:
            raise AttributeError(f"{flow.name!r} wraps no function: {error}") from error
    from linecache import lazycache

    lazycache(run.__code__.co_filename, run.__globals__)
    if not hasattr(run, "__wrapped__"):  # it answers there for its signature
        return run
    plain = FunctionType(run.__code__, run.__globals__, run.__name__, run.__defaults__, run.__closure__)
    plain.__kwdefaults__ = run.__kwdefaults__
    return plain


def refined_function(node: Node) -> Any:
    """Give the function of a tree that only policies refine, or None."""
    is_async = node.is_async
    while isinstance(node, Policy) and not isinstance(node, (Bound, Receiver)):
        node = node.body
    return node.fn if isinstance(node, Step) and node.is_async == is_async else None


def method_function(flow: Any) -> Any:
    """Give the flow in the class, where this one is bound to an object."""
    from omnitron.algebra.flows import from_node

    return from_node(receiver(flow, "__func__").body)


def method_object(flow: Any) -> Any:
    """Give the object to which a flow is bound."""
    return receiver(flow, "__self__").owner


def receiver(flow: Any, name: str) -> Receiver:
    """Give the node of a flow that is bound to an object."""
    node = flow.node
    if not isinstance(node, Receiver):
        raise AttributeError(f"{flow.name!r} is no bound method and has no {name!r}")
    return node


def signature(flow: Any) -> Any:
    """Give the signature, for `inspect.signature`."""
    from omnitron.algebra.offering import offered_signature

    return offered_signature(flow.node)


# Note [Passing for a function]
# Frameworks ask `inspect.isfunction` what they were given, and take what is none for something else: Starlette for an
# application that is called with a scope, `doctest` for data, Ray for nothing at all. No class can be a subclass of the
# function type, so the only way to pass is `__class__`. But others look at `isinstance(x, FunctionType)` in order to take a
# function apart: cloudpickle would send the code of the first step and leave the tree behind. So only the function
# `inspect.isfunction` itself is told so, by the frame that asks.

SHOWN: dict[str, Callable[[Any], Any]] = {
    "__closure__": lambda flow: getattr(single(flow), "__closure__", None),
    "__func__": method_function,
    "__qualname__": lambda flow: getattr(single(flow), "__qualname__", None) or flow.name,
    "__self__": method_object,
    "__signature__": signature,
    "__type_params__": lambda flow: getattr(single(flow), "__type_params__", ()),
    "__wrapped__": wrapped,
}
