"""Flows that the tests of configuration tune, and what they put in the place of their parts."""

import os

from omnitron import Effect, Key, current_context, flow, loop, needs, parallel


@flow
def rate(x: int) -> int:
    """Be called in the body of another."""
    return x


@flow
def parse(line: str) -> list[int]:
    return [int(word) for word in line.split(",")]


@flow
async def price(x: int) -> int:
    return x + rate(x)


@flow
def weigh(x: int) -> int:
    return x


@flow(effects=Effect.READ, version="2.0.0")
def total(numbers: list[int]) -> int:
    return sum(numbers)


intake = (parse | price.each() | total.on("thread")).named("intake")
weights = (weigh | parallel(weigh, weigh.named("again"), threads=2)).named("weights")
halves = loop(flow(lambda x: x // 2, name="halve"), at_most=3).named("halves")


def double(x: int) -> int:
    return 2 * x


async def later(x: int) -> int:
    return -x


def of_text(x: str) -> int:
    return 0


def to_text(x: int) -> str:
    return ""


def of_two(x: int, y: int) -> int:
    return x + y


def for_shop(shop, x):
    return type(shop).__name__, x


def count(numbers: list[int]) -> int:
    return len(numbers)


def for_tenant(x: int, *, who: str = needs(Key("tenant", str))) -> int:
    return len(who)


moved = flow(double).on("thread").named("weigh")
bare_moved = flow(double, name="price").on("thread")
inner_loop = flow(double).on("thread").each(concurrency=2)
own_name = flow(double, version="3.0.0")


@flow
def here(x: int) -> int:
    return os.getpid()


@flow
def runs_inside(x: int) -> int:
    """Run a flow in the context that is there."""
    return current_context().run(weigh, x)


far = runs_inside.on("process").named("far")
process = here.on("process").named("process")
NUMBER = 3
