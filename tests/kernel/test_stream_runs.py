"""Streams in runs: their context, resources, deadlines, guards, and what is left when a run or its context ends."""

import asyncio
import contextvars
import gc
import threading
from contextlib import aclosing, suppress
from functools import partial

import pytest

from omnitron import (
    Context,
    DeadlineExceeded,
    DefinitionError,
    EventLog,
    Key,
    MissingCapability,
    MissingNeed,
    NoRun,
    Replace,
    RunCancelled,
    context,
    current_context,
    current_step,
    flow,
    needs,
    resource,
)
from omnitron.testing import ManualClock

from .sources import Book, Untraced, late_source, late_stage, others, settle, source, stage

TENANT = Key("tenant", str)
colour = contextvars.ContextVar("colour", default="none")


@flow
def up(x):
    return x + 1


@flow
async def late_up(x):
    await asyncio.sleep(0)
    return x + 1


@flow
def numbers(count):
    yield from range(count)


@flow
async def late_numbers(count):
    for number in range(count):
        yield number


@flow
def refuse(x):
    if x == 2:
        raise LookupError(x)
    return x


@pytest.fixture
def book():
    return Book()


async def gathered(stream):
    """Read a stream to its end."""
    return [item async for item in stream]


def read(make):
    """Make an async stream inside a loop, and read it."""

    async def main():
        return await gathered(make())

    return asyncio.run(main())


async def error_of(waiting):
    """Give the error that something leaves with."""
    try:
        await waiting
    except BaseException as error:
        return error
    raise AssertionError("it has not failed")


def opened(book, name="tx", *, scope="run", closing=None):
    """Make a sync resource that writes down its course."""

    def open_it():
        book.append(f"open {name}")
        try:
            yield name
        except BaseException as error:
            book.append(f"fail {name} {type(error).__name__}")
            raise
        else:
            book.append(f"commit {name}")
        finally:
            book.append(f"close {name}")
            if closing is not None:
                raise closing

    open_it.__name__ = name
    return resource(scope=scope)(open_it)


def late_opened(book, name="tx", *, scope="run"):
    """The async twin of `opened`."""

    async def open_it():
        book.append(f"open {name}")
        await asyncio.sleep(0)
        try:
            yield name
        except BaseException as error:
            book.append(f"fail {name} {type(error).__name__}")
            raise
        else:
            book.append(f"commit {name}")
        finally:
            await asyncio.sleep(0)
            book.append(f"close {name}")

    open_it.__name__ = name
    return resource(scope=scope)(open_it)


def asking(*targets, book=None):
    """Make a generator function that needs resources, and one that maps an item."""
    book = Book() if book is None else book

    def rows(count, *, first=needs(targets[0]), last=needs(targets[-1])):
        book.append("open rows")
        try:
            for number in range(count):
                yield number, first, last
        finally:
            book.append("close rows")

    return flow(rows)


def late_asking(*targets, book=None):
    """The async twin of `asking`."""
    book = Book() if book is None else book

    async def rows(count, *, first=needs(targets[0]), last=needs(targets[-1])):
        book.append("open rows")
        try:
            for number in range(count):
                await asyncio.sleep(0)
                yield number, first, last
        finally:
            book.append("close rows")

    return flow(rows)


# ------------------------------------------------------------------ the context of a run


def test_what_a_step_sets_stays_in_the_run():
    """Each item is taken in a context of the run's own; its reader's is untouched."""

    @flow
    def paint(x):
        before = colour.get()
        colour.set(f"red {x}")
        return before

    stream = context().run(paint.stream(), [1, 2])

    assert (next(stream), colour.get(), next(stream), colour.get()) == ("none", "none", "red 1", "none")


@pytest.mark.parametrize("options", [{}, {"concurrency": 1}])
def test_what_an_async_step_sets_stays_in_the_run(options):
    """Between items, and while one waits."""
    seen = []

    @flow
    async def paint(x):
        colour.set(f"red {x}")
        await asyncio.sleep(0)
        seen.append(colour.get())
        return x

    async def main():
        return [colour.get() async for _ in context().run(paint.stream(**options), [1, 2])]

    assert asyncio.run(main()) == ["none", "none"]
    assert seen == ["red 1", "red 2"]


