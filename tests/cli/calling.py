"""Calling the command line, in this process and in another."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from omnitron.cli.commands import cli

ROOT = Path(__file__).parent.parent.parent
FLOWS = str(Path(__file__).with_name("flows.py"))
COMMAND = [sys.executable, "-W", "error", "-m", "omnitron"]


def call(*words: str, stdin: str | None = None) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(cli, list(words), input=stdin, prog_name="omnitron")


def run(flow: str, *words: str, stdin: str | None = None) -> Result:
    """Run a flow of the tests in this process."""
    return call("run", f"{FLOWS}:{flow}", *words, stdin=stdin)


def result(flow: str, *words: str, stdin: str | None = None) -> Any:
    """Run a flow of the tests in this process, and give the JSON that it printed."""
    done = run(flow, *words, stdin=stdin)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def elsewhere(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, with its streams in pipes."""
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=60, check=False, **options)
