"""The functions a user would have: what every side of the comparison calls, and nothing of any library.

They do next to nothing, so that a ratio shows the cost of composing and not of the work. Annotations are real
types (no postponed evaluation here), so that composition checks every neighbour. Baselines are in
`bench.baselines`; the objects made of these functions by Omnitron are in `bench.rows`.
"""

import asyncio
from collections.abc import Callable
from types import FunctionType

NAMES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
"""The names of the ten steps of every chain."""


def add(value: int) -> int:
    return value + 1


async def add_soon(value: int) -> int:
    return value + 1


async def add_later(value: int) -> int:
    await asyncio.sleep(0)
    return value + 1


class Down(ConnectionError):
    """What `flaky` raises."""


calls = [0]


def flaky(value: int) -> int:
    """Fail at two of three calls."""
    calls[0] += 1
    if calls[0] % 3:
        raise Down(value)
    return value + 1


def copy_named(function: FunctionType, name: str) -> FunctionType:
    """A distinct function with a code object of its own that bears the name, as if written out."""
    code = function.__code__.replace(co_name=name, co_qualname=name)
    copy = FunctionType(code, function.__globals__, name, function.__defaults__)
    copy.__annotations__ = dict(function.__annotations__)
    return copy


def ten(function: Callable[..., object], suffix: str = "") -> tuple[FunctionType, ...]:
    """Ten distinct functions named `first` to `tenth`, doing what the given one does."""
    return tuple(copy_named(function, name + suffix) for name in NAMES)  # type: ignore[arg-type]


STEPS = ten(add)
STEPS_SOON = ten(add_soon, "_soon")
STEPS_LATER = ten(add_later, "_later")
LOADERS = tuple(copy_named(add_later, f"load_{place}") for place in range(100))  # type: ignore[arg-type]


def distinct_steps(count: int, *, as_strings: bool = False) -> list[Callable[[int], int]]:
    """As many functions, each compiled from a definition of its own and annotated.

    Args:
        count: How many.
        as_strings: Annotations stay strings, as under postponed evaluation.
    """
    steps: list[Callable[[int], int]] = []
    head = "from __future__ import annotations\n" if as_strings else ""
    for start in range(0, count, 1000):
        places = range(start, min(start + 1000, count))
        module: dict[str, Callable[[int], int]] = {}
        lines = (f"def step_{place}(value: int) -> int:\n    return value + 1\n" for place in places)
        exec(compile(head + "".join(lines), "<distinct steps>", "exec", dont_inherit=True), module)
        steps.extend(module[f"step_{place}"] for place in places)
    return steps


def three_steps(
    parameter: str = "value",
) -> tuple[Callable[..., int], Callable[[int], int], Callable[[int], int]]:
    """Three fresh functions; the name of the first one's parameter makes a shape of its own."""
    module: dict[str, Callable[..., int]] = {}
    exec(f"def opening({parameter}: int) -> int:\n    return {parameter} + 1\n", module)
    return module["opening"], copy_named(add, "middle"), copy_named(add, "closing")  # type: ignore[arg-type]


class FuseBlown(Exception):
    """A user's own exception."""


class Fuse:
    """A number to the steps; at the addition that it was set to, it raises instead.

    So the very objects that were timed with numbers can be made to fail at any step, unchanged.
    """

    __slots__ = ("error", "left")

    def __init__(self, additions: int, error: BaseException | None = None) -> None:
        self.left = additions
        self.error = error or FuseBlown("the fuse is blown")

    def __add__(self, amount: int) -> "Fuse":
        self.left -= 1
        if self.left == 0:
            raise self.error
        return self