def test_streams_of_two_contexts_read_in_turn():
    """Each keeps its own, the reader has neither."""
    here = flow(lambda x: (current_context().tenant, x)).stream()
    first = context(tenant="a").run(numbers | here, 2)
    second = context(tenant="b").run(numbers | here, 2)

    both = [pair for pairs in zip(first, second, strict=True) for pair in pairs]

    assert both == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert len(current_context()) == 0


def test_async_streams_of_two_contexts_read_at_once():
    """In tasks of their own, or in turn in one."""

    @flow
    async def here(x):
        await asyncio.sleep(0)
        return current_context().tenant, x

    async def main():
        streams = [context(tenant=name).run(late_numbers | here.stream(), 2) for name in "ab"]
        firsts = [await anext(stream) for stream in streams]
        return firsts, await asyncio.gather(*map(gathered, streams))

    assert asyncio.run(main()) == ([("a", 0), ("b", 0)], [[("a", 1)], [("b", 1)]])


def test_needs_of_values_are_filled_in_generators_and_items():
    """Of both colours; what lacks is refused before anything runs."""

    @flow
    def price(x, *, who: str = needs(TENANT)):
        return who, x

    @flow
    async def late_price(x, *, who: str = needs(TENANT), ctx: Context = needs(Context)):
        return who, x, ctx.tenant

    rows = asking(TENANT) | price.stream()

    assert list(context(tenant="acme").run(rows, 1)) == [("acme", (0, "acme", "acme"))]
    assert read(lambda: context(tenant="x").run(late_price.stream(concurrency=2), [1])) == [("x", 1, "x")]
    with pytest.raises(MissingNeed, match="rows"):
        context().run(rows, 1)


def test_a_run_within_a_stream():
    """Its context is back when it has ended, and a stream of it is its own."""

    @flow
    def inside(count):
        inner = context(tenant="inner").run(flow(lambda x: (current_context().tenant, x)).stream(), range(count))
        for pair in inner:
            yield current_context().tenant, pair

    stream = context(tenant="outer").run(inside, 2)

    assert list(stream) == [("outer", ("inner", 0)), ("outer", ("inner", 1))]


def test_a_part_in_a_context_of_its_own():
    """`within` over a generator function and over a stream: each item is taken there."""
    here = flow(lambda x: (current_context().get("tenant", None), x))

    @flow
    def rows(count):
        for number in range(count):
            yield current_context().get("tenant", None), number

    whole = rows.within(tenant="rows") | here.stream() | here.stream().within(tenant="items")

    assert list(whole(1)) == [("items", (None, ("rows", 0)))]
    assert list(context(tenant="run").run(whole, 1)) == [("items", ("run", ("rows", 0)))]


def test_an_async_part_in_a_context_of_its_own():
    """The same of async ones, watched and not."""

    @flow
    async def rows(count):
        for number in range(count):
            await asyncio.sleep(0)
            yield current_context().get("tenant", None), number

    @flow
    async def here(x):
        await asyncio.sleep(0)
        return current_context().get("tenant", None), x

    whole = rows.within(tenant="rows") | here.stream(concurrency=2).within(tenant="items") | here.stream()

    assert read(lambda: context(tenant="run").run(whole, 1)) == [("run", ("items", ("rows", 0)))]
    assert read(lambda: context(tenant="run", observers=EventLog()).run(whole, 1)) == [("run", ("items", ("rows", 0)))]


def test_a_stream_is_read_in_another_thread_than_it_was_begun():
    """Nothing of it belongs to a thread."""
    stream = context(tenant="acme").run(numbers | flow(lambda x: (current_context().tenant, x)).stream(), 4)
    got = [next(stream)]
    thread = threading.Thread(target=lambda: got.extend([next(stream), next(stream)]))
    thread.start()
    thread.join()

    assert [*got, *stream] == [("acme", number) for number in range(4)]


def test_a_stream_is_read_in_another_task_than_it_was_begun(book):
    """And closed in a third one."""

    async def main():
        stream = context().run(late_asking(late_opened(book)), 9)
        first = await asyncio.ensure_future(anext(stream))
        second = await asyncio.ensure_future(anext(stream))
        await asyncio.ensure_future(stream.aclose())
        return first[0], second[0]

    assert asyncio.run(main()) == (0, 1)
    assert book == ["open tx", "fail tx GeneratorExit", "close tx"]


# ------------------------------------------------------------------ places


