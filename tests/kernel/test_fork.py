"""After a fork: the child works, waits for nothing that is not there, and leaves to its parent what is the parent's."""

import asyncio
import gc
import multiprocessing
import os
import sys
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from omnitron import (
    Context,
    EventLog,
    RetryBudget,
    RunCancelled,
    WorkerLost,
    WorkerStartFailed,
    context,
    current_context,
    current_step,
    flow,
    needs,
    parallel,
    race,
    resource,
)

from . import forked, places
from .forked import Held, child, ended, fork, in_program, leaver, program

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

log: list[tuple[str, bool]] = []
"""What the resources below did, each with whether the process that wrote it had been forked from this one."""
FIRST = os.getpid()


def wrote(text):
    """Write into the log; give how much stands there."""
    log.append((text, os.getpid() != FIRST))
    return len(log)


@resource
def pool():
    number = wrote("open")
    try:
        yield f"pool {number}"
    finally:
        wrote("close")


@resource
async def late_pool():
    number = wrote("open later")
    try:
        await asyncio.sleep(0)
        yield f"late pool {number}"
    finally:
        wrote("close later")


@resource
def model():
    wrote("load")
    return ["weights"]


@resource
def store(*, below: str = needs(pool)):
    return [below]


@resource
def asker(*, ctx: Context = needs(Context)):
    return [ctx]


def asking(target):
    """Make a step that gives what it is given."""

    @flow
    def step(x: int, *, it: object = needs(target)) -> object:
        return it

    return step


use, use_model, use_store, use_asker = map(asking, (pool, model, store, asker))


@flow
async def use_later(x: int, *, it: str = needs(late_pool)) -> str:
    await asyncio.sleep(0)
    return it


@flow
def double(x: int) -> int:
    return 2 * x


@flow
async def later(x: int) -> int:
    await asyncio.sleep(0)
    return x + 1


@flow
async def forever(x: int) -> int:
    await asyncio.Event().wait()
    return x


# ------------------------------------------------------------------ flows


@in_program
def test_flows_of_both_colours_work_in_a_child():
    """Those that have run before, and those that have not."""
    before = double | later
    assert asyncio.run(before(1)) == 3

    assert child(lambda: [asyncio.run(before(2)), (double | double)(2), asyncio.run(later(2))]) == [5, 8, 3]


@in_program
def test_whatever_runs_calls_side_by_side_works_in_a_child():
    """Parallels, loops, races and quorums, on the loop and on threads, after they were used in the parent."""
    both = parallel(later, double)
    first = race(later, forever)
    most = parallel(later, forever, quorum=1)
    threads = (parallel(double, double, threads=2), double.each(threads=2))

    def work():
        async def main():
            outcomes = [one and one.value for one in await most(1)]
            return [await both(1), await later.each(concurrency=2)([1, 2]), await first(1), outcomes]

        return [*asyncio.run(main()), threads[0](2), threads[1]([1, 2])]

    expected = [[2, 2], [2, 3], 2, [2, None], [4, 4], [2, 4]]
    assert json_like(work()) == expected
    assert child(work) == expected


def json_like(value):
    """Give tuples as lists."""
    return [json_like(one) for one in value] if isinstance(value, list | tuple) else value


@in_program
def test_a_step_on_a_thread_works_in_a_child():
    """The threads of the parent's loop are not there; the child's loop has its own."""

    async def main():
        await double.on("thread")(1)
        return await asyncio.to_thread(child, lambda: asyncio.run(double.on("thread")(2)))

    assert asyncio.run(main()) == 4


@in_program
def test_contexts_and_observers_work_in_a_child():
    """Values, capabilities, deadlines, event logs and the place of a step."""
    seen = EventLog(limit=3)
    app = context(tenant="acme", observers=[seen], deadline=3600)
    step = flow(lambda x: [current_context().tenant, current_step().path, current_step().run_id])
    app.run(step, 1)

    def work():
        return [app.as_run("r").run(step, 1), [event.run_id for event in seen.events][-2:]]

    assert child(work) == [["acme", "<lambda>", "r"], ["r", "r"]]


