"""Retries of streams: until their first item, and never after it."""

import asyncio
import gc

import pytest

from omnitron import (
    CallStarted,
    DefinitionError,
    EventLog,
    context,
    flow,
)

from .trying import Down, Trial, down, driven

both_colours = pytest.mark.parametrize("colour", ["sync", "async"])
watched = pytest.mark.parametrize("watched", [False, True])


class Book:
    """Streams that write down what happens to them.

    Attributes:
        fails: at which item each opening fails, in order; None for one that does not.
        events: what happened.
        clock: the clock of the runs.
    """

    def __init__(self, *fails):
        self.fails = list(fails)
        self.events = []
        self.trial = Trial()

    @property
    def open(self):
        """How many streams are open."""
        return self.events.count("open") - self.events.count("close")

    def source(self, colour):
        """Give a flow that gives a stream of three items."""

        def begin():
            self.events.append("open")
            return self.fails.pop(0) if self.fails else None

        def numbers(start):
            fails = begin()
            try:
                for number in range(start, start + 3):
                    if number - start == fails:
                        raise Down(str(fails))
                    yield number
            finally:
                self.events.append("close")

        async def numbers_later(start):
            fails = begin()
            try:
                for number in range(start, start + 3):
                    await asyncio.sleep(0)
                    if number - start == fails:
                        raise Down(str(fails))
                    yield number
            finally:
                self.events.append("close")

        return flow(numbers if colour == "sync" else numbers_later, name="numbers")

    def read(self, tree, *args, most=None, **options):
        """Read a stream to its end, or so many items of it before it is closed."""
        ctx = context(clock=self.trial.clock, **options)
        stream = ctx.run(tree, *args)
        if hasattr(stream, "__next__"):
            found = []
            for item in stream:
                found.append(item)
                if len(found) == most:
                    stream.close()
            return found
        return asyncio.run(driven(read_later(stream, most), self.trial.clock))


async def read_later(stream, most):
    """Read an async stream."""
    found = []
    async for item in stream:
        found.append(item)
        if len(found) == most:
            await stream.aclose()
    return found


def options(log, watched):
    """Give the options of a run that is watched, or not more than its clock asks."""
    return {"observers": log} if watched else {}


@both_colours
@watched
def test_a_stream_is_made_again_before_its_first_item(colour, watched):
    """Nobody has seen anything of it yet."""
    book, log = Book(0, 0), EventLog()

    assert book.read(book.source(colour).retry(), 5, **options(log, watched)) == [5, 6, 7]
    assert book.events == ["open", "close"] * 3
    if watched:
        assert [event.attempt for event in log.events if isinstance(event, CallStarted)] == [1, 2, 3]


@both_colours
@watched
def test_a_stream_is_never_made_again_after_its_first_item(colour, watched):
    """The items that were read would come twice."""
    book = Book(0, 1, None)

    with pytest.raises(Down, match="1") as caught:
        book.read(book.source(colour).retry(), 5, **options(EventLog(), watched))

    assert book.events == ["open", "close"] * 2
    assert caught.value.__notes__ == ["raised in flow 'numbers', at numbers"]


@both_colours
@watched
def test_the_last_error_of_a_stream_leaves_with_its_note(colour, watched):
    """After so many attempts."""
    book = Book(0, 0, 0, 0)

    with pytest.raises(Down) as caught:
        book.read(book.source(colour).retry(), 5, **options(EventLog(), watched))

    assert caught.value.__notes__ == ["raised in flow 'numbers', at numbers, after 3 attempts"]
    assert book.open == 0


@both_colours
@watched
def test_a_row_of_streams_is_made_again_as_a_whole(colour, watched):
    """The step of an item fails before the first result."""
    book, trial = Book(), Trial(*down(2))
    tree = (book.source(colour) | trial.step("sync").stream()).named("row").retry()

    assert book.read(tree, 5, **options(EventLog(), watched)) == [5, 6, 7]
    assert trial.seen == [5, 5, 5, 6, 7]
    assert book.events == ["open", "close"] * 3


@both_colours
def test_the_note_of_a_row_tells_item_and_attempts(colour):
    """Behind the place."""
    book, trial = Book(), Trial(*down(9))
    tree = (book.source(colour) | trial.step().stream()).named("row").retry(2, 0)

    with pytest.raises(Down) as caught:
        book.read(tree, 5)

    assert caught.value.__notes__ == ["raised in flow 'row', at row/stream/call, item 0, after 2 attempts"]


