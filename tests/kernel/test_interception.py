"""The one place to watch: observers, hooks, tracing, event log, guards."""

import asyncio
import contextvars
import functools
import gc
import logging
import pickle
import threading

import pytest

from omnitron import (
    CallFailed,
    CallFinished,
    CallStarted,
    DeadlineExceeded,
    DefinitionError,
    EventLog,
    Hooks,
    RunCancelled,
    Tracing,
    context,
    flow,
    parallel,
    try_with,
    when,
)
from omnitron.model import Replace
from omnitron.testing import ManualClock


@flow
def parse(text):
    return int(text)


@flow
def double(x):
    return 2 * x


@flow
async def late_double(x):
    await asyncio.sleep(0)
    return 2 * x


def seen(log):
    """Give kind and path of each event."""
    return [(type(event).__name__, event.path) for event in log.events]


def watched(f, *args):
    """Run a flow under an event log, give the log."""
    log = EventLog()
    result = context(observers=[log]).run(f, *args)
    if asyncio.iscoroutine(result):
        asyncio.run(result)
    return log


@pytest.mark.parametrize("step", [double, late_double.named("double")], ids=["sync", "async"])
def test_every_boundary_is_seen_in_order(step):
    """Start and finish of the whole and of each part, nested."""
    log = watched((parse | step).named("whole"), "2")

    assert seen(log) == [
        ("CallStarted", "whole"),
        ("CallStarted", "whole/parse"),
        ("CallFinished", "whole/parse"),
        ("CallStarted", "whole/double"),
        ("CallFinished", "whole/double"),
        ("CallFinished", "whole"),
    ]


def test_a_lone_step_is_one_boundary():
    """A step by itself starts and finishes once."""
    assert seen(watched(double, 2)) == [("CallStarted", "double"), ("CallFinished", "double")]


def test_events_carry_what_happened():
    """Flow, path, attempt, run, input, output and duration are on the event."""
    start, finish = watched(double, 2).events

    assert (start.flow, start.path, start.attempt, start.input) == ("double", "double", 1, 2)
    assert (finish.output, finish.run_id) == (4, start.run_id)
    assert finish.duration_s >= 0
    assert start.call is finish.call


def test_several_arguments_are_inputs():
    """More than one value is shown as `Inputs`."""
    start, _ = watched(flow(lambda a, b: a + b), 1, 2).events

    assert (start.input.args, start.call.args) == ((1, 2), (1, 2))


def test_a_failure_is_an_event_with_the_error():
    """The failing step and everything around it fail, with the very error."""
    log = EventLog()
    with pytest.raises(ValueError, match="x") as caught:
        context(observers=[log]).run((double | parse).named("whole"), "x")

    failed = [event for event in log.events if isinstance(event, CallFailed)]
    assert [event.path for event in failed] == ["whole/parse", "whole"]
    assert all(event.error is caught.value for event in failed)


def test_events_have_parents():
    """A call knows the call that it is inside of."""
    log = watched((parse | double).named("whole"), "2")
    starts = [event.call for event in log.events if isinstance(event, CallStarted)]

    assert [call.parent and call.parent.path for call in starts] == [None, "whole", "whole"]


def test_a_flow_called_in_a_body_is_a_child():
    """A call from a body is seen beneath the call whose body it is."""

    @flow
    def body(x):
        return double(double(x))

    log = watched(body, 1)
    children = [event.call for event in log.events if isinstance(event, CallStarted)][1:]
    assert [call.parent.path for call in children] == ["body", "body"]
    assert len({call.path for call in children}) == 2
    assert all(call.path.startswith("body/double@") for call in children)


def test_calls_from_one_site_are_counted():
    """A call in a loop counts its turns."""

    @flow
    def body(x):
        return [double(n) for n in range(3)]

    log = watched(body, 1)
    paths = [event.path for event in log.events if isinstance(event, CallStarted)][1:]
    assert [path[-3:] for path in paths] == ["[0]", "[1]", "[2]"]


