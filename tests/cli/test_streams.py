"""Streams that are closed, full or gone: the flow runs, and what cannot be printed is told in a line."""

import subprocess
import sys

import pytest

from .calling import COMMAND, FLOWS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX shells")

full_disk = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /dev/full")


def shell(redirected: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line with some of its streams redirected by a shell."""
    line = ["sh", "-c", f'"$@" {redirected}', "sh", *COMMAND, *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


@full_disk
@pytest.mark.parametrize(
    "words",
    [
        ("run", f"{FLOWS}:double", "x=1"),
        ("show", f"{FLOWS}:double"),
        ("audit", "omnitron"),
        ("audit", "omnitron", "--json"),
        ("--help",),
    ],
)
def test_a_full_disk_is_told_in_a_line(words):
    """The exit code is 1, whatever was to be printed."""
    done = shell(">/dev/full", *words)

    assert done.stderr == "omnitron: the output cannot be written: No space left on device.\n"
    assert done.returncode == 1


@full_disk
@pytest.mark.parametrize(("flow", "word", "code"), [("double", "x=a", 2), ("refuse", "x=1", 1), ("double", "x=1", 0)])
def test_a_message_that_cannot_be_written_changes_no_exit_code(flow, word, code):
    """Stderr is full, and stdout has its result."""
    done = shell("2>/dev/full", "run", f"{FLOWS}:{flow}", word, "--trace")

    assert (done.returncode, done.stdout) == (code, "" if code else "2\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_flow_runs_also_when_streams_are_closed(closed):
    """What would be written there is lost."""
    done = shell(closed, "run", f"{FLOWS}:chatty", "x=1")

    assert (done.returncode, done.stdout) == (0, "" if ">&-" in closed.split() else "1\n")
    assert done.stderr == ("" if "2>&-" in closed else "chatter\n")


def test_a_closed_stdin_is_an_empty_input():
    """The input is refused as any that is empty."""
    done = shell("<&-", "run", f"{FLOWS}:double", "--input-file", "-")

    assert (done.returncode, done.stderr.partition(":")[0]) == (2, "omnitron")
