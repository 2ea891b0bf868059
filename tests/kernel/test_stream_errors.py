"""What an error of a stream tells: the flow, the path, the index of the item."""

import gc
from collections import deque
from contextlib import suppress
from functools import partial, reduce

import pytest

from omnitron import (
    AsyncFlow,
    Flow,
    Ok,
    flow,
    when,
)

from .sources import Book, source, stage


@flow
def up(x):
    return x + 1


@flow
def double(x):
    return 2 * x


@flow
def picky(x):
    if x < 0:
        raise LookupError("negative", x)
    return x


@flow
def numbers(count):
    yield from range(count)


@flow
async def late_up(x):
    return x + 1


async def late_rows(x):
    return [x]


@pytest.fixture
def book():
    return Book()


def raised(call):
    """Give the error that a call raises."""
    with pytest.raises(BaseException) as caught:
        call()
    return caught.value


def note_of(call):
    """Give the one note of ours on the error that a call raises."""
    (note,) = [note for note in raised(call).__notes__ if note.startswith("raised in flow")]
    return note


@pytest.mark.parametrize("options", [{}, {"threads": 2}, {"threads": 1}, {"threads": 2, "unordered": True}])
@pytest.mark.parametrize("place", [0, 2, 4])
def test_an_error_tells_the_index_of_its_item(options, place):
    """Wherever the item was computed."""
    items = [-1 if index == place else index for index in range(5)]

    note = note_of(lambda: list(picky.stream(**options).named("x")(items)))

    assert note == f"raised in flow 'x', at x/picky, item {place}"


@pytest.mark.parametrize("options", [{}, {"threads": 3}])
def test_what_comes_before_an_error_is_given(options):
    """Results are given in order, and the error when its turn comes."""
    got = []
    stream = picky.stream(**options)([1, 2, -1, 3])
    with suppress(LookupError):
        got.extend(iter(partial(next, stream), None))

    assert got == [1, 2]
    assert list(stream) == []


@pytest.mark.parametrize(
    ("row", "where"),
    [
        (picky.stream() | up.stream(), "x/stream/picky, item 2"),
        (up.stream() | picky.stream() | up.stream(), "x/stream#2/picky, item 2"),
        (picky.stream() | up.stream(threads=2), "x/stream/picky, item 2"),
        (up.stream(threads=2) | picky.stream(threads=3), "x/stream#2/picky, item 2"),
        (
            (up.stream() | up.stream()).named("y") | (up.stream() | picky.stream()).named("z"),
            "x/z/stream#2/picky, item 2",
        ),
        (flow(lambda items: (x for x in items)) | picky.stream(), "x/stream/picky, item 2"),
        (picky.stream() | stage(Book(), "stage"), "x/stream/picky, item 2"),
        (stage(Book(), "stage") | picky.stream() | stage(Book(), "stage"), "x/stream/picky, item 2"),
        (picky.stream() | list, "x/stream/picky, item 2"),
        (picky.stream() | up.each(), "x/stream/picky, item 2"),
        (when(lambda _: True, picky.stream(), up), "x/stream/picky, item 2"),
        (reduce(lambda left, right: left | right, [up.stream()] * 300) | picky.stream(), "x/stream#301/picky, item 2"),
    ],
)
def test_the_path_and_index_through_a_row(row, where):
    """The stream that failed is named, and its item."""
    items = [5, 6, -1000]
    whole = row.named("x")

    note = note_of(lambda: deque(whole(items), 0))

    assert note == f"raised in flow 'x', at {where}"


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_generator_step_that_fails_tells_how_many_came(book, place):
    """The row has given that many items."""
    note = note_of(lambda: list((source(book, "s", fails_at=place) | stage(book, "t") | up.stream()).named("x")(3)))

    assert note == f"raised in flow 'x', at x/s, item {place}"


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_row_that_ends_in_a_generator_tells_how_many_came(book, place):
    """The error is that of the next item."""
    note = note_of(lambda: list((source(book, "s", fails_at=place) | up.stream() | stage(book, "t")).named("x")(3)))

    assert note == f"raised in flow 'x', at x/s, item {place}"


