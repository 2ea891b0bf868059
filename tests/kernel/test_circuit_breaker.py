"""`.circuit_breaker(...)`: what keeps failing is refused for a while, then tried by so many calls as it was told."""

import asyncio
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from omnitron import (
    BulkheadFull,
    CircuitBreaker,
    CircuitOpen,
    DefinitionError,
    EventLog,
    Hooks,
    InvalidValue,
    PolicyChanged,
    RateLimited,
    Timeout,
    context,
    flow,
    parallel,
    rewrite,
)
from omnitron.testing import ManualClock, VirtualClock


class Down(Exception):
    """The other side is down."""


class Side:
    """The other side, which fails while it is told to.

    Attributes:
        down: whether it fails.
        takes: how long it takes, in seconds of the clock.
    """

    def __init__(self, breaker=None, **options):
        self.down = False
        self.takes = 0.0
        self.calls = 0
        self.clock = ManualClock()
        self.ctx = context(clock=self.clock)
        self.breaker = breaker or CircuitBreaker(**options)
        self.flow = flow(self.answer, name="side").circuit_breaker(self.breaker)

    def answer(self, error=None):
        """Answer, or fail."""
        self.calls += 1
        self.clock.move(self.takes)
        if error is not None:
            raise error
        if self.down:
            raise Down
        return "up"

    def call(self, *args):
        """Call it: give what came, an answer or the name of an error."""
        try:
            return self.ctx.run(self.flow, *args)
        except Exception as error:
            return type(error).__name__

    def fail(self, times=1):
        """Let it fail some times."""
        self.down = True
        found = [self.call() for _ in range(times)]
        self.down = False
        return found


def test_it_opens_after_so_many_failures_in_a_row():
    """A success in between begins anew; while it is open nothing runs."""
    side = Side(failures=3)

    assert [*side.fail(2), side.call(), *side.fail(3)] == ["Down", "Down", "up", "Down", "Down", "Down"]
    assert (side.breaker.state, side.call(), side.calls) == ("open", "CircuitOpen", 6)


def test_the_refusal_says_why_and_for_how_long():
    """`retry_after` is exact."""
    side = Side(failures=1, open_for=30)
    side.fail()
    side.clock.move(10)

    with pytest.raises(CircuitOpen) as caught:
        side.ctx.run(side.flow)

    error = caught.value
    assert (error.flow, error.state, error.why, error.retry_after) == ("side", "open", "1 calls in a row failed", 20.0)
    assert "lets a call through in 20 s" in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.retry_after) == (str(error), 20.0)


@pytest.mark.parametrize(("passed", "state", "found"), [(29.999, "open", "CircuitOpen"), (30, "closed", "up")])
def test_it_is_tried_again_when_its_time_is_over(passed, state, found):
    """Not before."""
    side = Side(failures=1, open_for=30)
    side.fail()
    side.clock.move(passed)

    assert (side.call(), side.breaker.state) == (found, state)


def test_a_probe_that_fails_opens_it_for_as_long_again():
    """From then on."""
    side = Side(failures=1, open_for=10)
    side.fail()
    side.clock.move(10)
    side.fail()
    side.clock.move(9.9)
    assert side.call() == "CircuitOpen"
    side.clock.move(0.1)
    assert (side.call(), side.breaker.info().changes) == ("up", 5)


def test_all_probes_have_to_succeed():
    """It stays half-open until so many have."""
    side = Side(failures=1, open_for=10, probes=3)
    side.fail()
    side.clock.move(10)

    states = []
    for _ in range(3):
        side.call()
        states.append(side.breaker.state)

    assert states == ["half-open", "half-open", "closed"]


