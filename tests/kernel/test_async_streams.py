"""Streams in async code: what comes, how far ahead, closing and cancelling, errors."""

import asyncio
import gc
import threading
import warnings
from contextlib import aclosing, suppress
from functools import partial, reduce

import pytest

from omnitron import AsyncFlow, DefinitionError, Failure, Flow, Ok, context, flow, try_with, when

from .sources import Book, Flight, Untraced, late_source, late_stage, others, settle, source


@flow
def up(x):
    return x + 1


@flow
async def late_up(x):
    await asyncio.sleep(0)
    return x + 1


@flow
async def picky(x):
    await asyncio.sleep(0)
    if x < 0:
        raise LookupError("negative", x)
    return x


@flow
async def stuck(x):
    await asyncio.Event().wait()


@flow
async def collect(items):
    return [item async for item in items]


@pytest.fixture
def book():
    return Book()


def read(stream):
    """Give the list of what an async stream gives; it may be made inside of the loop."""

    async def main():
        made = stream() if callable(stream) else stream
        return [item async for item in made]

    return asyncio.run(main())


async def error_of(waiting):
    """Give the error that something leaves with."""
    try:
        await waiting
    except BaseException as error:
        return error
    raise AssertionError("it has not failed")


def closes(book):
    """Give the generators that were closed, in order."""
    return [entry.removeprefix("close ") for entry in book if entry.startswith("close")]


# ------------------------------------------------------------------ what comes


def test_an_async_generator_function_makes_a_flow_that_is_called_without_await(book):
    """As in Python: calling it gives the stream."""
    numbers = late_source(book)

    assert type(numbers) is Flow
    assert read(lambda: numbers(3)) == [0, 1, 2]


def test_the_next_step_gets_the_async_iterator(book):
    """And one that awaits makes the pipe async."""
    whole = late_source(book) | collect

    assert type(whole) is AsyncFlow
    assert asyncio.run(whole(3)) == [0, 1, 2]


@pytest.mark.parametrize("options", [{}, {"concurrency": 1}, {"concurrency": 3}])
@pytest.mark.parametrize("late", [False, True], ids=["sync items", "async items"])
def test_an_async_flow_maps_either_kind_in_order(book, options, late):
    """The result is an async generator."""
    items = late_source(book) if late else source(book)

    assert read(lambda: (items | late_up.stream(**options))(4)) == [1, 2, 3, 4]


def test_a_sync_flow_maps_an_async_stream(book):
    """What comes is async then."""
    assert read(lambda: (late_source(book) | up.stream() | up.stream())(3)) == [2, 3, 4]


def test_streams_of_both_colours_in_a_row(book):
    """One loop or several."""
    row = source(book) | up.stream() | late_up.stream() | up.stream() | late_up.stream(concurrency=2) | up.stream()

    assert read(lambda: row(3)) == [5, 6, 7]


@pytest.mark.parametrize("length", [2, 255, 256, 600])
def test_async_streams_in_a_row_of_any_length(length):
    """They make one loop."""
    row = reduce(lambda left, right: left | right, [up.stream(), late_up.stream()] * length)

    assert read(lambda: row([0])) == [2 * length]


@pytest.mark.parametrize("options", [{}, {"concurrency": 3}])
def test_async_iterables_of_any_make_are_read(options):
    """Asked once for their iterator, which need not be iterable itself."""

    class Bare:
        def __init__(self):
            self.left = [3, 2, 1]

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop()

    class Giving:
        asked = 0

        def __aiter__(self):
            self.asked += 1
            return Bare()

    giving = Giving()

    assert read(lambda: late_up.stream(**options)(giving)) == [2, 3, 4]
    assert giving.asked == 1


def test_results_come_as_they_are_ready_where_order_does_not_matter():
    """The first item waits for the last."""
    last = []

    @flow
    async def call(x):
        if x == 0:
            await last[0].wait()
        if x == 4:
            last[0].set()
        return x

    async def main():
        last.append(asyncio.Event())
        return [item async for item in call.stream(concurrency=2, unordered=True)(range(5))]

    assert asyncio.run(main()) == [1, 2, 3, 4, 0]


