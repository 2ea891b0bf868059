"""Streams as observers see them: items, ends, durations; and what is kept of them."""

import asyncio
import gc
import logging
import pickle
import weakref
from contextlib import aclosing, suppress
from functools import partial

import pytest

from omnitron import (
    CallFailed,
    CallFinished,
    CallStarted,
    DefinitionError,
    EventLog,
    Hooks,
    ItemYielded,
    StreamEnd,
    Tracing,
    context,
    flow,
)
from omnitron.testing import ManualClock

from .sources import Book, late_source, late_stage, others, settle, source, stage


@flow
def up(x):
    return x + 1


@flow
async def late_up(x):
    await asyncio.sleep(0)
    return x + 1


@flow
def refuse(x):
    if x:
        raise LookupError(x)
    return x


@flow
def numbers(count):
    yield from range(count)


@flow
async def late_numbers(count):
    for number in range(count):
        await asyncio.sleep(0)
        yield number


@pytest.fixture
def book():
    return Book()


class Watching:
    """Keeps every event as it comes, with all its values."""

    def __init__(self):
        self.events = []

    def observe(self, event):
        self.events.append(event)

    def told(self):
        """Give what happened, in words."""
        return [
            f"{type(event).__name__.removeprefix('Call')} {event.path}"
            + (f" {event.item!r}" if type(event) is ItemYielded else "")
            for event in self.events
        ]

    def ends(self):
        """Give the ends of streams by path."""
        return {event.path: event.output for event in self.events if type(event) is CallFinished}


async def gathered(stream):
    """Read a stream to its end."""
    return [item async for item in stream]


async def read_of(ctx, whole, *args):
    """Read a stream of a run to its end."""
    return await gathered(ctx.run(whole, *args))


def opened_and_ended(events):
    """Say whether each call that started ended once, and none without having started."""
    started = [event.call.call_id for event in events if type(event) is CallStarted]
    ended = [event.call.call_id for event in events if type(event) in (CallFinished, CallFailed)]
    return len(started) > 0 and sorted(started) == sorted(ended) == sorted(set(started))


# ------------------------------------------------------------------ what is seen


def test_events_of_a_row_in_order():
    """A call begins when its step is called, tells of each item, and ends with its stream."""
    watching = Watching()

    list(context(observers=watching).run((numbers | up.stream()).named("x"), 1))

    assert watching.told() == [
        "Started x",
        "Started x/numbers",
        "Started x/stream",
        "ItemYielded x/numbers 0",
        "Started x/stream[0]/up",
        "Finished x/stream[0]/up",
        "ItemYielded x/stream 1",
        "ItemYielded x 1",
        "Finished x/numbers",
        "Finished x/stream",
        "Finished x",
    ]


def test_events_of_an_async_row_are_the_same():
    """Colour makes no difference."""
    watching = Watching()

    asyncio.run(read_of(context(observers=watching), (late_numbers | late_up.stream()).named("x"), 1))

    assert watching.told() == [
        "Started x",
        "Started x/late_numbers",
        "Started x/stream",
        "ItemYielded x/late_numbers 0",
        "Started x/stream[0]/late_up",
        "Finished x/stream[0]/late_up",
        "ItemYielded x/stream 1",
        "ItemYielded x 1",
        "Finished x/late_numbers",
        "Finished x/stream",
        "Finished x",
    ]


def test_the_parent_of_an_item_is_the_stream():
    """Whose parent is the pipe."""
    watching = Watching()

    list(context(observers=watching).run((numbers | up.stream()).named("x"), 1))

    call = next(event.call for event in watching.events if event.flow == "up")
    assert (call.parent.path, call.parent.parent.path, call.in_item) == ("x/stream", "x", True)


def rows(book):
    """Give rows of both colours."""
    yield "sync", source(book) | up.stream() | stage(book, "behind"), False
    yield "sync threads", source(book) | up.stream(threads=2) | stage(book, "behind"), False
    yield "within", source(book).within(tenant="a") | up.stream().within(tenant="b"), False
    yield "async", late_source(book) | late_up.stream() | late_stage(book, "behind"), True
    yield "ahead", late_source(book) | late_up.stream(concurrency=2) | up.stream(), True
    yield "unordered", source(book) | late_up.stream(concurrency=2, unordered=True), True
    yield "async within", late_source(book).within(tenant="a") | late_up.stream().within(tenant="b"), True


