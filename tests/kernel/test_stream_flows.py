"""A flow over a generator function stands wherever the function could: for `inspect`, the standard library, frameworks."""

import abc
import asyncio
import contextlib
import copy
import functools
import inspect
import itertools
import pickle
import typing
from collections.abc import AsyncIterator, Iterator

import pytest

from omnitron import (
    DefinitionError,
    Hooks,
    choose,
    context,
    fallback,
    flow,
    loop,
    parallel,
    rewrite,
    tap,
    when,
)
from omnitron.algebra import Step

from . import places


def count(limit: int, step: int = 1) -> Iterator[int]:
    """Count up.

    Args:
        limit: where to stop.
    """
    yield from range(0, limit, step)


async def count_later(limit: int, step: int = 1) -> AsyncIterator[int]:
    """Count up, later."""
    for number in range(0, limit, step):
        yield number


class Counter:
    """An object whose call is a generator function."""

    def __call__(self, limit):
        yield from range(limit)


class LaterCounter:
    """An object whose call is an async generator function."""

    async def __call__(self, limit):
        for number in range(limit):
            yield number


class Table:
    """A class with generator methods."""

    def __init__(self, start):
        self.start = start

    def __eq__(self, other):
        return isinstance(other, Table) and self.start == other.start

    def __hash__(self):
        return hash(self.start)

    @flow
    def rows(self, limit: int) -> Iterator[int]:
        """Give the rows."""
        yield from range(self.start, limit)

    @flow(version="2")
    async def later(self, limit: int) -> AsyncIterator[int]:
        """Give the rows, later."""
        for number in range(self.start, limit):
            yield number

    @flow
    def price(self, row):
        return row * self.start

    known = rows.named("known")
    asked = rows.within(tenant="acme")
    piped = rows | str

    @property
    def total(self):
        return self.rows | sum

    @staticmethod
    @flow
    def free(limit):
        yield from range(limit)


TABLE = Table(10)
double = flow(lambda x: 2 * x)


async def read(stream):
    """Make a list of an async stream."""
    return [item async for item in stream]


SYNC = {
    "function": flow(count),
    "named": flow(count).named("other"),
    "with metadata": flow(count).with_meta(version="1"),
    "bind": flow(count).bind(step=2),
    "within": flow(count).within(tenant="acme"),
    "partial": flow(functools.partial(count, step=2)),
    "object": flow(Counter()),
    "lambda": flow(lambda limit: (yield limit)),
    "method": TABLE.rows,
    "refined method": TABLE.known,
    "derived method": TABLE.asked,
    "unbound method": Table.rows,
    "static method": TABLE.free,
    "a flow's partial": functools.partial(flow(count), step=2),
    "stream": double.stream(),
    "pipe": flow(count) | double.stream(),
    "pipe of a list": flow(range) | double.stream(),
}
ASYNC = {
    "function": flow(count_later),
    "bind": flow(count_later).bind(step=2),
    "partial": flow(functools.partial(count_later, step=2)),
    "object": flow(LaterCounter()),
    "method": TABLE.later,
    "stream": flow(asyncio.sleep).stream(),
    "pipe": flow(count_later) | double.stream(),
    "sync into async": flow(count) | flow(asyncio.sleep).stream(),
}
NEITHER = {
    "pipe to a list": flow(count) | list,
    "async pipe to a list": flow(count_later) | flow(read),
    "each": double.each(),
    "branch": when(bool, flow(count), flow(list)),
    "choice": choose(bool, {True: flow(count)}, flow(list)),
    "recovered": fallback(flow(list), flow(count)),
    "tap": tap(double) | list,
    "loop": loop(double, at_most=1),
    "parallel": parallel(flow(count), flow(count)),
    "class": flow(Counter),
    "awaited first": flow(asyncio.sleep) | double.stream(),
}


def kinds(fn):
    """Give what `inspect` says of a function."""
    return (inspect.isgeneratorfunction(fn), inspect.isasyncgenfunction(fn), inspect.iscoroutinefunction(fn))


