"""What happens to generators when a stream is left, fails, or is dropped, in sync code."""

import gc
import threading
from collections import deque
from contextlib import closing, suppress
from functools import partial, reduce
from itertools import islice

import pytest

from omnitron import (
    NotEnough,
    context,
    flow,
    keep,
    parallel,
    tap,
    when,
)

from .sources import Book, Untraced, source, stage


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


def rows(book):
    """Give rows of three generators, and the order in which they are to end."""
    one, two, three = source(book, "1"), stage(book, "2"), stage(book, "3")
    yield "generators", one | two | three, "321"
    yield "streams between", one | up.stream() | two | double.stream() | three | up.stream(), "321"
    yield "named", (one | two).named("first") | three, "321"
    yield "named behind", one | (two | three).named("last"), "321"
    yield "nested", ((one | up.stream()).named("a") | two).named("b") | three, "321"
    yield "threads", one | up.stream(threads=3) | two | up.stream(threads=2, unordered=True) | three, "321"
    yield "collect", one | up.stream(mode="collect") | two | three, "321"
    yield "within", one.within(tenant="acme") | two | up.stream().within(tenant="b") | three, "321"
    yield "when", one | when(bool, two | up.stream(), up) | three, "321"
    yield (
        "plain functions",
        one | flow(lambda items: (x for x in items)) | two | flow(lambda items: map(abs, items)) | three,
        "321",
    )
    yield (
        "long",
        reduce(lambda left, right: left | right, [up] * 300 + [one, two] + [up.stream()] * 300 + [three]),
        "321",
    )


def closings():
    """Give ways to leave a stream early."""
    yield "close", lambda stream: stream.close()
    yield "closing", lambda stream: closing(stream).__exit__(None, None, None)
    yield "throw", lambda stream: raised(lambda: stream.throw(KeyError("thrown")))


@pytest.mark.parametrize("leave", [pytest.param(leave, id=name) for name, leave in closings()])
@pytest.mark.parametrize("row", [name for name, *_ in rows(Book())])
@pytest.mark.parametrize("runs", [False, True], ids=["", "run"])
def test_whoever_leaves_a_row_closes_all_of_it(book, row, leave, runs):
    """Each generator ends once, in the order of reading."""
    whole, order = next(rest for name, *rest in rows(book) if name == row)
    stream = context().run(whole, 5) if runs else whole(5)
    next(stream)

    leave(stream)

    assert [entry for entry in book if "close" in entry] == [f"close {name}" for name in order]


@pytest.mark.parametrize("row", [name for name, *_ in rows(Book())])
def test_a_row_that_is_dropped_is_closed(book, row):
    """Nothing of it is part of a cycle, so it goes when its reader lets it go."""
    whole, order = next(rest for name, *rest in rows(book) if name == row)
    gc.collect()
    gc.disable()
    try:
        for _ in whole(5):
            break
        del _
    finally:
        gc.enable()

    assert sorted(entry for entry in book if "close" in entry) == sorted(f"close {name}" for name in order)


@pytest.mark.parametrize("row", [name for name, *_ in rows(Book())])
def test_a_row_that_is_read_to_its_end_closes_each_generator_once(book, row):
    """They end by themselves, the source first."""
    whole, order = next(rest for name, *rest in rows(book) if name == row)

    assert len(list(whole(5))) >= 5
    assert [entry for entry in book if "close" in entry] == [f"close {name}" for name in reversed(order)]


def test_a_stage_that_stops_early_closes_what_it_read(book):
    """Once it has given its last item."""
    row = source(book) | stage(book, "two", stops_at=2) | stage(book, "three")

    assert list(row(5)) == [0, 1]
    assert book == ["open source", "close two", "close three", "close source"]


def test_closing_what_nobody_began_to_read(book):
    """A generator that was given is closed all the same; those that have not begun have nothing to end."""
    given = source(book)(5)
    next(given)

    (stage(book, "two") | up.stream())(given).close()
    up.stream()(given).close()

    assert book == ["open source", "close source"]


def test_a_stream_is_closed_once_and_then_empty(book):
    """Closing again does nothing."""
    stream = (source(book) | up.stream())(5)
    next(stream)
    stream.close()
    stream.close()

    assert (list(stream), book.close_of("source")) == ([], 1)


class Owned:
    """An iterator that can be closed, and is nobody's generator."""

    def __init__(self):
        self.closed = 0
        self.left = 5

    def __iter__(self):
        return self

    def __next__(self):
        self.left -= 1
        if not self.left:
            raise StopIteration
        return self.left

    def close(self):
        self.closed += 1


@pytest.mark.parametrize("mapped", [up.stream(), up.stream(threads=2), up.stream() | list, up.each()])
def test_an_iterator_of_ones_own_is_not_closed(mapped):
    """It belongs to who made it."""
    owned = Owned()
    got = mapped(owned)
    if not isinstance(got, list):
        next(got)
        got.close()

    assert owned.closed == 0