def test_no_more_than_the_probes_are_let_through_at_once():
    """Whoever comes beside them is refused."""
    clock = VirtualClock()
    ctx = context(clock=clock)

    async def main():
        gate, running = asyncio.Event(), []

        @flow
        async def side(x):
            running.append(x)
            await gate.wait()

        breaker = CircuitBreaker(failures=1, probes=3)
        guarded = side.circuit_breaker(breaker)
        breaker.open()
        await asyncio.sleep(0)
        with pytest.raises(CircuitOpen):
            await ctx.run(guarded, 0)
        await asyncio.sleep(30)
        tasks = [asyncio.create_task(ctx.run(guarded, x)) for x in range(10)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gate.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        return running, [type(one).__name__ for one in found], breaker.state

    running, found, state = clock.run(main())
    assert (running, state) == ([0, 1, 2], "closed")
    assert found == ["NoneType"] * 3 + ["CircuitOpen"] * 7


def test_a_share_of_the_last_calls():
    """It opens when so many of the window have failed, and not before there are enough."""
    side = Side(share=0.5, window=4, minimum=4)

    side.fail(3)
    assert side.breaker.state == "closed"
    side.call()
    assert side.breaker.state == "closed"  # a success never opens it
    side.fail(1)
    assert (side.breaker.state, side.breaker.info().why) == ("open", "3 of the last 4 calls failed")


def test_what_is_past_the_window_counts_no_more():
    """The last calls only."""
    side = Side(share=1.0, window=2, minimum=2)

    for _ in range(3):
        side.fail()
        side.call()
    assert side.breaker.state == "closed"


@pytest.mark.parametrize(("between", "state"), [(9.999, "open"), (10, "closed")])
def test_a_window_of_seconds(between, state):
    """A call is out of it when it is as old as the window is long."""
    side = Side(share=0.5, within=10, minimum=2)

    side.fail()
    side.clock.move(between)
    side.fail()

    assert side.breaker.state == state


def test_a_window_of_seconds_remembers_so_many_calls_and_no_more():
    """Whatever comes in them."""
    breaker, policy = CircuitBreaker().cell.breaker, CircuitBreaker(share=1.0, within=60)
    for number in range(12_000):
        breaker.ended(policy, 0, number / 1_000, failed=number < 5_000 and number % 2 == 0)

    assert (len(breaker.results), breaker.bad) == (10_000, 1_500)


@pytest.mark.parametrize(("takes", "state"), [(1.0, "closed"), (1.001, "open")])
def test_slow_calls_count_as_failed(takes, state):
    """Also those that succeed; their results are given all the same."""
    side = Side(failures=2, slow=1)
    side.takes = takes

    assert [side.call(), side.call(), side.breaker.state] == ["up", "up", state]


def test_other_errors_count_as_successes():
    """The other side has answered."""
    side = Side(failures=2, on=Down)

    side.fail()
    side.call(KeyError())
    side.fail()
    assert side.breaker.state == "closed"


def test_a_predicate_says_what_counts():
    """It is given the exception; what it raises leaves, and takes no place of a probe along."""
    broken = Side(failures=1, on=lambda error: error.args[0] == 503, open_for=10)

    assert [broken.call(Down(404)), broken.breaker.state, broken.call(Down(503)), broken.breaker.state] == [
        "Down", "closed", "Down", "open",
    ]  # fmt: skip
    broken.clock.move(10)
    assert [broken.call(Down()), broken.call(), broken.breaker.state] == ["IndexError", "up", "closed"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_is_interrupted_counts_for_nothing(error):
    """Neither as a failure nor as a success, and the place of a probe is free again."""
    side = Side(failures=2, open_for=10)
    side.fail()
    with pytest.raises(error):
        side.ctx.run(side.flow, error())
    assert side.breaker.info().failures == 1

    side.fail()
    side.clock.move(10)
    with pytest.raises(error):
        side.ctx.run(side.flow, error())
    assert (side.call(), side.breaker.state) == ("up", "closed")


@pytest.mark.parametrize(
    "error", [RateLimited("side", 1, 1.0, 0.5), BulkheadFull("side", 1, 0), CircuitOpen("side", "open", "…")]
)
def test_what_is_refused_inside_counts_for_nothing(error):
    """Nothing was learned of the other side; as a probe it gives its place back."""
    side = Side(failures=1, open_for=10)

    assert (side.call(error), side.breaker.state) == (type(error).__name__, "closed")
    side.fail()
    side.clock.move(10)
    assert (side.call(error), side.call(), side.breaker.state) == (type(error).__name__, "up", "closed")


def test_a_cancelled_probe_gives_its_place_back():
    """The next call is the probe."""
    clock = VirtualClock()
    ctx = context(clock=clock)

    async def main():
        @flow
        async def side(wait):
            if wait:
                await asyncio.get_running_loop().create_future()
            return "up"

        breaker = CircuitBreaker(failures=1, open_for=10)
        guarded = side.circuit_breaker(breaker)
        breaker.open()
        with pytest.raises(CircuitOpen):
            await ctx.run(guarded, False)
        await asyncio.sleep(10)
        probe = asyncio.create_task(ctx.run(guarded, True))
        await asyncio.sleep(0)
        with pytest.raises(CircuitOpen) as refused:
            await ctx.run(guarded, False)
        probe.cancel()
        await asyncio.wait({probe})
        return refused.value.state, await ctx.run(guarded, False), breaker.state

    assert clock.run(main()) == ("half-open", "up", "closed")


def test_a_probe_that_never_comes_back_is_taken_for_lost():
    """After `open_for` seconds, so that nothing is half-open for ever."""
    breaker, policy = CircuitBreaker(failures=1, open_for=10).cell.breaker, CircuitBreaker(failures=1, open_for=10)
    breaker.ended(policy, 0, 0.0, failed=True)
    breaker.wake(policy, 10.0)
    lost = breaker.admit(policy, 10.0)

    assert breaker.admit(policy, 19.9) is None
    breaker.wake(policy, 20.0)
    again = breaker.admit(policy, 20.0)
    assert again is not None
    breaker.abandoned(lost)  # whose place is given to another already
    assert breaker.admit(policy, 20.1) is None
    assert breaker.ended(policy, again, 20.2, failed=False).after == "closed"


def test_probes_that_take_longer_than_it_is_open_count_all_the_same():
    """Else it would stay half-open as long as calls keep coming, however well the other side is."""
    clock = VirtualClock()
    ctx = context(clock=clock)

    async def main():
        @flow
        async def side(x):
            await asyncio.sleep(2.5)
            return x

        breaker = CircuitBreaker(open_for=1)
        guarded = side.circuit_breaker(breaker)
        breaker.open()
        tasks = []
        for x in range(20):
            tasks.append(asyncio.create_task(ctx.run(guarded, x)))
            await asyncio.sleep(0.25)
        found = await asyncio.gather(*tasks, return_exceptions=True)
        return [x for x in found if type(x) is int]

    assert clock.run(main()) == [4, 8, 12, *range(14, 20)]  # one a second, until the first has come back


def test_what_a_probe_calls_under_the_same_breaker_is_a_part_of_it():
    """Else a flow that calls itself, or one that shares its breaker, could never close it."""
    side = Side(failures=1, open_for=10)
    down = flow(lambda x: down(x - 1) if x else "done", name="down").circuit_breaker(side.breaker)
    outer = flow(lambda: (side.flow(), down(3), side.breaker.state), name="outer").circuit_breaker(side.breaker)
    side.fail()
    side.clock.move(10)

    assert side.ctx.run(outer) == ("up", "done", "half-open")
    assert (side.breaker.state, side.breaker.info().changes) == ("closed", 3)


def test_a_probe_covers_no_others():
    """Neither one beside it, nor one of another breaker, nor what comes after it."""
    one, other = Side(failures=1, open_for=10, probes=2), Side(failures=1, open_for=10)
    for side in (one, other):
        side.fail()
        side.clock.move(10)
    nested = flow(lambda: (other.call(), other.breaker.state)).circuit_breaker(one.breaker)

    assert one.ctx.run(nested) == ("up", "closed")
    assert one.breaker.state == "half-open"
    assert one.fail() == ["Down"]
    assert (one.breaker.state, one.call()) == ("open", "CircuitOpen")


def test_a_task_that_a_probe_left_behind_is_no_part_of_it_any_more():
    """It is refused as others are, also where the error of the probe is kept, and with it what was on the stack."""
    clock = VirtualClock()
    ctx = context(clock=clock)

    async def main():
        breaker, left = CircuitBreaker(open_for=10, probes=2, on=Down), []

        async def later():
            await asyncio.sleep(1)
            return await asyncio.gather(ctx.run(guarded, True), ctx.run(guarded, True), return_exceptions=True)

        @flow
        async def side(alone):
            if not alone:
                left.append(asyncio.create_task(later()))
                raise KeyError
            await asyncio.sleep(1)
            return "up"

        guarded = side.circuit_breaker(breaker)
        breaker.open()
        with pytest.raises(CircuitOpen):
            await ctx.run(guarded, True)
        await asyncio.sleep(10)
        with pytest.raises(KeyError) as kept:
            await ctx.run(guarded, False)
        found = await left[0]
        return [x if x == "up" else type(x).__name__ for x in found], breaker.state, kept.type

    assert clock.run(main()) == (["up", "CircuitOpen"], "closed", KeyError)


def test_a_probe_of_before_a_change_covers_nothing_after_it():
    """What it calls then is a probe of its own, or is refused."""
    side = Side(failures=1, open_for=10, probes=2)

    def change():
        side.breaker.open()
        found = [side.call()]
        side.clock.move(10)
        return [*found, side.call(), side.call(), side.breaker.state]

    side.fail()
    side.clock.move(10)
    assert side.ctx.run(flow(change).circuit_breaker(side.breaker)) == ["CircuitOpen", "up", "up", "closed"]


def test_an_observer_that_is_interrupted_takes_no_place_along():
    """The next call is the probe."""

    class Interrupts:
        def observe(self, event):
            if isinstance(event, PolicyChanged):
                raise KeyboardInterrupt

    side = Side(failures=1, open_for=10)
    side.fail()
    side.clock.move(10)
    with pytest.raises(KeyboardInterrupt):
        context(clock=side.clock, observers=Interrupts()).run(side.flow)

    assert (side.call(), side.breaker.state, side.calls) == ("up", "closed", 2)


def test_another_clock_is_asked_for_what_is_left():
    """What was open by the clock of the machine is not open for hours by that of a test."""
    side = Side(failures=1, open_for=10)
    with pytest.raises(Down):
        side.flow(Down())
    side.clock.move(3)
    with pytest.raises(CircuitOpen) as caught:
        side.ctx.run(side.flow)

    assert caught.value.retry_after == 10
    side.clock.move(10)
    assert (side.call(), side.breaker.state) == ("up", "closed")


def test_nothing_is_locked_while_the_flow_runs():
    """As many calls run at once as come, also those of other breakers."""
    meet = threading.Barrier(4, timeout=10)
    one, other = (flow(lambda: meet.wait() >= 0).circuit_breaker(slow=60) for _ in range(2))

    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(guarded) for guarded in (one, other, one, other)]
        assert [future.result(10) for future in found] == [True] * 4


@pytest.mark.parametrize("calls", [25, 29, 100])
def test_a_share_is_compared_exactly(calls):
    """It opens at the very share, whatever floats make of a product."""
    for bad in range(1, calls + 1):
        policy = CircuitBreaker(share=bad / calls, window=calls, minimum=calls)
        breaker = policy.cell.breaker
        for number in range(calls):
            breaker.ended(policy, 0, 0.0, failed=number >= calls - bad)
        assert (bad, breaker.state) == (bad, "open")


def test_what_began_before_a_change_counts_no_more():
    """A slow call of better days neither opens nor closes it."""
    started, gate = threading.Event(), threading.Event()
    breaker = CircuitBreaker(failures=1)

    @flow
    def side(wait):
        if wait:
            started.set()
            gate.wait(10)
        raise Down

    guarded = side.circuit_breaker(breaker)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(guarded, True)
        started.wait(10)
        with pytest.raises(Down):
            guarded(False)
        breaker.close()
        gate.set()
        assert isinstance(late.exception(10), Down)
    assert (breaker.state, breaker.info().failures) == ("closed", 0)


def test_it_is_opened_isolated_and_closed_by_hand():
    """What is isolated is not tried again."""
    side = Side(failures=2, open_for=10)
    side.breaker.open()
    assert side.call() == "CircuitOpen"
    side.clock.move(10)
    assert side.call() == "up"

    side.flow.breaker.isolate()
    side.clock.move(1_000)
    with pytest.raises(CircuitOpen, match="until `close") as caught:
        side.ctx.run(side.flow)
    assert caught.value.retry_after is None
    side.breaker.close()
    assert (side.call(), side.breaker.state) == ("up", "closed")


def test_flows_that_are_given_one_value_share_it_and_others_do_not():
    """Also through names, rewrites and tuning."""
    breaker = CircuitBreaker(failures=1)
    one, other = flow(int).circuit_breaker(breaker), flow(float).apply(breaker)
    own = flow(int).circuit_breaker(breaker.fresh())
    with pytest.raises(ValueError, match="x"):
        one("x")

    for tree in (one, other, one.named("other"), rewrite(one, lambda node: node)):
        with pytest.raises(CircuitOpen):
            tree("1")
    assert own("1") == 1
    assert (breaker, one) == (breaker.fresh(), own)


def test_a_pickled_breaker_arrives_closed():
    """Its state is of this process."""
    breaker = CircuitBreaker(failures=1)
    breaker.isolate()

    again = pickle.loads(pickle.dumps(breaker))
    assert (again, again.state, breaker.state) == (breaker, "closed", "isolated")


def test_changes_are_events_and_records(caplog):
    """Of the run in whose course they happen, at the place of the flow."""
    side, log, told = Side(failures=1, open_for=10), EventLog(), []
    tree = (flow(lambda: None, name="first") | flow(lambda none: None) | side.flow).named("tree")
    with context(clock=side.clock, observers=log, hooks=Hooks(on_change=told.append)) as ctx:
        side.down = True
        with pytest.raises(Down):
            ctx.run(tree)
        side.down = False
        side.clock.move(10)
        ctx.run(tree)

    changes = [one for one in log.events if isinstance(one, PolicyChanged)]
    assert [(one.path, one.policy, one.before, one.after) for one in changes] == [
        ("tree/side", "circuit_breaker", "closed", "open"),
        ("tree/side", "circuit_breaker", "open", "half-open"),
        ("tree/side", "circuit_breaker", "half-open", "closed"),
    ]
    assert told == changes
    assert caplog.records[0].levelname == "WARNING"
    again = pickle.loads(pickle.dumps(changes[0]))
    assert (again.path, again.before, again.after, again.why) == ("tree/side", "closed", "open", changes[0].why)


def test_what_a_hook_raises_does_not_break_the_call(caplog):
    """It is logged."""
    side = Side(failures=1)
    ctx = context(clock=side.clock, hooks=Hooks(on_change=lambda event: 1 / 0))
    side.down = True
    with pytest.raises(Down):
        ctx.run(side.flow)
    assert side.breaker.state == "open"


def test_a_retry_around_it_waits_until_it_lets_through():
    """It asks for so much time by `retry_after`."""
    side = Side(failures=1, open_for=10)
    side.fail()
    clock = side.clock

    class Hasty(ManualClock):
        def monotonic(self):
            return clock.monotonic()

        def wait(self, seconds):
            clock.move(seconds)

    before = clock.monotonic()
    assert context(clock=Hasty()).run(side.flow.retry(3)) == "up"
    assert clock.monotonic() - before >= 10


def test_another_answer_while_it_is_open():
    """By `or_else`."""
    side = Side(failures=1)
    side.fail()
    tree = side.flow.or_else(flow(lambda: "from elsewhere"), on=CircuitOpen)
    assert side.ctx.run(tree) == "from elsewhere"


def test_it_stands_in_stacks_and_trees():
    """As a node with what it was told."""
    house = Timeout(5) + CircuitBreaker(3, open_for=60)

    async def side(x):
        return x

    tree = flow(side).apply(house)
    assert [node.kind for node in (tree.node, tree.node.body)] == ["circuit_breaker", "timeout"]
    assert repr(tree).splitlines()[0] == "<AsyncFlow side: circuit_breaker(3 failures, open_for=60 s)"
    assert "circuit_breaker(0.5 of 10 s)" in repr(flow(side).circuit_breaker(share=0.5, within=10))
    assert asyncio.run(parallel(tree, tree)(1)) == (1, 1)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"failures": 0}, InvalidValue), ({"failures": 1.5}, DefinitionError), ({"share": 0}, InvalidValue),
        ({"share": 1.01}, InvalidValue), ({"share": "all"}, DefinitionError), ({"share": True}, DefinitionError),
        ({"window": 0}, InvalidValue), ({"share": 0.5, "window": 5, "minimum": 6}, InvalidValue),
        ({"within": 0}, InvalidValue), ({"slow": 0}, InvalidValue), ({"slow": "1"}, DefinitionError),
        ({"open_for": 0}, InvalidValue), ({"open_for": -1}, InvalidValue), ({"probes": 0}, InvalidValue),
    ],
)  # fmt: skip
def test_wrong_options_are_refused(options, error):
    """Where they are written."""
    with pytest.raises(error):
        CircuitBreaker(**options)