def test_a_generator_function_that_stands_twice_is_told_apart(book):
    """By what reads it."""

    def adding(items):
        for item in items:
            if item == 3:
                raise LookupError(item)
            yield item + 1

    twice = (flow(adding) | up.stream() | flow(adding)).named("x")

    assert note_of(lambda: list(twice([3]))) == "raised in flow 'x', at x/adding, item 0"
    assert note_of(lambda: list(twice([0, 1]))) == "raised in flow 'x', at x/adding#2, item 1"


def test_streams_within_streams_tell_all_their_items():
    """From the outermost one inwards."""
    inner = (picky.stream() | list).named("inner")

    def body(items):
        return inner(items)

    tree = inner.stream().named("x")
    called = flow(body).stream().named("x")

    assert note_of(lambda: list(tree([[1], [2, -1]]))) == "raised in flow 'x', at x/inner/stream/picky, item 1, item 1"
    assert (
        note_of(lambda: list(called([[1], [2, -1]])))
        == "raised in flow 'x', at x/body/inner/stream/picky, item 1, item 1"
    )


def test_an_error_object_that_is_raised_again_tells_of_the_last_raise():
    """The index of an earlier one is gone."""
    error = LookupError("shared")

    @flow
    def fail(x):
        if x:
            raise error

    many = ([0, 0, 1], [1], [0, 1])
    notes = [note_of(lambda items=items: list(fail.stream().named("x")(items))) for items in many]

    assert [note.partition("fail, ")[2] for note in notes] == ["item 2", "item 0", "item 1"]


def test_an_error_that_refuses_notes_leaves_without():
    """As it is."""

    class Stubborn(LookupError):
        def add_note(self, note):
            raise TypeError("no notes")

    @flow
    def fail(x):
        raise Stubborn("mine")

    assert repr(raised(lambda: list((fail.stream() | up.stream())([1])))) == "Stubborn('mine')"


@pytest.mark.parametrize("options", [{}, {"threads": 2}])
def test_an_item_cannot_end_the_stream_by_stopping_iteration(options):
    """As in any generator it is an error of its own, so that nothing is cut off in silence."""

    @flow
    def stop(x):
        raise StopIteration(x)

    error = raised(lambda: list(stop.stream(**options)([1, 2])))

    assert type(error) is RuntimeError
    assert isinstance(error.__cause__, StopIteration)


def test_the_traceback_shows_the_readers_line_and_the_function():
    """And the type, the arguments and the object are the user's."""
    error = LookupError("mine")

    @flow
    def fail(x):
        raise error

    assert raised(lambda: list((up.stream() | fail.stream())([1]))) is error


def test_what_a_reader_throws_in_ends_the_stream(book):
    """It is thrown into the outermost generator only; the row is closed, and it leaves."""
    stream = (source(book) | up.stream() | stage(book, "two"))(5)
    next(stream)

    error = raised(lambda: stream.throw(KeyError("thrown")))

    assert repr(error) == "KeyError('thrown')"
    assert book == ["open source", "close two", "close source"]


def test_a_source_of_ones_own_that_fails_leaves_with_its_error():
    """Nothing of the tree raised it, so the note tells the stream that read it."""

    def given():
        yield 1
        raise LookupError("mine")

    stream = up.stream().named("x")(given())
    first = next(stream)

    assert (first, note_of(lambda: next(stream))) == (2, "raised in flow 'x', at x")


def test_a_stream_outlives_its_flow(book):
    """And what it compiled."""
    stream = (source(book) | picky.stream() | flow(lambda x: [][x]).stream())(5)
    gc.collect()

    assert "stream#2" in note_of(lambda: next(stream))


def test_an_async_stream_is_called_without_await():
    """Calling it gives the async generator, so the flow is no coroutine function."""
    assert type(late_up.stream()) is Flow
    assert not isinstance(late_up.stream(), AsyncFlow)
    assert hasattr(late_up.stream()([1]), "__anext__")


def test_collect_spares_no_error_of_the_source(book):
    """Outcomes are those of the flow of an item; what it reads from is no item."""
    stream = (source(book, "s", fails_at=1) | up.stream(mode="collect")).named("x")(3)

    assert next(stream) == Ok(1)
    assert note_of(lambda: next(stream)).startswith("raised in flow 'x', at x/s")


def test_the_place_of_an_outcome_is_the_index_of_its_item():
    """A failure itself has its input, and no index."""
    failed = [index for index, one in enumerate(picky.stream(mode="collect")([1, -2, 3, -4])) if not one.ok]

    assert failed == [1, 3]
