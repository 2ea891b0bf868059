"""Rows of streams: items through five steps, and streams within streams.

The objects are made here, timed, and shown to keep what they promise. Read next: `bench.rows`, whose table these rows join.
"""

import asyncio
import gc
import tracemalloc
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import aclosing, suppress
from functools import reduce

from bench import baselines
from bench.measure import timed, timed_async
from bench.promises import Proof, require
from bench.rows import Row, Settings, Subjects, compared
from bench.work import STEPS, STEPS_SOON, Fuse
from omnitron import CallStarted, EventLog, Hooks, ItemYielded, context, flow

ITEMS = range(1_000)
ROWS = [range(100)] * 10
MANY = 10_000
open_now: list[int] = [0]


@flow
def numbers(count: int) -> Iterator[int]:
    open_now[0] += 1
    try:
        yield from range(count)
    finally:
        open_now[0] -= 1


@flow
async def numbers_soon(count: int) -> AsyncIterator[int]:
    open_now[0] += 1
    try:
        for number in range(count):
            yield number
    finally:
        open_now[0] -= 1


first, *others = [flow(step).stream() for step in STEPS[:5]]
five = reduce(lambda row, step: row.pipe(step), others, first)
first_soon, *others_soon = [flow(step).stream() for step in STEPS_SOON[:5]]
five_soon = reduce(lambda row, step: row.pipe(step), others_soon, first_soon)


@flow
def total(items: Iterable[int]) -> int:
    return sum(five(items))


within = total.stream()


@flow
def counted(items: Iterable[object]) -> int:
    return sum(1 for _ in items)


@flow
async def counted_soon(items: AsyncIterable[object]) -> int:
    return len([1 async for _ in items])


one = first.pipe(counted)
one_soon = first_soon.pipe(counted_soon)


def drain(items: Iterable[object]) -> None:
    deque(items, maxlen=0)


async def drain_soon(items: AsyncIterable[object]) -> None:
    async for _ in items:
        pass


def streaming(settings: Settings, subjects: Subjects, proof: Proof) -> list[Row]:
    """Measure, then show."""
    run = context().run
    names = {"run": run, "drain": drain, "items": ITEMS}
    table = [
        compared(
            settings,
            "1,000 items through five sync streams",
            1.6,
            timed("drain(run(five, items))", five=five, **names),
            (
                "five generators",
                timed("drain(five(items))", five=baselines.five_generators, drain=drain, items=ITEMS),
                baselines.five_generators,
            ),
            others={"nested map()": timed("drain(five(items))", five=baselines.five_maps, drain=drain, items=ITEMS)},
        ),
        compared(
            settings,
            "1,000 items through five async streams",
            2.5,
            timed_async(
                settings.runner, "await drain(run(five, items))", run=run, drain=drain_soon, five=five_soon, items=ITEMS
            ),
            (
                "five async generators",
                timed_async(
                    settings.runner,
                    "await drain(five(items))",
                    five=baselines.five_generators_soon,
                    drain=drain_soon,
                    items=ITEMS,
                ),
                baselines.five_generators_soon,
            ),
        ),
        compared(
            settings,
            "a stream of 10 items, each reads five streams of 100",
            None,
            timed("drain(run(within, rows))", run=run, within=within, drain=drain, rows=ROWS),
            (
                "generators in generators",
                timed("drain(within(rows))", within=baselines.within_generators, drain=drain, rows=ROWS),
                baselines.five_generators,
            ),
        ),
        *of_started(settings),
    ]
    proof.show("five sync streams: items seen by hooks, an error tells its item, closing closes", shows_sync)
    proof.show("five async streams: items seen by hooks, an error tells its item, closing closes", shows_async)
    proof.show(
        f"{MANY:,} streams of each kind read half way and dropped: none open, no task, memory flat", shows_dropped
    )
    proof.show("a started stream: every event in order, none holds a value that passed", shows_started)
    return table


def by_run(row: object, items: object) -> object:
    """Run a flow that nothing watches.

    Lacks: a handle, events, the places of steps.
    """
    return context().run(row, items)  # type: ignore[arg-type]


