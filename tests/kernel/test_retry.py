"""`.retry`: how often, after what, and after how long a flow is tried again."""

import asyncio
import inspect
import math
import pickle
import threading
from datetime import timedelta
from random import Random

import pytest

from omnitron import (
    AsyncFlow,
    DefinitionError,
    Effect,
    EventLog,
    Flow,
    InvalidValue,
    Retry,
    RetryBudget,
    Schedule,
    Timeout,
    context,
    current_context,
    flow,
    identity,
    keep,
    parallel,
    rebuild,
    try_with,
    walk,
    when,
)
from omnitron.testing import ManualClock

from .trying import Down, Trial, down

both_colours = pytest.mark.parametrize("colour", ["sync", "async"])


@flow
def up(x):
    return x + 1


# ------------------------------------------------------------------ how often


@both_colours
@pytest.mark.parametrize("failures", [0, 1, 2])
def test_a_failing_flow_is_tried_again(colour, failures):
    """Up to three attempts are made where nothing else is said."""
    trial = Trial(*down(failures))

    assert trial.run(trial.step(colour).retry(), 5) == 5
    assert trial.seen == [5] * (failures + 1)


@both_colours
def test_the_last_error_leaves(colour):
    """The very object that the last attempt raised."""
    trial = Trial(*(errors := down(5)))

    with pytest.raises(Down) as caught:
        trial.run(trial.step(colour).retry(), 5)

    assert caught.value is errors[2]


@both_colours
@pytest.mark.parametrize("attempts", [1, 2, 7])
@pytest.mark.parametrize("delay", [0, 1])
def test_as_many_attempts_as_are_asked_for(colour, attempts, delay):
    """The first one included, with and without waiting."""
    trial = Trial(*down(20))

    with pytest.raises(Down):
        trial.run(trial.step(colour).retry(attempts, delay), 5)

    assert trial.calls == attempts


@both_colours
def test_outside_of_any_context_too(colour):
    """A flow that is called like a function tries again as well."""
    trial = Trial(*down(2))
    tree = trial.step(colour).retry(delay=0)

    assert (tree(5) if colour == "sync" else asyncio.run(tree(5))) == 5


@both_colours
def test_the_end_of_a_program_passes_at_once(colour):
    """No retry catches an interrupt, an exit or a cancellation."""
    for error in (KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError(), GeneratorExit()):
        trial = Trial(error)
        with pytest.raises(type(error)):
            trial.run(trial.step(colour).retry(), 5)
        assert trial.calls == 1


# ------------------------------------------------------------------ after what


@both_colours
@pytest.mark.parametrize(
    "on", [OSError, (ValueError, Down), lambda error: "0" in str(error)], ids=["a type", "types", "a predicate"]
)
def test_on_names_what_is_tried_again(colour, on):
    """A type, several, or a predicate."""
    trial = Trial(Down("0"))

    assert trial.run(trial.step(colour).retry(on=on), 5) == 5


@both_colours
@pytest.mark.parametrize(
    "on", [ValueError, (ValueError, KeyError), lambda error: False], ids=["a type", "types", "a predicate"]
)
@pytest.mark.parametrize("delay", [0, 1])
def test_everything_else_leaves_at_once(colour, on, delay):
    """Another error is not caught, and bears no word of attempts."""
    trial = Trial(Down("0"))

    with pytest.raises(Down) as caught:
        trial.run(trial.step(colour).retry(on=on, delay=delay), 5)

    assert trial.calls == 1
    assert "attempt" not in "".join(caught.value.__notes__)


def test_an_error_of_another_kind_ends_the_attempts():
    """What came before is told in its note."""
    trial = Trial(Down(), ValueError("no"))

    with pytest.raises(ValueError, match="no") as caught:
        trial.run(trial.step().retry(on=OSError), 5)

    assert caught.value.__notes__ == ["raised in flow 'call', at call, after 2 attempts"]


@pytest.mark.parametrize("on", [KeyboardInterrupt, (Down, asyncio.CancelledError), BaseException, (), 3, "x", Down("")])
def test_on_takes_exceptions_only(on):
    """What would catch a cancellation, or nothing, is refused when it is written."""
    with pytest.raises(DefinitionError):
        up.retry(on=on)


def test_a_failing_predicate_leaves():
    """Its own error does, with the one that it was asked about as its context."""
    trial = Trial(error := Down())

    with pytest.raises(ZeroDivisionError) as caught:
        trial.run(trial.step().retry(on=lambda error: 1 / 0), 5)

    assert caught.value.__context__ is error