def test_gathered_calls_are_counted_when_they_are_called():
    """The number of a call does not depend on when it is awaited."""

    @flow
    async def body(x):
        calls = [late_double(n) for n in range(3)]
        return await asyncio.gather(*reversed(calls))

    log = watched(body, 1)
    numbers = {
        event.input: event.path[-3:]
        for event in log.events[1:]
        if isinstance(event, CallStarted) and event.flow == "late_double"
    }
    assert numbers == {0: "[0]", 1: "[1]", 2: "[2]"}


@pytest.mark.parametrize("step", [double, late_double.named("double")], ids=["sync", "async"])
def test_branches_know_their_parent(step):
    """Branches of a parallel are children of it, whatever the colour."""
    log = watched((parse | parallel(step, step)).named("whole"), "2")
    starts = {event.path: event.call.parent for event in log.events if isinstance(event, CallStarted)}

    assert starts["whole/parallel/double"].path == starts["whole/parallel/double#2"].path == "whole/parallel"
    assert starts["whole/parallel"].path == "whole"


@pytest.mark.parametrize("step", [double, late_double.named("double")], ids=["sync", "async"])
def test_items_of_a_loop_have_their_index(step):
    """Item n of a loop is at `[n]`."""
    log = watched((parse | flow(range) | step.each()).named("whole"), "3")
    paths = [event.path for event in log.events if isinstance(event, CallStarted) and event.flow == "double"]

    assert sorted(paths) == [f"whole/each[{n}]/double" for n in range(3)]


def test_items_in_threads_are_watched():
    """Threads that the library starts report to the same observers."""
    log = watched(double.each(threads=2), [1, 2, 3])
    paths = {event.path for event in log.events if isinstance(event, CallFinished)}

    assert {f"each[{n}]/double" for n in range(3)} <= {
        path.split("/", 1)[1] if path.count("/") > 1 else path for path in paths
    } | paths


def test_only_the_taken_arm_is_seen():
    """A choice shows its test and the arm that ran."""
    log = watched(when(flow(bool), double, parse).named("sized"), 2)

    assert "sized/double" in {event.path for event in log.events}
    assert "sized/parse" not in {event.path for event in log.events}


def test_a_handled_error_is_seen_as_a_failure_of_its_step_only():
    """What is caught does not fail the whole."""
    log = watched(try_with(parse, flow(lambda failure: 0).named("recover")).named("safe"), "x")

    assert [event.path for event in log.events if isinstance(event, CallFailed)] == ["safe/parse"]
    assert seen(log)[-1] == ("CallFinished", "safe")


def test_a_cancelled_call_is_seen_to_end():
    """Cancellation is a failure event with `CancelledError`."""
    log = EventLog()

    async def main():
        forever = flow(lambda x: asyncio.Event().wait(), colour="async").named("forever")
        task = asyncio.ensure_future(context(observers=[log]).run(forever, 0))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert type(log.events[-1]) is CallFailed
    assert isinstance(log.events[-1].error, asyncio.CancelledError)


def test_nothing_watches_outside_the_run():
    """Observers belong to the run that carries them."""
    log = EventLog()
    ctx = context(observers=[log])
    ctx.run(double, 1)
    double(2)

    assert len(log.events) == 2


def test_runs_have_ids_of_their_own():
    """Two runs are told apart."""
    log = EventLog()
    ctx = context(observers=[log])
    ctx.run(double, 1)
    ctx.run(double, 1)

    assert len({event.run_id for event in log.events}) == 2


def test_several_observers_all_see():
    """Each observer gets every event, and derived contexts add theirs."""
    first, second = EventLog(), EventLog()
    context(observers=[first]).with_(observers=[second]).run(double, 1)

    assert len(second.events) == 2
    assert len(first.events) == 2


def test_concurrent_runs_do_not_mix_their_events():
    """Each run reports to its own observers."""

    async def one(n):
        log = EventLog()
        await context(observers=[log]).run(late_double | late_double, n)
        return log

    async def main():
        return await asyncio.gather(*(one(n) for n in range(50)))

    for n, log in enumerate(asyncio.run(main())):
        assert len(log.events) == 6
        assert log.events[0].input == n


