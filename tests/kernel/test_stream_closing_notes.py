"""What `finally` raises in a stream that is closed, and a stop that leaves a stage, tell the stage and the item."""

import asyncio

import pytest

from omnitron import flow


@flow
def numbers(last):
    yield from range(last)


@flow
async def ticks(last):
    for number in range(last):
        yield number


@flow
def broken(items):
    try:
        yield from items
    finally:
        raise OSError("broken")


@flow
async def late_broken(items):
    try:
        async for item in items:
            yield item
    finally:
        raise OSError("broken")


@flow
def up(x):
    return x + 1


@flow
def same(x):
    return x


@flow
async def late_up(x):
    return x + 1


@flow
def stop(x):
    return next(iter(())) if x == 1 else x


@flow
async def late_stop(x):
    if x == 1:
        raise StopAsyncIteration
    return x


@flow
def stage(items):
    for item in items:
        yield next(iter(())) if item == 1 else item


def notes(error):
    """Give the notes of an error."""
    return getattr(error, "__notes__", [])


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    "row",
    [
        broken | up.stream(),
        numbers | broken,
        numbers | broken | up.stream(),
        numbers | up.stream() | broken | up.stream() | up.stream(),
        up.stream() | broken | up.stream(mode="collect"),
        broken | up.stream(mode="collect") | same.stream(mode="collect"),
    ],
)
def test_what_closing_raises_tells_the_stage_and_the_item(row, count):
    """The item is the last that was given."""
    stream = row.named("x")(3 if row.node.parts[0].name == "numbers" else [0, 1, 2])
    for _ in range(count):
        next(stream)
    with pytest.raises(OSError, match="broken") as caught:
        stream.close()

    assert notes(caught.value) == [f"raised in flow 'x', at x/broken, item {count - 1}"]


def test_a_stream_closed_before_its_first_item_has_none_to_tell():
    """The generator has not begun, so nothing is raised."""
    stream = (numbers | broken | up.stream()).named("x")(3)
    stream.close()

    assert list(stream) == []


def test_threads_tell_the_stage_too():
    """Several items are on the way then, so none is told."""
    stream = (broken | up.stream(threads=2)).named("x")([1, 2, 3])
    next(stream)
    with pytest.raises(OSError, match="broken") as caught:
        stream.close()

    assert notes(caught.value) == ["raised in flow 'x', at x/broken"]


@pytest.mark.parametrize(
    ("row", "item"),
    [
        (ticks | late_broken, ", item 0"),
        (ticks | late_broken | up.stream(), ", item 0"),
        (ticks | late_broken | late_up.stream(), ", item 0"),
        (ticks | late_broken | late_up.stream(concurrency=2) | up.stream(), ", item 0"),
        (late_broken | late_up.stream(concurrency=2), ""),
    ],
)
def test_async_streams_tell_it_too(row, item):
    """Both colours do."""

    async def main():
        stream = row.named("x")(3 if row.node.parts[0].name == "ticks" else ticks(3))
        await anext(stream)
        with pytest.raises(OSError, match="broken") as caught:
            await stream.aclose()
        return notes(caught.value)

    assert asyncio.run(main()) == [f"raised in flow 'x', at x/late_broken{item}"]


@pytest.mark.parametrize(
    ("row", "where"),
    [
        (numbers | stop.stream(), "x/stream/stop, item 1"),
        (numbers | (up | up).stream() | flow(lambda x: x - 2).stream() | stop.stream(), "x/stream#3/stop, item 1"),
        (numbers | (flow(abs) | stop).named("y").stream(), "x/stream/y/stop, item 1"),
        (numbers | stop.stream(threads=2), "x/stream/stop, item 1"),
        (numbers | stage, "x/stage, item 1"),
        (numbers | stage | up.stream(), "x/stage, item 1"),
    ],
)
def test_a_stop_that_leaves_a_stage_is_noted(row, where):
    """Python makes a RuntimeError of it (PEP 479)."""
    with pytest.raises(RuntimeError, match="generator raised StopIteration") as caught:
        list(row.named("x")(3))

    assert notes(caught.value) == [f"raised in flow 'x', at {where}"]
    assert type(caught.value.__cause__) is StopIteration


@pytest.mark.parametrize(
    ("row", "raised", "where"),
    [
        (ticks | stop.stream(), StopIteration, "x/stream/stop, item 1"),
        (ticks | late_stop.stream(), StopAsyncIteration, "x/stream/late_stop, item 1"),
        (ticks | (flow(abs) | late_stop).named("y").stream(), StopAsyncIteration, "x/stream/y/late_stop, item 1"),
        (ticks | late_stop.stream(concurrency=2), StopAsyncIteration, "x/stream/late_stop, item 1"),
        (numbers | late_stop.stream(), StopAsyncIteration, "x/stream/late_stop, item 1"),
        (ticks | (late_up | stop).named("y").stream(), StopIteration, None),
    ],
)
def test_a_stop_in_an_async_stream_is_noted(row, raised, where):
    """Of either kind."""

    async def main():
        with pytest.raises(RuntimeError, match=f"raised {raised.__name__}") as caught:
            async for _ in row.named("x")(3):
                pass
        return caught.value

    error = asyncio.run(main())
    where = where or "x/stream/y/stop, item 0"

    assert notes(error) == [f"raised in flow 'x', at {where}"]
    assert type(error.__cause__) is raised