def test_the_place_of_a_generator_and_of_an_item():
    """`current_step()` inside both; the name of the run is that of its stream."""

    @flow
    def rows(count):
        for _ in range(count):
            yield current_step().path

    @flow
    def here(x):
        return x, current_step().path, current_step().run_id

    whole = (rows | here.stream()).named("x")

    assert list(context().as_run("nightly").run(whole, 2)) == [
        ("x/rows", "x/stream[0]/here", "nightly"),
        ("x/rows", "x/stream[1]/here", "nightly"),
    ]


@pytest.mark.parametrize("options", [{}, {"concurrency": 2}])
def test_the_key_of_a_step_is_one_for_each_item(options):
    """The same in every run of that name, also where items are equal."""

    @flow
    async def key(x):
        return current_step().key

    def keys(name):
        return read(lambda: context().as_run(name).run(key.stream(**options), [7, 7, 8]))

    assert len(set(keys("a"))) == 3
    assert keys("a") == keys("a") != keys("b")


def test_the_place_of_an_item_of_a_stream_that_a_body_reads():
    """It is under the call from the body."""
    here = flow(lambda x: current_step().path).stream().named("inner")

    @flow
    def body(count):
        return list(here(range(count)))

    paths = context().as_run("a").run(body.stream().named("x"), [2])

    assert list(paths) == [["x[0]/body/inner@1[0][0]/<lambda>", "x[0]/body/inner@1[0][1]/<lambda>"]]


# ------------------------------------------------------------------ resources


def ends():
    """Give ways in which a stream ends, and what the resources of its run are told."""
    yield "read", list, "commit {}"
    yield "closed", lambda stream: (next(stream), stream.close()), "fail {} GeneratorExit"
    yield "dropped", lambda stream: next(stream) and None, "fail {} GeneratorExit"
    yield "never begun", lambda stream: stream.close(), "fail {} GeneratorExit"
    yield "thrown", lambda stream: (next(stream), stream.throw(KeyError("thrown"))), "fail {} KeyError"


@pytest.mark.parametrize(("end", "told"), [pytest.param(*rest, id=name) for name, *rest in ends()])
def test_resources_of_a_run_end_with_its_stream(book, end, told):
    """Opened once, closed in reverse order after the generators, and told how it ended."""
    outer, inner = opened(book, "outer"), opened(book, "inner")
    touch = flow(lambda x, *, again=needs(outer): x)

    with suppress(KeyError):
        end(context().run(asking(outer, inner, book=book) | touch.stream(), 3))

    rows = ["open rows", "close rows"] if "open rows" in book else []
    ended = [told.format("inner"), "close inner", told.format("outer"), "close outer"]
    assert book == ["open outer", "open inner", *rows, *ended]


def test_an_error_of_an_item_is_told_to_resources(book):
    """The generators have ended before."""
    stream = context().run(asking(opened(book), book=book) | flow(lambda x: [][x[0]]).stream(), 3)

    with pytest.raises(IndexError):
        list(stream)

    assert book == ["open tx", "open rows", "close rows", "fail tx IndexError", "close tx"]


@pytest.mark.parametrize("way", ["read", "closed", "failed", "cancelled"])
def test_async_resources_of_a_run_end_with_its_stream(book, way):
    """Opened for the first item, closed when the generators have ended."""

    @flow
    async def item(x):
        if way == "failed":
            raise LookupError(x)
        if way == "cancelled":
            await asyncio.Event().wait()
        return x

    async def main():
        stream = context().run(late_asking(late_opened(book), opened(book, "now"), book=book) | item.stream(), 2)
        if way == "closed":
            await anext(stream)
            await stream.aclose()
            return
        task = asyncio.ensure_future(gathered(stream))
        await settle()
        task.cancel()
        with suppress(LookupError, asyncio.CancelledError):
            await task

    asyncio.run(main())

    told = {"read": "", "closed": " GeneratorExit", "failed": " LookupError", "cancelled": " CancelledError"}[way]
    ended = [[f"fail {name}{told}" if told else f"commit {name}", f"close {name}"] for name in ("now", "tx")]
    assert book == ["open tx", "open now", "open rows", "close rows", *ended[0], *ended[1]]


def test_resources_of_items_are_opened_once_for_all(book):
    """At once or one after the other."""
    for options in ({}, {"concurrency": 3}):
        touch = flow_of(late_opened(book))
        assert read(lambda touch=touch, options=options: context().run(touch.stream(**options), range(5))) == [
            *range(5)
        ]
        assert book == ["open tx", "commit tx", "close tx"]
        book.clear()