def test_hooks_run_around_the_call():
    """Before, after and on_error get the event of their moment."""
    log = []
    hooks = Hooks(
        before=lambda event: log.append(("before", event.input)),
        after=lambda event: log.append(("after", event.output)),
        on_error=lambda event: log.append(("error", type(event.error))),
    )
    ctx = context(hooks=hooks)
    ctx.run(double, 2)
    with pytest.raises(ValueError, match="invalid"):
        ctx.run(parse, "x")

    assert log == [("before", 2), ("after", 4), ("before", "x"), ("error", ValueError)]


def test_hooks_take_lists():
    """Several hooks of one moment run in order."""
    log = []
    context(hooks=Hooks(before=[lambda event: log.append(1), lambda event: log.append(2)])).run(double, 2)

    assert log == [1, 2]


def test_an_async_hook_is_awaited_around_an_async_flow():
    """A hook may be a coroutine function when the flow is async."""
    log = []

    async def before(event):
        await asyncio.sleep(0)
        log.append(event.path)

    asyncio.run(context(hooks=Hooks(before=before)).run(late_double, 2))
    assert log == ["late_double"]


@pytest.mark.parametrize("moment", ["before", "after", "on_error"])
@pytest.mark.parametrize("text", ["1", "x"])
def test_a_raising_hook_changes_nothing_and_is_logged(moment, text, caplog):
    """A hook's error goes to the log, never into the result."""

    def broken(event):
        raise RuntimeError("hook")

    ctx = context(hooks=Hooks(**{moment: broken}))
    with caplog.at_level(logging.DEBUG, logger="omnitron"):
        if text == "x":
            with pytest.raises(ValueError, match="invalid"):
                ctx.run(parse, text)
        else:
            assert ctx.run(parse, text) == 1
    expected = moment == "before" or moment == ("on_error" if text == "x" else "after")
    assert bool(caplog.records) is expected
    assert all(record.name.startswith("omnitron") for record in caplog.records)


def test_a_raising_observer_does_not_hide_events_from_others(caplog):
    """The next observer sees what the broken one choked on."""

    class Broken:
        def observe(self, event):
            raise RuntimeError("observer")

    log = EventLog()
    assert context(observers=[Broken(), log]).run(double, 1) == 2
    assert len(log.events) == 2
    assert [record.path for record in caplog.records] == ["double", "double"]


def test_the_duration_of_a_call_leaves_out_its_hooks():
    """Time spent in hooks is not the flow's."""
    clock, log = ManualClock(), EventLog()
    slow = Hooks(before=lambda event: clock.move(5), after=lambda event: clock.move(7))
    work = flow(lambda x: clock.move(2))
    context(clock=clock, hooks=slow, observers=[log]).run(work, 1)

    assert log.events[-1].duration_s == 2


@pytest.mark.parametrize("wrong", [{"before": 3}, {"befor": print}])
def test_hooks_that_cannot_be_are_refused(wrong):
    """A hook is callable and has one of three names."""
    with pytest.raises(TypeError):
        Hooks(**wrong)


def test_an_observer_without_observe_is_refused():
    """An object that cannot observe is refused when the context is made."""
    with pytest.raises(TypeError, match="observe"):
        context(observers=[object()])


def test_spans_tell_name_parent_status_and_time():
    """A trace is the tree of what ran."""
    clock, tracer = ManualClock(), Tracing()
    slow = flow(lambda x: clock.move(2) or x).named("slow")
    context(clock=clock, tracer=tracer).run((slow | double).named("whole"), 1)

    whole, first, second = tracer.spans
    assert [(span.name, span.path, span.status) for span in tracer.spans] == [
        ("whole", "whole", "ok"),
        ("slow", "whole/slow", "ok"),
        ("double", "whole/double", "ok"),
    ]
    assert (whole.parent_id, first.parent_id, second.parent_id) == (None, whole.span_id, whole.span_id)
    assert (first.duration_s, whole.duration_s) == (2, 2)


def test_a_failed_span_has_the_error():
    """A span that failed says so, and with what."""
    tracer = Tracing()
    with pytest.raises(ValueError, match="invalid"):
        context(tracer=tracer).run(parse, "x")

    (span,) = tracer.spans
    assert span.status == "error"
    assert isinstance(span.error, ValueError)


