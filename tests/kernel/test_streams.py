"""Streams: generator functions as flows, and `.stream()` over them, in sync code."""

import threading
import weakref
from collections import deque
from functools import reduce
from itertools import count, islice

import pytest

from omnitron import (
    DefinitionError,
    Failure,
    Flow,
    InvalidValue,
    Ok,
    context,
    fallback,
    flow,
    race,
    try_with,
)

from .sources import Book, Flight, stage


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


# ------------------------------------------------------------------ what comes


def test_a_generator_function_makes_a_sync_flow_that_gives_its_generator():
    """Calling it runs nothing; what it gives is read as any generator."""
    made = numbers(3)

    assert type(numbers) is Flow
    assert list(made) == [0, 1, 2]


def test_the_next_step_gets_the_iterator():
    """As in Python: nobody makes a list of it."""
    first = numbers | next

    assert first(3) == 0
    assert (numbers | list)(3) == [0, 1, 2]
    assert (numbers | sum)(4) == 6


def test_a_stream_maps_lazily_in_order():
    """An item is taken and computed when it is asked for."""
    log = []
    noted = flow(lambda x: log.append(x) or -x).stream()(iter([1, 2, 3]))
    before = list(log)

    assert (before, next(noted), log) == ([], -1, [1])
    assert list(noted) == [-2, -3]


