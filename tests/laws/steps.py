"""The steps that random trees are made of, and the world in which they leave their traces.

Every step writes to the world what it was given, so that two runs can be compared effect by effect. An async step may
suspend; the world decides how: by a turn of the loop, or at a gate that the driver opens.
"""

import asyncio
from collections.abc import Sequence
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
