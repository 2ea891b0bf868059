"""Virtual time: the clock jumps when every task waits, waits really for what is outside, and tells a deadlock."""

import asyncio
import contextvars
import os
import signal
import socket
import sys
import threading
import time
from datetime import UTC, datetime

import pytest

from omnitron import DeadlineExceeded, EventLog, context, flow
from omnitron.errors import DefinitionError
from omnitron.runtime import wait_on
from omnitron.testing import Deadlock, ManualClock, VirtualClock, jumping

# ------------------------------------------------------------------ time


def test_hours_pass_in_no_time():
    """And the result of the coroutine is given."""
    clock, began = VirtualClock(), time.monotonic()

    assert clock.run(asyncio.sleep(100 * 3600, "done")) == "done"
    assert clock.monotonic() == 360_000.0
    assert time.monotonic() - began < 60


def test_sleepers_wake_in_the_order_of_their_times_exactly_at_them():
    """Also where the difference of two readings is rounded, and where asyncio sleeps a day at most."""
    clock, woken = VirtualClock(start=0.7), []

    async def sleeper(delay):
        when = clock.monotonic() + delay
        await asyncio.sleep(delay)
        woken.append((delay, clock.monotonic() - when))

    async def main():
        async with asyncio.TaskGroup() as group:
            for delay in (3600, 0.1, 86400 * 30 + 0.3, 7):
                group.create_task(sleeper(delay))

    clock.run(main())
    assert woken == [(0.1, 0.0), (7, 0.0), (3600, 0.0), (86400 * 30 + 0.3, 0.0)]


def test_timeouts_end_what_takes_longer():
    """`asyncio.timeout` and `asyncio.wait_for` go by the clock."""
    clock = VirtualClock()

    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.sleep(6)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 60)
        return clock.monotonic()

    assert clock.run(main()) == 65.0


def test_timers_that_were_cancelled_do_not_count():
    """Time does not go to them, and they are forgotten when there are many."""
    clock = VirtualClock()

    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(1000):
            loop.call_later(50, int).cancel()
        await asyncio.sleep(100)
        return len(loop.alarms.heap)

    assert clock.run(main()) < 100
    assert clock.monotonic() == 100.0


def test_a_time_that_is_no_number_hides_no_other():
    """It is past for asyncio."""
    clock, called = VirtualClock(), []

    async def main():
        asyncio.get_running_loop().call_later(float("nan"), called.append, 1)
        await asyncio.sleep(5)

    clock.run(main())

    assert (called, clock.monotonic()) == ([1], 5.0)


def test_the_next_run_goes_on_where_the_last_one_ended():
    """On a fresh loop."""
    clock = VirtualClock(start=5, start_at=datetime(2026, 1, 1, tzinfo=UTC))
    clock.run(asyncio.sleep(10))
    clock.run(asyncio.sleep(20))

    assert clock.monotonic() == 35.0
    assert clock.now() == datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)


def test_what_is_left_is_cancelled_and_cleans_up():
    """As by `asyncio.run`, in virtual time."""
    clock, done = VirtualClock(), []

    async def left():
        try:
            await asyncio.sleep(9)
        finally:
            await asyncio.sleep(3)
            done.append(clock.monotonic())

    async def main():
        task = asyncio.create_task(left())
        await asyncio.sleep(1)
        return task

    assert clock.run(main()).cancelled()
    assert done == [4.0]


def test_it_is_the_clock_of_contexts():
    """Deadlines and the times of calls are its own."""
    clock, log = VirtualClock(), EventLog()
    slow = flow(asyncio.sleep, name="slow")

    with pytest.raises(DeadlineExceeded):
        clock.run(context(clock=clock, deadline=60).run(slow, 61))
    clock.run(context(clock=clock, observers=log).run(slow, 30))

    assert clock.monotonic() == 90.0
    assert log.events[-1].duration_s == 30.0


def test_its_own_sleep_is_the_loops():
    """On a loop of another time it is refused."""
    clock = VirtualClock()
    clock.run(clock.sleep(8))

    assert clock.monotonic() == 8.0
    with pytest.raises(DefinitionError, match="whose time is another"):
        asyncio.run(clock.sleep(1))
    with pytest.raises(DefinitionError, match="whose time is another"):
        VirtualClock().run(clock.sleep(1))


def test_context_variables_and_debug_mode_are_those_of_asyncio():
    """A run sees the caller's context."""
    here = contextvars.ContextVar("here")
    here.set("caller")

    async def main():
        return here.get(), asyncio.get_running_loop().get_debug()

    assert VirtualClock().run(main(), debug=True) == ("caller", True)


