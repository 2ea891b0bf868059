"""Flows of a module, written as a user writes them: with annotations that are texts, refined and composed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from omnitron import Key, flow, needs, parallel, when

tenant = Key("tenant", str)


class Order(BaseModel):
    """What a customer wants."""

    item: str
    count: int = 1


class Bill(BaseModel):
    """What it costs."""

    item: str
    total: int


@dataclass
class Pair:
    """Two numbers."""

    low: int
    high: int


@flow
def double(x: int, times: int = 1) -> int:
    """Double a number."""
    return 2 * x * times


@flow
async def later(x: int, step: int = 1) -> int:
    """Add to a number, later."""
    await asyncio.sleep(0)
    return x + step


@flow
def bill(order: Order) -> Bill:
    """Make out a bill."""
    return Bill(item=order.item, total=7 * order.count)


@flow
def total(bill: Bill) -> int:
    """Read the total."""
    return bill.total


@flow
def pair(low: int, high: int) -> Pair:
    """Make a pair."""
    return Pair(low, high)


@flow
def greet(name: str, *, loud: bool = False, who: str = needs(tenant)) -> str:
    """Greet somebody in the name of a tenant."""
    return f"{who} greets {name}{'!' if loud else ''}"


@flow
def count(upto: int) -> Iterator[int]:
    """Count."""
    yield from range(upto)


@flow
async def count_later(upto: int) -> AsyncIterator[int]:
    """Count, later."""
    for number in range(upto):
        yield number


@flow
def large(x: int) -> bool:
    """Say whether a number is large."""
    return x > 10


@flow
def negate(x: int) -> int:
    """Negate a number."""
    return -x


@flow
def identity_of(x: int) -> int:
    """Give a number back."""
    return x


class Till:
    """Flows made in a class body."""

    def __init__(self, rate: int) -> None:
        self.rate = rate

    @flow
    def price(self, x: int) -> int:
        """Give the price."""
        return self.rate * x

    @flow
    async def price_later(self, x: int) -> int:
        """Give the price, later."""
        return self.rate * x


piped = bill | total
"""A pipe: its parameters are the first one's, its result the last one's."""

mixed = double | later
both = parallel(double, double)
chosen = when(large, negate, identity_of)
tried = double.retry(attempts=3).cache(ttl=60)
held = later.timeout(30).bulkhead(4)
limited = double.rate_limit(100, per=1)
moved = double.on("thread")

SYNC = {"lone": double, "retry and cache": tried, "rate limit": limited}
ASYNC = {"lone": later, "timeout and bulkhead": held}