@pytest.mark.parametrize("row", [name for name, *_ in rows(Book())])
@pytest.mark.parametrize("way", ["read", "left", "never begun", "dropped", "failed"])
def test_each_call_ends_once(book, row, way):
    """However its stream ends; and its end tells the number of items, and whether those were all."""
    whole, late = next(rest for name, *rest in rows(book) if name == row)
    whole = (whole | (flow(lambda x: [][x]).stream() if way == "failed" else up.stream())).named("x")
    watching = Watching()

    asyncio.run((leave_late if late else leave)(partial(context(observers=watching).run, whole, 20), way))

    end = next(event for event in watching.events if event.path == "x" and type(event) in (CallFinished, CallFailed))
    assert opened_and_ended(watching.events)
    if way == "failed":
        assert type(end.error) is IndexError
    else:
        items = {"read": 20, "left": 1, "dropped": 1, "never begun": 0}[way]
        assert end.output == StreamEnd(items, complete=way == "read")


async def leave(make, way):
    """Leave a stream in some way."""
    stream = make()
    if way in ("left", "dropped"):
        next(stream)
    if way in ("left", "never begun"):
        stream.close()
    if way in ("read", "failed"):
        with suppress(IndexError):
            list(stream)


async def leave_late(make, way):
    """The same of an async one."""
    stream = make()
    if way in ("left", "dropped"):
        await anext(stream)
    if way in ("left", "never begun"):
        await stream.aclose()
    if way in ("read", "failed"):
        with suppress(IndexError):
            await gathered(stream)
    if way == "dropped":
        del stream
        await others()


def test_an_error_tells_every_call_that_it_leaves():
    """With the same error; those that it does not pass were left."""
    watching = Watching()
    with suppress(LookupError):
        list(context(observers=watching).run((numbers | refuse.stream() | up.stream()).named("x"), 3))

    failed = [event.path for event in watching.events if type(event) is CallFailed]
    assert failed == ["x/stream[1]/refuse", "x/stream", "x/stream#2", "x"]
    assert watching.ends()["x/numbers"] == StreamEnd(2, complete=False)
    assert len({id(event.error) for event in watching.events if type(event) is CallFailed}) == 1


def test_what_closing_raises_is_how_the_call_ended(book):
    """The stream was left, and its end failed."""
    watching = Watching()
    stream = context(observers=watching).run(source(book, closing=KeyError("closing")), 5)
    next(stream)

    with pytest.raises(KeyError):
        stream.close()
    assert repr(watching.events[-1].error) == "KeyError('closing')"


def test_a_cancelled_stream_fails_with_the_cancellation(book):
    """Observers are told before it leaves."""
    watching = Watching()

    @flow
    async def wait(x):
        await asyncio.Event().wait()

    async def main():
        task = asyncio.ensure_future(
            read_of(context(observers=watching), late_source(book) | wait.stream(concurrency=2), 5)
        )
        await settle()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return opened_and_ended(watching.events), type(watching.events[-1].error)

    assert asyncio.run(main()) == (True, asyncio.CancelledError)


def test_streams_within_items_have_calls_of_their_own():
    """Under the path of their item."""
    watching = Watching()
    inner = (numbers | up.stream()).named("inner")

    list(context(observers=watching).run(flow(list_of(inner)).stream().named("x"), [1, 2]))

    assert watching.ends()["x[1]/body/inner@0[0]"] == StreamEnd(2, complete=True)
    assert opened_and_ended(watching.events)


def list_of(inner):
    """Give a function that reads a stream in its body."""

    def body(count):
        return list(inner(count))

    return body


def test_items_of_a_generator_that_a_plain_function_gave_are_no_events():
    """It is a value like any other; the run of it is still read in its context."""
    watching = Watching()
    given = flow(lambda count: (x for x in range(count)))

    assert list(context(observers=watching).run(given, 2)) == [0, 1]
    assert [type(event) for event in watching.events] == [CallStarted, CallFinished]


# ------------------------------------------------------------------ hooks


def test_hooks_see_items():
    """With their index and value, after the call began and before it ended."""
    seen = []
    hooks = Hooks(
        before=lambda event: seen.append(f"before {event.path}"),
        on_item=lambda event: seen.append(f"item {event.index} of {event.path}: {event.item}"),
        after=lambda event: seen.append(f"after {event.path}: {event.output}"),
    )

    list(context(hooks=hooks).run(numbers.named("x"), 2))

    assert seen == ["before x", "item 0 of x: 0", "item 1 of x: 1", f"after x: {StreamEnd(2, complete=True)}"]