def flow_of(target):
    """Make an async step that needs a resource."""

    @flow
    async def touch(x, *, tx=needs(target)):
        await asyncio.sleep(0)
        return x

    return touch


def test_resources_of_the_app_outlive_streams(book):
    """They close when the context is left."""
    with context() as app:
        rows = asking(opened(book, "app", scope="app"))
        first, second = list(app.run(rows, 1)), next(app.run(rows, 5))
        before = list(book)

    assert (first, second[0], before) == ([(0, "app", "app")], 0, ["open app"])
    assert book == ["open app", "commit app", "close app"]


def test_a_resource_that_fails_to_close_is_not_silent(book):
    """What it raises leaves from the end of the stream, and from closing it."""
    rows = asking(opened(book, closing=KeyError("closing")))
    closed = context().run(rows, 5)
    next(closed)

    with pytest.raises(KeyError, match="closing"):
        closed.close()
    with pytest.raises(KeyError, match="closing"):
        list(context().run(rows, 2))


def test_a_resource_that_fails_to_close_is_noted_on_the_error(book):
    """The item's error leaves."""
    stream = context().run(asking(opened(book, closing=KeyError("closing"))) | flow(lambda x: [][x[0]]).stream(), 5)

    with pytest.raises(IndexError) as caught:
        list(stream)

    assert "closing failed too: KeyError: 'closing'" in caught.value.__notes__


def test_a_sync_stream_of_an_async_run_closes_its_sync_resources(book):
    """When it has been read, where nothing can be awaited any more."""

    tx_of_run = opened(book)

    @flow
    async def ask(count, *, tx=needs(tx_of_run)):
        await asyncio.sleep(0)
        return range(count)

    async def main():
        return list(await context().run(ask | up.stream(), 2)), list(book)

    assert asyncio.run(main()) == ([1, 2], ["open tx", "commit tx", "close tx"])


def test_a_sync_stream_of_an_async_run_is_refused_where_something_async_is_open(book):
    """With the way out; all is closed."""

    tx_of_run = late_opened(book)

    @flow
    async def ask(count, *, tx=needs(tx_of_run)):
        return count

    whole = ask | source(book, "rows") | up.stream()

    with pytest.raises(DefinitionError, match="let a last step make a list"):
        asyncio.run(context().run(whole, 2))
    assert book == ["open tx", "fail tx DefinitionError", "close tx"]
    assert asyncio.run(context().run(whole | list, 2)) == [1, 2]


def test_a_sync_generator_function_cannot_need_an_async_resource(book):
    """An async one can."""
    with pytest.raises(DefinitionError, match="async def"):
        asking(late_opened(book))

    assert read(lambda: context().run(late_asking(late_opened(book)), 1)) == [(0, "tx", "tx")]


@pytest.mark.real
@pytest.mark.parametrize("observed", [False, True], ids=["", "observed"])
def test_ten_thousand_runs_that_are_left_half_way(book, observed):
    """No generator, no resource is open; and what is kept of them does not grow."""
    tx, log = opened(book), EventLog(limit=10)
    whole = asking(tx, book=book) | up_first.stream() | stage(book, "behind")

    def work(rounds):
        for _ in range(rounds):
            next(context(observers=log).run(whole, 5) if observed else context().run(whole, 5))
        clean = (
            book.count("open tx") == book.close_of("tx") == book.close_of("rows") == book.close_of("behind") == rounds
        )
        book.clear()
        return clean

    with Untraced():
        work(20)
        gc.collect()
        before = len(gc.get_objects())
        clean = work(10_000)
        grown = len(gc.get_objects()) - before

    assert clean
    assert grown < 100


@flow
def up_first(row):
    return row[0] + 1


@pytest.mark.real
@pytest.mark.parametrize("observed", [False, True], ids=["", "observed"])
def test_ten_thousand_async_runs_that_are_left_half_way(book, observed):
    """Nor does any task go on."""
    log = EventLog(limit=10)

    @flow
    async def first(row):
        return row[0] + 1

    whole = late_asking(late_opened(book), book=book) | first.stream(concurrency=2) | late_stage(book, "behind")

    async def work(rounds):
        for _ in range(rounds):
            await anext(context(observers=log).run(whole, 50) if observed else context().run(whole, 50))
            await asyncio.sleep(0)
        left = await others()
        clean = (
            book.count("open tx") == book.close_of("tx") == book.close_of("rows") == book.close_of("behind") == rounds
        )
        book.clear()
        return clean, left

    async def main():
        await work(20)
        gc.collect()
        before = len(gc.get_objects())
        result = await work(1_000 if observed else 10_000)
        gc.collect()
        return result, len(gc.get_objects()) - before < 200

    with Untraced():
        assert asyncio.run(main()) == ((True, []), True)


