"""Another place for the work: `on("thread")`, `on("process")`, and executors."""

import asyncio
import contextvars
import os
import signal
import subprocess
import sys
import threading

import pytest

from omnitron import (
    AsyncFlow,
    CallStarted,
    EventLog,
    Hooks,
    OmnitronError,
    RemoteError,
    Replace,
    Unpicklable,
    WorkerLost,
    context,
    current_context,
    flow,
    walk,
)

from . import places

where = flow(lambda x: (threading.get_ident(), x))


def test_on_makes_an_async_flow():
    """Waiting for another place is waiting."""
    assert type(where.on("thread")) is AsyncFlow


def test_a_thread_is_another_thread():
    """The work runs in a thread of its own, and the result comes back."""
    ident, value = asyncio.run(where.on("thread")(5))

    assert ident != threading.get_ident()
    assert value == 5


def test_local_is_here():
    """The flow is awaited, and runs in the caller's own thread and on its loop; what is undone inside is undone."""
    undone = []

    @flow
    def fail(x):
        raise ValueError(x)

    async def loop_of(x):
        return id(asyncio.get_running_loop())

    async def main():
        assert await flow(loop_of).on("local")(0) == id(asyncio.get_running_loop())
        return await where.on("local")(5)

    assert asyncio.run(main()) == (threading.get_ident(), 5)
    with pytest.raises(ValueError):
        asyncio.run((flow(abs).undo(flow(undone.append)).on("local") | fail)(-3))
    assert undone == [3]


def test_the_loop_goes_on_while_a_thread_works():
    """A blocking step in a thread does not block the loop."""
    release = threading.Event()

    async def main():
        task = asyncio.ensure_future(flow(lambda x: release.wait(10)).on("thread")(0))
        await asyncio.sleep(0)
        release.set()
        return await task

    assert asyncio.run(main()) is True


def test_a_thread_sees_the_callers_context_variables():
    """Context variables follow into the thread."""
    seen = contextvars.ContextVar("seen")

    async def main():
        seen.set("here")
        return await flow(lambda x: seen.get()).on("thread")(0)

    assert asyncio.run(main()) == "here"


def test_a_thread_runs_in_the_callers_context():
    """The context of the run follows into the thread."""
    holder = flow(lambda x: current_context().get("tenant")).on("thread")

    assert asyncio.run(context(tenant="acme").run(holder, 0)) == "acme"


def test_an_exception_of_a_thread_leaves_as_it_is():
    """The exception object itself comes back."""
    error = ValueError("there")

    @flow
    def fail(x):
        raise error

    with pytest.raises(ValueError, match="there") as caught:
        asyncio.run(fail.on("thread")(0))
    assert caught.value is error


def test_an_async_flow_in_a_thread_has_a_loop_of_its_own():
    """An async flow on a thread runs under another loop."""

    @flow
    async def loop_of(x):
        await asyncio.sleep(0)
        return id(asyncio.get_running_loop())

    async def main():
        return await loop_of.on("thread")(0), id(asyncio.get_running_loop())

    there, here = asyncio.run(main())
    assert there != here


def test_threads_run_side_by_side():
    """Two calls of a thread step overlap."""
    barrier = threading.Barrier(2, timeout=10)
    meet = flow(lambda x: barrier.wait() >= 0).on("thread")

    async def main():
        return await asyncio.gather(meet(1), meet(2))

    assert asyncio.run(main()) == [True, True]


def test_cancelling_a_thread_step_lets_the_caller_go():
    """A thread cannot be ended, so the caller leaves it behind."""
    release = threading.Event()

    async def main():
        task = asyncio.ensure_future(flow(lambda x: release.wait(10)).on("thread")(0))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        finally:
            release.set()

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


def test_a_process_is_another_process():
    """The work runs in another process, and the result comes back."""
    pid, value = asyncio.run(flow(places.pid_and).on("process")(5))

    assert pid != os.getpid()
    assert value == 5


