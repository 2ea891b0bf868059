"""Rows of what programs are written in: runs, needs, and flows that functions call.

The objects are made here, timed, and shown to keep what they promise. Read next: `bench.rows`, whose table these rows join.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

from bench import baselines
from bench.measure import timed, timed_async
from bench.promises import Proof, require
from bench.rows import Row, Settings, Subjects, compared
from omnitron import (
    CallStarted,
    Key,
    MissingNeed,
    RunCancelled,
    Tracing,
    context,
    flow,
    needs,
    resource,
)

RATE = Key("rate", int)
closed: list[bool] = []


@resource(scope="app")
def table() -> Iterator[dict[int, int]]:
    yield {1: 10}
    closed.append(True)


@flow
def price(item: int, *, prices: dict[int, int] = needs(table), rate: int = needs(RATE)) -> int:
    return prices[item] * rate


call = flow(baselines.call)
soon = flow(baselines.first_soon)


@flow
def nested(value: int) -> int:
    return call(value) + 1


@flow
async def forever(value: int) -> int:
    await asyncio.Event().wait()
    return value


def running(settings: Settings, subjects: Subjects, proof: Proof) -> list[Row]:
    """Measure, then show."""
    with context(rate=2) as app:
        table_of_rows = [*of_runs(settings, subjects), *of_needs(settings, app), *of_bodies(settings)]
        proof.show("two needs: filled, passed by hand, refused before anything runs", shows_needs, app)
    require(closed == [True], "the resource was not closed once")
    proof.show("a flow in a body: seen, with its place", shows_body)
    proof.show("a started run: name, status, events, cancelled with a reason, ended with its context", shows_run)
    return [*table_of_rows, of_handles(settings)]


def of_runs(settings: Settings, subjects: Subjects) -> list[Row]:
    """A run, beside the least that a run could be."""
    by_hand = timed("run(call, 1)", run=baselines.run_in_variable, call=baselines.call)
    ours = timed("run(call, 1)", run=context().run, call=subjects.call)
    return [
        compared(
            settings,
            "one sync call by ctx.run",
            None,
            ours,
            ("variable set and reset", by_hand, baselines.run_in_variable),
        )
    ]


def of_needs(settings: Settings, app: object) -> list[Row]:
    """A step that needs two things, beside the same step that is passed them, and beside the bare function."""
    prices = {1: 10}
    return [
        compared(
            settings,
            "one run of a step with two needs",
            None,
            timed("run(price, 1)", run=app.run, price=price),  # type: ignore[attr-defined]
            (
                "the same, passed by hand",
                timed("run(price, 1, prices=prices, rate=2)", run=app.run, price=price, prices=prices),  # type: ignore[attr-defined]
                baselines.priced,
            ),
        ),
        compared(
            settings,
            "a step with two needs, passed by hand",
            None,
            timed("price(1, prices=prices, rate=2)", price=price, prices=prices),
            (
                "bare function",
                timed("price(1, prices=prices, rate=2)", price=baselines.priced, prices=prices),
                baselines.priced,
            ),
        ),
    ]


def of_bodies(settings: Settings) -> list[Row]:
    """A flow that a function calls, observed and not."""
    tracing = Tracing()
    spans: list[baselines.HandSpan] = []
    observed = context(tracer=tracing).run
    return [
        compared(
            settings,
            "a flow that calls a flow",
            None,
            timed("nested(1)", nested=nested),
            ("function calls function", timed("nested(1)", nested=baselines.nested), baselines.nested),
        ),
        compared(
            settings,
            "a flow that calls a flow, observed, two spans",
            None,
            timed("run(nested, 1); spans.clear()", run=observed, nested=nested, spans=tracing.spans),
            (
                "spans by hand",
                timed("nested(spans, 1); spans.clear()", nested=baselines.spanned_nested, spans=spans),
                baselines.spanned_nested,
            ),
        ),
    ]


def of_handles(settings: Settings) -> Row:
    """A run that was started and awaited, beside a bare task."""
    return compared(
        settings,
        "one async flow started and awaited",
        None,
        timed_async(settings.runner, "await begin(soon, 1)", begin=context().start, soon=soon),
        ("bare task", timed_async(settings.runner, "await task(1)", task=baselines.in_task), baselines.in_task),
    )


# ---------------------------------------------------------------- what is shown


def shows_needs(proof: Proof, app: object) -> None:
    """The step that was timed is given what it needs, may be passed it, and is refused where it lacks."""
    run = app.run  # type: ignore[attr-defined]
    require(run(price, 1) == 20, "the needs were not filled")
    require(run(price, 1, rate=3) == 30, "an argument did not override a need")
    with suppress(MissingNeed):
        context().run(price, 1)
        require(False, "a run without the value was not refused")


def shows_body(proof: Proof) -> None:
    """The inner call has a span beneath the outer one."""
    tracing = Tracing()
    context(tracer=tracing).run(nested, 1)
    outer, inner = tracing.spans
    require(inner.path == "nested/call@0[0]", f"the inner call has the path {inner.path!r}")
    require(inner.parent_id == outer.span_id, "the inner call is no child of the outer one")


def shows_run(proof: Proof) -> None:
    """The handle tells what became of the run, and none is left."""

    async def main() -> None:
        async with context() as app:
            done = app.as_run("named").start(soon, 1)
            require(await done == 2, "the run gave another result")
            require((done.id, done.status) == ("named", "succeeded"), f"the handle says {done!r}")
            require(isinstance(next(iter(done.events())), CallStarted), "the run has no events")
            stopped, left = app.start(forever, 1), app.start(forever, 1)
            stopped.cancel("enough")
            with suppress(RunCancelled):
                await stopped
            require(stopped.reason == "enough", "the reason was lost")
        require(left.status == "cancelled", "a run outlived its context")
        require(asyncio.all_tasks() == {asyncio.current_task()}, "tasks were left running")

    proof.runner.run(main())