# ------------------------------------------------------------------ leaving a context


def test_reading_on_when_the_context_was_left_is_refused(book):
    """It was closed with the context, and does not look as if it had come to its end."""
    with context() as app:
        stream = app.run(asking(opened(book), book=book) | stage(book, "behind"), 5)
        next(stream)
    ended = list(book)

    with pytest.raises(NoRun, match="make a list of it there"):
        next(stream)
    assert list(stream) == []
    assert ended == ["open tx", "open rows", "close behind", "close rows", "fail tx GeneratorExit", "close tx"] == book


def test_an_async_context_that_is_left_ends_its_streams(book):
    """The last that was begun first, and awaits them."""

    async def main():
        async with context() as app:
            first = app.run(late_source(book, "1") | late_up.stream(concurrency=2), 50)
            second = app.run(source(book, "2") | up.stream(), 50)
            await anext(first), next(second)
        return list(book), type(await error_of(anext(first))), await others()

    ended, error, tasks = asyncio.run(main())

    assert ended == ["open 1", "open 2", "close 2", "close 1"]
    assert (error, tasks) == (NoRun, [])


def test_a_context_that_is_left_by_an_error_does_not_commit(book):
    """The stream was not read to its end."""
    with suppress(KeyError), context() as app:
        stream = app.run(asking(opened(book, "kept")), 5)
        next(stream)
        raise KeyError

    assert "commit kept" not in book
    assert book.close_of("kept") == 1


@pytest.mark.parametrize("late", [False, True], ids=["with", "async with"])
def test_what_closing_raises_leaves_with_the_block(book, late):
    """It is not lost, and keeps nothing from closing."""
    rows = (late_source if late else source)(book, closing=KeyError("closing"))
    app_wide = opened(book, "app", scope="app")

    async def main():
        async with context() as app:
            app.run(flow(lambda x, *, it=needs(app_wide): x), 1)
            stream = app.run(rows, 5)
            await anext(stream)

    def now():
        with context() as app:
            app.run(flow(lambda x, *, it=needs(app_wide): x), 1)
            stream = app.run(rows, 5)
            next(stream)

    with pytest.raises(KeyError, match="closing"):
        asyncio.run(main()) if late else now()
    assert book == ["open app", "open source", "close source", "fail app KeyError", "close app"]


def test_a_stream_that_another_thread_reads_ends_after_its_item(book):
    """Leaving its context does not wait, and takes nothing away beneath it."""
    inside, gate, got = threading.Event(), threading.Event(), []

    @flow
    def wait(x):
        inside.set()
        gate.wait()
        return x

    def reader(stream):
        try:
            got.extend(iter(partial(next, stream), None))
        except NoRun:
            got.append("left")

    with context() as app:
        stream = app.run(asking(opened(book), book=book) | up_first.stream() | wait.stream(), 5)
        thread = threading.Thread(target=reader, args=(stream,))
        thread.start()
        inside.wait()
    left = list(book)
    gate.set()
    thread.join()

    assert (left, got) == (["open tx", "open rows"], [1, "left"])
    assert book == [*left, "close rows", "fail tx NoRun", "close tx"]


def test_a_stream_that_another_task_reads_ends_after_its_item(book):
    """The same on one loop."""

    async def main():
        gate, got = asyncio.Event(), []

        @flow
        async def wait(x):
            await gate.wait()
            return x

        async def reader(stream):
            try:
                async for item in stream:
                    got.append(item)  # noqa: PERF401 - until it fails
            except NoRun:
                got.append("left")

        async with context() as app:
            task = asyncio.ensure_future(reader(app.run(late_source(book) | wait.stream(), 5)))
            await settle()
        left = list(book)
        gate.set()
        await task
        return left, got

    assert asyncio.run(main()) == (["open source"], [0, "left"])
    assert book == ["open source", "close source"]


def test_an_async_stream_of_a_context_that_was_entered_by_with(book):
    """Nothing could be awaited when it was left; reading on ends it."""

    async def main():
        with context() as app:
            stream = app.run(late_source(book), 5)
            await anext(stream)
        return type(await error_of(anext(stream)))

    assert asyncio.run(main()) is NoRun
    assert book == ["open source", "close source"]


