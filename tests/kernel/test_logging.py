"""Log records: the logger `omnitron`, and the filter for users' own records."""

import asyncio
import io
import logging
import logging.config
import logging.handlers
import queue
import re
import subprocess
import sys
import threading

import pytest

from omnitron import (
    EventLog,
    Hooks,
    RunFilter,
    context,
    flow,
    needs,
    parallel,
    race,
    resource,
)
from omnitron.runtime import whereabouts

from .listening import listening, log, say


@pytest.fixture
def kept():
    """A handler on the logger of this module."""
    yield from listening(log)


@pytest.fixture
def library():
    """A handler without the filter on the library's own logger."""
    for handler in listening(logging.getLogger("omnitron")):
        handler.filters.clear()
        yield handler


@flow
def outer(x):
    """Log around a flow that logs."""
    log.info("outer")
    say(x)
    log.info("outer again")
    return x


@flow
async def later(x):
    """Log around a wait."""
    log.info("later")
    await asyncio.sleep(0)
    log.info("later again")
    return x


@flow
async def around(x):
    """Call an async flow."""
    log.info("around")
    return await later(x)


def static(path):
    """Give a path without loop indexes and call sites."""
    return re.sub(r"@[^/]*|\[\d+\]", "", path)


WATCHING = [{}, {"observers": EventLog()}]
"""The options of contexts: in the first nothing watches, in the second something does."""


# ------------------------------------------------------------------ the filter


def test_a_format_that_names_the_place_never_fails(kept):
    """Outside of any run the three are there and empty."""
    log.info("hello")

    assert logging.Formatter("%(run_id)s|%(path)s|%(attempt)s|%(message)s").format(kept.records[0]) == "||0|hello"


def test_a_plain_run_tells_its_id_and_the_static_path(kept):
    """The id is 16 hexadecimal digits, one for the whole run; the path is that of notes."""
    context().run((say | outer).named("pipe"), 1)

    assert kept.told() == [
        ("say", "pipe/say"),
        ("outer", "pipe/outer"),
        ("say", "pipe/outer/say"),
        ("outer again", "pipe/outer"),
    ]
    assert [len(bytes.fromhex(one)) for one in kept.runs()] == [8]
    assert {record.attempt for record in kept.records} == {0}


def test_a_named_run_tells_its_name_and_the_moving_path(kept):
    """Where places are kept, the record has what events have."""
    seen = EventLog()
    context(observers=seen).as_run("order-17").run((say | outer).named("pipe"), 1)

    assert kept.told() == [
        ("say", "pipe/say"),
        ("outer", "pipe/outer"),
        ("say", "pipe/outer/say@1[0]"),
        ("outer again", "pipe/outer"),
    ]
    assert {(record.run_id, record.attempt) for record in kept.records} == {("order-17", 1)}
    assert {path for _, path in kept.told()} <= {event.path for event in seen.events}


def test_a_flow_called_without_a_run_has_a_path(kept):
    """There is no run whose id could be told."""
    outer(1)

    assert kept.told() == [("outer", "outer"), ("say", "outer/say"), ("outer again", "outer")]
    assert kept.runs() == [""]


def test_what_a_record_has_is_kept(kept):
    """The filter adds what lacks, and passes everything."""
    context().as_run("order").run(flow(lambda x: log.info("mine", extra={"path": "/tmp/x", "attempt": None})), 1)

    (record,) = kept.records
    assert (record.run_id, record.path, record.attempt) == ("order", "/tmp/x", None)


def test_a_filter_is_named_in_a_configuration():
    """`logging.config.dictConfig` finds it by its public name."""
    written = io.StringIO()
    stream = {"class": "logging.StreamHandler", "stream": written, "formatter": "f", "filters": ["run"]}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"run": {"()": "omnitron.RunFilter"}},
            "formatters": {"f": {"format": "[%(run_id)s] %(path)s %(message)s"}},
            "handlers": {"h": stream},
            "loggers": {"tests.configured": {"handlers": ["h"], "level": "INFO"}},
        }
    )
    shout = logging.getLogger("tests.configured")
    context().as_run("r").run(flow(lambda x: shout.info("hi"), name="step"), 1)
    shout.handlers.clear()

    assert written.getvalue() == "[r] step hi\n"


