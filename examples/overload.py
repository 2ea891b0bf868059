"""A retry storm, and the same bad luck with a budget or a breaker; and a hedge: thousands of callers, in virtual time.

    python examples/overload.py

A server does 130 requests a second, one after the other, and 100 come. Answers take longer the more of them wait; what
would wait for more than four seconds is refused; and who leaves meanwhile has cost as much. At second 10 it stands still
for three seconds. Look at `HOUSES`: the policies are the same but for the budget, or the breaker.

Then another server, of which one answer in fifty takes forty times as long as the others: a hedge asks it once more when an
answer takes longer than most do.
"""

import asyncio
from collections import Counter
from random import Random

from omnitron import (
    CircuitBreaker,
    CircuitOpen,
    Hedge,
    Retry,
    RetryBudget,
    Stack,
    TimedOut,
    Timeout,
    context,
    flow,
    worst_case,
)
from omnitron.testing import VirtualClock

RATE, CAPACITY, SECONDS = 100, 130, 40
STALL, BACKLOG = (10, 13), 4.0
HOUSES = {
    "no budget": Timeout(1) + Retry(4, delay=0.2, max_delay=2),
    "a budget": Timeout(1) + Retry(4, delay=0.2, max_delay=2, budget=RetryBudget(ratio=0.1, burst=10)),
    "a breaker": Timeout(1) + CircuitBreaker(10, open_for=1, probes=10) + Retry(4, delay=0.2, max_delay=2),
}
Chart = Counter[int]


class Overloaded(Exception):
    """The server has too much to do."""


class Server:
    def __init__(self, clock: VirtualClock) -> None:
        self.clock, self.free_at, self.asked = clock, 0.0, Chart()

    async def answer(self, number: int) -> int:
        now = self.clock.monotonic()
        self.asked[int(now)] += 1
        if STALL[0] <= now < STALL[1]:
            self.free_at = max(self.free_at, STALL[1])
        wait = max(self.free_at - now, 0.0)
        if wait > BACKLOG:
            raise Overloaded
        self.free_at = now + wait + 1 / CAPACITY
        await asyncio.sleep(wait + 1 / CAPACITY)
        return number


def simulate(house: Stack[Timeout | Retry | CircuitBreaker]) -> tuple[Chart, Chart]:
    """Give how many requests the server got, and how many callers got their answer, by second."""
    clock, answered = VirtualClock(), Chart()
    server, app = Server(clock), context(clock=clock, random=Random(1))
    ask = flow(server.answer).apply(house.fresh())

    async def caller(number: int) -> None:
        await asyncio.sleep(number / RATE)
        try:
            await app.run(ask, number)
            answered[int(clock.monotonic())] += 1
        except (Overloaded, TimedOut, CircuitOpen):
            pass  # one whom nobody could help

    async def everybody() -> None:
        await asyncio.gather(*map(caller, range(RATE * SECONDS)))

    clock.run(everybody())
    return server.asked, answered


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


def bars(chart: Chart, most: int) -> str:
    return "".join(" ▁▂▃▄▅▆▇█"[min(8, -(-8 * chart[second] // most))] for second in range(SECONDS))


if __name__ == "__main__":
    for name, house in HOUSES.items():
        asked, answered = simulate(house)
        worst = worst_case(flow(Server(VirtualClock()).answer).apply(house))
        print(f"{name}: at worst {worst.attempts} requests and {worst.seconds:g} s for one caller")
        print(f"  asked     {bars(asked, 7 * RATE)} {max(asked.values()):4} a second at most")
        print(f"  answered  {bars(answered, CAPACITY)} {answered.total() / RATE / SECONDS:4.0%} of all callers\n")
    for hedged in (False, True):
        waited, asked_in_all = slow_tail(hedged=hedged)
        middle, last = waited[len(waited) // 2], waited[len(waited) * 99 // 100]
        name, more = "a hedge" if hedged else "no hedge", asked_in_all / len(waited)
        print(
            f"{name}: one in two waits {middle:.3f} s, one in a hundred {last:.3f} s or more; {more:.2f} requests a caller"
        )