def test_outcomes_are_collected(book):
    """At once or one after the other."""
    for options in ({}, {"concurrency": 2}, {"concurrency": 2, "unordered": True}):
        outcomes = read(lambda options=options: picky.stream(mode="collect", **options)([1, -1, 2]))
        assert sorted(outcome.ok for outcome in outcomes) == [False, True, True]
    first, second, third = read(lambda: picky.stream(mode="collect", concurrency=3)([1, -1, 2]))

    assert (first, third) == (Ok(1), Ok(2))
    assert isinstance(second, Failure)
    assert (second.input, second.path) == (-1, "stream/picky")


def test_nothing_gives_nothing(book):
    """An empty source of either kind."""
    for items in (source(book), late_source(book)):
        for options in ({}, {"concurrency": 3}):
            assert read(lambda items=items, options=options: (items | late_up.stream(**options))(0)) == []


def test_a_source_that_never_ends(book):
    """Only what is on the way is computed."""
    seen = []

    async def endless():
        number = 0
        while True:
            number += 1
            yield number

    @flow
    async def see(x):
        seen.append(x)
        return x

    async def main():
        async with aclosing(see.stream(concurrency=3)(endless())) as stream:
            return [await anext(stream) for _ in range(4)]

    assert asyncio.run(main()) == [1, 2, 3, 4]
    assert len(seen) <= 7


def test_a_short_source_starts_few_tasks():
    """A great bound costs nothing where there are few items."""

    async def main():
        stream = late_up.stream(concurrency=10_000)([1, 2, 3])
        await anext(stream)
        many = len(asyncio.all_tasks())
        await stream.aclose()
        return many

    assert asyncio.run(main()) <= 4


def test_acall_gives_an_async_stream(book):
    """The flow is sync, and `acall` takes either colour."""

    async def main():
        return [item async for item in await late_source(book).acall(2)]

    assert asyncio.run(main()) == [0, 1]


# ------------------------------------------------------------------ how far ahead


def flights():
    """Give rows over a source, with the number of items that may be on the way."""
    yield "one at a time", late_up.stream(), 1
    yield "two streams", late_up.stream() | up.stream(), 1
    yield "generators", late_up.stream() | late_stage(Book(), "s") | up.stream(), 1
    yield "concurrency", late_up.stream(concurrency=8), 8
    yield "unordered", late_up.stream(concurrency=8, unordered=True), 8
    yield "collect", late_up.stream(concurrency=8, mode="collect"), 8
    yield "in a row", late_up.stream(concurrency=4) | late_up.stream(concurrency=4), 8
    yield "sync behind", late_up.stream(concurrency=4) | up.stream(), 5


@pytest.mark.parametrize(("row", "bound"), [pytest.param(*rest, id=name) for name, *rest in flights()])
@pytest.mark.parametrize("late", [False, True], ids=["sync items", "async items"])
def test_few_items_are_on_the_way(row, bound, late):
    """At every step what was taken and not yet read is bounded."""
    flight = Flight()

    async def main():
        items = flight.late_up_to(3_000) if late else flight.up_to(3_000)
        await flight.late_drain(row(items))

    asyncio.run(main())

    assert flight.read == 3_000
    assert 1 <= flight.most <= bound


@pytest.mark.real
@pytest.mark.parametrize(("row", "bound"), [pytest.param(*rest, id=name) for name, *rest in list(flights())[:6]])
def test_few_of_a_million_items_are_on_the_way(row, bound):
    """Also in a run."""
    flight = Flight()

    async def main():
        await flight.late_drain(context().run(row, flight.up_to(1_000_000)))

    asyncio.run(main())

    assert flight.read == 1_000_000
    assert 1 <= flight.most <= bound


@pytest.mark.parametrize("unordered", [False, True])
@pytest.mark.parametrize("late", [False, True], ids=["sync items", "async items"])
def test_a_slow_reader_holds_the_source_up(unordered, late):
    """What is ready and not read counts; nothing waits for the reader meanwhile."""
    flight = Flight()

    async def main():
        items = flight.late_up_to(100) if late else flight.up_to(100)
        async with aclosing(late_up.stream(concurrency=4, unordered=unordered)(items)) as stream:
            await anext(stream)
            flight.read = 1
            await settle()
            return flight.taken, await others()

    assert asyncio.run(main()) == (5, [])