def test_a_queue_handler_with_the_filter_tells_where_the_record_was_made(kept):
    """The listener's thread is in no run; the record brings its place."""
    waiting = queue.SimpleQueue()
    handler = logging.handlers.QueueHandler(waiting)
    handler.addFilter(RunFilter())
    log.handlers[:] = [handler]
    context().as_run("r").run(say, 1)
    listener = logging.handlers.QueueListener(waiting, kept)
    listener.start()
    listener.stop()

    assert [(record.run_id, record.path) for record in kept.records] == [("r", "say")]


def test_reading_the_place_never_raises(kept, monkeypatch):
    """A surprise leaves the path empty."""
    monkeypatch.setattr(whereabouts, "readers", [lambda: 1 / 0])
    context().run(say, 1)

    assert kept.told() == [("say", "")]


def test_a_flow_that_calls_itself_has_as_many_names(kept):
    """Each call is a call."""

    @flow
    def count(n):
        if n:
            count(n - 1)
        else:
            log.info("end")

    context().run(count, 2)

    assert kept.told() == [("end", "count/count/count")]


# ------------------------------------------------------------------ threads


@pytest.mark.parametrize("options", WATCHING)
@pytest.mark.parametrize(
    ("tree", "given", "expected"),
    [
        (parallel(say, say | say, threads=2), 1, ["parallel/say", "parallel/say#2", "parallel/say#3"]),
        (parallel(say, say, threads=2, quorum=2), 1, ["parallel/say", "parallel/say#2"]),
        (say.each(threads=2), [1, 2], ["each/say", "each/say"]),
        (say.each(threads=2, quorum=2), [1, 2], ["each/say", "each/say"]),
    ],
)
def test_threads_of_branches_and_items_keep_the_place(tree, given, expected, options, kept):
    """Each record of a thread tells the run, and the path from its root."""
    context(**options).run((say | flow(lambda _: given) | tree).named("whole"), 1)

    assert sorted(static(path) for _, path in kept.told()[1:]) == [f"whole/{path}" for path in expected]
    assert len(kept.runs()) == 1


@pytest.mark.parametrize("options", WATCHING)
@pytest.mark.parametrize("step", [say, later])
def test_a_step_in_a_thread_keeps_the_place(step, options, kept):
    """`.on("thread")` is a part of the run, called in a body too."""

    @flow
    async def body(x):
        return await (later | step.on("thread")).named("pair")(x)

    asyncio.run(context(**options).run(body, 1))

    assert {static(path) for _, path in kept.told()[2:]} == {"body/pair/say" if step is say else "body/pair/later#2"}
    assert len(kept.runs()) == 1


def test_a_thread_whose_caller_went_on_tells_no_foreign_path(kept):
    """A step that was left behind does not take the path of where its caller is by then."""
    entered, release = threading.Event(), threading.Event()

    def hold(tell):
        entered.set()
        release.wait(10)
        log.info("late")
        tell()

    @flow
    async def elsewhere(logged):
        release.set()
        await logged.wait()

    @flow
    async def body(x):
        loop, logged = asyncio.get_running_loop(), asyncio.Event()
        try:
            await flow(hold).on("thread")(lambda: loop.call_soon_threadsafe(logged.set))
        except asyncio.CancelledError:
            await elsewhere(logged)

    async def main():
        task = asyncio.ensure_future(context().run(body, 1))
        await asyncio.to_thread(entered.wait, 10)
        task.cancel()
        await task

    asyncio.run(main())

    assert kept.told() == [("late", "")]
    assert kept.runs() != [""]


def test_a_caller_that_runs_other_flows_meanwhile_lends_no_path(kept):
    """The items of a loop on threads come from a generator that is itself inside a flow while a thread logs."""
    inside, release = threading.Event(), threading.Event()

    def hold(x):
        inside.set()
        release.wait(10)

    def items():
        yield 1
        flow(hold)(1)

    @flow
    def one(x):
        inside.wait(10)
        log.info("item")
        release.set()

    context().run(one.each(threads=2), items())

    assert kept.told() == [("item", "each/one")]


