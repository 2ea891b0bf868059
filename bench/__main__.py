"""`python -m bench`: measure everything in one run, show what the timed objects keep, print one table.

    --quick          fewer rounds, about a minute
    --only SECTION   one section (may be given more than once)
    --json FILE      the same as data
    --write          put the tables into README.md and docs/benchmarks.md; needs all sections

Ends with 1 when a promise is broken; a missed bar is printed as missed, and gates nothing.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

from bench import (
    batching,
    breaking,
    caching,
    hedging,
    limiting,
    pages,
    peers,
    promises,
    retrying,
    rows,
    running,
    streaming,
    together,
    whole,
)
from bench.measure import Spread
from bench.promises import Proof, Shown
from bench.rows import Row, Settings, Subjects
from omnitron import __version__

Section = Callable[[Settings, Subjects, Proof], list[Row]]


def _scale(settings: Settings, subjects: Subjects, proof: Proof) -> list[Row]:
    kept: dict[str, Any] = {}
    table = whole.scale(settings, kept)
    promises.of_scale(proof, kept["scale"], whole.STEPS_AT_SCALE)
    return table


def _timed_then_shown(
    measure: Callable[[Settings, Subjects], list[Row]], show: Callable[[Proof, Subjects], None]
) -> Section:
    def section(settings: Settings, subjects: Subjects, proof: Proof) -> list[Row]:
        table = measure(settings, subjects)
        show(proof, subjects)
        return table

    return section


SECTIONS: dict[str, Section] = {
    "call": _timed_then_shown(rows.calls, promises.of_calls),
    "chain": _timed_then_shown(rows.chains, promises.of_chains),
    "parallel": _timed_then_shown(rows.fans, promises.of_fan),
    "each": _timed_then_shown(rows.eaches, promises.of_eaches),
    "observed": lambda settings, subjects, proof: rows.observed(settings, subjects),
    "running": running.running,
    "streaming": streaming.streaming,
    "retrying": retrying.retrying,
    "batching": batching.batching,
    "caching": caching.caching,
    "hedging": hedging.hedging,
    "limiting": limiting.limiting,
    "breaking": breaking.breaking,
    "together": together.together,
    "first": lambda settings, subjects, proof: whole.first_calls(settings),
    "import": lambda settings, subjects, proof: whole.imports(settings),
    "scale": _scale,
}


# ---------------------------------------------------------------- the machine


def machine() -> dict[str, Any]:
    """What the numbers were taken on."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "versions": {"omnitron": __version__, **peers.versions()},
    }


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown"
    models = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return models[0] if models else platform.processor() or "unknown"


# ---------------------------------------------------------------- the table


def duration(seconds: float) -> str:
    """Three figures and a unit that suits them."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _spread(value: Spread, unit: str) -> str:
    text = figure(value.median) + (" ×" if unit == "×" else f" {unit}")
    return text if value.low == value.high else f"{text} ({figure(value.low)}–{figure(value.high)})"


def _beside(value: Spread | str | None) -> str:
    if isinstance(value, Spread):
        return figure(value.median)
    return value or "not installed"


def _cells(row: Row) -> list[str]:
    beside = ", ".join(f"{name} {_beside(value)}" for name, value in row.beside.items())
    bar = "" if row.bar is None else f"≤ {figure(row.bar)}{'' if row.unit == '×' else ' ' + row.unit}"
    return [
        row.work,
        duration(row.ours_s.median) if row.ours_s else "",
        f"{row.against}{' ' + duration(row.base_s.median) if row.base_s else ''}",
        _spread(row.value, row.unit),
        bar,
        {"shown": "", "missed": "**missed**"}.get(row.verdict, row.verdict),
        beside,
    ]


def _machine(facts: dict[str, Any]) -> str:
    return f"{facts['python']} on {facts['cpu']}, {facts['cores']} cores, {facts['system']}, load {facts['load']}"


def _versions(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {number or 'not installed'}" for name, number in facts["versions"].items())


def _lacks(table: list[Row]) -> list[str]:
    return list(dict.fromkeys(f"{row.against}: {row.lacks}" for row in table if row.lacks))


def render(table: list[Row], shown: Shown, facts: dict[str, Any]) -> str:
    """The table as Markdown that also reads well in a terminal."""
    head = [
        "work",
        "omnitron",
        "measured against",
        "median (quartiles)",
        "bar",
        "",
        "others, on the same work",
    ]
    lines = [head, *[_cells(row) for row in table]]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    padded = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines]
    padded.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    lacks = _lacks(table)
    missed = [row.work for row in table if row.verdict == "missed"]
    return "\n".join(
        [
            f"{_machine(facts)}; {_versions(facts)}",
            "",
            *padded,
            "",
            f"Bars missed: {len(missed)}" + "".join(f"\n  {work}" for work in missed),
            "",
            "The objects that were timed, unchanged:",
            *(
                f"  {'broken' if wrong else 'kept'}: {promise}{f' [{wrong}]' if wrong else ''}"
                for promise, wrong in shown
            ),
            "",
            "What the baselines lack:",
            *(f"  {text}" for text in lacks),
        ]
    )


def as_data(table: list[Row], shown: Shown, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "machine": facts,
        "rows": [{**asdict(row), "verdict": row.verdict} for row in table],
        "promises": [{"promise": promise, "kept": not wrong, "broken": wrong} for promise, wrong in shown],
    }


# ---------------------------------------------------------------- the command


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Omnitron against Python by hand.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, about a minute")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="one section; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same as data")
    parser.add_argument("--write", action="store_true", help="put the tables into README.md and docs/benchmarks.md")
    options = parser.parse_args()
    if options.write and (options.quick or options.only):
        parser.error("--write needs all sections at full length: leave out --quick and --only")
    facts = machine()
    table: list[Row] = []
    with asyncio.Runner() as runner:
        settings = Settings(runner, quick=options.quick)
        subjects = Subjects()
        proof = Proof(runner)
        for name, section in SECTIONS.items():
            if options.only and name not in options.only:
                continue
            start = perf_counter()
            table += section(settings, subjects, proof)
            print(f"{name}: {perf_counter() - start:.1f} s", file=sys.stderr)
    print(render(table, proof.shown, facts))
    if options.json:
        data = as_data(table, proof.shown, facts)
        options.json.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if options.write:
        pages.written(pages.PAGES, [_cells(row) for row in table], _machine(facts), _versions(facts), _lacks(table))
    return 1 if any(wrong for _, wrong in proof.shown) else 0


if __name__ == "__main__":
    sys.exit(main())