def test_a_stream_that_ended_is_no_business_of_its_context(book):
    """Neither read to its end nor closed."""
    with context() as app:
        list(app.run(source(book), 3))
        closed = app.run(source(book), 3)
        closed.close()

    assert list(closed) == []


# ------------------------------------------------------------------ deadlines


def test_a_deadline_that_passes_between_items(book):
    """The next item is not computed; the row ends."""
    clock = ManualClock()
    stream = context(deadline=5, clock=clock).run(source(book) | up.stream(), 9)
    first = next(stream)
    clock.move(6)

    with pytest.raises(DeadlineExceeded, match=r"1\.000 s before '.*' would have given its next item"):
        next(stream)
    assert (first, list(stream), book) == (1, [], ["open source", "close source"])


def test_a_deadline_that_passes_within_an_item(book):
    """A sync item goes on to its end, and what it gives is too late."""
    clock = ManualClock()
    slow = flow(lambda x: clock.move(6) or x)
    stream = context(deadline=5, clock=clock).run(asking(opened(book), book=book) | slow.stream(), 9)

    with pytest.raises(DeadlineExceeded):
        next(stream)
    assert book == ["open tx", "open rows", "close rows", "fail tx DeadlineExceeded", "close tx"]


def test_a_plain_function_that_gives_a_generator_has_a_deadline_too(book):
    """Its items are no calls, and late ones are refused all the same."""
    clock = ManualClock()
    rows = flow(lambda count: (clock.move(6) or number for number in range(count)))

    with pytest.raises(DeadlineExceeded, match=r"the stream gave an item 1\.000 s after"):
        next(context(deadline=5, clock=clock).run(rows, 3))


@pytest.mark.parametrize("observed", [False, True], ids=["", "observed"])
@pytest.mark.parametrize("options", [{}, {"concurrency": 2}])
def test_a_deadline_of_an_async_stream(book, observed, options):
    """Between items: not computed. Within one: cancelled where it waits."""
    watching = {"observers": EventLog()} if observed else {}

    @flow
    async def wait(x):
        if x:
            await asyncio.Event().wait()
        return x

    async def main(moves):
        clock = ManualClock()
        stream = context(deadline=5, clock=clock, **watching).run(late_source(book) | wait.stream(**options), 9)
        await anext(stream)
        if moves:
            clock.move(6)
        reading = asyncio.ensure_future(error_of(anext(stream)))
        await clock.advance(6)
        return type(await reading), closed_by(book), await others()

    for moves in (True, False):
        assert asyncio.run(main(moves)) == (DeadlineExceeded, ["source"], [])
        book.clear()


def closed_by(book):
    """Give the generators that were closed, in order."""
    return [entry.removeprefix("close ") for entry in book if entry.startswith("close")]


def test_a_deadline_over_many_items():
    """Each item has an alarm of its own, and none is left behind."""
    log = EventLog(limit=2)

    async def main():
        stream = context(deadline=100, clock=ManualClock(), observers=log).run(late_numbers, 3_000)
        count = len(await gathered(stream))
        return count, await others()

    assert asyncio.run(main()) == (3_000, [])


def test_a_deadline_of_a_part(book):
    """It begins when the part is called, and ends its stream only."""
    clock = ManualClock()
    part = (source(book) | up.stream()).within(deadline=5)
    stream = context(clock=clock).run(part | up.stream(), 9)
    first = next(stream)
    clock.move(6)

    with pytest.raises(DeadlineExceeded):
        next(stream)
    assert (first, book) == (2, ["open source", "close source"])


def test_an_async_deadline_of_a_part(book):
    """The same, where items wait."""

    @flow
    async def wait(x):
        await asyncio.Event().wait()

    async def main():
        clock = ManualClock()
        stream = context(clock=clock).run((late_source(book) | wait.stream()).within(deadline=5) | up.stream(), 9)
        reading = asyncio.ensure_future(error_of(anext(stream)))
        await clock.advance(6)
        return type(await reading), await others()

    assert asyncio.run(main()) == (DeadlineExceeded, [])
    assert book == ["open source", "close source"]


# ------------------------------------------------------------------ capabilities, guards, replacements


