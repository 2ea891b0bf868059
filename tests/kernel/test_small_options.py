"""Small differences in options of contexts and in adaptive bounds, which only a test of the number or the word notices."""

from datetime import timedelta

import pytest

from omnitron import (
    Adaptive,
    Cache,
    Config,
    DefinitionError,
    Hooks,
    Key,
    Tracing,
    context,
    current_context,
    flow,
    needs,
)
from omnitron.testing import ManualClock

# ------------------------------------------------------------------ options


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        ("timeout", "`timeout` is another word for the option `deadline`"),
        ("caps", "`caps` is another word for the option `capabilities`"),
        ("capabilites", "`capabilites` is close to the option `capabilities`"),
        ("hook", "`hook` is close to the option `hooks`"),
    ],
)
def test_a_slip_in_the_name_of_an_option_is_told(slip, said):
    """Whether it is another word or a letter."""
    with pytest.raises(DefinitionError, match=said):
        context(**{slip: 3})


@pytest.mark.parametrize(("seconds", "shown"), [(0.25, "0.25"), (1.0004, "1.0"), (0.0006, "0.001"), (0, "<passed>")])
def test_the_time_that_is_left_is_shown_to_the_millisecond(seconds, shown):
    """And once none is left, that it has passed."""
    assert f"deadline={shown}" in repr(context(clock=ManualClock(), deadline=seconds))


@pytest.mark.parametrize(("settings", "shown"), [(1, "<1 setting>"), (2, "<2 settings>"), (3, "<3 settings>")])
def test_how_many_settings_there_are_is_shown(settings, shown):
    """One is no settings."""
    config = Config({f"flow{number}": {"concurrency": 3} for number in range(settings)})
    assert f"config={shown}" in repr(context(config=config))


@pytest.mark.parametrize("name", ["", 3, None, ("price",)])
def test_only_a_name_can_be_replaced(name):
    """A path is a text, and not an empty one."""
    with pytest.raises(DefinitionError, match="by their name or static path"):
        context(replace={name: len})


def test_what_runs_in_the_place_of_a_flow_may_have_needs():
    """They are filled as those of any flow; a plain function stays what it is."""
    tenant = Key("tenant", str)

    def instead(sku, *, who=needs(tenant)):
        return f"{sku} for {who}"

    price = flow(lambda sku: sku, name="price")
    app = context({tenant: "acme"}, replace={"price": instead})
    assert app.run(price, "tea") == "tea for acme"
    assert context(replace={"price": len}).runtime.replaced == {"price": len}


@pytest.mark.parametrize("deadline", [90, 90.0, timedelta(minutes=1.5)])
def test_a_deadline_is_seconds_or_a_timedelta(deadline):
    """From now, on the clock of the context."""
    assert context(clock=ManualClock(10), deadline=deadline).runtime.deadline == 100


@pytest.mark.parametrize(("later", "left"), [(80, 50), (20, 20), (None, 50)])
def test_the_time_that_is_left_goes_along_to_another_clock(later, left):
    """Whichever ends first."""
    outer, inner = ManualClock(100), ManualClock(7)
    app = context(clock=outer, deadline=60)
    outer.move(10)
    derived = app.with_(clock=inner) if later is None else app.with_(clock=inner, deadline=later)
    assert derived.runtime.deadline == 7 + left


def test_within_holds_what_it_names():
    """And no more."""
    inside = flow(lambda _: current_context().runtime.capabilities)
    app = context(capabilities={"net:*", "file:/tmp"})
    assert app.run(inside.within(capabilities={"net:api"}), None) == {"net:api"}


class Later:
    """A guard that would have to be awaited."""

    async def check(self, call):
        return None


@pytest.mark.parametrize(
    ("option", "given", "said"),
    [
        ("observers", 3, r"^an observer has a method `observe`, 3 has none\. Give Hooks\(\.\.\.\), Tracing\(\)"),
        ("hooks", [3], "^an observer has a method `observe`, 3 has none"),
        ("tracer", Tracing, "^an observer has a method `observe`"),
        ("guards", (3,), r"^a guard has a method `check`, 3 has none\. Give an object of your own"),
        ("guards", "net", "^`guards` takes an object or a list of them, got 'net'"),
        ("guards", Later(), "has an async `check`"),
        ("clock", 3, "^`clock` has a method `monotonic`, 3 has none"),
        ("random", 3, "^`random` has a method `random`, 3 has none"),
        ("executor", 3, "^`executor` has a method `execute`, 3 has none"),
    ],
)
def test_what_lacks_the_method_of_its_protocol_is_told_by_its_option(option, given, said):
    """With what to give."""
    with pytest.raises(DefinitionError, match=said):
        context(**{option: given})


