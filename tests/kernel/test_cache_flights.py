"""One computation a key at a time: tasks, threads, loops, cancellation, recursion, forks."""

import asyncio
import gc
import os
import sys
import threading
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from omnitron import Cache, DefinitionError, SelfWait, TimedOut, context, flow, needs, parallel, resource
from omnitron.testing import ManualClock, VirtualClock


class Blocked:
    """A sync flow that waits for a bell once it has begun, and counts its calls."""

    def __init__(self, act=None):
        self.begun = threading.Event()
        self.bell = threading.Event()
        self.calls = []
        self.act = act
        self.policy = Cache(60)
        self.flow = flow(self.run).cache(self.policy)

    def run(self, x):
        self.calls.append(x)
        self.begun.set()
        assert self.bell.wait(10)
        return x if self.act is None else self.act(x)

    def joined(self, count):
        """Wait until so many calls wait for the one that computes."""
        while self.policy.info().shared < count:
            threading.Event().wait(0.001)


def in_threads(call, count):
    """Begin a call on so many threads; give the futures."""
    pool = ThreadPoolExecutor(count)
    futures = [pool.submit(call) for _ in range(count)]
    pool.shutdown(wait=False)
    return futures


def test_fifty_threads_compute_once():
    """Those that come while one computes wait for it."""
    blocked = Blocked()
    futures = in_threads(lambda: blocked.flow(1), 50)
    blocked.joined(49)
    blocked.bell.set()
    assert ([one.result(10) for one in futures], blocked.calls) == ([1] * 50, [1])


