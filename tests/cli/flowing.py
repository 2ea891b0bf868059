"""Flows that give streams, for the tests of the command line. What they say of themselves goes to stderr."""

import asyncio
import itertools
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from omnitron import Ok, context, flow, keep, needs, resource


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@resource(scope="run")
def table() -> Iterator[list[str]]:
    try:
        yield ["a", "b"]
    finally:
        say("table closed")


@resource(scope="app")
def shop() -> Iterator[list[str]]:
    found = ["a", "b"]
    yield found
    found.clear()


@resource(scope="app")
async def shop_later() -> AsyncIterator[list[str]]:
    found = ["a", "b"]
    yield found
    found.clear()


@flow
def numbers(last: int) -> Iterator[int]:
    try:
        yield from range(last)
    finally:
        say("closed")


@flow
def rows(last: int, *, found: list[str] = needs(table)) -> Iterator[str]:
    for number in range(last):
        yield found[number]


@flow
async def ticks(last: int) -> AsyncIterator[int]:
    try:
        for number in range(last):
            await asyncio.sleep(0)
            yield number
    finally:
        say("closed")


@flow
def endless() -> Iterator[int]:
    try:
        yield from itertools.count()
    finally:
        say("closed")


@flow
async def waits() -> AsyncIterator[str]:
    """Give one item, and then wait for ever."""
    try:
        yield "first"
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        say("closed")


@flow
async def never_waits() -> AsyncIterator[int]:
    try:
        for number in itertools.count():
            yield number
    finally:
        say("closed")


@flow
def halved(x: int) -> float:
    return 1 / (x - 3)


@flow
async def list_later(last: int) -> Iterator[int]:
    return (number for number in range(last))


@flow
def unseen(last: int) -> Any:
    """Give an async generator that nothing tells of."""
    return ticks.fn(last)


@flow
def maps(last: int) -> Iterable[str]:
    return map(str, range(last))


@flow
def nests(depth: int) -> Iterator[object]:
    yield "fine"
    nested: object = 0
    for _ in range(depth):
        nested = [nested]
    yield nested


@flow
def shelves(last: int, *, found: list[str] = needs(shop)) -> dict[str, Any]:
    """Give a result with an iterator inside, which reads what is open in the run's context."""
    return {"rows": (found[number] for number in range(last))}


@flow
async def shelves_later(last: int, *, found: list[str] = needs(shop_later)) -> dict[str, Any]:
    return {"rows": (found[number] for number in range(last))}


@dataclass
class Box:
    inside: Any


def breaking() -> Iterator[int]:
    yield 1
    raise ValueError("no more")


ITERATORS: dict[str, Any] = {
    "raises": lambda: {"rows": breaking()},
    "refuses": lambda: [Ok(map(int, ["1", "x"]))],
    "gives bytes": lambda: Box(part for part in (b"\xff", b"text")),
}


@flow
def inside(what: str) -> Any:
    return ITERATORS[what]()


@flow
def inside_items(what: str) -> Iterator[Any]:
    yield ITERATORS[what]()


@flow
def kinds(what: str) -> Any:
    """Give what looks like an iterator and is none."""
    return {"class": map, "half": type("Half", (), {"__next__": int, "__repr__": lambda self: "half"})()}[what]


@flow
def large(size: int) -> Iterator[str]:
    try:
        while True:
            yield "x" * size
    finally:
        say("closed")


@flow
async def large_later(size: int) -> AsyncIterator[str]:
    try:
        while True:
            yield "x" * size
    finally:
        say("closed")


@flow
def stubborn() -> Iterator[int]:
    """Give items for ever, and take as long to close."""
    try:
        yield from itertools.count()
    finally:
        say("closing")
        time.sleep(60)


@flow
async def interrupts_itself() -> AsyncIterator[int]:
    try:
        os.kill(os.getpid(), signal.SIGINT)
        yield 0
    finally:
        say("closed")


@flow
def waited(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@flow
def steering() -> Iterator[str]:
    yield "\x1b[31m\x9b31m\u202eé"


class Thing:
    """Knows how many of its kind there are, and the most there have been."""

    alive = most = 0

    def __init__(self) -> None:
        Thing.alive += 1
        Thing.most = max(Thing.most, Thing.alive)

    def __del__(self) -> None:
        Thing.alive -= 1

    def __repr__(self) -> str:
        return "thing"


@flow
def things(last: int) -> Iterator[Thing]:
    Thing.most = Thing.alive
    for _ in range(last):
        yield Thing()
    say(f"at most {Thing.most}")


@flow
def same(x: Any) -> Any:
    return x


@flow
async def same_later(x: Any) -> Any:
    return x


@flow
def prints(last: int) -> Iterator[int]:
    for number in range(last):
        print("said", number)
        yield number


failing = (numbers | halved.stream()).named("failing")
outcomes = (numbers | halved.stream(mode="collect")).named("outcomes")
seen_by_body = flow(lambda last: context().run(numbers, last), name="seen_by_body")
kept = keep(rows)
slow = waited.stream()
things_on = things | same.stream()
things_ahead = things | same_later.stream(concurrency=4)
doubled = flow(lambda x: 2 * x, name="doubled").stream()
