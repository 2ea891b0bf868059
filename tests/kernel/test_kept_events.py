"""Events that are kept: by a started run for who reads them, and by a log."""

import asyncio
import threading
from collections.abc import Iterable, Iterator

import pytest

from omnitron import Call, CallFinished, CallStarted, EventLog, ItemYielded, context, flow
from omnitron.runtime import following, runs


@flow
def numbers(count: int) -> Iterator[int]:
    yield from range(count)


@flow
def counted(items: Iterable[int]) -> int:
    return sum(1 for _ in items)


@flow
def same(x: int) -> int:
    return x


def some_call():
    """Give a call without a run."""
    return Call("same", "same", "r", 1)


def read_in_app(flow_of_it, *args, readers=1):
    """Start a flow and read its events as they come; give what each reader saw, and what the handle has at the end."""

    async def main():
        async with context() as app:
            run = app.start(flow_of_it, *args)
            seen = await asyncio.gather(*(listed(run) for _ in range(readers)))
            return seen, list(run.events())

    async def listed(run):
        return [event async for event in run.events()]

    return asyncio.run(main())


def test_who_reads_while_a_thread_tells_misses_nothing():
    """Each reader sees each event once, in order."""
    seen, kept = read_in_app(numbers | counted, 2_000, readers=3)

    assert [event.index for event in kept if type(event) is ItemYielded] == list(range(2_000))
    assert seen == [kept] * 3


def test_events_of_worker_threads_are_all_kept():
    """Threads that tell at once lose none of their events."""
    (seen,), kept = read_in_app(same.each(threads=8), list(range(300)))

    assert seen == kept
    assert sorted(event.call.call_id for event in kept if type(event) is CallStarted) == list(range(1, 302))
    assert sorted(event.call.call_id for event in kept if type(event) is CallFinished) == list(range(1, 302))


def test_the_oldest_events_of_a_run_go_first_whoever_tells(monkeypatch):
    """Threads that tell at once forget no more than the oldest, and none twice."""
    monkeypatch.setattr(following, "MAX_EVENTS", 50)
    monkeypatch.setattr(runs, "MAX_EVENTS", 50)
    run, call = runs.Run("r", "same", None), some_call()
    threads = [
        threading.Thread(target=lambda: [run.observe(ItemYielded(call, index, None)) for index in range(2_000)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert run._dropped + len(run._events) == 8_000
    assert len(run._events) <= 100
    assert list(run.events()) == run._events[-50:]


def test_an_event_does_not_wake_who_awaits_the_result():
    """Whoever awaits a run of many events waits for one thing."""

    async def main():
        run = runs.Run("r", "same", None)
        waiter = asyncio.create_task(run._ended())
        await asyncio.sleep(0)
        waiting = list(run._bell.waiting)
        run.observe(CallStarted(some_call()))
        await asyncio.sleep(0)
        woken = run._bell.waiting != waiting
        run.settle("succeeded", 1)
        await waiter
        return woken

    assert asyncio.run(main()) is False


def test_kept_events_of_a_call_share_it():
    """A call is copied without its values once, with the calls around it."""
    log = EventLog()
    list(context(observers=log).run(same.stream(), iter([1, 2])))
    items = [event.call for event in log.events if event.call.in_item]

    assert items[0] is items[1]
    assert items[0].parent is items[2].parent


def test_what_a_run_tells_is_frozen():
    """Calls and events that the library makes cannot be changed by those who share them."""
    log = EventLog()
    list(context(observers=log).run(same.stream(), [1]))

    assert {type(event) for event in log.events} == {CallStarted, CallFinished, ItemYielded}
    for shared in [*log.events, *(event.call for event in log.events)]:
        with pytest.raises(AttributeError, match="immutable"):
            shared.attempt = 2


@pytest.mark.parametrize("limit", [0, 1, 7, 160])
def test_a_log_holds_little_more_than_its_limit_and_shows_no_more(limit):
    """The oldest go some at a time."""
    log, call, most = EventLog(limit=limit), some_call(), 0
    for index in range(1_000):
        log.observe(ItemYielded(call, index, None))
        most = max(most, len(log._events))

    assert most <= limit * 17 / 16
    assert [event.index for event in log.events] == list(range(1_000 - limit, 1_000))
