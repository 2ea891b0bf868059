"""Flows that give streams, for the tests of the command line. What they say of themselves goes to stderr."""

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from omnitron import context, flow, needs, resource

gate: list[object] = []


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@resource(scope="run")
def table() -> Iterator[list[str]]:
    try:
        yield ["a", "b"]
    finally:
        say("table closed")


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
def prints(last: int) -> Iterator[int]:
    for number in range(last):
        print("said", number)
        yield number


failing = (numbers | halved.stream()).named("failing")
outcomes = (numbers | halved.stream(mode="collect")).named("outcomes")
seen_by_body = flow(lambda last: context().run(numbers, last), name="seen_by_body")
