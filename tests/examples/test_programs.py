"""What holds for every program in `examples/`."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = sorted((Path(__file__).resolve().parent.parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("file", PROGRAMS, ids=lambda file: file.stem)
def test_a_program_is_short_and_says_how_to_run_it(file):
    """Fewer than 80 lines, and a command at its head."""
    text = file.read_text(encoding="utf-8")
    words = ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) < 80
    assert words is not None
    assert f"examples/{file.name}" in words or f"examples.{file.stem}:" in words


@pytest.mark.parametrize("name", ["documents", "nightly"])
def test_a_program_that_is_told_nothing_says_how_to_run_it(name):
    """Its docstring is its help."""
    file = next(file for file in PROGRAMS if file.stem == name)
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, f"python examples/{name}.py" in done.stderr) == (1, True)