@pytest.mark.parametrize(
    ("items", "results"),
    [
        ([1, 2], [2, 4]),
        ((), []),
        (range(3), [0, 2, 4]),
        ({1: "a", 2: "b"}, [2, 4]),
        ("ab", ["aa", "bb"]),
        (b"\x01", [2]),
        ((x for x in (1, 2)), [2, 4]),
        (map(int, "12"), [2, 4]),
        (deque([1]), [2]),
        ([None, 1], None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_iterable_is_read(items, results):
    """Lists, ranges, dictionaries (their keys), strings, generators and iterators."""
    if results is None:
        assert list(flow(lambda x: x).stream()(items)) == [None, 1]
    else:
        assert list(double.stream()(items)) == results


def test_a_file_is_read_line_by_line_and_stays_open(tmp_path):
    """It belongs to who opened it."""
    path = tmp_path / "lines.txt"
    path.write_text("1\n2\n3\n")
    with path.open() as file:
        stream = flow(int).stream()(file)
        first = next(stream)
        stream.close()

        assert (first, file.closed, file.readline()) == (1, False, "2\n")


def test_an_infinite_source_is_no_trouble():
    """Only what is asked for is computed."""
    assert list(islice((double.stream() | up.stream())(count()), 3)) == [1, 3, 5]


@pytest.mark.parametrize("items", [1, None, 2.5, object(), len])
@pytest.mark.parametrize("mapped", [up.stream(), up.stream(threads=2), late_up.stream(), late_up.stream(concurrency=2)])
def test_what_cannot_be_iterated_is_refused_at_the_call(mapped, items):
    """Not at the first item, when nobody knows any more where it came from."""
    with pytest.raises(TypeError, match="iter"):
        mapped(items)


def test_an_iterable_is_asked_for_its_iterator_once():
    """Asking may cost something: a query, a file that is opened."""

    class Query:
        asked = 0

        def __iter__(self):
            self.asked += 1
            return iter([1, 2])

    query = Query()

    assert list(up.stream()(query)) == [2, 3]
    assert query.asked == 1


def test_an_iterator_that_is_not_iterable_itself_is_read():
    """A `for` accepts it too, if something else gives it."""

    class Bare:
        def __init__(self):
            self.left = [3, 2, 1]

        def __next__(self):
            if not self.left:
                raise StopIteration
            return self.left.pop()

    class Giving:
        def __iter__(self):
            return Bare()

    assert list(up.stream()(Giving())) == [2, 3, 4]
    assert list(up.stream(threads=2)(Giving())) == [2, 3, 4]


def test_streams_in_a_row_take_one_item_through_all():
    """The second item is taken when the first one is through."""
    log = []
    first = flow(lambda x: log.append(("first", x)) or x).stream()
    second = flow(lambda x: log.append(("second", x)) or x).stream()

    next((first | second)([1, 2]))

    assert log == [("first", 1), ("second", 1)]


def test_threads_give_results_in_order():
    """The second may be ready before the first."""
    ready = threading.Event()

    def call(x):
        if x == 0:
            ready.wait()
        else:
            ready.set()
        return x

    assert list(flow(call).stream(threads=2)([0, 1, 2])) == [0, 1, 2]


def test_threads_unordered_give_what_is_ready():
    """The first waits for the third."""
    later = threading.Event()

    def call(x):
        if x == 0:
            later.wait()
        return x

    stream = flow(call).stream(threads=2, unordered=True)(range(3))
    first = next(stream)
    later.set()

    assert (first, sorted(stream)) == (1, [0, 2])


def test_threads_read_the_source_and_results_in_the_readers_own():
    """Only the calls of items are elsewhere."""
    here = threading.get_ident()

    def given():
        for _ in range(4):
            yield threading.get_ident()

    pairs = list(flow(lambda x: (x, threading.get_ident())).stream(threads=2)(given()))

    assert {taken for taken, _ in pairs} == {here}
    assert here not in {called for _, called in pairs}


def test_threads_over_an_async_iterable_are_refused_with_the_way_out():
    """They could not share it, and nothing is ignored in silence."""

    async def items():
        yield 1

    with pytest.raises(DefinitionError, match=r"\.on\('thread'\)\.stream\(concurrency=3\)"):
        up.stream(threads=3)(items())


def test_outcomes_instead_of_errors():
    """`mode="collect"` gives each result or failure, with its item and path, and goes on."""
    first, second, third = picky.stream(mode="collect")([1, -1, 2])

    assert (first, third) == (Ok(1), Ok(2))
    assert isinstance(second, Failure)
    assert (second.input, second.path) == (-1, "stream/picky")


@pytest.mark.parametrize("options", [{}, {"threads": 2}, {"threads": 2, "unordered": True}])
def test_outcomes_are_collected_on_threads_too(options):
    """Each item has one."""
    outcomes = list(picky.stream(mode="collect", **options)([1, -1, 2]))

    assert sorted(outcome.ok for outcome in outcomes) == [False, True, True]


def test_acall_gives_the_stream():
    """The flow is sync, and `acall` takes either colour."""
    waiting = numbers.acall(2)
    with pytest.raises(StopIteration) as stop:
        waiting.send(None)

    assert list(stop.value.value) == [0, 1]


def test_a_stream_as_a_method():
    """A generator method binds; a pipe of one that is bound streams."""

    class Shop:
        factor = 10

        @flow
        def price(self, x):
            return self.factor * x

        @flow
        def stock(self, count):
            yield from range(count)

    shop = Shop()

    assert list(shop.stock(3)) == [0, 1, 2]
    assert list((shop.stock | shop.price.stream())(3)) == [0, 10, 20]


def test_a_stream_in_a_class_body_over_a_method_is_refused():
    """A stream gives one item; `self` is one argument more."""
    with pytest.raises(DefinitionError, match=r"'price' takes \(self, x\)"):

        class Shop:
            @flow
            def price(self, x):
                return x

            prices = price.stream()


def test_a_flow_of_streams():
    """The stream of a generator function is one of generators, each its reader's own."""
    assert [list(inner) for inner in numbers.stream()([1, 2])] == [[0], [0, 1]]


@pytest.mark.parametrize("length", [2, 255, 256, 257, 600, pytest.param(70_000, marks=pytest.mark.real)])
def test_streams_in_a_row_of_any_length(length):
    """They make one loop."""
    row = reduce(lambda left, right: left | right, [up.stream()] * length)

    assert list(row([0, 1])) == [length, length + 1]


@pytest.mark.parametrize("length", [255, 600])
def test_long_pipes_that_end_in_streams(length):
    """Plain steps before, between and behind."""
    whole = reduce(
        lambda left, right: left | right,
        [up] * length + [numbers] + [up.stream()] * length + [list] + [len] + [up] * length,
    )

    assert whole(3 - length) == 3 + length


# ------------------------------------------------------------------ options


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: up.stream(concurrency=2), "Use `threads`"),
        (lambda: late_up.stream(threads=2), "Bound it by `concurrency`"),
        (lambda: up.stream(unordered=True), "give `concurrency` "),
        (lambda: up.stream(threads=2, unordered=1), "True or False"),
        (lambda: up.stream(mode="ignore"), "mode"),
        (lambda: flow(lambda x, y: x).stream(), "takes"),
    ],
)
def test_options_that_do_not_fit_are_refused(make, says):
    """When the flow is written, by a text that tells the way out."""
    with pytest.raises(DefinitionError, match=says):
        make()


