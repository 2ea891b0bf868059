"""The same job written as a tree and as a function that calls flows: what watches and bounds a run sees no difference."""

import asyncio
import re
from functools import partial
from types import SimpleNamespace

import pytest

from omnitron import (
    CallStarted,
    DeadlineExceeded,
    EventLog,
    Failure,
    MissingCapability,
    Replace,
    Tracing,
    context,
    flow,
    parallel,
    try_with,
    when,
)
from omnitron.testing import ManualClock

from .test_outside import repeat_until


class Stage:
    """What the steps of one test do: they write down, they turn the clock, they stop at a gate, they fail."""

    def __init__(self):
        self.log = []
        self.clock = ManualClock()
        self.fails = set()
        self.takes = {}
        self.stops = set()
        self.gate = None

    def enter(self, word, value):
        self.log.append((word, value.input if isinstance(value, Failure) else value))
        self.clock.move(self.takes.get(word, 0))
        if word in self.fails:
            raise LookupError(word)


def sync_steps(stage):
    """Make sync flows that work on a stage."""

    def step(word, result, **facts):
        def run(x):
            stage.enter(word, x)
            return result(x)

        return flow(run, name=word, **facts)

    return named_steps(step)


def async_steps(stage):
    """Make async flows that do the same, each with a suspension."""

    def step(word, result, **facts):
        async def run(x):
            stage.enter(word, x)
            await asyncio.sleep(0)
            if word in stage.stops:
                stage.gate.set()
                await asyncio.Event().wait()
            return result(x)

        return flow(run, name=word, **facts)

    return named_steps(step)


def named_steps(step):
    """Make the steps of all jobs."""
    return SimpleNamespace(
        first=step("first", lambda x: x + 1),
        second=step("second", lambda x: x * 2),
        third=step("third", lambda x: x - 3, capabilities={"db:write"}),
        test=step("test", lambda x: x > 1),
        recover=step("recover", lambda failure: -failure.input),
        finish=step("finish", lambda x: None),
    )


# ------------------------------------------------------------------ the jobs: a tree, and two bodies that do the same


def sequence_job(s):
    def body(x):
        return s.third(s.second(s.first(x)))

    async def late(x):
        return await s.third(await s.second(await s.first(x)))

    return (s.first | s.second | s.third).named("whole"), body, late


def parallel_job(s):
    def body(x):
        return (s.first(x), s.second(x), s.third(x))

    async def late(x):
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(step(x)) for step in (s.first, s.second, s.third)]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return tuple(task.result() for task in tasks)

    return parallel(s.first, s.second, s.third).named("whole"), body, late


def gathered_job(s):
    def body(x):
        return tuple(step(x) for step in (s.first, s.second, s.third))

    async def late(x):
        return tuple(await asyncio.gather(s.first(x), s.second(x), s.third(x)))

    return parallel(s.first, s.second, s.third).named("whole"), body, late


def when_job(s):
    def body(x):
        return s.first(x) if s.test(x) else s.third(x)

    async def late(x):
        return await s.first(x) if await s.test(x) else await s.third(x)

    return when(s.test, s.first, s.third).named("whole"), body, late


def try_job(s):
    def body(x):
        try:
            try:
                return s.second(s.first(x))
            except LookupError as error:
                return s.recover(Failure(error, x, ""))
        finally:
            s.finish(x)

    async def late(x):
        try:
            try:
                return await s.second(await s.first(x))
            except LookupError as error:
                return await s.recover(Failure(error, x, ""))
        finally:
            await s.finish(x)

    return try_with(s.first | s.second, s.recover, s.finish, on=LookupError).named("whole"), body, late


def loop_job(s):
    def body(x):
        for _ in range(3):
            x = s.second(x)
            if s.test(x):
                break
        return x

    async def late(x):
        for _ in range(3):
            x = await s.second(x)
            if await s.test(x):
                break
        return x

    return repeat_until(s.second, s.test, 3).named("whole"), body, late


def each_job(s):
    def body(items):
        return [s.second(item) for item in items]

    async def late(items):
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(s.second(item)) for item in items]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    return s.second.each().named("whole"), body, late