# ------------------------------------------------------------------ tasks


@pytest.mark.parametrize(
    ("tree", "given", "inside"),
    [
        (parallel(later, around), 1, ""),
        (parallel(later, around, quorum=2), 1, ""),
        (parallel(later, around).named("both").each(), [1], "/both"),
        (parallel(later, around).named("both").each(concurrency=2), [1, 2, 3], "/both"),
        (parallel(later, around).named("both").each(quorum=1), [1], "/both"),
        (parallel(later, around).named("both").on("thread"), 1, "/both"),
    ],
)
def test_tasks_of_the_library_keep_the_place(tree, given, inside, kept):
    """Where nothing watches, the path leads from the root through the tasks that wait."""

    @flow
    async def body(x):
        return await tree.named("part")(x)

    asyncio.run(context().run(body, given))

    root = f"body/part{inside}"
    assert {path for _, path in kept.told()} == {f"{root}/later", f"{root}/around", f"{root}/around/later"}
    assert len(kept.runs()) == 1


def test_the_items_of_a_loop_over_one_step_keep_the_place(kept):
    """The workers of the loop are no branches of it."""
    asyncio.run(context().run(later.each(concurrency=2).named("loop"), [1, 2, 3]))

    assert {path for _, path in kept.told()} == {"loop/later"}


def test_the_runners_of_a_race_keep_the_place(kept):
    """Each runner is a branch."""
    asyncio.run(context().run(race(later, later.named("twin")).named("heat"), 1))

    assert {path for _, path in kept.told()} == {"heat/later", "heat/twin"}


@pytest.mark.parametrize("alone", [later.hedge(9), later.cache(9), later.hedge(9).cache(9)])
def test_attempts_and_what_a_cache_computes_keep_the_place(alone, kept):
    """Where nothing watches, also of a flow of one step, in a body."""

    @flow
    async def body(x):
        return await alone(x)

    asyncio.run(context().run(body | flow(str), 1))

    assert {path for _, path in kept.told()} == {"body → str/body/later"}


def test_who_waits_no_longer_for_a_cache_lends_no_path(kept):
    """The computation goes on for others, with a path that begins in it."""

    async def main():
        inside, go_on = asyncio.Event(), asyncio.Event()

        @flow
        async def slow(x):
            inside.set()
            await go_on.wait()
            log.info("slow")
            return x

        @flow
        async def body(x):
            return await part(x)

        part = (slow | flow(str)).named("part").cache(9)
        first = asyncio.ensure_future(context().run(body, 1))
        await inside.wait()
        second = asyncio.ensure_future(context().run(part, 1))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait({first})
        go_on.set()
        return await second

    assert (asyncio.run(main()), kept.told()) == ("1", [("slow", "part/slow")])


def test_a_loop_inside_a_sync_flow_goes_on_with_its_path(kept):
    """What runs the event loop stands around all its tasks."""

    @flow
    def sync(x):
        return asyncio.run(parallel(later, around)(x))

    context().run(sync, 1)

    assert {path for _, path in kept.told()} == {
        "sync/parallel/later",
        "sync/parallel/around",
        "sync/parallel/around/later",
    }


def test_a_task_of_the_user_keeps_the_run_and_begins_a_path(kept):
    """Where nothing watches nobody knows who waits for it; in a watched run its context knows."""

    @flow
    async def body(x):
        await asyncio.gather(around(x), note())

    async def note():
        log.info("note")

    asyncio.run(context().run(body, 1))
    plain, runs = dict(kept.told()), kept.runs()
    kept.records.clear()
    asyncio.run(context().as_run("r").run(body, 1))

    assert (plain["later"], plain["note"], len(runs)) == ("around/later", "", 1)
    assert {name: static(path) for name, path in kept.told()}["note"] == "body"
    assert {name: static(path) for name, path in kept.told()}["later"] == "body/around/later"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are of Python 3.12")
def test_an_eager_task_stands_on_the_stack_of_its_caller(kept):
    """A branch that runs before its caller waits has the same path as afterwards."""

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        await context().run((later | parallel(later, around)).named("whole"), 1)

    asyncio.run(main())

    assert {path for _, path in kept.told()} == {
        "whole/later",
        "whole/parallel/later",
        "whole/parallel/around",
        "whole/parallel/around/later",
    }