@pytest.mark.parametrize("mapped", [up.stream(), up.stream(threads=2), up.stream() | up.stream(threads=2)])
def test_a_generator_that_is_given_is_closed(book, mapped):
    """Who reads a generator closes it."""
    stream = mapped(source(book)(5))
    next(stream)
    stream.close()

    assert book == ["open source", "close source"]


def test_the_generator_that_an_iterable_makes_is_closed(book):
    """It was made for this stream."""

    class Rows:
        def __iter__(self):
            return source(book)(5)

    stream = up.stream()(Rows())
    next(stream)
    stream.close()

    assert book == ["open source", "close source"]


def consumers(book):
    """Give steps that leave a stream early, or fail in the middle of it."""

    def fail(items):
        next(items)
        raise LookupError("sink")

    yield "fails", fail
    yield "each fails", flow(lambda x: [][x]).each()
    yield "each on threads fails", flow(lambda x: [][x]).each(threads=2)
    yield "a sum fails", flow(lambda items: sum(x for x in items if [][x]))


@pytest.mark.parametrize("sink", [name for name, *_ in consumers(Book())])
@pytest.mark.parametrize("runs", [False, True], ids=["", "run"])
def test_a_consumer_that_fails_closes_what_it_reads(book, sink, runs):
    """Before its error leaves."""
    step = next(step for name, step, *_ in consumers(book) if name == sink)
    whole = source(book) | stage(book, "two") | up.stream() | step
    call = partial(context().run, whole) if runs else whole

    error = raised(lambda: call(5))

    assert isinstance(error, (LookupError, TypeError))
    assert book == ["open source", "close two", "close source"]


@pytest.mark.parametrize("options", [{}, {"threads": 2}])
def test_a_quorum_that_is_reached_closes_what_it_reads(book, options):
    """What is left is not taken."""
    whole = source(book) | up.stream() | up.each(quorum=2, **options)

    assert sum(outcome is not None and outcome.ok for outcome in whole(50)) >= 2
    assert book.close_of("source") == 1


def test_a_quorum_that_is_not_reached_has_read_to_the_end(book):
    """And what its source raises when it is closed hides no error."""
    whole = source(book, closing=KeyError("closing")) | up.each(quorum=9)

    error = raised(lambda: whole(5))

    assert isinstance(error, (NotEnough, KeyError))
    assert book.close_of("source") == 1


@pytest.mark.parametrize("sink", [list, sum, len, set, max, deque, "".join])
def test_plain_functions_read_streams(book, sink):
    """Anything that reads an iterator is the end of a row."""
    items = source(book) | flow(lambda x: str(x) if sink == "".join else x).stream()
    whole = items | list | sink if sink is len else items | sink

    assert whole(3) == sink([str(x) if sink == "".join else x for x in range(3)])
    assert book.close_of("source") == 1


def test_success_of_a_step_closes_nothing(book):
    """What a step makes of a stream may read it when the step has returned."""

    class Response:
        def __init__(self, body):
            self.body = body

    lazily = (source(book) | up.stream() | partial(islice_of, 2))(5)
    response = (source(book, "kept") | up.stream() | Response)(3)

    assert list(lazily) == [1, 2]
    assert list(response.body) == [1, 2, 3]
    assert book.close_of("kept") == 1


def islice_of(many, items):
    """Give the first of items, lazily."""
    return islice(items, many)


def test_a_consumer_that_takes_a_little_lets_the_rest_go(book):
    """Nobody has the stream any more, so it is closed."""
    assert (source(book) | up.stream() | next)(5) == 1
    assert book == ["open source", "close source"]


def test_streams_in_branches_are_their_readers_own(book):
    """A pair of streams is a pair; each is closed by who reads it."""
    first, second = parallel(source(book, "1"), source(book, "2") | up.stream())(5)
    next(first), next(second)
    second.close()
    first.close()

    assert book == ["open 1", "open 2", "close 2", "close 1"]


def test_a_step_that_passes_the_stream_on(book):
    """`tap` and `keep` look at it; it is still closed once, with the row."""
    stream = (source(book) | tap(flow(lambda items: None)) | up.stream())(5)
    next(stream)
    stream.close()
    value, kept = keep(source(book, "kept"))(2)

    assert (book.close_of("source"), value, list(kept)) == (1, 2, [0, 1])


def test_an_item_that_closes_the_stream_it_belongs_to_is_refused_as_in_python():
    """A generator that runs cannot be closed, and says so."""
    held = []
    stream = flow(lambda x: held[0].close()).stream()([1])
    held.append(stream)

    with pytest.raises(ValueError, match="generator already executing"):
        next(stream)


# ------------------------------------------------------------------ what closing raises


def test_what_closing_raises_leaves(book):
    """Where nothing else does; whatever is yet to be closed is closed before."""
    row = source(book, "1") | stage(book, "2", closing=KeyError("two")) | up.stream() | stage(book, "3")
    stream = row(5)
    next(stream)

    error = raised(stream.close)

    assert repr(error) == "KeyError('two')"
    assert book == ["open 1", "close 3", "close 2", "close 1"]


