"""The audit as a flow, the same as a plain loop, and one measured beside the other.

    audit
    ├── identity                     the targets, for the report
    └── find                         `locate` for each target, folded into one inventory
        recall                       with a store: rows of texts that were read before, made in a thread
        ├── plan                     chunks of files
        │   └── each, on processes   per file: read, then count and inspect side by side (with a store, inspected texts
        │                            are kept); what cannot be read becomes a row; chunks are folded into totals as
        │                            they come
        └── rest                     what could not be entered while finding, and what was recalled

A worker process that ends takes its chunk with it; that chunk is then done again file by file, so that only the file
that ended the worker is lost. What the parts do is in `omnitron.audit.files` and `omnitron.audit.sources`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, TypeVar

from omnitron.algebra import AsyncFlow, Flow, flow, identity, parallel, try_with
from omnitron.audit.files import (
    Content,
    FileReport,
    Opener,
    Source,
    assemble,
    examine,
    excuse,
    fetch,
    inspect,
    measure,
    open_binary,
)
from omnitron.audit.imports import Reading
from omnitron.audit.report import Report, Totals
from omnitron.audit.rules import rules_version, text_key
from omnitron.audit.sources import DEFAULT_TARGETS, Inventory, locate, merge
from omnitron.errors import DefinitionError, InvalidValue, Unpicklable, WorkerLost
from omnitron.model import CacheStorage, Failure, Ok

__all__ = ["CHUNK", "Comparison", "Targets", "audit", "audit_flow", "compare", "plain_loop", "processors"]

CHUNK: Final = 24
"""Files that go to a worker process at once: enough to make the way there cheap, few enough to share out evenly."""

Targets: TypeAlias = tuple[str, ...]
Chunk: TypeAlias = tuple[Source, ...]
Outcome: TypeAlias = "Ok[Any] | Failure"


class _Growing(Protocol):
    """A list or totals: what reports are added to."""

    def extend(self, reports: Iterable[FileReport], /) -> object: ...


G = TypeVar("G", bound=_Growing)


def processors() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# ------------------------------------------------------------------ the steps


@flow
def join(outcomes: tuple[Outcome, Outcome, Outcome]) -> FileReport:
    """Make one row of a file's content, its lines, and what was read in it (or the error of reading)."""
    content, lines, reading = outcomes
    found: Content = content.unwrap()
    return assemble(found.source, lines.unwrap(), reading.value if isinstance(reading, Ok) else reading.error)


@flow
def unread(failure: Failure) -> FileReport:
    """Make the row of a file that could not be read."""
    return excuse(failure.input, failure.error)


@flow
def plan(inventory: Inventory) -> list[Chunk]:
    """Cut the files into chunks."""
    sources = inventory.sources
    return [sources[start : start + CHUNK] for start in range(0, len(sources), CHUNK)]


@flow
def one_by_one(failure: Failure) -> list[Chunk]:
    """Cut a chunk whose worker was lost into chunks of one file."""
    return [(source,) for source in failure.input]


@flow
def rest(inventory: Inventory) -> tuple[FileReport, ...]:
    """Give the rows that need no reading: what could not be entered, and what is known."""
    return inventory.troubles + inventory.known


def recall(inventory: Inventory, *, reading: Flow[[Content], Reading], opener: Opener = open_binary) -> Inventory:
    """Make the rows of files whose texts were read before; one small step, where processes would take longer to start."""
    left, known, kept = [], list(inventory.known), reading.cached
    for source in inventory.sources:
        row = None
        with suppress(Exception):  # whoever reads it says what is wrong with it
            content = fetch(source, opener=opener)
            found = kept.peek(content)
            row = None if found is None else assemble(source, measure(content), found.value)
        if row is None:
            left.append(source)
        else:
            known.append(row)
    return inventory._replace(sources=tuple(left), known=tuple(known))


@flow
def conclude(targets: Targets, found: tuple[Totals, tuple[FileReport, ...]]) -> Report:
    """Make the report."""
    totals, entered = found
    return Report(totals.extend(entered), targets)


def gathered(into: G, outcome: Outcome) -> G:
    """Add what became of a chunk; the files of a chunk that failed as a whole are outcomes too."""
    if isinstance(outcome, Ok):
        into.extend(outcome.value)
    elif isinstance(outcome.error, (DefinitionError, Unpicklable)):
        # Wrong use (an opener that cannot travel, say) is no property of the files.
        raise outcome.error
    else:
        into.extend(excuse(source, outcome.error) for source in outcome.input)
    return into


# ------------------------------------------------------------------ the flow


def reading_flow(store: CacheStorage | None) -> Flow[[Content], Reading]:
    """Give the flow that reads a text, or has read it before."""
    if store is None:
        return flow(inspect)
    return flow(inspect).cache(None, key=text_key, store=store, version=rules_version())


def file_flow(opener: Opener = open_binary, store: CacheStorage | None = None) -> Flow[[Source], FileReport]:
    """Give the flow that makes the row of one file; it never raises for what is wrong with the file."""
    read = flow(fetch) if opener is open_binary else flow(fetch).bind(opener=opener)
    look = read | parallel(identity, flow(measure), reading_flow(store), mode="collect") | join
    return try_with(look, catch=unread).named("file")