def test_an_async_function_of_two_names_tells_the_flow_around_it(kept):
    """Which of them runs is not to be seen on the stack; the run knows its own flow."""

    async def twofold(x):
        log.info("twofold")

    one, other = flow(twofold, name="one"), flow(twofold, name="other")

    @flow
    async def body(x):
        await one(x)

    asyncio.run(one(1))
    asyncio.run(context().run(other, 1))
    asyncio.run(context().run(body, 1))

    assert [path for _, path in kept.told()[1:]] == ["other", "body"]


def test_a_step_with_needs_has_its_path(kept):
    """The function that fills what is needed is no call of its own."""

    @resource
    def pool():
        return "pool"

    @flow
    async def ask(x, *, pool=needs(pool)):
        log.info(pool)

    asyncio.run(context().run(ask, 1))
    asyncio.run(context().run((later | ask).named("pair"), 1))

    assert [path for message, path in kept.told() if message == "pool"] == ["ask", "pair/ask"]


# ------------------------------------------------------------------ runs


@pytest.mark.parametrize("options", WATCHING)
def test_runs_that_interleave_keep_their_ids(options, kept):
    """Runs that are gathered on one loop share nothing."""

    async def main():
        await asyncio.gather(*(context(**options).run(around, n) for n in range(3)))

    asyncio.run(main())

    assert len(kept.runs()) == 3
    for run in kept.runs():
        told = [record.getMessage() for record in kept.records if record.run_id == run]
        assert told == ["around", "later", "later again"]