@both_colours
@watched
@pytest.mark.parametrize("most", [1, 2, 3])
def test_closing_half_way_closes_the_stream_inside(colour, watched, most):
    """Once, and no other is opened."""
    book = Book(0)

    assert len(book.read(book.source(colour).retry(), 5, most=most, **options(EventLog(), watched))) == most
    assert book.events == ["open", "close"] * 2


@both_colours
def test_a_stream_that_is_never_begun_opens_nothing(colour):
    """Closing it is enough."""
    book = Book()

    async def main():
        stream = context().run(book.source(colour).retry(), 5)
        await stream.aclose() if colour == "async" else stream.close()

    asyncio.run(main())
    assert book.events == []


def test_thousands_of_abandoned_streams_leave_nothing_open():
    """Begun, dropped and never closed by hand."""
    book = Book()
    tree = book.source("sync").retry()
    for number in range(10_000):
        next(tree(number))

    gc.collect()

    assert book.open == 0


def test_thousands_of_abandoned_async_streams_leave_nothing_open():
    """The loop closes what was dropped."""
    book = Book()
    tree = book.source("async").retry()

    async def main():
        for number in range(10_000):
            await anext(tree(number))
        gc.collect()

    asyncio.run(main())
    assert book.open == 0


@both_colours
def test_an_empty_stream_is_no_failure(colour):
    """It is read once."""
    calls = []

    def nothing(x):
        calls.append(x)
        yield from ()

    async def nothing_later(x):
        calls.append(x)
        for item in ():
            yield item

    assert Book().read(flow(nothing if colour == "sync" else nothing_later).retry(), 5) == []
    assert calls == [5]


@both_colours
def test_none_is_an_item(colour):
    """As any other value."""

    def nones(x):
        yield from (None, None)

    async def nones_later(x):
        for item in (None, None):
            yield item

    assert Book().read(flow(nones if colour == "sync" else nones_later).retry(), 5) == [None, None]


@both_colours
def test_a_stream_over_an_iterator_is_not_made_again(colour):
    """What it read is gone."""
    reads = []

    def lengths(items):
        reads.append(next(items))
        raise Down
        yield

    async def lengths_later(items):
        reads.append(next(items))
        raise Down
        yield

    with pytest.raises(Down):
        Book().read(flow(lengths if colour == "sync" else lengths_later).retry(), iter("abc"))

    assert reads == ["a"]


def test_waits_for_a_stream_are_on_the_clock():
    """As those for a call."""
    book = Book(0, 0)

    book.read(book.source("sync").retry(delay=1, jitter="none"), 5)

    assert book.trial.clock.time == 3


def test_a_wait_for_an_async_stream_can_be_cancelled():
    """Nothing is opened after it."""
    book = Book(0, 0)

    async def main():
        stream = context(clock=book.trial.clock).run(book.source("async").retry(delay=60), 5)
        task = asyncio.ensure_future(anext(stream))
        await book.trial.clock.advance(0)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled(), len(asyncio.all_tasks())

    assert asyncio.run(main()) == (True, 1)
    assert book.events == ["open", "close"]


@pytest.mark.parametrize("stage", ["stream", "each", "list"])
def test_a_retried_stream_stands_anywhere_in_a_row(stage):
    """What comes after reads it as it would read the other."""
    book = Book(0, 0)
    up = flow(lambda x: x + 1)
    after = {"stream": up.stream() | list, "each": up.each(), "list": flow(lambda items: [item + 1 for item in items])}

    assert book.trial.run(book.source("sync").retry() | after[stage], 5) == [6, 7, 8]
    assert book.open == 0


def test_the_step_of_an_item_is_tried_by_itself():
    """Under `.stream()`, in the middle of a row."""
    book, trial = Book(), Trial(*down(2))

    assert book.read(book.source("sync") | trial.step().retry().stream(), 5) == [5, 6, 7]
    assert trial.seen == [5, 5, 5, 6, 7]
    assert book.events == ["open", "close"]


@pytest.mark.parametrize(
    "tree",
    [
        lambda up, late: up.stream(),
        lambda up, late: late.stream(),
        lambda up, late: late | flow(iter_of),
    ],
    ids=["stream", "async stream", "awaited"],
)
def test_what_reads_as_it_goes_is_refused(tree):
    """The error says where to put the retry instead."""
    book = Trial()

    with pytest.raises(DefinitionError, match=r"Put `.retry` on"):
        tree(book.step(), book.step("async")).retry()


def iter_of(x):
    """Give a stream."""
    yield x
