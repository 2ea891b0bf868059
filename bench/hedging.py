"""Rows of hedges: what it costs to be ready for a second attempt that never starts.

The objects are made here, timed, and shown to keep what they promise. Read next: `bench.rows`, whose table these rows join.
"""

import asyncio

from bench import hedging_by_hand
from bench.measure import timed_async
from bench.promises import Proof, require
from bench.rows import Row, Settings, Subjects, compared
from bench.work import add_soon
from omnitron import EventLog, Hedge, context, flow
from omnitron.testing import VirtualClock

policy = Hedge(60)
hedged = flow(add_soon).hedge(policy)
measured = flow(add_soon).hedge(60, percentile=0.95)


def hedging(settings: Settings, subjects: Subjects, proof: Proof) -> list[Row]:
    """Measure, then show."""
    runner = settings.runner
    by_hand = timed_async(runner, "await call(1)", call=hedging_by_hand.hedged)
    safely = timed_async(runner, "await call(1)", call=hedging_by_hand.hedged_safely)
    table = [
        compared(
            settings,
            "hedge of an async step, never fires",
            None,
            timed_async(runner, "await call(1)", call=hedged),
            ("asyncio.wait", by_hand, hedging_by_hand.hedged),
            others={"the same, safe to cancel": safely},
        ),
        compared(
            settings,
            "hedge of an async step, delay of a percentile, never fires",
            None,
            timed_async(runner, "await call(1)", call=measured),
            ("asyncio.wait, a fixed delay", by_hand, hedging_by_hand.hedged),
        ),
    ]
    proof.show("hedge: the second attempt starts in time and wins; the first is cancelled and awaited", shows_second)
    proof.show("hedge: at most a tenth of the calls is made twice, beside ten in reserve", shows_budget)
    return table


# ---------------------------------------------------------------- what is shown


class Slow:
    """A number to the step, which gives what waits."""

    def __add__(self, other: int) -> object:
        return self


def shows_second(proof: Proof) -> None:
    """The flow that was timed, before a step that is slow the first time."""
    clock, log, book = VirtualClock(), EventLog(), list[str]()

    async def wait(value: object) -> str:
        first = not book
        book.append("begun")
        try:
            await asyncio.sleep(600 if first else 1)
        finally:
            await asyncio.sleep(1)
            book.append("ended")
        return "first" if first else "second"

    async def main() -> object:
        tree = (hedged | flow(wait)).hedge(60)
        result = await context(clock=clock, observers=log).run(tree, Slow())
        require(len(asyncio.all_tasks()) == 1, "a task was left")
        return result

    require(clock.run(main()) == "second", "the first attempt won")
    require(book == ["begun", "begun", "ended", "ended"], f"the attempts did {book}")
    require({event.attempt for event in log.events} == {1, 2}, "hooks did not see two attempts")


def shows_budget(proof: Proof) -> None:
    """The policy that was timed, over a step that is always slow."""
    clock, shared = VirtualClock(), policy.fresh()

    async def wait(value: int) -> int:
        await asyncio.sleep(100)
        return value

    async def main() -> None:
        tree = flow(wait).hedge(shared)
        for number in range(300):
            await context(clock=clock).run(tree, number)

    clock.run(main())
    info = shared.info()
    require(info.calls == 300 and 30 <= info.hedges <= 40, f"of 300 calls {info.hedges} were made twice")