def test_what_cannot_be_run_is_refused():
    """No coroutine, and where a loop runs already."""
    clock = VirtualClock()

    async def main():
        clock.run(asyncio.sleep(0))

    async def other():
        VirtualClock().run(asyncio.sleep(0))

    with pytest.raises(DefinitionError, match=r"clock.run\(main\(\)\)"):
        clock.run(main)
    with pytest.raises(DefinitionError, match="on this clock already"):
        clock.run(main())
    with pytest.raises(DefinitionError, match="in this thread already"):
        clock.run(other())
    for wrong in ({"seed": True}, {"seed": "x"}, {"start": "now"}, {"start_at": datetime(2026, 1, 1)}):  # noqa: DTZ001
        with pytest.raises(DefinitionError):
            VirtualClock(**wrong)


# ------------------------------------------------------------------ sync code


def test_blocking_moves_the_clock():
    """Outside of a loop, and of `ManualClock` too."""
    clock, manual = VirtualClock(), ManualClock()
    wait_on(clock, 60)
    wait_on(manual, 90)
    wait_on(clock, -5)
    wait_on(manual, -5)

    assert (clock.monotonic(), manual.monotonic()) == (60.0, 90.0)


def test_a_task_that_blocks_makes_others_late():
    """As `time.sleep` does."""
    clock = VirtualClock()

    async def late():
        await asyncio.sleep(1)
        return clock.monotonic()

    async def main():
        task = asyncio.create_task(late())
        await asyncio.sleep(0)
        clock.wait(10)
        return await task

    assert clock.run(main()) == 10.0


def test_a_thread_that_blocks_lets_timers_come_due():
    """While the loop waits for it, which takes no real time."""
    clock, ended = VirtualClock(), threading.Event()

    def work():
        clock.wait(3600)
        ended.wait()

    async def main():
        try:
            async with asyncio.timeout(60):
                await asyncio.to_thread(work)
        except TimeoutError:
            ended.set()
        return clock.monotonic()

    assert clock.run(main()) == 3600.0


def test_a_clock_that_cannot_block_is_taken_until_somebody_needs_it():
    """The refusal says what is missing."""

    class Old:
        def monotonic(self):
            return 1.0

        def now(self):
            return datetime.now(UTC)

        async def sleep(self, delay):
            await asyncio.sleep(0)

    assert context(clock=Old()).run(flow(len), "abc") == 3
    with pytest.raises(DefinitionError, match="no method `wait`"):
        wait_on(Old(), 5)


def test_the_machines_own_clock_blocks_really():
    """For nothing, where nothing is to be waited for."""
    from omnitron.runtime import SYSTEM_CLOCK

    began = time.monotonic()
    wait_on(SYSTEM_CLOCK, -1)
    wait_on(SYSTEM_CLOCK, 0.002)

    assert 0.002 <= time.monotonic() - began < 30


# ------------------------------------------------------------------ outside


def test_work_in_a_thread_takes_no_virtual_time():
    """It is waited for really, and no timer is jumped to meanwhile."""
    clock, ticked = VirtualClock(), threading.Event()

    async def main():
        timer = asyncio.get_running_loop().call_later(3600, int)
        job = asyncio.to_thread(ticked.wait)
        threading.Timer(0.01, ticked.set).start()
        found = await job
        timer.cancel()
        return found, clock.monotonic()

    assert clock.run(main()) == (True, 0.0)


def test_a_timeout_ends_the_waiting_for_a_thread():
    """When so much real time has passed."""
    clock, ended = VirtualClock(), threading.Event()

    async def main():
        try:
            await asyncio.wait_for(asyncio.to_thread(ended.wait), 0.02)
        except TimeoutError:
            return clock.monotonic()
        finally:
            ended.set()

    assert clock.run(main()) == 0.02


@pytest.mark.skipif(sys.platform == "win32", reason="no child processes on a selector loop")
def test_child_processes_are_waited_for():
    """With a pipe and without."""
    clock = VirtualClock()

    async def main():
        code = "import sys; sys.stdin.read(); print(7)"
        one = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await asyncio.wait_for(one.communicate(b""), 3600)
        other = await asyncio.create_subprocess_shell("exit 3")
        return said.strip(), await asyncio.wait_for(other.wait(), 3600), clock.monotonic()

    assert clock.run(main()) == (b"7", 3, 0.0)


def test_a_thread_of_the_users_own_is_waited_for_where_it_is_told():
    """Else time would go to the timeout at once."""
    clock, go = VirtualClock(), threading.Event()

    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        thread = threading.Thread(target=lambda: (go.wait(), loop.call_soon_threadsafe(future.set_result, 5)))
        thread.start()
        threading.Timer(0.01, go.set).start()
        with clock.outside():
            found = await asyncio.wait_for(future, 3600)
        thread.join()
        return found

    assert clock.run(main()) == 5
    with pytest.raises(DefinitionError, match="on a loop of this clock"):
        clock.outside()


def test_a_thread_that_was_not_told_of_may_still_wake_a_task():
    """Where nothing else would."""

    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        threading.Timer(0.01, loop.call_soon_threadsafe, (future.set_result, 5)).start()
        return await future

    assert VirtualClock().run(main()) == 5


