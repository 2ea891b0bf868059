"""The search over docstrings: on a library of its own, and as a program over the standard library."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from examples import documents

PROGRAM = Path(documents.__file__)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """The index of a library of three modules, built on worker processes."""
    library = tmp_path_factory.mktemp("library")
    (library / "kitchen").mkdir()
    (library / "kitchen" / "oven.py").write_text(
        '"""Bakes bread."""\nclass Oven:\n    """Hot.\n\n    Never parse it."""\n    def heat(self):\n        """Heat."""'
    )
    (library / "reading.py").write_text('"""Reads."""\ndef parse(line):\n    """Parsing of command lines."""\n')
    (library / "test").mkdir()
    (library / "test" / "test_oven.py").write_text('"""Tests the oven."""\n')
    return asyncio.run(documents.build(library))


def search(question, index):
    """Give the places of the best passages."""
    return [place for place, _ in documents.search(index, question)]


def test_the_passage_that_says_most_of_it_is_first(index):
    """Whatever the case and ending of its words; names count, tests are left out."""
    assert search("PARSE the command line", index)[0] == "reading.parse"
    assert search("hot ovens", index)[0] == "kitchen.oven.Oven"
    assert "test.test_oven" not in search("tests of ovens", index)


def test_what_nobody_says_is_not_found(index):
    """No term, no passage."""
    assert search("zebra", index) == []


def test_a_file_is_studied_without_processes(tmp_path):
    """The part that goes to processes is a flow like any other."""
    file = tmp_path / "one.py"
    file.write_text('"""First paragraph.\n\nSecond, second."""')
    (first, _), (second, counts) = documents.study([("one", file)])
    assert (first, second) == (("one", "First paragraph."), ("one", "Second, second."))
    assert sorted(counts.values()) == [1, 2]


@pytest.mark.real
def test_the_program_answers_from_the_standard_library(tmp_path):
    """Building takes its time once; what stands in the index is answered at once."""

    def ask(*questions):
        words = [sys.executable, "-W", "error", str(PROGRAM), str(tmp_path / "index"), *questions]
        return subprocess.run(words, capture_output=True, text=True, timeout=120, check=True).stdout

    first = ask("parse command line")
    began = time.monotonic()
    again = ask("parse command line", "compress a file")
    assert "\n  argparse " in first
    assert again.startswith(first)
    assert "\n  gzip.compress " in again
    assert time.monotonic() - began < 10
