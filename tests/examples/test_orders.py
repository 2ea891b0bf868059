"""The order service: through its ASGI app with SQLite on disk, and once behind a real server."""

import asyncio
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from starlette.exceptions import HTTPException

from examples import orders
from omnitron import EventLog, context, flow, needs

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def shop(tmp_path):
    """Say what is written in the shop's folder: orders, what is left of each article, payments."""

    def read():
        with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as db:
            found = db.execute("SELECT id, sku, count, payment FROM orders ORDER BY rowid").fetchall()
            left = dict(db.execute("SELECT sku, left FROM stock"))
        return found, left, sorted(file.name for file in tmp_path.iterdir() if "sqlite" not in file.name)

    return read


def served(main, folder, **options):
    """Run `main(http)` beside the service over a folder."""

    async def inside():
        transport = httpx.ASGITransport(orders.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
            return await main(http)

    orders.app.state.context = context({orders.folder: folder}, **options)
    return asyncio.run(inside())


def order(http, sku="apple", count=2, name="mine"):
    """Send an order."""
    return http.put(f"/orders/{name}", json={"sku": sku, "count": count})


def test_an_order_is_written_and_paid(tmp_path, shop):
    """The answer names what stands in the database and at the bank."""
    answer = served(order, tmp_path)
    payment = answer.json()["payment"]
    assert (answer.status_code, answer.json()) == (201, {"payment": payment})
    assert shop() == ([("mine", "apple", 2, payment)], {"apple": 498, "pear": 10}, [payment])
    assert (tmp_path / payment).read_text() == "60"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"sku": "apple"}', b'{"sku": "apple", "count": 0}', b'{"count": 1}'])
def test_what_is_no_order_is_refused_at_the_edge(tmp_path, body):
    """Nothing runs, nothing is even opened."""
    answer = served(lambda http: http.put("/orders/mine", content=body), tmp_path)
    assert (answer.status_code, "validation error" in answer.text) == (422, True)
    assert list(tmp_path.iterdir()) == []


def test_an_order_that_is_sent_twice_is_one_order(tmp_path, shop):
    """Both get the same answer, also at the same time."""

    async def main(http):
        return await asyncio.gather(*[order(http) for _ in range(5)])

    answers = served(main, tmp_path)
    assert {answer.text for answer in answers} == {answers[0].text}
    assert shop() == (
        [("mine", "apple", 2, answers[0].json()["payment"])],
        {"apple": 498, "pear": 10},
        [answers[0].json()["payment"]],
    )


def test_concurrent_orders_sell_no_more_than_there_is(tmp_path, shop):
    """Of thirty that want a pear ten get one, and ten are paid."""

    async def main(http):
        return await asyncio.gather(*[order(http, "pear", 1, name) for name in range(30)])

    answers = served(main, tmp_path)
    found, left, paid = shop()
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [409] * 20
    assert (len(found), left, len(paid)) == (10, {"apple": 500, "pear": 0}, 10)


def test_what_is_not_there_is_refused(tmp_path, shop):
    """With what lacks, and nothing is written."""
    answer = served(lambda http: order(http, count=501), tmp_path)
    assert (answer.status_code, answer.text) == (409, "there are no 501 of apple")
    assert served(lambda http: order(http, "plum"), tmp_path).status_code == 409
    assert shop() == ([], {"apple": 500, "pear": 10}, [])


def test_a_declined_payment_rolls_the_reservation_back(tmp_path, shop):
    """What was reserved before is there for the next."""
    asked = []

    def declines(cents):
        asked.append(cents)
        raise HTTPException(402, "the bank declines")

    answer = served(lambda http: order(http, count=400), tmp_path, replace={"pay": declines})
    assert (answer.status_code, answer.text, asked) == (402, "the bank declines", [12_000])
    assert shop() == ([], {"apple": 500, "pear": 10}, [])


def test_an_error_after_the_payment_gives_the_money_back(tmp_path, shop):
    """The transaction is rolled back, the payment undone; the same order sent again goes through."""
    paid = []

    def full(order, payment, *, db=needs(orders.shop)):
        paid.append((tmp_path / payment).read_text())
        db.execute("INSERT INTO nowhere VALUES (1)")

    log = EventLog()
    broken = served(order, tmp_path, replace={"record": full}, observers=[log])
    assert (broken.status_code, paid) == (500, ["60"])
    assert shop() == ([], {"apple": 500, "pear": 10}, [])
    assert [event.call.flow for event in log.events][-3:-1] == ["refund", "refund"]

    assert served(order, tmp_path).status_code == 201
    assert len(shop()[2]) == 1


def test_a_payment_that_is_tried_again_after_a_crash_is_one_payment(tmp_path, shop):
    """The key is that of the order, so the bank knows it again."""

    def crash(order, payment):
        (tmp_path / payment).write_text("what was paid before the crash")
        raise SystemExit

    ctx = context({orders.folder: tmp_path}, replace={"record": crash, "refund": flow(lambda payment: None)})
    with pytest.raises(SystemExit):
        ctx.as_run("mine").run(orders.intake, orders.Order(sku="apple", count=2))
    before = shop()
    answer = served(order, tmp_path)

    assert before == ([], {"apple": 500, "pear": 10}, [answer.json()["payment"]])
    assert shop()[2] == [answer.json()["payment"]]


def test_the_intake_runs_without_a_server_and_without_a_file():
    """It is a flow like any other: a test gives it a database in memory in the place of the transaction."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(orders.BEGIN)
        ctx = context().with_({orders.shop: db}, replace={"pay": lambda cents: f"paid {cents}"})
        run = ctx.with_({orders.folder: Path("unused")}).as_run("mine").run
        assert run(orders.intake, orders.Order(sku="pear", count=3)) == "paid 135"
        assert db.execute("SELECT left FROM stock WHERE sku = 'pear'").fetchone() == (7,)


@pytest.mark.real
def test_behind_a_real_server(tmp_path):
    """Started as the docstring says, asked over the network, and ended by an interrupt."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    words = [sys.executable, "-m", "uvicorn", "examples.orders:app", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert any("Uvicorn running" in line for line in server.stderr)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
            first, again = order(http), order(http)
            wrong = order(http, count=-1)
    finally:
        server.send_signal(signal.SIGINT)
        told = server.communicate(timeout=30)[1]
    assert (first.status_code, again.json(), wrong.status_code) == (201, first.json(), 422)
    assert "Traceback" not in told
    assert (tmp_path / "shop" / first.json()["payment"]).read_text() == "60"
