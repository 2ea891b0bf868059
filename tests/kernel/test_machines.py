"""The machines of the policies driven by hand, and their defaults: small differences that flows show late or never."""

from collections import Counter, deque
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from fractions import Fraction
from functools import cached_property, partial
from ipaddress import ip_address
from math import inf
from pathlib import PurePosixPath

import pytest

from omnitron import (
    Adaptive,
    AdaptiveSize,
    BatchError,
    Bulkhead,
    Cache,
    CircuitBreaker,
    CircuitOpen,
    DefinitionError,
    Hedge,
    InvalidValue,
    RateLimit,
    Retry,
    RetryBudget,
    Schedule,
    Stack,
    Timeout,
    flow,
)
from omnitron.policy import (
    FLYING,
    LANDED,
    AdaptiveInfo,
    Book,
    Breaker,
    Bucket,
    CacheInfo,
    Flight,
    Former,
    Moment,
    Shift,
    Sliding,
    Starts,
    Tries,
    Turns,
    Waiter,
    Window,
    answers_of,
    chain_of,
    last_start,
    most_attempts,
    same_key,
    until,
    usual_waits,
)
from omnitron.testing import ManualClock

# ------------------------------------------------------------------ schedules and budgets


class Patient(Schedule):
    """A schedule of a user's that asks for the time, and waits as long as it has taken."""

    __slots__ = ()

    def after(self, state, moment):
        return moment.elapsed_s, state


@pytest.mark.parametrize(
    "schedule",
    [
        Patient(),
        Schedule.fixed(9) | Patient(),
        Patient() | Schedule.fixed(9),
        Schedule.fixed(1) & Patient(),
        Patient() & Schedule.fixed(1),
        Schedule.fixed(1).up_to(attempts=1).then(Patient()),
        Patient().then(Schedule.fixed(1)),
        Patient().up_to(attempts=9),
        Patient().while_(lambda error: True),
        Patient().jittered("none"),
    ],
)
def test_each_part_of_a_schedule_is_told_the_moment(schedule):
    """What has failed, and how long the attempts took, reach the innermost."""
    moment = Moment(ValueError(), 3.0, lambda: 0.5)

    assert schedule.after(schedule.begin(), moment)[0] == 3.0


def test_a_budget_is_ten_in_reserve_and_one_for_ten_calls():
    """As documented."""
    assert RetryBudget() == RetryBudget(ratio=0.1, burst=10)


def test_a_budget_names_the_argument_that_it_refuses():
    """The one to mend."""
    with pytest.raises(DefinitionError, match="`ratio`"):
        RetryBudget(ratio="much")


# ------------------------------------------------------------------ breakers


def half_open(policy):
    """Give a breaker that has let all its probes through, and their epoch."""
    breaker, epoch = Breaker(), None
    breaker.turn("half-open", "test", 30.0)
    for _ in range(policy.probes):
        epoch = breaker.admit(policy, 0.0)
    return breaker, epoch


def test_a_probe_that_was_abandoned_gives_back_one_place():
    """Not two."""
    policy = CircuitBreaker(probes=2)
    breaker, epoch = half_open(policy)
    breaker.abandoned(epoch)

    assert [breaker.admit(policy, 0.0) for _ in range(2)] == [epoch, None]


def test_a_breaker_tells_what_it_was_told():
    """Its state, how often that has changed, and why."""
    breaker = CircuitBreaker()
    told = []
    for tell in (breaker.open, breaker.isolate, breaker.close):
        tell()
        info = breaker.info()
        told.append((info.state, info.changes, info.why))

    assert told == [
        ("open", 1, "it was told to open"),
        ("isolated", 2, "it was isolated"),
        ("closed", 3, "it was told to close"),
    ]


def test_a_breaker_with_a_window_counts_its_calls():
    """Those that failed, and all."""
    policy = CircuitBreaker(share=0.9)
    for failed in (True, False, True):
        policy.cell.breaker.ended(policy, 0, 0.0, failed=failed)

    assert (policy.info().failures, policy.info().calls) == (2, 3)


def test_a_breaker_counts_each_call_that_it_refuses():
    """Not only that there was one."""
    breaker = CircuitBreaker()
    side = flow(str, name="side").circuit_breaker(breaker)
    breaker.open()
    for _ in range(3):
        with pytest.raises(CircuitOpen):
            side(1)

    assert breaker.info().refused == 3


def test_probes_that_never_came_back_are_replaced_after_a_while():
    """A half-open breaker that nobody has asked yet has a time too."""
    policy = CircuitBreaker(failures=1, open_for=30)
    breaker = Breaker()
    breaker.ended(policy, breaker.admit(policy, 0.0), 0.0, failed=True)
    breaker.wake(policy, 30.0)

    assert breaker.until == 60.0


def test_a_breaker_that_opened_by_its_window_has_a_time_and_a_reason():
    """As one that counts in a row."""
    policy = CircuitBreaker(share=0.5, window=4, minimum=2, open_for=30)
    breaker = Breaker()
    shifts = [breaker.ended(policy, 0, now, failed=True) for now in (100.0, 101.0)]

    assert shifts == [None, Shift("closed", "open", "2 of the last 2 calls failed")]
    assert breaker.until == 131.0