# ------------------------------------------------------------------ after how long


@both_colours
@pytest.mark.parametrize(
    ("options", "times"),
    [
        ({"delay": 1}, [0, 1, 3, 7]),
        ({"delay": 1, "backoff": "linear"}, [0, 1, 3, 6]),
        ({"delay": 1, "backoff": "fibonacci"}, [0, 1, 2, 4]),
        ({"delay": 1, "backoff": "fixed"}, [0, 1, 2, 3]),
        ({"delay": 10, "max_delay": 15}, [0, 10, 25, 40]),
        ({"delay": timedelta(seconds=10), "max_delay": timedelta(seconds=15)}, [0, 10, 25, 40]),
        ({"backoff": Schedule.fixed(2).up_to(attempts=2).then(Schedule.fixed(5))}, [0, 2, 7, 12]),
        ({"backoff": Schedule.fixed(100), "max_delay": 20}, [0, 20, 40, 60]),
        ({"backoff": Schedule.fixed(100), "max_delay": 20, "deadline": 50}, [0, 20, 40]),
        ({"delay": 1, "deadline": 3}, [0, 1, 3]),
        ({"delay": 1, "deadline": timedelta(seconds=2.9)}, [0, 1]),
    ],
    ids=str,
)
def test_the_delays_are_those_of_the_policy(colour, options, times):
    """Attempts come when the schedule says."""
    trial = Trial(*down(10))

    with pytest.raises(Down):
        trial.run(trial.step(colour).retry(4, jitter="none", **options), 5)

    assert trial.times == times


@both_colours
def test_by_default_delays_are_drawn(colour):
    """From the random source of the context: full jitter over 0.1 s and 0.2 s."""
    trial = Trial(*down(2))
    draws = Random(7)
    one, two = draws.random() * 0.1, draws.random() * 0.2

    trial.run(trial.step(colour).retry(), 5, random=Random(7))

    assert trial.times == pytest.approx([0, one, one + two])


def test_a_schedule_is_followed_to_the_letter():
    """Neither jitter nor a number of attempts is added to one that is given."""
    trial = Trial(*down(9))

    trial.run(trial.step().retry(backoff=Schedule.fixed(1)), 5)

    assert trial.times == [*range(10)]


@both_colours
def test_the_deadline_of_a_context_comes_first(colour):
    """No attempt is waited for that would begin after it, and the note says so."""
    trial = Trial(*down(9))

    with pytest.raises(Down) as caught:
        trial.run(trial.step(colour).retry(9, 1, jitter="none"), 5, deadline=5)

    assert trial.times == [0, 1, 3]
    assert caught.value.__notes__[0].endswith(", after 3 attempts (the deadline of the context comes first)")


@both_colours
def test_the_deadline_of_a_part_comes_first_too(colour):
    """`.within` gives a part less time."""
    trial = Trial(*down(9))

    with pytest.raises(Down):
        trial.run(trial.step(colour).retry(9, 1, jitter="none").within(deadline=2), 5)

    assert trial.times == [0, 1]


def test_the_time_that_attempts_take_counts():
    """A deadline of the policy runs from the start of the first one."""
    trial = Trial(*down(9))

    def slow(x):
        trial.clock.move(4)
        return trial(x)

    with pytest.raises(Down):
        trial.run(flow(slow).retry(9, 1, "fixed", jitter="none", deadline=9.5), 5)

    assert trial.times == [4, 9]


def test_a_clock_that_cannot_wait_is_refused_when_it_has_to():
    """An own clock from before there was `wait` still serves async flows."""

    class Old:
        monotonic = ManualClock().monotonic
        now = ManualClock().now

        async def sleep(self, delay):
            pass

    trial = Trial(*down(3), clock=Old())
    with pytest.raises(DefinitionError, match="has no method `wait`"):
        context(clock=Old()).run(trial.step().retry(), 5)
    trial = Trial(*down(2), clock=Old())
    assert asyncio.run(context(clock=Old()).run(trial.step("async").retry(), 5)) == 5


# ------------------------------------------------------------------ waiting


def test_a_wait_can_be_cancelled():
    """The task that waits for the next attempt ends at once."""
    trial = Trial(*down(9))

    async def main():
        task = asyncio.ensure_future(context(clock=trial.clock).run(trial.step("async").retry(delay=60), 5))
        await trial.clock.advance(0)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled(), len(asyncio.all_tasks())

    assert asyncio.run(main()) == (True, 1)
    assert trial.calls == 1


