"""The standard library: whatever takes a function takes a flow, in either colour, refined or composed."""

import asyncio
import contextvars
import copy
import functools
import inspect
import multiprocessing
import pickle
import typing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from unittest import mock

import anyio
import anyio.to_thread
import cloudpickle
import pytest

from omnitron import Key, context, current_context, flow
from tests.interop import shop

FLOWS = [shop.double, shop.tried, shop.limited, shop.piped, shop.both, shop.chosen]
LATE = [shop.later, shop.held, shop.mixed, shop.moved]


def name_of(made):
    """Give the name of a flow for the list of tests."""
    return made.name


# ------------------------------------------------------------------ inspect, typing, functools


@pytest.mark.parametrize("made", [shop.double, shop.later, shop.tried, shop.held, shop.limited], ids=name_of)
def test_signature_is_the_functions(made):
    """Also behind policies; texts among the annotations are looked up."""
    plain = shop.later.fn if made.colour == "async" else shop.double.fn

    assert inspect.signature(made) == inspect.signature(plain, eval_str=True)


def test_signature_of_a_pipe_is_looked_up_where_each_part_stands():
    """Its parameters are the first one's, its result the last one's, and the texts are what they name."""
    expected = inspect.Signature(
        [inspect.Parameter("order", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=shop.Order)],
        return_annotation=int,
    )

    assert inspect.signature(shop.piped) == expected


def test_signature_leaves_out_what_the_context_fills():
    """A caller may pass it all the same, so that binding a call takes it, and people read of it."""
    signature = inspect.signature(shop.greet)

    assert list(signature.parameters) == ["name", "loud"]
    assert signature.bind("you", who="me").arguments == {"name": "you", "who": "me"}
    assert "who" in str(signature)


@pytest.mark.parametrize("made", FLOWS + LATE, ids=name_of)
def test_coroutine_functions_are_recognised(made):
    """`inspect.iscoroutinefunction` says what a call gives."""
    assert inspect.iscoroutinefunction(made) is (made in LATE)
    assert inspect.isfunction(made)
    assert inspect.isroutine(made)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (shop.double, {"x": int, "times": int, "return": int}),
        (shop.tried, {"x": int, "times": int, "return": int}),
        (shop.piped, {"order": shop.Order, "return": int}),
        (shop.both, {"x": int, "times": int, "return": tuple[int, int]}),
        (shop.Till(2).price, {"x": int, "return": int}),
    ],
)
def test_get_type_hints_agrees_with_the_signature(made, expected):
    """The texts are what they name."""
    assert typing.get_type_hints(made) == expected


@pytest.mark.parametrize("kind", [type(shop.double), type(shop.later)])
def test_the_classes_of_flows_are_classes_like_others(kind):
    """What instances show of their function does not get into the way of whoever looks at the class."""
    assert "class AnyFlow" not in inspect.getsource(kind)
    assert isinstance(typing.get_type_hints(kind), dict)
    assert inspect.unwrap(kind) is kind


def test_source_is_the_functions_or_what_was_generated():
    """`inspect.getsource` shows a refined flow's function, and what a composed flow was compiled to."""
    assert inspect.getsource(shop.tried) == inspect.getsource(shop.double.fn)
    assert "# bill" in inspect.getsource(shop.piped)


def test_wraps_takes_a_flow_for_the_function():
    """A wrapper shows name, docstring, module and signature of the flow."""

    @functools.wraps(shop.tried)
    def wrapper(*args, **kwargs):
        return shop.tried(*args, **kwargs)

    assert (wrapper.__name__, wrapper.__doc__, wrapper.__module__) == ("double", "Double a number.", shop.__name__)
    assert inspect.signature(wrapper) == inspect.signature(shop.double)
    assert inspect.unwrap(wrapper) is shop.double.fn


def test_a_flow_of_a_wrapper_shows_what_it_wraps():
    """`@flow` over a function that was decorated by `functools.wraps`."""

    @flow
    @functools.wraps(shop.double.fn)
    def wrapper(*args, **kwargs):
        return shop.double.fn(*args, **kwargs) + 1

    assert (wrapper.name, wrapper(2, times=2)) == ("double", 9)
    assert typing.get_type_hints(wrapper) == {"x": int, "times": int, "return": int}


def test_partial_takes_a_flow():
    """The rest of the signature is there, and so is the colour."""
    assert functools.partial(shop.tried, times=3)(2) == 12
    assert list(inspect.signature(functools.partial(shop.double, 2)).parameters) == ["times"]
    assert inspect.iscoroutinefunction(functools.partial(shop.held, 2))


def test_partialmethod_takes_a_flow():
    """A flow made in a class body stands in it as a method does."""

    class Fixed(shop.Till):
        seven = functools.partialmethod(shop.Till.price, 7)

    assert Fixed(3).seven() == 21


def test_singledispatch_registers_a_flow_by_its_annotation():
    """The arm is chosen by the annotation of the first parameter, also of a composed flow."""

    @functools.singledispatch
    def show(value):
        return "something"

    show.register(shop.tried)
    show.register(shop.piped)

    assert [show(4), show(shop.Order(item="tea")), show("text")] == [8, 7, "something"]


def test_lru_cache_takes_a_flow():
    """The cache stands around the call, and shows the flow."""
    cached = functools.lru_cache(shop.tried)

    assert [cached(4), cached(4), cached.cache_info().hits] == [8, 8, 1]
    assert cached.__wrapped__ is shop.tried


def test_attributes_are_set_and_read_as_on_a_function():
    """What others set on the function is seen on each of its refinements; what they set on the flow is its own."""

    @flow
    def marked(x: int) -> int:
        return x

    marked.fn.label = "below"
    refined = marked.retry(attempts=2)
    refined.other = "above"

    assert (marked.label, refined.label, refined.other) == ("below", "below", "above")
    assert not hasattr(marked, "other")
    assert refined == marked.retry(attempts=2)


