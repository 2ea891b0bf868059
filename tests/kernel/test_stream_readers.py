"""A stream is read once, in its own way: what would lose its items, or cannot read it, is refused when it is composed."""

import asyncio
import functools
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Iterator

import pytest

from omnitron import (
    DefinitionError,
    by_type,
    choose,
    context,
    fallback,
    flow,
    gather,
    identity,
    keep,
    loop,
    parallel,
    race,
    sequence,
    tap,
    try_with,
    when,
)


@flow
def numbers(last: int) -> Iterator[int]:
    yield from range(last)


@flow
async def ticks(last: int) -> AsyncIterator[int]:
    for number in range(last):
        yield number


@flow
def up(x: int) -> int:
    return x + 1


@flow
async def late_up(x: int) -> int:
    return x + 1


@flow
def total(items: Iterable[int]) -> int:
    return sum(items)


@flow
async def collect(items):
    return [item async for item in items]


@flow
def unread(items):
    return 0


two = parallel(flow(list), flow(sum))


@pytest.mark.parametrize(
    "stream", [numbers, numbers | up.stream(), up.stream(), numbers | identity, numbers.named("x")]
)
@pytest.mark.parametrize(
    "sharing",
    [
        two,
        parallel(unread, unread),
        parallel(flow(list), flow(sum), mode="collect"),
        parallel(flow(list), flow(sum), quorum=1),
        parallel(flow(list), flow(sum), threads=2),
        parallel(up.stream(), up.stream()),
        gather(dict, a=flow(list), b=flow(sum)),
        fallback(flow(list), flow(sum)),
        keep(list),
        keep(unread),
        tap(sum),
        tap(total),
        tap(up.each()),
        tap(two),
        when(any, flow(list)),
        choose(sum, {1: flow(list)}),
        try_with(flow(list), finally_=total),
        two.named("x"),
        two.within(tenant="acme"),
        two.on("thread"),
        two | len,
        parallel(two),
    ],
)
def test_a_stream_is_not_given_to_two_readers(stream, sharing):
    """The second would find nothing, without a word."""
    with pytest.raises(
        DefinitionError, match=r"gives a stream, which is read once, and .* Collect it first, by `flow\(list\)`"
    ):
        stream | sharing


@pytest.mark.parametrize(
    "sharing", [parallel(collect, collect), race(collect, collect), fallback(collect, collect), keep(collect)]
)
def test_the_way_out_of_an_async_stream_is_an_async_step(sharing):
    """`list` could not read it."""
    with pytest.raises(DefinitionError, match="Collect it first, by an async step such as `async def collect"):
        ticks | sharing


def test_sequence_refuses_them_as_a_pipe_does():
    """Both ask the same."""
    with pytest.raises(DefinitionError, match="`parallel` hands what comes in to more than one reader"):
        sequence(numbers, two)


def test_the_test_of_a_loop_does_not_read_the_stream_that_goes_on():
    """A test that does not read is free to look."""
    stage = flow(lambda items: (yield from items))

    with pytest.raises(DefinitionError, match="the test 'any' would take the items"):
        loop(stage, until=any, at_most=3)

    assert list(loop(stage, until=lambda _: True, at_most=3)([1, 2])) == [1, 2]


@pytest.mark.parametrize("other", [unread, up, flow(list)])
def test_a_choice_that_may_give_a_stream_counts_as_one(other):
    """Where it does, the items would be lost."""
    with pytest.raises(DefinitionError, match="is read once"):
        when(bool, numbers, other) | two


def test_the_ways_out_work():
    """A list is read as often as one likes; each branch may read its own stream; an item goes to many flows."""
    assert (numbers | flow(list) | two)(3) == ([0, 1, 2], 3)
    assert parallel(numbers | list, numbers | sum)(3) == ([0, 1, 2], 3)
    assert list((numbers | parallel(up, up).stream())(2)) == [(1, 1), (2, 2)]
    assert asyncio.run((ticks | collect | two)(3)) == ([0, 1, 2], 3)