def test_as_many_run_at_once_as_may():
    """Neither fewer nor more."""
    now, most = [0], [0]

    @flow
    async def crowded(x):
        now[0] += 1
        most[0] = max(most[0], now[0])
        for _ in range(3):
            await asyncio.sleep(0)
        now[0] -= 1
        return x

    assert read(lambda: crowded.stream(concurrency=3)(range(20))) == list(range(20))
    assert most == [3]


def test_a_generator_reads_on_while_an_item_is_awaited(book):
    """The source is not held up by who is slow in a row of its own."""
    row = late_source(book) | late_up.stream(concurrency=2) | late_stage(book, "behind") | late_up.stream(concurrency=2)

    assert read(lambda: row(50)) == [number + 2 for number in range(50)]


# ------------------------------------------------------------------ closing


def rows(book):
    """Give rows of three generators."""
    one, two, three = late_source(book, "1"), late_stage(book, "2"), late_stage(book, "3")
    yield "generators", one | two | three
    yield "streams between", one | up.stream() | two | late_up.stream() | three | up.stream()
    yield "ahead", one | late_up.stream(concurrency=3) | two | late_up.stream(concurrency=2, unordered=True) | three
    yield "named", (one | two).named("first") | three
    yield "nested", ((one | late_up.stream()).named("a") | two).named("b") | three
    yield "collect", one | late_up.stream(mode="collect") | two | three
    yield "within", one.within(tenant="acme") | two | late_up.stream().within(tenant="b") | three
    yield "when", one | when(bool, two | up.stream(), up) | three
    yield "long", reduce(lambda left, right: left | right, [up] * 300 + [one, two] + [up.stream()] * 300 + [three])


ROWS = [name for name, _ in rows(Book())]


def row_of(book, name):
    """Give the row of a name."""
    return next(row for known, row in rows(book) if known == name)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("runs", [False, True], ids=["", "run"])
def test_whoever_leaves_a_row_closes_all_of_it(book, row, runs):
    """When closing is over, each generator has ended once, in the order of reading."""
    whole = row_of(book, row)

    async def main():
        stream = context().run(whole, 50) if runs else whole(50)
        await anext(stream)
        await stream.aclose()
        await stream.aclose()
        return closes(book), await others()

    assert asyncio.run(main()) == (["3", "2", "1"], [])


@pytest.mark.parametrize("row", ROWS)
def test_a_row_that_is_read_to_its_end_closes_each_generator_once(book, row):
    """They end by themselves, the source first."""
    whole = row_of(book, row)

    assert len(read(lambda: whole(5))) >= 5
    assert closes(book) == ["1", "2", "3"]


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("runs", [False, True], ids=["", "run"])
def test_a_row_that_is_dropped_is_closed(book, row, runs):
    """By the loop, some turns later; without any collection."""
    whole = row_of(book, row)

    async def main():
        gc.disable()
        try:
            async for _ in context().run(whole, 5) if runs else whole(5):
                break
            return await others(), sorted(closes(book))
        finally:
            gc.enable()

    assert asyncio.run(main()) == ([], ["1", "2", "3"])


@pytest.mark.parametrize("given", [late_up.stream(), late_up.stream(concurrency=2)])
@pytest.mark.parametrize("kind", [source, late_source])
def test_closing_what_nobody_began_to_read(book, given, kind):
    """A generator that was given is closed all the same."""

    async def main():
        items = kind(book)(5)
        await anext(items) if kind is late_source else next(items)
        await given(items).aclose()
        return closes(book)

    assert asyncio.run(main()) == ["source"]


def test_an_iterator_of_ones_own_is_not_closed():
    """It belongs to who made it."""

    class Owned:
        closed = 0

        def __aiter__(self):
            return self

        async def __anext__(self):
            return 1

        async def aclose(self):
            self.closed += 1

    async def main():
        owned = Owned()
        for mapped in (late_up.stream(), late_up.stream(concurrency=2), up.stream()):
            async with aclosing(mapped(owned)) as stream:
                await anext(stream)
        return owned.closed

    assert asyncio.run(main()) == 0