def audit_flow(
    *, processes: int | None = None, opener: Opener = open_binary, store: CacheStorage | None = None
) -> AsyncFlow[[Targets], Report]:
    """Give the flow that audits targets.

    Args:
        processes: How many worker processes share the files; as many as there are processors when not given. With 0
            the work is done in a thread of this process, and `opener` need not pickle.
        opener: What opens a file for reading bytes; it travels to the processes.
        store: Keeps what was read in a text, so that the same text is parsed only once; it travels too.

    Raises:
        InvalidValue: At composition, for a number that is not one; at run time, for a target that is nothing.
    """
    workers = processors() if processes is None else processes
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 0:
        raise InvalidValue(
            f"`processes` is a whole number from 0 up, got {workers!r}. Leave it out for all processors."
        )
    chunk = file_flow(opener, store).each().on("process" if workers else "thread")
    alone = chunk.each(concurrency=1, mode="collect", fold=gathered, start=list[FileReport])
    again = (one_by_one | alone).named("again")
    careful = try_with(chunk, catch=again, on=WorkerLost).named("chunk")
    files = careful.each(concurrency=workers or 1, unordered=True, mode="collect", fold=gathered, start=Totals)
    find = flow(locate).each(fold=merge, start=Inventory).named("find")
    look = parallel(plan | files, rest).named("look")
    found: AsyncFlow[[Targets], tuple[Totals, tuple[FileReport, ...]]] = find | look
    if store is not None:
        recalled = flow(recall).bind(reading=reading_flow(store), opener=opener).on("thread").named("recall")
        found = find | recalled | look
    return parallel(identity, found).star(conclude).named("audit")


async def audit(
    targets: Iterable[str] = DEFAULT_TARGETS,
    *,
    processes: int | None = None,
    opener: Opener = open_binary,
    store: CacheStorage | None = None,
) -> Report:
    """Say what the code of some targets could reach; see `locate` for what a target is, `audit_flow` for the rest."""
    return await audit_flow(processes=processes, opener=opener, store=store)(tuple(targets))


# ------------------------------------------------------------------ beside a plain loop


def plain_loop(targets: Iterable[str] = DEFAULT_TARGETS, *, opener: Opener = open_binary) -> Report:
    """Do the work of `audit` by a plain loop in this process; the report is equal."""
    targets = tuple(targets)
    inventory = Inventory()
    for target in targets:
        inventory = merge(inventory, locate(target))
    totals = Totals()
    for source in inventory.sources:
        totals.add(examine(source, opener=opener))
    totals.extend(inventory.troubles)
    return Report(totals, targets)


class Comparison(NamedTuple):
    """The same work done twice, in one run.

    Attributes:
        loop_s: seconds of the plain loop.
        flow_s: seconds of the flow, the start of its processes included if they were not running.
        processes: how many processes the flow worked on.
        files: how many files were audited.
        equal: whether all gave the same report.
        again_s: seconds of the flow once more, when a store has what the first time read; None without one.
    """

    loop_s: float
    flow_s: float
    processes: int
    files: int
    equal: bool
    again_s: float | None = None

    @property
    def ratio(self) -> float:
        """How many times as fast as the loop the flow was."""
        return self.loop_s / self.flow_s

    def sentence(self) -> str:
        """Say it in one line, whatever came out."""
        place = f"{self.processes} processes" if self.processes else "a thread"
        verdict = "equal reports" if self.equal else "reports that differ"
        kept = "" if self.again_s is None else f"; from its cache {self.again_s:.2f} s"
        return (
            f"{self.files:,} files: plain loop {self.loop_s:.2f} s, this flow on {place} {self.flow_s:.2f} s: "
            f"{self.ratio:.2f} × as fast, {verdict}{kept}"
        )

    def describe(self) -> dict[str, Any]:
        """Give it as plain data."""
        return self._asdict() | {"ratio": self.ratio}


async def compare(
    targets: Iterable[str] = DEFAULT_TARGETS,
    *,
    processes: int | None = None,
    opener: Opener = open_binary,
    store: CacheStorage | None = None,
) -> Comparison:
    """Measure the plain loop and the flow on the same targets, one after the other.

    Every file is read once before, so that neither finds the other's files in the system's cache. With an empty store the
    flow fills it, and runs again.
    """
    targets = tuple(targets)
    workers = processors() if processes is None else processes
    work = audit_flow(processes=workers, opener=opener, store=store)
    plain_read(targets, opener)
    started = time.perf_counter()
    by_loop = plain_loop(targets, opener=opener)
    between = time.perf_counter()
    by_flow = await work(targets)
    ended = time.perf_counter()
    equal, again_s = by_loop == by_flow, None
    if store is not None:
        equal = equal and await work(targets) == by_flow
        again_s = time.perf_counter() - ended
    return Comparison(between - started, ended - between, workers, by_flow.totals.files, equal, again_s)


def plain_read(targets: Targets, opener: Opener) -> int:
    """Read every file and forget it; give the number of bytes."""
    size = 0
    for target in targets:
        for source in locate(target).sources:
            with suppress(Exception):
                size += len(fetch(source, opener=opener).data)
    return size