JOBS = {
    "sequence": (sequence_job, 1),
    "parallel": (parallel_job, 1),
    "gather": (gathered_job, 1),
    "when": (when_job, 2),
    "when not": (when_job, 0),
    "try": (try_job, 1),
    "loop": (loop_job, 1),
    "each": (each_job, (1, 2, 3)),
}
STEPS = {"sync": sync_steps, "async": async_steps}
every_job = pytest.mark.parametrize("job", JOBS)
both_colours = pytest.mark.parametrize("colour", STEPS)
nested = pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a tree"])


class Outcome:
    """What became of a run, in a form that two writings of one job share."""

    def __init__(self, stage, tracer, events, result):
        self.result = shown(result)
        self.log = stage.log
        self.spans = [span_facts(span, tracer.spans) for span in tracer.spans]
        self.events = [(type(event).__name__, plain_path(event.path), event.attempt) for event in events]
        self.notes = getattr(result, "__notes__", None)
        self.error = result


def shown(result):
    return (type(result).__name__, str(result)) if isinstance(result, BaseException) else result


def plain_path(path):
    """Give a path without what a body adds to it, and without the numbers that a tree has instead."""
    return re.sub(r"@[\w<>.]+\[\d+\]|\[\d+\]|#\d+", "", path)


def span_facts(span, spans):
    parents = {(one.run_id, one.span_id): one.name for one in spans}
    parent = parents.get((span.run_id, span.parent_id))
    return span.name, parent, plain_path(span.path), span.status, type(span.error).__name__, span.duration_s


def outcomes(job, colour, prepare=lambda stage: None, *, inside=False, drive=None, **options):
    """Run a job in both writings on stages of their own; give what became of each."""
    make, value = JOBS[job]
    found = []
    for writing in ("tree", "body"):
        stage = Stage()
        prepare(stage)
        tree, body, late = make(STEPS[colour](stage))
        whole = tree if writing == "tree" else flow(late if colour == "async" else body, name="whole")
        if inside:
            whole = (flow(lambda x: x, name="begin") | whole).named("outer")
        tracer, log = Tracing(), EventLog()
        ctx = context(tracer=tracer, observers=[log], clock=stage.clock, **options)
        result = becomes(partial(ctx.run, whole, value), stage, colour, drive)
        found.append(Outcome(stage, tracer, log.events, result))
    return found


def becomes(call, stage, colour, drive):
    """Give the result of a call of either colour, or what it raised."""

    async def main():
        stage.gate = asyncio.Event()
        running = asyncio.ensure_future(call())
        if drive is not None:
            await drive(running, stage)
        try:
            return await running
        finally:
            assert asyncio.all_tasks() == {asyncio.current_task()}

    try:
        return asyncio.run(main()) if colour == "async" else call()
    except (Exception, asyncio.CancelledError) as error:
        return error


def by_place(facts):
    """Give facts without the order in which things that run at once were seen."""
    return sorted(facts, key=repr)


@nested
@both_colours
@every_job
def test_results_spans_and_events_are_the_same(job, colour, inside):
    """Values, effects, names, parents, statuses, times and events do not tell the two writings apart."""
    tree, body = outcomes(job, colour, inside=inside)

    assert body.result == tree.result
    assert by_place(body.spans) == by_place(tree.spans)
    assert by_place(body.events) == by_place(tree.events)
    assert by_place(body.log) == by_place(tree.log)


@both_colours
@pytest.mark.parametrize("job", ["sequence", "when", "try", "loop"])
def test_what_runs_in_order_is_seen_in_order(job, colour):
    """Where nothing runs at once, the events come in the same order too."""
    tree, body = outcomes(job, colour)

    assert (body.events, body.log) == (tree.events, tree.log)


@pytest.mark.parametrize("job", JOBS)
def test_sync_jobs_are_seen_in_order(job):
    """Sync flows run in order in every combinator."""
    tree, body = outcomes(job, "sync")

    assert (body.events, body.log) == (tree.events, tree.log)


@both_colours
@every_job
def test_errors_leave_with_the_same_note(job, colour):
    """The user's own error leaves both, with one note that names the same place of the tree that the job is in."""
    tree, body = outcomes(job, colour, lambda stage: stage.fails.update({"second", "test", "recover"}), inside=True)

    assert body.result == tree.result
    assert body.notes[-1] == tree.notes[-1]
    assert len(body.notes) == 1


