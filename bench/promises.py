"""What the objects that were just timed are then shown to keep, unchanged.

Hooks see each step before and after it; an exception is the user's own, with one note that names the step and
a line in its traceback that does; cancellation stops the step that waits and leaves nothing running. A value
that fails on demand (`bench.work.Fuse`) makes the very objects fail at the wanted step.
"""

import asyncio
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench.rows import Subjects
from bench.work import LOADERS, STEPS, STEPS_LATER, STEPS_SOON, Fuse
from omnitron import Hooks, Tracing, context

SEVENTH = 7
"""The step at which a chain is made to fail."""

Shown = list[tuple[str, str | None]]
"""Promises in words; beside a broken one, what happened instead."""


class PromiseBroken(AssertionError):
    """A timed object does not do what the library promises."""


def require(condition: object, otherwise: str) -> None:
    if not condition:
        raise PromiseBroken(otherwise)


def names_of(functions: Iterable[Callable[..., Any]]) -> list[str]:
    return [function.__name__ for function in functions]


class Proof:
    """Runs checks on one loop and keeps what they found."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner
        self.shown: Shown = []

    def show(self, promise: str, check: Callable[..., None], *arguments: Any) -> None:
        """Note the promise as kept, or with the reason why it is not."""
        try:
            check(self, *arguments)
        except Exception as error:
            self.shown.append((promise, f"{type(error).__name__}: {error}"))
        else:
            self.shown.append((promise, None))

    def finish(self, outcome: Any) -> Any:
        """The outcome of a run of either colour."""
        if not asyncio.iscoroutine(outcome):
            return outcome

        async def alone() -> Any:
            try:
                return await outcome
            finally:
                left = asyncio.all_tasks() - {asyncio.current_task()}
                require(not left, f"{len(left)} tasks were left running")

        return self.runner.run(alone())

    def failure(self, run: Callable[[], Any], error: BaseException) -> BaseException:
        """The exception that leaves a run, which must be the very one that the step raised."""
        try:
            self.finish(run())
        except type(error) as caught:
            require(caught is error, f"another exception left the flow: {caught!r}")
            return caught
        raise PromiseBroken("nothing was raised")


# ---------------------------------------------------------------- hooks


def hooks_see(proof: Proof, subject: Any, expected: list[str], value: Any, *, in_order: bool = True) -> None:
    """A hook before and one after each step: each is told once a step, with its path."""
    before: list[str] = []
    after: list[str] = []
    hooks = Hooks(before=lambda event: before.append(event.path), after=lambda event: after.append(event.path))
    proof.finish(context(hooks=hooks).run(subject, value))
    wanted = set(expected)
    for moment, paths in (("before", before), ("after", after)):
        steps = [path.rpartition("/")[2] for path in paths]
        seen = [step for step in steps if step in wanted]
        same = seen == expected if in_order else sorted(seen) == sorted(expected)
        require(same, f"{len(seen)} of {len(expected)} steps were seen {moment} them: {seen[:12]}")


def hooks_count(proof: Proof, subject: Any, count: int, value: Any) -> None:
    """As `hooks_see`, for so many steps that only their number is kept."""
    seen = {"before": 0, "after": 0}

    def told(moment: str) -> Callable[[Any], None]:
        def tell(event: Any) -> None:
            seen[moment] += "/" in event.path

        return tell

    proof.finish(context(hooks=Hooks(before=told("before"), after=told("after"))).run(subject, value))
    require(seen == {"before": count, "after": count}, f"hooks saw {seen}, not {count} of each")


# ---------------------------------------------------------------- errors


def fails_noted(proof: Proof, subject: Any, step: str, fuse: Fuse, value: Any = None) -> BaseException:
    """The user's own exception leaves, and one note has the path of the step.

    Where steps run at once a line of the traceback names only what runs them: the step is called by the event loop.
    """
    error = proof.failure(lambda: subject(fuse if value is None else value), fuse.error)
    notes = getattr(error, "__notes__", [])
    require(len(notes) == 1, f"{len(notes)} notes: {notes}")
    require(step in notes[0], f"the note does not name {step!r}: {notes[0]!r}")
    return error


def fails_at(proof: Proof, subject: Any, step: str, fuse: Fuse, value: Any = None) -> None:
    """As `fails_noted`, and a line of the traceback names the step."""
    error = fails_noted(proof, subject, step, fuse, value)
    frames = traceback.extract_tb(error.__traceback__)
    generated = [frame.line or "" for frame in frames if not Path(frame.filename).exists()]
    require(any(step in line for line in generated), f"no line of generated code names {step!r}: {generated}")


def fails_alone(proof: Proof, subject: Callable[[Any], Any], fuse: Fuse) -> None:
    """A lone step adds no note."""
    error = proof.failure(lambda: subject(fuse), fuse.error)
    require(not hasattr(error, "__notes__"), f"notes were added: {getattr(error, '__notes__', [])}")


def failure_is_seen(proof: Proof, subject: Any, step: str, fuse: Fuse, status: str) -> None:
    """Inside a run that records spans, the span of the step says how it ended, and later steps have none."""
    tracing = Tracing()
    proof.failure(lambda: context(tracer=tracing).run(subject, fuse), fuse.error)
    spans = [span for span in tracing.spans if span.path.rpartition("/")[2] == step]
    require(len(spans) == 1, f"{len(spans)} spans for {step!r}")
    require(spans[0].status == status, f"the span of {step!r} is {spans[0].status!r}, not {status!r}")
    require(tracing.spans[-1] is spans[0], "a step after the one that failed has a span")


# ---------------------------------------------------------------- cancellation


def is_cancelled(proof: Proof, subject: Any, value: Any, turns: int) -> None:
    """Cancelled while its steps wait: the cancellation leaves, and nothing is left running."""

    async def cancelled_run() -> None:
        task = asyncio.ensure_future(subject(value))
        for _ in range(turns):
            await asyncio.sleep(0)
        require(not task.done(), "it was done before it could be cancelled")
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            require(not left, f"{len(left)} tasks were left running")
            return
        raise PromiseBroken("the cancellation was swallowed")

    proof.runner.run(cancelled_run())


def cancelled_at(proof: Proof, subject: Any, names: list[str]) -> None:
    """Cancelled while the seventh step waits: six have finished, the seventh is cancelled, none follows."""
    tracing = Tracing()
    is_cancelled(proof, lambda value: context(tracer=tracing).run(subject, value), 1, SEVENTH)
    statuses = {span.path.rpartition("/")[2]: span.status for span in tracing.spans}
    steps = {name: statuses.get(name) for name in names}
    wanted = {
        name: "ok" if place < SEVENTH else "cancelled" if place == SEVENTH else None
        for place, name in enumerate(names, start=1)
    }
    require(steps == wanted, f"the steps ended as {steps}")


# ---------------------------------------------------------------- what is shown


def of_calls(proof: Proof, subjects: Subjects) -> None:
    proof.show("one call: a hook before and after it", hooks_see, subjects.call, ["call"], 1)
    proof.show("one call: the user's own exception, and no note", fails_alone, subjects.call, Fuse(1))
    proof.show(
        "a default left out: a hook before and after it",
        hooks_see,
        subjects.call_amount,
        ["call_amount"],
        1,
    )
    proof.show("one method call: a hook before and after it", hooks_see, subjects.tally.add, ["add"], 1)
    proof.show("one method call: the user's own exception", fails_alone, subjects.tally.add, Fuse(1))


def of_chains(proof: Proof, subjects: Subjects) -> None:
    for kind, subject, functions in (
        ("sync", subjects.chain, STEPS),
        ("async", subjects.chain_soon, STEPS_SOON),
        ("suspending", subjects.chain_later, STEPS_LATER),
    ):
        names = names_of(functions)
        step = names[SEVENTH - 1]
        work = f"chain of 10 {kind} steps"
        proof.show(f"{work}: ten hooks before, ten after", hooks_see, subject, names, 1)
        proof.show(
            f"{work}: fails at step 7 with the user's exception, one note with the path, a traceback line",
            fails_at,
            subject,
            step,
            Fuse(SEVENTH),
        )
        proof.show(f"{work}: that failure is seen", failure_is_seen, subject, step, Fuse(SEVENTH), "error")
    blown = Fuse(SEVENTH, KeyboardInterrupt())
    proof.show(
        "chain of 10 sync steps: an interrupt at step 7 leaves as it is",
        lambda proof: require(proof.failure(lambda: subjects.chain(blown), blown.error), "it did not"),
    )
    stopped = Fuse(SEVENTH, asyncio.CancelledError())
    proof.show(
        "chain of 10 async steps: a cancellation inside step 7 is seen as one",
        failure_is_seen,
        subjects.chain_soon,
        "seventh_soon",
        stopped,
        "cancelled",
    )
    proof.show(
        "chain of 10 suspending steps: cancelled while step 7 waits",
        cancelled_at,
        subjects.chain_later,
        names_of(STEPS_LATER),
    )


def of_fan(proof: Proof, subjects: Subjects) -> None:
    names = names_of(LOADERS)
    work = "100-way parallel"
    fan = subjects.fan
    proof.show(f"{work}: a hundred hooks before, a hundred after", hooks_branches, fan, names)
    proof.show(
        f"{work}: the 42nd branch fails with the user's exception, noted; nothing is left running",
        fails_noted,
        fan,
        names[41],
        Fuse(42),
    )
    proof.show(f"{work}: cancelled while all wait; nothing is left running", is_cancelled, fan, 1, 1)


def hooks_branches(proof: Proof, subject: Any, names: list[str]) -> None:
    hooks_see(proof, subject, names, 1, in_order=False)


def of_eaches(proof: Proof, subjects: Subjects) -> None:
    items = list(range(100))
    for kind, subject, name in (
        ("sync", subjects.each, "call"),
        ("outcomes", subjects.each_outcomes, "call"),
        ("async", subjects.each_soon, "add_soon"),
        ("suspending", subjects.each_later, "add_later"),
    ):
        proof.show(f"each, {kind}: a hook before and after each item", hooks_items, subject, name, items)
    fuse = Fuse(1)
    mixed = [*range(6), fuse, *range(6)]
    proof.show("each, sync: item 7 fails, noted", fails_at, subjects.each, "call", fuse, mixed)
    fuse = Fuse(1)
    mixed = [*range(6), fuse, *range(6)]
    proof.show("each, async: item 7 fails, noted", fails_noted, subjects.each_later, "add_later", fuse, mixed)
    proof.show("each, async: cancelled; nothing is left running", is_cancelled, subjects.each_later, items, 2)


def hooks_items(proof: Proof, subject: Any, name: str, items: list[int]) -> None:
    hooks_see(proof, subject, [name] * len(items), items)


def of_scale(proof: Proof, pipeline: Any, count: int) -> None:
    place = count * 7 // 10 + 7
    work = f"flow of {count:,} steps"
    proof.show(f"{work}: as many hooks before and after", hooks_count, pipeline, count, 0)
    proof.show(f"{work}: fails at step {place:,}, noted", fails_at, pipeline, f"step_{place}", Fuse(place + 1))
