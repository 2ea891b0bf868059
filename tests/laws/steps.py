"""The steps that random trees are made of, and the world in which they leave their traces.

Every step writes to the world what it was given, so that two runs can be compared effect by effect. An async step may
suspend; the world decides how: by a turn of the loop, or at a gate that the driver opens.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from omnitron import Failure, Ok
from omnitron.model import Inputs


class World:
    """What one run did, and how it suspends."""

    def __init__(self, *, gated=False):
        self.log = []
        self.failures = []
        self.gates = []
        self.gated = gated

    def note(self, word, value):
        """Write down an effect."""
        self.log.append((word, shown(value)))

    async def pause(self, word):
        """Suspend: at a gate, or for one turn of the loop."""
        if not self.gated:
            await asyncio.sleep(0)
            return
        gate = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        try:
            await gate
        finally:
            self.gates.remove(gate)


world = ContextVar("world")


def note(word, value):
    """Write down an effect in the world of this run."""
    world.get().note(word, value)


async def pause(word):
    """Suspend as the world of this run does."""
    await world.get().pause(word)


@dataclass(frozen=True)
class Both:
    """A record with two fields."""

    left: object
    right: object


class Broken(Exception):
    """An error that a step always raises."""


class Fragile(ValueError):
    """An error that a step raises for some inputs."""


def shown(value):
    """Give a value as plain data that compares: outcomes by what they hold, errors by type and arguments."""
    match value:
        case tuple() | list():
            return (type(value).__name__, *map(shown, value))
        case Ok():
            return ("ok", shown(value.value))
        case Failure():
            here = world.get(None)
            if here is not None:
                here.failures.append(value)
            return ("failure", shown(value.error), shown(value.input))
        case Inputs():
            return ("inputs", shown(value.args), shown(tuple(value.kwargs.items())))
        case Both():
            return ("both", shown(value.left), shown(value.right))
        case BaseException():
            return (type(value).__name__, shown(value.args))
    return repr(value)


def weight(value):
    """Give a number that depends on the shape of the value."""
    match value:
        case tuple() | list():
            return 1 + sum(map(weight, value))
        case Ok():
            return 2 + weight(value.value)
        case Failure():
            return 3 + weight(value.input)
        case Inputs():
            return 2 + weight(value.args)
        case Both():
            return 1 + weight(value.left) + 2 * weight(value.right)
    return 1


def plain(value):
    """Do the least: note and mark the value."""
    note("plain", value)
    return ("plain", value)


def other(value):
    """Do as `plain`, and be another function."""
    note("other", value)
    return ("other", value)


def fragile(value):
    """Raise for some values."""
    note("fragile", value)
    if weight(value) % 3 == 0:
        raise Fragile("fragile", shown(value))
    return ("fragile", value)


def broken(value):
    """Raise for every value."""
    note("broken", value)
    raise Broken("broken", shown(value))


async def calm(value):
    """Be async and never suspend."""
    note("calm", value)
    return ("calm", value)


async def slow(value):
    """Suspend once in the middle."""
    note("slow", value)
    await pause("slow")
    note("slow again", value)
    return ("slow", value)


async def slower(value):
    """Suspend twice."""
    for turn in range(2):
        note("slower", turn)
        await pause("slower")
    return ("slower", value)


async def fragile_later(value):
    """Suspend, then raise for some values."""
    await pause("fragile_later")
    return fragile(value)


async def broken_later(value):
    """Suspend, then raise."""
    await pause("broken_later")
    return broken(value)


async def careful(value):
    """Clean up with a suspension of its own, also when cancelled."""
    note("careful", value)
    try:
        await pause("careful")
    finally:
        note("cleaning", value)
        await pause("cleaning")
        note("cleaned", value)
    return ("careful", value)


def wide(first, second="second", *, key="key"):
    """Take several parameters."""
    note("wide", (first, second, key))
    return (first, second, key)


async def wide_later(first, second="second", *, key="key"):
    """Take several parameters, later."""
    await pause("wide_later")
    return wide(first, second, key=key)


def wide_fragile(first, second="second", *, key="key"):
    """Take several parameters, and raise for some of them."""
    note("wide_fragile", (first, second, key))
    if second == "second":
        raise Fragile("wide_fragile", first)
    return first


def loose(*values, **named):
    """Take anything."""
    note("loose", (values, tuple(named.items())))
    return values


def wide_test(first, second="second", *, key="key"):
    """Test several parameters."""
    note("wide_test", (first, second, key))
    return key == "key"


def is_even(value):
    """Test the value."""
    note("is_even", value)
    return weight(value) % 2 == 0


async def is_even_later(value):
    """Test the value after a suspension."""
    await pause("is_even_later")
    return is_even(value)


def weight_class(value):
    """Give a key: a number from 0 to 2, or a text."""
    note("weight_class", value)
    return weight(value) % 3 if weight(value) % 4 else "fourth"


async def weight_class_later(value):
    """Give a key after a suspension."""
    await pause("weight_class_later")
    return weight_class(value)


def wide_key(first, second="second", *, key="key"):
    """Give a key of several parameters."""
    note("wide_key", (first, second, key))
    return key


def unsaid(value):
    """Give the value on, so that no annotation tells what it is."""
    return value


def of_text(value: str):
    """Take a text."""
    note("of_text", value)
    return 3


def of_number(value: float | None):
    """Take a number or nothing."""
    note("of_number", value)
    return ["number", value]


def of_series(value: Sequence[Any]):
    """Take a series that no other takes."""
    note("of_series", value)
    return value[0]


def of_pair(value: tuple[Any, ...]):
    """Take a tuple."""
    note("of_pair", value)
    return "text"


def of_rest(value: object):
    """Take the rest."""
    note("of_rest", value)
    return ("rest", value)


def counted(value):
    """Put a count beside the value."""
    return (value, 0)


def one_more(values):
    """Count one turn."""
    note("one_more", values[1])
    return values[1] + 1


def is_done(values):
    """Test whether there were two turns."""
    note("is_done", values[1])
    return values[1] == 2


def fan(value):
    """Make three items of one value."""
    note("fan", value)
    return [(number, value) for number in range(3)]


def fan_lazily(value):
    """Make three items of one value, each when it is asked for."""
    note("fan_lazily", value)
    return ((number, value) for number in range(3))


def fan_later(value):
    """Make an async source of three items, which has to be closed."""
    return source(value)


async def source(value):
    """Yield three items, each after a suspension."""
    note("enter", ("source", value))
    try:
        for number in range(3):
            await pause("source")
            yield (number, value)
    finally:
        note("finish", ("source", value))


async def source_calm(value):
    """Yield three items and never suspend."""
    note("enter", ("source_calm", value))
    try:
        for number in range(3):
            yield (number, value)
    finally:
        note("finish", ("source_calm", value))


def fan_yielding(value):
    """Yield three items, as a generator function."""
    note("enter", ("fan_yielding", value))
    try:
        for number in range(3):
            note("yielding", number)
            yield (number, value)
    finally:
        note("finish", ("fan_yielding", value))


def fan_failing(value):
    """Yield one item, and raise where the next one would be."""
    note("enter", ("fan_failing", value))
    try:
        yield (0, value)
        raise Broken("fan_failing", shown(value))
    finally:
        note("finish", ("fan_failing", value))


FANS = (fan, fan_lazily, fan_yielding)
LATE_FANS = (fan_later, source, source_calm)


def doubled(items):
    """Give each item of a stream twice, as a generator function that reads another."""
    note("enter", "doubled")
    try:
        for item in items:
            yield item
            note("again", item)
            yield ("again", item)
    finally:
        note("finish", "doubled")


async def doubled_later(items):
    """Give each item of a stream of either kind twice, with a suspension in between."""
    note("enter", "doubled_later")
    try:
        async with aclosing(either(items)) as source:
            async for item in source:
                yield item
                await pause("doubled_later")
                yield ("again", item)
    finally:
        note("finish", "doubled_later")


def thinned(items):
    """Leave out some items."""
    for item in items:
        if weight(item) % 3:
            yield item


async def thinned_later(items):
    """Leave out some items, later."""
    async with aclosing(either(items)) as source:
        async for item in source:
            if weight(item) % 3:
                yield item


async def either(items):
    """Give the items of either kind of stream, which is its owner's to close."""
    if hasattr(items, "__aiter__"):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


