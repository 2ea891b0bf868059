"""Flows that want something of the context, which the tests of the command line run."""

from __future__ import annotations

import asyncio
import datetime
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from omnitron import Context, Key, current_step, flow, needs, parallel, resource

tenant = Key("tenant", str)
limit = Key("limit", int)
since = Key("since", datetime.date)
anything = Key("odd key", object)


class Client:
    """Something that no text gives."""


client = Key("client", Client)


def tell(text: str) -> None:
    """Tell the test how far it is."""
    print(text, file=sys.stderr, flush=True)


@resource
def table(*, name: str = needs(tenant)) -> Iterator[list[str]]:
    tell("table opened")
    try:
        yield [name]
    except BaseException as error:
        tell(f"table rolled back: {type(error).__name__}")
        raise
    finally:
        tell("table closed")


@resource(scope="run")
async def session(*, rows: list[str] = needs(table)) -> AsyncIterator[str]:
    tell("session opened")
    try:
        yield f"session of {rows[0]}"
    finally:
        await asyncio.sleep(0)
        tell("session closed")


@flow
def greet(name: str, *, who: str = needs(tenant)) -> str:
    return f"{who} greets {name}"


@flow
def cap(x: int, *, top: int = needs(limit)) -> int:
    return min(x, top)


@flow
def body(x: int) -> int:
    return cap(x)


@flow(capabilities={"net:api"})
def lately(name: str, *, day: datetime.date = needs(since), rows: list[str] = needs(table)) -> str:
    return f"{name} {day!r}"


@flow
def odd(*, value: Any = needs(anything), ctx: Context = needs(Context)) -> list[Any]:
    return [value, len(ctx)]


@flow
def sealed(x: int, *, inside: Client = needs(client)) -> int:
    return x


@flow
def key() -> str:
    return current_step().run_id


@flow
def hold(name: str, *, rows: list[str] = needs(table)) -> str:
    tell("started")
    time.sleep(60)
    return name


@flow
async def hold_async(name: str, *, open: str = needs(session)) -> str:
    tell("started")
    await asyncio.sleep(60)
    return name


@flow
def refuse(name: str, *, rows: list[str] = needs(table)) -> str:
    raise ValueError(name)


@flow
def lazy(size: int, *, rows: list[str] = needs(table)) -> Any:
    return map(rows.__mul__, range(size))


@flow
async def lazy_async(size: int, *, rows: list[str] = needs(table)) -> Any:
    return map(rows.__mul__, range(size))


@flow
async def late(name: str, *, open: str = needs(session)) -> str:
    return f"{open}, {name}"


mixed = parallel(greet, greet.within(tenant="inner"), greet.bind(who="me"))
