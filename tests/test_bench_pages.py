"""What README.md and docs/benchmarks.md show is what `make bench` printed in one run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bench import pages


def rows(name: str) -> list[list[str]]:
    """Give the rows of every measured table of a page."""
    text = (pages.ROOT / name).read_text(encoding="utf-8")
    tables = [found[0] for found in pages.PLACE.finditer(text)]
    lines = [line for table in tables for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith("| work")]


def test_the_readme_shows_figures_of_the_run_that_stands_whole_in_the_docs() -> None:
    """No figure is taken from another run."""
    whole = {row[0]: row for row in rows("docs/benchmarks.md")}
    shown = rows("README.md")
    assert [row[0] for row in shown] == [*pages.POLICIES, *pages.REST]
    for work, ours, against, ratio, *_ in shown:
        assert [ours, against, ratio] == [*whole[work][1:3], whole[work][3].partition(" (")[0]]


def test_a_run_is_written_where_pages_ask_for_it(tmp_path: Path) -> None:
    """What stands around it stays."""
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- measured: machine -->\nold\n<!-- end -->\nb <!-- measured: missed --> c\n")
    pages.written([page], [], "a machine", "", [])
    assert page.read_text() == (
        "a\n<!-- measured: machine -->\n(a machine)\n<!-- end -->\nb <!-- measured: missed --> c\n"
    )


def test_a_missed_bar_is_written_as_missed(tmp_path: Path) -> None:
    """With its figure and its bar."""
    page = tmp_path / "page.md"
    page.write_text("<!-- measured: missed -->\n<!-- end -->\n")
    pages.written([page], [["a call", "9 ns", "by hand", "5.00 × (4–6)", "≤ 4.00", "**missed**", ""]], "", "", [])
    assert re.search(r"^- a call: 5.00 × \(4–6\), bar ≤ 4.00$", page.read_text(), re.M)


def test_a_page_is_not_written_from_half_a_run(tmp_path: Path) -> None:
    """It would mix two runs."""
    page = tmp_path / "page.md"
    page.write_text("<!-- measured: rest -->\nold\n<!-- end -->\n")
    with pytest.raises(LookupError, match="run all sections"):
        pages.written([page], [], "", "", [])
    assert "old" in page.read_text()
