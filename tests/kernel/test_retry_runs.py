"""Retries in runs: events, places, log records, notes, configuration, other places."""

import asyncio
import logging
from pathlib import Path

import pytest

from omnitron import (
    CallFailed,
    CallStarted,
    Config,
    DefinitionError,
    EventLog,
    InvalidValue,
    MissingCapability,
    Replace,
    RetryBudget,
    RunFilter,
    context,
    current_step,
    fallback,
    flow,
    parallel,
)

from .trying import Down, Trial, down

both_colours = pytest.mark.parametrize("colour", ["sync", "async"])
FLAKY = Path(__file__).parent / "flaky.py"


@flow
def up(x):
    return x + 1


def note(call):
    """Give the one note with which a call fails."""
    with pytest.raises(Exception) as caught:
        call()
    (one,) = caught.value.__notes__
    return one


# ------------------------------------------------------------------ events and places


@both_colours
def test_events_tell_the_attempt(colour):
    """Each try of each step in it, and nothing else, has its ordinal."""
    trial, log = Trial(*down(2)), EventLog()
    tree = (up | (up | trial.step(colour)).retry() | up).named("job")

    trial.run(tree, 5, observers=log)

    starts = [(event.path, event.attempt) for event in log.events if isinstance(event, CallStarted)]
    assert starts == [
        ("job", 1),
        ("job/up", 1),
        ("job/up#2", 1),
        ("job/call", 1),
        ("job/up#2", 2),
        ("job/call", 2),
        ("job/up#2", 3),
        ("job/call", 3),
        ("job/up#3", 1),
    ]
    assert [event.attempt for event in log.events if isinstance(event, CallFailed)] == [1, 2]


@both_colours
def test_a_retry_as_the_whole_flow_is_seen_once_an_attempt(colour):
    """It has no boundary of its own, and the place of what it tries."""
    trial, log = Trial(*down(1)), EventLog()

    trial.run(trial.step(colour).retry(), 5, observers=log)

    seen = [(type(event).__name__, event.path, event.attempt) for event in log.events]
    assert seen == [
        ("CallStarted", "call", 1),
        ("CallFailed", "call", 1),
        ("CallStarted", "call", 2),
        ("CallFinished", "call", 2),
    ]


@pytest.mark.filterwarnings("ignore:order-retry-in-retry")
def test_the_innermost_retry_counts():
    """A retry within another starts anew."""
    trial, log = Trial(*down(3)), EventLog()

    trial.run(trial.step().retry(2).retry(2), 5, observers=log)

    assert [event.attempt for event in log.events if isinstance(event, CallStarted)] == [1, 2, 1, 2]


@both_colours
def test_a_step_knows_its_attempt_and_keeps_its_key(colour):
    """What a service takes for one request stays one."""
    trial, seen = Trial(*down(2)), []

    def call(x):
        step = current_step()
        seen.append((step.attempt, step.path, step.key))
        return trial(x)

    async def call_later(x):
        return call(x)

    trial.run(flow(call if colour == "sync" else call_later, name="call").retry(), 5)

    assert [attempt for attempt, _, _ in seen] == [1, 2, 3]
    assert len({(path, key) for _, path, key in seen}) == 1


@both_colours
def test_flows_called_in_a_body_keep_path_and_attempt(colour):
    """Calls from a site are counted anew in each attempt; a called flow that tries again itself counts for itself."""
    trial, log = Trial(*down(2)), EventLog()

    def inside(x):
        return current_step().path, current_step().attempt

    inner = flow(inside)

    @flow
    def body(x):
        found = [inner(x), inner(x)]
        trial(x)
        return found

    @flow
    async def body_later(x):
        found = [inner(x), inner(x)]
        trial(x)
        return found

    tree = (body if colour == "sync" else body_later).retry().named("b")
    found = trial.run(tree, 5, observers=log)

    starts = [
        (event.path, event.attempt) for event in log.events if "inside" in event.path and isinstance(event, CallStarted)
    ]
    first = [path for path, attempt in starts if attempt == 1]
    assert [path for path, attempt in starts if attempt == 3] == first
    assert [attempt for _, attempt in found] == [3, 3]
    assert len(set(first)) == 2


def test_log_records_tell_the_attempt():
    """As do events."""
    trial, records = Trial(*down(2)), []

    class Keep(logging.Handler):
        def emit(self, record):
            records.append((record.getMessage(), record.path, record.attempt))

    logger = logging.getLogger("tests.retry")
    handler = Keep()
    handler.addFilter(RunFilter())
    logger.addHandler(handler)

    def call(x):
        logger.warning("trying")
        return trial(x)

    try:
        trial.run(flow(call).retry(), 5, observers=EventLog())
    finally:
        logger.removeHandler(handler)

    assert records == [("trying", "call", 1), ("trying", "call", 2), ("trying", "call", 3)]