@pytest.mark.parametrize("made", SYNC.values(), ids=SYNC)
def test_what_gives_a_generator_is_a_generator_function(made):
    """For `inspect`, and so for frameworks, whatever refines it."""
    assert kinds(made) == (True, False, False)


@pytest.mark.parametrize("made", ASYNC.values(), ids=ASYNC)
def test_what_gives_an_async_generator_is_an_async_generator_function(made):
    """It is no coroutine function: calling it gives the generator at once."""
    assert kinds(made) == (False, True, False)


@pytest.mark.parametrize("made", NEITHER.values(), ids=NEITHER)
def test_what_gives_something_else_is_neither(made):
    """A first step's generator is no claim about the whole, and what a branch may give is none either."""
    assert kinds(made) == (False, False, made.colour == "async")


def test_the_signature_is_kept():
    """A generator function's, with its result."""
    assert str(inspect.signature(flow(count))) == "(limit: int, step: int = 1) -> collections.abc.Iterator[int]"
    assert str(inspect.signature(TABLE.rows)) == "(limit: int) -> collections.abc.Iterator[int]"
    assert str(inspect.signature(flow(count) | double.stream())) == "(limit: int, step: int = 1)"


def test_type_hints_doc_and_name_are_the_functions():
    """As for any other flow."""
    made = flow(count)

    assert typing.get_type_hints(made) == {"limit": int, "step": int, "return": Iterator[int]}
    assert (made.__name__, made.__qualname__, made.__module__, made.__doc__) == (
        "count",
        "count",
        __name__,
        count.__doc__,
    )
    assert made.meta.description == "Count up."


def test_wraps_sees_the_function_behind_a_flow():
    """A wrapper around a generator flow looks like the function."""

    @functools.wraps(flow(count))
    def wrapper(*args):
        return flow(count)(*args)

    assert (wrapper.__name__, wrapper.__doc__, inspect.unwrap(wrapper)) == ("count", count.__doc__, count)


def test_a_flow_over_a_wrapper_is_what_the_wrapper_is():
    """A plain function that gives a generator is no generator function."""
    wrapper = functools.wraps(count)(lambda *args: count(*args))

    assert kinds(flow(wrapper)) == (False, False, False)
    assert list(flow(wrapper)(3)) == [0, 1, 2]


@pytest.mark.parametrize("make", ["__call__", "fn", "acall"])
def test_each_way_to_call_gives_the_generator(make):
    """The flow, its function, and `acall`, which awaits nothing but the call."""
    call = getattr(flow(count), make)
    made = asyncio.run(call(3)) if make == "acall" else call(3)

    assert inspect.isgenerator(made)
    assert list(made) == [0, 1, 2]


def test_a_generator_flow_is_the_functions_generator():
    """Called alone it stands in nobody's way: what is sent, thrown and returned goes through."""

    @flow
    def echo(value):
        while value:
            try:
                value = yield value
            except KeyError:
                value = yield "caught"
        return "end"

    made = echo(1)
    taken = [next(made), made.send(2), made.throw(KeyError()), made.send(3)]
    with pytest.raises(StopIteration) as stop:
        made.send(0)

    assert (taken, stop.value.value) == ([1, 2, "caught", 3], "end")


def test_one_flow_gives_many_generators():
    """They do not know of each other."""
    made = flow(count) | double.stream()
    first, second = made(3), made(3)

    assert [next(first), next(second), next(first), *second, *first] == [0, 0, 2, 2, 4, 4]


@pytest.mark.parametrize("make", [flow(count), flow(functools.partial(count)), functools.partial(flow(count))])
def test_iterators_of_the_standard_library_take_it(make):
    """`chain`, `map` and whatever else reads an iterable or calls a function."""
    assert list(itertools.chain.from_iterable(map(make, (1, 2)))) == [0, 0, 1]


