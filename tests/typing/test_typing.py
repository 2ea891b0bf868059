"""The public types under both checkers: `accept` has no error, `refuse` has one on each marked line and no other.

Both files are read, never run. A marked line says ``# refused: why``. The checkers see what a user has installed,
without this project's own settings.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest

HERE = Path(__file__).parent.resolve()
ACCEPT = HERE / "accept.py"
REFUSE = HERE / "refuse.py"
Errors: TypeAlias = Mapping[int, list[str]]


def output(module: str, *arguments: str) -> str:
    """Run a checker as ``python -m``; give what it prints, with or without errors found."""
    pytest.importorskip(module, reason="the type checkers are development dependencies")
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return done.stdout


def mypy(file: Path) -> Errors:
    """Give the errors of mypy, by line."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    text = output("mypy", "--strict", "--config-file=", "--python-version=3.11", "--output=json", file.name)
    for entry in (json.loads(line) for line in text.splitlines() if line.startswith("{")):
        if entry["severity"] == "error" and entry["file"] == file.name:
            found[entry["line"]].append(entry["message"])
    return found


def basedpyright(file: Path) -> Errors:
    """Give the errors of basedpyright in strict mode, by line."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    text = output("basedpyright", "--outputjson", "--project", str(HERE), "--pythonpath", sys.executable)
    for entry in json.loads(text)["generalDiagnostics"]:
        if entry["severity"] == "error" and Path(entry["file"]).name == file.name:
            found[entry["range"]["start"]["line"] + 1].append(entry["message"])
    return found


CHECKERS = pytest.mark.parametrize("check", [mypy, pytest.param(basedpyright, marks=pytest.mark.real)])


@CHECKERS
def test_well_typed_use_is_accepted(check: Callable[[Path], Errors]) -> None:
    """What good users write passes, with the types that they expect."""
    assert dict(check(ACCEPT)) == {}


@CHECKERS
def test_wrong_use_is_refused(check: Callable[[Path], Errors]) -> None:
    """Every marked line is an error, and no other line is."""
    lines = REFUSE.read_text(encoding="utf-8").splitlines()
    marked = {number for number, line in enumerate(lines, 1) if "# refused: " in line}
    errors = check(REFUSE)
    passed = {number: lines[number - 1] for number in marked - errors.keys()}
    surprising = {number: texts for number, texts in errors.items() if number not in marked}
    assert (passed, surprising) == ({}, {})