def of_started(settings: Settings) -> list[Row]:
    """A row that is read to its end as a started run, and in a context that keeps its events, beside the bare run."""
    begin, same = context().start, ("ctx.run of the same", timed("run(row, items)", run=by_run, row=one, items=ITEMS))
    soon = timed_async(settings.runner, "await run(row, items)", run=by_run, row=one_soon, items=ITEMS)
    return [
        compared(
            settings,
            "a started sync stream, 1,000 items",
            None,
            timed("begin(row, items).result()", begin=begin, row=one, items=ITEMS),
            (*same, by_run),
        ),
        compared(
            settings,
            "a sync stream in a context with an EventLog, 1,000 items",
            None,
            timed("context(observers=log()).run(row, items)", context=context, log=EventLog, row=one, items=ITEMS),
            (*same, by_run),
        ),
        compared(
            settings,
            "a started async stream, 1,000 items",
            None,
            timed_async(settings.runner, "await begin(row, items)", begin=begin, row=one_soon, items=ITEMS),
            ("ctx.run of the same", soon, by_run),
        ),
    ]


# ---------------------------------------------------------------- what is shown


def shows_sync(proof: Proof) -> None:
    """The row that was timed is watched, fails, and is closed."""
    seen: list[object] = []
    row = numbers | five
    results = list(context(hooks=Hooks(on_item=lambda event: seen.append(event.index))).run(row, 3))
    require(results == list(baselines.five_generators(range(3))), f"the stream gave {results}")
    require(seen.count(2) == 7, f"hooks saw the last item {seen.count(2)} times instead of 7")
    with suppress(ZeroDivisionError):
        try:
            list(context().run(five, [1, 2, Fuse(3, ZeroDivisionError("burnt"))]))
        except ZeroDivisionError as error:
            require("item 2" in error.__notes__[0], f"the note says {error.__notes__}")
            raise
        require(False, "the stream did not fail")
    stream = context().run(row, 3)
    next(stream)
    require(open_now == [1], "the source is not open while it is read")
    stream.close()
    require(open_now == [0], "closing the stream did not close its source")


def shows_async(proof: Proof) -> None:
    """The same, on the loop."""

    async def main() -> None:
        seen: list[object] = []
        row = numbers_soon | five_soon
        observed = context(hooks=Hooks(on_item=lambda event: seen.append(event.index)))
        results = [item async for item in observed.run(row, 3)]
        require(results == list(baselines.five_generators(range(3))), f"the stream gave {results}")
        require(seen.count(2) == 7, f"hooks saw the last item {seen.count(2)} times instead of 7")
        try:
            await drain_soon(context().run(five_soon, [1, 2, Fuse(3, ZeroDivisionError("burnt"))]))
            require(False, "the stream did not fail")
        except ZeroDivisionError as error:
            require("item 2" in error.__notes__[0], f"the note says {error.__notes__}")
        async with aclosing(context().run(row, 3)) as stream:
            await anext(stream)
            require(open_now == [1], "the source is not open while it is read")
        require(open_now == [0], "closing the stream did not close its source")

    proof.runner.run(main())


def shows_dropped(proof: Proof) -> None:
    """Streams that nobody reads to the end leave nothing behind."""
    row, row_soon = numbers | five, numbers_soon | flow(STEPS_SOON[0]).stream(concurrency=4) | five_soon
    run = context().run

    def drop(count: int) -> None:
        for _ in range(count):
            next(run(row, 2))

    async def drop_soon(count: int) -> None:
        for _ in range(count):
            await anext(run(row_soon, 2))
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        require(len(asyncio.all_tasks()) == 1, f"{len(asyncio.all_tasks()) - 1} tasks go on")

    drop(100)
    proof.runner.run(drop_soon(100))
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    drop(MANY)
    proof.runner.run(drop_soon(MANY))
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    require(open_now == [0], f"{open_now[0]} streams are open")
    require(grown < 100_000, f"{grown:,} bytes are left")


def shows_started(proof: Proof) -> None:
    """The handle has all events of the stream, without its values."""
    run = context().start(one, range(3))
    require(run.result() == 3, "the run gave another result")
    events = list(run.events())
    given = [event.index for event in events if isinstance(event, ItemYielded)]
    require(given == [0, 1, 2], f"the events tell of the items {given}")
    inner = [event.call for event in events if isinstance(event, CallStarted) and event.call.in_item]
    require([call.path.partition("[")[2][:1] for call in inner] == ["0", "1", "2"], f"the calls are {inner}")
    require(all(repr(call.args) == "(<not kept>,)" for call in inner), "an event holds a value that passed")
