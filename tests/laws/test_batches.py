"""Laws: asking together is asking one by one, whatever the sizes and however many ask at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given, settings
from hypothesis import strategies as st

from omnitron import EventLog, context, flow

"""Every order is drawn, the wrong ones too."""


class Odd(ValueError):
    """What some items raise."""


def one(item: int) -> int:
    """Fail for some items."""
    if item % 5 == 4:
        raise Odd(item)
    return item * 2


def answer(items: list[int]) -> list[Any]:
    """Give the results, and the exceptions, of many."""

    def told(item: int) -> Any:
        try:
            return one(item)
        except Odd as error:
            return error

    return [told(item) for item in items]


async def answer_later(items: list[int]) -> list[Any]:
    """The same, after a turn or so."""
    for _ in range(len(items) % 3):
        await asyncio.sleep(0)
    return answer(items)


many = st.lists(st.integers(0, 12), max_size=12)
sizes = st.integers(1, 5)
at_once = st.integers(1, 6)


def plain(outcomes: list[Any]) -> list[Any]:
    """Give outcomes in a form that compares."""
    return [repr(outcome.error) if hasattr(outcome, "error") else outcome.value for outcome in outcomes]


def done(run: Any, items: list[int], *, watched: bool) -> list[Any]:
    """Run a flow of either colour."""
    result = context(observers=EventLog()).run(run, items) if watched else run(items)
    return plain(asyncio.run(result) if asyncio.iscoroutine(result) else result)


@settings(max_examples=80, deadline=None)
@given(many, sizes, at_once, st.booleans())
def test_each_over_a_batch_is_each(items: list[int], size: int, workers: int, watched: bool) -> None:
    """In both colours, watched or not."""
    expected = plain(flow(one).each(mode="collect")(items))
    later = flow(answer_later).batch(size).each(mode="collect", concurrency=workers)
    threads = flow(answer).batch(size).each(mode="collect", threads=workers)
    assert done(later, items, watched=watched) == expected
    assert done(threads, items, watched=watched) == expected


@settings(max_examples=80, deadline=None)
@given(many, sizes, at_once, st.integers(1, 20), st.booleans())
def test_chunks_are_each(items: list[int], size: int, workers: int, heavy: int, watched: bool) -> None:
    """Whatever closes the chunks, and however many run at once."""
    expected = plain(flow(one).each(mode="collect")(items))
    weights = {"weigh": abs, "max_weight": heavy}
    for run in (
        flow(answer).chunk(size, mode="collect"),
        flow(answer).chunk(size, mode="collect", threads=workers, **weights),
        flow(answer_later).chunk(size, workers, mode="collect", **weights),
    ):
        assert done(run, items, watched=watched) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.booleans()), max_size=10), sizes)
def test_whoever_is_cancelled_whenever_the_others_are_served(calls: list[tuple[int, int, bool]], size: int) -> None:
    """Each caller comes and goes in some turn; nothing is left at the end, and nobody is asked for in vain."""
    asked: list[int] = []

    async def load(items: list[int]) -> list[int]:
        asked.extend(items)
        await asyncio.sleep(0)
        return [10 * item for item in items]

    batched = flow(load).batch(size)

    async def caller(item: int, start: int) -> int:
        for _ in range(start):
            await asyncio.sleep(0)
        return await batched(item)

    async def main() -> None:
        tasks = [asyncio.ensure_future(caller(number, start)) for number, (start, _, _) in enumerate(calls)]
        for turn in range(7):
            for task, (_, end, goes) in zip(tasks, calls, strict=True):
                if goes and end == turn:
                    task.cancel()
            await asyncio.sleep(0)
        found = await asyncio.gather(*tasks, return_exceptions=True)
        for number, ((_, _, goes), result) in enumerate(zip(calls, found, strict=True)):
            assert result == 10 * number or (goes and isinstance(result, asyncio.CancelledError))
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
    assert len(asked) == len(set(asked))
    assert batched.node.cell._state.open == {}