@pytest.mark.parametrize("writing", ["step", "piece", "chunk", "branch", "deep"])
def test_a_wait_in_an_async_flow_never_blocks_the_loop(writing):
    """Also that of a sync part, wherever its code stands."""
    trial = Trial(*down(2))
    part = trial.step().retry(delay=1, jitter="none")
    if writing == "deep":
        for _ in range(30):
            part = when(bool, part, up)
    later = Trial().step("async")
    tree = {
        "step": lambda: part | later,
        "piece": lambda: later | (part | up).named("part") | later,
        "chunk": lambda: parallel(later, identity) | flow(lambda pair: pair[0]) | row([up] * 700 + [part]) | later,
        "branch": lambda: parallel(part, later),
        "deep": lambda: later | part | later,
    }[writing]()

    def refuse(delay):
        raise AssertionError("it blocks the thread")

    trial.clock.wait = refuse
    trial.run(tree, 5)

    assert trial.times == [0, 1, 3]


def row(steps):
    """Give a pipe."""
    whole = steps[0]
    for step in steps[1:]:
        whole = whole | step
    return whole


def test_a_started_sync_run_that_is_cancelled_stops_waiting():
    """The thread does not sit out its delay, and no attempt follows."""
    trial = Trial(*down(9))
    began = threading.Event()

    @flow
    def call(x):
        began.set()
        return trial(x)

    with context() as app:
        run = app.start(call.retry(delay=600, max_delay=600, jitter="none"), 5)
        began.wait(10)
        run.cancel("enough")
        with pytest.raises(Exception, match="enough"):
            run.result(timeout=10)
    assert trial.calls == 1


# ------------------------------------------------------------------ what is tried


@both_colours
def test_a_pipe_keeps_its_input_between_attempts(colour):
    """What a failed attempt made of it does not stand where the input did."""
    trial = Trial(*down(2))

    assert trial.run((up | trial.step(colour) | up).retry(), 5) == 7
    assert trial.seen == [6, 6, 6]


@both_colours
@pytest.mark.parametrize("watched", [False, True])
def test_a_retry_in_a_pipe_keeps_its_input(colour, watched):
    """Wherever its value stands."""
    trial = Trial(*down(2))
    tree = up | (up | up | trial.step(colour) | up).retry() | up

    assert trial.run(tree, 5, **({"observers": EventLog()} if watched else {})) == 10
    assert trial.seen == [8, 8, 8]


def test_several_arguments_are_passed_again():
    """Also keywords and defaults."""
    calls = []

    @flow
    def add(a, b=2, *, c=3):
        calls.append((a, b, c))
        if len(calls) < 3:
            raise Down
        return a + b + c

    assert add.retry(delay=0)(1, c=5) == 8
    assert calls == [(1, 2, 5)] * 3


def test_each_item_is_tried_by_itself():
    """A retry under a loop knows of one item."""
    trial = Trial(*down(2))

    assert trial.run(trial.step().retry().each(), [1, 2, 3]) == [1, 2, 3]
    assert trial.seen == [1, 1, 1, 2, 3]


def test_concurrent_calls_are_tried_by_themselves():
    """Each has its own attempts."""
    fails = {n: n % 3 for n in range(60)}

    @flow
    async def call(n):
        await asyncio.sleep(0)
        if fails[n]:
            fails[n] -= 1
            raise Down(n)
        return n

    assert asyncio.run(call.retry(delay=0).each(concurrency=60)(range(60))) == [*range(60)]


def test_an_iterator_is_never_given_twice():
    """The first attempt has read of it; the note says why there was no second one."""
    trial = Trial(*down(2))

    @flow
    def read(items):
        return trial(next(items))

    with pytest.raises(Down) as caught:
        trial.run(read.retry(), iter([1, 2, 3]))

    assert trial.seen == [1]
    assert caught.value.__notes__[0].endswith(
        ", after 1 attempt (its input is an iterator, which can be read only once)"
    )


@pytest.mark.parametrize("delay", [0, 1])
def test_neither_is_one_among_several_arguments(delay):
    """By position or by name."""
    for args, kwargs in (((1, iter("ab")), {}), ((1,), {"items": iter("ab")})):
        calls = []

        @flow
        def read(x, items):
            calls.append(next(items))  # noqa: B023
            raise Down

        with pytest.raises(Down):
            read.retry(delay=delay)(*args, **kwargs)
        assert calls == ["a"]