def test_all_who_watch_add_up_in_their_order():
    """Observers, then hooks, then the tracer; one or several."""
    first, second, third = Hooks(), Hooks(), Tracing()
    app = context(tracer=third, hooks=[second], observers=first)
    assert app.runtime.observers == (first, second, third)
    assert app.with_(hooks=second).runtime.observers == (first, second, third, second)


def test_configurations_add_up():
    """A derived context has what both say; an empty one takes nothing away."""
    app = context(config={"a": {"concurrency": 3}}).with_(config={"b": {"concurrency": 4}})
    assert app.runtime.config == Config({"a": {"concurrency": 3}, "b": {"concurrency": 4}})
    assert app.with_(config={}).runtime.config == app.runtime.config


@pytest.mark.parametrize("name", ["ttl_on_error", "stale_while_revalidate"])
def test_the_times_of_a_cache_are_looked_at_beside_an_endless_one(name):
    """Without an end of its results, too."""
    with pytest.raises(DefinitionError, match=f"`{name}`"):
        Cache(None, **{name: -1})


# ------------------------------------------------------------------ adaptive bounds


def rounds(gauge, latencies, beside=None):
    """Give the limit after each round of calls that take so long, all at once unless said otherwise."""
    limits = []
    for seconds in latencies:
        turned = gauge.rounds
        while gauge.rounds == turned:
            gauge.ended(gauge.epoch, seconds, gauge.limit if beside is None else beside)
        limits.append(gauge.limit)
    return limits


def test_an_adaptive_bound_begins_at_two():
    """And its copy has both ends."""
    assert (Adaptive().low, Adaptive().info().limit) == (2, 2)
    fresh = Adaptive(3, 17).fresh()
    assert (fresh.low, fresh.high) == (3, 17)


def test_it_doubles_until_a_call_comes_too_late_and_then_goes_by_one():
    """As long as calls take no longer than without load."""
    gauge = Adaptive(2, 64).gauge
    assert rounds(gauge, [0.1, 0.1, 0.1]) == [4, 8, 16]
    assert gauge.failed(gauge.epoch, TimeoutError()).after < 16
    limit = gauge.limit
    assert rounds(gauge, [0.1, 0.1]) == [limit + 1, limit + 2]


def test_what_is_faster_later_lowers_the_latency_without_load_slowly():
    """At once while it grows, by a tenth of the way once it does not."""
    growing = Adaptive(2, 64).gauge
    rounds(growing, [1.0, 0.5])
    assert growing.base == 0.5

    steady = Adaptive(2, 64).gauge
    rounds(steady, [1.0])
    steady.failed(steady.epoch, TimeoutError())
    rounds(steady, [0.5])
    assert steady.base == pytest.approx(0.95)
    rounds(steady, [0.5])
    assert steady.base == pytest.approx(0.905)


def test_a_call_that_began_under_another_limit_tells_nothing():
    """Nor one that fails."""
    gauge = Adaptive(2, 64).gauge
    before = gauge.epoch
    rounds(gauge, [0.1])
    assert gauge.epoch != before
    assert gauge.failed(before, TimeoutError()) is None
    assert gauge.limit == 4


def test_calls_that_leave_the_limit_free_do_not_raise_it():
    """Who runs alone does not learn what many would do."""
    assert rounds(Adaptive(4, 64).gauge, [0.1, 0.1], beside=1) == [4, 4]


class Odd(Exception):
    """An error that cannot be asked."""

    @property
    def retry_after(self):
        raise ValueError


@pytest.mark.parametrize(("error", "lowers"), [(TimeoutError(), True), (Odd(), False), (ValueError(), False)])
def test_only_errors_that_tell_of_load_lower_the_limit(error, lowers):
    """One that cannot be asked tells nothing."""
    gauge = Adaptive(1, 64).gauge
    rounds(gauge, [0.1, 0.1])
    assert (gauge.failed(gauge.epoch, error) is not None) is lowers


def test_a_queue_of_milliseconds_lowers_the_limit():
    """What counts is how much longer calls take than without load, not how long."""
    gauge = Adaptive(2, 64).gauge
    rounds(gauge, [0.001] * 4)
    gauge.failed(gauge.epoch, TimeoutError())
    limit = gauge.limit
    assert rounds(gauge, [0.004])[0] < limit
    assert gauge.why.startswith("calls take 0.004 s, and 0.001 s without load")
