"""The tables of README.md and docs/benchmarks.md, written from what a run has measured.

A page marks where each stands: `<!-- measured: NAME -->`, then what is replaced, then `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", ROOT / "docs" / "benchmarks.md")
PLACE = re.compile(r"(<!-- measured: (?P<name>[a-z]+) -->\n).*?(<!-- end -->)", re.S)

Cells = Sequence[str]

POLICIES = (
    "timeout, retry and cache of one async function, kept",
    "timeout, retry and cache of one async function, computed",
    "retry, nothing failing",
    "retry, two failures",
    "timeout of an async step, in time",
    "cache hit, sync, str key",
    "cache hit, sync, tuple key",
    "cache hit, async",
    "10,000 concurrent single loads, batched",
    "rate limit, async",
    "circuit breaker, sync, nothing failing",
    "hedge of an async step, never fires",
)
"""The rows of README's first table: what is done by hand or by another library otherwise."""
REST = (
    "one sync call",
    "one method call",
    "chain of 10 sync steps",
    "chain of 10 async steps",
    "100-way async parallel, fail-fast",
    "each over 100,000 items, sync",
    "one run of a step with two needs",
    "a flow that calls a flow",
    "one async flow started and awaited",
    "1,000 items through five async streams",
    "first call of a 3-step flow, cold shape",
    "first call of a 3-step flow, known shape",
    "process that imports it",
    "100,000 steps built by pipe and run, in all",
    "100,000 steps, the second run",
)
"""The rows of README's second table."""


def written(pages: Sequence[Path], table: Sequence[Cells], machine: str, versions: str, lacks: Sequence[str]) -> None:
    """Write what was measured into each page, where it says so.

    Args:
        pages: the Markdown files.
        table: each row as the cells that are printed: work, omnitron, against, spread, bar, verdict, others.
        machine: what the figures were taken on.
        versions: of the library and its peers.
        lacks: what each baseline does not do.

    Raises:
        LookupError: a row that a page shows was not measured: run all sections.
    """
    parts: dict[str, Callable[[], str]] = {
        "machine": lambda: f"({machine})\n",
        "versions": lambda: f"{machine}; {versions}\n",
        "policies": lambda: _short(table, POLICIES, bar=False),
        "rest": lambda: _short(table, REST, bar=True),
        "all": lambda: _table(("work", "omnitron", "measured against", "median (quartiles)", "bar", "", OTHERS), table),
        "missed": lambda: _missed(table),
        "lacks": lambda: "".join(f"- {text}\n" for text in lacks),
    }
    for page in pages:
        text = page.read_text(encoding="utf-8")
        filled = PLACE.sub(lambda found: found[1] + parts[found["name"]]() + found[3], text)
        page.write_text(filled, encoding="utf-8")


OTHERS = "others, on the same work"


def _table(head: Cells, rows: Sequence[Cells]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "".join(re.sub(" {2,}", " ", line) + "\n" for line in lines)


def _short(table: Sequence[Cells], works: Sequence[str], *, bar: bool) -> str:
    by_work = {row[0]: row for row in table}
    lost = [work for work in works if work not in by_work]
    if lost:
        raise LookupError(f"not measured in this run: {', '.join(lost)}; run all sections")
    rows = []
    for work in works:
        name, ours, against, spread, limit, _, others = by_work[work]
        ratio = spread.partition(" (")[0]
        rows.append((name, ours, against, ratio, limit, others) if bar else (name, ours, against, ratio, others))
    head = ("work", "omnitron", "measured against", "ratio", "bar", OTHERS)
    return _table(head if bar else (*head[:2], "by hand", "ratio", "others, as many times as by hand"), rows)


def _missed(table: Sequence[Cells]) -> str:
    missed: list[Any] = [row for row in table if "missed" in row[5]]
    if not missed:
        return "Every bar was met in this run.\n"
    return "Bars missed in this run:\n\n" + "".join(f"- {row[0]}: {row[3]}, bar {row[4]}\n" for row in missed)