def test_an_async_flow_runs_in_a_process():
    """An async flow in a process runs under a loop there."""
    pid, value = asyncio.run(flow(places.late_pid_and).on("process")(5))

    assert pid != os.getpid()
    assert value == 5


def test_a_composed_flow_travels_whole():
    """A pipe of importable steps goes to the process as one."""
    pid, value = asyncio.run((flow(abs) | flow(places.pid_and)).on("process")(-5))

    assert pid != os.getpid()
    assert value == 5


def test_context_values_travel_to_a_process():
    """Picklable values of the context are there."""
    run = context(tenant="acme").run(flow(places.tenant).on("process"), 1)

    assert asyncio.run(run) == ("acme", 1)


def test_a_value_that_cannot_travel_stays_behind():
    """A context value that does not pickle is no obstacle for those that do."""
    run = context(tenant="acme", lock=threading.Lock()).run(flow(places.tenant).on("process"), 1)

    assert asyncio.run(run) == ("acme", 1)


def test_an_exception_travels_back_from_a_process():
    """Type and arguments of the exception are the user's own."""
    with pytest.raises(ValueError, match="far away") as caught:
        asyncio.run(flow(places.fail).on("process")(5))

    assert caught.value.args == ("far away", 5)


@pytest.mark.parametrize(
    ("fails", "name", "text"), [(places.fail_local, "Local", "stays"), (places.fail_sore, "Sore", "one")]
)
def test_an_exception_that_cannot_travel_is_described(fails, name, text):
    """In place of it comes a `RemoteError` with type, text and traceback."""
    with pytest.raises(RemoteError) as caught:
        asyncio.run(flow(fails).on("process")(5))

    assert caught.value.type_name.endswith(name)
    assert text in caught.value.text
    assert fails.__name__ in caught.value.traceback


def test_a_function_that_cannot_travel_is_refused():
    """A lambda cannot go to a process, and the error says which."""
    with pytest.raises(Unpicklable, match="lambda"):
        asyncio.run(flow(lambda x: x).on("process")(5))


def test_an_argument_that_cannot_travel_is_refused():
    """An argument that does not pickle is an `Unpicklable`, not a hang."""
    with pytest.raises(Unpicklable):
        asyncio.run(flow(places.pid_and).on("process")(threading.Lock()))


def test_a_result_that_cannot_travel_is_refused():
    """A result that does not pickle is an `Unpicklable`, not a hang."""
    with pytest.raises(Unpicklable):
        asyncio.run(flow(places.give_lambda).on("process")(5))


@pytest.mark.parametrize("ends", [places.die, places.boom], ids=["killed", "exited"])
def test_a_lost_worker_is_an_error_and_the_next_call_works(ends):
    """A worker that dies fails its call, and the pool goes on."""

    async def main():
        with pytest.raises(WorkerLost):
            await flow(ends).on("process")(0)
        return await flow(places.pid_and).on("process")(5)

    assert asyncio.run(main())[1] == 5


def test_a_lost_worker_fails_only_its_own_call():
    """Calls in other workers are not lost with it."""

    async def main():
        calls = [flow(places.pid_and).on("process")(n) for n in range(6)]
        return await asyncio.gather(flow(places.boom).on("process")(0), *calls, return_exceptions=True)

    lost, *others = asyncio.run(main())
    assert isinstance(lost, WorkerLost)
    assert [value for _, value in others] == list(range(6))


def test_processes_work_from_two_loops():
    """The pool belongs to no loop."""
    pid_and = flow(places.pid_and).on("process")

    assert [asyncio.run(pid_and(n))[1] for n in range(2)] == [0, 1]


def test_cancelling_a_process_step_leaves():
    """The caller of a process step can be cancelled, and the next call works."""
    import time

    async def main():
        task = asyncio.ensure_future(flow(time.sleep).on("process")(30))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await flow(places.pid_and).on("process")(5)

    assert asyncio.run(main())[1] == 5


def test_an_unknown_place_without_an_executor_is_an_error():
    """A place that nobody serves is an error that names it."""
    with pytest.raises(OmnitronError, match="mars"):
        asyncio.run(where.on("mars")(0))


