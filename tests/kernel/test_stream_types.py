"""What annotations say about streams: a wrong item, or the wrong way of reading, is refused when a pipe is composed."""

import asyncio
import functools
import re
import typing
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Generator,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Sized,
)
from typing import Annotated, Any, Protocol, TypeVar

import pytest

from omnitron import DefinitionError, Ok, by_type, flow, gather, identity, keep, parallel, sequence, when
from omnitron.code import clash, iterations

T = TypeVar("T")


class Both:
    """What can be read either way."""

    def __iter__(self):
        return iter(())

    def __aiter__(self):
        return self


class Loose(Protocol):
    """A protocol of reading."""

    def __iter__(self) -> Any: ...


class Odd(type):
    """A metaclass that says what is of its classes."""

    def __instancecheck__(cls, value):
        return True


class Anyhow(metaclass=Odd):
    """A class of values that its metaclass chooses."""


def taking(annotation, name="taker"):
    """Make a step whose parameter has this annotation."""

    def taker(value):
        return value

    taker.__name__ = name
    taker.__annotations__ = {"value": annotation}
    return flow(taker)


def giving(annotation):
    """Make a step whose result has this annotation."""

    def giver(value):
        return value

    giver.__annotations__ = {"return": annotation}
    return flow(giver)


def yielding(*annotation):
    """Make a generator function with this annotation, or none."""

    def rows(value):
        yield value

    rows.__annotations__ = {"return": annotation[0]} if annotation else {}
    return flow(rows)


def yielding_later(*annotation):
    """Make an async generator function with this annotation, or none."""

    async def rows(value):
        yield value

    rows.__annotations__ = {"return": annotation[0]} if annotation else {}
    return flow(rows)


@flow
def text(value: int) -> str:
    return str(value)


@flow
async def text_later(value: int) -> str:
    return str(value)


SYNC = [Iterator[int], Iterable[int], Generator[int, str, bool], typing.Iterator[int], Annotated[Iterator[int], "x"]]
ASYNC = [AsyncIterator[int], AsyncIterable[int], AsyncGenerator[int, str], typing.AsyncIterator[int]]


@pytest.mark.parametrize("given", SYNC, ids=str)
@pytest.mark.parametrize(
    "wanted",
    [
        list,
        list[int],
        tuple[int, ...],
        Sequence[int],
        Collection[int],
        Sized,
        Mapping[int, int],
        int,
        str,
        None,
        Awaitable[int],
        Callable[[], int],
        Iterator[str],
        Iterable[str],
        Iterable[list[int]],
        Generator[str, None, None],
        AsyncIterator[int],
        AsyncIterable[int],
        AsyncGenerator[int, None],
        list[int] | dict[int, int],
    ],
    ids=str,
)
def test_a_generator_is_refused_where_none_can_be_taken(given, wanted):
    """It is an iterator of its items, and nothing else."""
    with pytest.raises(DefinitionError, match="gives"):
        yielding(given) | taking(wanted)


@pytest.mark.parametrize("given", SYNC, ids=str)
@pytest.mark.parametrize(
    "wanted",
    [
        Iterator,
        Iterator[int],
        Iterator[float],
        Iterable[int],
        Iterable[int | str],
        Iterable[T],
        Generator,
        Generator[int, None, None],
        Iterable[int] | AsyncIterable[int],
        list[int] | Iterator[int],
        Hashable,
        Loose,
        Anyhow,
        Any,
        object,
    ],
    ids=str,
)
def test_a_generator_is_accepted_where_it_may_be_taken(given, wanted):
    """What it is sent and what it returns is not compared, for the next step reads it."""
    yielding(given) | taking(wanted)


@pytest.mark.parametrize("given", ASYNC, ids=str)
@pytest.mark.parametrize(
    "wanted",
    [
        list,
        list[int],
        Sequence[int],
        Iterable[int],
        Iterator[int],
        Generator[int, None, None],
        Awaitable[int],
        int,
        AsyncIterator[str],
        AsyncIterable[str],
        AsyncGenerator[str, None],
    ],
    ids=str,
)
def test_an_async_generator_is_refused_where_none_can_be_taken(given, wanted):
    """It is read by `async for`, and by nothing else."""
    with pytest.raises(DefinitionError, match="gives"):
        yielding_later(given) | taking(wanted)