@pytest.mark.parametrize("bound", [0, -1])
def test_a_bound_is_a_positive_number(bound):
    """Nothing could be on the way."""
    with pytest.raises(InvalidValue):
        up.stream(threads=bound)


@pytest.mark.parametrize("bound", [1.5, "2", True])
def test_a_bound_is_a_whole_number(bound):
    """A number of threads."""
    with pytest.raises(DefinitionError):
        up.stream(threads=bound)


@pytest.mark.parametrize(
    ("make", "way"),
    [
        (lambda: up.stream().on("thread"), r"f\.on\('thread'\)\.stream"),
        (lambda: up.stream().undo(up), r"f\.undo\(g\)\.stream\(\)"),
        (lambda: try_with(up.stream(), catch=up), r"try_with\(f, \.\.\.\)\.stream\(\)"),
        (lambda: race(late_up, flow(late_rows, colour="async") | up.stream()), "a step that reads the stream"),
        (lambda: fallback(numbers, numbers), r"fallback\(f, g\)\.stream\(\)"),
    ],
)
def test_what_looks_only_at_what_is_before_the_stream_is_refused(make, way):
    """With the way out."""
    with pytest.raises(DefinitionError, match=way):
        make()


def test_the_last_of_a_fallback_may_stream():
    """Nothing comes after it."""
    assert list(fallback(picky | list, numbers)(2)) == [0, 1]


# ------------------------------------------------------------------ one at a time


def flights():
    """Give rows over a source, with the number of items that may be on the way."""
    yield "stream", up.stream(), 1
    yield "five streams", up.stream() | up.stream() | up.stream() | up.stream() | up.stream(), 1
    yield "generators", up.stream() | flow(lambda items: (x for x in items)) | stage(Book(), "s") | up.stream(), 1
    yield "outcomes", up.stream(mode="collect"), 1
    yield "named", (up.stream() | up.stream()).named("row") | up.stream(), 1
    yield "threads", up.stream(threads=4), 4
    yield "threads, unordered", up.stream(threads=4, unordered=True), 4
    yield "threads in a row", up.stream(threads=4) | up.stream(threads=4), 8


@pytest.mark.parametrize(("row", "bound"), [pytest.param(*rest, id=name) for name, *rest in flights()])
def test_few_items_are_on_the_way(row, bound):
    """At every step what was taken and not yet read is bounded."""
    flight = Flight()

    flight.drain(row(flight.up_to(5_000)))

    assert flight.read == 5_000
    assert 1 <= flight.most <= bound


@pytest.mark.real
@pytest.mark.parametrize(("row", "bound"), [pytest.param(*rest, id=name) for name, *rest in list(flights())[:5]])
def test_few_of_a_million_items_are_on_the_way(row, bound):
    """Also in a run."""
    flight = Flight()

    flight.drain(context().run(row, flight.up_to(1_000_000)))

    assert flight.read == 1_000_000
    assert 1 <= flight.most <= bound


@pytest.mark.real
@pytest.mark.parametrize(("row", "bound"), [pytest.param(*rest, id=name) for name, *rest in list(flights())[5:7]])
def test_few_of_a_million_items_are_on_their_way_through_threads(row, bound):
    """Whatever order they come in."""
    flight = Flight()

    flight.drain(row(flight.up_to(1_000_000)))

    assert flight.read == 1_000_000
    assert 1 <= flight.most <= bound


def test_a_slow_reader_holds_the_threads_up():
    """What is ready and not read counts."""
    flight = Flight()
    stream = up.stream(threads=4)(flight.up_to(100))
    next(stream)

    assert flight.taken == 4


def test_a_stream_holds_no_item_that_was_read():
    """Each dies when its reader drops it, the last one excepted."""

    class Item:
        pass

    refs, alive = [], []
    stream = (flow(lambda x: x).stream() | flow(lambda x: x).stream())(Item() for _ in range(5))
    for item in stream:
        refs.append(weakref.ref(item))
        del item
        alive.append(sum(ref() is not None for ref in refs))

    assert alive == [1] * 5