@pytest.mark.parametrize(("second", "state"), [(109.0, "open"), (110.0, "closed")])
def test_a_window_of_seconds_forgets_what_is_older(second, state):
    """By its length, wherever the clock stands."""
    policy = CircuitBreaker(share=0.5, within=10, minimum=2)
    breaker = Breaker()
    for now in (100.0, second):
        breaker.ended(policy, 0, now, failed=True)

    assert breaker.state == state


# ------------------------------------------------------------------ windows


def test_who_leaves_a_window_that_is_done_is_not_the_last():
    """There is nothing to call off."""
    window = Window(9, 1.0, 0.0)
    window.join("a", "a", "one")
    window.close()
    window.fail()

    assert window.leave(0, "one") is False


def test_all_who_wait_for_a_window_that_fails_are_told():
    """One for an item, several for the same, and nobody for one that was left."""
    window = Window(9, 1.0, 0.0)
    for item, who in [("a", "one"), ("b", "two"), ("b", "three"), ("c", "four")]:
        window.join(item, item, who)
    window.leave(2, "four")
    window.close()

    assert window.fail() == ["one", "two", "three"]


def test_more_than_two_wait_for_one_item():
    """Each is told, and those who left are not."""
    window = Window(9, 1.0, 0.0)
    for who in ("one", "two", "three", "four"):
        window.join("a", "a", who)
    window.leave(0, "two")
    window.close()

    assert list(window.settle(["A"])) == [("one", "A"), ("three", "A"), ("four", "A")]


# ------------------------------------------------------------------ caches


def test_what_a_flight_waits_for_is_given_once_expanded():
    """Two that wait for a third, and one that waits for the first again, come to an end."""
    first, left, right, last = (Flight(key) for key in ("first", "left", "right", "last"))
    first.waits = [left, right]
    left.waits = [last]
    right.waits = [last]
    last.waits = [first]

    assert {one.key for one in first.behind()} == {"first", "left", "right", "last"}


def test_nothing_is_behind_a_flight_that_has_landed():
    """What it waited for is of no interest any more."""
    first, landed, last = (Flight(key) for key in ("first", "landed", "last"))
    first.waits = [landed]
    landed.waits = [last]
    landed.end(LANDED, 1)

    assert [one.key for one in first.behind()] == ["first", "landed"]
    assert last.state is FLYING


def test_the_flights_around_one_are_given_from_the_inside():
    """Those that have landed are not."""
    outer = Flight("outer")
    middle = Flight("middle", outer=outer)
    inner = Flight("inner", outer=middle)
    middle.end(LANDED, 1)

    assert [one.key for one in chain_of(inner)] == ["inner", "outer"]
    assert chain_of(None) == []


def test_a_flight_is_ended_once_when_the_last_one_leaves():
    """Not before, and not again."""
    flight = Flight(1)
    for who in ("a", "b"):
        flight.join(who, print)

    assert [flight.leave(who) for who in ("a", "b", "b")] == [False, True, False]


def test_a_flight_whose_owner_leaves_is_ended_though_others_wait():
    """What it uses ends with the owner."""
    flight = Flight(1)
    flight.owner = "a"
    for who in ("a", "b"):
        flight.join(who, print)

    assert flight.leave("a") is True


@pytest.mark.parametrize("kind", ["pinned", "landed"])
def test_a_flight_that_goes_on_or_is_over_is_not_ended(kind):
    """The refresh of a stale value, and one that has landed."""
    flight = Flight(1, pinned=kind == "pinned")
    flight.join("a", print)
    if kind == "landed":
        flight.end(LANDED, 1)

    assert flight.leave("a") is False


def test_clearing_one_flow_leaves_the_others_of_its_cache():
    """They share the entries, not the fate."""
    shared = Cache(60)
    calls = []
    one, other = (
        flow(lambda x, name=name: calls.append(name) or x, name=name).cache(shared) for name in ("one", "other")
    )
    for _ in range(2):
        one(1)
        other(1)
    one.cached.clear()
    one(1)
    other(1)

    assert calls == ["one", "other", "one"]


def test_clearing_a_cache_forgets_all_its_flows():
    """Each computes again."""
    shared = Cache(60)
    calls = []
    one, other = (
        flow(lambda x, name=name: calls.append(name) or x, name=name).cache(shared) for name in ("one", "other")
    )
    one(1)
    other(1)
    shared.clear()
    one(1)
    other(1)

    assert calls == ["one", "other", "one", "other"]


def test_a_date_and_a_time_that_look_alike_have_different_forms():
    """Their class is a part of it."""
    form = Former()

    assert form(time(9, 30)) != form(datetime(2026, 1, 1, 9, 30, tzinfo=UTC))
    assert form(time(9, 30))[0] is time


@pytest.mark.parametrize(
    "make",
    [lambda: Counter("aab"), lambda: ip_address("10.0.0.1"), lambda: PurePosixPath("a/b"), lambda: Fraction(1, 3)],
)
def test_values_of_the_standard_library_have_a_form(make):
    """Their class, and what they are."""
    form = Former()

    assert form(make()) == form(make())
    assert form(make())[0] is type(make())


class Owner:
    """An object with methods, compared by itself."""


def test_an_owner_that_is_plain_data_has_the_form_of_data():
    """One that is not, its own equality; also when its class is met again."""
    form, owner = Former(), Owner()

    assert [form.of_owner((1.0,)) for _ in range(2)] == [form((1.0,))] * 2
    assert [form.of_owner(owner) for _ in range(2)] == [(Owner, owner)] * 2


