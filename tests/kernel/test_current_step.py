"""`current_step`: what a running step can know of its place, and the idempotency key."""

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from uuid import UUID

import pytest

from omnitron import DefinitionError, EventLog, NoRun, context, current_step, flow, parallel
from omnitron.model import canonical


@flow
def here(x: object) -> str:
    return current_step().path


def helper() -> str:
    return current_step().path


@flow
def through(x: object) -> str:
    return helper()


def test_a_step_knows_its_path():
    """The names from the root, also on a branch and in a loop."""
    tree = (flow(list) | parallel(here, here.each())).named("job")

    assert context().run(tree, "ab") == (
        "job/parallel/here",
        ["job/parallel/each[0]/here", "job/parallel/each[1]/here"],
    )


def test_a_step_that_is_called_in_a_body_knows_its_call_site():
    """The path goes on with the place of the call."""

    @flow
    def outer(x: int) -> list:
        return [here(n) for n in range(2)] + [current_step().path]

    assert context().run(outer, 1)[-1] == "outer"
    assert context().run(outer, 1)[0].startswith("outer/here@")


def test_a_helper_may_ask_in_a_run_that_keeps_places():
    """A named run keeps them for every function."""
    assert context().as_run("r").run(through, 1) == "through"
    assert context(observers=EventLog()).run(through, 1) == "through"


def test_outside_of_any_run_there_is_no_step():
    """The error says what to do."""
    with pytest.raises(NoRun, match="run the flow inside a context"):
        current_step()
    with pytest.raises(NoRun):
        here(1)


def test_a_run_that_keeps_no_places_says_so():
    """Nothing watched, and only a helper asks: the text names the ways out."""
    with pytest.raises(NoRun, match=r"as_run\('name'\)"):
        context().run(through, 1)


def test_a_step_knows_its_run_attempt_and_input():
    """Besides the path."""

    @flow
    def know(x: int, y: int = 2) -> tuple:
        step = current_step()
        return step.flow, step.run_id, step.attempt, step.input

    assert context().as_run("r").run(know, 1) == ("know", "r", 1, 1)


def test_an_async_step_keeps_its_place_across_awaits():
    """Steps that run at the same time do not see each other."""

    @flow
    async def later(x: int) -> tuple:
        before = current_step().path
        await asyncio.sleep(0)
        return before, current_step().path

    tree = (flow(range) | later.each()).named("job")
    places = asyncio.run(context().run(tree, 3))

    assert places == [(f"job/each[{n}]/later",) * 2 for n in range(3)]


@flow
def key_of(x: object) -> str:
    return current_step().key


def test_the_key_is_stable():
    """The same run, path and input give the same key; any other gives another."""

    def key(run, x, tree=key_of):
        return context().as_run(run).run(tree, x)

    keys = {key("a", 1), key("b", 1), key("a", True), key("a", 1.0), key("a", "1"), key("a", 1, key_of.named("other"))}

    assert key("a", {"x": 1, "y": {2, 3}}) == key("a", {"y": {3, 2}, "x": 1})
    assert len(keys) == 6


def test_the_key_is_the_same_in_another_process():
    """Whatever the hash seed."""
    code = (
        "from omnitron import context, current_step, flow\n"
        "def key_of(x): return current_step().key\n"
        "print(context().as_run('r').run(flow(key_of), {'set': {'a', 'b', 'c'}}))"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip

    assert keys == {context().as_run("r").run(key_of, {"set": {"a", "b", "c"}})}


def test_an_input_without_a_stable_form_has_no_key():
    """The refusal says so instead of giving a key that changes."""
    with pytest.raises(DefinitionError, match="no form that is the same in every process"):
        context().run(key_of, object())


class Colour(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Point:
    x: int
    y: int


DISTINCT = [
    None, True, 1, 1.0, 1j, "1", b"1", bytearray(b"1"), (1,), [1], {1}, frozenset({1}), {1: 2}, {2: 1}, {}, (), [],
    Colour.RED, Colour.BLUE, Point(1, 2), Point(2, 1), date(2026, 1, 2), datetime(2026, 1, 2, tzinfo=UTC), timedelta(1),
    Decimal("1"), Decimal("1.0"), UUID(int=1), Path("a"), "a", ("ab", "c"), ("a", "bc"), float("nan"), float("inf"),
    -0.0, 0.0,
]  # fmt: skip


def test_encodings_of_different_values_differ():
    """Types are told apart, and where one part ends and the next begins."""
    assert len({canonical(value) for value in DISTINCT}) == len(DISTINCT)


def test_encodings_of_equal_values_are_equal():
    """The order of a set or a mapping is no part of it."""
    assert canonical({"a": 1, "b": {1, 2}}) == canonical({"b": {2, 1}, "a": 1})
    assert canonical(Point(1, 2)) == canonical(Point(1, 2))


def test_code_inside_a_function_may_ask():
    """A comprehension, a partial or a callable object asks as well as the function itself."""

    class Asks:
        def __call__(self, x: int) -> str:
            return current_step().path

    assert context().run(flow(lambda x: [current_step().run_id for _ in range(2)]), 1)[0]
    assert context().run(flow(Asks(), name="asks"), 1) == "asks"
