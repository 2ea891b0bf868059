"""The machine of batch windows does what a simple model of it does, whatever happens in whatever order."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from omnitron.policy import Window, same_key
from omnitron.policy.windows import TURNS


class Windows(RuleBasedStateMachine):
    """A window beside a list of (item, waiter) pairs and a count of quiet turns."""

    @initialize(size=st.integers(1, 4), max_wait=st.sampled_from([0.0, 1.0, 5.0]))
    def begin(self, size: int, max_wait: float) -> None:
        """Open one."""
        self.size, self.max_wait, self.now = size, max_wait, 0.0
        self.window = Window(size, max_wait, 0.0)
        self.waiting: list[tuple[int, int, int]] = []
        self.order: list[int] = []
        self.number = self.quiet = 0
        self.fresh = True
        self.told: dict[int, Any] = {}
        self.left: set[int] = set()
        self.state = "open"

    def here(self) -> list[int]:
        """Give the items that somebody waits for, in the order in which they came."""
        return [item for item in self.order if any(one[0] == item for one in self.waiting)]

    @precondition(lambda self: self.state == "open" and len(self.here()) < self.size)
    @rule(item=st.integers(0, 5))
    def join(self, item: int) -> None:
        """Somebody comes."""
        self.number += 1
        place = self.window.join(item, item, self.number)
        if item not in self.order:
            self.order.append(item)
        self.waiting.append((item, self.number, place))
        self.fresh = True

    @precondition(lambda self: self.waiting and self.state != "done")
    @rule(data=st.data())
    def leave(self, data: Any) -> None:
        """Somebody goes; the last one hears that it is."""
        gone = data.draw(st.sampled_from(self.waiting))
        self.waiting.remove(gone)
        self.left.add(gone[1])
        assert self.window.leave(gone[2], gone[1]) is (not self.waiting)

    @precondition(lambda self: self.state == "open" and self.number)
    @rule(later=st.sampled_from([0.0, 0.5, 3.0]))
    def turn(self, later: float) -> None:
        """The loop turns, some time later."""
        self.now += later
        self.quiet = 0 if self.fresh else self.quiet + 1
        self.fresh = False
        assert self.window.turn(self.now) is (self.quiet >= TURNS or self.now >= self.max_wait)

    @precondition(lambda self: self.state == "open" and self.waiting)
    @rule()
    def close(self) -> None:
        """What somebody waits for is sent, once."""
        self.sent = self.here()
        assert self.window.close() == self.sent
        self.state = "sent"

    @precondition(lambda self: self.state == "sent")
    @rule(fails=st.booleans())
    def end(self, fails: bool) -> None:
        """Each who waits is told once, of its own item."""
        if fails:
            told = [(waiter, "failed") for waiter in self.window.fail()]
        else:
            told = list(self.window.settle([10 * item for item in self.sent]))
        expected = {waiter: "failed" if fails else 10 * item for item, waiter, _ in self.waiting}
        assert len(told) == len(expected)
        assert dict(told) == expected
        self.waiting, self.state = [], "done"

    @precondition(lambda self: self.state != "open")
    @rule()
    def join_too_late(self) -> None:
        """Nobody joins a window that is closed, and trying changes nothing."""
        before = self.window.joined
        with pytest.raises(ValueError, match="nobody joins"):
            self.window.join(1, 1, 1)
        assert self.window.joined == before

    @invariant()
    def counts(self) -> None:
        """The window knows how many wait, and whether it is full."""
        if hasattr(self, "window") and self.state == "open":
            assert self.window.joined - self.window.left == len(self.waiting)
            assert self.window.full is (len(self.here()) >= self.size)


TestWindows = Windows.TestCase
TestWindows.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)

plain = st.one_of(st.integers(-2, 2), st.booleans(), st.floats(-2, 2, width=16), st.text(max_size=1), st.none())
values = st.recursive(plain, lambda inner: st.tuples(inner) | st.tuples(inner, inner), max_leaves=4)


@settings(max_examples=300, deadline=None)
@given(values, values)
def test_items_are_the_same_if_they_are_written_alike(one: Any, other: Any) -> None:
    """Equal keys mean equal values of equal types, at any depth."""
    assert (same_key(one) == same_key(other)) is (repr(one) == repr(other))
