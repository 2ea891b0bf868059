"""Running a flow in another place: a thread, a worker process, or wherever the context's executor knows.

Read next: `omnitron.runtime.workers`, the processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextvars import copy_context
from functools import partial
from typing import Any

from omnitron.errors import DefinitionError
from omnitron.runtime.contexts import current_context
from omnitron.runtime.frames import Frame, read_watch
from omnitron.runtime.joining import caller_here
from omnitron.runtime.reporting import log
from omnitron.runtime.resources import Need
from omnitron.runtime.watching import admitted, run_inside_async
from omnitron.runtime.whereabouts import thread_here

__all__ = ["run_in_executor", "run_in_thread", "run_in_thread_loop"]


async def run_in_thread(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call `fn` in a thread of the loop's pool, in a copy of the caller's context.

    A cancellation leaves at once: the thread cannot be stopped, so the work goes on and its result is dropped,
    which is logged.
    """
    return await in_thread(fn, partial(fn, *args, **kwargs))


async def run_in_thread_loop(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Await `fn` under a loop of its own in a thread of the loop's pool; otherwise as `run_in_thread`."""
    return await in_thread(fn, partial(run_coroutine, fn, *args, **kwargs))


async def in_thread(fn: Callable[..., Any], call: Callable[[], Any]) -> Any:
    """Make a call in a thread; `fn` is what a warning names."""
    context, caller = copy_context(), [caller_here(), thread_here()]
    job = asyncio.get_running_loop().run_in_executor(None, settle, context, call, caller)
    try:
        error, value = await job
    except asyncio.CancelledError:
        caller.clear()
        log("warning", "a cancelled flow goes on in its thread, which cannot be stopped: %s", name_of(fn))
        raise
    if error is not None:
        try:
            raise error
        finally:
            del error
    return value


def name_of(fn: Any) -> str:
    """Give the name that a reader knows a function by."""
    return str(getattr(fn, "__qualname__", None) or fn)


def settle(context: Any, call: Callable[[], Any], o_caller: list[Any]) -> tuple[BaseException | None, Any]:
    """Give the error or the value of a call; so no future ever holds what a future may not (StopIteration)."""
    try:
        return None, context.run(call)
    except Exception as error:
        return error, None


def run_coroutine(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Run an async function to its end under a loop of its own."""
    return asyncio.run(awaiting(fn, args, kwargs))


async def awaiting(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Await what `fn` gives."""
    return await fn(*args, **kwargs)


async def run_in_executor(
    place: str, flow: Callable[..., Any], used: Mapping[str, int], /, *args: Any, **kwargs: Any
) -> Any:
    """Hand `flow` to the executor that the context carries. What observers are told is told here, not by the executor.

    Args:
        place: its name.
        flow: the flow.
        used: how many siblings of each name stand before the parts of a flow that is no part of paths itself.
        *args: what it is called with.
        **kwargs: so too.

    Raises:
        DefinitionError: the context carries none.
    """
    executor = current_context().runtime.executor
    if executor is None:
        raise DefinitionError(
            f"nothing here knows the place {place!r}: 'thread' and 'process' are built in, for any other the context "
            "carries an executor: `context(executor=...).run(flow, ...)`."
        )
    kwargs = {name: value for name, value in kwargs.items() if type(value) is not Need}  # filled where the flow runs
    stand_in = admitted(flow, args, kwargs)
    if stand_in is not None:
        return stand_in.value
    parent = read_watch()
    if parent is None:
        return await executor.execute(place, flow, args, kwargs)
    part = (flow.node, used)  # type: ignore[attr-defined] # a flow
    frame = Frame(
        parent.run, parent.path, parent.call, body=False, named=parent.named, part=part, attempt=parent.attempt
    )
    return await run_inside_async(frame, executor.execute, (place, flow, args, kwargs), {})
