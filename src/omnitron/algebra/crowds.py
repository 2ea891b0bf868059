"""The sync driver of `omnitron.policy.Window`: threads that wait for one call of a flow of a list.

Who closes the window runs the batch in its own thread, and the others wait for it: who fills it, who has waited for
`max_wait`, who comes when all other threads of its crew wait already, and who can have no company. Read next:
`omnitron.runtime.crews`.
"""

from __future__ import annotations

from asyncio import _get_running_loop
from collections.abc import Callable, Hashable
from copy import copy
from threading import Lock, active_count
from types import TracebackType
from typing import TYPE_CHECKING, Any

from omnitron import runtime
from omnitron.algebra.batches import ended_by, in_use, raisable
from omnitron.policy import Window, answers_of
from omnitron.runtime import (
    LONGEST_S,
    SYSTEM_CLOCK,
    Crew,
    Frame,
    current_context,
    gate,
    read_watch,
    reset_watch,
    set_watch,
)

if TYPE_CHECKING:
    from omnitron.algebra.batches import Batching
    from omnitron.runtime import Context

__all__ = ["wait_in_thread"]


class Slot:
    """Where one thread waits.

    Attributes:
        bell: is free once something has happened.
        run: the run that is watched, or None.
        crew: the crew that counts this thread among those who wait, or None.
        is_done: whether there is an answer.
    """

    __slots__ = ("answer", "bell", "crew", "error", "is_done", "run", "traceback")

    def __init__(self, run: Any) -> None:
        self.crew: Crew | None = None
        self.bell = Lock()
        self.bell.acquire()
        self.run = run
        self.is_done = False
        self.answer: Any = None
        self.error: BaseException | None = None
        self.traceback: TracebackType | None = None

    def ring(self) -> None:
        """Wake who waits here."""
        if self.bell.locked():
            self.bell.release()

    def settle(self, answer: Any = None, error: BaseException | None = None) -> None:
        """Give the answer, or the error."""
        if error is not None:
            self.error, self.traceback = error, error.__traceback__
        self.answer = answer
        self.is_done = True
        self.ring()

    def take(self) -> Any:
        """Give the answer, or raise the error as all do who share it."""
        error, self.error = self.error, None
        if error is None:
            return self.answer
        try:
            raise error.with_traceback(self.traceback)
        finally:
            del error, self.traceback


