"""Rows of retries and timeouts.

The objects are made here, timed, and shown to keep what they promise. Read next: `bench.rows`, whose table these rows join.
"""

import asyncio

from bench import baselines, peers
from bench.measure import timed, timed_async
from bench.promises import Proof, require
from bench.rows import Row, Settings, Subjects, compared
from bench.work import Down, add, add_soon, calls, flaky
from omnitron import EventLog, TimedOut, context, flow
from omnitron.testing import ManualClock

again = flow(add).retry()
again_flaky = flow(flaky).retry(delay=0)
again_soon = flow(add_soon).retry()
in_time = flow(add_soon).timeout(60)


def retrying(settings: Settings, subjects: Subjects, proof: Proof) -> list[Row]:
    """Measure, then show."""
    calls[0] = 0
    table = [
        compared(
            settings,
            "retry, nothing failing",
            1.2,
            timed("call(1)", call=again),
            ("a loop", timed("call(1)", call=baselines.again), baselines.again),
            others=peers.of_retry(add),
        ),
        compared(
            settings,
            "retry, two failures",
            1.5,
            timed("call(1)", call=again_flaky),
            ("a loop", timed("call(1)", call=baselines.again_flaky), baselines.again_flaky),
            others=peers.of_retry(flaky),
        ),
        compared(
            settings,
            "retry of an async step, nothing failing",
            None,
            timed_async(settings.runner, "await call(1)", call=again_soon),
            ("a loop", timed_async(settings.runner, "await call(1)", call=baselines.again_soon), baselines.again_soon),
        ),
        compared(
            settings,
            "timeout of an async step, in time",
            None,
            timed_async(settings.runner, "await call(1)", call=in_time),
            (
                "asyncio.timeout",
                timed_async(settings.runner, "await call(1)", call=baselines.in_time),
                baselines.in_time,
            ),
        ),
    ]
    proof.show("retry: hooks see each attempt, the last error leaves with a note that counts them", shows_attempts)
    proof.show("retry: waits as its policy says, on any clock, and ends before the deadline", shows_waits)
    proof.show("timeout: what takes too long is cancelled, cleans up, and leaves no timer and no task", shows_timeout)
    return table


# ---------------------------------------------------------------- what is shown


def shows_attempts(proof: Proof) -> None:
    """The flows that were timed are watched, and fail."""
    for subject, value in ((again, Burnt()), (again_soon, Burnt()), (again_flaky, 1)):
        calls[0], log = 0, EventLog()
        try:
            result = proof.finish(context(observers=log, clock=Hasty()).run(subject, value))
        except Down as error:
            require(error.__notes__[-1].endswith(", after 3 attempts"), f"the note says {error.__notes__}")
        else:
            require((subject, result) == (again_flaky, 2), f"it gave {result}")
        attempts = sorted({event.attempt for event in log.events})
        require(attempts == [1, 2, 3], f"hooks saw the attempts {attempts}")


class Burnt:
    """A number to the steps, at every addition of which they fail."""

    def __add__(self, other: int) -> int:
        raise Down("burnt")


class Hasty(ManualClock):
    """A clock that moves as soon as anybody sleeps."""

    async def sleep(self, delay: float) -> None:
        self.move(delay)


def shows_waits(proof: Proof) -> None:
    """The flow that was timed is tried again after 0.1 s and 0.2 s at most, never past a deadline."""
    clock = Hasty()
    try:
        context(clock=clock, random=Longest()).run(again, Burnt())
    except Down:
        require(abs(clock.time - 0.3) < 1e-9, f"it waited {clock.time} s")
    try:
        context(clock=clock, random=Longest(), deadline=0.15).run(again, Burnt())
    except Down as error:
        require("after 2 attempts (the deadline" in error.__notes__[-1], f"the note says {error.__notes__}")


class Longest:
    """Draws the longest delays."""

    def random(self) -> float:
        return 1.0


def shows_timeout(proof: Proof) -> None:
    """The flow that was timed is given a value that never comes."""
    book: list[str] = []

    class Never:
        """Waits where it is added to."""

        def __add__(self, other: int) -> object:
            return self

    async def wait(value: object) -> object:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            book.append("clean")
        return value

    async def main() -> None:
        clock = ManualClock()
        tree = (in_time | flow(wait)).timeout(5)
        task = asyncio.ensure_future(context(clock=clock).run(tree, Never()))
        await clock.advance(6)
        try:
            await task
        except TimedOut as error:
            require("within 5 s" in str(error), f"the error says {error}")
        require(book == ["clean"], "it was not cleaned up")
        require(len(asyncio.all_tasks()) == 1, "a task was left")
        await asyncio.gather(*[in_time(number) for number in range(10_000)])
        timers = [timer for timer in getattr(asyncio.get_running_loop(), "_scheduled", ()) if not timer.cancelled()]
        require(not timers, f"{len(timers)} timers were left")

    proof.runner.run(main())
