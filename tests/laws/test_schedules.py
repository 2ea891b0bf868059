"""Laws of the algebra of schedules."""

from itertools import islice, zip_longest
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from omnitron import Retry, Schedule
from omnitron.policy import Moment

seconds = st.floats(0, 100)
simple = st.one_of(
    st.builds(Schedule.fixed, seconds),
    st.builds(Schedule.linear, seconds, seconds),
    st.builds(Schedule.exponential, seconds, st.floats(1, 4)),
    st.builds(Schedule.fibonacci, seconds),
)
attempts = st.integers(1, 6)
schedules = st.recursive(
    simple,
    lambda parts: st.one_of(
        st.builds(lambda one, other: one & other, parts, parts),
        st.builds(lambda one, other: one | other, parts, parts),
        st.builds(lambda one, other: one.then(other), parts, parts),
        st.builds(lambda one, most: one.up_to(attempts=most), parts, attempts),
        st.builds(lambda one, kind: one.jittered(kind), parts, st.sampled_from(("full", "equal", "none"))),
        st.builds(lambda one, kinds: one.while_(lambda error: isinstance(error, kinds)), parts, st.just(ValueError)),
    ),
    max_leaves=5,
)
MANY = 12


def row(schedule, seed=None):
    """Give the first delays, at their longest or as a seed draws them."""
    if seed is None:
        return list(islice(schedule.delays(ValueError()), MANY))
    state, found, draw = schedule.begin(), [], Random(seed).random
    while len(found) < MANY and (step := schedule.after(state, Moment(ValueError(), 0.0, draw))) is not None:
        found.append(step[0])
        state = step[1]
    return found


@given(schedules, schedules)
def test_union_and_intersection_do_not_care_for_sides(one, other):
    """`a & b` is `b & a`, `a | b` is `b | a`."""
    assert row(one & other) == row(other & one)
    assert row(one | other) == row(other | one)


@given(schedules, schedules, schedules)
def test_combining_is_associative(a, b, c):
    """However they are put into brackets."""
    assert row((a & b) & c) == row(a & (b & c))
    assert row((a | b) | c) == row(a | (b | c))
    assert row(a.then(b).then(c)) == row(a.then(b.then(c)))


@given(schedules)
def test_combining_with_itself_changes_nothing(one):
    """Union and intersection are idempotent."""
    assert row(one & one) == row(one) == row(one | one)


@given(schedules, schedules)
def test_union_and_intersection_are_the_shorter_and_the_longer(one, other):
    """Step by step, as long as both, or either, go on."""
    left, right = row(one), row(other)

    assert row(one & other) == [max(pair) for pair in zip(left, right, strict=False)]
    assert row(one | other) == [min(step for step in pair if step is not None) for pair in zip_longest(left, right)]


@given(schedules, schedules)
def test_then_is_the_one_row_after_the_other(one, other):
    """The second begins where the first ends."""
    assert row(one.then(other)) == (row(one) + row(other))[:MANY]


@given(schedules, attempts)
def test_up_to_is_the_beginning(one, most):
    """So many attempts have one delay less."""
    assert row(one.up_to(attempts=most)) == row(one)[: most - 1]


@given(schedules, attempts, attempts)
def test_up_to_twice_is_the_lower(one, few, more):
    """Whichever ends first."""
    assert row(one.up_to(attempts=few).up_to(attempts=more)) == row(one.up_to(attempts=min(few, more)))


@given(schedules, st.integers())
def test_jitter_only_shortens(one, seed):
    """Drawn delays are between the shortest and the longest."""
    longest = row(one)
    for kind, least in (("full", 0.0), ("equal", 0.5)):
        drawn = row(one.jittered(kind), seed)
        shortest = [least * delay for delay in islice(one.delays(ValueError(), at=0.0), MANY)]
        assert all(low <= delay <= high for low, delay, high in zip(shortest, drawn, longest, strict=True))


@given(schedules, seconds, attempts, st.integers())
def test_no_wait_of_a_policy_is_longer_than_its_cap(one, most, tries, seed):
    """Whatever the schedule, and however it is drawn."""
    policy = Retry(tries, backoff=one, max_delay=most, jitter="equal")

    assert all(delay <= most for delay in row(policy.schedule, seed))


@given(schedules, st.floats(0.1, 50))
def test_no_attempt_starts_after_the_deadline(one, deadline):
    """The delays up to a deadline add up to no more than it, as far as failing takes no time."""
    assert sum(islice(Retry(backoff=one, deadline=deadline).schedule.delays(ValueError()), 200)) <= deadline * 1.000001
