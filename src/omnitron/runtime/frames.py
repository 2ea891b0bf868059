"""Where in a watched run the running code is, and what its calls share.

A context variable holds the frame of the running code, or None where nothing watches. What happens at a flow's boundary
stands in `omnitron.runtime.watching`.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar, Token
from itertools import count
from typing import Any, NoReturn

from omnitron.errors import DeadlineExceeded, DefinitionError, RunCancelled
from omnitron.model import Call, Clock, Event, Guard, Observer, Replace, new_call
from omnitron.runtime.callsites import call_ordinal, is_own
from omnitron.runtime.clock import LONGEST_S, SYSTEM_CLOCK
from omnitron.runtime.reporting import log
from omnitron.runtime.stopping import DeadlinePassed, Halt, RunStopped, is_leaving

__all__ = [
    "Frame",
    "Site",
    "Stopped",
    "Watched",
    "attempt_frame",
    "beneath",
    "child_frame",
    "frame_here",
    "item_frame",
    "leave_frame",
    "read_watch",
    "reset_watch",
    "set_watch",
    "static_path",
    "wait_on",
    "watch",
]


class Watched:
    """What the calls of one watched run share. Immutable but for the counter of calls, `halt`, and what waits.

    Attributes:
        later: in an async run, what asynchronous observers answered where nothing could await it: at a sync flow that a
            body calls. The next boundary that can awaits it. In a sync run there is no such boundary, and it is None.
        replaced: what runs in the place of flows of these names or static paths.
        halt: says that nothing more may start in a sync run that was started; None in a run that nobody can cancel.
        is_late: in an async run with a deadline, ends the run when its time is over; says whether it did so just now.
    """

    __slots__ = ("clock", "deadline", "guards", "halt", "id", "is_late", "later", "next_call", "observers", "replaced")

    def __init__(
        self,
        id: str,
        clock: Clock,
        observers: tuple[Observer, ...],
        guards: tuple[Guard, ...],
        deadline: float | None,
        replaced: Mapping[str, Callable[..., Any]] | None = None,
        *,
        is_async: bool = False,
    ) -> None:
        self.id = id
        self.clock = clock
        self.observers = observers
        self.guards = guards
        self.deadline = deadline
        self.next_call = count(1).__next__
        self.replaced = replaced
        self.halt: Halt | None = None
        self.is_late: Callable[[], bool] | None = None
        self.later: deque[tuple[Observer, Event, Awaitable[None]]] | None = deque() if is_async else None

    def admit(self, call: Call, *, urgent: bool = False) -> Replace | None:
        """Check deadline (not of what is `urgent`) and guards; raise to refuse, give a `Replace` to stand in.

        What is called while the end of the run's time is on its way out is clean-up in a body, and urgent too.
        """
        if not urgent and (self.halt is not None or self.deadline is not None):
            self.go_on(call, call.started_s, starts=True)
        for guard in self.guards:
            answer = guard.check(call)
            if answer is None:
                continue
            if not isinstance(answer, Replace):
                refuse_answer(guard, answer)
            return answer
        return None

    def go_on(self, call: Call, now: float | None = None, *, starts: bool = False) -> None:
        """Refuse to go on with a call where the run was cancelled, or its time is over (sync runs only)."""
        if self.halt is not None and self.halt.reason is not None and not is_leaving():
            raise RunStopped(RunCancelled(self.id, self.halt.reason))
        if self.deadline is None:
            return
        now = self.clock.monotonic() if now is None else now
        if now >= self.deadline and not is_leaving():
            then = "started" if starts else "given its next item"
            raise DeadlinePassed(
                DeadlineExceeded(
                    f"the deadline of the context passed {now - self.deadline:.3f} s before {call.path!r} would have "
                    f"{then}. Give more time where the context is made: `context(deadline=seconds)`."
                )
            )

    def notify(self, event: Event) -> None:
        """Tell every observer; what it raises is logged and dropped, an awaitable waits for a boundary that can await."""
        for observer in self.observers:
            try:
                later = observer.observe(event)
                if later is None:
                    continue
                if self.later is None:
                    refuse_awaitable(observer, later)
                self.later.append((observer, event, later))
            except Exception as error:
                report(observer, event, error)

    def tell(self, event: Event) -> Awaitable[None] | None:
        """Tell every observer in order; give what has to be awaited at once, where one is asynchronous.

        All are told before a cancellation leaves. Mostly nothing is to be awaited, and no coroutine is made for it.
        """
        if self.later:
            return self.notify_async(event)
        for place, observer in enumerate(self.observers):
            try:
                later = observer.observe(event)
            except Exception as error:
                report(observer, event, error)
            except BaseException as error:
                return self.tell_rest(event, place + 1, error)
            else:
                if later is not None:
                    return self.tell_rest(event, place + 1, None, later)
        return None

    async def tell_rest(
        self, event: Event, start: int, interrupted: BaseException | None, later: Awaitable[None] | None = None
    ) -> None:
        """Await what the observer before place `start` answered, then tell the others; raise what interrupted that."""
        if later is not None:
            try:
                await later
            except Exception as error:
                report(self.observers[start - 1], event, error)
            except BaseException as error:
                interrupted = error
        for observer in self.observers[start:]:
            try:
                later = observer.observe(event)
                if later is not None:
                    await later
            except Exception as error:
                report(observer, event, error)
            except BaseException as error:
                interrupted = error
        if interrupted is not None:
            raise interrupted

    async def notify_async(self, event: Event) -> None:
        """Await what could not be awaited before; then tell every observer, and await those that are asynchronous."""
        interrupted = await self.settle_later()
        await self.tell_rest(event, 0, interrupted)

    async def settle_later(self) -> BaseException | None:
        """Await what observers answered where nothing could await it; give what interrupted that."""
        interrupted: BaseException | None = None
        while self.later:
            observer, earlier, waiting = self.later.popleft()
            try:
                await waiting
            except Exception as error:
                report(observer, earlier, error)
            except BaseException as error:
                interrupted = error
        return interrupted


class Stopped:
    """Carries the `StopIteration` of a sync part out of the coroutines that watch it, which cannot raise it."""

    __slots__ = ("error",)

    def __init__(self, error: StopIteration) -> None:
        self.error = error


class Frame:
    """Where in a watched run the running code is: the path so far and the call that is being made.

    `body` says that a user's function runs here, so that a flow called now is a call from its body and not a part of
    the tree. `named` says that the path is already that of the boundary which comes next: a refinement as the root of a
    flow has the name of what it refines, and adds no segment. `part` is for a flow that is handed to another place: its
    node, and how many siblings of each name stand before its parts. The boundary of such a flow is made already.
    `streams` says that what is called now is called for an item of a stream. `attempt` is the ordinal of the try that the
    innermost retry around it makes.
    """

    __slots__ = ("attempt", "body", "call", "named", "part", "path", "run", "sites", "streams")

    def __init__(
        self,
        run: Watched,
        path: str,
        call: Call | None,
        *,
        body: bool,
        named: bool = False,
        part: tuple[Any, Mapping[str, int]] | None = None,
        streams: bool = False,
        attempt: int | None = None,
    ) -> None:
        self.run = run
        self.path = path
        self.call = call
        self.body = body
        self.named = named
        self.part = part
        self.sites: dict[Any, int] | None = None
        self.streams = streams
        if attempt is None:
            attempt = 1 if call is None else call.attempt
        self.attempt = attempt


class Site:
    """A boundary of the tree, known before anything runs: its last path segment and its node.

    `body` says that it runs a user's function, `awaits` that it is a coroutine function, `urgent` that it belongs to a
    `finally`: a cancellation that arrives while observers are told of its start does not keep it from running.
    """

    __slots__ = ("awaits", "body", "flow", "node", "segment", "urgent")

    def __init__(self, segment: str, flow: str, node: Any, *, body: bool, awaits: bool, urgent: bool = False) -> None:
        self.segment = segment
        self.flow = flow
        self.node = node
        self.body = body
        self.awaits = awaits
        self.urgent = urgent


watch: ContextVar[Frame | None] = ContextVar("omnitron_watch", default=None)
set_watch, reset_watch, read_watch = watch.set, watch.reset, watch.get


def report(observer: object, event: Event, error: Exception) -> None:
    """Log that an observer raised; the run goes on."""
    log(
        "error", "observer %r raised at %s of %s; what it raised is dropped", observer, type(event).__name__, event.path,
        error=error, run_id=event.run_id, path=event.path, attempt=event.attempt,
    )  # fmt: skip


def refuse_answer(guard: object, answer: object) -> NoReturn:
    """Say what a guard may answer; a coroutine is closed, because nothing awaits it."""
    if hasattr(answer, "__await__"):
        getattr(answer, "close", bool)()
    raise TypeError(
        f"the guard {guard!r} answered {answer!r}. It gives None to let the call through, `Replace(value)` to stand in for "
        "its result, and raises to refuse it."
    )


def refuse_awaitable(observer: object, later: Awaitable[None]) -> NoReturn:
    """Close what cannot be awaited in a sync flow and say so."""
    close = getattr(later, "close", None)
    if close is not None:
        close()
    raise TypeError(
        f"{observer!r} is asynchronous and cannot watch the sync flow here: nothing can await it. "
        "Give it a plain function, or make the flow async."
    )


def wait_on(clock: Clock, seconds: float) -> None:
    """Block the thread for `seconds` of a clock; a started run that is cancelled meanwhile waits no longer.

    Raises:
        DefinitionError: the clock has no `wait`, which contexts do not ask of it before somebody needs it.
    """
    wait = getattr(clock, "wait", None)
    if wait is None:
        raise DefinitionError(
            f"a sync flow has to wait {seconds:g} s, and the context's clock {clock!r} has no method `wait`. Give it "
            "`def wait(self, seconds: float) -> None`, which blocks the thread for so many of its seconds."
        )
    frame = read_watch()
    halt = None if frame is None else frame.run.halt
    if halt is None or clock is not SYSTEM_CLOCK:
        wait(seconds)
    else:
        halt.rung.wait(min(max(seconds, 0.0), LONGEST_S))


def frame_here(depth: int, name: str) -> tuple[Frame, str]:
    """Give the parent frame and the path of a flow that is called now, `depth` Python frames above this one."""
    frame = read_watch()
    assert frame is not None
    if not frame.path:
        return frame, name
    if frame.named:
        return frame, frame.path
    if not frame.body:
        return frame, f"{frame.path}/{name}"
    caller = sys._getframe(depth + 1)
    while is_own(caller.f_code) and caller.f_back is not None:
        caller = caller.f_back
    site = (caller.f_code, caller.f_lasti, name)
    if frame.sites is None:
        frame.sites = {}
    seen = frame.sites.get(site, 0)
    frame.sites[site] = seen + 1
    code, node = caller.f_code, None if frame.call is None else frame.call.node
    own = getattr(getattr(node, "fn", None), "__code__", code) is code
    where = call_ordinal(code, caller.f_lasti)
    return frame, f"{frame.path}/{name}@{where if own else f'{code.co_name}.{where}'}[{seen}]"


def beneath(frame: Frame, segment: str) -> str:
    """Give the path of a part called `segment` beneath a frame."""
    return frame.path if frame.named else f"{frame.path}/{segment}"


def child_frame(parent: Frame, path: str, site: Site, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Frame:
    """Make the frame of a call that starts now."""
    run, around = parent.run, parent.call
    call = new_call(
        site.flow, path, run.id, run.next_call(), around, parent.attempt, args, kwargs, run.clock.monotonic(), site.node,
        parent.streams or (around is not None and around.in_item),
    )  # fmt: skip
    return Frame(run, path, call, body=site.body)


def item_frame(index: int) -> Any:
    """Enter item `index` of a loop: give the token that `reset_watch` takes."""
    frame = read_watch()
    assert frame is not None
    item = Frame(
        frame.run, f"{frame.path}[{index}]", frame.call, body=False, streams=frame.streams, attempt=frame.attempt
    )
    return set_watch(item)


def attempt_frame(number: int) -> Any:
    """Enter the attempt `number` (from 1) of what is called next: give the token that `reset_watch` takes."""
    frame = read_watch()
    assert frame is not None
    again = Frame(frame.run, frame.path, frame.call, body=False, named=frame.named, attempt=number)
    again.streams = frame.streams
    return set_watch(again)


def leave_frame(token: Token[Frame | None]) -> None:
    """Leave a frame inside a coroutine; one that is closed in another context than it ran in leaves nothing behind."""
    try:  # noqa: SIM105 - this ends each step of an async run, and `suppress` costs more than the rest of it
        reset_watch(token)
    except ValueError:
        pass


def static_path(path: str) -> str:
    """Give the path of a call without what moves: loop indexes, and call sites with their counts."""
    parts = (part.partition("@")[0].partition("[")[0] for part in path.split("/"))
    return "/".join(parts)