def test_capabilities_are_checked_before_anything_is_opened(book):
    """Of generator functions and of items."""

    tx_of_run = opened(book)

    @flow(capabilities={"net:a"})
    def rows(count, *, tx=needs(tx_of_run)):
        yield from range(count)

    item = flow(capabilities={"net:b"})(up.fn)

    for whole in (rows, rows | up.stream(), numbers | item.stream()):
        with pytest.raises(MissingCapability):
            context(capabilities={"file:*"}).run(whole, 1)
    assert book == []
    assert list(context(capabilities={"net:*"}).run(rows | item.stream(), 2)) == [1, 2]


class Standing:
    """Stands in for the calls of one path."""

    def __init__(self, path, value):
        self.path, self.value = path, value

    def check(self, call):
        return Replace(self.value) if call.path == self.path else None


@pytest.mark.parametrize(
    "value", [[7, 8], (7, 8), range(7, 9), iter([7, 8]), (x for x in (7, 8))], ids=lambda v: type(v).__name__
)
def test_a_guard_stands_in_for_a_generator_by_any_iterable(value):
    """The next step gets an iterator all the same."""
    whole = (numbers | flow(lambda items: (next(items), *items))).named("x")

    assert context(guards=[Standing("x/numbers", value)]).run(whole, 3) == (7, 8)


def test_a_guard_stands_in_for_an_item():
    """Only for that one."""
    whole = (numbers | up.stream()).named("x")

    assert list(context(guards=[Standing("x/stream[1]/up", "stands in")]).run(whole, 3)) == [1, "stands in", 3]


def test_a_guard_that_refuses_an_item_ends_the_stream(book):
    """And closes what it reads."""

    class Refusing:
        def check(self, call):
            if call.path.endswith("[1]/up"):
                raise PermissionError(call.path)

    stream = context(guards=[Refusing()]).run((source(book) | up.stream()).named("x"), 3)
    first = next(stream)

    with pytest.raises(PermissionError, match="x/stream"):
        next(stream)
    assert (first, book) == (1, ["open source", "close source"])


def fakes():
    """Give what may stand in for a generator function."""
    yield "a list", lambda count: [7, 8]
    yield "a generator", lambda count: (x for x in (7, 8))
    yield "a generator function", lambda count: numbers_from_seven(count)
    yield "a flow", flow(lambda count: [7, 8])
    yield "a composed flow", flow(lambda count: [6, 7]) | up.stream()


def numbers_from_seven(count):
    """Give two numbers."""
    yield 7
    yield 8


@pytest.mark.parametrize("fake", [pytest.param(fake, id=name) for name, fake in fakes()])
def test_a_generator_is_replaced(fake):
    """By a function that gives any iterable; the next step gets an iterator."""
    first = numbers | flow(lambda items: (next(items), *items))

    assert context(replace={"numbers": fake}).run(first, 3) == (7, 8)
    assert list(context(replace={"numbers": fake}).run(numbers | up.stream(), 3)) == [8, 9]


@pytest.mark.parametrize("fake", [pytest.param(fake, id=name) for name, fake in fakes()])
def test_an_async_generator_is_replaced(fake):
    """Also by sync ones; the next step gets an async iterator."""

    @flow
    async def collect(items):
        return [item async for item in items]

    async def late_fake(count):
        yield 7
        yield 8

    async def awaited_fake(count):
        return [7, 8]

    for stand_in in (fake, late_fake, awaited_fake):
        ctx = context(replace={"late_numbers": stand_in})
        assert asyncio.run(ctx.run(late_numbers | collect, 3)) == [7, 8]
        assert read(lambda ctx=ctx: ctx.run(late_numbers | late_up.stream(concurrency=2), 3)) == [8, 9]


def test_an_async_stream_cannot_stand_in_for_a_sync_one():
    """Nothing could await its items."""

    async def fake(count):
        yield 7

    with pytest.raises(DefinitionError, match="Give a generator, or a list"):
        context(replace={"numbers": fake}).run(numbers | up.stream(), 3)


# ------------------------------------------------------------------ runs that are started


@pytest.mark.parametrize(
    "whole", [numbers, numbers | up.stream(), late_numbers, late_up.stream(), numbers.within(tenant="a")]
)
def test_a_stream_is_not_started(whole):
    """It would go on only as somebody reads it; the text tells what to do."""
    with pytest.raises(DefinitionError, match="start a flow whose last step reads it"):
        context().start(whole, 3)