def test_the_contexts_executor_serves_other_places():
    """An executor gets place, flow and arguments, and gives the result."""

    class Mars:
        async def execute(self, place, work, args, kwargs):
            return place, work(*args, **kwargs)

    far = flow(lambda a, *, b: a + b).on("mars")
    assert asyncio.run(context(executor=Mars()).run(far, 1, b=2)) == ("mars", 3)


def test_a_process_step_stands_in_a_pipe():
    """A pipe with another place in the middle is async."""
    whole = flow(int) | flow(abs).on("process") | flow(str)

    assert asyncio.run(whole("-4")) == "4"


def test_a_cancelled_process_runs_its_finally(tmp_path):
    """The worker is asked to end, and cleans up."""
    begun, ended = tmp_path / "begun", tmp_path / "ended"

    async def main():
        task = asyncio.create_task(flow(places.hold).on("process")((str(begun), str(ended))))
        while not begun.exists():  # noqa: ASYNC110 - the other process tells by a file
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(500):
            if ended.exists():
                break
            await asyncio.sleep(0.01)

    asyncio.run(main())

    assert ended.read_text() == "ended"


def test_workers_that_cannot_start_end_the_run():
    """A program without a guard learns why, and nothing is tried again."""
    program = (
        "import asyncio\nfrom omnitron import flow\n"
        "try:\n    asyncio.run(flow(len).on('process')('abc'))\n"
        "except Exception as error:\n    print(type(error).__name__, '__main__' in str(error))\n"
    )
    done = subprocess.run([sys.executable, "-"], input=program, capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.splitlines()[-1] == "WorkerStartFailed True"


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="POSIX signals")
def test_a_worker_starts_with_interrupts_blocked():
    """The first one too: what a terminal sends to all is for the parent, also while a worker still imports."""
    program = (
        "import asyncio, signal\nfrom multiprocessing import util\nfrom omnitron import flow\n"
        "spawn, blocked = util.spawnv_passfds, []\n"
        "def spawned(*given):\n"
        "    blocked.append(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))\n"
        "    return spawn(*given)\n"
        "util.spawnv_passfds = spawned\n"
        "asyncio.run(flow(len).on('process')('abc'))\nprint(blocked[-1])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "True\n"


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals of POSIX")
def test_a_worker_that_is_ended_while_it_opens_a_loop_says_nothing():
    """The request waits until the loop is whole; then the process ends by it."""
    program = """if True:
        import asyncio, os, signal
        from asyncio import events
        from functools import partial
        from omnitron.runtime import travel

        class Slow(asyncio.SelectorEventLoop):
            def __init__(self):
                os.kill(os.getpid(), signal.SIGTERM)
                super().__init__()

        events.new_event_loop = Slow
        signal.signal(signal.SIGTERM, travel.leave)
        travel.run_in_loop(partial(asyncio.sleep, 9))
        """
    done = subprocess.run([sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (143, "")


def test_guards_are_asked_before_work_leaves():
    """A guard refuses or replaces what would run in a process."""

    class Stop:
        def check(self, call):
            return Replace("kept here") if call.path == "pid_and" else None

    kept = asyncio.run(context(guards=[Stop()]).run(flow(places.pid_and).on("process"), 1))

    assert kept == "kept here"


class Seen(EventLog):
    """A log that gives the kind and path of its events."""

    def rows(self):
        """Give the rows."""
        return [(type(event).__name__, event.path) for event in self.events]


def test_a_lost_worker_is_seen():
    """Observers are told of the start of what runs in a process, and that its process was lost."""
    log = Seen()
    with pytest.raises(WorkerLost):
        asyncio.run(context(observers=[log]).run(flow(places.die).on("process"), 1))

    assert log.rows() == [("CallStarted", "die"), ("CallFailed", "die")]
    assert isinstance(log.events[1].error, WorkerLost)


@pytest.mark.parametrize(
    ("fn", "value", "kind"),
    [(places.pid_and, threading.Lock(), Unpicklable), (places.give_lambda, 1, Unpicklable)],
    ids=["argument", "result"],
)
def test_what_cannot_travel_is_seen_as_a_failure(fn, value, kind):
    """Observers see the error that the caller gets."""
    log = Seen()
    with pytest.raises(kind):
        asyncio.run(context(observers=[log]).run(flow(fn).on("process"), value))

    assert [type(event).__name__ for event in log.events] == ["CallStarted", "CallFailed"]
    assert isinstance(log.events[1].error, kind)


def test_an_unknown_place_is_seen_as_a_failure():
    """A step that nobody can run has started and failed."""
    log = Seen()
    with pytest.raises(OmnitronError, match="mars"):
        asyncio.run(context(observers=[log]).run(flow(abs) | flow(len).on("mars"), 1))

    assert ("CallFailed", "abs → len/len") in log.rows()


def test_a_process_step_is_seen_before_it_ends(tmp_path):
    """Observers are told of the start when the work leaves, and of a cancellation."""
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    log = Seen()

    async def main():
        started = asyncio.Event()
        hooks = Hooks(before=lambda event: started.set())
        run = context(observers=[log], hooks=hooks).run(flow(places.hold).on("process"), (str(begun), str(ended)))
        task = asyncio.ensure_future(run)
        await started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())

    assert log.rows() == [("CallStarted", "hold"), ("CallFailed", "hold")]
    assert isinstance(log.events[1].error, asyncio.CancelledError)


class Mars:
    """An executor that runs flows where it is."""

    async def execute(self, place, work, args, kwargs):
        return work(*args, **kwargs)


@pytest.mark.parametrize("place", ["process", "mars"])
def test_a_pipe_in_another_place_has_the_paths_of_its_tree(place):
    """An unnamed pipe is no part of paths, wherever it runs, and equal siblings are counted on."""
    log, one, two = EventLog(), flow(abs), flow(int)
    whole = (two | (one | two).on(place) | one).named("whole")
    asyncio.run(context(observers=[log], executor=Mars()).run(whole, 1))

    expected = ["whole", "whole/int", "whole/abs", "whole/int#2", "whole/abs#2"]
    assert [event.path for event in log.events if isinstance(event, CallStarted)] == expected
    assert list(dict.fromkeys(path for path, _ in walk(whole))) == expected


def test_a_note_counts_siblings_on_into_a_process():
    """The note on an error from a process has the path of the tree."""
    fail = flow(places.fail).named("abs")
    with pytest.raises(ValueError, match="far away") as caught:
        asyncio.run((flow(abs) | (flow(int) | fail).on("process")).named("whole")(1))

    assert caught.value.__notes__ == ["raised in flow 'whole', at whole/abs#2"]


def test_a_step_in_a_process_knows_its_place():
    """`current_step` tells the same path there."""
    place = flow(places.place)
    run = context().as_run("r").run(place | place.on("process"), 1)

    assert asyncio.run(run) == ("r", "place → place/place#2")


def test_a_refined_step_has_one_name():
    """A place adds no segment, in the tree and in the run."""
    log = EventLog()
    away = flow(places.pid_and).on("thread")
    asyncio.run(context(observers=[log]).run(away, 1))

    assert [path for path, _ in walk(away)] == ["pid_and", "pid_and"]
    assert [event.path for event in log.events] == ["pid_and", "pid_and"]


def test_state_that_changed_is_sent_again():
    """A callable object and a bound list arrive in a process as they are at the call."""
    model, into = places.Model(), [1]
    trained, listed = flow(model).on("process"), flow(places.listed).bind(into=into).on("process")

    async def main():
        before = await trained(5), await listed(5)
        model.trained = 7
        into.append(2)
        return before, (await trained(5), await listed(5))

    assert asyncio.run(main()) == (((0, 5), [1]), ((7, 5), [1, 2]))


def test_a_process_may_use_a_process():
    """What runs in a process may go on to another."""
    pid, value = asyncio.run(flow(places.again).on("process")(5))

    assert pid != os.getpid()
    assert value == 5