@pytest.mark.parametrize("given", ASYNC, ids=str)
@pytest.mark.parametrize(
    "wanted",
    [
        AsyncIterator,
        AsyncIterator[int],
        AsyncIterable[float],
        AsyncGenerator[int, None],
        Iterable[int] | AsyncIterable[int],
        Any,
    ],
    ids=str,
)
def test_an_async_generator_is_accepted_where_it_may_be_taken(given, wanted):
    """An async iterable takes it."""
    yielding_later(given) | taking(wanted)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (Generator[int, None, None], Iterator[str]),
        (Iterator[int], Generator[str, None, None]),
        (AsyncGenerator[int, None], AsyncIterable[str]),
        (AsyncIterator[int], Iterator[int]),
        (AsyncIterator[int], Sequence[int]),
        (list[int], AsyncIterable[int]),
        (dict[int, int], AsyncIterator[int]),
        (str, AsyncIterable[str]),
        (None, AsyncIterable[int]),
    ],
    ids=str,
)
def test_iterables_that_cannot_meet_clash(given, wanted):
    """They are compared by their items, and by how they are read."""
    assert clash(given, wanted)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (Generator[int, str, bool], Generator[int, None, None]),
        (AsyncGenerator[int, None], AsyncGenerator[int, str]),
        (Generator[int, None, None], Iterable[float]),
        (Iterator[int], list[int]),
        (Iterator[int], Iterator),
        (Both, AsyncIterable[int]),
        (Both, Iterable[int]),
        (Loose, AsyncIterable[int]),
        (AsyncIterable[int], Loose),
        (Mapping[int, int], Iterable[int]),
        (type(None), Anyhow),
    ],
    ids=str,
)
def test_iterables_that_may_meet_do_not_clash(given, wanted):
    """Where a value could be both, nothing is said."""
    assert not clash(given, wanted)


@pytest.mark.parametrize("make", [lambda: text.stream(), lambda: text_later.stream()], ids=["sync", "async"])
@pytest.mark.parametrize(
    "given",
    [
        list[int],
        tuple[int, ...],
        dict[int, str],
        set[bool],
        range,
        bytes,
        Iterator[int],
        Generator[int, None, None],
        AsyncIterator[int],
        AsyncIterable[int | str],
        list[int] | AsyncIterator[int],
        list[int] | list[str],
        list[int] | None,
        list,
        Both,
        Any,
        object,
        int,
    ],
    ids=str,
)
def test_a_stream_takes_many_of_either_kind(make, given):
    """Whatever may hold items that the flow takes."""
    giving(given) | make()


@pytest.mark.parametrize("make", [lambda: text.stream(), lambda: text_later.stream()], ids=["sync", "async"])
@pytest.mark.parametrize(
    "given",
    [
        str,
        list[str],
        tuple[int, str],
        dict[str, int],
        Iterator[str],
        Generator[str, int, int],
        AsyncIterator[str],
        AsyncGenerator[str, None],
        list[str] | list[bytes],
        list[list[int]],
        None,
    ],
    ids=str,
)
def test_a_stream_refuses_other_items(make, given):
    """An item must be what the flow takes."""
    with pytest.raises(DefinitionError, match="but the next step 'stream' takes"):
        giving(given) | make()


@pytest.mark.parametrize(
    ("made", "gives"),
    [
        (giving(list[int]) | text.stream(), Iterator[str]),
        (giving(AsyncIterator[int]) | text.stream(), AsyncIterator[str]),
        (giving(list[int]) | text_later.stream(), AsyncIterator[str]),
        (giving(list[int]) | text.stream() | flow(len).stream(), Iterator[int]),
        (giving(list[int]) | text.stream(threads=2), Iterator[str]),
        (text.stream(threads=2), Iterator[str]),
        (yielding(Iterator[int]) | text.stream(), Iterator[str]),
        (yielding_later() | text.stream(), AsyncIterator[str]),
        (yielding() | text.stream(), Iterator[str]),
        (giving(Both) | text.stream(), Iterator[str]),
        (giving(Both) | text.stream(), AsyncIterator[str]),
        (text.stream(), Iterator[str]),
        (text.stream(), AsyncIterator[str]),
        (giving(list[int]) | text.stream(mode="collect"), Iterator[Ok]),
        (giving(list[int]) | text.stream() | identity, Iterator[str]),
        (text_later.stream().named("texts"), AsyncIterator[str]),
        (yielding(Iterator[int]).named("rows"), Iterator[int]),
        (yielding(Iterator[int]).bind(value=3), Iterator[int]),
        (yielding(Iterator[int]).within(tenant="a"), Iterator[int]),
        (when(bool, yielding(Iterator[int]), yielding(Iterator[str])), Iterator[str]),
        (parallel(yielding(Iterator[int]), text), tuple[Iterator[int], str]),
        (keep(yielding(Iterator[int])), tuple[Any, Iterator[int]]),
    ],
    ids=lambda value: value.name if hasattr(value, "node") else str(value),
)
def test_streams_say_what_they_give(made, gives):
    """Each meets what takes that, and is refused before what takes none of it."""
    made | taking(gives)
    with pytest.raises(DefinitionError, match="gives"):
        made | taking(bytes)


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (giving(list[int]) | text.stream(), AsyncIterator[str]),
        (giving(AsyncIterator[int]) | text.stream(), Iterator[str]),
        (giving(list[int]) | text_later.stream(), Iterator[str]),
        (text.stream(threads=2), AsyncIterator[str]),
        (text.stream(), list[str]),
        (text.stream(), Iterator[int]),
        (parallel(yielding(Iterator[int]), text), tuple[list[int], str]),
    ],
    ids=lambda value: value.name if hasattr(value, "node") else str(value),
)
def test_streams_are_refused_where_they_cannot_be_read(made, wanted):
    """By colour, by items, and because a stream is no list."""
    with pytest.raises(DefinitionError, match="gives"):
        made | taking(wanted)