def test_what_was_dropped_still_counts_as_given():
    """The hits of an entry are those of the cache, also once it is gone."""
    kept = Cache(60, max_entries=1)
    cached = flow(str, name="text").cache(kept)
    for x in (1, 1, 1, 2, 2):
        cached(x)

    assert kept.info() == CacheInfo(hits=3, misses=2, shared=0, stale=0, errors=0, evictions=1, size=1)


def test_what_a_cache_has_not_done_counts_nothing():
    """A line of zeros."""
    assert CacheInfo(1, 2) == CacheInfo(1, 2, 0, 0, 0, 0, 0)


def test_a_value_in_the_place_of_an_error_is_not_remembered_as_gone():
    """Nobody who asks finds it missing."""
    book = Book()
    space = book.space("f")
    book.keep(space, 1, ValueError(), expires=10.0, most=9, failed=True)
    book.keep(space, 1, "one", expires=10.0, most=9)

    assert (list(book.gone), book.size, book.look(space, 1, 0.0).value) == ([], 1, "one")


def test_a_new_value_lasts_as_long_as_it_was_given():
    """In the place of the old one, which is handed back."""
    book = Book()
    space = book.space("f")
    book.keep(space, 1, "one", expires=10.0, most=9)

    assert book.keep(space, 1, "two", expires=20.0, until=30.0, most=9) == ["one"]
    assert [book.look(space, 1, now) is not None for now in (19.0, 29.0, 30.0)] == [True, True, False]
    assert list(book.gone) == [("f", 1, "expired")]


def test_an_error_does_not_push_out_a_value_that_is_still_given():
    """A stale value is; one whose time ends with the error's is not."""
    book = Book()
    space = book.space("f")
    for key, last in [("stale", 50.0), ("over", 20.0)]:
        book.keep(space, key, "value", expires=1.0, until=last, most=9)
        book.keep(space, key, ValueError(), expires=20.0, most=9, failed=True)

    assert (list(space.entries), list(space.errors)) == (["stale"], ["stale", "over"])


def test_what_was_used_since_the_hand_passed_stays():
    """Whoever was not goes first; where all were, one of them goes all the same."""
    book = Book()
    space = book.space("f")
    for key in "abc":
        book.keep(space, key, key, most=3)
    for key in "ab":
        space.entries[key].hits += 1
    book.keep(space, "d", "d", most=3)
    kept = list(space.entries)
    for key in kept:
        space.entries[key].hits += 1
    book.keep(space, "e", "e", most=3)

    assert kept == ["a", "b", "d"]
    assert (len(space.entries), book.evictions, "e" in space.entries) == (3, 2, True)


def test_what_is_invalidated_while_it_is_computed_is_not_kept():
    """The flight is told, and who asks from now on starts another."""
    book = Book()
    space = book.space("f")
    flight = space.flights[1] = Flight(1)
    book.invalidate(space, 1)

    assert (flight.keeps, space.flights) == (False, {})


class Named:
    """A class with one slot, told as a text."""

    __slots__ = "label"


class _Hidden_(Named):
    """A class with a private slot and one like a method of Python's own."""

    __slots__ = ("__dict__", "__mark", "__tag__", "__weakref__")

    def marked(self, mark):
        self.__mark = mark
        return self


@dataclass
class Slotted(_Hidden_):
    """A dataclass whose objects hold more than its fields."""

    number: int


def slotted(label="", mark="", tag=""):
    """Give one with what stands in its slots."""
    made = Slotted(1).marked(mark)
    made.label, made.__tag__ = label, tag
    return made


@pytest.mark.parametrize("change", [{"label": "x"}, {"mark": "x"}, {"tag": "x"}])
def test_what_a_slot_of_a_base_holds_tells_values_apart(change):
    """Also a private one, and one slot that is told as a text."""
    form = Former()

    assert form(slotted()) == form(slotted())
    assert form(slotted(**change)) != form(slotted())


@dataclass
class Lazy(_Hidden_):
    """A dataclass that keeps what it computes of its fields."""

    number: int

    @cached_property
    def double(self):
        return 2 * self.number


def test_what_an_object_computes_of_its_fields_is_no_part_of_its_form():
    """It has the same form before and after."""
    form, lazy = Former(), Lazy(1)
    before = form(lazy)

    assert lazy.double == 2
    assert form(lazy) == before


# ------------------------------------------------------------------ stacks


def test_a_fresh_stack_shares_as_the_first_did():
    """One value that stands in it twice is one value; two equal ones are two."""
    once, twice = RetryBudget(), RetryBudget()
    retry, other = Retry(budget=once), Retry(budget=twice)
    fresh = list(Stack([retry, other, retry]).fresh())

    assert fresh[0] is fresh[2]
    assert fresh[0] is not fresh[1]
    assert fresh[0].budget is not fresh[1].budget


@pytest.mark.parametrize(
    ("value", "way"),
    [
        (Retry, r"`Retry\(\.\.\.\)`"),
        (flow(len), r"write `flow\.apply\(policies\)`"),
        ([Retry()], r"\(list\)\. Add its members one by one"),
        (3, r"\(int\)\. Policies are values such as"),
    ],
)
def test_what_is_no_policy_is_refused_with_the_way_out(value, way):
    """As far as it can be guessed."""
    with pytest.raises(DefinitionError, match=way):
        Retry() + value


