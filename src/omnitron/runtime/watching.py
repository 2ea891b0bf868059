"""The one interception point: what happens at a flow's boundary in a run that watches.

The generated code of a flow reads `watch`, and when it holds None goes straight on. Otherwise each boundary calls `see`
(or `see_async`) with its site; both enter a call (deadline, guards, events) and leave it. Hooks, tracing and the event
log are observers (`omnitron.runtime.observers`); nothing else wraps a call a second way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from omnitron.errors import DefinitionError
from omnitron.model import Call, Replace, new_failed, new_finished, new_started
from omnitron.runtime.frames import (
    Frame,
    Site,
    Stopped,
    Watched,
    beneath,
    child_frame,
    leave_frame,
    read_watch,
    reset_watch,
    set_watch,
    static_path,
)
from omnitron.runtime.resources import Need
from omnitron.runtime.stopping import leaves_as
from omnitron.runtime.streams import STREAMS
from omnitron.runtime.telling import one_turn, standing, told

__all__ = ["admitted", "is_made", "run_inside", "run_inside_async", "see", "see_async", "see_keeping"]


def admitted(flow: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Replace | None:
    """Ask the guards about a flow without a boundary that is about to leave this process, where they cannot follow."""
    parent = read_watch()
    if parent is None or not parent.run.guards or is_made(parent, flow.node):
        return None
    path = beneath(parent, flow.name)
    site = Site(flow.name, flow.name, flow.node, body=False, awaits=True)
    frame = child_frame(parent, path, site, args, kwargs)
    assert frame.call is not None
    return parent.run.admit(frame.call)


def is_made(frame: Frame, node: Any) -> bool:
    """Say whether the running call is that of a node."""
    return frame.call is not None and frame.call.node is node


def see(site: Site, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call `fn` as the boundary `site` beneath the running frame."""
    parent = read_watch()
    assert parent is not None
    frame = child_frame(parent, beneath(parent, site.segment), site, args, kwargs)
    return run_seen(frame, fn, args, kwargs, urgent=site.urgent)


