"""A circuit breaker beside a model of it: whatever is called, passes, fails, is late or cancelled, and whenever."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from omnitron.policy import Breaker, CircuitBreaker

STEP = 0.25
"""Times are multiples of this, which floats hold exactly: what is said of boundaries is said of the very moment."""


class BreakerMachine(RuleBasedStateMachine):
    """The machine of the library, and one that keeps the whole history and looks through it each time."""

    calls = Bundle("calls")

    @initialize(
        share=st.sampled_from([None, 0.07, 0.3, 0.5, 0.7, 1.0]), seconds=st.booleans(), failures=st.integers(1, 2),
        minimum=st.integers(1, 3), window=st.integers(3, 5), probes=st.integers(1, 3), open_for=st.integers(1, 12),
    )  # fmt: skip
    def start(self, share, seconds, failures, minimum, window, probes, open_for):
        """Take options of every kind."""
        self.policy = CircuitBreaker(
            failures, share=share, window=window, within=window * STEP if seconds else None, minimum=minimum,
            probes=probes, open_for=open_for * STEP,
        )  # fmt: skip
        self.breaker, self.now = Breaker(), 0.0
        self.state, self.since, self.epoch, self.began = "closed", 0.0, 0, 0
        self.history, self.probing, self.passed, self.asked = [], 0, 0, 0.0

    def change(self, state):
        """Begin anew in a state."""
        self.state, self.since, self.epoch = state, self.now, self.epoch + 1
        self.began = self.epoch
        self.history, self.probing, self.passed = [], 0, 0

    @rule(steps=st.integers(0, 14))
    def pass_time(self, steps):
        """Let time go on."""
        self.now += steps * STEP

    @rule(early=st.booleans())
    def come_to_the_boundary(self, early):
        """Let time go on to where something may change, or to just before."""
        begun = self.since if self.state != "half-open" else self.asked
        self.now = max(self.now, begun + self.policy.open_for - STEP * early)

    @rule(target=calls)
    def call(self):
        """Ask for a call: give its epoch in both, None where it is refused."""
        if self.state == "open" and self.now >= self.since + self.policy.open_for:
            self.change("half-open")
            self.asked = self.now
        elif self.state == "half-open" and self.now >= self.asked + self.policy.open_for:
            self.epoch, self.probing, self.asked = (
                self.epoch + 1,
                0,
                self.now,
            )  # `passed` stays, and earlier probes count
        goes = self.state == "closed" or (self.state == "half-open" and self.probing < self.policy.probes)
        if goes and self.state == "half-open":
            self.probing += 1
            self.asked = self.now
        self.breaker.wake(self.policy, self.now)
        epoch = self.breaker.admit(self.policy, self.now)
        assert (epoch is not None) == goes
        return (epoch, self.epoch) if goes else None

    @rule(call=consumes(calls), failed=st.booleans())
    def end(self, call, failed):
        """Let a call end."""
        if call is None:
            return
        epoch, own = call
        self.breaker.ended(self.policy, epoch, self.now, failed=failed)
        if own < self.began or self.state == "open":
            return
        if self.state == "half-open":
            self.passed += not failed
            if failed:
                self.change("open")
            elif self.passed == self.policy.probes:
                self.change("closed")
            return
        self.history.append((self.now, failed))
        if failed and self.too_many():
            self.change("open")

    def too_many(self):
        """Say whether what has failed is too much, by the whole history."""
        policy, history = self.policy, self.history
        if policy.share is None:
            last = [failed for _, failed in history[-policy.failures :]]
            return len(last) == policy.failures and all(last)
        if policy.within is None:
            counted = history[-policy.window :]
        else:
            counted = [one for one in history if self.now - one[0] < policy.within]
        bad = sum(failed for _, failed in counted)
        return len(counted) >= policy.minimum and bad / len(counted) >= policy.share

    @rule(call=consumes(calls))
    def abandon(self, call):
        """Let a call be cancelled."""
        if call is None:
            return
        epoch, own = call
        self.breaker.abandoned(epoch)
        if own == self.epoch and self.state == "half-open":
            self.probing -= 1

    @invariant()
    def both_are_in_one_state(self):
        """And no more probes are out than are let through."""
        if hasattr(self, "breaker"):
            assert self.breaker.state == self.state
            assert self.breaker.probing == self.probing <= self.policy.probes


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