@in_program
def test_a_child_that_is_forked_in_a_run_goes_on_in_its_context():
    """Also from a coroutine: the loop of the parent is not that of the child."""

    @flow
    async def outer(x: int) -> list:
        def work():
            inside = flow(lambda x: [current_context().tenant, current_step().run_id])
            return asyncio.run((inside | later_list)(x))

        return child(work)

    @flow
    async def later_list(x: list) -> list:
        await asyncio.sleep(0)
        return x

    assert asyncio.run(context(tenant="acme").as_run("r").run(outer, 1)) == ["acme", "r"]


# ------------------------------------------------------------------ locks


@in_program
def test_a_child_compiles_whoever_compiled_when_it_was_forked():
    """The lock of the compiled shapes is free in the child."""
    from omnitron.algebra import program as compiler

    with Held(compiler.shapes_lock):
        assert child(lambda: flow(lambda a, b, *, brand_new=3: a + b + brand_new)(1, 2)) == 6


@in_program
def test_a_child_opens_resources_whoever_did_when_it_was_forked():
    """The lock of all scopes, and that of a resource which another thread is just opening, are free in the child."""
    from omnitron.runtime import scopes

    inside, over = threading.Event(), threading.Event()

    @resource
    def slow():
        if os.getpid() == FIRST:
            inside.set()
            over.wait()
        yield "opened"

    step = asking(slow)
    with context() as app:
        thread = threading.Thread(target=app.run, args=(step, 1))
        thread.start()
        inside.wait()
        with Held(scopes.making):
            assert child(lambda: app.run(step, 1)) == "opened"
        over.set()
        thread.join()


@in_program
def test_a_run_can_be_read_in_a_child_whoever_read_it_when_it_was_forked():
    """The lock of a handle is free in the child."""
    with context() as app:
        run = app.start(double, 2)
        assert run.result() == 4
        with Held(run._bell.changed), Held(run._news.changed):
            assert child(lambda: [run.result(), len(run.events()), len(list(run.events())), run.status]) == [
                *(4, 2, 2, "succeeded")
            ]


@in_program
def test_a_fork_waits_for_a_module_that_another_thread_imports():
    """In the child nobody would ever finish it, and whoever asks for it would wait."""
    import importlib.machinery

    begun, gate = threading.Event(), threading.Event()

    class Slow(importlib.machinery.SourceFileLoader):
        """Finds one module, and takes its time to load it."""

        def find_spec(self, name, path, target=None):
            return importlib.machinery.ModuleSpec(name, self) if name == "omnitron.slow" else None

        def create_module(self, spec):
            return None

        def exec_module(self, module):
            begun.set()
            gate.wait()
            module.value = 5

    sys.meta_path.insert(0, Slow("slow", "slow"))
    os.register_at_fork(before=gate.set)  # from the last that was registered to the first
    thread = threading.Thread(target=importlib.import_module, args=("omnitron.slow",))
    thread.start()
    begun.wait()

    assert child(lambda: importlib.import_module("omnitron.slow").value) == 5
    thread.join()