# ------------------------------------------------------------------ unittest.mock


@pytest.mark.parametrize("made", [shop.double, shop.tried, shop.limited, shop.both, shop.chosen], ids=name_of)
def test_autospec_of_a_sync_flow_checks_calls(made):
    """The mock takes what the flow takes, whether or not the flow was called before."""
    double = mock.create_autospec(made, return_value=5)

    assert double(x=3) == 5
    double.assert_called_once_with(3)
    with pytest.raises(TypeError, match="unexpected keyword|got an unexpected"):
        double(3, colour="red")


@pytest.mark.parametrize("made", [shop.later, shop.held, shop.mixed], ids=name_of)
def test_autospec_of_an_async_flow_is_awaited(made):
    """The mock is a coroutine function."""
    late = mock.create_autospec(made, return_value=5)

    assert asyncio.run(late(3)) == 5
    late.assert_awaited_once_with(3)
    assert inspect.iscoroutinefunction(late)


@pytest.mark.parametrize("called_before", [False, True])
def test_autospec_of_a_class_mocks_its_flows_as_methods(called_before):
    """Calls of the object are checked without `self`, and awaited where the flow is async."""

    class Shop:
        @flow
        def price(self, x: int) -> int:
            return x

        @flow
        async def later(self, x: int) -> int:
            return x

    if called_before:
        assert (Shop().price(1), asyncio.run(Shop().later(1))) == (1, 1)
    till = mock.create_autospec(Shop)()
    till.later.return_value = 4

    till.price(3)
    till.price.assert_called_once_with(x=3)
    assert asyncio.run(till.later(3)) == 4
    with pytest.raises(TypeError):
        till.price(3, 4, 5)


def test_autospec_takes_what_the_context_would_fill():
    """Code that passes it is tested with a mock, too."""
    greet = mock.create_autospec(shop.greet, return_value="hello")

    assert greet("you", who="acme") == "hello"


def test_patch_puts_a_mock_in_the_place_of_a_flow():
    """A sync flow by a mock, an async one by an AsyncMock, a method for each object."""
    with mock.patch.object(shop, "tried", autospec=True) as tried, mock.patch.object(shop, "held") as held:
        with mock.patch.object(shop.Till, "price", return_value=9) as price:
            answers = [shop.tried(4), shop.Till(2).price(4)]

    assert answers == [tried.return_value, price.return_value]
    assert isinstance(held, mock.AsyncMock)


# ------------------------------------------------------------------ copies and pickles


@pytest.mark.parametrize("made", FLOWS + LATE, ids=name_of)
def test_copies_are_the_flow_and_pickles_are_equal(made):
    """A flow is a value."""
    assert copy.copy(made) is made
    assert copy.deepcopy([made])[0] is made
    assert pickle.loads(pickle.dumps(made)) == made


@pytest.mark.parametrize("made", FLOWS + LATE, ids=name_of)
def test_cloudpickle_takes_the_tree_along(made):
    """It does not take a flow for a function whose code is all there is."""
    assert cloudpickle.loads(cloudpickle.dumps(made)) == made


# ------------------------------------------------------------------ threads, processes, loops, contexts


def test_a_thread_pool_runs_flows():
    """Threads share the state of the policies."""
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(shop.limited, range(4))) == [0, 2, 4, 6]


@pytest.mark.parametrize("made", [shop.double, shop.tried, shop.limited, shop.both, shop.chosen, shop.Till(2).price])
def test_a_process_pool_runs_flows(pool, made):
    """Flows at the top of a module, with policies, composed, and methods of an object travel as they are."""
    assert list(pool.map(made, [1, 20])) == [made(1), made(20)]


@pytest.fixture(scope="module")
def pool():
    """Two worker processes, started afresh."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as made:
        yield made


def test_a_process_pool_gives_the_users_own_error(pool):
    """An exception of the flow leaves the worker with its note."""
    with pytest.raises(ValueError, match="invalid literal") as caught:
        pool.submit(READ, "many").result()

    assert any("read" in note for note in caught.value.__notes__)


READ = (flow(str.strip).named("strip") | flow(int).named("read")).retry(attempts=2, delay=0)


def test_a_spawned_pool_of_multiprocessing_runs_flows():
    """`map`, `apply` and `starmap`."""
    with multiprocessing.get_context("spawn").Pool(1) as workers:
        answers = [
            workers.map(shop.tried, [1, 2]),
            workers.apply(shop.double, (3,), {"times": 2}),
            workers.starmap(shop.limited, [(1, 2), (3, 4)]),
        ]

    assert answers == [[2, 4], 12, [4, 24]]


def test_to_thread_runs_a_sync_flow():
    """The context of the caller is there, as asyncio copies it; so under anyio."""
    key = Key("colour", str)
    seen = flow(lambda: current_context().get(key))

    @flow
    async def both():
        return [await asyncio.to_thread(seen.retry(attempts=2)), await anyio.to_thread.run_sync(seen)]

    async def main():
        return await context(colour="red").run(both)

    assert asyncio.run(main()) == ["red", "red"]
    assert asyncio.run(asyncio.to_thread(shop.both, 3)) == (6, 6)


def test_anyio_runs_an_async_flow():
    """`anyio.run` takes the flow as its main function."""
    assert anyio.run(shop.mixed, 3) == 7


def test_a_copied_context_runs_a_flow():
    """`contextvars.copy_context().run(flow)`."""
    assert contextvars.copy_context().run(shop.tried, 3) == 6