@pytest.mark.parametrize("options", [{}, {"concurrency": 2}])
def test_the_generator_that_an_iterable_makes_is_closed(book, options):
    """It was made for this stream."""

    class Rows:
        def __aiter__(self):
            return late_source(book)(5)

    async def main():
        async with aclosing(late_up.stream(**options)(Rows())) as stream:
            await anext(stream)
        return closes(book)

    assert asyncio.run(main()) == ["source"]


def sinks():
    """Give steps that leave a stream early."""

    async def fail(items):
        async for _ in items:
            raise LookupError("sink")

    yield "fails", flow(fail)
    yield "each fails", flow(lambda x: [][x]).on("thread").each(concurrency=2)
    yield "each at once fails", picky_late.each()


@flow
async def picky_late(x):
    await asyncio.sleep(0)
    raise LookupError(x)


@pytest.mark.parametrize("sink", [pytest.param(sink, id=name) for name, sink in sinks()])
@pytest.mark.parametrize("runs", [False, True], ids=["", "run"])
def test_a_consumer_that_fails_closes_what_it_reads(book, sink, runs):
    """Before its error leaves."""
    whole = late_source(book, "1") | late_stage(book, "2") | late_up.stream() | sink

    async def main():
        error = await error_of(context().run(whole, 5) if runs else whole(5))
        return isinstance(error, LookupError), closes(book)

    assert asyncio.run(main()) == (True, ["2", "1"])


def test_a_quorum_that_is_reached_closes_what_it_reads(book):
    """What is left is not taken."""
    whole = late_source(book) | up.stream() | late_up.each(quorum=2, concurrency=2)

    asyncio.run(whole(50))

    assert closes(book) == ["source"]


def places(book):
    """Give rows whose reader waits somewhere in them when it is cancelled."""
    one, two = late_source(book, "1"), late_stage(book, "2")

    async def silent(items):
        try:
            await asyncio.Event().wait()
            yield
        finally:
            book.append("close silent")

    quiet = flow(silent)
    yield "in the source", quiet | two | late_up.stream(), ["silent", "2"]
    yield "in the source of many", quiet | late_up.stream(concurrency=3) | two, ["silent", "2"]
    yield "in an item", one | two | stuck.stream(), ["2", "1"]
    yield "in one of many items", one | two | stuck.stream(concurrency=3), ["2", "1"]
    yield "behind", one | stuck.stream(concurrency=2) | two | up.stream(), ["2", "1"]
    yield "in a consumer", one | two | stuck.stream() | collect, ["2", "1"]
    yield "in each", one | two | stuck.each(concurrency=3), ["2", "1"]


@pytest.mark.parametrize("place", [name for name, *_ in places(Book())])
@pytest.mark.parametrize("runs", [False, True], ids=["", "run"])
@pytest.mark.parametrize("ends", ["cancel", "timeout"])
def test_cancelling_the_reader_closes_all_of_the_row(book, place, runs, ends):
    """Wherever it waits; the cancellation leaves as one, when all has ended."""
    whole, order = next(rest for name, *rest in places(book) if name == place)

    async def reader():
        made = context().run(whole, 5) if runs else whole(5)
        if hasattr(made, "__await__"):
            return await made
        async for _ in made:
            pass
        return None

    async def main():
        task = asyncio.ensure_future(reader())
        await settle()
        if ends == "cancel":
            task.cancel("enough")
            error = await error_of(task)
        else:
            error = await error_of(asyncio.wait_for(task, 0))
        return type(error), sorted(closes(book)), await others()

    kind = asyncio.CancelledError if ends == "cancel" else TimeoutError
    assert asyncio.run(main()) == (kind, sorted(order), [])


def test_a_reader_that_is_cancelled_between_items_leaves_the_stream_to_its_owner(book):
    """Nobody reads at that moment; who has the stream closes it."""

    async def main():
        stream = (late_source(book) | late_up.stream(concurrency=2))(5)

        async def reader():
            await anext(stream)
            await asyncio.Event().wait()

        task = asyncio.ensure_future(reader())
        await settle()
        task.cancel()
        await error_of(task)
        before = closes(book)
        await stream.aclose()
        return before, closes(book)

    assert asyncio.run(main()) == ([], ["source"])