def test_threads_share_an_error():
    """All get the very exception, with one note."""
    blocked = Blocked(lambda x: 1 // 0)
    futures = in_threads(lambda: blocked.flow(1), 8)
    blocked.joined(7)
    blocked.bell.set()
    errors = {id(one.exception(10)) for one in futures}
    assert (len(errors), futures[0].exception().__notes__, blocked.calls) == (1, ["raised in flow 'run', at run"], [1])


def test_an_interrupted_thread_is_succeeded():
    """What interrupts the leader, KeyboardInterrupt for example, is its own; another computes."""
    blocked = Blocked()

    def interrupted(x):
        if len(blocked.calls) == 1:
            raise KeyboardInterrupt
        return x

    blocked.act = interrupted
    futures = in_threads(lambda: outcome(blocked.flow, 1), 5)
    blocked.joined(4)
    blocked.bell.set()
    got = sorted(str(one.result(10)) for one in futures)
    assert (got, len(blocked.calls)) == (["1"] * 4 + ["KeyboardInterrupt"], 2)


def is_interrupted(place, call, *args):
    """Call, and interrupt after so many calls that the code beneath makes; say whether it had not ended before."""
    left = place

    def profile(frame, event, arg):
        nonlocal left
        left -= event in ("call", "c_return")  # where CPython looks for signals
        if left < 0:
            raise KeyboardInterrupt

    before = sys.getprofile()
    try:
        sys.setprofile(profile)
        call(*args)
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(before)
    return False


def test_an_interrupt_leaves_nobody_waiting_wherever_it_comes():
    """Ctrl-C between any two calls leaves no lock held, no computation that nobody makes, no bound that is wrong."""
    kept, places = flow(lambda x: x).cache(None, 1), 0
    kept(-1)
    while is_interrupted(places, kept, places):
        (future,) = in_threads(partial(kept, places), 1)
        assert future.result(10) == places
        places += 1
    assert (places > 30, kept.cached.info().size) == (True, 1)


def outcome(call, *args):
    """Give what a call gives, or the name of what it raises."""
    try:
        return call(*args)
    except BaseException as error:
        return type(error).__name__


class Suspended:
    """An async flow that waits for an event once it has begun, and counts its calls and its ends."""

    def __init__(self, act=None, **options):
        self.event = asyncio.Event()
        self.begun = asyncio.Event()
        self.calls, self.ends = [], []
        self.act = act
        self.policy = Cache(60, **options)
        self.flow = flow(self.run).cache(self.policy)

    async def run(self, x):
        self.calls.append(x)
        self.begun.set()
        try:
            await self.event.wait()
            return x if self.act is None else self.act(x)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.ends.append("cancelled")
            raise


async def turns():
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def begin(call, count):
    """Begin a call in so many tasks."""
    tasks = [asyncio.create_task(call()) for _ in range(count)]
    await turns()
    return tasks


def test_a_thousand_tasks_compute_once():
    """Those that come while one computes wait for it."""

    async def main():
        held = Suspended()
        tasks = await begin(lambda: held.flow(1), 1000)
        held.event.set()
        return await asyncio.gather(*tasks), held.calls

    assert asyncio.run(main()) == ([1] * 1000, [1])


def test_a_cancelled_leader_leaves_the_computation_to_those_who_wait():
    """The first task is cancelled; the computation goes on, once, and nobody else hears of it."""

    async def main():
        held = Suspended()
        tasks = await begin(lambda: held.flow(1), 1000)
        tasks[0].cancel()
        await turns()
        held.event.set()
        got = await asyncio.gather(*tasks[1:])
        return tasks[0].cancelled(), set(got), held.calls, held.ends

    assert asyncio.run(main()) == (True, {1}, [1], [])


def test_a_leader_whose_time_is_over_leaves_it_too():
    """A timeout around the cached flow ends only the waiting of its own caller."""

    async def main():
        held = Suspended()
        late = asyncio.create_task(held.flow.timeout(1)(1))
        await held.begun.wait()
        rest = await begin(lambda: held.flow(1), 10)
        with pytest.raises(TimedOut):
            await late
        held.event.set()
        return await asyncio.gather(*rest), held.calls

    assert VirtualClock().run(main()) == ([1] * 10, [1])


def test_when_nobody_waits_any_more_it_is_cancelled_and_awaited():
    """The last one who leaves ends the computation, and goes on when it has cleaned up."""

    async def main():
        held = Suspended()
        tasks = await begin(lambda: held.flow(1), 3)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        ends = list(held.ends)
        held.event.set()
        return ends, await held.flow(1), len(asyncio.all_tasks())

    assert asyncio.run(main()) == (["cancelled"], 1, 1)


def test_who_comes_while_it_is_being_cancelled_computes_anew():
    """A new caller never gets the cancellation of those who left."""

    async def main():
        held = Suspended()
        (task,) = await begin(lambda: held.flow(1), 1)
        task.cancel()
        await asyncio.sleep(0)
        again = asyncio.create_task(held.flow(1))
        await turns()
        held.event.set()
        return await again, held.calls

    assert asyncio.run(main()) == (1, [1, 1])


def test_tasks_share_an_error():
    """All get the very exception, with one note, and each a traceback that does not grow."""

    async def main():
        held = Suspended(lambda x: 1 // 0)
        tasks = await begin(lambda: held.flow(1), 100)
        held.event.set()
        errors = await asyncio.gather(*tasks, return_exceptions=True)
        return len(set(map(id, errors))), errors[0].__notes__, held.calls

    assert asyncio.run(main()) == (1, ["raised in flow 'run', at run"], [1])


def test_a_flow_that_cancels_itself_is_succeeded():
    """A CancelledError of the computation is its caller's alone; each of the others computes for itself."""

    async def main():
        calls = []

        async def run(x):
            calls.append(x)
            await asyncio.sleep(0)
            if len(calls) == 1:
                raise asyncio.CancelledError
            return x

        cached = flow(run).cache(60)
        tasks = [asyncio.create_task(cached(1)) for _ in range(3)]
        await asyncio.wait(tasks)
        return [task.cancelled() or task.result() for task in tasks], calls

    assert asyncio.run(main()) == ([True, 1, 1], [1, 1])


def test_threads_and_tasks_wait_for_one_another():
    """A sync flow that a thread computes is not computed again by a run in which an observer is awaited."""

    class Watcher:
        async def observe(self, event):
            await asyncio.sleep(0)

    async def main():
        blocked = Blocked()
        (future,) = in_threads(lambda: blocked.flow(0), 1)
        await asyncio.to_thread(blocked.begun.wait, 10)
        both = parallel(blocked.flow, flow(asyncio.sleep))
        task = asyncio.create_task(context(observers=[Watcher()]).run(both, 0))
        await asyncio.to_thread(blocked.joined, 1)
        blocked.bell.set()
        return await task, future.result(10), blocked.calls

    assert asyncio.run(main()) == ((0, None), 0, [0])


def test_two_loops_in_two_threads_share_a_computation():
    """A task on another loop is woken by the one that computes."""
    ready, joined, calls = threading.Event(), threading.Event(), []
    policy = Cache(60)

    async def run(x):
        calls.append(x)
        ready.set()
        await asyncio.to_thread(joined.wait, 10)
        return x

    cached = flow(run).cache(policy)

    def other():
        async def follow():
            task = asyncio.create_task(cached(1))
            await turns()
            assert policy.info().shared == 1
            joined.set()
            return await task

        ready.wait(10)
        return asyncio.run(follow())

    with ThreadPoolExecutor(1) as pool:
        follower = pool.submit(other)
        assert (asyncio.run(cached(1)), follower.result(10), calls) == (1, 1, [1])


def test_two_loops_one_after_the_other_share_results():
    """What is kept belongs to no loop."""
    calls = []

    async def run(x):
        calls.append(x)
        await asyncio.sleep(0)
        return x

    cached = flow(run).cache(60)
    assert (asyncio.run(cached(1)), asyncio.run(cached(1)), calls) == (1, 1, [1])


def test_the_end_of_a_loop_hands_over_to_another():
    """When the loop that computes ends, who waits on another one computes anew."""
    ready, leave, calls = threading.Event(), threading.Event(), []
    policy = Cache(60)

    async def run(x):
        calls.append(x)
        if len(calls) == 1:
            ready.set()
            await asyncio.Event().wait()
        return x

    cached = flow(run).cache(policy)

    async def leads():
        task = asyncio.ensure_future(cached(1))
        await asyncio.to_thread(leave.wait, 10)
        assert not task.done()

    async def follows():
        task = asyncio.create_task(cached(1))
        await turns()
        leave.set()
        return await task

    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(asyncio.run, leads())
        ready.wait(10)
        assert asyncio.run(follows()) == 1
        leader.result(10)
    assert calls == [1, 1]


def test_a_loop_that_was_closed_over_a_computation_is_left():
    """A flight whose loop is closed and never ended is computed anew."""
    calls = []

    async def run(x):
        calls.append(x)
        if len(calls) == 1:
            await asyncio.Event().wait()
        return x

    cached = flow(run).cache(60)
    loop = asyncio.new_event_loop()
    task = loop.create_task(cached(1))
    loop.run_until_complete(asyncio.sleep(0.001))
    loop.close()
    got = asyncio.run(cached(1))
    for left in (task, *asyncio.all_tasks(loop)):
        left._log_destroy_pending = False
    assert (got, calls) == (1, [1, 1])


def test_a_loop_that_runs_no_more_is_left():
    """A flight whose loop was stopped over it, and may never run again, is computed anew."""
    event, calls = asyncio.Event(), []

    async def run(x):
        calls.append(x)
        if len(calls) == 1:
            await event.wait()
        return x

    cached, loop = flow(run).cache(60), asyncio.new_event_loop()
    task = loop.create_task(cached(1))
    loop.run_until_complete(asyncio.sleep(0.001))
    got = asyncio.run(cached(1))
    event.set()
    assert (got, loop.run_until_complete(task), calls) == (1, 1, [1, 1])
    loop.close()


def test_an_exit_leaves_by_who_waits(caplog):
    """And by nobody else: asyncio has nothing to say about the task."""

    async def run(x):
        await asyncio.sleep(0)
        raise SystemExit(4)

    with pytest.raises(SystemExit):
        asyncio.run(flow(run).cache(60)(1))
    gc.collect()
    assert caplog.messages == []


# ------------------------------------------------------------------ asking for oneself


def test_a_flow_that_asks_for_its_own_key_is_told():
    """It would wait for itself."""

    @flow
    def even(n):
        return cached(n)

    cached = even.cache(60)
    with pytest.raises(SelfWait, match="even"):
        cached(1)


def test_a_recursion_to_other_keys_is_fine():
    """Fibonacci, kept."""
    calls = []

    @flow
    def fib(n):
        calls.append(n)
        return n if n < 2 else cached(n - 1) + cached(n - 2)

    cached = fib.cache(60)
    assert (cached(30), len(calls)) == (832040, 31)


def test_an_async_flow_that_asks_for_its_own_key_is_told():
    """Also through a task of its own."""

    @flow
    async def asks(n):
        return await asyncio.gather(cached(n))

    cached = asks.cache(60)
    with pytest.raises(SelfWait):
        asyncio.run(cached(1))


def test_two_flows_that_wait_for_each_other_are_told():
    """One of the two who would wait for ever gets the error."""
    both = threading.Barrier(2)

    @flow
    def one(n):
        both.wait(10)
        return outcome(other_cached, n)

    @flow
    def other(n):
        both.wait(10)
        return outcome(one_cached, n)

    one_cached, other_cached = one.cache(60), other.cache(60)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(one_cached, 1), pool.submit(other_cached, 1)]
        assert {one.result(10) for one in futures} == {"SelfWait"}


def test_after_the_error_it_can_be_asked_again():
    """A flow that was told leaves nothing behind."""
    again = []

    @flow
    def asks(n):
        return n if again else cached(n)

    cached = asks.cache(60)
    with pytest.raises(SelfWait):
        cached(1)
    again.append(True)
    assert cached(1) == 1


# ------------------------------------------------------------------ forks


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_computes_what_its_parent_was_computing():
    """In the child nobody computes it; what is kept is there."""
    blocked = Blocked()
    blocked.bell.set()
    blocked.flow(1)
    blocked.bell.clear()
    (future,) = in_threads(lambda: blocked.flow(2), 1)
    while len(blocked.calls) < 2:
        threading.Event().wait(0.001)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads are what is tested here
        child = os.fork()
    if not child:
        blocked.bell.set()
        right = (blocked.flow(1), blocked.flow(2), blocked.calls) == (1, 2, [1, 2, 2])
        os._exit(0 if right else 1)
    _, status = os.waitpid(child, 0)
    blocked.bell.set()
    assert (future.result(10), os.waitstatus_to_exitcode(status)) == (2, 0)


# ------------------------------------------------------------------ what ends with a run


@resource(scope="run")
def opened():
    """Open for one run."""
    state = {"open": True}
    yield state
    state["open"] = False


def test_what_uses_a_resource_of_a_run_ends_with_its_leader():
    """Its computation would go on with what is closed: who waits computes anew, with an own one."""

    async def main():
        calls, event = [], asyncio.Event()

        @flow
        async def f(x, *, it=needs(opened)):
            calls.append(x)
            await event.wait()
            return it["open"]

        cached = f.cache(60, key=lambda x: x)
        tasks = await begin(lambda: context().run(cached, 1), 3)
        tasks[0].cancel()
        await turns()
        event.set()
        return await asyncio.gather(*tasks[1:]), calls

    assert asyncio.run(main()) == ([True, True], [1, 1])


def test_to_compute_it_behind_is_refused():
    """The run would be over."""

    @flow
    def f(x, *, it=needs(opened)):
        return it["open"]

    with pytest.raises(DefinitionError, match="stale_while_revalidate"):
        f.cache(60, key=lambda x: x, stale_while_revalidate=5)


# ------------------------------------------------------------------ what is left behind


def test_flows_that_are_gone_leave_nothing_in_a_shared_cell():
    """A policy that outlives many flows holds at most its entries."""
    policy = Cache(60, max_entries=3)
    for number in range(100):
        made = flow(lambda x, number=number: number).cache(policy)
        made(1)
        context(guards=[Guards()]).run(made, 1)
    del made
    gc.collect()
    assert (len(policy.cell.book.spaces), policy.info().size) == (3, 3)


class Guards:
    """Lets everything pass."""

    def check(self, call):
        return None


def test_what_is_dropped_is_let_go():
    """An evicted result is alive no longer."""

    class Result:
        pass

    cached = flow(lambda x: Result()).cache(60, max_entries=1)
    first = weakref.ref(cached(1))
    cached(2)
    gc.collect()
    assert first() is None


def test_what_a_task_computed_is_let_go_without_a_collection():
    """No circle of a task, its context and its result waits for the collector of garbage."""

    class Result:
        pass

    async def make(x):
        return Result()

    async def main():
        cached = flow(make).cache(60, max_entries=1)
        first = weakref.ref(await cached(1))
        await cached(2)
        await turns()
        return first()

    gc.disable()
    try:
        assert asyncio.run(main()) is None
    finally:
        gc.enable()


@pytest.mark.parametrize("forget", ["invalidate", "expire"])
def test_what_is_forgotten_is_let_go(forget):
    """Neither is one that was invalidated, or found past its time."""

    class Result:
        pass

    clock = ManualClock()
    cached, ctx = flow(lambda x: Result() if x else None).cache(60), context(clock=clock)
    first = weakref.ref(ctx.run(cached, 1))
    clock.move(61)
    if forget == "invalidate":
        cached.cached.invalidate(1)
    else:
        ctx.run(cached.cached.explain, 1)
    gc.collect()
    assert first() is None


class Parting:
    """A result whose end waits for another thread that uses a cache."""

    other = staticmethod(flow(lambda x: x).cache(60))

    def __init__(self, ends):
        self.ends = ends

    def __del__(self):
        thread = threading.Thread(target=self.other, args=(id(self),), daemon=True)
        thread.start()
        thread.join(5)
        self.ends.append(thread.is_alive())


@pytest.mark.parametrize("forget", ["refresh", "invalidate", "clear", "expire", "explain", "evict"])
def test_the_end_of_a_result_comes_where_no_lock_is_held(forget):
    """It may wait for whatever it likes."""
    ends, clock = [], ManualClock()
    cached, ctx = flow(lambda x: Parting(ends) if x == 1 else None).cache(60, max_entries=1), context(clock=clock)
    ctx.run(cached, 1)
    if forget in ("expire", "explain"):
        clock.move(61)
    kept = cached.cached
    doing = {"expire": lambda x: cached(x), "evict": lambda x: cached(x + 1), "clear": lambda x: kept.clear()}
    ctx.run(flow(doing.get(forget) or getattr(kept, forget)), 1)
    assert ends == [False]


def test_a_configured_flow_is_forgotten_too():
    """`invalidate` reaches results under another policy."""
    calls = []
    cached = flow(lambda x: calls.append(x)).named("f").cache(60)
    ctx = context(config={"f": {"ttl": 30.0}})
    ctx.run(cached, 1)
    cached.cached.invalidate(1)
    ctx.run(cached, 1)
    assert calls == [1, 1]


def test_a_plain_call_does_not_wait_for_the_loop_that_it_stands_on():
    """A sync flow that a watched async run computes here is computed once more: to wait would stop the loop for ever."""

    class Watcher:
        def __init__(self):
            self.reached, self.goes_on = asyncio.Event(), asyncio.Event()

        async def observe(self, event):
            if event.path.endswith("body"):
                self.reached.set()
                await self.goes_on.wait()

    async def main():
        calls, watcher = [], Watcher()

        @flow
        def body(x):
            calls.append(x)
            return x

        cached = body.cache(60)
        whole = (flow(turns_of) | cached).named("whole")
        task = asyncio.create_task(context(observers=[watcher]).run(whole, 1))
        await watcher.reached.wait()
        here = cached(1)
        watcher.goes_on.set()
        return here, await task, calls

    assert asyncio.run(main()) == (1, 1, [1, 1])


async def turns_of(x):
    """Give what comes in, later."""
    await asyncio.sleep(0)
    return x


def test_a_plain_call_does_not_wait_for_who_waits_for_the_loop_that_it_stands_on():
    """What a thread computes is computed here once more if the thread waits for this loop."""

    async def main():
        begun, goes_on = asyncio.Event(), asyncio.Event()

        async def slow(x):
            begun.set()
            await goes_on.wait()
            return x

        async def asked(x):
            return await kept(x)

        def bridge(x):
            return x if threading.current_thread() is threading.main_thread() else asyncio.run(asked(x))

        kept, cached = flow(slow).cache(60), flow(bridge).cache(60)
        task = asyncio.create_task(kept(1))
        await begun.wait()
        (other,) = in_threads(lambda: cached(1), 1)
        while not kept.cached.info().shared:
            await turns()
        here = cached(1)
        goes_on.set()
        return here, await task, await asyncio.wrap_future(other)

    assert asyncio.run(main()) == (1, 1, 1)
