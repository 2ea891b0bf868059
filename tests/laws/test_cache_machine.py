"""A cache against the simplest thing that could be one: a dictionary, on a clock that the test moves."""

import pytest

pytest.importorskip("hypothesis")

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from omnitron import Cache, context, flow
from omnitron.testing import ManualClock

KEYS = st.sampled_from([1, True, 1.0, "1", (1,), (True,), None, float("nan")])
TTL, ON_ERROR, STALE, MOST = 10, 3, 5, 5


class Failed(Exception):
    """What the flow raises when it is told to."""


class CacheMachine(RuleBasedStateMachine):
    """Calls, failures, passing time and forgetting, in any order.

    The model knows for each key when the last computation was and what it gave. A cache may forget (it is bounded), so a
    call may compute where the model would not; it may never give what the model would not give.
    """

    def __init__(self):
        super().__init__()
        self.clock = ManualClock()
        self.ctx = context(clock=self.clock)
        self.policy = Cache(TTL, MOST, ttl_on_error=ON_ERROR)
        self.count = 0
        self.fails = False
        self.model = {}

        @flow
        def f(x):
            self.count += 1
            if self.fails:
                raise Failed(self.count)
            return self.count

        self.flow = f.cache(self.policy)

    def call(self, key):
        """Give what a call gives or raises, and whether it computed."""
        before = self.count
        try:
            got = ("gave", self.ctx.run(self.flow, key))
        except Failed as error:
            got = ("raised", error.args[0])
        return got, self.count > before

    @rule(key=KEYS, fails=st.booleans())
    def ask(self, key, fails):
        """Call with a key."""
        self.fails = fails
        got, computed = self.call(key)
        name = repr(key)
        if computed:
            assert got == ("raised" if fails else "gave", self.count)
            self.model[name] = (got, self.clock.monotonic() + (ON_ERROR if fails else TTL))
        else:
            kept, expires = self.model[name]
            assert got == kept
            assert self.clock.monotonic() < expires

    @rule(key=KEYS)
    def ask_twice(self, key):
        """What was just given, or raised, is kept."""
        first, _ = self.call(key)
        second, computed = self.call(key)
        assert (first, computed) == (second, False)
        kind = ON_ERROR if first[0] == "raised" else TTL
        self.model.setdefault(repr(key), (first, self.clock.monotonic() + kind))
        if self.model[repr(key)][0] != first:
            self.model[repr(key)] = (first, self.clock.monotonic() + kind)

    @rule(seconds=st.sampled_from([0.5, 1, 3, 10]))
    def wait(self, seconds):
        """Let time pass."""
        self.clock.move(seconds)

    @rule()
    def clear(self):
        """Forget everything."""
        self.policy.clear()
        self.model.clear()

    @rule(key=KEYS)
    def invalidate(self, key):
        """Forget one key: the next call computes."""
        with_context(self.ctx, self.flow.cached.invalidate, key)
        self.model.pop(repr(key), None)
        _, computed = self.call(key)
        assert computed
        self.model.pop(repr(key), None)
        with_context(self.ctx, self.flow.cached.invalidate, key)

    @invariant()
    def is_bounded(self):
        """Never more than may be, and the ring holds what the spaces hold."""
        book = self.policy.cell.book
        held = sum(len(space.entries) + len(space.errors) for space in book.spaces.values())
        assert self.policy.info().size == held == len(list(book)) <= MOST


def with_context(ctx, call, *args):
    """Call a plain function inside a context."""
    return ctx.run(flow(lambda: call(*args)))


TestCacheMachine = CacheMachine.TestCase
TestCacheMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
