"""What can be said of the functions in a tree without running them: what can be read, and which flows they call."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from omnitron.algebra.flows import AnyFlow
from omnitron.algebra.node import Node
from omnitron.algebra.steps import Step
from omnitron.code import Callee, callees

__all__ = ["called_flows", "readable"]


def readable(fn: Any) -> FunctionType | None:
    """Give the Python function behind a callable, or None where there is none to read."""
    for _ in range(100):
        if type(fn) is FunctionType:
            return fn
        if isinstance(fn, partial):
            fn = fn.func
        elif isinstance(fn, MethodType):
            fn = fn.__func__
        elif isinstance(fn, type):
            return None
        else:
            fn = getattr(fn, "__wrapped__", None) or getattr(type(fn), "__call__", None)  # noqa: B004 - the code is asked for
    return None


def called_flows(node: Node) -> list[Any]:
    """Give the flows that the function of a node is known to call, also through functions of its own module."""
    first = readable(node.fn) if isinstance(node, Step) else None
    if first is None:
        return []
    found: dict[int, Any] = {}
    waiting, seen = [first], {id(first)}
    for fn in waiting:
        for callee in callees(fn):
            for flow in flows_in(callee):
                found.setdefault(id(flow.node), flow)
            target = callee.target
            if type(target) is FunctionType and target.__module__ == first.__module__ and id(target) not in seen:
                seen.add(id(target))
                waiting.append(target)
    return list(found.values())


def flows_in(callee: Callee) -> Iterator[Any]:
    """Give the flow that is called, by itself or by its `acall`."""
    if isinstance(callee.target, AnyFlow):
        yield callee.target
    elif isinstance(callee.receiver, AnyFlow) and getattr(callee.target, "__name__", "") == "acall":
        yield callee.receiver
