"""A server with a slow tail, and what a hedge does about it: four thousand callers, in virtual time.

    python examples/tail.py

One answer in fifty takes forty times as long as the others. A hedge asks once more when an answer takes longer than nearly
all do, gives what comes first, and cancels the other; it does so for a tenth of the calls at most.
"""

import asyncio
from random import Random

from omnitron import Hedge, context, flow
from omnitron.testing import VirtualClock

RATE, SECONDS = 100, 40


def slow_tail(*, hedged: bool) -> tuple[list[float], int]:
    """Give how long the callers of a server with a slow tail waited, in order, and how many requests it got."""
    clock, luck, waited = VirtualClock(), Random(2), list[float]()
    app, asked = context(clock=clock, random=Random(1)), 0

    @flow
    async def answer(number: int) -> int:
        nonlocal asked
        asked += 1
        await asyncio.sleep(2.0 if luck.random() < 0.02 else luck.uniform(0.04, 0.06))
        return number

    ask = answer.hedge(Hedge(0.2, percentile=0.95)) if hedged else answer

    async def caller(number: int) -> None:
        await asyncio.sleep(number / RATE)
        began = clock.monotonic()
        await app.run(ask, number)
        waited.append(clock.monotonic() - began)

    async def everybody() -> None:
        await asyncio.gather(*map(caller, range(RATE * SECONDS)))

    clock.run(everybody())
    return sorted(waited), asked


if __name__ == "__main__":
    for hedged in (False, True):
        waited, asked = slow_tail(hedged=hedged)
        middle, last = waited[len(waited) // 2], waited[len(waited) * 99 // 100]
        name, more = "a hedge" if hedged else "no hedge", asked / len(waited)
        print(
            f"{name}: one in two waits {middle:.3f} s, one in a hundred {last:.3f} s or more; {more:.2f} requests a caller"
        )
