"""`.batch` over sync flows: threads that share one call."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from omnitron import BatchError, EventLog, Key, RunCancelled, context, flow, needs, parallel
from omnitron.algebra import from_node
from omnitron.testing import ManualClock

from .forked import child, in_program

tenant = Key("tenant", str)
LONG = 1_000.0
"""A wait that no test lives to see."""


class Loader:
    """A flow of a list that keeps what it was asked."""

    def __init__(self, answer: Callable[[list[Any]], Any] = lambda items: [str(item) for item in items]) -> None:
        self.calls: list[list[Any]] = []

        def load(items: list[Any]) -> Any:
            self.calls.append(items)
            return answer(items)

        self.flow = flow(load)


def on_threads(calls: list[Callable[[], Any]]) -> list[Any]:
    """Make calls on threads that the library knows nothing of; give results and errors in order."""

    def told(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(30) for future in [pool.submit(told, call) for call in calls]]


def gathered(one: Any, count: int) -> None:
    """Wait until so many threads wait in the open windows of a flow."""
    cell = one.node.cell._state
    until(lambda: sum(window.joined - window.left for window in [*cell.open.values()]) >= count)


def until(true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_fifty_threads_share_one_call() -> None:
    """Whoever fills the window runs the batch, and each gets its own answer."""
    loader = Loader()
    one = loader.flow.batch(50, max_wait=LONG)
    assert on_threads([lambda item=item: one(item) for item in range(50)]) == [str(item) for item in range(50)]
    assert [sorted(call) for call in loader.calls] == [list(range(50))]


def test_a_thread_that_waits_alone_closes_the_window_after_max_wait() -> None:
    """Others might have come: there are threads that the library does not know."""
    loader = Loader()
    one = loader.flow.batch(50, max_wait=0.01)
    assert on_threads([lambda: one(1)]) == ["1"]


def test_in_a_program_of_one_thread_nobody_waits() -> None:
    """No other thread is there that could come."""
    loader = Loader()
    one = loader.flow.batch(50, max_wait=LONG)
    if threading.active_count() > 1:
        pytest.skip("other threads are there")
    assert [one(item) for item in range(3)] == ["0", "1", "2"]


def test_a_thread_with_a_loop_does_not_wait() -> None:
    """Waiting would keep everything else on that loop from going on."""
    loader = Loader()
    one = loader.flow.batch(50, max_wait=LONG)

    async def main() -> str:
        return one(1)

    assert asyncio.run(main()) == "1"


@pytest.mark.filterwarnings("ignore:order-each-below-batch")
@pytest.mark.filterwarnings("ignore:order-stream-below-batch")
@pytest.mark.parametrize(
    "make",
    [
        lambda one: one.each(threads=8),
        lambda one: one.each(threads=8, unordered=True),
        lambda one: flow(lambda items: list(one.stream(threads=8)(items))),
        lambda one: one.each(threads=8, quorum=20) | flow(lambda outcomes: [outcome.value for outcome in outcomes]),
    ],
)
def test_threads_of_the_library_do_not_wait_for_nobody(make: Any) -> None:
    """Eight threads around a batch of 128 are served as soon as all of them wait."""
    loader = Loader()
    many = make(loader.flow.batch(128, max_wait=LONG))
    assert sorted(many(range(20)), key=int) == [str(item) for item in range(20)]
    assert max(map(len, loader.calls)) <= 8
    assert len(loader.calls) <= 6


def test_branches_on_threads_share_a_call() -> None:
    """A thread that is done with its branch keeps nobody waiting."""
    loader = Loader()
    one = loader.flow.batch(128, max_wait=LONG)
    both = parallel(one, flow(lambda item: item), flow(abs) | one, threads=3)
    assert both(-1) == ("-1", -1, "1")


@pytest.mark.filterwarnings("ignore:order-each-below-batch")
def test_threads_that_wait_in_different_windows_all_go_on() -> None:
    """Where nobody can come to any of them, all are closed."""
    loader = Loader()
    one = loader.flow.batch(128, max_wait=LONG, by=lambda item: item % 3)
    assert one.each(threads=6)(range(12)) == [str(item) for item in range(12)]


def test_equal_items_are_asked_for_once() -> None:
    """Two threads that ask for the same get the same."""
    loader = Loader()
    one = loader.flow.batch(2, max_wait=LONG)
    with ThreadPoolExecutor(2) as pool:
        same = [pool.submit(one, 1) for _ in range(2)]
        gathered(one, 2)  # else the third might fill the window between the two
        assert one(2) == "2"
        assert [future.result(30) for future in same] == ["1", "1"]
    assert loader.calls == [[1, 2]]


@pytest.mark.parametrize("answer", [lambda items: items[1:], lambda items: None, lambda items: 1 // 0])
def test_an_error_of_the_call_is_shared(answer: Any) -> None:
    """All threads get the very exception, and add no notes."""
    loader = Loader(answer)
    one = flow(lambda item: item) | loader.flow.batch(3, max_wait=LONG)
    errors = on_threads([lambda item=item: one(item) for item in range(3)])
    assert errors[0] is errors[1] is errors[2]
    assert isinstance(errors[0], BatchError | ZeroDivisionError)
    assert errors[0].__notes__ == ["raised in flow '<lambda> → load', at <lambda> → load/load"]


def test_an_exception_in_its_place_fails_one_item() -> None:
    """The others get their answers."""
    loader = Loader(lambda items: [KeyError(item) if item == 2 else item for item in items])
    one = loader.flow.batch(3, max_wait=LONG)
    assert [repr(result) for result in on_threads([lambda item=item: one(item) for item in (1, 2, 3)])] == [
        "1", "KeyError(2)", "3",
    ]  # fmt: skip


def test_callers_of_different_values_never_share_a_call() -> None:
    """A batch runs with the value of all its callers, and no other."""

    @flow
    def load(items: list[int], *, who: str = needs(tenant)) -> list[str]:
        return [f"{who}{item}" for item in items]

    one = load.batch(2, max_wait=LONG)
    calls = [lambda item=item, who=who: context(tenant=who).run(one, item) for item, who in enumerate("abab")]
    assert on_threads(calls) == ["a0", "b1", "a2", "b3"]


def test_the_thread_that_runs_the_batch_is_interrupted() -> None:
    """The others are told that it is not known what was done; none hangs."""

    class Interrupted(BaseException):
        pass

    def answer(items: list[int]) -> list[int]:
        raise Interrupted

    one = Loader(answer).flow.batch(3, max_wait=LONG)
    errors: list[BaseException] = []

    def call(item: int) -> None:
        try:
            one(item)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=(item,)) for item in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(type(error).__name__ for error in errors) == ["BatchError", "BatchError", "Interrupted"]


def test_a_run_that_is_cancelled_while_it_waits_leaves() -> None:
    """Its item is not sent; the others are."""
    loader = Loader()
    one = loader.flow.batch(2, max_wait=LONG)
    run = context().start(one, 1)
    gathered(one, 1)
    run.cancel("enough")
    with pytest.raises(RunCancelled):
        run.result()
    assert on_threads([lambda item=item: one(item) for item in (2, 3)]) == ["2", "3"]
    assert [sorted(call) for call in loader.calls] == [[2, 3]]


def test_a_cancelled_run_that_runs_the_batch_for_others_ends_after_it() -> None:
    """Who waits gets the answer all the same."""
    reached, going = threading.Event(), threading.Event()

    @flow
    def slow(items: list[int]) -> list[int]:
        reached.set()
        assert going.wait(30)
        return items

    one = (slow | flow(lambda items: [2 * item for item in items])).batch(2, max_wait=LONG)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(one, 1)
        gathered(one, 1)
        run = context().start(one | flow(abs), 2)
        assert reached.wait(30)
        run.cancel("enough")
        going.set()
        assert other.result(30) == 2
    with pytest.raises(RunCancelled):
        run.result()


def test_the_run_of_the_thread_that_runs_it_sees_the_call() -> None:
    """Of two runs that are watched one sees what happens in the batch."""
    loader = Loader()
    logs = [EventLog(), EventLog()]
    one = loader.flow.batch(2, max_wait=LONG)
    on_threads([lambda log=log, item=item: context(observers=log).run(one, item) for item, log in enumerate(logs)])
    assert sorted([event.path for event in log.events] for log in logs) == [[], ["load", "load"]]


def test_a_clock_that_stands_still_is_moved_on() -> None:
    """While a sync flow waits, nobody else would move it."""
    loader, clock = Loader(), ManualClock()
    one = loader.flow.batch(50, max_wait=5.0)
    assert on_threads([lambda: context(clock=clock).run(one, 1)]) == ["1"]
    assert 5.0 <= clock.monotonic() < 5.1


@pytest.mark.filterwarnings("ignore:order-each-below-batch")
def test_a_retry_around_a_batch_retries_single_items() -> None:
    """Only what failed is asked for again."""
    fresh = {1, 3}

    def answer(items: list[int]) -> list[Any]:
        return [ValueError(item) if item in fresh and not fresh.discard(item) else item for item in items]

    loader = Loader(answer)
    many = loader.flow.batch(128, max_wait=LONG).retry(delay=0).each(threads=4)
    assert many([1, 2, 3, 4]) == [1, 2, 3, 4]
    assert sorted(item for call in loader.calls for item in call) == [1, 1, 2, 3, 3, 4]


@pytest.mark.parametrize("seed", range(3))
def test_many_threads_and_windows_lose_nothing(seed: int) -> None:
    """Under a switch of threads every few microseconds each call is answered, once."""
    loader = Loader()
    one = loader.flow.batch(7, max_wait=0.001)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        calls = [lambda start=start: [one(item) for item in range(start, start + 20)] for start in range(0, 400, 20)]
        found = on_threads(calls)
    finally:
        sys.setswitchinterval(before)
    assert [item for part in found for item in part] == [str(item) for item in range(400)]
    assert sorted(item for call in loader.calls for item in call) == list(range(400))
    assert one.node.cell._state.open == {}


def doubled(items: list[int]) -> list[int]:
    """A function that pickles."""
    return [2 * item for item in items]


shared = flow(doubled).batch(3, max_wait=LONG)


@in_program
def test_a_forked_child_does_not_join_threads_that_wait_in_its_parent() -> None:
    """They will never come there; the child's own call is served, and so are theirs."""
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(shared, item) for item in (1, 2)]
        gathered(shared, 2)
        assert child(lambda: shared(5)) == 10
        assert shared(3) == 6
        assert [future.result(30) for future in waiting] == [2, 4]


async def doubled_later(items: list[int]) -> list[int]:
    """The same on a loop."""
    return [2 * item for item in items]


shared_later = flow(doubled_later).batch(3)


@in_program
def test_a_child_that_is_forked_from_a_loop_has_windows_of_its_own() -> None:
    """It joins nothing that is open in its parent, after use and in the middle of it."""

    async def main() -> list[int]:
        waiting = asyncio.ensure_future(shared_later(1))
        await asyncio.sleep(0)
        return [child(lambda: asyncio.run(shared_later(5))), await waiting]

    assert asyncio.run(main()) == [10, 2]
    assert child(lambda: asyncio.run(shared_later(7))) == 14


def test_a_renamed_flow_shares_windows() -> None:
    """The cell is kept by what changes nothing but the name around it."""
    loader = Loader()
    one = loader.flow.batch(2, max_wait=LONG)
    again = from_node(one.node.rebuild(one.node.children))
    assert on_threads([lambda: one(1), lambda: again(2)]) == ["1", "2"]
    assert len(loader.calls) == 1
