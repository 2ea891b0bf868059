"""The retry storm: as a program, and what it shows."""

import subprocess
import sys

import pytest

from examples import overload

AFTER = range(30, 40)
pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def seen():
    """Give for each house what the server was asked, and what was answered, by second."""
    return {name: overload.simulate(house) for name, house in overload.HOUSES.items()}


def test_a_storm_outlives_its_cause(seen):
    """Without a budget nobody is answered long after the server goes on."""
    asked, answered = seen["no budget"]
    assert [answered[second] for second in AFTER] == [0] * 10
    assert min(asked[second] for second in AFTER) > 3 * overload.RATE


def test_a_budget_ends_with_its_cause(seen):
    """With one the load stays below what the server can do, and all are answered again."""
    asked, answered = seen["a budget"]
    assert max(asked.values()) < overload.CAPACITY
    assert sum(answered[second] for second in AFTER) >= overload.RATE * len(AFTER) * 0.98


def test_a_breaker_spares_what_stands_still(seen):
    """It asks little while nothing is answered, and nearly all are answered in the end."""
    asked, answered = seen["a breaker"]
    assert max(asked[second] for second in range(11, 13)) < overload.RATE / 2
    assert answered.total() > 0.9 * overload.RATE * overload.SECONDS


def test_a_simulation_is_repeatable(seen):
    """The same numbers each time."""
    assert overload.simulate(overload.HOUSES["a budget"]) == seen["a budget"]


def test_the_program_draws_both():
    """Of each house what was asked and what was answered."""
    program = [sys.executable, "-W", "error", overload.__file__]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False, encoding="utf-8")
    lines = done.stdout.splitlines()
    assert (done.stderr, done.returncode) == ("", 0)
    words = [line.split()[0] for line in lines if line]
    assert words == ["no", "asked", "answered", "a", "asked", "answered", "a", "asked", "answered"]
    assert lines[0].endswith("at worst 4 requests and 10 s for one caller")
