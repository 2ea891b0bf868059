"""What is compared, and which bar stands for it: one function a section, each giving its rows.

Here are the calls that repeat; builds, first calls and imports, which happen once, are in `bench.whole`.

The objects of Omnitron are made here once (`Subjects`), timed, and handed on unchanged to `bench.promises`.
How time is taken is in `bench.measure`. A bar is what must be reached; a missed one is shown as missed, and
gates nothing.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from bench import baselines, peers
from bench.measure import Sample, Spread, interleave, timed, timed_async
from bench.work import LOADERS, STEPS, STEPS_LATER, STEPS_SOON, add_later, add_soon
from omnitron import Tracing, context, flow, parallel

OURS = "omnitron"


@dataclass(frozen=True, slots=True)
class Settings:
    """How long to measure, and on which loop."""

    runner: asyncio.Runner
    quick: bool = False

    @property
    def rounds(self) -> int:
        return 9 if self.quick else 45

    @property
    def seconds(self) -> float:
        return 0.002 if self.quick else 0.005

    @property
    def long_rounds(self) -> int:
        return 3 if self.quick else 7

    @property
    def items(self) -> int:
        return 10_000 if self.quick else 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        work: What is done.
        against: The baseline, or what else the value is relative to.
        value: A ratio, or an amount in `unit`.
        bar: What the median must not exceed; `None` for a row that is shown only.
        unit: `×`, `µs` or `KiB`.
        ours_s: Seconds a run.
        base_s: Seconds a run of the baseline.
        beside: The others, relative to the same baseline or in the same unit, or what came of them instead; `None` for
            one that is not installed.
        lacks: The promises that the baseline does not keep.
    """

    work: str
    against: str
    value: Spread
    bar: float | None = None
    unit: str = "×"
    ours_s: Spread | None = None
    base_s: Spread | None = None
    beside: Mapping[str, Spread | str | None] = field(default_factory=dict)
    lacks: str = ""

    @property
    def verdict(self) -> str:
        if self.bar is None:
            return "shown"
        return "met" if self.value.median <= self.bar else "missed"


def _chain(functions: tuple[Callable[..., Any], ...]) -> Any:
    return reduce(lambda left, right: left.pipe(right), functions[1:], flow(functions[0]))


class FlowTally:
    """The twin of `baselines.Tally`: its method is a flow."""

    add = flow(baselines.Tally.add)


class Subjects:
    """The objects of Omnitron that are timed, and then shown to keep their promises."""

    def __init__(self) -> None:
        self.call = flow(baselines.call)
        self.call_amount = flow(baselines.call_amount)
        self.tally = FlowTally()
        self.chain = _chain(STEPS)
        self.chain_soon = _chain(STEPS_SOON)
        self.chain_later = _chain(STEPS_LATER)
        self.fan = parallel(*[flow(load) for load in LOADERS])
        self.each = self.call.each()
        self.each_outcomes = self.call.each(mode="collect")
        self.each_soon = flow(add_soon).each(concurrency=64)
        self.each_later = flow(add_later).each(concurrency=64)


def lacks_of(baseline: Callable[..., Any]) -> str:
    """What stands under `Lacks:` in a baseline's docstring."""
    text = inspect.getdoc(baseline) or ""
    return " ".join(text.partition("Lacks:")[2].split()).removesuffix(".")


def compared(
    settings: Settings,
    work: str,
    bar: float | None,
    ours: Sample,
    baseline: tuple[str, Sample, Callable[..., Any]],
    *,
    others: Mapping[str, Sample | None] | None = None,
    rounds: int | None = None,
    collecting: bool = False,
) -> Row:
    """A row of one statement against its baseline and against others."""
    against, base, written = baseline
    others = others or {}
    contestants = {OURS: ours, against: base, **{name: each for name, each in others.items() if each}}
    timings = interleave(contestants, rounds=rounds or settings.rounds, seconds=settings.seconds, collecting=collecting)
    return Row(
        work,
        against,
        timings.ratio(OURS, against),
        bar,
        ours_s=timings.time(OURS),
        base_s=timings.time(against),
        beside={name: timings.ratio(name, against) if each else None for name, each in others.items()},
        lacks=lacks_of(written),
    )


# ---------------------------------------------------------------- sections


def calls(settings: Settings, subjects: Subjects) -> list[Row]:
    bare, amount, method = baselines.call, baselines.call_amount, baselines.Tally.add
    by_hand = timed("call(1)", call=bare)
    ours = timed("call(1)", call=subjects.call)
    keyword_ours = timed("call(value=1)", call=subjects.call)
    keyword_hand = timed("call(value=1)", call=bare)
    amount_ours = timed("call(1)", call=subjects.call_amount)
    amount_hand = timed("call(1)", call=amount)
    method_ours = timed("tally.add(1)", tally=subjects.tally)
    method_hand = timed("tally.add(1)", tally=baselines.Tally())
    return [
        compared(settings, "one sync call", 4.0, ours, ("bare function", by_hand, bare), others=peers.of_call()),
        compared(
            settings,
            "one sync call, by keyword",
            6.0,
            keyword_ours,
            ("bare function", keyword_hand, bare),
            others=peers.of_keyword(),
        ),
        compared(
            settings,
            "one sync call, a default left out",
            4.0,
            amount_ours,
            ("bare function", amount_hand, amount),
            others=peers.of_defaults(),
        ),
        compared(settings, "one method call", 12.0, method_ours, ("bare method", method_hand, method)),
    ]