@pytest.mark.parametrize("on", [BaseException, KeyboardInterrupt, "Down", (), 1])
def test_only_exceptions_can_count(on):
    """Never a cancellation."""
    with pytest.raises(DefinitionError):
        flow(int).circuit_breaker(on=on)


def test_options_beside_a_value_are_refused():
    """The value has them all."""
    with pytest.raises(DefinitionError, match="alone"):
        flow(int).circuit_breaker(CircuitBreaker(), probes=2)
    with pytest.raises(DefinitionError, match="no circuit breaker"):
        flow(int).retry().breaker


def test_a_stream_is_refused():
    """Nothing has failed yet when its call is over."""

    def rows():
        yield 1

    with pytest.raises(DefinitionError, match=r"circuit_breaker\(\)\.stream"):
        flow(rows).circuit_breaker()


def test_many_threads_open_it_once_and_probe_it_once():
    """No more than one probe runs, whoever comes."""
    side, running, most = Side(failures=5, open_for=10), [], []
    lock = threading.Lock()

    def answer():
        with lock:
            running.append(1)
            if side.breaker.state == "half-open":
                most.append(len(running))
        threading.Event().wait(0.001)
        with lock:
            running.pop()
        return "up"

    guarded = flow(answer).circuit_breaker(side.breaker)
    side.fail(5)
    side.clock.move(10)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: outcome(side.ctx, guarded), range(200)))

    assert set(found) <= {"up", "refused"}
    assert most == [1]
    assert (side.breaker.state, side.breaker.info().changes) == ("closed", 3)


