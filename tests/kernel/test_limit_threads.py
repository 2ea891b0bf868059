"""Rate limits and bulkheads among threads, tasks of several loops, and forked children, all at one shared value."""

import asyncio
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from omnitron import Bulkhead, RateLimit, RunCancelled, context, flow
from omnitron.testing import ManualClock
from tests.kernel.forked import in_program


class Room:
    """Counts who is inside."""

    def __init__(self):
        self.lock = threading.Lock()
        self.inside = self.most = self.count = 0

    def __enter__(self):
        with self.lock:
            self.inside += 1
            self.count += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *error):
        with self.lock:
            self.inside -= 1


def mixed(room, policy):
    """Give a sync and an async flow under one policy."""

    @flow
    def work(x):
        with room:
            threading.Event().wait(0.0002)

    @flow
    async def work_soon(x):
        with room:
            await asyncio.sleep(0.0002)

    return work.apply(policy), work_soon.apply(policy)


def crowd(work, work_soon):
    """Call from four threads and from the tasks of two loops, 120 times in all."""

    async def tasks():
        await asyncio.gather(*(work_soon(number) for number in range(20)))

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(lambda: [work(number) for number in range(20)]) for _ in range(4)]
        jobs += [pool.submit(lambda: asyncio.run(tasks())) for _ in range(2)]
        for job in jobs:
            job.result(30)


def test_a_bulkhead_bounds_threads_and_tasks_of_several_loops_together():
    """Nobody is lost, and nobody is too many."""
    room, bulkhead = Room(), Bulkhead(3)

    crowd(*mixed(room, bulkhead))

    info = bulkhead.info()
    assert (room.most, room.count) == (3, 120)
    assert (info.running, info.waiting, info.taken) == (0, 0, 120)


def test_a_rate_limit_bounds_threads_and_tasks_of_several_loops_together():
    """All come through in the end, at the rate."""
    room, limit = Room(), RateLimit(2000, per=1, burst=1)

    crowd(*mixed(room, limit))

    info = limit.info()
    assert (room.count, info.taken, info.waiting) == (120, 120, 0)


def held(bulkhead):
    """Take the one place in a thread; give what lets it go, and the thread."""
    inside, go = threading.Event(), threading.Event()

    @flow
    def hold(x):
        inside.set()
        go.wait(10)

    thread = threading.Thread(target=hold.bulkhead(bulkhead), args=(1,))
    thread.start()
    assert inside.wait(10)
    return go, thread


def until(test):
    """Wait until something holds that another thread brings about."""
    while not test():
        threading.Event().wait(0.001)


def test_a_started_run_that_is_cancelled_waits_no_longer():
    """In the thread in which it waits for a place; it leaves no trace."""
    bulkhead = Bulkhead(1)
    go, thread = held(bulkhead)
    run = context().start(flow(str).bulkhead(bulkhead), 1)
    until(lambda: bulkhead.info().waiting)
    run.cancel("enough")
    with pytest.raises(RunCancelled):
        run.result(10)
    assert bulkhead.info().waiting == 0
    go.set()
    thread.join()
    assert bulkhead.info().running == 0


def test_a_started_run_that_is_cancelled_waits_no_longer_for_a_permit():
    """Nor does it take the permit."""
    limit = RateLimit(1, per=1000)
    tree = flow(str).rate_limit(limit)
    tree(1)
    run = context().start(tree, 1)
    until(lambda: limit.info().waiting)
    run.cancel("enough")
    with pytest.raises(RunCancelled):
        run.result(10)
    assert (limit.info().waiting, limit.info().taken) == (0, 1)


def test_the_deadline_of_a_sync_run_ends_its_wait():
    """It looks at the clock while it waits."""
    bulkhead = Bulkhead(1)
    go, thread = held(bulkhead)
    with pytest.raises(TimeoutError, match="deadline"):
        context(deadline=0.05).run(flow(str).bulkhead(bulkhead), 1)
    go.set()
    thread.join()
    assert (bulkhead.info().running, bulkhead.info().waiting) == (0, 0)


def test_a_thread_waits_on_the_clock_of_its_context():
    """For as long as it may."""
    bulkhead, clock = Bulkhead(1, max_wait=3600), ManualClock()
    go, thread = held(bulkhead)
    with pytest.raises(Exception, match="this call has waited 3600 s for room"):
        context(clock=clock).run(flow(str).bulkhead(bulkhead), 1)
    go.set()
    thread.join()
    assert clock.monotonic() >= 3600


def test_waiters_of_a_closed_loop_are_passed_over():
    """Although somebody still has their tasks."""
    bulkhead = Bulkhead(1)
    go, thread = held(bulkhead)
    loop = asyncio.new_event_loop()

    async def begin():
        tasks = [asyncio.ensure_future(flow(later).bulkhead(bulkhead)(number)) for number in range(3)]
        await asyncio.sleep(0.01)
        return tasks

    tasks = loop.run_until_complete(begin())
    assert bulkhead.info().waiting == 3
    loop.close()
    go.set()
    thread.join()

    assert flow(str).bulkhead(bulkhead)(7) == "7"
    assert (bulkhead.info().running, bulkhead.info().waiting) == (0, 0)
    for task in tasks:
        task._log_destroy_pending = False