def test_a_guard_sees_every_attempt():
    """And may refuse one; its error is tried again like others, or not."""
    trial, asked = Trial(*down(2)), []

    class Once:
        def check(self, call):
            asked.append(call.attempt)
            return Replace("instead") if call.attempt == 3 else None

    assert trial.run(trial.step().retry(), 5, guards=Once()) == "instead"
    assert asked == [1, 2, 3]


def test_a_fake_is_tried_like_what_it_replaces():
    """By name and by path."""
    fake = Trial(*down(2))
    tree = (up | up.named("far").retry()).named("job")

    assert fake.run(tree, 5, replace={"job/far": fake}) == 6
    assert fake.calls == 3


def test_a_refused_capability_is_refused():
    """Before anything runs."""
    trial = Trial()
    tree = trial.step(capabilities={"net:x"}).retry()

    with pytest.raises(MissingCapability):
        trial.run(tree, 5, capabilities=set())
    assert trial.calls == 0


@both_colours
@pytest.mark.parametrize("wrap", ["within", "timeout", "thread", "executor"])
def test_whatever_stands_between_keeps_the_attempt(colour, wrap):
    """A retry around a part that runs in a derived context, in time, or elsewhere."""
    trial, log = Trial(*down(2)), EventLog()

    class Here:
        async def execute(self, place, flow, args, kwargs):
            return await flow.acall(*args, **kwargs)

    part = up | trial.step(colour)
    part = {
        "within": lambda: part.within(tenant="acme"),
        "timeout": lambda: part.on("local").timeout(60),
        "thread": lambda: part.on("thread"),
        "executor": lambda: part.on("here"),
    }[wrap]()

    trial.run(part.retry(delay=0), 5, observers=log, executor=Here())

    seen = [event.attempt for event in log.events if isinstance(event, CallStarted) and event.path.endswith("/call")]
    assert seen == [1, 2, 3]


# ------------------------------------------------------------------ notes


@pytest.mark.parametrize("delay", [0, 0.0001])
@pytest.mark.parametrize("watched", [False, True])
def test_the_note_counts_attempts(delay, watched):
    """Behind the place of the step that failed."""
    trial = Trial(*down(9))
    tree = (up | (up | trial.step()).retry(delay=delay) | up).named("job")
    run = (lambda: trial.run(tree, 5, observers=EventLog())) if watched else (lambda: tree(5))

    assert note(run) == "raised in flow 'job', at job/call, after 3 attempts"


def test_one_attempt_is_no_word_worth():
    """The note is that of any flow."""
    trial = Trial(*down(9))

    assert note(lambda: trial.run(trial.step().retry(1), 5)) == "raised in flow 'call', at call"


@pytest.mark.filterwarnings("ignore:order-retry-in-retry")
@pytest.mark.parametrize("delay", [0, 0.0001])
def test_one_error_object_may_be_raised_by_every_attempt(delay):
    """As fakes do: what it told of attempts before is not added up."""
    error = Down("always")

    def call(x):
        raise error

    once = flow(call).retry(delay=delay)
    tree = once.retry(2, delay)

    for _ in range(3):
        assert note(lambda: tree(5)) == "raised in flow 'call', at call, after 3 attempts in each of 2 attempts"
        assert note(lambda: once(5)) == "raised in flow 'call', at call, after 3 attempts"
        assert note(lambda: flow(call).named("x").retry(1)(5)) == "raised in flow 'x', at x"


def test_attempts_of_flows_called_in_a_body_are_told():
    """Those of the flow that was called, in each of those of the body."""
    trial = Trial(*down(99))
    inner = trial.step().retry(2, 0)
    outer = flow(lambda x: inner(x), name="outer").retry(3, 0)

    assert note(lambda: outer(5)) == "raised in flow 'outer', at outer/call, after 2 attempts in each of 3 attempts"


def test_the_number_of_an_item_stays_in_the_note():
    """Of a loop and of a stream."""

    def call(x):
        if x == 2:
            raise Down(x)
        return x

    tree = flow(call).retry(2, 0)

    assert note(lambda: tree.each()([0, 1, 2])).endswith("/call, after 2 attempts")
    assert note(lambda: list(tree.stream()([0, 1, 2]))).endswith("/call, item 2, after 2 attempts")


def test_a_parallel_around_tells_of_the_branch_that_failed():
    """Siblings are noted beside."""
    trial = Trial(*down(99))

    assert note(lambda: parallel(up, trial.step().retry(2, 0))(5)).endswith("/call, after 2 attempts")


def test_an_error_that_refuses_notes_leaves_as_it_is():
    """Nothing is added to it."""

    class Bare(Exception):
        __slots__ = ()

        def add_note(self, note):
            raise TypeError("no notes")

        def __setattr__(self, name, value):
            raise AttributeError(name)

    def call(x):
        raise Bare

    with pytest.raises(Bare):
        flow(call).retry(delay=0)(5)


