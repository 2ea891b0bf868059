"""Errors that ask to wait: `retry_after`, and the header Retry-After."""

import math
from datetime import UTC, datetime, timedelta
from email.message import Message
from types import SimpleNamespace
from urllib.error import HTTPError

import pytest

from omnitron import RetryBudget, Schedule, flow
from omnitron.policy import retry_after

from .trying import Down, Trial, down

both_colours = pytest.mark.parametrize("colour", ["sync", "async"])
NOW = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)


def asked(error):
    """Give what an error asks for."""
    return retry_after(error, lambda: NOW)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (7, 7.0),
        (0, 0.0),
        (2.5, 2.5),
        (timedelta(minutes=2), 120.0),
        ("120", 120.0),
        (" 120 ", 120.0),
        ("1.5", 1.5),
        (b"120", 120.0),
        ("Sat, 28 Nov 2026 09:31:00 GMT", 60.0),
        ("Saturday, 28-Nov-26 09:31:00 GMT", 60.0),
        ("Sat Nov 28 09:31:00 2026", 60.0),
        ("Sat, 28 Nov 2026 10:31:00 +0100", 60.0),
        ("Sat, 28 Nov 2026 09:29:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", pytest.approx(2.5e11, rel=0.1)),
        ("soon", None),
        ("", None),
        ("-5", None),
        (-5, None),
        (True, None),
        (math.nan, None),
        (math.inf, None),
        ("1e400", None),
        ("9" * 400, None),
        ("inf", None),
        ([], None),
        (None, None),
        (math.floor, None),
        ("Sat, 99 Nov 2026 09:31:00 GMT", None),
        ("\udcff", None),
    ],
    ids=repr,
)
def test_what_an_error_may_ask_for(value, seconds):
    """Seconds, a timedelta, digits or a date; what cannot be understood asks for nothing."""
    assert asked(Down(retry_after=value)) == seconds


class Headers(dict):
    """Headers that know no case, as those of httpx, requests and aiohttp."""

    def get(self, name, default=None):
        return {key.lower(): value for key, value in self.items()}.get(name.lower(), default)


def with_response(headers):
    """Give an error as httpx and requests raise it."""
    error = Down()
    error.response = SimpleNamespace(headers=headers, status_code=503)
    return error


def with_headers(headers):
    """Give an error as aiohttp raises it."""
    error = Down()
    error.headers = headers
    return error


def message(value):
    """Give headers as the standard library has them."""
    headers = Message()
    headers["retry-after"] = value
    return headers


@pytest.mark.parametrize(
    "error",
    [
        with_response(Headers({"retry-after": "9"})),
        with_response({"Retry-After": "9"}),
        with_response({"retry-after": "9"}),
        with_headers(Headers({"Retry-After": "9"})),
        with_headers({"Retry-After": b"9"}),
        HTTPError("http://here", 503, "down", message("9"), None),
    ],
    ids=range(6),
)
def test_the_header_is_found_where_clients_have_it(error):
    """On the error itself, or on its response."""
    assert asked(error) == 9.0


def test_the_response_is_asked_where_the_error_has_other_headers():
    """Some errors have those of the request."""
    error = with_response({"Retry-After": "9"})
    error.headers = {"Accept": "*/*"}

    assert asked(error) == 9.0


@pytest.mark.parametrize(
    "response", [None, 3, SimpleNamespace(), SimpleNamespace(headers=None), {"headers": 3}], ids=str
)
def test_anything_else_asks_for_nothing(response):
    """Errors of other libraries have attributes of these names too."""
    error = Down()
    error.response = response

    assert asked(error) is None


class Sore(Exception):
    """An error whose attributes raise, as those of some clients do before there is a response."""

    @property
    def response(self):
        raise RuntimeError("there is none")


@both_colours
@pytest.mark.parametrize("delay", [0, 1])
def test_an_attribute_that_raises_hides_no_error(colour, delay):
    """It is tried again like any other, and leaves as it is."""
    trial = Trial(*[Sore(str(number)) for number in range(3)])

    with pytest.raises(Sore, match="2"):
        trial.run(trial.step(colour).retry(delay=delay), 5)


def test_nor_does_it_without_any_context():
    """Where attempts follow each other at once."""
    trial = Trial(*[Sore(str(number)) for number in range(3)])

    with pytest.raises(Sore, match="2"):
        trial.step().retry(delay=0)(5)