async def later(x):
    """Pass a value on."""
    return x


def test_a_loop_closed_at_the_head_of_the_line_holds_nobody_up():
    """Who has the turn of a rate limit is passed over when its loop is closed."""
    limit = RateLimit(1, per=0.2)
    tree, soon = flow(str).rate_limit(limit), flow(later).rate_limit(limit)
    tree(0)
    loop = asyncio.new_event_loop()

    async def begin():
        task = asyncio.ensure_future(soon(1))
        await asyncio.sleep(0.01)
        return task

    task = loop.run_until_complete(begin())
    assert limit.info().waiting == 1
    loop.close()

    assert tree(7) == "7"
    assert (limit.info().waiting, limit.info().taken) == (0, 2)
    task._log_destroy_pending = False


@pytest.mark.skipif(os.name != "posix", reason="sends a signal to itself")
@pytest.mark.parametrize("policy", [Bulkhead(1), RateLimit(1, per=1000)])
def test_ctrl_c_ends_the_wait_of_a_thread(policy):
    """It leaves no trace."""
    tree = flow(str).apply(policy)
    if isinstance(policy, Bulkhead):
        go, thread = held(policy)
    else:
        tree(1)

    def press():
        until(lambda: policy.info().waiting)
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(KeyboardInterrupt):
        tree(2)
    presser.join()
    if isinstance(policy, Bulkhead):
        go.set()
        thread.join()
    assert policy.info().waiting == 0


@pytest.mark.real
@pytest.mark.skipif(os.name != "posix", reason="sends signals to itself")
def test_a_storm_of_ctrl_c_loses_nothing():
    """Wherever it comes, among others who wait for the same places and permits.

    By hand: `pytest -m real tests/kernel/test_limit_threads.py`. A signal may come where the test itself is not ready for
    it, and would end the whole run.
    """
    if sys.gettrace() is not None:
        pytest.skip("a tracer lets an interrupt in where a `with` is left, outside of its guard: the lock stays held")
    bulkhead, limit, over = Bulkhead(1), RateLimit(2000, per=1, burst=1), threading.Event()
    work, call = flow(lambda x: threading.Event().wait(0.0001)).bulkhead(bulkhead), flow(str).rate_limit(limit)

    def go_on(tree):
        while not over.is_set():
            tree(1)

    def storm():
        while not over.wait(0.0003):
            os.kill(os.getpid(), signal.SIGINT)

    others = [threading.Thread(target=go_on, args=(tree,), daemon=True) for tree in (work, work, call, call)]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    for thread in (*others, stormer := threading.Thread(target=storm)):
        thread.start()
    hits = sum(stormed(work, call) for _ in range(2000))
    over.set()
    for thread in (*others, stormer):
        thread.join(10)
    signal.signal(signal.SIGINT, before)

    assert hits > 1000
    assert not any(thread.is_alive() for thread in others)
    assert (bulkhead.info().running, bulkhead.info().waiting, limit.info().waiting) == (0, 0, 0)


@pytest.mark.skipif(sys.gettrace() is not None, reason="is a tracer itself")
def test_ctrl_c_at_the_beginning_of_any_function_keeps_no_turn():
    """It is there that signals are handled: also in what gives the turn back."""
    limit, ctx = RateLimit(1, per=1), context(clock=ManualClock())
    limited = flow(str).rate_limit(limit)
    met = when = 0

    def interrupt(frame, event, arg):
        nonlocal met
        met += 1
        if met == when:
            raise KeyboardInterrupt

    while met >= when:  # until the call has fewer beginnings than that
        ctx.run(limited, 1)
        met, when = 0, when + 1
        try:
            sys.settrace(interrupt)
            ctx.run(limited, 2)
            sys.settrace(None)
        except KeyboardInterrupt:
            sys.settrace(None)
        assert limit.info().waiting == 0, when

    assert when > 50


def stormed(work, call):
    """Call until Ctrl-C comes; say whether it came."""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            for number in range(100):
                work(number)
                call(number)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        return True
    return False


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@in_program
def test_a_forked_child_begins_with_all_places_free():
    """What runs and waits in threads of the parent is not there; what the forking thread gives back counts no more."""
    bulkhead = Bulkhead(2)
    go, thread = held(bulkhead)

    @flow
    def fork(x):
        return os.fork()

    child = fork.bulkhead(bulkhead)(1)
    if not child:
        info = bulkhead.info()
        ok = (info.running, info.waiting) == (0, 0) and flow(str).bulkhead(bulkhead)(3) == "3"
        os._exit(0 if ok and bulkhead.info().running == 0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    go.set()
    thread.join()
    assert bulkhead.info().running == 0