@both_colours
@pytest.mark.parametrize("job", sorted(set(JOBS) - {"gather"}))
def test_failed_runs_are_seen_alike(job, colour):
    """The failing step and all around it fail, siblings that run are cancelled, the rest never starts."""
    tree, body = outcomes(job, colour, lambda stage: stage.fails.update({"second", "test", "recover"}))

    assert by_place(body.spans) == by_place(tree.spans)
    assert by_place(body.log) == by_place(tree.log)


@both_colours
def test_a_handled_error_is_seen_alike(colour):
    """What is caught fails its step only, and the clean-up is seen."""
    tree, body = outcomes("try", colour, lambda stage: stage.fails.add("second"))

    assert (
        (body.result, body.spans, body.events)
        == (tree.result, tree.spans, tree.events)
        == (-1, *[tree.spans, tree.events])
    )


async def cancel_at_gate(running, stage):
    """Cancel a run once a step of it stands still."""
    await stage.gate.wait()
    running.cancel()


@every_job
def test_cancellation_from_outside_ends_both(job):
    """It reaches the step that waits, its spans are cancelled, nothing runs on."""

    def prepare(stage):
        stage.stops.update({"second", "test"})

    tree, body = outcomes(job, "async", prepare, drive=cancel_at_gate)

    assert type(body.error) is type(tree.error) is asyncio.CancelledError
    assert by_place(body.spans) == by_place(tree.spans)
    assert "cancelled" in {span[3] for span in body.spans}


async def turn_clock(running, stage):
    """Let the time of a run be over while a step of it stands still."""
    await stage.gate.wait()
    await stage.clock.advance(60)


@every_job
def test_a_deadline_ends_both_while_they_wait(job):
    """An async run is cancelled when its time is over, and says so."""

    def prepare(stage):
        stage.stops.update({"second", "test"})

    tree, body = outcomes(job, "async", prepare, drive=turn_clock, deadline=30)

    assert type(body.error) is type(tree.error) is DeadlineExceeded
    assert str(body.error) == str(tree.error)
    assert by_place(body.spans) == by_place(tree.spans)


@every_job
def test_a_deadline_stops_sync_steps_of_both(job):
    """A sync run is stopped at the next boundary after its time is over, past every handler."""

    def prepare(stage):
        stage.takes |= {"first": 60, "second": 60, "test": 60}

    tree, body = outcomes(job, "sync", prepare, deadline=30)

    assert type(body.error) is type(tree.error) is DeadlineExceeded
    assert plain_path(str(body.error)) == plain_path(str(tree.error))
    assert (body.log, body.spans) == (tree.log, tree.spans)


class Refuse:
    """A guard over one name."""

    def __init__(self, name, answer):
        self.name, self.answer, self.asked = name, answer, []

    def check(self, call):
        self.asked.append((call.flow, plain_path(call.path), call.args))
        if call.flow == self.name:
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer
        return None


@both_colours
@every_job
def test_guards_are_asked_and_refuse_alike(job, colour):
    """A guard sees the same calls, and what it raises ends both in the same way."""
    guards = [Refuse("second", PermissionError("no")), Refuse("test", PermissionError("no"))]
    tree, body = outcomes(job, colour, guards=guards)
    half = len(guards[0].asked) // 2

    assert body.result == tree.result
    assert by_place(body.log) == by_place(tree.log)
    assert by_place(guards[0].asked[half:]) == by_place(guards[0].asked[:half])


@both_colours
@every_job
def test_guards_answer_alike(job, colour):
    """What a guard puts in the place of a step is used by both."""
    guards = [Refuse("second", Replace(100)), Refuse("test", Replace(False))]
    tree, body = outcomes(job, colour, guards=guards)

    assert body.result == tree.result
    assert by_place(body.spans) == by_place(tree.spans)


@both_colours
@pytest.mark.parametrize("job", ["sequence", "parallel", "gather", "when not"])
def test_missing_capabilities_are_refused_with_the_place(job, colour):
    """Both are refused before the step that asks, naming what is missing and where; the tree before anything runs."""
    tree, body = outcomes(job, colour, inside=True, capabilities={"net:*"})
    ((name, (wanted,)),) = tree.error.missing.items()
    ((same, (path,)),) = body.error.missing.items()

    assert type(body.error) is type(tree.error) is MissingCapability
    assert (same, plain_path(path)) == (name, wanted) == ("db:write", "outer/whole/third")
    assert tree.log == []
    assert "third" not in {word for word, _ in body.log}