def outcome(ctx, tree):
    """Call a flow: give what came."""
    try:
        return ctx.run(tree)
    except CircuitOpen:
        return "refused"


@pytest.mark.parametrize(
    "seeds", [range(40), pytest.param(range(40, 200), marks=pytest.mark.real)], ids=["few", "many"]
)
def test_ten_thousand_interleavings_never_let_more_than_the_probes_through(seeds):
    """Half-open lets so many through at once, gets never stuck, and loses no place."""
    for seed in seeds:
        clock = VirtualClock(seed=seed)
        assert clock.run(storm(seed, context(clock=clock))) <= 2


async def storm(seed, ctx):
    """Let fifty callers come while a side fails, is cancelled and works again; give how many probes ran at once at most."""
    breaker = CircuitBreaker(failures=2, open_for=1, probes=2)
    running, most = set(), 0

    @flow
    async def side(number):
        nonlocal most
        if breaker.state == "half-open":
            running.add(number)
            most = max(most, len(running))
        try:
            await asyncio.sleep(0.01 * (number % 7))
        finally:
            running.discard(number)
        if number % 3 == seed % 3:
            raise Down
        return number

    guarded = side.circuit_breaker(breaker)

    async def come(number):
        await asyncio.sleep(number * 0.05)
        task = asyncio.create_task(ctx.run(guarded, number))
        if number % 5 == 0:
            await asyncio.sleep(0.005)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await asyncio.gather(*map(come, range(50)))
    await asyncio.sleep(2)
    for _ in range(5):  # it works again, and so it closes
        try:
            await ctx.run(guarded, 1 if seed % 3 != 1 else 2)
        except (Down, CircuitOpen):
            await asyncio.sleep(1)
    assert breaker.state == "closed"
    return most