def test_the_numbers_of_a_breaker_are_in_its_range():
    """The edges belong to it."""
    assert CircuitBreaker(share=1).share == 1
    for share in (0, 1.1, -1):
        with pytest.raises(InvalidValue, match="`share`"):
            CircuitBreaker(share=share)


# ------------------------------------------------------------------ arguments


@pytest.mark.parametrize(
    ("policy", "name", "value"),
    [
        (RetryBudget, "ratio", "much"),
        (Retry, "delay", -1),
        (Retry, "max_delay", -1),
        (Retry, "deadline", -1),
        (CircuitBreaker, "failures", 0),
        (CircuitBreaker, "window", 0),
        (CircuitBreaker, "minimum", 0),
        (CircuitBreaker, "probes", 0),
        (CircuitBreaker, "within", 0),
        (CircuitBreaker, "slow", 0),
        (CircuitBreaker, "open_for", 0),
        (Hedge, "delay", -1),
        (Hedge, "minimum", -1),
        (Hedge, "percentile", "most"),
        (Hedge, "budget", "much"),
        (partial(RateLimit, 1), "per", -1),
        (partial(RateLimit, 1), "burst", 0),
        (partial(RateLimit, 1), "max_wait", -1),
        (RateLimit, "count", 0),
        (Bulkhead, "limit", 0),
        (partial(Bulkhead, 1), "max_wait", -1),
        (Timeout, "seconds", -1),
        (Timeout, "idle", -1),
        (partial(Timeout, 1), "idle", 0),
        (Adaptive, "low", 1.5),
        (Adaptive, "high", 1.5),
        (partial(AdaptiveSize, within=1), "low", 1.5),
        (partial(AdaptiveSize, within=1), "high", 1.5),
        (AdaptiveSize, "within", -1),
        (Cache, "ttl", -1),
        (partial(Cache, 1), "stale_while_revalidate", -1),
        (partial(Cache, 1), "ttl_on_error", -1),
        (partial(Cache, 1), "max_entries", 0),
        (Schedule.fixed, "delay", -1),
        (partial(Schedule.linear, 1), "step", -1),
        (partial(Schedule.linear, 1), "max_delay", -1),
        (partial(Schedule.exponential, 1), "factor", "twice"),
        (Schedule.fixed(1).up_to, "elapsed", -1),
    ],
)
def test_a_wrong_argument_is_told_by_its_name(policy, name, value):
    """The one to mend, not another."""
    with pytest.raises((DefinitionError, InvalidValue), match=rf"`{name}[`=]"):
        policy(**{name: value})


# ------------------------------------------------------------------ hedges and bounds that adapt


def test_a_hedge_counts_what_it_did():
    """Each kind apart, however often it is looked at."""
    hedge = Hedge(0.25)
    state = hedge.cell.state
    starts = [Starts(3, RetryBudget(0.5, burst=1), state) for _ in range(2)]
    tried = [start.more() for start in starts for _ in range(2)]
    state.add(wins=1)
    state.add(wins=1)
    state.measured(0.5)
    seen = [hedge.info() for _ in range(3)]

    assert tried == [True, False, True, False]
    assert [(one.calls, one.wins, one.measured, one.delay) for one in seen] == [(2, 2, 1, 0.25)] * 3
    assert (seen[-1].hedges, seen[-1].refused) == (2, 2)


@pytest.mark.parametrize(("percentile", "least"), [(0.5, 16), (0.95, 20), (0.99, 100)])
def test_a_percentile_says_nothing_before_enough_is_known(percentile, least):
    """Sixteen latencies, and as many as it takes for one to be beyond it."""
    hedge = Hedge(9, percentile=percentile)
    state = hedge.cell.state
    delays = []
    for _ in range(least):
        delays.append(hedge.info().delay)
        state.measured(0.5)

    assert set(delays) == {9}
    assert hedge.info().delay == 0.5


def test_a_percentile_is_of_the_last_latencies_and_has_a_least():
    """What came before a hundred and twenty-eight others is forgotten."""
    hedge = Hedge(9, percentile=0.5, minimum=0.2)
    state = hedge.cell.state
    for seconds in [5.0] * 128 + [1.0] * 128:
        state.measured(seconds)

    assert hedge.info().delay == 1.0
    for _ in range(128):
        state.measured(0.1)
    assert hedge.info().delay == 0.2


def rounds(bound, *latencies, busy=True):
    """Let so many rounds of calls of a latency end, as many beside each other as may; give the limits."""
    gauge, found = bound.gauge, []
    for latency in latencies:
        for _ in range(max(16, 2 * gauge.limit)):
            gauge.ended(gauge.epoch, latency, gauge.limit if busy else gauge.limit - 1)
        found.append(gauge.limit)
    return found


def test_a_bound_grows_while_calls_are_busy_and_as_fast():
    """It doubles up to its most, and not while nobody needs it."""
    assert rounds(Adaptive(2, 20), 1, 1, 1, 1, 1) == [4, 8, 16, 20, 20]
    assert rounds(Adaptive(2, 20), 1, 1, busy=False) == [2, 2]


def test_a_bound_settles_above_what_makes_no_queue():
    """Half of eight wait at twice the latency: four go on, and one may wait."""
    bound = Adaptive(2, 64)

    assert rounds(bound, 1, 1, 2) == [4, 8, 5]
    assert bound.info().why == "calls take 2 s, and 1 s without load"
    assert (bound.info().base, bound.info().latency, bound.info().rounds, bound.info().changes) == (1, 2, 3, 3)