def test_async_hooks_over_async_streams_are_awaited():
    """Each before the item is given."""
    seen = []

    async def on_item(event):
        await asyncio.sleep(0)
        seen.append(event.index)

    async def after(event):
        await asyncio.sleep(0)
        seen.append(event.output)

    async def main():
        hooks = Hooks(on_item=on_item, after=after)
        return [list(seen) async for _ in context(hooks=hooks).run(late_numbers, 2)]

    assert asyncio.run(main()) == [[0], [0, 1]]
    assert seen[-1] == StreamEnd(2, complete=True)


@pytest.mark.parametrize("kind", ["before", "after", "on_item", "on_error"])
def test_async_hooks_over_sync_streams_are_refused(kind):
    """Also where an async flow gives one: nothing could await them."""

    async def hook(event):
        raise AssertionError("never called")

    @flow
    async def ask(count):
        return range(count)

    ctx = context(hooks=Hooks(**{kind: hook}))

    with pytest.raises(DefinitionError, match="asynchronous"):
        ctx.run(numbers | up.stream(), 2)
    with pytest.raises(DefinitionError, match="asynchronous"):
        asyncio.run(ctx.run(ask | up.stream(), 2))


def test_what_a_sync_step_of_an_async_run_owes_its_observers_is_awaited_before_the_stream():
    """Nothing is forgotten when a sync stream is handed out."""
    seen = []

    class Answering:
        def observe(self, event):
            async def answer():
                seen.append(event.path)

            return answer()

    @flow
    async def ask(count):
        return lambda: (x for x in range(up(count)))

    async def main():
        stream = await context(observers=Answering()).run(ask | flow(lambda make: make()), 1)
        return list(stream)

    assert asyncio.run(main()) == [0, 1]
    assert len(seen) >= 6


def test_an_observer_that_raises_is_logged_and_the_stream_goes_on(caplog):
    """At every item."""

    def broken(event):
        raise RuntimeError("broken hook")

    with caplog.at_level(logging.ERROR, "omnitron"):
        assert list(context(hooks=Hooks(on_item=broken)).run(numbers, 2)) == [0, 1]

    assert len(caplog.records) == 2
    assert caplog.records[0].path == "numbers"