def test_threads_read_a_sync_iterable():
    """An async one is refused where the pipe is written."""
    with pytest.raises(DefinitionError, match=r"takes Iterable\[int\]\. It is read by `async for`"):
        yielding_later(AsyncIterator[int]) | text.stream(threads=2)


def test_threads_over_what_turns_out_to_be_async_are_refused():
    """Without annotations it is the call that tells."""

    async def main():
        with pytest.raises(DefinitionError, match="reads a sync iterable, got an async one: async_generator"):
            text.stream(threads=2)(yielding_later()(1))

    asyncio.run(main())


@pytest.mark.parametrize(
    ("compose", "says"),
    [
        (lambda: yielding(Iterator[int]) | taking(list[int]), "gives Iterator[int], but the next step 'taker' takes"),
        (lambda: yielding(Iterator[int]) | taking(list[int]), "takes list[int]. Put `list` between them"),
        (lambda: yielding() | taking(list[int]), "'rows' gives a generator, but"),
        (lambda: yielding() | taking(list[int]), "Put `list` between them"),
        (lambda: yielding_later() | taking(list[int]), "'rows' gives an async generator, but"),
        (
            lambda: yielding_later() | taking(list[int]),
            "It is read by `async for`: put an async step such as `async def collect(items)",
        ),
        (lambda: yielding_later() | text.each(), "takes Iterable[int]. It is read by `async for`"),
        (lambda: yielding(Iterator[int]) | taking(str), "takes str. Put a step between them"),
        (lambda: giving(list[int]) | taking(AsyncIterable[int]), "It is read by `for`, not by `async for`"),
        (lambda: text.stream() | taking(bytes), "gives Iterator[str] | AsyncIterator[str], but"),
        (lambda: sequence(yielding(Iterator[str]), text.stream()), "'stream' takes Iterable[int] | AsyncIterable[int]"),
    ],
    ids=range(11),
)
def test_the_refusal_says_what_to_do(compose, says):
    """How it is read, or what to put between."""
    with pytest.raises(DefinitionError, match=re.escape(says)):
        compose()


@pytest.mark.parametrize(
    "make",
    [
        lambda fn: functools.partial(fn),
        lambda fn: type("Rows", (), {"__call__": methodical(fn)})(),
        lambda fn: type("Rows", (), {"rows": methodical(fn)})().rows,
    ],
    ids=["partial", "object", "method"],
)
def test_what_calls_a_generator_function_gives_a_generator(make):
    """Its annotation is not looked for, what it is is known."""
    with pytest.raises(DefinitionError, match="gives"):
        flow(make(lambda value: (yield value))) | taking(list[int])


def methodical(fn):
    """Make a generator method."""

    def method(self, value):
        yield from fn(value)

    return method


def test_a_record_is_filled_by_streams():
    """A field that takes an iterator takes a generator, one that takes a list does not."""

    class Rows(typing.NamedTuple):
        rows: Iterator[int]
        all_rows: list[int]

    with pytest.raises(DefinitionError, match=r"gives Iterator\[int\], but Rows.all_rows is list\[int\]"):
        gather(Rows, rows=yielding(Iterator[int]), all_rows=yielding(Iterator[int]))


def test_a_choice_by_type_knows_a_generator():
    """An arm for iterators takes it."""
    by_kind = by_type(taking(Iterator), taking(list))

    assert list((yielding(Iterator[int]) | by_kind)(3)) == [3]
    with pytest.raises(DefinitionError, match="has no arm for generator"):
        yielding(Iterator[int]) | by_type(taking(list), taking(str))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("Iterator[str]", int),
        (Iterator[str], "int"),
        ("AsyncIterator[str]", "int"),
        ("list[str]", "int"),
    ],
)
def test_annotations_that_are_texts_are_compared_at_the_first_call(given, wanted):
    """When every name can be looked up."""
    tree = giving(given) | taking(wanted).stream()

    with pytest.raises(DefinitionError, match="takes Iterable"):
        tree(3)


@pytest.mark.parametrize("rows", [yielding(), yielding("Iterator[int]"), yielding(Iterator[int])], ids=range(3))
def test_a_generator_into_a_list_that_is_a_text_is_refused_at_the_first_call(rows):
    """Whether or not the generator function is annotated."""
    tree = rows | taking("list[int]")

    with pytest.raises(DefinitionError, match=r"takes list\[int\]"):
        tree(3)


@pytest.mark.parametrize(
    ("annotation", "ways"),
    [
        (list[int], {"sync"}),
        (AsyncIterator[int] | None, {"async"}),
        (list[int] | AsyncIterator[int], {"sync", "async"}),
        (Both, {"sync", "async"}),
        (int, {"sync", "async"}),
        (Any, {"sync", "async"}),
    ],
    ids=lambda value: "-".join(sorted(value)) if isinstance(value, set) else str(value),
)
def test_an_annotation_tells_how_it_is_read(annotation, ways):
    """By `for`, by `async for`, or perhaps by either."""
    assert iterations(annotation) == ways