def test_a_settled_bound_follows_the_queue_by_steps():
    """One up where it is short and calls are busy, down by what is too much."""
    bound = Adaptive(2, 64)
    rounds(bound, 1, 1, 2)

    assert rounds(bound, 1, 1) == [6, 7]
    assert rounds(bound, 2) == [5]
    assert rounds(bound, 1, busy=False) == [5]


@pytest.mark.parametrize(
    ("latency", "limits", "why"),
    [(2, [2, 4, 8], "calls take 2 s, and 2 s without load"), (1, [5, 6, 7], "calls take 1 s, and 1 s without load")],
)
def test_a_bound_looks_again_after_forty_rounds_how_long_a_call_takes(latency, limits, why):
    """At half of it; where calls are slower by nature now it begins to grow anew, else it goes back."""
    bound = Adaptive(2, 64)
    rounds(bound, 1, 1, 2)
    assert rounds(bound, *[1.3] * 37) == [5] * 36 + [2]
    assert bound.info().why == "to measure the latency without load"

    assert rounds(bound, *[latency] * 3) == limits
    assert bound.info().why == why


def test_a_bound_that_is_refused_keeps_three_quarters():
    """Not less than its least; other errors tell nothing."""
    bound = Adaptive(3, 64)
    rounds(bound, 1, 1)
    gauge = bound.gauge
    gauge.failed(gauge.epoch, ValueError())

    assert gauge.limit == 12
    assert [gauge.failed(gauge.epoch, TimeoutError()).after for _ in range(2)] == [9, 6]
    assert gauge.failed(gauge.epoch - 1, TimeoutError()) is None
    for _ in range(9):
        gauge.failed(gauge.epoch, TimeoutError())
    assert gauge.limit == 3


def test_a_size_follows_the_time_of_its_calls():
    """Twice while it grows, a tenth less for each that is slow, then a fiftieth of its most more."""
    size = AdaptiveSize(1, 100, within=1.0)
    sizer = size.sizer
    found = []
    for sent, seconds in [(1, 1.0), (2, 0.5), (3, 0.5), (4, 0.5), (8, 0.5), (16, 1.5), (16, 1.5), (14, 0.5), (14, 2.0)]:
        sizer.ended(sent, seconds)
        found.append(sizer.limit)

    assert found == [2, 4, 4, 8, 16, 14, 14, 16, 14]
    assert size.info() == AdaptiveInfo(14, None, 2.0, 9, 7, "a call of 14 took 2 s")


@pytest.mark.parametrize(("high", "step"), [(3, 1), (60, 1), (100, 2), (120, 2)])
def test_a_size_that_was_too_much_grows_by_a_fiftieth_of_its_most(high, step):
    """By one at least, and by whole items."""
    sizer = AdaptiveSize(1, high, within=1.0).sizer
    sizer.ended(1, 0.1)
    sizer.ended(2, 9.0)
    sizer.ended(1, 0.1)

    assert repr(sizer.limit) == str(1 + step)


def test_a_size_stays_in_its_range():
    """At its least a slow call changes nothing, at its most a quick one."""
    sizer = AdaptiveSize(2, 3, within=1.0).sizer

    assert AdaptiveSize(3, 3, within=1.0).info().limit == 3
    assert sizer.info().why == ""
    assert sizer.ended(2, 9.0) is None
    assert sizer.ended(2, 0.1) == Shift(2, 3, "a call of 2 took 0.1 s only")
    assert sizer.ended(3, 0.1) is None
    assert sizer.ended(3, 9.0) == Shift(3, 2, "a call of 3 took 9 s")


# ------------------------------------------------------------------ permits and attempts


@pytest.mark.parametrize(
    ("now", "due", "rest"),
    [
        (2.0**-53, 1 + 2.0**-52, 1 + 2.0**-52),  # both roundings are ties that go down
        (-1e16, 0.3, 1e16 + 2),
        (1e9, 1e9 + 0.3, (1e9 + 0.3) - 1e9),
        (5.0, 4.0, 0.0),
        (1.0, inf, inf),
    ],
)
def test_who_waits_does_not_wake_too_early_by_rounding(now, due, rest):
    """The clock shows the moment or a later one; nobody waits for what is over."""
    assert until(now, due) == rest
    assert now + rest >= due


def test_a_bucket_refills_at_its_pace():
    """The burst at once, then one every five seconds, to the moment."""
    bucket = Bucket(2, 10.0, 3)

    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.due(0.0), bucket.due(0.0, 1), bucket.due(0.0, 2), bucket.due(7.0)] == [5.0, 10.0, 15.0, 7.0]
    assert [bucket.take(now) for now in (4.9, 5.0, 9.9, 10.0)] == [False, True, False, True]
    assert [bucket.is_idle(now) for now in (24.9, 25.0)] == [False, True]
    assert [bucket.due(25.0, ahead) for ahead in range(5)] == [25.0, 25.0, 25.0, 30.0, 35.0]


def test_a_window_that_slides_forgets_to_the_moment():
    """Who waits behind others waits for as many windows as they fill."""
    window = Sliding(2, 10.0)

    assert [window.due(5.0, ahead) for ahead in range(5)] == [5.0, 5.0, 15.0, 15.0, 25.0]
    assert [window.take(now) for now in (0.0, 3.0, 9.9, 10.0)] == [True, True, False, True]
    assert [window.due(11.0, ahead) for ahead in range(4)] == [13.0, 20.0, 23.0, 30.0]
    assert [window.take(13.0), window.due(21.0), window.is_idle(22.9), window.is_idle(23.0)] == [
        True,
        21.0,
        False,
        True,
    ]