def test_the_first_of_several_leaves_and_notes_the_others(book):
    """None of them is lost."""
    row = (
        source(book, "1", closing=KeyError("one"))
        | stage(book, "2", closing=KeyError("two"))
        | stage(book, "3", closing=KeyError("three"))
    )
    stream = row(5)
    next(stream)

    error = raised(stream.close)

    assert repr(error) == "KeyError('three')"
    closing = ["closing failed too: KeyError: 'two'", "closing failed too: KeyError: 'one'"]
    assert error.__notes__ == [*closing, "raised in flow '1 → 2 → 3', at 1 → 2 → 3/3, item 0"]
    assert book == ["open 1", "close 3", "close 2", "close 1"]


def test_what_closing_raises_is_noted_on_an_error_that_leaves(book):
    """The item's error is the one to read."""
    minus = source(book, "1", closing=KeyError("one")) | flow(lambda x: -x).stream()
    row = minus | stage(book, "2", closing=KeyError("two")) | picky.stream()

    error = raised(lambda: list(row(5)))

    assert repr(error) == "LookupError('negative', -1)"
    assert error.__notes__[-2:] == ["closing failed too: KeyError: 'two'", "closing failed too: KeyError: 'one'"]


def test_what_ends_the_program_leaves_in_the_place_of_an_error(book):
    """An interrupt that arrives while a generator is closed is not lost in a note."""
    row = source(book, "1") | stage(book, "2", closing=KeyboardInterrupt()) | flow(lambda x: [][x]).stream()

    error = raised(lambda: list(row(5)))

    assert type(error) is KeyboardInterrupt
    assert isinstance(error.__context__, (IndexError, GeneratorExit))
    assert book == ["open 1", "close 2", "close 1"]


def test_what_closing_raises_at_an_early_end_leaves(book):
    """The stage stopped, and its source could not be closed."""
    row = source(book, "1", closing=KeyError("one")) | stage(book, "2", stops_at=1) | stage(book, "3")

    error = raised(lambda: list(row(5)))

    assert repr(error) == "KeyError('one')"
    assert book == ["open 1", "close 2", "close 3", "close 1"]


def test_what_each_raises_is_not_hidden_by_its_source(book):
    """Closing it fails too, and that is noted."""
    whole = source(book, closing=KeyError("closing")) | flow(lambda x: [][x]).each()

    error = raised(lambda: whole(5))

    assert type(error) is IndexError
    assert "closing failed too: KeyError: 'closing'" in error.__notes__


# ------------------------------------------------------------------ left alone


def abandoned(book):
    """Give rows of each kind."""
    yield "stream", source(book) | up.stream()
    yield "generators", source(book) | stage(book, "two") | up.stream() | stage(book, "three")
    yield "threads", source(book) | up.stream(threads=2)


@pytest.mark.real
@pytest.mark.parametrize("row", [name for name, _ in abandoned(Book())])
@pytest.mark.parametrize("begun", [True, False], ids=["half way", "never begun"])
def test_ten_thousand_streams_that_are_dropped_leave_nothing(book, row, begun):
    """No generator is open, no thread runs, and nothing waits for a collection."""
    whole = next(whole for name, whole in abandoned(book) if name == row)
    many = 300 if row == "threads" else 10_000

    def work(rounds):
        for _ in range(rounds):
            stream = whole(5)
            if begun:
                next(stream)
            del stream
        opened, closed = book.count("open source"), book.close_of("source")
        book.clear()
        return opened == closed == (rounds if begun else 0)

    with Untraced():
        work(10)
        gc.collect()
        before, threads = len(gc.get_objects()), threading.active_count()
        clean = work(many)
        grown = len(gc.get_objects()) - before

    # Fewer may run than before: what an earlier test left behind may end meanwhile.
    assert (clean, threading.active_count() <= threads) == (True, True)
    assert grown < 50


def failing():
    """Give streams that fail in each way."""
    yield "item", picky.stream(), [1, -1]
    yield "row", picky.stream() | up.stream() | flow(lambda items: (x for x in items)), [1, -1]
    yield "threads", picky.stream(threads=2), [1, -1, 2, -2]
    yield "unordered", picky.stream(threads=2, unordered=True), [1, -1, 2, -2]
    yield "collect", picky.stream(mode="collect"), [1, -1]
    yield "source", up.stream(), "not a number"


@pytest.mark.real
@pytest.mark.parametrize(("stream", "items"), [pytest.param(*rest, id=name) for name, *rest in failing()])
@pytest.mark.parametrize("runs", [False, True], ids=["", "run"])
def test_an_error_makes_no_cycle(stream, items, runs):
    """What it holds goes when it is dropped."""

    def work():
        with suppress(LookupError, TypeError):
            for read in context().run(stream, items) if runs else stream(items):
                del read  # since Python 3.12 the frames of any generator's errors hold the reader, and this in it

    with Untraced():
        work()
        work()
        gc.collect()
        gc.disable()
        try:
            work()
            left = gc.collect()
        finally:
            gc.enable()

    assert left == 0