def test_runs_on_two_loops_keep_their_ids(kept):
    """Two threads with a loop each."""
    meet = threading.Barrier(2, timeout=10)

    @flow
    async def both(x):
        log.info("first")
        meet.wait()
        log.info("second")

    threads = [threading.Thread(target=lambda: asyncio.run(context().run(both, 1))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(kept.runs()) == 2
    assert {path for _, path in kept.told()} == {"both"}


@pytest.mark.parametrize("inner", [{}, {"observers": EventLog()}])
@pytest.mark.parametrize("options", WATCHING)
def test_a_run_inside_a_run_has_an_id_and_a_path_of_its_own(options, inner, kept):
    """And the outer one goes on with its own afterwards."""

    @flow
    def body(x):
        log.info("before")
        context(**inner).run(say, x)
        log.info("behind")

    context(**options).run(body, 1)

    before, said, behind = kept.records
    assert [before.path, said.path, behind.path] == ["body", "say", "body"]
    assert before.run_id == behind.run_id != said.run_id != ""


def test_parts_that_are_watched_have_the_id_of_the_run_around(kept):
    """And their calls have numbers of their own, so that a tracer can tell them apart."""
    seen = EventLog()
    part = say.within(observers=seen)
    context().run((say | part | part).named("whole"), 1)

    assert kept.runs() == [seen.events[0].run_id]
    assert [path for _, path in kept.told()] == ["whole/say", "whole/say#2", "whole/say#3"]
    assert len({event.call.call_id for event in seen.events}) == 2


def test_a_started_run_tells_the_id_of_its_handle(kept):
    """Sync runs go on in a thread."""
    with context() as app:
        run = app.start(say, 1)
        run.result(10)

    assert kept.runs() == [run.id]


# ------------------------------------------------------------------ around the steps


@pytest.mark.parametrize("options", WATCHING)
def test_resources_log_inside_the_run(options, kept):
    """Opening has the place of the step that asks, closing only the run."""

    @resource
    def pool():
        log.info("open")
        yield "pool"
        log.info("close")

    context(**options).run(flow(lambda x, *, p=needs(pool): log.info("step"), name="ask"), 1)

    assert kept.told() == [("open", "ask"), ("step", "ask"), ("close", "")]
    assert len(kept.runs()) == 1


def test_a_resource_of_the_app_belongs_to_no_run(kept):
    """Many runs share it; the path tells who asked first."""

    @resource(scope="app")
    def pool():
        log.info("open")
        yield "pool"
        log.info("close")

    with context(observers=EventLog()) as app:
        app.run(flow(lambda x, *, p=needs(pool): log.info("step"), name="ask"), 1)

    opened, stepped, closed = kept.records
    assert [opened.run_id, closed.run_id, closed.path] == ["", "", ""]
    assert (opened.path, stepped.path) == ("ask", "ask")


def test_hooks_log_at_the_place_around_the_call(kept):
    """What they watch has not begun or is over; the event has the place of the call itself."""
    hooks = Hooks(before=lambda event: log.info("before %s", event.path), after=lambda event: log.info("after"))
    context(hooks=hooks).as_run("r").run((say | say).named("pair"), 1)

    assert kept.told()[0] == ("before pair", "")
    assert kept.told()[1] == ("before pair/say", "pair")
    assert kept.runs() == ["r"]


@pytest.mark.parametrize("options", WATCHING)
def test_clean_up_after_a_cancellation_has_the_place(options, kept):
    """A `finally` of a step that is cancelled logs as the step does."""

    @flow
    async def wait(x):
        try:
            await asyncio.Event().wait()
        finally:
            log.info("clean")
            await asyncio.sleep(0)
            log.info("clean again")

    async def main():
        task = asyncio.ensure_future(context(**options).run((later | wait).named("pair"), 1))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())

    assert kept.told()[2:] == [("clean", "pair/wait"), ("clean again", "pair/wait")]
    assert len(kept.runs()) == 1


@flow
def count(n):
    """Log in a stream."""
    for number in range(n):
        log.info("count")
        yield number


@flow
async def count_later(n):
    """Log in an async stream."""
    for number in range(n):
        log.info("count")
        await asyncio.sleep(0)
        yield number


@pytest.mark.parametrize("options", WATCHING)
@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (count | say.stream(), {"pipe/count", "pipe/stream/say"}),
        (count | say.stream(threads=2), {"pipe/count", "pipe/stream/say"}),
        (count | (say | say).named("two").stream(), {"pipe/count", "pipe/stream/two/say", "pipe/stream/two/say#2"}),
        (count | say.stream() | say.stream(mode="collect"), {"pipe/count", "pipe/stream/say", "pipe/stream#2/say"}),
    ],
)
def test_streams_log_at_their_places(tree, expected, options, kept):
    """A generator is its step, the function of an item stands beneath its stream."""
    list(context(**options).run((tree | flow(list)).named("pipe"), 2))

    assert {static(path) for _, path in kept.told()} == expected
    assert len(kept.runs()) == 1


@pytest.mark.parametrize("options", WATCHING)
@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (count_later | later.stream(), {"pipe/count_later", "pipe/stream/later"}),
        (count_later | later.stream(concurrency=2), {"pipe/count_later", "pipe/stream/later"}),
        (count | later.stream(), {"pipe/count", "pipe/stream/later"}),
        (
            count_later | parallel(later, say.on("thread")).named("both").stream(),
            {"pipe/count_later", "pipe/stream/both/later", "pipe/stream/both/say"},
        ),
    ],
)
def test_async_streams_log_at_their_places(tree, expected, options, kept):
    """Tasks of an item find their way through the generators that wait for them."""

    async def main():
        return [item async for item in context(**options).run(tree.named("pipe"), 2)]

    asyncio.run(main())

    assert {static(path) for _, path in kept.told()} == expected
    assert len(kept.runs()) == 1


@pytest.mark.parametrize("options", WATCHING)
def test_a_stream_that_a_body_reads_stands_beneath_it(options, kept):
    """Sync and async, of one step and of several."""

    @flow
    async def body(x):
        async for _ in (count_later | parallel(later, later).named("both").stream()).named("pipe")(x):
            list(count(x))

    asyncio.run(context(**options).run(body, 1))

    paths = [static(path) for _, path in kept.told()]
    assert set(paths) == {
        "body/pipe/count_later",
        "body/pipe/stream/both/later",
        "body/pipe/stream/both/later#2",
        "body/count",
    }