def noon():
    """Give the wall time."""
    return datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_window_that_was_used_once_is_idle_when_that_is_over():
    """The last one counts, not the second."""
    window = Sliding(3, 10.0)
    window.take(0.0)

    assert [window.is_idle(now) for now in (9.9, 10.0)] == [False, True]
    for now in (20.0, 21.0, 25.0):
        window.take(now)
    assert [window.is_idle(now) for now in (31.0, 34.9, 35.0)] == [False, False, True]


def failing(policy, *nows, error=None, until=None):
    """Give what `Tries` says after a failure at each of these times, and why it stops."""
    tries = Tries(policy, 100.0)
    found = [tries.failed(error or ValueError(), now, uniform=lambda: 0.5, wall=noon, until=until) for now in nows]
    return found, tries.made, tries.stopped


class Busy(Exception):
    """Asks to wait."""

    retry_after = 7.0


SECONDS = Retry(4, 2, jitter="none")


def test_attempts_are_counted_and_waits_grow():
    """The last failure is given none."""
    assert failing(SECONDS, *[100.0] * 4) == ([2.0, 4.0, 8.0, None], 4, "")


def test_an_error_that_asks_to_wait_gets_the_longer_wait():
    """What it asks, while the schedule asks for less."""
    assert failing(SECONDS, *[100.0] * 3, error=Busy()) == ([7.0, 7.0, 8.0], 4, "")


def test_an_error_that_asks_for_more_than_the_longest_wait_is_not_tried_again():
    """As much as the longest is waited."""
    assert failing(Retry(3, 1, max_delay=7), 100.0, error=Busy()) == ([7.0], 2, "")
    assert failing(Retry(3, 1, max_delay=6), 100.0, error=Busy()) == (
        [None],
        1,
        "it asks to wait 7 s, more than max_delay=6",
    )


def test_an_error_that_asks_for_more_than_the_time_of_all_attempts_is_told_so():
    """Only where the schedule would have gone on without it."""
    assert failing(Retry(3, 1, deadline=7, jitter="none"), 100.0, error=Busy())[0] == [7.0]
    assert failing(Retry(3, 1, deadline=6, jitter="none"), 100.0, error=Busy()) == (
        [None],
        1,
        "it asks to wait 7 s, for which there is no time",
    )
    assert failing(Retry(1, 1, deadline=6, jitter="none"), 100.0, error=Busy()) == ([None], 1, "")


@pytest.mark.parametrize(
    ("until", "found"), [(102.1, ([2.0], 2, "")), (102.0, ([None], 1, "the deadline of the context comes first"))]
)
def test_no_attempt_starts_at_the_deadline_of_the_context(until, found):
    """Nor after it."""
    assert failing(SECONDS, 100.0, until=until) == found


def test_attempts_nobody_told_of_move_the_schedule():
    """As if each had failed at once; one that has ended stays at its end."""
    tries = Tries(SECONDS, 100.0)
    tries.catch_up(3)

    assert tries.made == 3
    assert [tries.failed(ValueError(), 100.0, uniform=lambda: 0.5, wall=noon) for _ in range(2)] == [8.0, None]


@pytest.mark.parametrize(
    ("policy", "delays"),
    [
        (Retry(), [0.1, 0.2]),
        (Retry(3), [0.1, 0.2]),
        (Retry(4, 1), [1, 2, 4]),
        (Retry(4, 1, "linear"), [1, 2, 3]),
        (Retry(4, 1, "fixed"), [1, 1, 1]),
        (Retry(5, 1, "fibonacci"), [1, 1, 2, 3]),
        (Retry(4, 1, max_delay=3), [1, 2, 3]),
        (Retry(4, 1, deadline=3), [1, 2]),
        (Retry(backoff=Schedule.fixed(9).up_to(attempts=3), max_delay=5), [5, 5]),
        (Retry(2, backoff=Schedule.fixed(9)), [9]),
        (Retry(deadline=20, backoff=Schedule.fixed(9)), [9, 9]),
    ],
    ids=str,
)
def test_a_retry_stands_for_a_schedule(policy, delays):
    """Its longest waits, where random ones are drawn high."""
    elapsed, state, found = 0.0, policy.schedule.begin(), []
    while (step := policy.schedule.after(state, Moment(ValueError(), elapsed, lambda: 1.0))) is not None:
        found.append(step[0])
        elapsed, state = elapsed + step[0], step[1]

    assert found == delays


@pytest.mark.parametrize(
    ("policy", "first"),
    [
        (Retry(3, 1), 0.5),
        (Retry(3, 1, jitter="equal"), 0.75),
        (Retry(3, 1, jitter="none"), 1),
        (Retry(3, backoff=Schedule.fixed(1)), 1),
        (Retry(3, backoff=Schedule.fixed(1), jitter="full"), 0.5),
    ],
    ids=str,
)
def test_a_retry_draws_its_waits_unless_it_is_told_or_given_a_schedule(policy, first):
    """At half of what can be drawn."""
    assert policy.schedule.after(policy.schedule.begin(), Moment(ValueError(), 0.0, lambda: 0.5))[0] == first


# ------------------------------------------------------------------ bounds of retries, and turns