def test_a_stream_that_nobody_could_foresee_is_refused_when_it_comes(book):
    """A plain function gave it; it is closed."""
    rows = source(book)

    def given(count):
        made = rows(count)
        next(made)
        return made

    async def late_given(count):
        return given(count)

    async def main():
        return await error_of(context().start(late_given, 3)), await error_of(context().start(flow(given), 3))

    errors = asyncio.run(main())

    assert [type(error) for error in errors] == [DefinitionError, DefinitionError]
    assert book.close_of("source") == 2


def test_a_started_run_reads_its_streams(book):
    """And gives what its last step makes of them."""

    async def main():
        sync = context().start(source(book) | up.stream() | list, 3)
        late = context().start(late_source(book) | late_up.stream(concurrency=2) | late_up.each(), 3)
        return await sync, await late

    assert asyncio.run(main()) == ([1, 2, 3], [2, 3, 4])
    assert book.close_of("source") == 2


def test_a_started_sync_run_is_cancelled_between_two_items(book):
    """Nothing more is computed, and its generators end."""
    seen, inside, gate = [], threading.Event(), threading.Event()

    @flow
    def see(x):
        seen.append(x)
        inside.set()
        gate.wait()
        return x

    with context() as app:
        run = app.start(source(book) | see.stream() | stage(book, "behind") | list, 9)
        inside.wait()
        run.cancel("enough")
        gate.set()
        with pytest.raises(RunCancelled, match="enough"):
            run.result()

    assert (seen, book) == ([0], ["open source", "close behind", "close source"])


def test_a_cancellation_passes_a_stream_that_is_read_in_the_run(book):
    """`except Exception` in the body does not hold it up."""
    inside, gate, after = threading.Event(), threading.Event(), []

    @flow
    def body(count):
        try:
            for _ in current_context().run(source(book) | up.stream(), count):
                inside.set()
                gate.wait()
        except Exception:
            after.append("caught")
        after.append("went on")

    with context() as app:
        run = app.start(body, 9)
        inside.wait()
        run.cancel()
        gate.set()
        with pytest.raises(RunCancelled):
            run.result()

    assert (after, book) == ([], ["open source", "close source"])


def test_a_started_async_run_is_cancelled_in_an_item(book):
    """The row ends before the run does."""

    @flow
    async def wait(x):
        await asyncio.Event().wait()

    async def main():
        async with context() as app:
            run = app.start(
                late_source(book) | late_stage(book, "behind") | wait.stream(concurrency=2) | late_up.each(), 9
            )
            await settle()
            run.cancel()
            return type(await error_of(run)), sorted(closed_by(book)), await others()

    assert asyncio.run(main()) == (RunCancelled, ["behind", "source"], [])


def test_runs_that_a_stream_starts_end_with_it():
    """They belong to its run."""
    started = []

    @flow
    async def rows(count):
        started.append(current_context().start(forever, 1))
        for number in range(count):
            yield number

    async def main():
        async with aclosing(context().run(rows, 5)) as stream:
            await anext(stream)
            before = started[0].status
        return before, started[0].status, await others()

    assert asyncio.run(main()) == ("running", "cancelled", [])


@flow
async def forever(x):
    await asyncio.Event().wait()


# ------------------------------------------------------------------ what can be undone


def test_each_item_is_a_whole_of_its_own(book):
    """What was done for an item that its reader has stays done when a later one fails."""
    done, undone = [], []
    do = flow(lambda x: done.append(x) or x).undo(flow(undone.append))
    stream = (do | refuse).stream()([1, 2, 3])

    with pytest.raises(LookupError):
        list(stream)
    assert (done, undone) == ([1, 2], [2])


def test_an_undo_before_a_stream_is_refused():
    """Nobody could say whether the flow has succeeded; with the way out."""
    do = flow(lambda x: range(x)).undo(up)

    with pytest.raises(DefinitionError, match=r"End it with a step that reads the stream"):
        (do | up.stream())(3)
    assert (do | up.stream() | list)(3) == [1, 2, 3]


def test_what_was_done_before_a_consumer_that_fails_is_undone(book):
    """After the generators have ended."""
    do = flow(lambda x: x).undo(flow(lambda x: book.append("undone")))

    with pytest.raises(IndexError):
        (do | source(book) | up.stream() | flow(lambda items: [][next(items)]))(3)
    assert book == ["open source", "close source", "undone"]


def test_a_context_keeps_no_stream():
    """Its readers do; what they have dropped is gone."""
    with context() as app:
        for _ in range(100):
            next(app.run(numbers, 5))
        kept = app._scope.read_now()

    assert kept == []