def test_notes_of_the_user_stay():
    """Ours stands beside them."""

    def call(x):
        error = Down(x)
        error.add_note("mine, after 9 lives")
        raise error

    with pytest.raises(Down) as caught:
        flow(call).retry(2, 0)(5)

    assert caught.value.__notes__ == ["mine, after 9 lives", "raised in flow 'call', at call, after 2 attempts"]


def test_a_fallback_after_attempts_notes_its_own_error():
    """What leaves is the last flow's."""
    trial, other = Trial(*down(99)), Trial(*down(99))
    tree = fallback(trial.step().retry(2, 0), other.step().named("other").retry(3, 0))

    with pytest.raises(Down) as caught:
        tree(5)

    assert caught.value.__notes__ == [
        "raised in flow 'fallback', at fallback/other, after 3 attempts",
        "raised before it: Down('1') in fallback/call",
    ]


# ------------------------------------------------------------------ configuration


def test_a_configuration_tunes_a_retry():
    """By the path of what is tried."""
    trial = Trial(*down(9))
    config = Config({"job/call": {"attempts": 5, "delay": 2, "backoff": "fixed", "jitter": "none", "max_delay": 1.5}})

    with pytest.raises(Down):
        trial.run((up | trial.step().retry()).named("job"), 5, config=config)

    assert trial.times == [0, 1.5, 3, 4.5, 6]


def test_a_file_and_the_environment_tune_a_retry(tmp_path):
    """The environment comes last."""
    file = tmp_path / "tuning.toml"
    file.write_text('[tool.omnitron.flows."call"]\nattempts = 5\ndelay = 1\njitter = "none"\ndeadline = 100\n')
    config = Config.read(file, environ={"OMNITRON_FLOWS__CALL__ATTEMPTS": "2"})
    trial = Trial(*down(9))

    with pytest.raises(Down):
        trial.run(trial.step().retry(), 5, config=config)

    assert trial.times == [0, 1]


@pytest.mark.parametrize(
    ("values", "error", "says"),
    [
        ({"attempts": 0}, InvalidValue, "at least 1"),
        ({"attempts": "many"}, DefinitionError, "whole number"),
        ({"delay": -1}, InvalidValue, "`delay`"),
        ({"backoff": "cubic"}, InvalidValue, "`backoff` is one of"),
        ({"jitter": "some"}, InvalidValue, "`jitter` is one of"),
        ({"attemps": 3}, DefinitionError, "attempts"),
        ({"on": "OSError"}, DefinitionError, "on"),
    ],
    ids=str,
)
def test_an_error_of_a_configuration_names_its_source(tmp_path, values, error, says):
    """And what is wrong with the value."""
    (name, value), file = *values.items(), tmp_path / "tuning.toml"
    file.write_text(f'[tool.omnitron.flows."call"]\n{name} = {value!r}\n')

    with pytest.raises(error, match=says) as caught:
        Config.read(file).apply(Trial().step().retry())

    assert "tuning.toml" in str(caught.value)


def test_tuning_keeps_the_budget():
    """It is the flow's own, whatever else changes."""
    budget = RetryBudget(ratio=0, burst=2)
    tuned = Config({"call": {"attempts": 9}}).apply(Trial().step().retry(budget=budget))

    assert tuned.node.budget is budget
    assert tuned.node.attempts == 9


# ------------------------------------------------------------------ other places


def test_a_retry_around_a_thread():
    """The work is handed over anew in each attempt."""
    trial = Trial(*down(2))

    assert asyncio.run(trial.step().on("thread").retry(delay=0)(5)) == 5
    assert trial.calls == 3


def test_a_retry_on_a_thread():
    """It waits there; the loop goes on."""
    trial = Trial(*down(2))

    assert asyncio.run(trial.step().retry(delay=0.0001).on("thread")(5)) == 5


@pytest.mark.real
def test_events_of_a_process_tell_the_attempt(tmp_path):
    """Those that come back with its answer."""
    from .flaky import flaky

    log = EventLog()
    tree = (flow(flaky) | flow(abs)).on("process").retry(delay=0)

    asyncio.run(context(observers=log).run(tree, (str(tmp_path / "a"), 2)))

    starts = [event.attempt for event in log.events if isinstance(event, CallStarted) and event.path.endswith("flaky")]
    assert starts == [1, 2, 3]


@pytest.mark.real
@pytest.mark.parametrize("where", ["around", "inside"])
def test_a_retry_and_a_process(tmp_path, where):
    """The error comes back with its note, which tells of the attempts that were made there."""
    from .flaky import flaky

    step = flow(flaky)
    tree = step.on("process").retry(delay=0) if where == "around" else step.retry(delay=0).on("process")

    assert asyncio.run(context().run(tree, (str(tmp_path / "a"), 2))) == 3
    told = note(lambda: asyncio.run(context().run(tree, (str(tmp_path / "b"), 9))))
    assert told == "raised in flow 'flaky', at flaky, after 3 attempts"
