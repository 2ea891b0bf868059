"""The slow tail: as a program, and what it shows."""

import subprocess
import sys

from examples import tail


def test_a_hedge_cuts_the_tail():
    """For few more requests."""
    (plain, asked), (hedged, more) = tail.slow_tail(hedged=False), tail.slow_tail(hedged=True)
    last = len(plain) * 99 // 100
    assert (plain[last] >= 2.0, hedged[last] < 0.3) == (True, True)
    assert asked == len(plain) == len(hedged)
    assert more < 1.1 * asked


def test_the_program_prints_both():
    """A line without and one with a hedge."""
    program = [sys.executable, "-W", "error", tail.__file__]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False, encoding="utf-8")
    assert (done.stderr, done.returncode) == ("", 0)
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["no hedge", "a hedge"]