@both_colours
@pytest.mark.parametrize("delay", [0, 1])
def test_what_is_asked_for_is_waited_for(colour, delay):
    """Longer than the schedule would, and without jitter."""
    trial = Trial(Down(retry_after=5), Down(retry_after="7"))

    trial.run(trial.step(colour).retry(delay=delay), 5)

    assert trial.times == [0, 5, 12]


def test_a_date_is_one_on_the_clock_of_the_run():
    """A test needs no real time for it."""
    trial = Trial()
    trial.errors = [Down(retry_after=(trial.clock.now() + timedelta(seconds=9)).strftime("%a, %d %b %Y %H:%M:%S GMT"))]

    trial.run(trial.step().retry(), 5)

    assert trial.times == [0, 9]


def test_a_longer_delay_of_the_schedule_stands():
    """Who asks for less gets more."""
    trial = Trial(Down(retry_after=2))

    trial.run(trial.step().retry(delay=8, jitter="none"), 5)

    assert trial.times == [0, 8]


@both_colours
@pytest.mark.parametrize("delay", [0, 1])
def test_who_asks_for_too_long_is_not_tried_again(colour, delay):
    """Coming earlier would be rude, and waiting so long is not what the caller allowed."""
    trial = Trial(*down(3, retry_after=31))

    with pytest.raises(Down) as caught:
        trial.run(trial.step(colour).retry(delay=delay), 5)

    assert trial.times == [0]
    assert caught.value.__notes__ == [
        "raised in flow 'call', at call, after 1 attempt (it asks to wait 31 s, more than max_delay=30)"
    ]


@pytest.mark.parametrize("policy", [{"deadline": 10}, {"backoff": Schedule.fixed(1).up_to(elapsed=10)}], ids=str)
def test_who_asks_beyond_the_deadline_is_not_tried_again(policy):
    """Neither that of the policy nor that of a schedule is passed."""
    trial = Trial(*down(3, retry_after=8))

    with pytest.raises(Down) as caught:
        trial.run(trial.step().retry(5, **policy), 5)

    assert trial.times == [0, 8]
    assert caught.value.__notes__[0].endswith(", after 2 attempts (it asks to wait 8 s, for which there is no time)")


def test_the_deadline_of_the_context_holds_for_what_is_asked():
    """It comes first."""
    trial = Trial(*down(3, retry_after=8))

    with pytest.raises(Down):
        trial.run(trial.step().retry(), 5, deadline=10)

    assert trial.times == [0, 8]


def test_the_last_attempt_is_the_last_whatever_is_asked():
    """Attempts are counted first."""
    trial = Trial(*down(9, retry_after=1))

    with pytest.raises(Down) as caught:
        trial.run(trial.step().retry(2), 5)

    assert trial.times == [0, 1]
    assert caught.value.__notes__[0].endswith(", after 2 attempts")


def test_an_error_that_is_not_tried_again_is_not_asked():
    """Its attributes are nobody's business."""
    trial = Trial(*down(9, retry_after=1))

    with pytest.raises(Down):
        trial.run(trial.step().retry(on=ValueError), 5)

    assert trial.times == [0]


def test_what_was_refused_takes_nothing_from_a_budget():
    """Only a retry that is made is paid for."""
    budget = RetryBudget(burst=3)
    trial = Trial(*down(3, retry_after=31))

    with pytest.raises(Down):
        trial.run(trial.step().retry(budget=budget), 5)

    assert int(budget.left) == 3


def test_httpx_errors():
    """The real ones."""
    httpx = pytest.importorskip("httpx")
    answers = [httpx.Response(503, headers={"Retry-After": "4"}), httpx.Response(200)]
    client = httpx.Client(transport=httpx.MockTransport(lambda request: answers.pop(0)))
    trial = Trial()

    def fetch(url):
        trial(url)
        return client.get(url).raise_for_status().status_code

    assert trial.run(flow(fetch).retry(on=httpx.HTTPError), "http://here") == 200
    assert trial.times == [0, 4]


def test_many_wait_as_each_was_told():
    """Side by side on one clock."""
    trial = Trial(*[Down(retry_after=number) for number in (3, 1, 2)])

    trial.run(trial.step("async").retry().each(concurrency=3), "abc")

    assert sorted(trial.times) == [0, 0, 0, 1, 2, 3]
