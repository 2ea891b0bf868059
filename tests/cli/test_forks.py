"""A flow that forks, run from the command line: what the run is to say, its parent says, once."""

import os
import sys
from pathlib import Path

import pytest

from omnitron import context, flow
from omnitron.cli.progress import Progress, live
from tests.kernel.forked import Held, child, ended, fork, in_program

from .calling import elsewhere

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

FORKING = str(Path(__file__).with_name("forking.py"))


def said(name, *words):
    """Run a flow that forks; give what was printed, and the exit code."""
    done = elsewhere("run", f"{FORKING}:{name}", *words)
    return done.stdout, done.stderr, done.returncode


def test_a_child_that_exits_leaves_quietly():
    """With its own exit code, and no failure is told of."""
    assert said("exits", "code=3") == ("3\n", "", 0)


def test_a_child_that_returns_prints_no_result():
    """The one result is the parent's."""
    assert said("returns") == ("0\n", "", 0)


def test_a_child_that_goes_on_in_a_stream_prints_no_items():
    """The lines are the parent's."""
    assert said("yields") == ("1\n0\n2\n", "", 0)


def test_the_trace_is_printed_once():
    """By the parent."""
    out, err, code = said("exits", "code=0", "--trace")

    assert (out, err.count("exits"), code) == ("0\n", 1, 0)


@pytest.mark.parametrize("name", ["terminates", "terminates_later"])
def test_a_child_takes_no_signals_over(name):
    """It ends when it is asked to, without a word, as any process that Python forks."""
    assert said(name) == ("-15\n", "", 0)


@in_program
def test_what_a_child_runs_is_not_counted():
    """Where another thread may have held the lock of the counts."""
    progress = Progress()
    with Held(progress._lock):
        assert child(lambda: context(observers=[progress]).run(flow(abs), -1)) == 1

    assert progress.counts == {}


@in_program
def test_a_child_draws_nothing():
    """It leaves the block in which its parent shows a tree, whoever held the lock of the drawing."""
    with live(flow(abs), Progress()) as tree, Held(tree.lock):
        pid = fork()
        if pid == 0:
            sys.exit(4)
        assert ended(pid) == 4
