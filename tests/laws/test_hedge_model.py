"""Laws: when attempts of a hedged call start, which one wins, and when the others end, are those of a simple model."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given, settings
from hypothesis import strategies as st

from omnitron import EventLog, context, flow
from omnitron.testing import VirtualClock


@dataclass(frozen=True)
class Attempt:
    """What one attempt does: how long it takes, in whole seconds, whether it fails, and how long it cleans up."""

    seconds: int
    fails: bool
    clean: int


class Down(Exception):
    """What attempts raise."""


FRACTIONS = [1 / 64, 1 / 32, 1 / 16, 1 / 8]
"""What the attempts take beside whole seconds: no two sums are equal, so that no two things happen at one time."""
CANCEL = 1 / 256
attempts = st.builds(Attempt, st.integers(0, 6), st.booleans(), st.integers(0, 3))
cases = st.tuples(st.lists(attempts, min_size=4, max_size=4), st.integers(1, 5), st.integers(2, 4))


def model(plans: list[Attempt], delay: int, most: int, cancel: float) -> tuple[Any, float, list[float]]:
    """Give what the call gives ("cancelled", "down", or the number of the winner), when, and when attempts started."""
    starts, running = [0.0], {0: plans[0].seconds + FRACTIONS[0]}
    while True:
        bell = starts[-1] + delay if len(starts) < most else float("inf")
        first = min(running, key=lambda number: running[number])
        now = min(bell, running[first], cancel)
        if now == cancel:
            return "cancelled", now + cleaning(plans, running), starts
        if now == running[first]:
            del running[first]
            if not plans[first].fails:
                return first, now + cleaning(plans, running), starts
            if not running and len(starts) == most:
                return "down", now, starts
            if len(starts) == most:
                continue
        number = len(starts)
        starts.append(now)
        running[number] = now + plans[number].seconds + FRACTIONS[number]


def cleaning(plans: list[Attempt], running: dict[int, float]) -> int:
    """Give how long the slowest of those that are cancelled cleans up."""
    return max((plans[number].clean for number in running), default=0)


def made(
    plans: list[Attempt], delay: int, most: int, cancel: float, *, watched: bool
) -> tuple[Any, float, list[float]]:
    """Give the same of a flow."""
    clock, starts = VirtualClock(), list[float]()

    @flow
    async def ask(value: str) -> int:
        number = len(starts)
        starts.append(clock.monotonic())
        plan = plans[number]
        try:
            await asyncio.sleep(plan.seconds + FRACTIONS[number])
        except asyncio.CancelledError:
            await asyncio.sleep(plan.clean)
            raise
        if plan.fails:
            raise Down(number)
        return number

    async def main() -> tuple[Any, float, list[float]]:
        tree = ask.hedge(delay, most, budget=None)
        options: dict[str, Any] = {"observers": EventLog()} if watched else {}
        task = asyncio.ensure_future(context(clock=clock, **options).run(tree, "x"))
        asyncio.get_running_loop().call_at(cancel, task.cancel)
        try:
            result: Any = await task
        except Down:
            result = "down"
        except asyncio.CancelledError:
            result = "cancelled"
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result, clock.monotonic(), starts

    return clock.run(main())


@settings(max_examples=300, deadline=None)
@given(cases, st.booleans())
def test_a_hedged_call_does_what_the_model_does(case: Any, watched: bool) -> None:
    """Nobody cancels it."""
    assert made(*case, 1000.0, watched=watched) == model(*case, 1000.0)


@settings(max_examples=300, deadline=None)
@given(cases, st.integers(0, 12), st.booleans())
def test_a_hedged_call_that_is_cancelled_does_what_the_model_does(case: Any, when: int, watched: bool) -> None:
    """Before it had a result all attempts end; while the losers clean up there is no result either."""
    cancel = when + CANCEL
    expected = model(*case, cancel)
    told = model(*case, 1000.0)
    if expected[0] != "cancelled" and cancel < told[1]:
        expected = ("cancelled", *told[1:])
    assert made(*case, cancel, watched=watched) == expected