@both_colours
@every_job
def test_held_capabilities_are_enough_for_both(job, colour):
    """A context that holds what is asked for changes nothing."""
    tree, body = outcomes(job, colour, capabilities={"db:*"})

    assert body.result == tree.result
    assert by_place(body.spans) == by_place(tree.spans)


# ------------------------------------------------------------------ what only bodies can do


class Slow:
    """An asynchronous observer."""

    def __init__(self):
        self.seen = []

    async def observe(self, event):
        await asyncio.sleep(0)
        self.seen.append((type(event).__name__, plain_path(event.path)))


def test_asynchronous_observers_see_sync_flows_in_both():
    """An async job with sync steps is seen whole by an observer that awaits, and in order."""
    stage = Stage()
    first, second = sync_steps(stage).first, sync_steps(stage).second
    last = async_steps(stage).finish

    async def body(x):
        return await last(second(first(x)))

    found = []
    for whole in ((first | second | last).named("whole"), flow(body, name="whole")):
        slow = Slow()
        asyncio.run(context(observers=[slow]).run(whole, 1))
        found.append(slow.seen)

    assert found[0] == found[1]
    assert len(found[0]) == 8


def test_an_asynchronous_observer_that_fails_at_a_sync_flow_is_logged(caplog):
    """What it raises later is reported with the event that it was about."""

    class Broken:
        async def observe(self, event):
            raise RuntimeError(event.path)

    step = flow(lambda x: x, name="step")

    async def body(x):
        return step(x)

    assert asyncio.run(context(observers=[Broken()]).run(flow(body), 1)) == 1
    assert [plain_path(record.path) for record in caplog.records] == ["body", "body/step", "body/step", "body"]


def test_calling_an_async_flow_never_raises_in_a_body():
    """What is refused raises when it is awaited, so that siblings which were called are not lost."""
    stage = Stage()
    steps = async_steps(stage)

    async def body(x):
        one, two = steps.first(x), steps.third(x)
        with pytest.raises(MissingCapability):
            await two
        return await one

    assert asyncio.run(context(capabilities=set()).run(flow(body), 1)) == 2


@pytest.mark.parametrize("colour", STEPS)
def test_acall_has_the_place_of_its_caller(colour):
    """A body that takes either colour is numbered as it calls, also when it gathers."""
    step = STEPS[colour](Stage()).first
    pair = (step | step).named("pair")

    async def body(x):
        await asyncio.gather(*(step.acall(n) for n in range(2)))
        return await asyncio.gather(pair.acall(x), step.acall(x))

    log = EventLog()
    asyncio.run(context(observers=[log]).run(flow(body), 1))
    places = {event.path for event in log.events if event.path.count("/") == 1}

    assert sorted(places) == [
        "body/first@4[0]", "body/first@<genexpr>.0[0]", "body/first@<genexpr>.0[1]", "body/pair@3[0]",
    ]  # fmt: skip


def test_a_body_is_bounded_by_its_own_place():
    """A flow that a body calls in another place is seen beneath the call, as in a tree."""
    step = flow(lambda x: x + 1, name="step").on("thread")

    async def body(x):
        return await step(await step(x))

    found = []
    for whole in ((step | step).named("whole"), flow(body, name="whole")):
        tracer = Tracing()
        assert asyncio.run(context(tracer=tracer).run(whole, 1)) == 3
        found.append([(span.name, plain_path(span.path), span.parent_id, span.status) for span in tracer.spans])

    assert found[0] == found[1]


@both_colours
def test_a_body_that_calls_itself_is_seen_level_by_level(colour):
    """Recursion through flows makes paths that nest."""

    def down(x):
        return 0 if x == 0 else whole(x - 1)

    async def late_down(x):
        return 0 if x == 0 else await whole(x - 1)

    whole = flow(down if colour == "sync" else late_down, name="down")
    log = EventLog()
    run = context(observers=[log]).run(whole, 2)
    assert (asyncio.run(run) if colour == "async" else run) == 0

    starts = [event.path.count("/") for event in log.events if isinstance(event, CallStarted)]
    assert starts == [0, 1, 2]
