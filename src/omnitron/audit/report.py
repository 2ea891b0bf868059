"""What an audit found: totals that grow file by file, and the report that is shown or written out.

`Totals` is the accumulator of the flow's fold: add file reports in any order, in any number of parts, and merge. A
`Report` is what is left at the end, sorted, the same whatever the order was. `rows` is for a table, `describe` for
JSON (the shape is written down in `docs/audit.md`); colours and widths are the command line's.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from omnitron.audit.files import FileReport, Package
from omnitron.audit.imports import Import
from omnitron.audit.knowledge import Reach

__all__ = ["COLUMNS", "KINDS", "SCHEMA", "Report", "Row", "Tally", "Totals", "shown_text"]

SCHEMA: Final = 1
"""The number of the JSON shape; it changes only when a reader of the old one would be misled."""

KINDS: Final = Reach(31).kinds
"""The kinds of reach, in the order of every table: network, process, file, environment, dynamic."""


class Tally:
    """Counts over some files; add and merge in any order.

    Attributes:
        files: looked at, the failed ones included.
        lines: physical lines.
        functions: `def` and `async def`.
        reaching_files: files with at least one import that reaches out and runs.
        reaching_functions: functions in those files.
        failures: files, folders and links with a trouble.
        imports: how many imports reach each kind; one import may count for several.
    """

    __slots__ = ("failures", "files", "functions", "imports", "lines", "reaching_files", "reaching_functions")

    def __init__(self) -> None:
        self.files = self.lines = self.functions = 0
        self.reaching_files = self.reaching_functions = self.failures = 0
        self.imports: Counter[str] = Counter()

    def add(self, report: FileReport) -> None:
        """Count one file (or a folder or link that could not be entered, which is no file)."""
        self.files += report.is_file
        self.lines += report.lines
        self.functions += report.functions
        self.failures += report.trouble is not None
        if report.reach:
            self.reaching_files += 1
            self.reaching_functions += report.functions
        for one in report.imports:
            self.imports.update(one.reach.kinds)

    def merge(self, other: Tally) -> None:
        """Add what another tally has counted."""
        self.files += other.files
        self.lines += other.lines
        self.functions += other.functions
        self.reaching_files += other.reaching_files
        self.reaching_functions += other.reaching_functions
        self.failures += other.failures
        self.imports.update(other.imports)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tally):
            return NotImplemented
        return self.describe() == other.describe()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Tally({self.describe()!r})"

    def describe(self) -> dict[str, Any]:
        """Give the counts as plain data."""
        return {
            "files": self.files,
            "lines": self.lines,
            "functions": self.functions,
            "reaching_files": self.reaching_files,
            "reaching_functions": self.reaching_functions,
            "imports": {kind: self.imports[kind] for kind in KINDS},
            "failures": self.failures,
        }


class Totals:
    """Everything found so far: the accumulator of the fold.

    Laws:
        The report does not depend on the order of `add` and `merge`.
    """

    __slots__ = ("reports", "tallies")

    def __init__(self) -> None:
        self.reports: list[FileReport] = []
        self.tallies: dict[Package, Tally] = {}

    def add(self, report: FileReport) -> None:
        """Count one file under its package, and keep it."""
        self.reports.append(report)
        tally = self.tallies.get(report.source.package)
        if tally is None:
            tally = self.tallies[report.source.package] = Tally()
        tally.add(report)

    def extend(self, reports: Iterable[FileReport]) -> Totals:
        """Count several files; give itself, so that it serves as a reducer."""
        for report in reports:
            self.add(report)
        return self

    def merge(self, other: Totals) -> Totals:
        """Add all that the other has; give itself."""
        self.reports.extend(other.reports)
        for package, tally in other.tallies.items():
            self.tallies.setdefault(package, Tally()).merge(tally)
        return self


class Row(NamedTuple):
    """One line of the table; `COLUMNS` names its numbers."""

    name: str
    version: str
    numbers: tuple[int, ...]


COLUMNS: Final = ("reaching", "functions", *KINDS, "files", "lines", "failures")
"""The heads of a row's numbers; `reaching` is the functions in modules with an import that reaches out."""


