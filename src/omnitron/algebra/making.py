"""From a plain function to a step: which colour it has, and what cannot be one."""

from __future__ import annotations

import sys
from functools import partial
from types import CodeType, FunctionType
from typing import Any

from omnitron.algebra.asking import Asking, asks_place
from omnitron.algebra.node import is_flow
from omnitron.algebra.steps import Step, plain_step
from omnitron.code import ASYNC_GENERATOR, COROUTINE, GENERATOR, ITERABLE_COROUTINE, code_flags, stream_colour
from omnitron.errors import DefinitionError
from omnitron.model import FlowMeta
from omnitron.runtime import needs_of

__all__ = ["is_async_callable", "step_of"]


def is_async_callable(fn: Any) -> bool:
    """Say whether calling `fn` gives a coroutine, as far as can be seen."""
    if isinstance(fn, partial):
        return is_async_callable(fn.func)
    if is_flow(fn):
        return bool(fn.node.is_async)
    return is_marked(fn) or bool(code_flags(fn) & (COROUTINE | ITERABLE_COROUTINE))


def is_marked(fn: Any) -> bool:
    """Say whether a function bears the mark that asyncio (3.11) or inspect (3.12) puts on coroutine functions."""
    for module, name, mark in (
        ("asyncio.coroutines", "_is_coroutine", "_is_coroutine"),
        ("inspect", "_is_coroutine_mark", "_is_coroutine_mark"),
    ):
        sign = getattr(sys.modules.get(module), name, None)
        if sign is not None and getattr(fn, mark, None) is sign:
            return True
    return False


def step_of(fn: Any, colour: str | None = None, label: str | None = None, meta: FlowMeta | None = None) -> Step:
    """Give the step of a plain function, refusing what cannot be one."""
    if type(fn) is FunctionType:
        flags = fn.__code__.co_flags
        if colour is None and (not flags & (GENERATOR | ASYNC_GENERATOR) or flags & ITERABLE_COROUTINE):
            if is_rich(fn):
                return asking_step(fn, bool(flags & (COROUTINE | ITERABLE_COROUTINE)), label, meta)
            if label is None and meta is None:
                return plain_step(fn, is_async=bool(flags & (COROUTINE | ITERABLE_COROUTINE)))
            return Step(fn, is_async=bool(flags & (COROUTINE | ITERABLE_COROUTINE)), label=label, meta=meta)
    else:
        refuse_odd(fn)
    if colour == "async" and stream_colour(fn):
        raise DefinitionError(
            f"{getattr(fn, '__qualname__', fn)!r} is a generator function: calling it gives a stream at once, which is not "
            "awaited. Leave `colour` out."
        )
    is_async = is_async_callable(fn) if colour is None else colour == "async"
    if colour == "sync" and is_async_callable(fn):
        raise DefinitionError(f"{getattr(fn, '__qualname__', fn)!r} is async; it cannot be declared `colour='sync'`.")
    return asking_step(fn, is_async, label, meta)


def is_rich(fn: FunctionType) -> bool:
    """Say whether a function has what a step may ask by: defaults, a wrapped function, or code that asks for its place."""
    if fn.__kwdefaults__ is not None or fn.__defaults__ is not None or hasattr(fn, "__wrapped__"):
        return True
    code = fn.__code__
    return "current_step" in code.co_names or any(type(const) is CodeType for const in code.co_consts)


def asking_step(fn: Any, is_async: bool, label: str | None, meta: FlowMeta | None) -> Step:  # noqa: FBT001 - its own
    """Give the step of a function that may ask for something of the context."""
    asks = needs_of(fn) or asks_place(fn)
    return (Asking if asks else Step)(fn, is_async=is_async, label=label, meta=meta)


def refuse_odd(fn: Any) -> None:
    """Refuse what looks like a function and is none; say the way out."""
    if isinstance(fn, (staticmethod, classmethod)):
        word = type(fn).__name__
        raise DefinitionError(
            f"`@flow` stands over `@{word}` here; a {word} object is not a function. Put `@{word}` above `@flow`:\n"
            f"    @{word}\n    @flow\n    def ..."
            if word == "staticmethod"
            else "`@flow` over `@classmethod` is not supported, because the class would be an argument of the flow. "
            "Write a plain method, or a module-level flow that takes the class."
        )
    if isinstance(fn, property):
        raise DefinitionError(
            "`@flow` over `@property` is not supported: a property is not called. "
            "Make the getter a flow, and the property call it."
        )
    if not callable(fn):
        way = (
            "Unpack it: `*flows`."
            if isinstance(fn, (list, tuple))
            else "Give the function itself, and do not call it: `price`, not `price(...)`."
        )
        raise DefinitionError(f"flow takes a function or another callable, got {fn!r} ({type(fn).__name__}). {way}")