class Crowd(Window):
    """A window in which threads wait.

    Attributes:
        clock: that of who opened it; what a window is found by includes it.
        deadline: the earliest of all who joined.
    """

    __slots__ = ("__weakref__", "batching", "clock", "deadline", "key")

    def __init__(self, batching: Batching, key: Hashable, ctx: Context) -> None:
        node = batching.node
        self.clock = ctx.runtime.clock
        super().__init__(node.size_now(), node.max_wait, self.clock.monotonic())
        self.batching = batching
        self.key = key
        self.deadline = ctx.runtime.deadline

    def nudge(self) -> None:
        """Have one of those who wait close the window."""
        if self.state == "open":
            for there in self.waiters:
                if there is not None:
                    (there[0] if type(there) is list else there).ring()
                    return

    def shut(self) -> list[Any]:
        """Close the window; give the items."""
        opened = self.batching.cell.open
        if opened.get(self.key) is self:
            del opened[self.key]
        return self.close()

    def let_go(self, slot: Slot) -> None:
        """Have the crew of a thread know that it waits no longer, before it may do anything else."""
        if slot.crew is not None:
            slot.crew.go_on(self)
            slot.crew = None

    def wait(self, slot: Slot) -> list[Any] | None:
        """Wait until there is an answer, or until it is for this thread to run the batch: then give the items.

        Raises:
            RunStopped, DeadlinePassed: the run of this thread is over.
        """
        looks = runtime.looks_s()
        while True:
            rest = None if self.state != "open" else max(self.began + self.max_wait - self.clock.monotonic(), 0.0)
            bounds = [one for one in (rest, looks) if one is not None]
            rung = self.pause(slot, min(bounds) if bounds else -1)
            if slot.is_done:
                return None
            runtime.refuse_to_wait()
            with gate:
                if self.state == "open" and (rung or self.is_over(self.clock.monotonic())):
                    self.let_go(slot)
                    return self.shut()

    def pause(self, slot: Slot, seconds: float) -> bool:
        """Wait so long, -1 for as long as it takes; say whether the bell rang."""
        if self.clock is SYSTEM_CLOCK or seconds < 0:
            return slot.bell.acquire(timeout=min(seconds, LONGEST_S))
        if slot.bell.acquire(blocking=False):
            return True
        runtime.wait_on(self.clock, min(seconds, STEP_S))
        return slot.bell.acquire(blocking=False)

    def run(self, call: Callable[..., Any], items: list[Any], o_shared: object = None) -> None:
        """Run the batch in this thread, and give everybody what is theirs.

        What ends the run of this thread ends the batch only where nobody of another run waits for it. The local `o_shared`
        tells notes that many get the errors that come from here.
        """
        batching = self.batching
        name, frame, token = batching.node.body.name, read_watch(), None
        if (
            frame is not None
            and (frame.run.halt is not None or frame.run.deadline is not None)
            and self.is_mixed(frame)
        ):
            token = set_watch(without_end(frame))
        try:
            ctx = runtime.context_apart(current_context(), batching.names, self.deadline)
            began = self.clock.monotonic()
            answers = answers_of(runtime.run_apart(ctx, call, items), len(items), name)
            batching.node.measure(len(items), self.clock.monotonic() - began)
            with gate:
                for slot, answer in self.settle(answers):
                    self.let_go(slot)
                    if isinstance(answer, BaseException):
                        slot.settle(error=raisable(answer, name))
                    else:
                        slot.settle(answer)
        except Exception as error:
            batching.spot.mark(error, batching.spot(error))
            self.refuse(error)
        except BaseException as error:
            self.refuse(ended_by(error, name))
            raise
        finally:
            if token is not None:
                reset_watch(token)

    def refuse(self, error: Exception) -> None:
        """Give everybody the error."""
        with gate:
            for slot in self.fail():
                self.let_go(slot)
                slot.settle(error=error)

    def is_mixed(self, frame: Frame) -> bool:
        """Say whether somebody of another run waits too."""
        with gate:
            waiting = [one for there in self.waiters for one in (there if type(there) is list else [there])]
        return any(slot is not None and slot.run is not frame.run for slot in waiting)


STEP_S = 0.01
"""In what steps a thread waits on a clock that is not the machine's, in seconds."""


def without_end(frame: Frame) -> Frame:
    """Give a frame in which neither the cancellation nor the deadline of its run ends what runs there."""
    run = copy(frame.run)
    run.halt = run.deadline = None
    lasting = Frame(run, frame.path, frame.call, body=False, named=frame.named)
    lasting.streams, lasting.attempt = frame.streams, frame.attempt
    return lasting


def wait_in_thread(batching: Batching, call: Callable[..., Any], item: Any) -> Any:
    """Join a window with an item, and give the answer to it; the thread waits, or runs the batch for all."""
    ctx, crew, frame = current_context(), runtime.crew_here.get(), read_watch()
    group, key = (None, *batching.group(ctx, item)), batching.key(item)  # type: ignore[misc] # it is a tuple
    slot = Slot(None if frame is None else frame.run)
    items: list[Any] | None = None
    with gate:
        window = found(batching, group, ctx)
        place = window.join(item, key, slot)
        if window.full or is_alone(window, crew):
            items = window.shut()
        elif crew is not None:
            slot.crew = crew
            crew.wait_in(window)
    try:
        if items is None:
            items = window.wait(slot)
        if items is not None:
            window.run(call, items)
    except BaseException:
        with gate:
            window.let_go(slot)
            if not slot.is_done and window.leave(place, slot) and window.state == "open":
                window.shut()
        raise
    return slot.take()


def found(batching: Batching, group: Hashable, ctx: Context) -> Crowd:
    """Give the open window of a group, a new one where there is none."""
    opened = batching.cell.open
    window: Crowd | None = opened.get(group)
    if window is None:
        in_use.add(batching.cell)
        window = opened[group] = Crowd(batching, group, ctx)
    else:
        window.deadline = runtime.earlier(window.deadline, ctx.runtime.deadline)
    return window


def is_alone(window: Crowd, crew: Crew | None) -> bool:
    """Say whether nobody more can be expected: all who could come wait, or this thread must not wait."""
    if not window.max_wait or _get_running_loop() is not None:
        return True
    if crew is None:
        return active_count() == 1
    if not crew.all_wait(1):
        return False
    crew.nudge()  # those who wait for others in other windows
    return True
