"""Rows whose work happens once: building at scale, first calls, memory, and the import of a whole process.

Rows of calls that repeat are in `bench.rows`, where the row itself is described.
"""

import gc
import os
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

from bench import baselines, peers, work
from bench.measure import Sample, Spread, Timings, clocked, interleave, quiet, timed, timed_process
from bench.rows import OURS, Row, Settings, lacks_of
from bench.work import distinct_steps, three_steps
from omnitron import flow
from omnitron.algebra import clear_shapes

STEPS_AT_SCALE = 100_000
PATIENCE = 20.0
"""Seconds that another library may take for as many steps."""
FLOWS = 10_000
FLAT_KIB = 64.0
"""What may remain of 10,000 dropped flows: less than one pointer each."""

Steps = list[Callable[[int], int]]


def build(functions: Steps) -> Any:
    """A flow of all the functions by repeated pipe."""
    pipeline: Any = flow(functions[0])
    for function in functions[1:]:
        pipeline = pipeline.pipe(function)
    return pipeline


def _ours_at_scale(timings: Timings, label: str, functions: Steps) -> tuple[int, Any]:
    clear_shapes()
    with quiet(collecting=True):
        building, pipeline = clocked(build, functions)
        first, outcome = clocked(pipeline, 0)
        second, _ = clocked(pipeline, 0)
    timings.add(f"{label} total", building + first)
    timings.add(f"{label} second", second)
    return outcome, pipeline


def _by_hand_at_scale(timings: Timings, label: str, functions: Steps) -> int:
    with quiet(collecting=True):
        listing, steps = clocked(baselines.build_list, functions)
        first, outcome = clocked(baselines.run_list, steps, 0)
        second, _ = clocked(baselines.run_list, steps, 0)
    timings.add(f"{label} by hand total", listing + first)
    timings.add(f"{label} by hand second", second)
    return outcome  # type: ignore[no-any-return]


def _at_scale(timings: Timings, label: str, functions: Steps, turn: int) -> Any:
    """One round of both sides, the other one first every second time; our flow is given back."""
    if turn % 2:
        expected = _by_hand_at_scale(timings, label, functions)
        outcome, pipeline = _ours_at_scale(timings, label, functions)
    else:
        outcome, pipeline = _ours_at_scale(timings, label, functions)
        expected = _by_hand_at_scale(timings, label, functions)
    if outcome != expected:
        raise AssertionError(f"{label}: the flow gave {outcome}, the loop {expected}")
    return pipeline


