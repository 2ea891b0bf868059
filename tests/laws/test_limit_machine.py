"""Rate limits and bulkheads against the simplest things that could be one, on a clock that the test moves."""

import asyncio
from fractions import Fraction

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from omnitron import Bulkhead, BulkheadFull, RateLimit, RateLimited, context, flow
from omnitron.policy import Bucket, Sliding, until
from omnitron.testing import ManualClock

STEPS = st.integers(0, 40).map(lambda eighths: eighths / 8)


@flow
def nothing(key):
    """Do nothing."""


class RateMachine(RuleBasedStateMachine):
    """Calls of two keys and passing time, in any order; the model keeps exact fractions and the whole past."""

    kind = "bucket"
    COUNT, PER, BURST = 4, 8.0, None

    def __init__(self):
        super().__init__()
        self.clock = ManualClock()
        self.ctx = context(clock=self.clock)
        self.limit = RateLimit(self.COUNT, self.PER, kind=self.kind, burst=self.BURST, wait=False, key=lambda key: key)
        self.flow = nothing.rate_limit(self.limit)
        self.past = {}
        self.refused = 0

    def due(self, key, now):
        """Give when the model lets the next call pass: by the whole past, and nothing else."""
        past = self.past.get(key, [])
        if self.kind == "window":
            return past[-self.COUNT] + Fraction(self.PER) if len(past) >= self.COUNT else now
        burst, rate = self.BURST or self.COUNT, Fraction(self.COUNT) / Fraction(self.PER)
        tokens, last = Fraction(burst), Fraction(0)
        for moment in past:
            tokens, last = min(Fraction(burst), tokens + (moment - last) * rate) - 1, moment
        tokens = min(Fraction(burst), tokens + (now - last) * rate)
        return now if tokens >= 1 else now + (1 - tokens) / rate

    @rule(key=st.sampled_from("ab"))
    def call(self, key):
        """A call passes exactly when the model says so, and its error says exactly how long to wait."""
        now = Fraction(self.clock.monotonic())
        due = self.due(key, now)
        try:
            self.ctx.run(self.flow, key)
            told = now
            self.past.setdefault(key, []).append(now)
        except RateLimited as error:
            self.refused += 1
            told = now + Fraction(error.retry_after)
        assert told == max(due, now)

    @rule(seconds=STEPS)
    def wait(self, seconds):
        """Time passes."""
        self.clock.move(seconds)

    @rule(key=st.sampled_from("ab"))
    def wait_until_it_is_due(self, key):
        """A moment before it is due a call is refused; when it is due, it passes."""
        now = Fraction(self.clock.monotonic())
        rest = float(self.due(key, now) - now)
        if rest > 0:
            self.clock.move(rest - 2**-20)
            self.call(key)
            self.clock.move(2**-20)
        before = len(self.past.get(key, []))
        self.call(key)
        assert len(self.past[key]) == before + 1

    @invariant()
    def counts_are_right(self):
        """What was taken and refused is counted."""
        info = self.limit.info()
        assert (info.taken, info.refused, info.waiting) == (sum(map(len, self.past.values())), self.refused, 0)


class SmallBucket(RateMachine):
    """A bucket that holds fewer than come in its time."""

    BURST = 2


class WindowMachine(RateMachine):
    """A window that slides."""

    kind = "window"


