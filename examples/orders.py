"""A service that takes orders: PUT {"sku": "apple", "count": 2} to /orders/NAME, where a name is one order.

    uvicorn examples.orders:app

Look at `intake`: any error rolls the transaction back; the bank (here files) takes part in none, hence `.undo`.
"""

import sqlite3
from asyncio import to_thread
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from pydantic import BaseModel, PositiveInt, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from omnitron import Key, context, current_step, flow, keep, needs, resource

folder = Key("folder", Path)
BEGIN = """CREATE TABLE IF NOT EXISTS orders (id PRIMARY KEY, sku, count, payment);
CREATE TABLE IF NOT EXISTS stock (sku PRIMARY KEY, cents, left);
INSERT OR IGNORE INTO stock VALUES ('apple', 30, 500), ('pear', 45, 10); BEGIN IMMEDIATE"""


class Order(BaseModel):
    sku: str
    count: PositiveInt


@resource(scope="run")
def shop(*, at: Path = needs(folder)) -> Iterator[sqlite3.Connection]:
    at.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(at / "shop.sqlite", isolation_level=None)) as db, db:  # commits, or rolls back
        db.executescript(BEGIN)
        yield db


def recall(order: Order, *, db: sqlite3.Connection = needs(shop)) -> str:
    return str(db.execute("SELECT payment FROM orders WHERE id = ?", (current_step().run_id,)).fetchall()[0][0])


def reserve(order: Order, *, db: sqlite3.Connection = needs(shop)) -> int:
    left = "UPDATE stock SET left = left - :count WHERE sku = :sku AND left >= :count RETURNING :count * cents"
    for (cents,) in db.execute(left, order.model_dump()).fetchall():
        return int(cents)
    raise HTTPException(409, f"there are no {order.count} of {order.sku}")


def pay(cents: int, *, at: Path = needs(folder)) -> str:
    (at / current_step().key).write_text(str(cents))  # tried again, after a crash say, it is the same key: one payment
    return current_step().key


def refund(payment: str, *, at: Path = needs(folder)) -> None:
    (at / payment).unlink()


def record(order: Order, payment: str, *, db: sqlite3.Connection = needs(shop)) -> str:
    db.execute("INSERT INTO orders VALUES (?, ?, ?, ?)", (current_step().run_id, order.sku, order.count, payment))
    return payment


paid = flow(reserve) | flow(pay).undo(flow(refund))
intake = flow(recall).or_else(keep(paid).star(record), on=IndexError)


async def take(request: Request) -> JSONResponse:
    order = Order.model_validate_json(await request.body())
    run = request.app.state.context.as_run(request.path_params["name"]).run  # a run bears the name of its order
    return JSONResponse({"payment": await to_thread(run, intake, order)}, 201)


app = Starlette(routes=[Route("/orders/{name}", take, methods=["PUT"])])
app.add_exception_handler(ValidationError, lambda request, error: PlainTextResponse(str(error), 422))
app.state.context = context({folder: Path("shop")})