@pytest.mark.parametrize("options", [{}, {"concurrency": 2}, {"concurrency": 2, "unordered": True}])
def test_a_second_cancellation_does_not_keep_the_source_from_closing(book, options):
    """An item's clean-up is interrupted, and the row still ends before the cancellation leaves."""
    cleaning = []

    @flow
    async def slow_to_end(x):
        try:
            await asyncio.Event().wait()
        finally:
            cleaning.append("begun")
            await asyncio.Event().wait()

    async def reader():
        async for _ in (late_source(book, "1") | late_stage(book, "2") | slow_to_end.stream(**options))(5):
            pass

    async def main():
        task = asyncio.ensure_future(reader())
        await settle()
        task.cancel()
        await settle()
        begun = list(cleaning)
        task.cancel()
        for other in await others():
            if other is not task:
                other.cancel()  # the items' own tasks hold their clean-up up
        return begun[:1], type(await error_of(task)), closes(book), await others()

    assert asyncio.run(main()) == (["begun"], asyncio.CancelledError, ["2", "1"], [])


def test_a_cancellation_that_arrives_while_a_row_closes_is_not_lost(book):
    """It takes the place of the error because of which the row closes; the rest closes all the same."""
    entered = []

    async def slow(items):
        try:
            async for item in items:
                yield item
        finally:
            entered[0].set()
            try:
                await asyncio.Event().wait()
            finally:
                book.append("close slow")

    row = late_source(book) | flow(minus).stream() | flow(slow) | picky.stream()

    async def main():
        entered.append(asyncio.Event())
        task = asyncio.ensure_future(gathered(row(5)))
        await entered[0].wait()
        task.cancel()
        error = await error_of(task)
        return type(error), LookupError in map(type, before(error)), closes(book)

    assert asyncio.run(main()) == (asyncio.CancelledError, True, ["slow", "source"])


def before(error):
    """Give the errors during whose handling an error was raised."""
    while error.__context__ is not None:
        error = error.__context__
        yield error


def minus(x):
    """Give less."""
    return x - 1


def test_leaving_a_block_with_an_error_closes_the_stream(book):
    """`aclosing`, as for any async generator."""

    async def main():
        with suppress(KeyError):
            async with aclosing((late_source(book) | late_up.stream(concurrency=2))(5)) as stream:
                async for _ in stream:
                    raise KeyError
        return closes(book), await others()

    assert asyncio.run(main()) == (["source"], [])


def test_a_timeout_around_the_loop(book):
    """`asyncio.timeout` cancels the reader, and the row closes inside of it."""

    async def main():
        stream = (late_source(book) | stuck.stream(concurrency=2))(5)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.001):
                async for _ in stream:
                    pass
        return closes(book), await others()

    assert asyncio.run(main()) == (["source"], [])


# ------------------------------------------------------------------ what closing raises


@pytest.mark.parametrize("between", [late_up.stream(), late_up.stream(concurrency=2)])
def test_what_closing_raises_leaves(book, between):
    """Where nothing else does; whatever is yet to be closed is closed before, and notes what it raises too."""
    row = (
        late_source(book, "1", closing=KeyError("one"))
        | late_stage(book, "2", closing=KeyError("two"))
        | between
        | late_stage(book, "3")
    )

    async def main():
        stream = row(50)
        await anext(stream)
        error = await error_of(stream.aclose())
        known = [*getattr(error, "__notes__", ()), *map(repr, before(error))]
        return repr(error), known, closes(book)

    error, known, closed = asyncio.run(main())
    assert (error, sorted(closed)) == ("KeyError('two')", ["1", "2", "3"])
    assert any("'one'" in text for text in known)