def drain(items):
    """Read all of a stream."""
    found = []
    for item in items:
        note("drain", item)
        found.append(item)
    return found


async def drain_later(items):
    """Read all of a stream of either kind."""
    found = []
    async with aclosing(either(items)) as source:
        async for item in source:
            note("drain_later", item)
            found.append(item)
    return found


async def sip(items):
    """Read all of a stream of either kind, with a suspension after each item."""
    found = []
    async with aclosing(either(items)) as source:
        async for item in source:
            note("sip", item)
            await pause("sip")
            found.append(item)
    return found


def peek(items):
    """Read two items of a stream, and close it."""
    found = []
    try:
        for item in items:
            note("peek", item)
            found.append(item)
            if len(found) == 2:
                break
    finally:
        getattr(items, "close", str)()
    return found


async def peek_later(items):
    """Read two items of a stream of either kind, and close it."""
    if not hasattr(items, "__aiter__"):
        return peek(items)
    found = []
    async with aclosing(items):
        async for item in items:
            note("peek_later", item)
            found.append(item)
            if len(found) == 2:
                break
    return found


def choke(items):
    """Read one item of a stream, and raise."""
    for item in items:
        raise Broken("choke", shown(item))


async def choke_later(items):
    """Read one item of a stream of either kind, and raise."""
    async with aclosing(either(items)) as source:
        async for item in source:
            raise Broken("choke_later", shown(item))


def first(values):
    """Take the first of several values."""
    return values[0]


def pair(value):
    """Make a pair of one value."""
    note("pair", value)
    return (value, ("right", value))


def join(left, right):
    """Take two values."""
    note("join", (left, right))
    return ("joined", left, right)


async def join_later(left, right):
    """Take two values, later."""
    await pause("join_later")
    return join(left, right)


def keyed(value, *, key=0):
    """Take a keyword beside the value."""
    note("keyed", (key, value))
    return (key, value)


def enter(value):
    """Stand at the beginning of a body that is finished."""
    note("enter", value)
    return value


def finish(value):
    """Finish a body."""
    note("finish", value)
    return "dropped"


async def finish_later(value):
    """Finish a body, with a suspension after the note."""
    note("finish", value)
    await pause("finish_later")


def count(total, item):
    """Reduce."""
    return (total, item)


def is_fragile(error):
    """Choose errors by a predicate."""
    return isinstance(error, Fragile)
