"""Flows that are made in a class body bind like methods."""

import asyncio
import functools
import inspect
import typing

import pytest

from omnitron import flow, parallel, try_with


class Shop:
    """A class with flows for methods."""

    def __init__(self, rate):
        self.rate = rate

    @flow
    def price(self, amount, *, extra=0):
        """Price one."""
        return amount * self.rate + extra

    @flow
    async def late(self, amount):
        await asyncio.sleep(0)
        return amount * self.rate

    renamed = price.named("renamed")
    dear = price.bind(extra=5)
    away = price.on("thread")
    piped = price | str


class Branch(Shop):
    """A subclass that reaches the flow through `super`."""

    @flow
    def price(self, amount):
        return super().price(amount) + 1


def test_a_flow_in_a_class_body_binds_self():
    """The instance is the first argument."""
    assert Shop(2).price(3) == 6
    assert Shop(2).price(3, extra=1) == 7


def test_an_async_method_is_awaited():
    """An async method of an instance is awaited as any."""
    assert asyncio.run(Shop(2).late(3)) == 6


def test_refinements_bind_too():
    """`named`, `bind` and `on` keep a method a method."""
    shop = Shop(2)

    assert shop.renamed(3) == 6
    assert shop.dear(3) == 11
    assert asyncio.run(shop.away(3)) == 6


def test_a_pipe_does_not_bind():
    """A pipe in a class body is a value, and takes the instance explicitly."""
    shop = Shop(2)

    assert shop.piped(shop, 3) == "6"


def test_the_class_gives_the_unbound_flow():
    """Reached through the class, the flow takes `self` itself."""
    assert Shop.price(Shop(2), 3) == 6
    assert Shop.price.name == "price"


def test_inheritance_and_super_work():
    """An overriding flow calls the overridden one."""
    assert Branch(2).price(3) == 7


def test_the_signature_of_a_bound_flow_has_no_self():
    """`inspect.signature` of a bound flow is that of a bound method."""
    assert list(inspect.signature(Shop(2).price).parameters) == ["amount", "extra"]


def test_a_bound_async_flow_is_a_coroutine_function():
    """Frameworks recognise the colour of a bound flow."""
    assert inspect.iscoroutinefunction(Shop(2).late)
    assert not inspect.iscoroutinefunction(Shop(2).price)


def test_a_bound_flow_keeps_name_and_doc():
    """Help on a bound flow shows the function."""
    bound = Shop(2).price

    assert (bound.__name__, bound.__doc__) == ("price", "Price one.")


def test_a_bound_flow_composes():
    """A bound flow can stand in a pipe."""
    assert (flow(int) | Shop(2).price | str)("3") == "6"


def test_bound_flows_of_one_instance_are_equal():
    """As bound methods are: equal by function and instance."""
    shop, other = Shop(2), Shop(2)

    assert shop.price == shop.price
    assert shop.price != other.price


def test_self_by_keyword_is_refused_once_bound():
    """The bound parameter is gone from the call."""
    with pytest.raises(TypeError):
        Shop(2).price(3, self=Shop(3))


class Priced:
    @flow
    def price(self, item: "Priced", *, region: "str" = "eu") -> "int":
        """Give the price."""
        return 1


@pytest.mark.parametrize(
    ("refined", "annotations"),
    [
        (Priced().price, {"item": Priced, "region": str, "return": int}),
        (Priced.price.bind(region="us"), {"item": Priced, "return": int}),
        (Priced.price.on("thread"), {"item": Priced, "region": str, "return": int}),
    ],
    ids=["method", "bound", "moved"],
)
def test_a_refined_flow_stands_in_for_its_function(refined, annotations):
    """Its names, its module and its type hints are those of the function, without what is fixed."""
    assert refined.__name__ == "price"
    assert getattr(refined, "__qualname__", "Priced.price") == "Priced.price"
    assert refined.__module__ == __name__
    assert typing.get_type_hints(refined) == annotations


def test_refined_and_combined_flows_have_a_qualified_name():
    """It is that of the function, or the flow's name."""
    assert Priced.price.bind(region="us").__qualname__ == "Priced.price"
    assert flow(len).each().__qualname__ == "each"
    assert (flow(len) | flow(abs)).__qualname__ == "len → abs"
    assert functools.wraps(flow(len) | flow(abs))(lambda x: x).__name__ == "len → abs"


def test_a_composed_flow_keeps_the_annotations_of_its_parameters():
    """What takes the arguments tells how they are annotated."""

    def double(x: int, times: int = 1) -> int:
        return 2 * x * times

    both = parallel(flow(double), flow(double))
    caught = try_with(flow(double), catch=flow(str))

    assert str(inspect.signature(both)) == "(x: int, times: int = 1) -> tuple[int, int]"
    assert inspect.signature(caught).return_annotation == int | str


def test_a_callable_of_unknown_parameters_shows_any():
    """Nothing is claimed about them."""
    assert str(inspect.signature(flow(int))) == "(*args, **kwargs)"