def test_what_can_be_read_again_is():
    """A list, a range, an object whose `__iter__` starts anew."""
    trial = Trial(*down(2))

    @flow
    def read(items):
        return trial([*items])

    assert trial.run(read.retry(), range(3)) == [0, 1, 2]


def test_each_attempt_is_undone_before_the_next():
    """What was done in one that failed is taken back first, in reverse order."""
    book, trial = [], Trial(*down(2))
    keep_ = flow(lambda x: book.append("do") or x).undo(flow(lambda x: book.append("undo")))

    trial.run((keep_ | trial.step()).retry(), 5)

    assert book == ["do", "undo", "do", "undo", "do"]


def test_what_the_last_attempt_did_is_undone_by_what_comes_after():
    """A success inside a retry is the scope's around it."""
    book, trial = [], Trial(*down(1))
    done = flow(lambda x: book.append("do") or x).undo(flow(lambda x: book.append("undo")))
    fail = Trial(*down(1)).step()

    with pytest.raises(Down):
        trial.run((done | trial.step()).retry() | fail, 5)

    assert book == ["do", "undo", "do", "undo"]


@both_colours
def test_an_undo_around_a_retry_sees_its_result(colour):
    """It is told once, of the attempt that succeeded."""
    book, trial = [], Trial(*down(1))
    fail = Trial(*down(1)).step()

    with pytest.raises(Down):
        trial.run(trial.step(colour).retry().undo(flow(book.append)) | fail, 5)

    assert book == [5]


@pytest.mark.filterwarnings("ignore:order-retry-in-retry")
def test_retries_nest():
    """Each of the outer attempts has all of the inner ones."""
    trial = Trial(*down(20))

    with pytest.raises(Down) as caught:
        trial.run(trial.step().retry(3).retry(2), 5)

    assert trial.calls == 6
    assert caught.value.__notes__ == ["raised in flow 'call', at call, after 3 attempts in each of 2 attempts"]


def test_a_caught_error_is_that_of_the_last_attempt():
    """A `try_with` around a retry is asked once."""
    trial = Trial(*down(9))
    tree = try_with(trial.step().retry(), flow(lambda failure: str(failure.error)))

    assert trial.run(tree, 5) == "2"


@both_colours
def test_stop_iteration_is_an_error_like_others(colour):
    """Also where a coroutine could not raise it."""
    trial = Trial(StopIteration(1), StopIteration(2))
    tree = trial.step() if colour == "sync" else trial.step() | Trial().step("async")

    assert trial.run(tree.retry(), 5) == 5


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"attempts": 0}, InvalidValue),
        ({"attempts": -1}, InvalidValue),
        ({"attempts": 2.5}, DefinitionError),
        ({"attempts": True}, DefinitionError),
        ({"attempts": "3"}, DefinitionError),
        ({"delay": -1}, InvalidValue),
        ({"delay": math.nan}, InvalidValue),
        ({"delay": "1"}, DefinitionError),
        ({"max_delay": -1}, InvalidValue),
        ({"max_delay": None}, DefinitionError),
        ({"deadline": -1}, InvalidValue),
        ({"backoff": "exponentiel"}, InvalidValue),
        ({"backoff": []}, InvalidValue),
        ({"backoff": None}, InvalidValue),
        ({"jitter": "some"}, InvalidValue),
        ({"jitter": []}, InvalidValue),
        ({"budget": 3}, DefinitionError),
        ({"idempotent": 1}, DefinitionError),
        ({"backoff": Schedule.fixed(1), "delay": 1}, DefinitionError),
        ({"attempts": Retry(), "delay": 1}, DefinitionError),
        ({"attempts": Retry(), "on": OSError}, DefinitionError),
        ({"attempts": Timeout(3)}, DefinitionError),
    ],
    ids=str,
)
def test_wrong_options_are_refused_when_they_are_written(options, error):
    """A number out of its range is also a `ValueError`."""
    with pytest.raises(error):
        up.retry(**options)


@pytest.mark.parametrize("wrong", [3, None, "retry", Retry, Schedule.fixed(1)])
def test_apply_takes_policies(wrong):
    """And says which there are."""
    with pytest.raises(DefinitionError, match="apply takes a policy"):
        up.apply(wrong)


