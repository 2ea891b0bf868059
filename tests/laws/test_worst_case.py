"""The law of worst cases: whatever goes wrong, no step of a random tree runs more often, and no call takes longer."""

from __future__ import annotations

import asyncio
from collections import Counter
from math import inf
from typing import Any

import pytest

pytest.importorskip("hypothesis", reason="laws are drawn by hypothesis")

from hypothesis import example, given, settings
from hypothesis import strategies as st

from omnitron import (
    CallStarted,
    EventLog,
    Schedule,
    WorstCase,
    choose,
    context,
    fallback,
    flow,
    loop,
    parallel,
    race,
    try_with,
    walk,
    when,
    worst_case,
)
from omnitron.testing import VirtualClock, inject

SECONDS = st.sampled_from([0.0, 0.25, 1.0, 2.5, 10.0])
BOUNDS = st.sampled_from([0.5, 1.0, 3.0, 20.0])


class Later(Exception):
    """An error that asks to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.retry_after = seconds


class Trees:
    """Draws trees whose steps have names of their own.

    Attributes:
        names: the names of all steps.
    """

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.names: list[str] = []

    def step(self) -> Any:
        """Give a step that takes some time, mostly under a timeout."""
        name = f"s{len(self.names)}"
        self.names.append(name)
        seconds = self.draw(SECONDS)

        async def sleep(value: Any) -> int:
            await asyncio.sleep(seconds)
            return 1

        made = flow(sleep, name=name)
        return made if self.draw(st.integers(0, 9)) == 0 else made.timeout(self.draw(BOUNDS))

    def tree(self, depth: int) -> Any:
        """Give a tree of at most so many levels."""
        if not depth:
            return self.step()
        name = self.draw(st.sampled_from(["retry"] * len(SHAPES) + sorted(SHAPES)))
        return SHAPES[name](self, depth - 1)

    def retried(self, f: Any) -> Any:
        """Give a flow with a drawn retry over it."""
        draw = self.draw
        most = draw(st.integers(1, 3))
        schedule = (
            Schedule.fixed(draw(SECONDS)).up_to(attempts=most).then(Schedule.linear(draw(SECONDS)).up_to(attempts=2))
        )
        return f.retry(
            **draw(
                st.sampled_from([
                    {"attempts": most, "delay": draw(SECONDS)},
                    {"attempts": most, "delay": draw(SECONDS), "jitter": "none", "backoff": "fibonacci"},
                    {"backoff": schedule},
                    {"backoff": schedule | Schedule.fixed(0.5).up_to(attempts=most)},
                    {"backoff": schedule & Schedule.fixed(0.5).up_to(attempts=most)},
                    {"attempts": 5, "delay": 1, "jitter": "none", "backoff": "fixed", "deadline": 2.5},
                    {"delay": 1, "jitter": "none", "backoff": Schedule.fixed(1).up_to(elapsed=2.5)}
                    | {"delay": None},
                ])
            ),
            max_delay=draw(st.sampled_from([0.5, 3.0])),
        )  # fmt: skip


def guarded(trees: Trees, depth: int) -> Any:
    """Give a flow with what ends it, and what catches its error."""
    body, catch, final = trees.tree(depth), trees.step(), trees.step()
    return try_with(body, *trees.draw(st.sampled_from([(catch, final), (catch, None), (None, final)])))


SHAPES: dict[str, Any] = {
    "pipe": lambda t, d: t.tree(d) | t.tree(d),
    "parallel": lambda t, d: parallel(t.tree(d), t.tree(d)),
    "race": lambda t, d: race(t.tree(d), t.tree(d)),
    "fallback": lambda t, d: fallback(t.tree(d), t.tree(d)),
    "when": lambda t, d: when(t.step(), t.tree(d), t.tree(d)),
    "choose": lambda t, d: choose(t.step(), {1: t.tree(d)}, default=t.tree(d)),
    "loop": lambda t, d: loop(t.tree(d), at_most=t.draw(st.integers(1, 3))),
    "try_with": guarded,
    "undo": lambda t, d: t.tree(d).undo(t.step()),
    "retry": lambda t, d: t.retried(t.tree(d)),
    "retry of a step": lambda t, d: t.retried(t.step()),
    "timeout": lambda t, d: t.tree(d).timeout(t.draw(BOUNDS)),
    "within": lambda t, d: t.tree(d).within(deadline=t.draw(BOUNDS)),
    "cache": lambda t, d: t.step().cache(60) if t.draw(st.booleans()) else t.tree(d),
    "batch": lambda t, d: t.tree(d) | t.step().each().timeout(5).batch(max_wait=0.5),
}


@st.composite
def cases(draw: Any) -> tuple[Any, list[dict[str, Any]]]:
    """Draw a tree, and the faults of some of its steps."""
    trees = Trees(draw)
    tree = (trees.tree(draw(st.integers(1, 3))) | trees.step()).named("tree")
    faults = []
    names = [name for name in trees.names if any(node.name == name for _, node in walk(tree))]
    for name in names:
        kind = draw(st.sampled_from(["error", "later", "hang", "delay", "none"]))
        if kind == "none":
            continue
        fault: dict[str, Any] = {
            "error": {"error": ValueError("no")},
            "later": {"error": Later(draw(SECONDS))},
            "hang": {"hang": True},
            "delay": {"delay": draw(SECONDS), "after": draw(st.booleans())},
        }[kind]
        faults.append({"where": name, "at": draw(st.sampled_from([None, None, None, 1, 2])), **fault})
    return tree, faults


def measured(tree: Any, faults: list[dict[str, Any]]) -> tuple[Counter[str], float]:
    """Give how often each step of a tree ran, and how long it all took."""
    for fault in faults:
        tree = inject(tree, fault["where"], **{name: value for name, value in fault.items() if name != "where"})
    clock, log = VirtualClock(seed=1), EventLog()

    async def main() -> float:
        task = asyncio.ensure_future(context(clock=clock, observers=log).run(tree, 1))
        _, late = await asyncio.wait([task], timeout=10_000)
        ended = inf if late else clock.monotonic()
        for one in late:
            one.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return ended

    seconds = clock.run(main())
    starts = Counter(
        event.path.rpartition("/")[2].partition("[")[0] for event in log.events if isinstance(event, CallStarted)
    )
    return starts, seconds


def at_rest(name: str) -> Any:
    """Give a step that takes no time, under a short timeout."""

    async def rest(value: Any) -> int:
        return 1

    return flow(rest, name=name).timeout(0.5)


ASKED = at_rest("s0").retry(3, max_delay=3).named("tree"), [{"where": "s0", "error": Later(3.0)}]
CLEANED = (
    (try_with(at_rest("s0"), finally_=at_rest("s1")) | at_rest("s2")).timeout(0.25).named("tree"),
    [{"where": "s0", "hang": True}, {"where": "s1", "hang": True}],
)


@given(case=cases())
@example(case=ASKED)
@example(case=CLEANED)
@settings(max_examples=300, deadline=None)
def test_nothing_runs_more_often_or_longer(case: tuple[Any, list[dict[str, Any]]]) -> None:
    """No step exceeds its attempts, and no call its seconds, whichever faults are injected."""
    tree, faults = case
    worst: WorstCase = worst_case(tree)
    starts, seconds = measured(tree, faults)

    for step in worst.steps:
        assert step.attempts is not None
        assert starts[step.path.rpartition("/")[2]] <= step.attempts
    assert worst.attempts == max(step.attempts or 0 for step in worst.steps)
    assert (worst.seconds is None) == bool(worst.why)
    assert worst.seconds is None or seconds <= worst.seconds + 1e-6
