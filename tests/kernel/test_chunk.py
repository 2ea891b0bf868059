"""`.chunk`: a flow of a list over all items of an iterable, so many at a time."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from omnitron import BatchError, DefinitionError, EventLog, Failure, InvalidValue, Ok, context, flow, rebuild


class Loader:
    """A flow of a list, of either colour, that keeps what it was asked."""

    def __init__(self, answer: Callable[[list[Any]], Any] = lambda items: [str(item) for item in items]) -> None:
        self.calls: list[list[Any]] = []
        self.most = self.running = 0

        def load(items: list[Any]) -> Any:
            self.calls.append(items)
            return answer(items)

        async def load_later(items: list[Any]) -> Any:
            self.running += 1
            self.most = max(self.most, self.running)
            await asyncio.sleep(0)
            self.running -= 1
            return load(items)

        self.flow = flow(load)
        self.later = flow(load_later, name="load")

    def made(self, kind: str, size: int, **options: Any) -> Callable[[Any], Any]:
        """Give a function that runs the flow in chunks in one of the ways there are."""
        if kind == "later":
            many = self.later.chunk(size, **options)
            return lambda items: asyncio.run(many(items))
        return self.flow.chunk(size, threads=None if kind == "here" else 3, **options)


KINDS = pytest.mark.parametrize("kind", ["here", "threads", "later"])


@KINDS
@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 8])
def test_results_are_in_the_order_of_the_items(kind: str, count: int) -> None:
    """Each chunk but the last is full."""
    loader = Loader()
    assert loader.made(kind, 4)(iter(range(count))) == [str(item) for item in range(count)]
    assert sorted(loader.calls) == [list(range(start, min(start + 4, count))) for start in range(0, count, 4)]


@KINDS
def test_weights_close_chunks(kind: str) -> None:
    """A chunk closes before it weighs too much; an item that weighs more is alone."""
    loader = Loader()
    loader.made(kind, 3, weigh=lambda item: item, max_weight=5)([1, 2, 3, 9, 1, 1, 1, 1, 5.0, 0])
    assert sorted(loader.calls) == sorted([[1, 2], [3], [9], [1, 1, 1], [1], [5.0, 0]])


@KINDS
@pytest.mark.parametrize(("weight", "kind_of"), [("1", DefinitionError), (True, DefinitionError), (-1, InvalidValue)])
def test_what_weighs_no_number_is_refused(kind: str, weight: Any, kind_of: type[Exception]) -> None:
    """Not a number, and less than nothing."""
    with pytest.raises(kind_of, match="weigh"):
        Loader().made(kind, 3, weigh=lambda item: weight, max_weight=5)([1])


@KINDS
def test_an_exception_in_the_place_of_an_item_leaves_with_its_index(kind: str) -> None:
    """The first in order ends it."""
    loader = Loader(lambda items: [KeyError(item) if item in (6, 7) else item for item in items])
    with pytest.raises(KeyError, match="6") as caught:
        loader.made(kind, 4)(range(10))
    assert caught.value.__notes__ == ["raised in flow 'chunk', at chunk/load, item 6"]


@KINDS
def test_outcomes_of_items_are_collected(kind: str) -> None:
    """An item that fails fails alone, a call that fails fails its chunk."""

    def answer(items: list[int]) -> list[Any]:
        if 5 in items:
            raise ValueError("five")
        return [KeyError(item) if item == 1 else item for item in items]

    found = Loader(answer).made(kind, 2, mode="collect")(range(7))
    assert [type(one) for one in found] == [Ok, Failure, Ok, Ok, Failure, Failure, Ok]
    assert [(one.input, one.path) for one in found if isinstance(one, Failure)] == [
        (1, "chunk/load"), (4, "chunk/load"), (5, "chunk/load"),
    ]  # fmt: skip


@KINDS
def test_an_error_of_a_call_tells_the_chunk(kind: str) -> None:
    """It is the user's own, and says which items it was given."""
    loader = Loader(lambda items: 1 // 0 if 5 in items else items)
    with pytest.raises(ZeroDivisionError) as caught:
        loader.made(kind, 4)(range(6))
    assert caught.value.__notes__ == [
        "in the chunk of the items 4 to 5", "raised in flow 'chunk', at chunk/load",
    ]  # fmt: skip


@KINDS
@pytest.mark.parametrize("answer", [lambda items: items[1:], lambda items: [*items, 1], lambda items: None, set])
def test_a_wrong_length_is_refused(kind: str, answer: Any) -> None:
    """Nothing says which result is whose."""
    with pytest.raises(BatchError):
        Loader(answer).made(kind, 4)(range(6))


def test_async_chunks_run_at_once_up_to_the_bound() -> None:
    """And never more."""
    loader = Loader()
    asyncio.run(loader.later.chunk(2, 3)(iter(range(20))))
    assert loader.most == 3


def test_async_iterables_are_read_and_closed() -> None:
    """What was read of a stream whose chunk failed is closed."""
    closed: list[bool] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            for number in range(100):
                yield number
        finally:
            closed.append(True)

    loader = Loader(lambda items: 1 // 0 if 5 in items else items)
    many = loader.later.chunk(4, 1)

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await many(numbers())

    asyncio.run(main())
    assert closed == [True]


@pytest.mark.parametrize("kind", ["here", "threads", "later"])
def test_generators_are_closed_when_a_chunk_fails(kind: str) -> None:
    """Nothing waits in a source that nobody reads any more."""
    closed: list[bool] = []

    def numbers() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            closed.append(True)

    loader = Loader(lambda items: 1 // 0 if 5 in items else items)
    with pytest.raises(ZeroDivisionError):
        loader.made(kind, 4)(numbers())
    assert closed == [True]


def test_the_items_of_a_source_that_fails() -> None:
    """Its error leaves as it is."""

    def numbers() -> Iterator[int]:
        yield 1
        raise KeyError("source")

    with pytest.raises(KeyError, match="source"):
        Loader().made("here", 4)(numbers())


def test_chunks_are_calls_that_observers_see() -> None:
    """With the number of the chunk in the path."""
    log = EventLog()
    context(observers=log).run(Loader().flow.chunk(2), range(3))
    assert [event.path for event in log.events] == [
        "chunk", "chunk[0]/load", "chunk[0]/load", "chunk[1]/load", "chunk[1]/load", "chunk",
    ]  # fmt: skip


def doubled(items: list[int]) -> list[int]:
    """A function that pickles."""
    return [2 * item for item in items]


def odd_ones(items: list[int]) -> list[Any]:
    """Exceptions that travel."""
    return [ValueError(item) if item == 3 else item for item in items]


@pytest.mark.real
def test_chunks_on_worker_processes() -> None:
    """One round trip a chunk; exceptions in the places of items travel."""

    async def main() -> tuple[Any, Any]:
        return (
            await flow(doubled).on("process").chunk(100, 2)(range(250)),
            await flow(odd_ones).on("process").chunk(2, mode="collect")(range(5)),
        )

    results, outcomes = asyncio.run(main())
    assert results == [2 * item for item in range(250)]
    assert [type(one) for one in outcomes] == [Ok, Ok, Ok, Failure, Ok]


def test_equal_described_and_pickled() -> None:
    """A chunked flow is a value like any other."""
    many = flow(doubled).chunk(3, weigh=abs, max_weight=10.0, mode="collect", threads=2)
    for again in (pickle.loads(pickle.dumps(many)), rebuild(many.describe())):
        assert again == many
    assert again([1, 2]) == [Ok(2), Ok(4)]


def test_configuration_sets_sizes() -> None:
    """`chunk_size` is a parameter of the chunk's place."""
    loader = Loader()
    context(config={"chunk": {"chunk_size": 3}}).run(loader.flow.chunk(9), range(4))
    assert loader.calls == [[0, 1, 2], [3]]


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"size": 0}, InvalidValue),
        ({"size": None}, DefinitionError),
        ({"size": 1.5}, DefinitionError),
        ({"concurrency": 2}, DefinitionError),
        ({"threads": 0}, InvalidValue),
        ({"weigh": len}, DefinitionError),
        ({"max_weight": 3}, DefinitionError),
        ({"weigh": 3, "max_weight": 3}, DefinitionError),
        ({"weigh": len, "max_weight": "3"}, DefinitionError),
        ({"weigh": len, "max_weight": 0}, InvalidValue),
        ({"mode": "all"}, InvalidValue),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], kind: type[Exception]) -> None:
    """Where they are written."""
    with pytest.raises(kind):
        flow(doubled).chunk(**options)


def test_threads_are_for_sync_flows() -> None:
    """An async one has a bound."""
    with pytest.raises(DefinitionError, match="concurrency"):
        Loader().later.chunk(3, threads=2)