def scale(settings: Settings, kept: dict[str, Any]) -> list[Row]:
    """100,000 distinct annotated steps; the last flow that was built is left in `kept` for the promises."""
    many = distinct_steps(STEPS_AT_SCALE)
    few = distinct_steps(STEPS_AT_SCALE // 10)
    as_strings = distinct_steps(STEPS_AT_SCALE, as_strings=True)
    timings = Timings()
    for turn in range(settings.long_rounds):
        kept.clear()
        _at_scale(timings, "few", few, turn)
        _at_scale(timings, "strings", as_strings, turn)
        kept["scale"] = _at_scale(timings, "many", many, turn)
    lacks = f"{lacks_of(baselines.build_list)}; {lacks_of(baselines.run_list)}"

    def row(
        work: str, bar: float, kind: str, moment: str, others: Mapping[str, Spread | str | None] | None = None
    ) -> Row:
        ours, base = f"{kind} {moment}", f"{kind} by hand {moment}"
        ours_s, base_s, ratio = timings.time(ours), timings.time(base), timings.ratio(ours, base)
        against = "slotted objects and a loop"
        return Row(work, against, ratio, bar, ours_s=ours_s, base_s=base_s, beside=others or {}, lacks=lacks)

    growth = Row(
        f"{STEPS_AT_SCALE:,} steps after a tenth of them, in all",
        "a tenth of the steps",
        timings.ratio("many total", "few total"),
        13.0,
        ours_s=timings.time("many total"),
        base_s=timings.time("few total"),
        beside={"slotted objects and a loop": timings.ratio("many by hand total", "few by hand total")},
    )
    by_hand = timings.time("many by hand total").median
    others = {} if settings.quick else peers.at_scale(STEPS_AT_SCALE, PATIENCE)
    beside = {
        name: Spread.of([taken / by_hand]) if isinstance(taken, float) else taken for name, taken in others.items()
    }
    steps = f"{STEPS_AT_SCALE:,} steps"
    strings = f"{steps} with string annotations"
    return [
        row(f"{steps} built by pipe and run, in all", 20.0, "many", "total", beside),
        row(f"{steps}, the second run", 1.0, "many", "second"),
        row(f"{strings}, in all", 20.0, "strings", "total"),
        row(f"{strings}, the second run", 1.0, "strings", "second"),
        growth,
    ]


# ---------------------------------------------------------------- first call


def first_calls(settings: Settings) -> list[Row]:
    """The first call of a new flow of three steps, its shape never seen and seen."""
    timings = Timings()
    with quiet(collecting=False):
        for _ in range(30 if settings.quick else 300):
            for name, forget in (("cold", True), ("known", False)):
                pipeline = build(list(three_steps()))
                if forget:
                    clear_shapes()
                timings.add(name, clocked(pipeline, 1)[0])
            functions = three_steps()
            timings.add("exec", clocked(lambda given: baselines.compile_chain(given)(1), functions)[0])
    rows = []
    for name, bar in (("cold", 200.0), ("known", 30.0)):
        rows.append(
            Row(
                f"first call of a 3-step flow, {name} shape",
                "the clock",
                timings.time(name).scaled(1e6),
                bar,
                "µs",
                ours_s=timings.time(name),
                beside={"the same text by exec": timings.time("exec").scaled(1e6)},
            )
        )
    return [*rows, _built_and_dropped(settings), *(_left_over(settings, own) for own in (False, True))]


def _built_and_dropped(settings: Settings) -> Row:
    opening, middle, closing = three_steps()
    names = {"opening": opening, "middle": middle, "closing": closing}
    ours = timed("flow(opening).pipe(middle).pipe(closing)(1)", flow=flow, **names)
    closure = timed("close_over(functions)(1)", close_over=baselines.close_over, functions=tuple(names.values()))
    by_exec = timed("build(functions)(1)", build=baselines.compile_chain, functions=tuple(names.values()))
    samples: dict[str, Sample] = {OURS: ours, "exec": by_exec, "closure": closure}
    timings = interleave(samples, rounds=settings.rounds, seconds=settings.seconds, collecting=True)
    return Row(
        "3-step flow built, called once, dropped",
        "exec by hand",
        timings.ratio(OURS, "exec"),
        ours_s=timings.time(OURS),
        base_s=timings.time("exec"),
        beside={"closure": timings.ratio("closure", "exec")},
        lacks=lacks_of(baselines.compile_chain),
    )


def _held() -> int:
    """Count the bytes that are held, but for what making the functions took: Python keeps their names."""
    gc.collect()
    kept = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(False, work.__file__)])
    return sum(trace.size for trace in kept.traces)


def _left_over(settings: Settings, own_shape: bool) -> Row:
    """What flows leave behind, after enough others have come and gone to fill every bounded cache."""
    flows = FLOWS // 10 if settings.quick else FLOWS

    def come_and_go(count: int, prefix: str) -> None:
        for place in range(count):
            functions = three_steps(f"{prefix}_{place}" if own_shape else "value")
            build(list(functions))(1)

    tracemalloc.start()
    try:
        come_and_go(FLOWS // 4, "early")
        before = _held()
        come_and_go(flows, "later")
        after = _held()
    finally:
        tracemalloc.stop()
    left = (after - before) / 1024
    shapes = "each of its own shape" if own_shape else "all of one shape"
    work = f"memory left by {flows:,} flows built, called once, dropped, {shapes}"
    return Row(work, "those before them", Spread(left, left, left), FLAT_KIB, "KiB")


# ---------------------------------------------------------------- import


def imports(settings: Settings) -> list[Row]:
    """Whole processes: start, import, end; nothing is subtracted."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def process(code: str) -> Sample:
        return timed_process(code, environment)

    samples = {
        OURS: process("import omnitron"),
        "bare python": process("pass"),
        "asyncio": process("import asyncio"),
    }
    if peers.HAS_TOOLZ:
        samples["toolz"] = process("import toolz")
    if peers.HAS_LANGCHAIN:
        samples["langchain"] = process("import langchain_core.runnables")
    if peers.HAS_PREFECT:
        samples["prefect"] = process("import prefect")
    timings = interleave(samples, rounds=7 if settings.quick else 21, seconds=0.0)
    base = "toolz" if peers.HAS_TOOLZ else "bare python"
    others = [name for name in ("toolz", "bare python", "asyncio", "langchain", "prefect") if name != base]
    return [
        Row(
            "process that imports it",
            f"the same with {base}",
            timings.ratio(OURS, base),
            1.4 if base == "toolz" else None,
            ours_s=timings.time(OURS),
            base_s=timings.time(base),
            beside={name: timings.ratio(name, base) if name in samples else None for name in others},
        )
    ]
