"""Schedules: how long the waits between attempts are, and where they end."""

import math
import pickle
from datetime import timedelta
from itertools import islice
from random import Random

import pytest

from omnitron import DefinitionError, InvalidValue, Retry, Schedule
from omnitron.policy import Moment


def first(schedule, count=6, **options):
    """Give the first delays."""
    return list(islice(schedule.delays(**options), count))


def waits(schedule, count, seed=1, elapsed=0.0):
    """Give so many delays as they are drawn."""
    draw, state, found = Random(seed).random, schedule.begin(), []
    for _ in range(count):
        delay, state = schedule.after(state, Moment(ValueError(), elapsed, draw))
        found.append(delay)
    return found


@pytest.mark.parametrize(
    ("schedule", "delays"),
    [
        (Schedule.fixed(2), [2, 2, 2, 2, 2, 2]),
        (Schedule.linear(1), [1, 2, 3, 4, 5, 6]),
        (Schedule.linear(1, 0.5), [1, 1.5, 2, 2.5, 3, 3.5]),
        (Schedule.linear(1, max_delay=3), [1, 2, 3, 3, 3, 3]),
        (Schedule.exponential(1), [1, 2, 4, 8, 16, 32]),
        (Schedule.exponential(1, 3, max_delay=10), [1, 3, 9, 10, 10, 10]),
        (Schedule.fibonacci(1), [1, 1, 2, 3, 5, 8]),
        (Schedule.fibonacci(1, max_delay=4), [1, 1, 2, 3, 4, 4]),
        (Schedule.fixed(0), [0, 0, 0, 0, 0, 0]),
        (Schedule.fixed(timedelta(seconds=90)), [90, 90, 90, 90, 90, 90]),
    ],
    ids=str,
)
def test_a_schedule_grows_as_it_says(schedule, delays):
    """Each kind has its own row of delays."""
    assert first(schedule) == delays


@pytest.mark.parametrize(
    ("schedule", "delays"),
    [
        (Schedule.fixed(3) & Schedule.linear(1), [3, 3, 3, 4, 5, 6]),
        (Schedule.fixed(3) | Schedule.linear(1), [1, 2, 3, 3, 3, 3]),
        (Schedule.fixed(1).up_to(attempts=3) & Schedule.fixed(2), [2, 2]),
        (Schedule.fixed(1).up_to(attempts=3) | Schedule.fixed(2), [1, 1, 2, 2, 2, 2]),
        (Schedule.fixed(1).up_to(attempts=3).then(Schedule.linear(5)), [1, 1, 5, 10, 15, 20]),
        (Schedule.fixed(1).up_to(attempts=1).then(Schedule.fixed(5).up_to(attempts=3)), [5, 5]),
        (Schedule.fixed(1).up_to(attempts=1), []),
        (Schedule.fixed(4).up_to(elapsed=9), [4, 4]),
        (Schedule.fixed(4).up_to(elapsed=8, attempts=2), [4]),
        (Schedule.fixed(4).up_to(elapsed=timedelta(seconds=8)), [4, 4]),
        (Schedule.fixed(1).while_(lambda error: False), []),
        (Schedule.fixed(1).jittered("none"), [1, 1, 1, 1, 1, 1]),
    ],
    ids=range(12),
)
def test_schedules_combine(schedule, delays):
    """Both, either, one after the other, and where they end."""
    assert first(schedule) == delays


def test_a_schedule_goes_on_while_the_error_is_of_a_kind():
    """The test is asked of each error."""
    schedule = Schedule.fixed(1).while_(lambda error: isinstance(error, OSError))

    assert first(schedule, 2, error=OSError()) == [1, 1]
    assert first(schedule, 2, error=ValueError()) == []


@pytest.mark.parametrize("kind", ["fixed", "linear", "exponential", "fibonacci"])
@pytest.mark.parametrize("delay", [1, 1e300, 10**300])
def test_no_delay_overflows(kind, delay):
    """After thousands of failures a delay is still one that a timer takes."""
    longest = max(first(getattr(Schedule, kind)(delay), 3_000))

    assert longest <= 1e9


def test_numbers_beyond_floats_are_refused():
    """A whole number may be larger than any float."""
    with pytest.raises(InvalidValue, match="`delay` is a finite number"):
        Schedule.fixed(10**400)


def distance(draws, share):
    """Give the Kolmogorov–Smirnov distance of draws to a distribution, scaled so that 1.95 is passed once in 1,000."""
    ordered, count = sorted(draws), len(draws)
    most = max(
        max((place + 1) / count - share(value), share(value) - place / count) for place, value in enumerate(ordered)
    )
    return most * math.sqrt(count)