@pytest.mark.parametrize("options", [{}, {"concurrency": 2}])
@pytest.mark.parametrize("runs", [False, True], ids=["", "run"])
def test_what_closing_raises_is_noted_on_an_error_that_leaves(book, options, runs):
    """The item's error is the one to read."""
    row = (
        late_source(book, closing=KeyError("one"))
        | flow(minus).stream()
        | late_stage(book, "2")
        | picky.stream(**options)
    )

    async def main():
        return await error_of(gathered(context().run(row, 5) if runs else row(5)))

    error = asyncio.run(main())

    assert repr(error) == "LookupError('negative', -1)"
    assert "closing failed too: KeyError: 'one'" in error.__notes__
    assert closes(book) == ["2", "source"]


async def gathered(stream):
    """Read a stream to its end."""
    return [item async for item in stream]


def test_what_closing_raises_is_noted_on_a_cancellation(book):
    """Which stays one, so that whoever cancelled goes on."""
    row = late_source(book, closing=KeyError("one")) | stuck.stream(concurrency=2)

    async def main():
        task = asyncio.ensure_future(gathered(row(5)))
        await settle()
        task.cancel()
        return await error_of(task)

    error = asyncio.run(main())

    assert type(error) is asyncio.CancelledError
    assert error.__notes__ == ["closing failed too: KeyError: 'one'"]


# ------------------------------------------------------------------ left alone


def abandoned(book):
    """Give rows of each kind."""
    yield "one at a time", late_source(book) | late_up.stream()
    yield "generators", late_source(book) | late_stage(book, "two") | up.stream() | late_stage(book, "three")
    yield "ahead", late_source(book) | late_up.stream(concurrency=3)
    yield "unordered", source(book) | late_up.stream(concurrency=3, unordered=True)


@pytest.mark.real
@pytest.mark.parametrize("row", [name for name, _ in abandoned(Book())])
@pytest.mark.parametrize("begun", [True, False], ids=["half way", "never begun"])
def test_ten_thousand_streams_that_are_dropped_leave_nothing(book, row, begun):
    """No generator is open and no task goes on."""
    whole = next(whole for name, whole in abandoned(book) if name == row)

    async def work(rounds):
        for _ in range(rounds):
            stream = whole(5)
            if begun:
                await anext(stream)
            del stream
        return await others()

    async def main():
        await work(10)
        book.clear()
        gc.collect()
        before = len(gc.get_objects())
        left = await work(10_000)
        opened = book.count("open source")
        clean = opened == book.close_of("source") == (10_000 if begun else 0)
        book.clear()
        gc.collect()
        return left, clean, len(gc.get_objects()) - before < 100

    with Untraced():
        assert asyncio.run(main()) == ([], True, True)


def test_a_stream_in_a_cycle_goes_with_it(book):
    """An object that holds a stream which reads the object: no task keeps it, and none complains."""
    said = []

    class Holder:
        def __init__(self):
            self.stream = late_up.stream(concurrency=3)(self.items())

        def items(self):
            yield from source(book)(100)

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, about: said.append(about["message"]))
        holder = Holder()
        holder.items_of = holder
        await anext(holder.stream)
        await settle()
        del holder
        gc.collect()
        return await others(), closes(book)

    assert asyncio.run(main()) == ([], ["source"])
    assert said == []


@pytest.mark.real
@pytest.mark.parametrize("options", [{}, {"concurrency": 2}, {"concurrency": 2, "unordered": True}])
@pytest.mark.parametrize("mode", ["raise", "collect"])
@pytest.mark.parametrize("runs", [False, True], ids=["", "run"])
def test_an_error_makes_no_cycle(options, mode, runs):
    """What it holds goes when it is dropped."""
    stream = picky.stream(mode=mode, **options)

    async def work():
        with suppress(LookupError):
            async for read in context().run(stream, [1, -1, 2, -2]) if runs else stream([1, -1, 2, -2]):
                del read  # since Python 3.12 the frames of any generator's errors hold the reader, and this in it
        await settle()

    async def main():
        await work()
        await work()
        gc.collect()
        gc.disable()
        try:
            await work()
            return gc.collect()
        finally:
            gc.enable()

    with Untraced():
        assert asyncio.run(main()) == 0