def test_a_cancelled_span_is_cancelled():
    """Cancellation is a status of its own."""
    tracer = Tracing()

    async def main():
        forever = flow(lambda x: asyncio.Event().wait(), colour="async")
        task = asyncio.ensure_future(context(tracer=tracer).run(forever, 0))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert [span.status for span in tracer.spans] == ["cancelled"]


def test_on_end_gets_every_span_when_it_ends():
    """A callback sees the spans in order of ending."""
    ended = []
    context(tracer=Tracing(on_end=ended.append)).run((parse | double).named("whole"), "1")

    assert [span.name for span in ended] == ["parse", "double", "whole"]


def test_span_ids_are_unique_over_runs():
    """Two runs in one trace share no pair of run id and span id."""
    tracer = Tracing()
    ctx = context(tracer=tracer)
    ctx.run(double, 1)
    ctx.run(double, 1)

    assert len({(span.run_id, span.span_id) for span in tracer.spans}) == 2


class Refuse:
    """A guard that refuses one path, or answers for it."""

    def __init__(self, path, answer):
        self.path = path
        self.answer = answer

    def check(self, call):
        if call.path == self.path:
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer
        return None


def test_a_guard_that_raises_refuses_the_call():
    """The refused step does not run, and the guard's error leaves."""
    called = []
    whole = (parse | flow(called.append).named("send")).named("whole")

    with pytest.raises(PermissionError, match="no"):
        context(guards=[Refuse("whole/send", PermissionError("no"))]).run(whole, "1")
    assert called == []


@pytest.mark.parametrize("step", [double, late_double.named("double")], ids=["sync", "async"])
def test_a_guard_may_answer_in_place_of_the_flow(step):
    """`Replace(value)` is the result of a step that does not run."""
    run = context(guards=[Refuse("whole/double", Replace(7))]).run(
        (parse | step | parse.named("again")).named("whole"), "1"
    )

    assert (asyncio.run(run) if asyncio.iscoroutine(run) else run) == 7


def test_a_guard_may_replace_with_none():
    """None is a value like any."""
    assert context(guards=[Refuse("double", Replace(None))]).run(double, 1) is None


def test_a_replaced_call_is_still_seen():
    """Observers see the call that a guard answered."""
    log = EventLog()
    context(guards=[Refuse("double", Replace(7))], observers=[log]).run(double, 1)

    assert log.events[-1].output == 7


def test_a_refusal_can_be_caught_by_the_flow():
    """A refusal is an error at that place of the tree."""
    safe = try_with(parse, flow(lambda failure: failure.path).named("recover")).named("safe")

    assert context(guards=[Refuse("safe/parse", PermissionError("no"))]).run(safe, "1") == "safe/parse"


def test_watching_changes_no_result_and_no_note():
    """A watched flow gives and raises what an unwatched one does."""

    def outcome(run):
        try:
            return run()
        except ValueError as error:
            return error.args, error.__notes__

    whole = (double | parse | double).named("whole")
    log = EventLog()
    watched = context(observers=[log])
    assert outcome(lambda: watched.run(whole, "1")) == outcome(lambda: whole("1"))
    assert outcome(lambda: watched.run(whole, "x")) == outcome(lambda: whole("x"))


def test_the_library_prints_nothing(capsys):
    """Observation makes no output of its own."""
    context(observers=[EventLog()], tracer=Tracing()).run(double, 1)

    assert capsys.readouterr() == ("", "")


def test_a_call_that_is_cancelled_while_it_is_observed_is_seen_to_end():
    """An observer that suspends does not lose the end of a call for others."""

    class Slow:
        async def observe(self, event):
            await asyncio.sleep(0)

    async def main(turn):
        tracer = Tracing()
        task = asyncio.ensure_future(context(observers=[tracer, Slow()]).run(late_double, 1))
        for _ in range(turn):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return [span.status for span in tracer.spans]

    assert [asyncio.run(main(turn)) for turn in range(1, 4)] == [["cancelled"], ["cancelled"], ["ok"]]