def test_a_declared_write_is_not_repeated():
    """The error names the step, and the way out."""
    pay = flow(lambda x: x, name="pay", effects=Effect.WRITE | Effect.NETWORK)

    for tree in (pay, up | pay, keep(pay), pay.each(), parallel(up, pay)):
        with pytest.raises(DefinitionError, match="pay.*WRITE.*idempotent=True"):
            tree.retry()
        assert tree.retry(idempotent=True).colour == "sync"


def test_what_declares_a_write_later_is_refused_too():
    """On the retried flow itself."""
    with pytest.raises(DefinitionError, match="WRITE"):
        up.retry().with_meta(effects=Effect.WRITE)


def test_what_only_reads_is_repeated():
    """Any other declared effect, and an undeclared one."""
    assert flow(lambda x: x, effects=Effect.READ | Effect.NETWORK).retry()(3) == 3


# ------------------------------------------------------------------ the flow as a value


def samples():
    """Give retried flows that can be described and pickled."""
    yield up.retry()
    yield up.retry(4, 0.5, "linear", OSError, jitter="equal", max_delay=3, deadline=60, idempotent=True)
    yield up.retry(on=(OSError, ValueError))
    yield (up | up).retry(backoff=(Schedule.fixed(1) | Schedule.linear(2)).jittered().up_to(attempts=4))
    yield up.retry(budget=RetryBudget(0.5, 3))
    yield up.retry().named("again")


@pytest.mark.parametrize("number", range(6))
def test_a_retried_flow_is_a_value(number):
    """Two written alike are equal; it is rebuilt from its description, and pickled."""
    one, other = list(samples())[number], list(samples())[number]

    assert one == other
    assert hash(one) == hash(other)
    assert rebuild(one.describe()) == one
    assert pickle.loads(pickle.dumps(one)) == one
    assert one != up


def test_options_make_a_difference():
    """Two policies are equal where all their arguments are."""
    assert up.retry(3) != up.retry(4)
    assert up.retry(3) != up.retry()
    assert up.retry(delay=1) == up.retry(delay=1.0) == up.retry(delay=timedelta(seconds=1))


def test_a_policy_is_a_value_that_serves_many_flows():
    """Passed to `retry` or to `apply` it is the same as its arguments."""
    policy = Retry(4, on=OSError)

    assert up.retry(policy) == up.apply(policy) == up.retry(4, on=OSError)
    assert policy.replace(attempts=5) == Retry(5, on=OSError)
    assert hash(policy) == hash(Retry(4, on=OSError))
    assert pickle.loads(pickle.dumps(policy)) == policy


def test_a_retried_flow_keeps_colour_name_and_signature():
    """It stands for the function that it tries."""

    @flow
    async def load(key: str, *, fresh: bool = False) -> bytes:
        """Load it."""
        raise Down

    tried = load.retry()

    assert isinstance(tried, AsyncFlow)
    assert inspect.iscoroutinefunction(tried)
    assert (tried.name, tried.__name__, tried.__doc__) == ("load", "load", "Load it.")
    assert inspect.signature(tried) == inspect.signature(load)
    assert tried.__annotations__ == load.__annotations__
    assert isinstance(up.retry(), Flow)


def test_it_prints_as_its_tree():
    """With the options that are not the default."""
    shown = repr((up | up.retry(4, on=(OSError, ValueError), backoff="fixed")).named("job"))

    assert "retry(attempts=4, backoff='fixed', on=(OSError, ValueError))" in shown
    assert repr(up.retry()).count("retry") == 1


def test_a_method_binds():
    """Made in a class body, the retried flow takes `self`."""

    class Shop:
        def __init__(self):
            self.calls = 0

        @flow
        def raw(self, x):
            self.calls += 1
            if self.calls < 3:
                raise Down
            return x, self.calls

        load = raw.retry(delay=0)

    assert Shop().load(7) == (7, 3)


def test_a_policy_adds_no_segment_to_a_path():
    """The part that is tried has the place that it had."""
    assert [path for path, _ in walk((up | up.retry()).named("job"))] == [
        "job", "job/up", "job", "job/up#2",
    ]  # fmt: skip


def test_the_context_inside_is_the_callers():
    """In every attempt."""
    seen, trial = [], Trial(*down(2))
    tree = (flow(lambda x: seen.append(current_context().tenant) or x) | trial.step()).retry()

    trial.run(tree, 5, tenant="acme")

    assert seen == ["acme"] * 3