class BulkheadMachine(RuleBasedStateMachine):
    """Calls that begin, end, fail and are cancelled in any order; the model is two lists."""

    LIMIT, QUEUE = 2, 3

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.policy = Bulkhead(self.LIMIT, self.QUEUE)
        self.flows = [self.made(), self.made()]
        self.running, self.line, self.refused, self.number = [], [], 0, 0
        self.tasks, self.begun, self.ends = {}, [], {}

    def made(self):
        """Give a flow that runs until it is told to end; it shares the bulkhead with others."""

        @flow
        async def work(number):
            self.begun.append(number)
            return await self.ends[number]

        return work.bulkhead(self.policy)

    async def settle(self):
        """Let everything go on that can."""
        for _ in range(6):
            await asyncio.sleep(0)

    def fill(self):
        """Let the model go on."""
        while self.line and len(self.running) < self.LIMIT:
            self.running.append(self.line.pop(0))

    @rule(which=st.integers(0, 1))
    def begin(self, which):
        """One more call runs, waits, or is refused at once."""

        async def main():
            number, self.number = self.number, self.number + 1
            self.ends[number] = asyncio.get_running_loop().create_future()
            task = asyncio.ensure_future(self.flows[which](number))
            await self.settle()
            if len(self.running) == self.LIMIT and len(self.line) == self.QUEUE:
                assert isinstance(task.exception(), BulkheadFull)
                self.refused += 1
                return
            self.tasks[number] = task
            self.line.append(number)
            self.fill()

        self.runner.run(main())

    @precondition(lambda self: self.tasks)
    @rule(data=st.data(), way=st.sampled_from(["gives", "fails", "cancelled"]))
    def end(self, data, way):
        """One of them ends: one that runs in any way, one that waits by a cancellation."""
        number = data.draw(st.sampled_from(sorted(self.tasks)))

        async def main():
            task = self.tasks.pop(number)
            if way == "cancelled" or number in self.line:
                task.cancel()
            elif way == "gives":
                self.ends[number].set_result(None)
            else:
                self.ends[number].set_exception(LookupError())
            await asyncio.wait({task})
            await self.settle()
            (self.line if number in self.line else self.running).remove(number)
            self.fill()

        self.runner.run(main())

    @invariant()
    def the_same_run_and_wait(self):
        """As many run and wait as in the model, and who began did so in the order of coming."""
        info = self.policy.info()
        assert (info.running, info.waiting, info.refused) == (len(self.running), len(self.line), self.refused)
        assert info.taken == len(self.begun)
        assert self.begun == sorted(self.begun)

    def teardown(self):
        """Nothing is left when all are cancelled."""

        async def main():
            for task in self.tasks.values():
                task.cancel()
            if self.tasks:
                await asyncio.wait(self.tasks.values())

        self.runner.run(main())
        self.runner.close()
        assert self.policy.info().running == 0


TestBucket = RateMachine.TestCase
TestSmallBucket = SmallBucket.TestCase
TestWindow = WindowMachine.TestCase
TestBulkhead = BulkheadMachine.TestCase
for one in (TestBucket, TestSmallBucket, TestWindow, TestBulkhead):
    one.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
del one


@given(
    count=st.integers(1, 7),
    per=st.floats(1e-3, 1e6),
    start=st.floats(0, 1e9),
    gaps=st.lists(st.floats(0, 10), max_size=30),
    kind=st.sampled_from([Bucket, Sliding]),
)
def test_who_waits_as_long_as_it_is_told_gets_a_permit(count, per, start, gaps, kind):
    """Whatever the floats: at the time that is told there is a permit, and a window is never too full, to the last bit."""
    machine, now, taken = kind(count, per, count), start, []
    for gap in gaps:
        now += gap
        if not machine.take(now):
            now += until(now, machine.due(now))
            assert machine.take(now)
        taken.append(now)
    if kind is Sliding:
        spans = zip(taken, taken[count:], strict=False)
        assert all(Fraction(late) - Fraction(early) >= Fraction(per) for early, late in spans)


@given(
    count=st.integers(1, 5), ahead=st.integers(0, 12), taken=st.integers(0, 5), kind=st.sampled_from([Bucket, Sliding])
)
def test_the_time_behind_others_is_that_when_all_of_them_go(count, ahead, taken, kind):
    """Who is told to wait behind others gets a permit then, if each of them goes as soon as it can."""
    machine, now = kind(count, 8.0, count), 0.0
    for _ in range(taken):
        machine.take(now)
    now = 1.0
    told = machine.due(now, ahead)
    for _ in range(ahead + 1):
        now = max(now, machine.due(now))
        assert machine.take(now)

    assert now == pytest.approx(max(told, 1.0))
