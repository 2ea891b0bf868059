"""Flows that the tests of the command line run, in this process and in others."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import enum
import signal
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NewType

from omnitron import (
    Context,
    Effect,
    FlowExample,
    Inputs,
    Objective,
    Ok,
    context,
    current_context,
    flow,
    gather,
    loop,
    needs,
    parallel,
    try_with,
    when,
)
from omnitron.model import Deployment, PerformanceClaim, ResourceRequirements, ScalingPolicy, SemanticDescriptor

UserId = NewType("UserId", int)
NOT_A_FLOW = 3


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Order:
    id: int
    items: list[str]


@flow
def double(x: int) -> int:
    """Double a number."""
    return 2 * x


@flow
async def later(x: int) -> int:
    await asyncio.sleep(0)
    return x


@flow
def late(x: int) -> int:
    """Take longer than a short deadline."""
    over = current_context().runtime.deadline
    while over is not None and time.monotonic() <= over:
        pass
    return x


@flow
def own_deadline(x: int) -> int:
    return context(deadline=0).run(late, x)


@flow
def total(order: Order, rate: float, *, note: str = "") -> dict[str, Any]:
    return {"id": order.id, "total": len(order.items) * rate, "note": note}


@flow
def kinds(
    day: datetime.date | None = None,
    price: decimal.Decimal | None = None,
    exact: decimal.Decimal = decimal.Decimal(0),
    colour: Colour = Colour.RED,
    level: Literal[1, 2] = 1,
    names: Iterable[str] = (),
    text: str = "",
    user: UserId = UserId(0),
    untyped=None,
    flag: bool = False,
) -> list[str]:
    return [repr(value) for value in (day, exact, colour, level, names, text, user, untyped, flag)]


@flow
def places(a: int, /, b: int = 2, *rest: int, c: int = 4, **more: int) -> list[Any]:
    return [a, b, list(rest), c, more]


class Unreadable:
    """A class that nothing outside can give."""


@flow
def strange(x: Unreadable) -> None:
    return None


def plain(x: int) -> int:
    return x + 1


class Shop:
    @flow
    def sell(self, x: int) -> int:
        return x

    def count(self, x: int) -> int:
        return x

    @staticmethod
    def weigh(x: int) -> int:
        return 2 * x


shop = Shop()


@flow
def refuse(x: int) -> int:
    raise ValueError(f"cannot take {x}")


@flow
def leave(x: int) -> int:
    sys.exit(0)


@flow
def chatty(x: int) -> int:
    print("chatter")
    return x


def inverse(x: int) -> float:
    return 1 / x


@flow
def odd_values() -> list[Any]:
    return [float("nan"), b"\xff", "\x1b[31m", Ok({1: (2, 3)}), Unreadable]


class Mute:
    """A value that fails to say what it is."""

    def __repr__(self) -> str:
        raise ValueError("no words")


@flow
def unsayable() -> list[Any]:
    return [Mute(), 1 << 20_000]


@flow
def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@flow
def who() -> Any:
    return current_context().get("tenant")


@flow(effects=Effect.NETWORK, capabilities={"net:api"}, version="1.2.0", tags={"shop"})
def fetch(x: int = 1) -> int:
    """Fetch something."""
    return x


@flow
def rows(n: int) -> list[dict[str, Any]]:
    return [{"name": f"row {number}", "size": number} for number in range(n)]


@flow(
    documentation="As often as\nit takes.",
    tags={"shop"},
    semantics=SemanticDescriptor("billing", "find a price", {"order"}),
    objectives=[Objective("p99_latency_s", 0.25), Objective("accuracy", 0.9, bound="at least", description="or why")],
    performance=PerformanceClaim("O(n)", latency_s=0.01, throughput_per_s=1000),
    deployment=Deployment(
        "edge", resources=ResourceRequirements(cpus=0.5, memory_bytes=1024), scaling=ScalingPolicy(max_instances=3)
    ),
    examples=[FlowExample(Inputs((1,), {"y": "b"}), "b", "by name"), *[FlowExample(1, "a")] * 6],
)
def described(x: int, *, y: str = "a") -> str:
    """Say it."""
    return x * y


chain = double | refuse
outcomes = flow(inverse).each(mode="collect")
many = double.each()
both = parallel(double, later)
record = gather(dict, twice=double, same=flow(plain))
choice = when(flow(plain), double, refuse)
saved = try_with(refuse, catch=flow(str))
fixed = total.bind(rate=2.5)
remote = chatty.on("process")


def started() -> None:
    """Tell the test that the flow runs."""
    print("started", file=sys.stderr, flush=True)


@flow
def hold(seconds: float) -> None:
    try:
        started()
        time.sleep(seconds)
    finally:
        print("closed", file=sys.stderr, flush=True)


@flow
async def hold_async(seconds: float) -> None:
    try:
        started()
        await asyncio.sleep(seconds)
    finally:
        await asyncio.sleep(0)
        print("closed", file=sys.stderr, flush=True)


@flow
async def stubborn(seconds: float) -> None:
    try:
        started()
        await asyncio.sleep(seconds)
    finally:
        print("closing", file=sys.stderr, flush=True)
        await asyncio.sleep(seconds)


@flow
async def signalled_elsewhere(seconds: float) -> None:
    """The signal comes to a thread, as it may: it does not break the wait of the main thread."""

    def send() -> None:
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    threading.Thread(target=send).start()
    await hold_async(seconds)


@flow
async def keeps(seconds: float) -> str:
    try:
        started()
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        return "half"
    return "all"


@flow
async def starter(x: int, *, ctx: Context = needs(Context)) -> int:
    return await ctx.start(later | later, x) + await ctx.start(later, x)


async def turn(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


@flow
async def interrupted(seconds: float) -> None:
    await asyncio.sleep(seconds)
    try:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(seconds)


enough = parallel(later, refuse, hold_async, quorum=1)
turning = loop(flow(turn), at_most=4)
held = hold_async.each(concurrency=2)
held_elsewhere = hold.on("process")