@pytest.mark.parametrize(
    ("reader", "result"),
    [
        (parallel(flow(list)), ([0, 1],)),
        (fallback(flow(list)), [0, 1]),
        (tap(unread) | list, [0, 1]),
        (tap(identity) | list, [0, 1]),
        (when(bool, flow(list)), [0, 1]),
        (choose(lambda _: 1, {1: flow(list)}), [0, 1]),
        (try_with(flow(list), finally_=unread), [0, 1]),
    ],
)
def test_one_reader_is_enough(reader, result):
    """Others may be given the stream, as long as they are not known to read it."""
    assert (numbers | reader)(2) == result


@pytest.mark.parametrize(
    "reader",
    [
        *(list, tuple, set, frozenset, dict, sum, min, max, sorted, any, all, len, enumerate, iter, next),
        *(Counter, deque, ", ".join, [].extend, deque().extend, set().update),
        functools.partial(sorted, key=abs),
        functools.partial(map, abs),
        flow(list).on("thread"),
        flow(sum).named("x"),
        flow(list) | len,
        total,
        up.each(),
    ],
)
def test_what_reads_by_for_does_not_take_an_async_stream(reader):
    """It would fail at run time; the error says what works."""
    with pytest.raises(
        DefinitionError, match="It is read by `async for`: put an async step such as `async def collect"
    ):
        ticks | reader


@pytest.mark.parametrize("reader", [collect, late_up.each(), up.stream(), [].append, deque().append, abs, str, print])
def test_what_may_take_an_async_stream_stays(reader):
    """Async readers do, and what does not iterate."""
    assert len((ticks | reader).node.parts) == 2


@pytest.mark.parametrize("reader", [list, tuple, set, sum, sorted, any, enumerate, deque, ", ".join])
def test_a_stream_that_may_be_sync_is_read_by_them(reader):
    """The colour of a stream over a sync flow is that of what it reads."""
    assert len((up.stream() | reader).node.parts) == 2
    assert len((numbers | reader).node.parts) == 2


def test_a_generator_has_no_length():
    """It is known before it runs."""
    with pytest.raises(DefinitionError, match="the next step 'len' takes Sized. Put `list` between them"):
        numbers | len


@pytest.mark.parametrize(
    ("compose", "way"),
    [
        (lambda: numbers | up, "`up.stream()` maps each (or `up.each()` for a list)"),
        (lambda: ticks | late_up, "`late_up.stream()` maps each (or `late_up.each()` for a list)"),
        (lambda: ticks | up, "`up.stream()` maps each; or"),
        (lambda: up.stream() | up, "`up.stream()` maps each (or `up.each()` for a list)"),
        (lambda: numbers | up | up, "`up.stream()` maps each"),
        (lambda: numbers | flow(lambda x: x).named("y") | up, None),
        (lambda: numbers | by_type(up), "`by_type(...).stream()` maps each"),
        (lambda: numbers | parallel(up), "`parallel(...).stream()` maps each"),
        (lambda: numbers | (up | up).named("twice"), "`up.stream()` maps each"),
    ],
)
def test_a_step_for_one_item_is_told_of_stream(compose, way):
    """Where the annotations show that the items fit, the error says how to map them."""
    if way is None:
        compose()
        return
    with pytest.raises(DefinitionError) as caught:
        compose()

    assert way in str(caught.value)


def test_items_of_another_class_are_not_mapped():
    """There the general advice stands."""

    @flow
    def shout(text: str) -> str:
        return text.upper()

    with pytest.raises(DefinitionError, match="takes str. Put a step between them"):
        numbers | shout


@pytest.mark.parametrize(
    ("stream", "way"), [(numbers, "`flow | list`"), (ticks, "`async def collect"), (ticks | up.stream(), "async def")]
)
def test_start_says_what_reads_the_stream(stream, way):
    """That of its colour."""

    async def main():
        async with context() as ctx:
            ctx.start(stream, 3)

    with pytest.raises(DefinitionError) as caught:
        asyncio.run(main())

    assert way in str(caught.value)