@in_program
def test_forks_while_another_thread_works():
    """Children that compile, open and run, forked while a thread of the parent does so all the time."""
    over, seen = threading.Event(), EventLog(limit=10)

    def shapes(count):
        from omnitron.algebra.program import clear_shapes

        clear_shapes()
        whole = double
        for _ in range(count % 7):
            whole = whole | double
        return whole

    def work(app):
        count = 0
        while not over.is_set():
            count += 1
            with app.with_(observers=[seen]) as inner:
                inner.run(shapes(count) | flow(lambda x: x), 1)
                inner.run(asking(resource(scope="run")(lambda: 5)), 1)
                inner.start(double, 1).result()

    def once(app):
        def body():
            with app.with_(observers=[seen]) as inner:
                opened = inner.run(asking(resource(scope="run")(lambda: 5)), 1)
                return [inner.run(shapes(3), 1), opened, inner.start(double, 1).result()]

        return body

    with context() as app:
        threads = [threading.Thread(target=work, args=(app,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            answers = [child(once(app)) for _ in range(60)]
        finally:
            over.set()
        for thread in threads:
            thread.join()

    assert answers == [[16, 5, 2]] * 60


# ------------------------------------------------------------------ resources


@in_program
def test_a_child_opens_its_own():
    """What the parent opened stays the parent's; the child leaves the block and closes what it opened."""
    with context() as app:
        here = app.run(use, 1)

        def body():
            there = app.run(use, 1)
            app.__exit__(None, None, None)
            return [there, log]

        there, written = child(body)

    assert (here, there) == ("pool 1", "pool 2")
    assert written == [["open", False], ["open", True], ["close", True]]
    assert log == [("open", False), ("close", False)]


@in_program
def test_a_value_is_inherited():
    """Nothing is to be closed: it is there as all memory is. What is made of something that closes is made anew."""
    with context() as app:
        for step in (use_model, use_store, use_asker):
            app.run(step, 1)

        def body():
            return [app.run(step, 1) is before for step, before in held.items()]

        held = {step: app.run(step, 1) for step in (use_model, use_store, use_asker)}
        assert child(body) == [True, False, False]


@in_program
def test_a_child_that_leaves_the_block_ends_no_stream_of_the_parent():
    """What stands in its `finally` is the parent's to do."""

    @flow
    def items():
        try:
            yield 1
            yield 2
        finally:
            wrote("end of stream")

    def leave(app, stream):
        app.__exit__(None, None, None)
        return log

    app = context()
    with app as inner:
        stream = inner.run(items)
        next(stream)
        assert child(lambda: leave(app, stream)) == []
        assert list(stream) == [2]


@in_program
def test_a_child_that_leaves_the_block_closes_nothing_of_the_parent():
    """It unwinds through the `with` blocks of its parent, and through the run in which it was forked."""
    folders = []

    @resource(scope="run")
    def folder():
        name = tempfile.mkdtemp()
        folders.append(Path(name))
        try:
            yield name
        finally:
            os.rmdir(name)

    @flow
    def forks(x: int, *, name: str = needs(folder), it: str = needs(pool)) -> list:
        pid = fork()
        if pid == 0:
            sys.exit(5)
        return [ended(pid), Path(name).exists()]

    try:
        with context() as app:
            outcome = app.run(forks, 1)
    except SystemExit:
        assert (log, folders[0].exists()) == ([("open", False)], True)
        raise

    assert outcome == [5, True]
    assert log == [("open", False), ("close", False)]


@in_program
def test_a_child_that_ends_as_a_program_does_closes_nothing_of_the_parent():
    """Python finalizes what is left at its end: suspended generators would run their `finally` clauses."""
    told = os.pipe()

    @resource
    def pool():
        try:
            yield "pool"
        finally:
            os.write(told[1], f"closed in {'the parent' if os.getpid() == FIRST else 'a child'}\n".encode())

    @resource
    async def late():
        try:
            yield "late"
        finally:
            os.write(told[1], f"closed later in {'the parent' if os.getpid() == FIRST else 'a child'}\n".encode())

    @flow
    async def both(x: int, *, one: str = needs(pool), other: str = needs(late)) -> str:
        return one + other

    app, runner = context(), asyncio.Runner()
    app.__enter__()
    runner.run(app.run(both, 1))
    assert leaver(lambda: None) == 0
    runner.close()
    app.__exit__(None, None, None)

    assert os.read(told[0], 1000).decode().splitlines() == ["closed later in the parent", "closed in the parent"]


@in_program
def test_an_async_resource_opens_on_the_loop_of_a_child():
    """And closes with it; that of the parent's loop stays open."""

    async def main():
        async with context() as app:
            here = await app.run(use_later, 1)
            there, written = await asyncio.to_thread(child, lambda: [asyncio.run(app.run(use_later, 1)), log])
            return here, there, written, await app.run(use_later, 1)

    here, there, written, again = asyncio.run(main())

    assert (here, there, again) == ("late pool 1", "late pool 2", "late pool 1")
    assert written == [["open later", False], ["open later", True], ["close later", True]]


@in_program
def test_a_child_of_a_child_opens_its_own_too():
    """Each process leaves to its parent what that opened."""
    with context() as app:
        app.run(use, 1)

        def body():
            app.run(use, 1)
            return child(lambda: [app.run(use, 1), len(log)])

        assert child(body) == ["pool 3", 3]


# ------------------------------------------------------------------ runs


@in_program
def test_a_run_stays_in_the_parent():
    """In the child it does not go on, and whoever waits for it is told so."""
    inside, gate = threading.Event(), threading.Event()

    @flow
    def hold(x: int) -> int:
        inside.set()
        gate.wait()
        return x

    with context() as app:
        run = app.start(hold, 7)
        inside.wait()

        async def awaited():
            return [event.flow async for event in run.events()], await run

        def body():
            texts = []
            for wait in (run.result, lambda: asyncio.run(awaited())):
                with pytest.raises(RunCancelled) as caught:
                    wait()
                texts.append(str(caught.value).partition("cancelled: ")[2].partition(".")[0])
            return [*texts, run.status, run.cancel("from the child")]

        stayed = "it stayed in the process that this one was forked from"
        assert child(body) == [stayed, stayed, "cancelled", False]
        gate.set()
        assert run.result() == 7


@in_program
def test_leaving_the_block_in_a_child_does_not_wait_for_the_runs_of_the_parent():
    """Their threads and tasks are not there."""
    inside, gate = threading.Event(), threading.Event()

    @flow
    def hold(x: int) -> int:
        inside.set()
        gate.wait()
        return x

    async def main():
        async with context() as app:
            with context() as other:
                late, run = app.start(forever, 1), other.start(hold, 1)
                inside.wait()
                left = await asyncio.to_thread(child, lambda: [leave(other), asyncio.run(leave_later(app))])
                states = late.status, run.status
                gate.set()
        return left, states

    def leave(app):
        app.__exit__(None, None, None)

    async def leave_later(app):
        await app.__aexit__(None, None, None)

    assert asyncio.run(main()) == ([None, None], ("running", "running"))


@in_program
def test_the_end_of_a_child_waits_for_its_own_runs():
    """Not for those of the parent, which it does not have."""
    inside, gate, told = threading.Event(), threading.Event(), os.pipe()

    @flow
    def hold(x: int) -> int:
        inside.set()
        gate.wait()
        return x

    @flow
    def tell(x: int) -> None:
        gate.wait(0.2)  # the main thread is at its end meanwhile
        os.write(told[1], b"told")

    with context() as app:
        run = app.start(hold, 1)
        inside.wait()
        assert leaver(lambda: app.start(tell, 1)) == 0
        gate.set()
        run.result()

    assert os.read(told[0], 10) == b"told"


@in_program
def test_a_failure_of_the_parent_is_told_of_in_the_parent():
    """Not once more at the end of each child."""
    import logging

    texts = []

    class Kept(logging.Handler):
        def emit(self, record):
            texts.append(record.getMessage())

    logging.getLogger("omnitron").addHandler(Kept())
    app = context()
    app.__enter__()
    run = app.start(flow(lambda x: 1 // x).named("divide"), 0)
    run._wait_here(None)

    def body():
        nonlocal run
        run = None
        gc.collect()
        return texts

    assert child(body) == []
    run = None
    gc.collect()
    assert len(texts) == 1


# ------------------------------------------------------------------ workers


@in_program
def test_a_child_has_workers_of_its_own():
    """Those of the parent go on working for the parent."""
    where = flow(places.pid_and).on("process")

    async def main():
        before = (await where(1))[0]
        there = await asyncio.to_thread(child, lambda: asyncio.run(where(1))[0])
        return before, there, [(await where(n))[0] for n in range(4)]

    before, there, after = asyncio.run(main())

    assert there not in {os.getpid(), before, *after}
    assert before in after


@in_program
def test_the_end_of_a_child_leaves_the_workers_of_the_parent_alone():
    """It says nothing, waits for nothing, and ends nobody."""
    where = flow(places.pid_and).on("process")

    runner = asyncio.Runner()
    before = runner.run(where(1))[0]
    assert leaver(lambda: None) == 0
    after = runner.run(where(1))[0]
    runner.close()

    assert after == before


@in_program
def test_workers_start_in_a_child_whoever_started_one_when_it_was_forked():
    """The tracker of `multiprocessing` has a lock too."""
    from multiprocessing import resource_tracker

    where = flow(places.pid_and).on("process")
    asyncio.run(where(1))

    with Held(resource_tracker._resource_tracker._lock):
        assert child(lambda: asyncio.run(where(5))[1]) == 5


@in_program
def test_a_worker_ends_with_its_parent_although_a_child_goes_on():
    """A child holds no end of the pipes that would keep the worker waiting."""
    where = flow(places.pid_and).on("process")
    told, gate = os.pipe(), os.pipe()

    async def main():
        os.write(told[1], f"{(await where(1))[0]}\n".encode())
        pid = await asyncio.to_thread(fork)
        if pid == 0:
            os.close(gate[1])
            os.read(gate[0], 1)  # until the test is over
            os._exit(0)
        os._exit(9)  # without any clean-up: the worker learns it from its pipe

    middle = fork()
    if middle == 0:
        asyncio.run(main())
    os.close(told[1])
    worker = int(os.read(told[0], 20))
    assert ended(middle) == 9
    wait_until_gone(worker)
    os.write(gate[1], b".")


def wait_until_gone(pid):
    """Wait until a process that is no child of ours has ended; the watchdog bites if it does not."""
    import time

    while Path(f"/proc/{pid}").exists() if Path("/proc/self").exists() else is_there(pid):
        time.sleep(0.01)


def is_there(pid):
    """Say whether a process runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def thrice(work):
    """Call a step three times in a worker."""

    async def main():
        step = flow(work).on("process")
        return [await step(n) for n in range(3)]

    return asyncio.run(main())


@in_program
def test_a_child_that_exits_in_a_step_gives_no_answer_of_a_worker():
    """The answers that come are those of the worker."""
    assert thrice(forked.leave_a_child) == [(0, 3), (1, 3), (2, 3)]


@in_program
def test_a_child_that_returns_from_a_step_gives_no_answer_of_a_worker():
    """It ends, as a failure."""
    assert thrice(forked.return_twice) == [(0, 1), (1, 1), (2, 1)]


@in_program
def test_a_worker_that_ends_is_noticed_although_a_child_holds_its_pipe():
    """A child that it forked goes on, with copies of all that would tell."""
    with tempfile.TemporaryDirectory() as folder:
        pipe = os.path.join(folder, "pipe")
        os.mkfifo(pipe)
        with pytest.raises(WorkerLost, match="exit code 7"):
            asyncio.run(flow(forked.die_before_a_child).on("process")(pipe))
        open(pipe, "wb").close()


# ------------------------------------------------------------------ multiprocessing


def answer(x):
    """Run flows of both colours, a run and a worker, in whichever process this is."""
    with context() as app:
        run = app.start(double, x)
        return run.result(), asyncio.run(app.run(later, x)), asyncio.run(flow(places.pid_and).on("process")(x))[1]


def in_daemon(x):
    """Try to have a worker process."""
    try:
        return asyncio.run(flow(places.pid_and).on("process")(x))
    except WorkerStartFailed as error:
        return str(error)


@in_program
def test_flows_run_in_forked_processes_of_a_pool():
    """`concurrent.futures` with the fork method, over a parent that has used everything."""
    expected = [(2 * n, n + 1, n) for n in range(4)]
    assert answer(3) == expected[3]

    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        found = list(pool.map(answer, range(4)))

    assert found == expected


@in_program
def test_a_daemonic_process_is_told_that_it_may_have_no_workers():
    """The processes of `multiprocessing.Pool` are such."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        (text,) = pool.map(in_daemon, [1])

    assert text.startswith("no worker process can start here, because this is a daemonic process")


def test_a_server_that_forks_its_workers():
    """A parent that has entered its context and used it; children that serve, leave and say nothing at their end."""
    said, code = program("from tests.kernel.test_fork import serve; serve()")

    assert (said, code) == ("closed by the parent\n", 0)


def serve():
    """Serve by two children, as gunicorn does with `preload_app`."""
    forked.watch(2 * forked.PATIENCE)
    first = os.getpid()

    @resource
    def connection():
        try:
            yield os.getpid()
        finally:
            if os.getpid() == first:
                print("closed by the parent", flush=True)

    connected, where = asking(connection), flow(places.pid_and).on("process")

    def handle(app):
        served = app.run(connected, 1) == os.getpid()
        served &= asyncio.run(app.run(later, 1)) == 2
        served &= asyncio.run(app.run(where, 1))[1] == 1
        served &= app.start(double, 1).result() == 2
        return served

    with context(observers=[EventLog()]) as app:
        assert handle(app)
        children = []
        for _ in range(2):
            pid = fork()
            if pid == 0:
                sys.exit(0 if handle(app) else 1)
            children.append(pid)
        codes = [ended(pid) for pid in children]
        assert codes == [0, 0]
        assert handle(app)


@in_program
def test_a_retry_budget_is_free_in_a_child():
    """Also when another thread was taking out of it when the child was forked off."""
    budget = RetryBudget(ratio=0, burst=3)
    assert budget.take()

    with budget._held.lock:
        assert child(lambda: [budget.take() for _ in range(3)]) == [True, True, False]
    assert budget.take()