def test_a_stream_that_is_open_when_its_loop_ends_ends_with_it(book):
    """Each generator once; the loop closes all at once, so in no order."""
    kept = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, about: None)
        stream = context().run(late_source(book, "1") | late_up.stream() | late_stage(book, "2"), 5)
        kept.append(stream)
        await anext(stream)

    asyncio.run(main())

    assert sorted(closes(book)) == ["1", "2"]


# ------------------------------------------------------------------ errors


async def note_of(stream):
    """Give the one note of ours on the error of a stream."""
    error = await error_of(gathered(stream))
    (note,) = [note for note in error.__notes__ if note.startswith("raised in flow")]
    return note


@pytest.mark.parametrize("options", [{}, {"concurrency": 1}, {"concurrency": 3}, {"concurrency": 3, "unordered": True}])
@pytest.mark.parametrize("place", [0, 2, 4])
@pytest.mark.parametrize("runs", [False, True], ids=["", "run"])
def test_an_error_tells_the_index_of_its_item(options, place, runs):
    """Wherever the item was computed."""
    items = [-1 if index == place else index for index in range(5)]
    stream = picky.stream(**options).named("x")

    async def main():
        return await note_of(context().run(stream, items) if runs else stream(items))

    assert asyncio.run(main()) == f"raised in flow 'x', at x/picky, item {place}"


@pytest.mark.parametrize(
    ("row", "where"),
    [
        (picky.stream() | up.stream(), "x/stream/picky, item 2"),
        (late_up.stream() | picky.stream(concurrency=2), "x/stream#2/picky, item 2"),
        (picky.stream(concurrency=3) | late_up.stream(concurrency=2), "x/stream/picky, item 2"),
        (picky.stream() | late_stage(Book(), "s"), "x/stream/picky, item 2"),
        ((late_up.stream() | picky.stream()).named("y") | late_stage(Book(), "s"), "x/y/stream#2/picky, item 2"),
        (try_with(late_up, finally_=late_up).stream() | picky.stream(), "x/stream#2/picky, item 2"),
    ],
)
def test_the_path_and_index_through_a_row(row, where):
    """The stream that failed is named, and its item."""

    async def main():
        return await note_of(row.named("x")([5, 6, -1000]))

    assert asyncio.run(main()) == f"raised in flow 'x', at {where}"


@pytest.mark.parametrize("options", [{}, {"concurrency": 2}, {"concurrency": 2, "unordered": True}])
@pytest.mark.parametrize("place", [0, 2, 3])
@pytest.mark.parametrize("kind", [source, late_source])
def test_a_source_that_fails_leaves_after_the_items_before_it(book, options, place, kind):
    """At the first, in the middle, at the end."""
    got = []

    async def main():
        error = await error_of(into(got, (kind(book, fails_at=place) | late_up.stream(**options))(3)))
        return type(error), await others()

    assert asyncio.run(main()) == (LookupError, [])
    assert (sorted(got), closes(book)) == ([number + 1 for number in range(place)], ["source"])


async def into(got, stream):
    """Read a stream into a list."""
    async for item in stream:
        got.append(item)


def test_results_before_an_error_are_given_in_order():
    """The second fails while the first still goes on."""
    got, gate = [], []

    @flow
    async def call(x):
        if x == 0:
            await gate[0].wait()
        if x == 1:
            gate[0].set()
            raise LookupError(x)
        return x

    async def main():
        gate.append(asyncio.Event())
        return type(await error_of(into(got, call.stream(concurrency=3)(range(5)))))

    assert asyncio.run(main()) is LookupError
    assert got == [0]


@pytest.mark.parametrize("options", [{}, {"concurrency": 2}])
@pytest.mark.parametrize("stops", [StopAsyncIteration, StopIteration])
def test_an_item_cannot_end_the_stream_by_stopping_iteration(options, stops):
    """As in any generator it is an error of its own, so that nothing is cut off in silence."""

    @flow
    async def stop(x):
        raise stops(x)

    error = asyncio.run(error_of(gathered_of(stop.stream(**options))))

    assert type(error) is RuntimeError


async def gathered_of(stream):
    """Read a stream of two items."""
    return [item async for item in stream([1, 2])]