def chains(settings: Settings, subjects: Subjects) -> list[Row]:
    runner = settings.runner

    def awaited(chain: Any) -> Sample:
        return timed_async(runner, "await chain(1)", chain=chain)

    return [
        compared(
            settings,
            "chain of 10 sync steps",
            1.4,
            timed("chain(1)", chain=subjects.chain),
            ("nested calls", timed("chain(1)", chain=baselines.chain), baselines.chain),
            others=peers.of_chain(),
        ),
        compared(
            settings,
            "chain of 10 async steps",
            1.2,
            awaited(subjects.chain_soon),
            ("nested awaits", awaited(baselines.chain_soon), baselines.chain_soon),
            others=peers.of_chain_soon(runner),
        ),
        compared(
            settings,
            "chain of 10 async steps that each suspend",
            None,
            awaited(subjects.chain_later),
            ("nested awaits", awaited(baselines.chain_later), baselines.chain_later),
        ),
    ]


def fans(settings: Settings, subjects: Subjects) -> list[Row]:
    runner = settings.runner
    group = timed_async(runner, "await fan(1)", fan=baselines.parallel_group)
    return [
        compared(
            settings,
            "100-way async parallel, fail-fast",
            0.9,
            timed_async(runner, "await fan(1)", fan=subjects.fan),
            (
                "asyncio.gather",
                timed_async(runner, "await fan(1)", fan=baselines.parallel_gather),
                baselines.parallel_gather,
            ),
            others={"TaskGroup": group, **peers.of_parallel(runner)},
        )
    ]


def eaches(settings: Settings, subjects: Subjects) -> list[Row]:
    items = list(range(settings.items))
    label = f"each over {settings.items:,} items"
    runner = settings.runner
    rounds = settings.long_rounds

    def awaited(step: Any) -> tuple[Sample, Sample]:
        return tuple(  # type: ignore[return-value]
            timed_async(runner, "await each(items, step, 64)", each=each, items=items, step=step)
            for each in (baselines.each_workers, baselines.each_semaphore)
        )

    rows = [
        compared(
            settings,
            f"{label}, sync",
            None,
            timed("each(items)", each=subjects.each, items=items),
            (
                "list comprehension",
                timed("each(items)", each=baselines.each_comprehension, items=items),
                baselines.each_comprehension,
            ),
            others={"list(map(…))": timed("list(map(call, items))", call=baselines.call, items=items)},
            rounds=2 * rounds,
            collecting=True,
        ),
        compared(
            settings,
            f"{label}, sync, outcomes collected",
            None,
            timed("each(items)", each=subjects.each_outcomes, items=items),
            (
                "loop with try",
                timed("each(items)", each=baselines.each_outcomes, items=items),
                baselines.each_outcomes,
            ),
            rounds=rounds,
            collecting=True,
        ),
    ]
    for kind, each, step in (
        ("async, 64 at once", subjects.each_soon, add_soon),
        ("async, 64 at once, each suspends", subjects.each_later, add_later),
    ):
        workers, semaphore = awaited(step)
        rows.append(
            compared(
                settings,
                f"{label}, {kind}",
                None,
                timed_async(runner, "await each(items)", each=each, items=items),
                ("64 workers", workers, baselines.each_workers),
                others={"semaphore + gather": semaphore},
                rounds=rounds,
                collecting=True,
            )
        )
    return rows


def observed(settings: Settings, subjects: Subjects) -> list[Row]:
    """The timed objects once more, in a context that records spans."""
    tracing = Tracing()
    app = context(tracer=tracing)
    spans: list[baselines.HandSpan] = []

    def ours(subject: Any) -> dict[str, Any]:
        return {"run": app.run, "flow": subject, "spans": tracing.spans}

    by_hand = "record(spans, 1); spans.clear()"
    return [
        compared(
            settings,
            "one observed call, one span",
            None,
            timed("run(flow, 1); spans.clear()", **ours(subjects.call)),
            (
                "span by hand",
                timed(by_hand, record=baselines.spanned_call, spans=spans),
                baselines.spanned_call,
            ),
        ),
        compared(
            settings,
            "observed chain of 10 sync steps, 11 spans",
            None,
            timed("run(flow, 1); spans.clear()", **ours(subjects.chain)),
            (
                "spans by hand",
                timed(by_hand, record=baselines.spanned_chain, spans=spans),
                baselines.spanned_chain,
            ),
        ),
        compared(
            settings,
            "observed chain of 10 async steps, 11 spans",
            None,
            timed_async(settings.runner, "await run(flow, 1); spans.clear()", **ours(subjects.chain_soon)),
            (
                "spans by hand",
                timed_async(settings.runner, f"await {by_hand}", record=baselines.spanned_chain_soon, spans=spans),
                baselines.spanned_chain_soon,
            ),
        ),
    ]
