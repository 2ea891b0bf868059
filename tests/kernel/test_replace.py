"""`replace`: in a test, other functions run in the place of named flows."""

import asyncio

import pytest

from omnitron import (
    CallFinished,
    DefinitionError,
    EventLog,
    Key,
    MissingCapability,
    MissingNeed,
    Unpicklable,
    context,
    flow,
    needs,
    parallel,
)


@flow
def price(x: int) -> int:
    raise AssertionError("the network is not there")


@flow
async def stock(x: int) -> int:
    raise AssertionError("nor is it here")


@flow
def book(x: object) -> object:
    return x


intake = price | book


def test_a_node_is_replaced_by_name():
    """The fake runs in the place of the step; the rest runs as it is."""
    assert context(replace={"price": lambda x: x + 1}).run(intake, 1) == 2


def test_a_lone_flow_is_replaced():
    """The root has a name too."""
    assert context(replace={"price": lambda x: x + 1}).run(price, 1) == 2


def test_a_node_is_replaced_by_its_path():
    """Of two of one name, one."""
    twice = (flow(abs).named("a") | flow(abs).named("a")).named("job")

    assert context(replace={"job/a#2": lambda x: ("second", x)}).run(twice, -1) == ("second", 1)


def test_items_of_a_loop_are_replaced():
    """The index in a path is no part of the static one."""
    loop = price.each().named("job")

    assert context(replace={"job/price": lambda x: x + 1}).run(loop, [1, 2]) == [2, 3]


def test_an_async_node_takes_a_fake_of_either_colour():
    """What the fake gives is awaited if it can be."""

    async def later(x: int) -> int:
        return x + 1

    tree = parallel(stock, stock.named("again"))
    app = context(replace={"stock": later, "again": lambda x: x + 2})

    assert asyncio.run(app.run(tree, 1)) == (2, 3)


def test_a_flow_called_in_a_body_is_replaced():
    """Its name is enough."""

    @flow
    def outer(x: int) -> int:
        return price(x)

    assert context(replace={"price": lambda x: x + 1}).run(outer, 1) == 2


def test_a_composed_flow_is_replaced_and_replaces():
    """Any flow that has a name."""
    stage = (price | book).named("stage")
    fake = flow(lambda x: x + 1) | book

    assert context(replace={"stage": fake}).run(stage | book, 1) == 2
    assert context(replace={"price": book}).run(stage | book, 1) == 1


def test_observers_see_the_place_of_the_replaced_flow():
    """The call has the name and path of what was replaced, and the fake's output."""
    log = EventLog()

    context(replace={"price": lambda x: x + 1}, observers=log).run(intake, 1)

    ended = next(event for event in log.events if isinstance(event, CallFinished))
    assert (ended.path, ended.output) == ("price → book/price", 2)


def test_a_derived_context_replaces_more():
    """Names add up, the later one wins."""
    app = context(replace={"price": lambda x: 1, "book": lambda x: ("booked", x)})

    assert app.with_(replace={"price": lambda x: 5}).run(intake, 1) == ("booked", 5)


def test_a_name_with_a_slip_is_refused():
    """A replacement that would never run is told of before the run."""
    with pytest.raises(DefinitionError, match="has 'price'"):
        context(replace={"prize": len}).run(intake, 1)


@pytest.mark.parametrize(
    ("given", "text"), [("price", "name or path"), ({"price": 5}, "lambda"), ({1: len}, "by their name")]
)
def test_wrong_replacements_are_refused(given, text):
    """Where the context is made."""
    with pytest.raises(DefinitionError, match=text):
        context(replace=given)


def test_a_replaced_step_needs_nothing():
    """What only the replaced function asked for need not be given; what others ask for must."""

    @flow
    def greet(name: str, *, who: str = needs(Key("tenant", str))) -> str:
        return f"{who} greets {name}"

    fake = {"greet": lambda name: f"fake {name}"}
    stage = (greet | book).named("stage")

    assert context(replace=fake).run(stage, "you") == "fake you"
    assert context(replace={"stage": book}).run(stage | book, "you") == "you"
    with pytest.raises(MissingNeed):
        context(replace=fake).run(stage | greet.named("again"), "you")


def fake_price(x: int) -> int:
    return x + 1


@flow
def one(x: int) -> int:
    return x


def test_parts_that_run_elsewhere_are_replaced():
    """In a thread, in a process, alone and inside a pipe that was moved as a whole."""
    app = context(replace={"price": fake_price})

    assert asyncio.run(app.run(price.on("process"), 1)) == 2
    assert asyncio.run(app.run((one | price).on("process"), 1)) == 2
    assert asyncio.run(app.run((one | price).on("thread"), 1)) == 2


def test_a_fake_that_cannot_travel_is_named():
    """A real step never runs in its place."""
    with pytest.raises(Unpicklable, match="what `replace` puts in the place of 'price'"):
        asyncio.run(context(replace={"price": lambda x: x}).run((one | price).on("process"), 1))


def test_an_async_fake_of_a_sync_step_is_refused():
    """Nothing could await it."""

    async def later(x: int) -> int:
        return x

    with pytest.raises(DefinitionError, match="nothing could await it"):
        context(replace={"price": later}).run(intake, 1)


def test_a_fake_with_capabilities_is_checked():
    """What runs in the place of a step needs what it declares."""
    fake = flow(lambda x: x, name="fake", capabilities={"net:x"})

    with pytest.raises(MissingCapability):
        context(replace={"price": fake}, capabilities=set()).run(intake, 1)


def test_a_context_made_inside_a_run_keeps_the_replacements():
    """A body that makes a root of its own does not escape them."""

    @flow
    def outer(x: int) -> int:
        return context().run(price, x)

    assert context(replace={"price": fake_price}).run(outer, 1) == 2


def test_a_fake_has_its_own_needs_filled():
    """A plain function in the place of a step may ask for what the step did not."""

    def fake(x: int, *, who: str = needs(Key("tenant", str))) -> tuple:
        return who, x

    assert context(tenant="acme", replace={"price": fake}).run(intake, 1) == ("acme", 1)
    with pytest.raises(MissingNeed):
        context(replace={"price": fake}).run(intake, 1)