def test_an_item_that_is_cancelled_by_itself_leaves_as_a_cancellation():
    """As if it had been awaited."""

    @flow
    async def cancelled(x):
        raise asyncio.CancelledError("by itself")

    for options in ({}, {"concurrency": 2}):
        error = asyncio.run(error_of(gathered_of(cancelled.stream(**options))))
        assert type(error) is asyncio.CancelledError


@pytest.mark.parametrize("late", [False, True], ids=["sync items", "async items"])
@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8])
@pytest.mark.parametrize("unordered", [False, True])
def test_a_worker_that_somebody_else_cancels_cuts_nothing_off_in_silence(book, late, turns, unordered):
    """Whenever that happens the stream ends with the cancellation, or gives everything."""

    async def main():
        items = (late_source if late else source)(book)(6)
        stream = late_up.stream(concurrency=2, unordered=unordered)(items)
        reading = asyncio.ensure_future(gathered(stream))
        await settle(turns)
        for task in asyncio.all_tasks() - {asyncio.current_task(), reading}:
            task.cancel()
        try:
            return sorted(await reading) == [1, 2, 3, 4, 5, 6]
        except asyncio.CancelledError:
            return len(await others()) == 0

    assert asyncio.run(main()) is True


def test_two_readers_at_once_are_refused_as_in_python(book):
    """One reads at a time; what the first waits for is not disturbed."""

    async def main():
        stream = (late_source(book) | late_up.stream(concurrency=2))(3)
        first, second = await asyncio.gather(anext(stream), anext(stream), return_exceptions=True)
        return first, type(second), [item async for item in stream]

    assert asyncio.run(main()) == (1, RuntimeError, [2, 3])


# ------------------------------------------------------------------ loops


def test_loops_one_after_the_other_and_at_once(book):
    """A flow belongs to no loop."""
    whole = late_source(book) | late_up.stream(concurrency=2) | up.stream()
    got = []

    def work():
        got.extend(read(lambda: context().run(whole, 20)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work()

    assert sorted(got) == sorted([*range(2, 22)] * 5)
    assert book.close_of("source") == 5


@pytest.mark.parametrize("runs", [False, True], ids=["", "run"])
def test_a_stream_that_was_made_outside_of_any_loop_is_read_inside_one(book, runs):
    """Calling the flow needs none."""
    whole = late_source(book) | late_up.stream(concurrency=2)
    stream = context().run(whole, 3) if runs else whole(3)

    assert read(stream) == [1, 2, 3]
    assert closes(book) == ["source"]


def test_a_stream_that_is_made_outside_of_any_loop_and_dropped_says_nothing(book):
    """There is nothing to end yet."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        context().run(late_source(book) | late_up.stream(), 3)
        late_up.stream(concurrency=2)([1])
        gc.collect()

    assert book == []


def test_an_async_step_may_give_a_sync_stream():
    """It is awaited for it."""

    @flow
    async def ask(count):
        await asyncio.sleep(0)
        return range(count)

    whole = ask | up.stream()

    assert type(whole) is AsyncFlow
    assert list(asyncio.run(whole(3))) == [1, 2, 3]


def test_threads_are_for_sync_flows():
    """An async one is bounded by `concurrency`."""
    with pytest.raises(DefinitionError, match="concurrency"):
        late_up.stream(threads=2)


def test_a_bound_argument_and_a_partial(book):
    """Whatever makes a generator function makes a stream."""

    async def numbers(start, count):
        for number in range(start, start + count):
            yield number

    for made in (flow(partial(numbers, 2)), flow(numbers).bind(start=2)):
        assert read(lambda made=made: made(count=2)) == [2, 3]


@pytest.mark.parametrize(("whole", "most"), [("stream", 1), ("each", 3)])
def test_a_stream_computes_one_item_at_a_time_where_each_runs_many(whole, most):
    """Unless `concurrency` says otherwise."""
    here, seen = 0, []

    @flow
    async def counted(x):
        nonlocal here
        here += 1
        seen.append(here)
        await asyncio.sleep(0)
        here -= 1

    async def main():
        if whole == "each":
            await counted.each()(range(3))
        else:
            async for _ in counted.stream()(range(3)):
                pass

    asyncio.run(main())

    assert max(seen) == most