@pytest.mark.parametrize(
    ("kind", "share"), [("full", lambda delay: delay / 8), ("equal", lambda delay: (delay - 4) / 4)]
)
def test_jitter_is_drawn_evenly(kind, share):
    """From 0 or from half of the delay up to it, every part of that as likely."""
    assert distance(waits(Schedule.fixed(8).jittered(kind), 4_000), share) < 1.95


@pytest.mark.parametrize(
    ("kind", "other"), [("full", lambda delay: (delay - 4) / 4), ("equal", lambda delay: delay / 8)]
)
def test_the_test_of_jitter_tells_the_kinds_apart(kind, other):
    """What is drawn by the one kind does not pass for the other."""
    assert distance(waits(Schedule.fixed(8).jittered(kind), 4_000), other) > 10


def test_jitter_stays_below_the_cap():
    """It is drawn after the delay was capped, so that draws do not pile up there."""
    drawn = waits(Retry(delay=100, max_delay=10, attempts=5_000).schedule, 4_000)

    assert max(drawn) <= 10
    assert distance(drawn, lambda delay: delay / 10) < 1.95


def test_one_seed_gives_one_row():
    """Chance comes from outside."""
    schedule = Schedule.exponential(1).jittered()

    assert waits(schedule, 5, seed=3) == waits(schedule, 5, seed=3) != waits(schedule, 5, seed=4)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Schedule.fixed("1"),
        lambda: Schedule.fixed(True),
        lambda: Schedule.fixed(None),
        lambda: Schedule.exponential(1, "2"),
        lambda: Schedule.exponential(1, timedelta(1)),
        lambda: Schedule.fixed(1).up_to(),
        lambda: Schedule.fixed(1).up_to(attempts=1.5),
        lambda: Schedule.fixed(1).up_to(attempts=True),
        lambda: Schedule.fixed(1).while_(ValueError()),
        lambda: Schedule.fixed(1).then(3),
    ],
    ids=range(10),
)
def test_what_is_no_schedule_is_refused(wrong):
    """A wrong type is a `TypeError` of the library."""
    with pytest.raises(DefinitionError):
        wrong()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Schedule.fixed(-1),
        lambda: Schedule.fixed(math.nan),
        lambda: Schedule.fixed(math.inf),
        lambda: Schedule.exponential(1, 0.5),
        lambda: Schedule.linear(1, -1),
        lambda: Schedule.fixed(1, ).up_to(attempts=0),
        lambda: Schedule.fixed(1).up_to(elapsed=-1),
        lambda: Schedule.fixed(1).jittered("some"),
        lambda: Schedule.fixed(timedelta(seconds=-1)),
    ],
    ids=range(9),
)  # fmt: skip
def test_what_is_out_of_range_is_refused(wrong):
    """A wrong number is a `ValueError` of the library."""
    with pytest.raises(InvalidValue):
        wrong()


@pytest.mark.parametrize("sign", ["&", "|"])
def test_a_schedule_combines_with_nothing_else(sign):
    """Python says so itself, and may ask the other side first."""
    with pytest.raises(TypeError, match="unsupported operand"):
        eval(f"schedule {sign} 3", {"schedule": Schedule.fixed(1)})


def test_schedules_are_values():
    """Equal by their parts, hashable, printed and pickled."""
    make = lambda: (Schedule.fixed(1) | Schedule.linear(2)).then(Schedule.fibonacci(1)).jittered().up_to(attempts=3)  # noqa: E731

    assert make() == make()
    assert hash(make()) == hash(make())
    assert make() != make().up_to(attempts=2)
    assert pickle.loads(pickle.dumps(make())) == make()
    assert "fibonacci" in repr(make())


class Always(Schedule):
    """A schedule from outside, which looks at the time."""

    __slots__ = ()

    def after(self, state, moment):
        """Wait as long as was waited so far, and a second."""
        return moment.elapsed_s + 1, state


def test_a_schedule_of_ones_own():
    """A subclass with `after` is all it takes; it is told how long the attempts took."""
    assert first(Always(), 4) == [1, 2, 4, 8]
    assert Always().timed
    assert Retry(backoff=Always()).schedule.timed


def test_a_schedule_without_after_says_so():
    """The base alone waits for nothing."""
    with pytest.raises(TypeError, match="has no `after`"):
        first(Schedule())


def test_only_what_looks_at_the_time_is_timed():
    """So that nobody else reads the clock before the first failure."""
    assert not Retry().schedule.timed
    assert Retry(deadline=3).schedule.timed
    assert (Schedule.fixed(1) | Schedule.fixed(2).up_to(elapsed=3)).then(Schedule.fixed(1)).timed
