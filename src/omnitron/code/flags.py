"""What the code behind a callable says of a call: that it gives a coroutine, or a generator."""

from __future__ import annotations

from functools import partial
from types import FunctionType, MethodType
from typing import Any

__all__ = ["ASYNC_GENERATOR", "COROUTINE", "GENERATOR", "ITERABLE_COROUTINE", "code_flags", "stream_colour"]

COROUTINE, GENERATOR, ASYNC_GENERATOR, ITERABLE_COROUTINE = 0x80, 0x20, 0x200, 0x100


def code_flags(fn: Any) -> int:
    """Give the flags of the code that a call of `fn` reaches; 0 where there is none to see."""
    while type(fn) is partial:
        fn = fn.func
    if type(fn) is MethodType:
        fn = fn.__func__
    if type(fn) is not FunctionType and not hasattr(fn, "__code__"):
        fn = getattr(type(fn), "__call__", None)  # noqa: B004 - the code behind a call is what is asked for
    code = getattr(fn, "__code__", None)
    return getattr(code, "co_flags", 0)


def stream_colour(fn: Any) -> str:
    """Give "sync" or "async" for a function whose call gives a generator of that kind, else ""."""
    flags = code_flags(fn)
    if flags & ASYNC_GENERATOR:
        return "async"
    return "sync" if flags & GENERATOR and not flags & ITERABLE_COROUTINE else ""