def test_a_coroutine_that_is_dropped_elsewhere_ends_quietly():
    """A watched coroutine may be closed in another context, as when a loop is thrown away."""
    pending = context(observers=[EventLog()]).run(late_double | double, 1)
    contextvars.copy_context().run(pending.send, None)

    assert contextvars.copy_context().run(pending.close) is None


def test_calls_and_events_are_immutable():
    """What observers share cannot be changed by one of them."""
    log = EventLog()
    context(observers=[log]).run(double, 1)

    with pytest.raises(AttributeError, match="immutable"):
        log.events[0].call.path = "elsewhere"
    with pytest.raises(AttributeError, match="immutable"):
        log.events[1].output = 3


def test_events_pickle():
    """A log can be kept; the tree stays behind."""
    log = EventLog()
    context(observers=[log]).run(double | double, 1)
    loaded = pickle.loads(pickle.dumps(log.events))

    assert [(type(e), e.path, e.input) for e in loaded] == [(type(e), e.path, e.input) for e in log.events]
    assert loaded[0].call.node is None


def test_flows_that_a_body_gathers_are_numbered_as_they_were_called():
    """A composed async flow has the place where it was called, not where it was awaited."""
    pair = (late_double | double).named("pair")

    async def body(x):
        later, sooner = pair(x), pair(x)
        return await asyncio.gather(sooner, later)

    log = EventLog()
    asyncio.run(context(observers=[log]).run(flow(body), 1))
    paths = [event.path for event in log.events if event.flow == "pair" and isinstance(event, CallStarted)]

    assert paths == ["body/pair@1[0]", "body/pair@0[0]"]


def test_a_partial_of_an_async_hook_is_refused_over_a_sync_flow():
    """It is as asynchronous as its function."""

    async def hook(name, event):
        return None

    with pytest.raises(DefinitionError, match="asynchronous"):
        context(hooks=Hooks(before=functools.partial(hook, "name"))).run(double, 1)


def test_a_hook_that_turns_out_async_leaves_no_warning(caplog):
    """Over a sync flow its coroutine is closed; that it was dropped is logged."""

    async def late():
        return None

    context(hooks=Hooks(before=lambda event: late())).run(double, 1)
    gc.collect()

    assert "asynchronous" in caplog.text


def test_observers_see_the_deadline_that_the_caller_sees():
    """The calls that a deadline ended have failed with the very error that leaves the run."""
    clock, tracer, log = ManualClock(), Tracing(), EventLog()
    slow = flow(lambda x: clock.move(10) or x)
    with pytest.raises(DeadlineExceeded) as caught:
        context(clock=clock, deadline=5, observers=[log], tracer=tracer).run(slow | slow, 1)

    assert [event.error for event in log.events if isinstance(event, CallFailed)] == [caught.value]
    assert tracer.spans[0].status == "error"


def test_observers_see_the_cancellation_of_a_sync_run():
    """A sync run that was cancelled has been cancelled for tracers, by the error that its handle gives."""
    tracer, entered, release = Tracing(), threading.Event(), threading.Event()
    hold = flow(lambda x: entered.set() or release.wait(10))
    run = context(tracer=tracer).start(hold | hold, 1)
    entered.wait(10)
    run.cancel("enough")
    release.set()
    with pytest.raises(RunCancelled):
        run.result(10)

    assert tracer.spans[0].status == "cancelled"
    assert isinstance(tracer.spans[0].error, RunCancelled)


class Answering:
    """A guard with a fixed answer."""

    def __init__(self, answer):
        self.answer = answer

    def check(self, call):
        return self.answer


def test_a_guard_that_answers_something_else_is_refused():
    """The error says what a guard may answer."""
    with pytest.raises(TypeError, match=r"answered True.*Replace\(value\)"):
        context(guards=Answering(True)).run(double, 1)


def test_an_async_guard_is_refused_where_the_context_is_made():
    """Nothing could await it over sync flows."""

    class Late:
        async def check(self, call):
            return None

    with pytest.raises(DefinitionError, match="async `check`"):
        context(guards=Late())