async def see_async(site: Site, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call and await `fn` as the boundary `site` beneath the running frame."""
    parent = read_watch()
    assert parent is not None
    frame = child_frame(parent, beneath(parent, site.segment), site, args, kwargs)
    return await run_seen_async(frame, fn, args, kwargs, awaits=site.awaits, urgent=site.urgent)


def substitute(frame: Frame, fn: Callable[..., Any]) -> Callable[..., Any]:
    """Give what runs in the place of `fn`: what the context has for the call's static path, or for its name."""
    replaced, call = frame.run.replaced, frame.call
    assert replaced is not None
    assert call is not None
    found: Any = replaced.get(static_path(call.path)) or replaced.get(call.flow)
    if found is None:
        return fn
    alone = getattr(found, "_stand_in", None)
    if alone is None:
        return without_needs(found)
    function = alone()
    if function is not None:
        return without_needs(function)
    # a composed flow has the place of what it replaces
    inside = run_inside_async if found.node.is_async else run_inside
    place = Frame(frame.run, frame.path, call, body=False, named=True)
    return without_needs(lambda *args, **kwargs: inside(place, found, args, kwargs))


def sync_output(output: Any, call: Call) -> Any:
    """Refuse what nothing could await in the place of a sync flow."""
    if hasattr(output, "__await__"):
        if hasattr(output, "close"):
            output.close()
        raise DefinitionError(
            f"`replace` puts an async function in the place of {call.path!r}, which is sync here: nothing could await it. "
            "Give a plain function."
        )
    return output


async def of_either_colour(fn: Callable[..., Any], call: Call, /, *args: Any, **kwargs: Any) -> Any:
    """Call a function in the place of a call, and await what it gives if that can be awaited."""
    output = fn(*args, **kwargs)
    return standing(call, await output if hasattr(output, "__await__") else output)


def without_needs(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function that is called without what the replaced one would have had filled from the context."""
    return lambda *args, **kwargs: fn(
        *args, **{name: value for name, value in kwargs.items() if type(value) is not Need}
    )


async def see_keeping(
    keep: Callable[[Any], Awaitable[None] | None], site: Site, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Any:
    """Do as `see_async`, and tell `keep` the result before any observer is told: what is done is done."""
    parent = read_watch()
    assert parent is not None
    frame = child_frame(parent, beneath(parent, site.segment), site, args, kwargs)
    return await run_seen_async(frame, fn, args, kwargs, awaits=site.awaits, urgent=site.urgent, keep=keep)


def run_inside(frame: Frame, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a call inside a frame that is no boundary."""
    token = set_watch(frame)
    try:
        return fn(*args, **kwargs)
    finally:
        reset_watch(token)


async def run_inside_async(frame: Frame, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run and await a call inside a frame that is no boundary."""
    token = set_watch(frame)
    try:
        return await fn(*args, **kwargs)
    finally:
        leave_frame(token)


def run_seen(
    frame: Frame, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], *, urgent: bool = False
) -> Any:
    """Run one sync call inside its frame, with its events."""
    run, call = frame.run, frame.call
    assert call is not None
    stand_in = run.admit(call, urgent=urgent)
    started = call.started_s
    try:
        if run.observers:
            run.notify(new_started(call))
            started = run.clock.monotonic()
        if stand_in is None:
            token = set_watch(frame)
            try:
                if run.replaced is not None and (other := substitute(frame, fn)) is not fn:
                    output = sync_output(standing(call, other(*args, **kwargs)), call)
                else:
                    output = fn(*args, **kwargs)
            finally:
                reset_watch(token)
        else:
            output = standing(call, stand_in.value)
    except BaseException as error:
        if run.observers:
            run.notify(new_failed(call, leaves_as(error), run.clock.monotonic() - started))
        raise
    if type(output) in STREAMS and call.node.streams:
        return told(frame, output, started)
    if run.observers:
        run.notify(new_finished(call, output, run.clock.monotonic() - started))
    return output


async def announce(run: Watched, call: Call) -> BaseException | None:
    """Tell observers that an urgent call starts; give what interrupted that: the call runs all the same."""
    try:
        await run.notify_async(new_started(call))
    except BaseException as error:
        return error
    return None


async def run_seen_async(
    frame: Frame,
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    awaits: bool = True,
    urgent: bool = False,
    keep: Callable[[Any], Awaitable[None] | None] | None = None,
) -> Any:
    """Run one call of an async run inside its frame, with its events; `awaits` says whether `fn` is asynchronous."""
    run, call = frame.run, frame.call
    assert call is not None
    if run.is_late is not None and not urgent and run.is_late():
        await one_turn()  # the cancellation arrives
    stand_in = run.admit(call, urgent=urgent)
    started = call.started_s
    interrupted: BaseException | None = None
    try:
        if run.observers:
            if urgent:
                interrupted = await announce(run, call)
            elif (telling := run.tell(new_started(call))) is not None:
                await telling
            started = run.clock.monotonic()
        if stand_in is None:
            token = set_watch(frame)
            try:
                if run.replaced is not None and (other := substitute(frame, fn)) is not fn:
                    fn, awaits = partial(of_either_colour, other, call), True
                output = await fn(*args, **kwargs) if awaits else fn(*args, **kwargs)
                if type(output) is Stopped:
                    raise output.error
            finally:
                leave_frame(token)
        else:
            output = standing(call, stand_in.value)
        if keep is not None and (later := keep(output)) is not None:
            await later
        if interrupted is not None:
            raise interrupted
    except GeneratorExit as error:  # the coroutine is thrown away: nothing can be awaited any more
        run.notify(new_failed(call, error, run.clock.monotonic() - started))
        raise
    except BaseException as error:
        if run.observers:
            await run.notify_async(new_failed(call, leaves_as(error), run.clock.monotonic() - started))
        if interrupted is not None and error is not interrupted and isinstance(error, Exception):
            raise interrupted from error  # the cancellation that came first must not get lost
        if isinstance(error, StopIteration) and not call.node.is_async:
            return Stopped(error)
        raise
    if type(output) in STREAMS and call.node.streams:
        return told(frame, output, started)
    if run.observers:
        telling = run.tell(new_finished(call, output, run.clock.monotonic() - started))
        if telling is not None:
            await telling
    return output