def test_flows_in_threads_and_started_runs_are_waited_for():
    """The library tells of its own threads."""
    clock, go = VirtualClock(), threading.Event()
    slow = flow(lambda x: go.wait() and x, name="slow")

    async def main():
        timer = asyncio.get_running_loop().call_later(3600, int)
        threading.Timer(0.01, go.set).start()
        with context(clock=clock) as app:
            found = await app.run(slow.on("thread"), 1), await app.start(slow, 2)
        timer.cancel()
        return found, clock.monotonic()

    assert clock.run(main()) == ((1, 2), 0.0)


@pytest.mark.real
def test_worker_processes_are_waited_for():
    """However long a process takes to start."""
    clock = VirtualClock()

    async def main():
        async with asyncio.timeout(3600):
            return await flow(len).on("process")("abc"), clock.monotonic()

    assert clock.run(main()) == (3, 0.0)


# ------------------------------------------------------------------ deadlocks


async def wait_for_ever(queue):
    """Wait for an item that nobody puts."""
    return await queue.get()


def test_a_deadlock_says_who_waits_where():
    """With the innermost line of the user's own code."""
    cleaned = []

    async def main():
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(wait_for_ever(asyncio.Queue()), name="reader")
        finally:
            cleaned.append(True)

    with pytest.raises(Deadlock) as caught:
        VirtualClock(start=3).run(main())

    places = dict(caught.value.waiting)
    assert "wait_for_ever" in places["reader"]
    assert places["reader"].endswith("return await queue.get()")
    assert len(places) == 2
    assert "at 3.000 s of virtual time every task waits" in str(caught.value)
    assert cleaned == [True]


def test_a_deadlock_inside_a_flow_names_the_step():
    """Not the library's frames, nor generated code."""

    @flow
    async def stuck(x):
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="stuck.*Event.*wait"):
        VirtualClock().run((flow(abs) | stuck)(1))


def test_a_deadlock_inside_an_each_names_the_step():
    """Though the library steps the items by hand."""

    @flow
    async def stuck(x):
        await wait_for_ever(asyncio.Queue())

    for items in ([1], [1, 2]):
        with pytest.raises(Deadlock, match="wait_for_ever"):
            VirtualClock().run(stuck.each()(items))


def test_to_sleep_for_ever_is_a_deadlock():
    """No timer will end it."""
    with pytest.raises(Deadlock):
        VirtualClock().run(asyncio.sleep(float("inf")))


def test_what_does_not_even_end_when_it_is_cancelled_is_noted():
    """The first error leaves."""

    async def main():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    with pytest.raises(Deadlock) as caught:
        VirtualClock().run(main())

    assert "does not end" in caught.value.__notes__[0]


def test_a_pool_that_rests_is_no_hope():
    """The threads of an executor that have nothing to do wake nobody."""

    async def main():
        await asyncio.to_thread(int)
        await asyncio.Event().wait()

    with pytest.raises(Deadlock) as caught:
        VirtualClock().run(main())

    assert caught.value.threads == ()


def test_threads_that_wake_nobody_are_named(monkeypatch):
    """After some seconds of patience."""
    monkeypatch.setattr(jumping, "PATIENCE_S", 0.01)
    go = threading.Event()

    async def main():
        thread = threading.Thread(target=go.wait, name="loafer")
        thread.start()
        try:
            await asyncio.Event().wait()
        finally:
            go.set()
            thread.join()

    with pytest.raises(Deadlock, match="loafer.*clock.outside"):
        VirtualClock().run(main())


# ------------------------------------------------------------------ signals


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_a_keyboard_interrupt_cancels_the_main_task():
    """As in `asyncio.run`, also while time jumps on and on."""
    clock, cleaned = VirtualClock(), []

    async def main():
        asyncio.get_running_loop().call_later(50, os.kill, os.getpid(), signal.SIGINT)
        try:
            while True:  # noqa: ASYNC110 - time must go on and on
                await asyncio.sleep(1)
        finally:
            cleaned.append(True)

    with pytest.raises(KeyboardInterrupt):
        clock.run(main())

    assert cleaned == [True]
    assert clock.run(asyncio.sleep(1, "again")) == "again"


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_a_signal_that_is_handled_is_waited_for():
    """Waiting for one is no deadlock."""

    async def main():
        loop, came = asyncio.get_running_loop(), asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, came.set)
        threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        await came.wait()
        return loop.remove_signal_handler(signal.SIGUSR1)

    assert VirtualClock().run(main())


def test_a_listening_socket_alone_is_found_by_the_loop():
    """By asking the socket, which stays open; other files are none."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as other:
        found = [jumping.listens(server.fileno()), jumping.listens(other.fileno())]
        with open(os.devnull) as file:
            found.append(jumping.listens(file.fileno()))

        assert found == [True, False, False]
        assert server.fileno() > 0