class Report:
    """What an audit found, in a fixed order.

    Attributes:
        targets: what was asked for.
        packages: each package with its counts, most functions in reach first.
        files: each file, by path; folders and links that could not be entered stand among them.
        totals: the counts over all.
    """

    __slots__ = ("files", "packages", "targets", "totals")

    def __init__(self, totals: Totals, targets: Iterable[str] = ()) -> None:
        self.targets = tuple(targets)
        self.packages: tuple[tuple[Package, Tally], ...] = tuple(sorted(totals.tallies.items(), key=_rank))
        self.files = tuple(sorted(totals.reports, key=lambda report: report.source.path))
        self.totals = _sum(tally for _, tally in self.packages)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Report):
            return NotImplemented
        return (self.targets, self.files) == (other.targets, other.files)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Report of {self.totals.files} files in {len(self.packages)} packages>"

    @property
    def failures(self) -> tuple[FileReport, ...]:
        """The files, folders and links with a trouble."""
        return tuple(report for report in self.files if report.trouble is not None)

    def exit_code(self, *, strict: bool = False) -> int:
        """0, for every failure stands in the report; 3 when failures count as such and there are any."""
        return 3 if strict and self.totals.failures else 0

    def rows(self, limit: int = 26) -> list[Row]:
        """Give the lines of a table: packages, one row for those beyond the limit, one row for all.

        Args:
            limit: The most rows, at least 3; a head and its rules are not counted.
        """
        shown = [Row(shown_text(package.name), package.version, _numbers(tally)) for package, tally in self.packages]
        room = max(limit, 3) - 1
        if len(shown) > room:
            rest = self.packages[room - 1 :]
            shown[room - 1 :] = [Row(f"{len(rest)} more", "", _numbers(_sum(tally for _, tally in rest)))]
        return [*shown, Row("all", "", _numbers(self.totals))]

    def describe(self) -> dict[str, Any]:
        """Give all of it as plain data, ready for JSON; `docs/audit.md` explains each field."""
        return {
            "schema": SCHEMA,
            "python": platform.python_version(),
            "targets": list(self.targets),
            "packages": [
                {"name": shown_text(package.name), "version": package.version, "origin": package.origin}
                | tally.describe()
                for package, tally in self.packages
            ],
            "files": [_describe_file(report) for report in self.files],
            "totals": self.totals.describe(),
        }


def shown_text(text: str) -> str:
    """Make a path fit for printing and for JSON: bytes that are no text stand as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _rank(item: tuple[Package, Tally]) -> tuple[int, int, Package]:
    package, tally = item
    return -tally.reaching_functions, -tally.functions, package


def _numbers(tally: Tally) -> tuple[int, ...]:
    kinds = (tally.imports[kind] for kind in KINDS)
    return (tally.reaching_functions, tally.functions, *kinds, tally.files, tally.lines, tally.failures)


def _sum(tallies: Iterable[Tally]) -> Tally:
    out = Tally()
    for tally in tallies:
        out.merge(tally)
    return out


def _describe_file(report: FileReport) -> Mapping[str, Any]:
    package, trouble = report.source.package, report.trouble
    return {
        "package": shown_text(package.name),
        "path": shown_text(report.source.path),
        "kind": "file" if report.is_file else "place",
        "lines": report.lines,
        "functions": report.functions,
        "reach": list(report.reach.kinds),
        "imports": [_describe_import(one) for one in report.imports],
        "failure": None
        if trouble is None
        else {"kind": trouble.kind, "text": shown_text(trouble.text), "line": trouble.line},
    }


def _describe_import(one: Import) -> Mapping[str, Any]:
    return {
        "line": one.line,
        "module": one.module,
        "how": one.how,
        "reach": list(one.reach.kinds),
        "runs": one.runs,
    }
