"""A tenacity object as a `Retry`: the same attempts and the same waits on the same failures."""

from __future__ import annotations

import asyncio
import pickle
import random

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from omnitron import DefinitionError, context, flow, worst_case
from omnitron.interop import from_tenacity
from omnitron.testing import ManualClock, VirtualClock


class Down(ConnectionError):
    """What is tried again."""


def failing(failures):
    """Give a function that fails so often, with the list of its attempts; what is drawn begins anew."""
    attempts = []

    def work():
        attempts.append(len(attempts) + 1)
        if len(attempts) <= failures:
            raise Down(len(attempts))
        return "done"

    random.seed(7)
    return work, attempts


def by_tenacity(retrying, failures):
    """Run what fails so often with tenacity; give the attempts, the waits, and what came of it."""
    waits, (work, attempts) = [], failing(failures)
    try:
        came = retrying.copy(sleep=waits.append, reraise=True)(work)
    except Down as error:
        came = str(error)
    return len(attempts), [wait for wait in waits if wait], came


def by_flow(retrying, failures):
    """The same with a flow, on a clock that the waits turn."""
    waits, (work, attempts) = [], failing(failures)

    class Noted(ManualClock):
        def wait(self, seconds):
            waits.append(seconds)
            super().wait(seconds)

    try:
        came = context(clock=Noted()).run(flow(work).retry(from_tenacity(retrying)))
    except Down as error:
        came = str(error)
    return len(attempts), waits, came


WAITS = [
    tenacity.wait_none(),
    tenacity.wait_fixed(3),
    tenacity.wait_incrementing(start=1, increment=2, max=6),
    tenacity.wait_exponential(multiplier=0.5, min=1, max=20),
    tenacity.wait_random(1, 4),
    tenacity.wait_random_exponential(multiplier=1, max=30),
    tenacity.wait_exponential_jitter(initial=1, max=30, jitter=2),
    tenacity.wait_chain(tenacity.wait_fixed(1), tenacity.wait_fixed(5)),
    tenacity.wait_fixed(1) + tenacity.wait_random(0, 1),
    lambda call: call.attempt_number**2,
]


@pytest.mark.parametrize("failures", [0, 1, 4, 9])
@pytest.mark.parametrize("wait", WAITS, ids=lambda wait: type(wait).__name__)
def test_the_waits_are_the_same(wait, failures):
    """For every wait of tenacity, and one of your own."""
    retrying = tenacity.Retrying(stop=tenacity.stop_after_attempt(6), wait=wait)
    assert by_flow(retrying, failures) == by_tenacity(retrying, failures)


@pytest.mark.parametrize(
    "retry",
    [
        tenacity.retry_if_exception_type(OSError),
        tenacity.retry_if_exception_type(ValueError),
        tenacity.retry_if_not_exception_type(OSError),
        tenacity.retry_if_exception_message(match="[123]"),
        tenacity.retry_if_exception(lambda error: str(error) != "3"),
        tenacity.retry_if_exception_type(OSError) & tenacity.retry_if_exception_message(match="[12]"),
        tenacity.retry_never,
        tenacity.retry_always,
        lambda call: call.attempt_number < 3,
    ],
    ids=lambda retry: getattr(retry, "__name__", type(retry).__name__),
)
def test_what_is_tried_again_is_the_same(retry):
    """By type, by text, by a predicate, combined."""
    retrying = tenacity.Retrying(stop=tenacity.stop_after_attempt(6), retry=retry)
    if retry is tenacity.retry_always:  # it tries again what succeeded, too
        assert by_flow(retrying, 9) == by_tenacity(retrying, 9)
        return
    assert by_flow(retrying, 4) == by_tenacity(retrying, 4)


