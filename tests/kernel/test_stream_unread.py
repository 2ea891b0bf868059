"""What a step that reads a stream leaves behind: nothing once that stream has ended, all of it while it may be read on."""

import asyncio
from contextlib import aclosing
from itertools import islice

import pytest

from omnitron import CallFailed, CallFinished, EventLog, context, flow, sequence

from .sources import Book, late_source, late_stage, named, source, stage


@pytest.fixture
def book():
    return Book()


@flow
def up(x):
    return x + 1


def peek(items):
    """Read one item, and close the stream."""
    found = next(items)
    items.close()
    return found


async def peek_later(items):
    """Read one item, and close the stream."""
    async with aclosing(items):
        return await anext(items)


def look(book):
    """Make a step that says what had happened before it."""
    return lambda _: [*book]


ROWS = {
    "generators": lambda book: source(book) | stage(book, "two"),
    "a stream between": lambda book: source(book) | up.stream() | stage(book, "two"),
    "a stream at the end": lambda book: source(book) | stage(book, "two") | up.stream(),
    "named": lambda book: (source(book) | stage(book, "two")).named("row"),
    "within": lambda book: source(book).within(tenant="acme") | stage(book, "two"),
}
RUNS = {
    "plain": lambda tree, value: tree(value),
    "run": lambda tree, value: context().run(tree, value),
    "watched": lambda tree, value: context(observers=[EventLog()]).run(tree, value),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_step_that_closes_its_stream_leaves_none_before_it_open(book, row, run):
    """What stands before a generator function is closed at once, not when the whole flow has ended."""
    tree = row(book) | peek | look(book)

    assert run(tree, 5) == ["open source", "close two", "close source"]


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_an_async_step_that_closes_its_stream_leaves_none_before_it_open(book, run):
    """The same, awaited: nothing is left to the loop."""
    tree = late_source(book) | up.stream() | late_stage(book, "two") | peek_later | look(book)

    async def main():
        return await run(tree, 5)

    assert asyncio.run(main()) == ["open source", "close two", "close source"]


def test_a_stage_that_stops_early_is_read_to_its_end(book):
    """What it did not read is closed when the step after it is done."""
    tree = source(book) | stage(book, "two", stops_at=2) | list | look(book)

    assert tree(5) == ["open source", "close two", "close source"]


def test_an_async_stage_that_stops_early_is_read_to_its_end(book):
    """The same in async code."""

    async def collect(items):
        return [item async for item in items]

    tree = late_source(book) | late_stage(book, "two", stops_at=2) | collect | look(book)

    assert asyncio.run(tree(5)) == ["open source", "close two", "close source"]


def test_what_may_still_be_read_stays_open(book):
    """A step that hands its stream on has not ended it, so it is read on by whoever has it."""
    tree = source(book) | stage(book, "two") | (lambda items: islice(items, 2))
    lazily = tree(5)

    assert next(lazily) == 0
    assert book == ["open source"]
    assert [*lazily] == [1]


def test_a_step_further_on_may_be_the_one_that_ends_it(book):
    """Each step after a stream is looked at."""
    tree = source(book) | stage(book, "two") | (lambda items: items) | peek | look(book)

    assert tree(5) == ["open source", "close two", "close source"]


@pytest.mark.parametrize("before", [0, 7])
def test_in_a_long_pipe_too(book, before):
    """Its steps run in functions of many, but not those that come soon after a stream."""
    passed = [flow(lambda items: items) for _ in range(before)]
    tree = sequence(source(book) | stage(book, "two"), *passed, flow(peek), flow(look(book)))
    long = sequence(tree, *[flow(lambda found: found) for _ in range(300)])

    assert long(5) == ["open source", "close two", "close source"]


def test_two_rows_in_one_pipe_end_each_by_itself(book):
    """The first one is over before the second begins."""
    first = source(book, "1") | stage(book, "2") | peek
    tree = first | (lambda _: 5) | source(book, "3") | stage(book, "4") | peek

    assert tree(5) == 0
    assert book == ["open 1", "close 2", "close 1", "open 3", "close 4", "close 3"]


def test_what_closing_raises_leaves(book):
    """As it would when the whole is closed, and the rest is still closed."""
    broken = KeyError("closing")
    tree = source(book, "1") | stage(book, "2", closing=broken) | stage(book, "3") | peek

    with pytest.raises(KeyError) as caught:
        tree(5)

    assert caught.value is broken
    assert book == ["open 1", "close 3", "close 2", "close 1"]


class Refuse:
    """A guard that refuses one name."""

    def check(self, call):
        if call.flow == "refused":
            raise PermissionError("no")


@pytest.mark.parametrize("later", [up.stream().named("refused"), named(lambda items: (yield from items), "refused")])
def test_a_part_that_cannot_begin_leaves_no_stream_open(later):
    """In a pipe of nothing but streams too: what was seen to start is seen to end."""
    log = EventLog()
    with pytest.raises(PermissionError):
        context(observers=[log], guards=[Refuse()]).run(flow(range) | up.stream() | later, 3)

    ends = {event.path: type(event) for event in log.events if isinstance(event, CallFinished | CallFailed)}
    assert ends["range → stream → refused/stream"] is CallFinished


def test_an_async_pipe_that_is_cancelled_while_a_part_begins_leaves_no_stream_open(book):
    """An observer that suspends is where that can happen."""
    reached = asyncio.Event()

    class Waiting:
        async def observe(self, event):
            if event.path.endswith("stream#2") and not reached.is_set():
                reached.set()
                await asyncio.get_running_loop().create_future()

    async def ready(count):
        return count

    log = EventLog()
    tree = flow(ready) | late_source(book) | up.stream() | up.stream()

    async def main():
        task = asyncio.ensure_future(context(observers=[log, Waiting()]).run(tree, 3))
        await reached.wait()
        task.cancel()
        await asyncio.wait([task])
        ends = {event.path.rpartition("/")[2] for event in log.events if isinstance(event, CallFinished | CallFailed)}
        return task.cancelled(), ends

    assert asyncio.run(main()) == (True, {"ready", "source", "stream", "stream#2", tree.name})


def test_items_ahead_are_cancelled_in_their_order():
    """What they do when they are cancelled follows the order of the items, every time."""
    ended = []

    @flow
    async def stuck(x):
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(x)

    async def main():
        stream = stuck.stream(concurrency=20)(range(100))
        reading = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])

    asyncio.run(main())

    assert ended == [*range(20)]
