"""Sagas: what undoes the steps that are done, and the scopes that run it when something fails.

A step that can be undone makes a `Promise` before it runs and keeps it when it is done; the promise then stands in the
innermost `Saga`. A scope that fails runs its promises, the last one first; one that succeeds hands them to the scope
around it; the scope of a whole flow forgets them. Which places of a tree are scopes is the business of
`omnitron.algebra.undoing`. A tree in which nothing is undone never comes here.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar
from itertools import count
from typing import Any

from omnitron.runtime.contexts import current
from omnitron.runtime.frames import Frame, read_watch
from omnitron.runtime.reporting import log
from omnitron.runtime.watching import run_inside, run_inside_async

__all__ = ["Promise", "Saga", "keep_both"]

next_number = count(1).__next__
saga_here: ContextVar[Saga | None] = ContextVar("omnitron_saga", default=None)


class Promise:
    """What undoes one step once the step is done, in the context and at the place of the step.

    Args:
        fn: takes the step's result.
        spot: tells the path at which an error of `fn` was raised.
        awaits: whether `fn` is a coroutine function.
    """

    __slots__ = ("awaits", "context", "fn", "frame", "number", "scope", "spot", "value")

    def __init__(self, fn: Callable[[Any], Any], spot: Callable[[BaseException], str], *, awaits: bool) -> None:
        self.fn = fn
        self.spot = spot
        self.awaits = awaits
        self.context = current.get()
        self.frame = read_watch()
        self.scope = saga_here.get()
        self.number = 0
        self.value: Any = None

    def keep(self, value: Any) -> Coroutine[Any, Any, None] | None:
        """Take the step's result: from now on there is something to undo.

        Where the scope has failed meanwhile (the step ran in a thread that nobody waits for), it is undone at once, or
        by the coroutine that is given back.
        """
        self.value = value
        self.number = next_number()
        if self.scope is None or self.scope.take(self):
            return None
        if self.awaits:
            return undo_async([self], None)
        undo([self], None)
        return None

    def frame_now(self) -> Frame | None:
        """Give the frame to run in: the place of the step, as a child of the call whose scope failed."""
        frame, here = self.frame, read_watch()
        if frame is None:
            return None
        return Frame(frame.run, frame.path, None if here is None else here.call, body=False)

    def run(self) -> None:
        """Undo the step."""
        frame, token = self.frame_now(), current.set(self.context)
        try:
            self.fn(self.value) if frame is None else run_inside(frame, self.fn, (self.value,), {})
        finally:
            current.reset(token)

    async def run_async(self) -> None:
        """Undo the step and await it."""
        if not self.awaits:
            return self.run()
        frame, token = self.frame_now(), current.set(self.context)
        try:
            await (self.fn(self.value) if frame is None else run_inside_async(frame, self.fn, (self.value,), {}))
        finally:
            with suppress(ValueError):
                current.reset(token)

    def run_thrown_away(self) -> None:
        """Undo the step where nothing can be awaited any more; what would have to wait is an error."""
        if not self.awaits:
            return self.run()
        running = self.run_async()
        try:
            running.send(None)
        except StopIteration:
            return None
        running.close()
        raise RuntimeError("it would have to wait, and the coroutine of its flow was thrown away")


def keep_both(
    one: Callable[[Any], Coroutine[Any, Any, None] | None], other: Callable[[Any], Coroutine[Any, Any, None] | None]
) -> Callable[[Any], Coroutine[Any, Any, None] | None]:
    """Give what keeps two promises of one step in order."""

    def keep(value: Any) -> Coroutine[Any, Any, None] | None:
        first, second = one(value), other(value)
        return second if first is None else first if second is None else in_turn(second, first)

    return keep


async def in_turn(*later: Coroutine[Any, Any, None]) -> None:
    """Await one after the other."""
    for each in later:
        await each


class Saga:
    """A part of a flow that succeeds or fails as a whole. It is open from its making on.

    Args:
        root: whether what is done inside can no longer be undone once the scope has succeeded.
    """

    __slots__ = ("failed", "kept", "outer", "token")

    def __init__(self, *, root: bool = False) -> None:
        self.kept: list[Promise] = []
        self.failed = False
        self.outer = None if root else saga_here.get()
        self.token = saga_here.set(self)

    def take(self, promise: Promise) -> bool:
        """Keep a promise; say whether that is done, which it is not in a scope that has failed."""
        self.kept.append(promise)
        if self.failed:
            try:
                self.kept.remove(promise)  # another thread may have taken it in between
            except ValueError:
                return True
            return False
        return True

    def close(self) -> None:
        """Leave the scope."""
        with suppress(ValueError):  # a coroutine that is closed in another context than it ran in
            saga_here.reset(self.token)

    def hand_over(self) -> list[Promise]:
        """Give the promises to the scope around this one; give back those that it does not take any more."""
        self.close()
        outer, kept = self.outer, self.kept
        return [] if outer is None else [promise for promise in kept if not outer.take(promise)]

    def failing(self) -> list[Promise]:
        """Leave the scope as failed; give what is to be undone."""
        self.close()
        self.failed = True
        found: list[Promise] = []
        while self.kept:
            found.append(self.kept.pop())
        return found

    def keep(self) -> None:
        """End a part that has succeeded."""
        undo(self.hand_over(), None)

    async def keep_async(self) -> None:
        """End a part of an async flow that has succeeded."""
        late = self.hand_over()
        if late:
            await undo_async(late, None)

    def fail(self, error: BaseException) -> None:
        """End a part that has failed: undo what was done in it."""
        undo(self.failing(), error)

    async def fail_async(self, error: BaseException) -> None:
        """End a part of an async flow that has failed."""
        await undo_async(self.failing(), error)

    async def drop_async(self) -> None:
        """End a part that has succeeded, and whose result nobody takes."""
        await undo_async(self.failing(), None)


def undo(promises: list[Promise], cause: BaseException | None) -> None:
    """Run promises, the step that was done last first; what one raises is reported, and keeps none from running.

    Args:
        promises: in any order.
        cause: the error because of which they run, if there is one.

    Raises:
        BaseException: what no policy may catch was raised by one and is not what leaves anyway.
    """
    interrupted: BaseException | None = None
    for promise in sorted(promises, key=number_of, reverse=True):
        try:
            promise.run()
        except BaseException as error:
            report(promise, error, cause)
            interrupted = interrupted if isinstance(error, Exception) else error
    raise_unless_known(interrupted, cause)


async def undo_async(promises: list[Promise], cause: BaseException | None) -> None:
    """The async twin of `undo`. A cancellation ends the one that is running; the rest still run, then it leaves.

    Once the coroutine of the flow is thrown away, nothing can be awaited any more.
    """
    interrupted: BaseException | None = None
    for promise in sorted(promises, key=number_of, reverse=True):
        try:
            if isinstance(cause, GeneratorExit) or isinstance(interrupted, GeneratorExit):
                promise.run_thrown_away()
            else:
                await promise.run_async()
        except BaseException as error:
            report(promise, error, cause)
            interrupted = interrupted if isinstance(error, Exception) else error
    raise_unless_known(interrupted, cause)


def number_of(promise: Promise) -> int:
    """Give the place of a promise in the order in which steps were done."""
    return promise.number


def raise_unless_known(interrupted: BaseException | None, cause: BaseException | None) -> None:
    """Raise what interrupted an undoing, unless an error of that kind leaves already."""
    if interrupted is not None and not isinstance(cause, type(interrupted)):
        raise interrupted


def report(promise: Promise, error: BaseException, cause: BaseException | None) -> None:
    """Log that undoing a step failed, and note it on the error because of which it was undone."""
    path = promise.spot(error)
    run_id = None if promise.frame is None else promise.frame.run.id
    log(
        "error", "undoing a step failed in %s; the rest is still undone", path,
        error=error, run_id=run_id, path=path, attempt=1,
    )  # fmt: skip
    if cause is not None:
        with suppress(Exception):
            cause.add_note(f"undoing failed in {path}: {type(error).__name__}: {error}")