@pytest.mark.parametrize(
    ("stop", "attempts"),
    [
        (tenacity.stop_after_attempt(3), 3),
        (tenacity.stop_after_delay(10), 5),
        (tenacity.stop_before_delay(10), 4),
        (tenacity.stop_any(tenacity.stop_after_attempt(2), tenacity.stop_after_delay(100)), 2),
        (tenacity.stop_all(tenacity.stop_after_attempt(2), tenacity.stop_after_delay(10)), 5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_stops_at_the_same_time_of_the_flows_own_clock(stop, attempts):
    """Attempts take no time here, and each wait three seconds."""
    retrying = tenacity.Retrying(stop=stop, wait=tenacity.wait_fixed(3))
    assert by_flow(retrying, 99)[0] == attempts


@given(st.integers(1, 8), st.floats(0, 50), st.floats(0, 5), st.integers(0, 9))
def test_any_of_them_agree(attempts, longest, delay, failures):
    """Over random numbers of attempts, waits and failures."""
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(attempts), wait=tenacity.wait_exponential(multiplier=delay, max=longest)
    )
    assert by_flow(retrying, failures) == by_tenacity(retrying, failures)


def test_a_decorated_function_gives_its_policy():
    """And the flow of the function behind it is tried as often."""

    @tenacity.retry(stop=tenacity.stop_after_attempt(3))
    def work():
        calls.append(1)
        raise Down

    calls = []
    with pytest.raises(Down):
        flow(work.__wrapped__).retry(from_tenacity(work))()
    assert len(calls) == 3


def test_tryagain_is_tried_again_whatever_the_condition():
    """As tenacity has it."""
    retrying = tenacity.Retrying(stop=tenacity.stop_after_attempt(3), retry=tenacity.retry_never)
    calls = []

    @flow
    def work():
        calls.append(1)
        raise tenacity.TryAgain

    with pytest.raises(tenacity.TryAgain):
        work.retry(from_tenacity(retrying))()
    assert len(calls) == 3


def test_an_async_object_is_taken_too():
    """For flows of either colour; its waits are those of the loop."""
    retrying = tenacity.AsyncRetrying(stop=tenacity.stop_after_attempt(4), wait=tenacity.wait_fixed(60))
    times = []

    @flow
    async def work():
        times.append(asyncio.get_running_loop().time())
        raise Down

    with pytest.raises(Down):
        VirtualClock().run(work.retry(from_tenacity(retrying))())
    assert [time - times[0] for time in times] == [0, 60, 120, 180]


def test_one_that_is_switched_off_tries_once():
    """`enabled=False` is a test's switch."""
    retrying = tenacity.Retrying(enabled=False)
    assert list(from_tenacity(retrying).schedule.delays()) == []


class Asking(Down):
    """Says when to come back."""

    def __init__(self, retry_after):
        super().__init__(retry_after)
        self.retry_after = retry_after


@pytest.mark.parametrize(
    ("asked", "waited", "attempts"), [(1, 6, 3), (7, 14, 3), (31, 0, 1), (86_400, 0, 1)], ids=lambda value: str(value)
)
def test_an_error_that_asks_for_a_wait_gets_a_short_one(asked, waited, attempts):
    """As of every policy; a day is not waited for."""
    clock, calls = ManualClock(), []

    @flow
    def work():
        calls.append(1)
        raise Asking(asked)

    retrying = tenacity.Retrying(stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_fixed(3))
    with pytest.raises(Asking):
        context(clock=clock).run(work.retry(from_tenacity(retrying)))
    assert (clock.time, len(calls)) == (waited, attempts)


def test_a_stop_sees_what_will_be_waited():
    """Of an error that asks for more than the object would wait."""
    clock = ManualClock()

    @flow
    def work():
        raise Asking(7)

    retrying = tenacity.Retrying(stop=tenacity.stop_before_delay(10), wait=tenacity.wait_fixed(3))
    with pytest.raises(Asking):
        context(clock=clock).run(work.retry(from_tenacity(retrying)))
    assert clock.time == 7


class House(tenacity.Retrying):
    """A class of one's own, whose `__init__` hands on what it is given."""

    def __init__(self, **given):
        super().__init__(**{"stop": tenacity.stop_after_attempt(2)} | given)


class Loud(tenacity.Retrying):
    """One with a callback by default."""

    def __init__(self, before=print, **given):
        super().__init__(before=before, **given)


def test_a_class_of_ones_own_is_taken():
    """Its parts are asked as any other's."""
    assert list(from_tenacity(House(wait=tenacity.wait_fixed(2))).schedule.delays()) == [2.0]


@pytest.mark.parametrize("retrying", [House(before=print), Loud()], ids=["given", "default"])
def test_a_callback_of_a_class_of_ones_own_is_refused(retrying):
    """Given or its default."""
    with pytest.raises(DefinitionError, match="no policy has `before`"):
        from_tenacity(retrying)


def test_what_ends_the_program_passes_at_once():
    """Whatever the condition says."""
    calls = []

    @flow
    def work():
        calls.append(1)
        raise SystemExit

    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(3), retry=tenacity.retry_if_exception_type(BaseException)
    )
    with pytest.raises(SystemExit):
        work.retry(from_tenacity(retrying))()
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("tuned", "made", "waited"),
    [({"attempts": 2}, 2, 3), ({"attempts": 9}, 5, 12), ({"deadline": 7}, 3, 6), ({"max_delay": 1}, 5, 4)],
    ids=str,
)
def test_a_configuration_makes_less_of_it(tuned, made, waited):
    """The object stops where it does, whatever a file says."""
    clock, calls = ManualClock(), []

    @flow
    def work():
        calls.append(1)
        raise Down

    retrying = tenacity.Retrying(stop=tenacity.stop_after_attempt(5), wait=tenacity.wait_fixed(3))
    shaky = work.retry(from_tenacity(retrying)).named("shaky")
    with pytest.raises(Down):
        context(clock=clock, config={"shaky": tuned}).run(shaky)
    assert (len(calls), clock.time) == (made, waited)