def test_items_that_are_computed_ahead_begin_with_the_flow_of_their_stream(kept):
    """Nobody waits for them in particular."""

    @flow
    def body(x):
        list((count | say.stream(threads=2)).named("pipe")(x))

    context().run(body, 2)

    assert {path for _, path in kept.told()} == {"body/pipe/count", "pipe/stream/say"}


def test_the_stream_of_a_run_inside_a_run_has_its_own_id_and_path(kept):
    """Whoever reads it."""

    @flow
    def body(x):
        for _ in context().run(count, 1):
            log.info("read")

    context().run(body, 1)

    counted, read = kept.records
    assert (counted.path, read.path) == ("count", "body")
    assert counted.run_id != read.run_id


def test_a_generator_logs_where_it_is_consumed(kept):
    """Its body runs inside the step that takes its items."""

    def lazy(x):
        log.info("item")
        yield x

    context().run((flow(lambda x: lazy(x), name="make") | flow(list)).named("pair"), 1)

    assert kept.told() == [("item", "pair/list")]


@pytest.mark.parametrize("options", WATCHING)
def test_an_undoing_logs_at_its_place(options, kept):
    """It runs in the run of the step that it undoes."""

    def fail(x):
        raise OSError(x)

    tree = (say.undo(flow(lambda x: log.info("undo"), name="unsay")) | fail).named("saga")
    with pytest.raises(OSError, match="1"):
        context(**options).run(tree, 1)

    assert kept.told() == [("say", "saga/say"), ("undo", "saga/unsay")]
    assert len(kept.runs()) == 1


# ------------------------------------------------------------------ the library's own records


def test_every_record_of_the_library_has_the_place(library):
    """An observer that raises, a resource that does not close, a compensation that fails: all three attributes, always."""

    @resource
    def pool():
        yield "pool"
        raise OSError("stays open")

    def raising(event):
        raise KeyError("hook")

    ask = flow(lambda x, *, p=needs(pool): x, name="ask")
    with pytest.raises(OSError, match="stays open"):
        context(hooks=Hooks(after=raising)).as_run("r").run(ask, 1)
    with pytest.raises(OSError, match="stays open"):
        context().run(ask, 1)

    told = [(record.run_id, record.path, record.attempt) for record in library.records]
    assert told[:2] == [("r", "ask", 1), ("r", "", 0)]
    assert told[2][0] not in ("", "r")


def test_an_undoing_that_fails_in_a_plain_run_tells_its_id(library, kept):
    """The id is that of the run's other records."""

    def fail(x):
        raise OSError(x)

    tree = (say.undo(flow(fail)) | fail).named("saga")
    with pytest.raises(OSError, match="1"):
        context().run(tree, 1)

    (record,) = library.records
    assert (record.path, record.attempt) == ("saga/fail", 1)
    assert [record.run_id] == kept.runs()


def test_a_thread_that_is_left_behind_is_told_with_its_place(library):
    """The warning belongs to the step that goes on."""
    entered, release = threading.Event(), threading.Event()

    def hold(x):
        entered.set()
        release.wait(10)

    async def main():
        run = context().run((later | flow(hold).on("thread")).named("pair"), 1)
        task = asyncio.ensure_future(run)
        await asyncio.to_thread(entered.wait, 10)
        task.cancel()
        await asyncio.wait([task])
        release.set()

    asyncio.run(main())

    (record,) = library.records
    assert (record.levelname, record.path, len(record.run_id)) == ("WARNING", "pair/hold", 16)


def test_a_handler_that_raises_breaks_no_promise(library):
    """What the library logs it logs beside what it does: here the other resource still closes."""
    closed = []

    @resource
    def one():
        try:
            yield 1
        finally:
            closed.append("one")

    @resource
    def two():
        yield 2
        raise OSError("two")

    library.emit = lambda record: 1 / 0
    with pytest.raises(OSError, match="two"):
        context().run(flow(lambda x, *, a=needs(one), b=needs(two): x), 1)

    assert closed == ["one"]


def test_the_library_alone_prints_nothing():
    """In a program without any configuration its records go nowhere."""
    code = (
        "from omnitron import Hooks, context, flow\n"
        "def broken(event): raise KeyError\n"
        "context(hooks=Hooks(before=broken)).run(flow(lambda x: x), 1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
