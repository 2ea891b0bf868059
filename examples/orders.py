"""A service that takes orders: POST {"sku": "apple", "count": 2} to /orders, with an `Idempotency-Key` if you like.

    uvicorn examples.orders:app

Look at `intake`, the whole of it. An order is one transaction, which any error rolls back. The bank (here files beside the
database) takes part in none, hence `.undo`. A run bears the name of its order: one that is sent again is recalled, and a
payment that is tried again, after a crash say, has the same key and is one payment.
"""

import sqlite3
from asyncio import to_thread
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, PositiveInt, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from omnitron import Context, Key, context, current_step, flow, keep, needs, resource

folder = Key("folder", Path)
TABLES = """PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS orders (id PRIMARY KEY, sku, count, payment);
CREATE TABLE IF NOT EXISTS stock (sku PRIMARY KEY, cents, left);
INSERT OR IGNORE INTO stock VALUES ('apple', 30, 500), ('pear', 45, 10)"""


class Order(BaseModel):
    sku: str
    count: PositiveInt


class Refused(Exception):
    """What the customer is told."""


@resource
def engine(*, at: Path = needs(folder)) -> partial[sqlite3.Connection]:
    at.mkdir(parents=True, exist_ok=True)
    connect = partial(sqlite3.connect, at / "shop.sqlite", isolation_level=None)
    with closing(connect()) as db:
        db.executescript(TABLES)
    return connect


@resource(scope="run")
def shop(*, connect: partial[sqlite3.Connection] = needs(engine)) -> Iterator[sqlite3.Connection]:
    with closing(connect()) as db, db:  # commits, or rolls back when the run fails
        db.execute("BEGIN IMMEDIATE")
        yield db


@flow
def recall(order: Order, *, db: sqlite3.Connection = needs(shop)) -> dict[str, str]:
    found = db.execute("SELECT id AS 'order', payment FROM orders WHERE id = ?", (current_step().run_id,))
    found.row_factory = sqlite3.Row
    return dict(found.fetchall()[0])


def reserve(order: Order, *, db: sqlite3.Connection = needs(shop)) -> int:
    left = "UPDATE stock SET left = left - :count WHERE sku = :sku AND left >= :count RETURNING :count * cents"
    for (cents,) in db.execute(left, order.model_dump()).fetchall():
        return int(cents)
    raise Refused(f"there are no {order.count} of {order.sku}")


def pay(cents: int, *, at: Path = needs(folder)) -> str:
    if cents > 10_000:
        raise Refused("the bank declines")
    (at / current_step().key).write_text(str(cents))
    return current_step().key


def refund(payment: str, *, at: Path = needs(folder)) -> None:
    (at / payment).unlink()


def record(order: Order, payment: str, *, db: sqlite3.Connection = needs(shop)) -> dict[str, str]:
    name = current_step().run_id
    db.execute("INSERT INTO orders VALUES (?, ?, ?, ?)", (name, order.sku, order.count, payment))
    return {"order": name, "payment": payment}


paid = flow(reserve) | flow(pay).undo(flow(refund))
intake = recall.or_else(keep(paid).star(record), on=IndexError)


async def take(request: Request) -> JSONResponse:
    order = Order.model_validate_json(await request.body())
    app = request.app.state.context.as_run(request.headers.get("Idempotency-Key") or uuid4().hex)
    return JSONResponse(await to_thread(app.run, intake, order), 201)


def refuse(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 409 if isinstance(error, Refused) else 422)


def service(ctx: Context) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None, None]:
        async with ctx as app.state.context:
            yield

    routes = [Route("/orders", take, methods=["POST"])]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={Refused: refuse, ValidationError: refuse})


app = service(context({folder: Path("shop")}))