def test_an_observer_that_interrupts_ends_the_stream(book):
    """What ends the program passes, and closes the row."""

    def interrupt(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(context(hooks=Hooks(on_item=interrupt)).run(source(book) | up.stream(), 3))

    assert book == ["open source", "close source"]


# ------------------------------------------------------------------ spans and durations


def test_a_span_covers_the_stream():
    """From the call to the end of reading, whoever takes his time."""
    clock, tracer = ManualClock(), Tracing()
    stream = context(clock=clock, tracer=tracer).run((numbers | up.stream()).named("x"), 2)
    for _ in stream:
        clock.move(10)

    spans = {span.path: span for span in tracer.spans}
    assert {path: span.duration_s for path, span in spans.items() if "[" not in path} == {
        "x": 20,
        "x/numbers": 20,
        "x/stream": 20,
    }
    assert spans["x/stream[1]/up"].parent_id == spans["x/stream"].span_id
    assert {span.status for span in tracer.spans} == {"ok"}


def test_a_span_of_a_stream_that_was_left_or_failed():
    """It is over when the stream is."""
    clock, tracer = ManualClock(), Tracing()
    left = context(clock=clock, tracer=tracer).run(numbers.named("left"), 5)
    next(left)
    clock.move(3)
    running = tracer.spans[0].status
    left.close()
    with suppress(LookupError):
        list(context(clock=clock, tracer=tracer).run(refuse.stream().named("failed"), [1]))

    assert (running, tracer.spans[0].status, tracer.spans[0].duration_s) == ("running", "ok", 3)
    assert next(span.status for span in tracer.spans if span.path == "failed") == "error"
    assert tracer._open == {}


# ------------------------------------------------------------------ what is kept


class Item:
    """Something that can be seen to die."""


def test_kept_events_hold_no_item():
    """What went through a stream dies with its reader, though the log knows that it went."""
    log, refs = EventLog(), []

    @flow
    def items(count):
        for _ in range(count):
            item = Item()
            refs.append(weakref.ref(item))
            yield item
            del item

    whole = items | flow(lambda x: x).stream() | flow(lambda found: (x for x in found)) | flow(len_of)

    assert context(observers=log).run(whole, 5) == 5
    assert [ref() for ref in refs] == [None] * 5
    assert sum(type(event) is ItemYielded for event in log.events) == 10
    assert {repr(event.item) for event in log.events if type(event) is ItemYielded} == {"<not kept>"}


def len_of(found):
    """Count without keeping."""
    return sum(1 for _ in found)


def test_kept_events_of_a_started_run_hold_no_item():
    """`run.events()` neither."""
    refs = []

    @flow
    async def items(count):
        for _ in range(count):
            item = Item()
            refs.append(weakref.ref(item))
            yield item
            del item

    @flow
    async def count(found):
        return sum([1 async for _ in found])

    async def main():
        run = context().start(items | late_same.stream(concurrency=2) | count, 5)
        return await run, [ref() for ref in refs], len(run.events())

    number, left, kept = asyncio.run(main())

    assert (number, left) == (5, [None] * 5)
    assert kept == 2 + 2 + 5 + 2 + 5 + 10 + 2


@flow
async def late_same(x):
    return x


@pytest.mark.parametrize(
    "lazily",
    [
        pytest.param(lambda made: made, id="a generator"),
        pytest.param(lambda made: map(abs, made), id="a map"),
        pytest.param(lambda made: (made, 1), id="a pair"),
    ],
)
def test_a_kept_event_holds_no_stream_open(book, lazily):
    """Whatever lazy thing a step made of it."""
    log = EventLog()
    got = context(observers=log).run(source(book) | flow(lazily) | flow(lambda found: found), 3)
    next(got[0] if type(got) is tuple else got)
    del got

    assert book == ["open source", "close source"]
    assert any("<not kept>" in repr(event.call.args) for event in log.events)


def test_kept_events_of_a_call_without_streams_are_the_same_objects():
    """Nothing is copied where nothing is left out."""
    watching, log = Watching(), EventLog()

    context(observers=[watching, log]).run(up | up, 1)

    assert all(kept is seen for kept, seen in zip(log.events, watching.events, strict=True))


def test_the_end_of_a_stream_is_kept_also_within_an_item():
    """Its numbers hold no value."""
    log = EventLog()
    inner = (numbers | up.stream()).named("inner")

    list(context(observers=log).run(flow(list_of(inner)).stream().named("x"), [2]))

    ends = [event.output for event in log.events if type(event) is CallFinished and event.flow == "inner"]
    assert ends == [StreamEnd(2, complete=True)]


def test_events_of_items_pickle():
    """With what they hold."""
    watching, log = Watching(), EventLog()
    list(context(observers=[watching, log]).run(numbers, 1))

    for events, item in ((watching.events, 0), (log.events, repr(log.events[1].item))):
        kept = pickle.loads(pickle.dumps([events[1], events[2]]))
        assert (kept[0].index, kept[1].output) == (0, StreamEnd(1, complete=True))
        assert kept[0].item == item or repr(kept[0].item) == item


def test_a_million_items_leave_a_bounded_log():
    """The oldest go first."""
    log = EventLog(limit=10)

    count = sum(1 for _ in context(observers=log).run(numbers, 20_000))

    assert (count, len(log.events)) == (20_000, 10)
    assert log.events[-1].output == StreamEnd(20_000, complete=True)


def test_a_stream_that_is_observed_and_dropped_leaves_nothing_open(book):
    """Its call ends, and nobody keeps it."""
    log = EventLog()
    stream = context(observers=log).run(source(book) | up.stream() | stage(book, "behind"), 5)
    next(stream)
    gone = weakref.ref(stream)
    gc.disable()
    del stream
    gc.enable()

    assert gone() is None
    assert book == ["open source", "close behind", "close source"]
    assert opened_and_ended(log.events)


def test_a_hundred_streams_in_a_row_are_observed_and_left():
    """They stand in each other then; Python's limit of frames is not in the way."""
    row = numbers
    for _ in range(100):
        row |= up.stream()
    watching = Watching()
    stream = context(observers=watching).run(row, 3)
    first = next(stream)
    stream.close()

    assert first == 100
    assert opened_and_ended(watching.events)


def test_a_watched_async_stream_that_is_closed_unread_ends_at_once(book):
    """Not some turns later."""
    watching = Watching()

    async def main():
        async with aclosing(
            context(observers=watching).run(late_source(book) | late_up.stream() | late_stage(book, "b"), 5)
        ):
            pass
        return opened_and_ended(watching.events)

    assert asyncio.run(main()) is True