def test_it_makes_a_context_manager():
    """As the function does: entered, left, and given the error that passes."""
    seen = []

    @contextlib.contextmanager
    @flow
    def opened(value):
        try:
            yield value
        except KeyError:
            seen.append("error")
        finally:
            seen.append("closed")

    with opened(3) as value:
        raise KeyError(value)

    assert (value, seen) == (3, ["error", "closed"])


def test_an_async_one_makes_an_async_context_manager():
    """The same, awaited."""
    seen = []

    @contextlib.asynccontextmanager
    @flow
    async def opened(value):
        try:
            yield value
        finally:
            seen.append("closed")

    async def main():
        async with opened(3) as value:
            return value

    assert (asyncio.run(main()), seen) == (3, ["closed"])


def test_an_error_in_the_block_of_a_context_manager_leaves_as_it_is():
    """Type and identity; a lone step adds no note."""

    @contextlib.contextmanager
    @flow
    def opened():
        yield

    error = ValueError("mine")
    with pytest.raises(ValueError) as caught, opened():
        raise error

    assert caught.value is error
    assert not hasattr(error, "__notes__")


def test_what_a_context_manager_makes_is_a_flow_of_its_own():
    """`contextmanager` over a flow is a plain function again, which gives no stream."""
    made = flow(contextlib.contextmanager(flow(count)))

    with made(1) as first:
        assert first == 0
    assert made.node.streams == ""


# ------------------------------------------------------------------ methods


def test_a_generator_method_is_a_flow():
    """Bound, it gives the rows of its instance."""
    assert list(TABLE.rows(13)) == [10, 11, 12]
    assert list(Table.rows(TABLE, 13)) == [10, 11, 12]
    assert asyncio.run(read(TABLE.later(13))) == [10, 11, 12]
    assert list(TABLE.known(12)) == [10, 11]
    assert list(TABLE.asked(12)) == [10, 11]


def test_a_bound_generator_method_composes():
    """Before a stream, and as the flow of one item."""
    assert list((TABLE.rows | TABLE.price.stream())(12)) == [100, 110]
    assert asyncio.run(read((TABLE.later | TABLE.price.stream())(12))) == [100, 110]
    assert TABLE.total(12) == 21
    assert [list(rows) for rows in TABLE.rows.stream()([11, 12])] == [[10], [10, 11]]


def test_a_pipe_over_a_generator_method_does_not_bind():
    """As no pipe does: it takes the instance."""
    assert TABLE.piped(TABLE, 12).startswith("<generator object Table.rows")


def test_a_generator_method_may_be_abstract():
    """It stays so over a flow."""

    class Source(abc.ABC):
        @flow
        @abc.abstractmethod
        def rows(self):
            yield

    with pytest.raises(TypeError, match="abstract"):
        Source()


def test_a_generator_method_that_overrides_calls_the_one_above():
    """Through `super()`, inside of the generator."""

    class Longer(Table):
        @flow
        def rows(self, limit):
            yield "first"
            yield from super().rows(limit)

    assert list(Longer(1).rows(3)) == ["first", 1, 2]


def test_a_class_method_is_refused_with_the_way_out():
    """As over any other function."""
    with pytest.raises(DefinitionError, match="classmethod"):
        flow(classmethod(count))


# ------------------------------------------------------------------ frameworks


def dependency(call, *args):
    """Do what FastAPI does with a dependency: a generator function is entered, another is called."""
    if inspect.isgeneratorfunction(call):
        return contextlib.contextmanager(call)(*args)
    return contextlib.nullcontext(call(*args))


def test_a_dependency_that_is_a_generator_flow_is_opened_and_closed():
    """The framework sees what it is, also in a partial."""
    seen = []

    @flow
    def session(name):
        try:
            yield name
        finally:
            seen.append("closed")

    with dependency(session, "one") as one, dependency(functools.partial(session, "two")) as two:
        assert (one, two, seen) == ("one", "two", [])
    assert seen == ["closed", "closed"]