class Around(Schedule):
    """A schedule of a user's around another, whose end it may ignore."""

    __slots__ = ("body",)

    def __init__(self, body):
        self._fill(body=body)

    def after(self, state, moment):
        return 1.0, state


def upto(attempts=None, elapsed=None):
    """Give a schedule that waits two seconds each time, with an end."""
    return Schedule.fixed(2).up_to(attempts=attempts, elapsed=elapsed)


@pytest.mark.parametrize(
    ("schedule", "attempts", "last", "waits"),
    [
        (upto(3), 3, inf, 4.0),
        (upto(3) | upto(5), 5, inf, 8.0),
        (upto(3) & upto(5), 3, inf, 4.0),
        (upto(3).then(upto(5)), 7, inf, 12.0),
        (upto(elapsed=7), 4, 7.0, 6.0),
        (upto(elapsed=3) | upto(elapsed=7), 4, 7.0, 6.0),
        (upto(elapsed=3) & upto(elapsed=7), 2, 3.0, 2.0),
        (upto(elapsed=3).then(upto(elapsed=7)), 4, 7.0, 6.0),
        (upto(3).while_(lambda error: False), 3, inf, 4.0),
        (Schedule.fixed(2).while_(lambda error: False).up_to(attempts=3), 3, inf, 4.0),
        (Schedule.fixed(2), inf, inf, inf),
        (Around(upto(3, 7)), inf, inf, None),
        (upto(3) & Around(upto(2)), 3, inf, None),
    ],
)
def test_the_bounds_of_a_retry_are_read_off_its_schedule(schedule, attempts, last, waits):
    """How often, until when, and how long it waits in all; a user's schedule bounds nothing."""
    policy = Retry(backoff=schedule)

    assert (most_attempts(policy), last_start(policy), usual_waits(policy)) == (attempts, last, waits)


def test_turns_are_given_in_order_and_come_back():
    """Two run, one waits; who leaves lets the next one in, and at the end nobody runs."""
    turns, woken = Turns(), []
    waiters = [Waiter(2, partial(woken.append, name)) for name in "abc"]
    for waiter in waiters:
        turns.join(waiter)
    turns.serve()

    assert (woken, turns.running, len(turns.line)) == (["a", "b"], 2, 1)
    permits = [turns.go(waiter) for waiter in waiters[:2]]
    turns.leave(permits[0])
    assert (woken, turns.running, len(turns.line)) == (["a", "b", "c"], 2, 0)
    turns.leave(permits[1])
    turns.leave(turns.go(waiters[2]))
    assert (turns.running, turns.taken, len(turns.served)) == (0, 3, 0)


def test_who_goes_away_frees_its_turn_only_if_it_had_one():
    """Waiting or served; once only."""
    turns = Turns()
    first, second, third = (Waiter(1, lambda: None) for _ in range(3))
    for waiter in (first, second, third):
        turns.join(waiter)
    turns.serve()
    turns.quit(second)
    assert (turns.running, list(turns.line), turns.taken) == (1, [third], 1)

    turns.quit(first)
    turns.quit(first)
    assert (turns.running, list(turns.line), third.permit is turns.token) == (1, [], True)


def test_permits_of_before_a_fork_free_nothing():
    """The parent has them."""
    turns = Turns()
    waiter = Waiter(1, lambda: None)
    turns.join(waiter)
    turns.serve()
    old = turns.go(waiter)
    turns.begin_anew()
    turns.leave(old)

    assert turns.running == 0


@pytest.mark.parametrize(
    ("held", "lasts", "waits"), [("", True, False), ("b", True, True), ("b", False, False), ("a", True, False)]
)
def test_who_holds_what_it_waits_for_would_wait_for_ever(held, lasts, waits):
    """If all who run wait here themselves, and none gives up; a permit that two hold is one."""
    turns = Turns()
    for _ in range(2):
        turns.join(Waiter(2, lambda: None))
    turns.serve()
    turns.join(Waiter(2, lambda: None, held=frozenset("a"), lasts=lasts))

    assert turns.waits_for_itself(frozenset(held)) is waits


class Loop:
    """Stands for the loop of a waiter."""

    def __init__(self, *, closed=False):
        self.closed = closed

    def is_closed(self):
        return self.closed


def test_who_waited_on_a_closed_loop_is_dropped():
    """Served or not; the next one is served."""
    gone, here = Loop(), Loop()
    turns = Turns()
    served, line, next_one = Waiter(1, lambda: None, gone), Waiter(1, lambda: None, gone), Waiter(1, lambda: None, here)
    for waiter in (served, line, next_one):
        turns.join(waiter)
    turns.serve()
    assert (turns.is_mixed, turns.homes) == (True, {gone, here})
    gone.closed = True
    turns.drop_dead()

    assert (turns.running, next_one.permit is turns.token, line.permit, list(turns.line)) == (1, True, None, [])
    assert (turns.is_mixed, turns.homes) == (False, {here})


# ------------------------------------------------------------------ limits of many keys and clocks

NUMBERS = ("bucket", 1, 10.0, 1)


def test_of_many_clocks_the_oldest_idle_one_is_forgotten():
    """Not one that is to last, nor one on which somebody waits."""
    state = RateLimit(1).cell.state
    clocks = [ManualClock() for _ in range(18)]
    state.lanes(NUMBERS, clocks[0], lasts=True)
    state.lanes(NUMBERS, clocks[1]).lane("a", 0.0).turns.join(Waiter(1, lambda: None))
    for clock in clocks[2:]:
        state.lanes(NUMBERS, clock)

    assert [lanes.clock for lanes in state.spaces.values()] == [*clocks[:2], *clocks[4:]]


