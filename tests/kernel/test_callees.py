"""What a function calls, read from its bytecode; the function never runs."""

import asyncio
import os
from functools import partial

import pytest

from omnitron import flow
from omnitron.code import callees


@flow
def price(x):
    return x


@flow
def stock(x):
    return x


def helper(x):
    return x


def calls(fn):
    """Give what a function calls: flows and functions by name, methods of objects as `object.method`."""
    return [name_of(callee) for callee in callees(fn)]


def name_of(callee):
    name = getattr(callee.target, "__name__", repr(callee.target))
    return name if callee.receiver is None else f"{callee.receiver.__name__}.{name}"


class Shop:
    """A class with flows, functions and everything else that can be called."""

    @flow
    def total(self, x):
        return x

    def plain(self, x):
        return x

    @staticmethod
    def still(x):
        return x

    @classmethod
    def classy(cls, x):
        return x

    @property
    def surprising(self):
        raise AssertionError("a property ran")

    def work(self, x):
        self.surprising(x)
        return self.total(self.plain(x)) + self.still(x) + self.classy(x) + self.unknown(x)


def alias(x):
    again = price
    return again(x)


def nested(x):
    def inside(y):
        return [stock(z) for z in y]

    return inside(x), (lambda y: price(y))(x), {k: helper(k) for k in x}, any(len(k) for k in x)


def branches(x):
    return helper(price(x) if x else stock(x)) or (x and max(x))


def arguments(x, *rest, **more):
    return price(x, *rest, **more), stock(x, key=helper(x)), price(*rest)


def guarded(x):
    try:
        with open(x) as file:
            price(file)
    except (KeyError, ValueError):
        stock(x)
    finally:
        helper(x)
    for _ in range(3):
        while len(x):
            max(x)


async def late(x):
    async with asyncio.TaskGroup() as group:
        group.create_task(price.acall(await stock.acall(x)))
    return [await helper(y) async for y in x]


def through_argument(x, f):
    return f(x), x.method(), [price][0](x), map(price, x)


def operators(x):
    combined = price | stock
    return combined(x)


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (helper, []),
        (alias, ["price"]),
        (branches, ["price", "stock", "helper", "max"]),
        (arguments, ["price", "helper", "stock"]),
        (through_argument, ["map"]),
        (operators, []),
        (lambda x: os.path.join(x, os.fspath(x)), ["fspath", "join"]),
        (Shop.work, ["plain", "total", "still", "classy"]),
        (lambda x: Shop.total(Shop(), x), ["Shop", "total"]),
    ],
    ids=["none", "alias", "branches", "arguments", "unknown", "operators", "modules", "methods", "classes"],
)
def test_calls_are_found_in_order(fn, expected):
    """Globals, attributes of modules and classes, `self` and local names; not what only a run could tell."""
    assert calls(fn) == expected


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (nested, {"stock", "price", "helper", "any", "len"}),
        (guarded, {"open", "price", "stock", "helper", "range", "len", "max"}),
        (late, {"TaskGroup", "price.acall", "stock.acall", "helper"}),
    ],
    ids=["nested", "guarded", "async"],
)
def test_calls_are_found_wherever_they_stand(fn, expected):
    """Functions inside, handlers, loops, and whatever is awaited are read too."""
    assert set(calls(fn)) == expected


def test_closures_are_looked_into():
    """What a cell holds is known, in functions inside as well; an empty cell is not."""

    def outer(x):
        return chosen(x), [chosen(y) for y in x], missing(x)

    chosen = price
    found = calls(outer)
    missing = stock

    assert found == ["price"]
    assert calls(outer) == ["price", "stock"]


def test_every_object_is_given_once():
    """The flow itself is given, not its name."""
    (found,) = callees(lambda x: (price(x), price(price(x))))

    assert found.target is price


def test_nothing_runs():
    """Neither the function nor a descriptor or `__getattr__` of what it names."""

    class Trap:
        def __getattr__(self, name):
            raise AssertionError(name)

        def __call__(self, x):
            raise AssertionError("called")

    trap = Trap()

    def body(x):
        return trap(x), trap.method(x), trap.more.method(x)

    assert [callee.target for callee in callees(body)] == [trap]


def test_a_partial_in_a_closure_is_itself():
    """An object that can be called is given as it is."""
    some = partial(helper, 1)

    assert [callee.target for callee in callees(lambda: some())] == [some]
