"""`Crew`: the threads that a machine of the library has started; who waits in one can tell whether others may come.

Where all threads of a crew wait for company, none will come. Read next: `omnitron.algebra.crowds`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Protocol

from omnitron.errors import DeadlineExceeded, RunCancelled
from omnitron.runtime.forking import Mutex
from omnitron.runtime.frames import read_watch
from omnitron.runtime.stopping import DeadlinePassed, RunStopped, is_leaving

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

__all__ = ["Crew", "crew_here", "gate", "looks_s", "refuse_to_wait"]

gate = Mutex()
"""Guards crews, and the windows in which threads wait, for the moments in which they change."""
LOOK_S = 0.05
"""How often a thread that waits for another looks whether its own run is over, in seconds."""


class Gathers(Protocol):
    """Something in which threads wait for each other."""

    def nudge(self) -> None:
        """Have one of those who wait go on."""


class Crew:
    """The threads that share the jobs of one machine.

    Attributes:
        threads: how many there are at most.
        unfinished: jobs that were given, and have not ended.
        feeding: whether who gives the jobs is about to give more.
        waiting: how many of its threads wait, by what they wait in.
    """

    __slots__ = ("feeding", "threads", "unfinished", "waiting")

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.unfinished = 0
        self.feeding = True
        self.waiting: dict[Gathers, int] = {}

    def submit(self, pool: Executor, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        """Give a job to the pool of the crew, in a copy of the running context."""
        variables = copy_context()
        variables.run(crew_here.set, self)
        with gate:
            self.unfinished += 1
        future = pool.submit(variables.run, fn, *args)
        future.add_done_callback(self.finished)
        return future

    def rest(self) -> None:
        """Take note that no more jobs are given until one has ended."""
        with gate:
            self.feeding = False
            self.look()

    def look(self) -> None:
        """Have who waits go on if nobody will come."""
        if self.waiting and self.all_wait():
            self.nudge()

    def finished(self, future: Future[Any]) -> None:
        """Take note that a job has ended, or will not begin."""
        with gate:
            self.unfinished -= 1
            self.look()

    def all_wait(self, more: int = 0) -> bool:
        """Say whether all threads wait that have something to do, if `more` waited too."""
        return not self.feeding and sum(self.waiting.values()) + more >= min(self.threads, self.unfinished)

    def wait_in(self, what: Gathers) -> None:
        """Take note that a thread begins to wait."""
        self.waiting[what] = self.waiting.get(what, 0) + 1

    def go_on(self, what: Gathers) -> None:
        """Take note that a thread waits no longer."""
        left = self.waiting.get(what, 0) - 1
        if left > 0:
            self.waiting[what] = left
        else:
            self.waiting.pop(what, None)

    def nudge(self) -> None:
        """Have whatever threads wait in go on without more company."""
        for what in [*self.waiting]:
            what.nudge()


crew_here: ContextVar[Crew | None] = ContextVar("omnitron_crew", default=None)


def refuse_to_wait() -> None:
    """End the wait of a thread whose sync run was cancelled, or whose time is over."""
    frame = read_watch()
    if frame is None or is_leaving():
        return
    run = frame.run
    if run.halt is not None and run.halt.reason is not None:
        raise RunStopped(RunCancelled(run.id, run.halt.reason))
    if run.deadline is not None and run.clock.monotonic() >= run.deadline:
        raise DeadlinePassed(
            DeadlineExceeded(
                f"the deadline of the context passed while {frame.path!r} waited for what others do too. Give more time "
                "where the context is made: `context(deadline=seconds)`."
            )
        )


def looks_s() -> float | None:
    """Give how often a thread that waits has to look whether its run is over; None for a run that nothing ends."""
    frame = read_watch()
    return None if frame is None or (frame.run.halt is None and frame.run.deadline is None) else LOOK_S