def test_one_limit_has_the_same_lanes_on_a_clock():
    """And others for other numbers, or another clock."""
    state, clock = RateLimit(1).cell.state, ManualClock()
    lanes = state.lanes(NUMBERS, clock)

    assert state.lanes(NUMBERS, clock) is lanes
    assert state.lanes(("window", 1, 10.0, 1), clock) is not lanes
    assert state.lanes(NUMBERS, ManualClock()) is not lanes


def test_keys_that_are_idle_are_forgotten_when_others_come():
    """Two looks for each that comes; one that has taken its permit stays, at the end of the line."""
    lanes = RateLimit(1).cell.state.lanes(NUMBERS, ManualClock())
    busy = lanes.lane("busy", 0.0)
    busy.permits.take(0.0)
    lanes.lane("idle", 0.0)
    lanes.lane("new", 5.0)

    assert list(lanes.lanes) == ["busy", "new"]
    assert lanes.lane("busy", 5.0) is busy
    lanes.lane("later", 10.0)
    assert list(lanes.lanes) == ["later"]


def test_a_limit_tells_who_waits_and_which_keys_are_busy():
    """Over all keys, on all clocks."""
    clock = ManualClock()
    limit = RateLimit(1, per=10, key=lambda x: x)
    lanes = limit.cell.state.lanes(NUMBERS, clock)
    for key in ("a", "b"):
        lanes.lane(key, 0.0).permits.take(0.0)
    lane = lanes.lane("c", 0.0)
    for _ in range(3):
        lane.turns.join(Waiter(1, lambda: None))
    lane.turns.serve()

    assert lane.ahead == 3
    assert (limit.info().waiting, limit.info().keys) == (3, 3)
    clock.move(10)
    assert (limit.info().waiting, limit.info().keys) == (3, 1)


# ------------------------------------------------------------------ answers and keys of batches


class Rows:
    """Something like a list."""

    def __init__(self, *rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __iter__(self):
        return iter(self.rows)


class Counted:
    """What has a length, and nothing to go through."""

    def __len__(self):
        return 2


@pytest.mark.parametrize("answers", [[1, 2], (1, 2), Rows(1, 2), deque([1, 2])])
def test_what_has_as_many_members_answers_a_batch(answers):
    """A list, or what is like one."""
    assert answers_of(answers, 2, "load") is answers


@pytest.mark.parametrize("answers", [Counted(), iter([1, 2]), "ab", b"ab", {1, 2}, {1: 1, 2: 2}, None, 2])
def test_what_has_no_order_answers_no_batch(answers):
    """Nor what cannot be counted or gone through, nor a text."""
    with pytest.raises(BatchError, match="not a list"):
        answers_of(answers, 2, "load")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        (1 + 0j, 1.0),
        (frozenset({1}), frozenset({True})),
        ((1,), (True,)),
        ((1,), frozenset({1})),
        (Fraction(1), 1),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 13, tzinfo=timezone(timedelta(hours=1)))),
    ],
    ids=repr,
)
def test_items_that_are_equal_and_not_the_same_have_keys_of_their_own(one, other):
    """In one window each is sent."""
    assert one == other or type(one) is not type(other)
    assert same_key(one) != same_key(other)
    assert same_key(one) == same_key(deepcopy(one))


def test_a_window_is_closed_once():
    """The second time says how it is."""
    window = Window(9, 1.0, 0.0)
    window.close()

    assert window.state == "sent"
    with pytest.raises(ValueError, match="a window that is sent"):
        window.close()
    window.fail()
    with pytest.raises(ValueError, match="a window that is done"):
        window.close()


@pytest.mark.parametrize(("probes", "why"), [(1, "1 probe succeeded"), (2, "2 probes succeeded")])
def test_a_breaker_closes_once_all_its_probes_have_succeeded(probes, why):
    """It says how many."""
    policy = CircuitBreaker(probes=probes)
    breaker, epoch = half_open(policy)
    shifts = [breaker.ended(policy, epoch, 1.0, failed=False) for _ in range(probes)]

    assert shifts == [None] * (probes - 1) + [Shift("half-open", "closed", why)]


def test_the_dead_at_the_front_of_the_line_hold_up_nobody():
    """Who stands behind is served at once, and one that was served before an interrupt is woken."""
    turns, woken = Turns(), []
    dead = Waiter(2, partial(woken.append, "dead"), Loop(closed=True))
    served, last = (Waiter(2, partial(woken.append, name)) for name in ("served", "last"))
    for waiter in (dead, served, last):
        turns.join(waiter)
    served.permit, turns.running = turns.token, 1
    turns.serve()

    assert (woken, turns.running, list(turns.line), list(turns.served)) == (["served", "last"], 2, [], [last])


def test_the_loops_of_those_who_are_gone_do_not_count():
    """Once nobody waits, the next one begins anew."""
    one, other = Loop(), Loop()
    turns = Turns()
    first = Waiter(1, lambda: None, one)
    turns.join(first)
    turns.serve()
    turns.leave(turns.go(first))
    turns.join(Waiter(1, lambda: None, other))

    assert (turns.homes, turns.is_mixed) == ({other}, False)