@pytest.mark.parametrize(
    "content",
    [
        lambda: (flow(count) | flow(str).stream())(3),
        lambda: (flow(count_later) | flow(str).stream())(3),
        lambda: context().run(flow(count) | flow(str).stream(), 3),
        lambda: context(hooks=Hooks()).run(flow(count_later) | flow(str).stream(), 3),
        lambda: context(deadline=60).run(flow(count) | flow(str).stream(), 3),
    ],
    ids=["sync", "async", "in a run", "watched", "with a deadline"],
)
def test_a_streaming_response_reads_a_stream(content):
    """Starlette reads a sync one on threads, each item on another, and an async one in its loop."""
    responses = pytest.importorskip("starlette.responses", reason="a development dependency")
    body = []

    async def send(message):
        body.append(message.get("body", b""))

    async def receive():
        await asyncio.get_running_loop().create_future()

    async def main():
        await responses.StreamingResponse(content())({"type": "http", "asgi": {"spec_version": "2.4"}}, receive, send)

    asyncio.run(main())

    assert b"".join(body) == b"012"


# ------------------------------------------------------------------ being a value


def test_a_generator_flow_is_copied_and_compared_as_any_flow():
    """By its function."""
    made = flow(count)

    assert copy.copy(made) is copy.deepcopy(made) is made
    assert made == flow(count) != flow(count_later)
    assert made.stream() == flow(count).stream() != made.stream(threads=1)
    assert {made: 1, flow(count): 2} == {made: 2}


@pytest.mark.parametrize(
    "made",
    [flow(count), flow(count_later), flow(functools.partial(count, step=2)), TABLE.rows, Table.rows, TABLE.asked],
    ids=["function", "async", "partial", "bound", "unbound", "derived"],
)
def test_what_was_pickled_still_gives_a_stream(made):
    """Colour, marks and signature come back with it."""
    loaded = pickle.loads(pickle.dumps(made))

    assert loaded == made
    assert (loaded.node.streams, loaded.node.needs) == (made.node.streams, made.node.needs)
    assert (kinds(loaded), str(inspect.signature(loaded))) == (kinds(made), str(inspect.signature(made)))


def test_a_running_generator_is_no_value():
    """A flow travels, its generators do not; nothing pretends that they do."""
    with pytest.raises(TypeError):
        pickle.dumps(flow(count)(3))


def test_a_rewrite_may_change_what_streams():
    """What the tree gives is asked of the new tree."""
    tree = flow(count) | double.stream()
    listed = rewrite(tree, lambda node: flow(range).node if isinstance(node, Step) and node.fn is count else node)
    later = rewrite(tree, lambda node: flow(count_later).node if isinstance(node, Step) and node.fn is count else node)

    assert list(listed(3)) == [0, 2, 4]
    assert asyncio.run(read(later(3))) == [0, 2, 4]
    assert (tree.node.streams, listed.node.streams, later.node.streams) == ("sync", "sync", "async")


def test_streams_show_in_the_tree():
    """A generator function is a step; a stream shows its flow and its options."""
    tree = flow(count) | double.named("double").stream(threads=2, unordered=True, mode="collect") | list

    assert repr(tree).splitlines()[1:] == [
        "├── count",
        "├── stream(threads=2, unordered, mode='collect')",
        "│   └── double",
        "└── list>",
    ]


@pytest.mark.real
def test_streams_inside_go_to_another_process():
    """What reads its stream to the end is a value like any other, there too; one item at a time as well."""
    whole = (flow(places.several) | flow(places.pid_and).stream() | list).on("process")
    single = flow(places.several) | flow(places.pid_and).on("process").stream(concurrency=2)
    ((mine, _), *_) = (flow(places.several) | flow(places.pid_and).stream() | list)(1)

    async def main():
        return await whole(3), await read(single(3))

    for found in asyncio.run(main()):
        assert [value for _, value in found] == [0, 1, 2]
        assert mine not in {pid for pid, _ in found}
