"""The page about fitting in: each of its rows names a test that there is, and its samples run."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "interop.md"
LINK = re.compile(r"\[`(test_\w+)`\]\(([^)]+)\)")
ROWS = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]
OTHERS = sorted((ROOT / "docs" / "migration").glob("*.md"))


def names_in(file):
    """Give the names of the tests that stand at the top of a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_a_row_names_a_test_that_there_is(row):
    """A row that nothing shows is no row."""
    links = LINK.findall(row)

    assert links
    assert [name for name, path in links if name not in names_in((PAGE.parent / path).resolve())] == []


@pytest.mark.parametrize("page", [PAGE, *OTHERS], ids=lambda page: page.name)
def test_the_samples_of_a_page_run(page):
    """Pages about other libraries run where these are."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "samples.py"), str(page)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (done.returncode, "1 pages, 0 with samples" in done.stdout) == (0, True), done.stdout + done.stderr
