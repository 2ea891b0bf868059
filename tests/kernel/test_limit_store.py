"""`.rate_limit(store=...)`: one limit for several processes, in a SQLite file."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from omnitron import DefinitionError, InvalidValue, RateLimit, RateLimited, SQLiteLimits, context, flow
from omnitron.algebra import permitting
from omnitron.testing import ManualClock, VirtualClock


@flow
def price(sku, shop="a"):
    """Give a price."""
    return len(sku)


@flow
async def price_soon(sku):
    """Give a price."""
    return len(sku)


def limit(path, count=2, per=1, **options):
    """Give a limit in a file, as a process of its own would make it."""
    return RateLimit(count, per, store=SQLiteLimits(path), name="api", **options)


@pytest.fixture
def path(tmp_path):
    """Give the path of a file."""
    return tmp_path / "limits.db"


@pytest.mark.parametrize(("kind", "delay"), [("bucket", 0.5), ("window", 1.0)])
def test_two_that_open_the_file_share_the_limit(path, kind, delay):
    """Of other names and numbers there are others."""
    ctx = context(clock=ManualClock())
    first, second = (price.rate_limit(limit(path, kind=kind, wait=False)) for _ in "ab")
    ctx.run(first, "x")
    ctx.run(second, "x")
    with pytest.raises(RateLimited) as caught:
        ctx.run(first, "x")

    assert caught.value.retry_after == pytest.approx(delay, abs=1e-5)
    assert ctx.run(price.rate_limit(limit(path, 3, kind=kind)), "x") == 1


@pytest.mark.parametrize("kind", ["bucket", "window"])
def test_who_waits_asks_again_when_it_is_time(path, kind):
    """In threads, on the clock of the context."""
    clock = ManualClock()
    ctx, tree = context(clock=clock), price.rate_limit(limit(path, kind=kind, count=1))
    times = [(ctx.run(tree, "x"), clock.monotonic())[1] for _ in range(4)]

    assert times == pytest.approx([0, 1, 2, 3], abs=1e-4)


def test_tasks_wait_in_their_order(path):
    """One of them asks, the others wait behind it."""
    clock = VirtualClock()
    tree, order = price_soon.rate_limit(limit(path, count=1)), []

    async def one(number):
        await context(clock=clock).run(tree, "x")
        order.append(number)

    async def main():
        await asyncio.gather(*map(one, range(5)))

    clock.run(main())
    assert (order, clock.monotonic()) == (list(range(5)), pytest.approx(4, abs=1e-4))


def test_who_would_wait_too_long_is_refused(path):
    """By `max_wait`, and by the deadline."""
    clock = ManualClock()
    tree = price.rate_limit(limit(path, count=1, per=10, max_wait=5))
    context(clock=clock).run(tree, "x")
    with pytest.raises(RateLimited, match="max_wait"):
        context(clock=clock).run(tree, "x")
    with pytest.raises(RateLimited, match="deadline"):
        context(clock=clock, deadline=2).run(price.rate_limit(limit(path, count=1, per=10)), "x")
    assert clock.monotonic() == 0


def test_keys_are_told_apart_in_the_file(path):
    """By their text, which must be the same in every process."""
    ctx = context(clock=ManualClock())
    tree = price.rate_limit(limit(path, count=1, wait=False, key=lambda sku, shop: shop))
    for shop in ("a", "b", 1, True, ("a", 1), None):
        ctx.run(tree, "x", shop)
    with pytest.raises(RateLimited):
        ctx.run(tree, "x", ("a", 1))
    with pytest.raises(DefinitionError, match="no text that is the same in every process"):
        ctx.run(tree, "x", object)
    with pytest.raises(DefinitionError, match="gave a frozenset, which has no text"):
        ctx.run(tree, "x", frozenset({"a"}))


def test_idle_keys_are_removed_from_the_file(path):
    """Bounded by those that came lately."""
    clock = ManualClock()
    policy = limit(path, count=1, key=lambda sku, shop: shop, kind="window")
    ctx, tree = context(clock=clock), price.rate_limit(policy)
    for number in range(400):
        clock.move(1)
        ctx.run(tree, "x", number)
    with policy.store._link.writing() as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("omnitron_limits_1", "omnitron_limit_log_1")
        ]

    assert all(count <= 110 for count in counts)


@pytest.mark.parametrize("kind", ["bucket", "window"])
def test_a_clock_that_is_set_back_does_not_stop_everything(path, kind):
    """What was counted in a far future is forgotten."""
    tree = price.rate_limit(limit(path, count=1, wait=False, kind=kind))
    context(clock=ManualClock(start_at=datetime(2030, 1, 1, tzinfo=UTC))).run(tree, "x")

    assert context(clock=ManualClock(start_at=datetime(2029, 1, 1, tzinfo=UTC))).run(tree, "x") == 1


def test_a_broken_store_is_logged_and_the_process_counts_for_itself(tmp_path, caplog):
    """The call goes on, under the same numbers."""
    (tmp_path / "limits.db").write_text("this is no database, however long one looks at it" * 100)
    tree = price.rate_limit(limit(tmp_path / "limits.db", wait=False, per=1000))
    with caplog.at_level(logging.WARNING, "omnitron"):
        assert [tree("x"), tree("x")] == [1, 1]
        with pytest.raises(RateLimited):
            tree("x")

    assert [record.getMessage() for record in caplog.records] == [
        "the store of the rate limit of 'price' does not work; this process counts for itself"
    ]


@pytest.mark.parametrize("answer", [None, "soon", -1.0, float("nan"), float("inf"), True, [1]])
def test_a_store_that_gives_no_seconds_does_not_work(answer, caplog):
    """It is told what the store gave, and the process counts for itself."""

    class Odd:
        def take(self, *asked):
            return answer

    trees = [f.rate_limit(1, per=1000, max_wait=1, store=Odd(), name="api") for f in (price, price_soon)]
    assert (trees[0]("x"), asyncio.run(trees[1]("x"))) == (1, 1)
    for call in (lambda: trees[0]("x"), lambda: asyncio.run(trees[1]("x"))):
        with pytest.raises(RateLimited):
            call()

    assert {record.exc_info[1].args[0] for record in caplog.records} == {
        f"`take` of a store gives 0.0, or a finite number of seconds above, got {answer!r} ({type(answer).__name__})."
    }


def test_a_store_that_is_slow_to_fail_is_not_asked_each_time(monkeypatch):
    """A file that somebody has locked holds up one call, not each; when it works again it is asked again."""
    now, asked, answers = [1000.0], [], []
    monkeypatch.setattr(permitting.time, "monotonic", lambda: now[0])

    class Slow:
        def take(self, *rest):
            asked.append(now[0])
            now[0] += 2.0
            raise TimeoutError("locked")

    tree = price.rate_limit(100, per=1000, store=Slow(), name="api")
    for pause in (0.0, 1.0, 18.0, 2.0):
        now[0] += pause
        answers.append(tree("x"))

    assert (answers, asked) == ([1] * 4, [1000.0, 1023.0])


def test_an_async_store_that_hides_under_a_sync_flow_is_told():
    """Its coroutine is closed, and the call goes on."""

    class Hidden:
        def take(self, *asked):
            return asyncio.sleep(0)

    assert price.rate_limit(1, store=Hidden(), name="api")("x") == 1


def test_an_async_store_is_awaited():
    """And refused under a sync flow."""

    class Remote:
        async def take(self, key, kind, count, per, burst, now):
            await asyncio.sleep(0)
            asked.append((key, kind, count, per, burst))
            return 0.0

    asked = []
    assert asyncio.run(price_soon.rate_limit(5, 2, store=Remote(), name="api")("x")) == 1
    assert asked == [("api|bucket|5|2.0|5", "bucket", 5, 2.0, 5)]
    with pytest.raises(DefinitionError, match="nothing could await it"):
        price.rate_limit(5, store=Remote(), name="api")


@pytest.mark.parametrize(
    ("store", "text"), [("limits.db", "SQLiteLimits"), ({}, "a method `take`"), (SQLiteLimits, "a method `take`")]
)
def test_what_is_no_store_is_refused(store, text):
    """The error says what is."""
    with pytest.raises(DefinitionError, match=text):
        price.rate_limit(5, store=store, name="api")


def test_paths_and_times_are_checked():
    """Where it is made."""
    with pytest.raises(DefinitionError):
        SQLiteLimits(7)
    with pytest.raises(InvalidValue):
        SQLiteLimits("x.db", timeout=-1)


KILLED = """
import os, signal, sys, time
from omnitron import SQLiteLimits
store = SQLiteLimits(sys.argv[1])
with store._link.writing() as connection:
    connection.execute("INSERT INTO omnitron_limits_1 VALUES ('api|bucket|1|1000.0|1', 1e12, 1e12)")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_a_process_that_is_killed_in_its_transaction_blocks_nobody(path):
    """And nothing is left of what it did."""
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    before = time.monotonic()

    assert ended.returncode == -signal.SIGKILL
    assert price.rate_limit(limit(path, count=1, per=1000, wait=False))("x") == 1
    assert time.monotonic() - before < 0.9  # it would have waited for a lock, and then counted for itself


WORKER = """
import json, sys, time
from omnitron import RateLimit, SQLiteLimits, flow

class Noting(SQLiteLimits):
    '''Notes the moments at which permits were taken, as the transaction saw them.'''
    def take(self, key, kind, count, per, burst, now):
        seen = []
        def noted():
            seen.append(time.time())
            return seen[-1]
        delay = super().take(key, kind, count, per, burst, noted)
        if not delay:
            taken.append(seen[-1])
        return delay

taken = []
tree = flow(lambda x: x).rate_limit(100, per=1, kind="window", store=Noting(sys.argv[1], timeout=10), name="api")
print("ready", flush=True)
sys.stdin.readline()
end = time.monotonic() + 3.3
while time.monotonic() < end:
    tree(1)
print(json.dumps(taken))
"""


@pytest.mark.real
def test_two_processes_never_exceed_a_window_in_any_second(path):
    """A hundred a second, each span of a second looked at; and together they use it up."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    each = [json.loads(worker.communicate(timeout=30)[0]) for worker in workers]
    moments = sorted(each[0] + each[1])

    assert all(late - early >= 1 for early, late in zip(moments, moments[100:], strict=False))
    assert 400 <= len(moments) <= 502
    assert min(map(len, each)) > 0
