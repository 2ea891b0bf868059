"""A retry storm, and the same bad luck with a retry budget or a breaker: four thousand callers, in virtual time.

    python examples/overload.py

A server does 130 requests a second, one after the other, and 100 come. Answers take longer the more of them wait; what
would wait for more than four seconds is refused; and who leaves meanwhile has cost as much. At second 10 it stands still
for three seconds. Look at `HOUSES`: the policies are the same but for the budget, or the breaker.
"""

import asyncio
from collections import Counter
from random import Random

from omnitron import CircuitBreaker, OmnitronError, Retry, RetryBudget, Stack, Timeout, context, flow, worst_case
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
        except (Overloaded, OmnitronError):
            pass  # timed out, or refused: one whom nobody could help

    async def everybody() -> None:
        await asyncio.gather(*map(caller, range(RATE * SECONDS)))

    clock.run(everybody())
    return server.asked, answered


def bars(chart: Chart, most: int) -> str:
    return "".join(" ▁▂▃▄▅▆▇█"[min(8, -(-8 * chart[second] // most))] for second in range(SECONDS))


if __name__ == "__main__":
    for name, house in HOUSES.items():
        asked, answered = simulate(house)
        worst = worst_case(flow(Server(VirtualClock()).answer).apply(house))
        print(f"{name}: at worst {worst.attempts} requests and {worst.seconds:g} s for one caller")
        print(f"  asked     {bars(asked, 7 * RATE)} {max(asked.values()):4} a second at most")
        print(f"  answered  {bars(answered, CAPACITY)} {answered.total() / RATE / SECONDS:4.0%} of all callers\n")