def test_the_worst_case_knows_its_attempts():
    """Where the object stops by their number, and by nothing else."""

    def attempts(stop):
        return worst_case(flow(len).retry(from_tenacity(tenacity.Retrying(stop=stop)))).attempts

    assert attempts(tenacity.stop_after_attempt(3)) == 3
    assert attempts(tenacity.stop_after_attempt(3) | tenacity.stop_after_delay(9)) is None
    assert attempts(tenacity.stop_after_attempt(0)) is None


def test_it_is_shown_by_its_parts():
    """Without addresses, so that a picture of a flow is the same each time."""
    policy = from_tenacity(tenacity.Retrying(stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_fixed(2)))
    assert repr(policy.backoff) == "OfTenacity(retry_if_exception_type, wait_fixed, stop_after_attempt)"


def test_the_policy_pickles():
    """Where the parts of tenacity do."""
    policy = from_tenacity(tenacity.Retrying(stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_fixed(2)))
    assert list(pickle.loads(pickle.dumps(policy)).schedule.delays()) == [2.0, 2.0]


async def later(error):
    """A predicate that has to be awaited."""
    return True


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"before": print}, "no policy has `before`"),
        ({"after": print}, "no policy has `after`"),
        ({"before_sleep": print}, r"Hooks\(on_error=...\)"),
        ({"retry_error_callback": print}, "`.or_else"),
        ({"sleep": print}, r"context\(clock=...\)"),
        ({"retry_error_cls": type("Mine", (tenacity.RetryError,), {})}, "`.or_else"),
        ({"stop": None}, "None cannot be"),
        ({"retry": tenacity.retry_if_result(bool)}, "retry_if_result looks at what it gave"),
        ({"retry": tenacity.retry_if_exception_type() | tenacity.retry_if_not_result(bool)}, "looks at what it gave"),
        ({"retry": later}, "has to be awaited"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_no_policy_has_is_refused_with_what_to_write(given, said):
    """Before anything runs."""
    with pytest.raises(DefinitionError, match=said):
        from_tenacity(tenacity.Retrying(**given))


@pytest.mark.parametrize("wrong", [None, 3, tenacity.Retrying, print, tenacity.wait_fixed(1)])
def test_anything_else_is_refused(wrong):
    """With what is taken."""
    with pytest.raises(DefinitionError, match="from_tenacity takes a Retrying"):
        from_tenacity(wrong)
