"""`omnitron run` prints a stream as lines of JSON while it flows."""

import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from omnitron.cli.lines import Lines
from omnitron.cli.streams import Unwritable

from .calling import COMMAND, call, elsewhere

FLOWING = str(Path(__file__).with_name("flowing.py"))

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and pipes")


def printed(flow, *words):
    """Run a flow in this process; give the items, what stands on stderr, and the exit code."""
    done = call("run", f"{FLOWING}:{flow}", *words)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr, done.exit_code


@pytest.mark.parametrize("flow", ["numbers", "ticks", "list_later", "unseen", "seen_by_body"])
def test_each_item_is_a_line(flow):
    """Of a stream of either colour, however it came."""
    assert printed(flow, "last=3")[::2] == ([0, 1, 2], 0)


def test_any_iterator_is_a_stream():
    """So is what `map` gives."""
    assert printed("maps", "last=2")[::2] == (["0", "1"], 0)


def test_an_empty_stream_prints_nothing():
    """No line, no error."""
    assert printed("numbers", "last=0") == ([], "closed\n", 0)


def test_a_run_is_open_as_long_as_its_stream():
    """What was opened for it closes after the last item."""
    assert printed("rows", "last=2") == (["a", "b"], "table closed\n", 0)


def test_what_came_before_an_error_stays():
    """The items are printed, the error is told with its item, and the code is 1."""
    items, said, code = printed("failing", "last=9")
    assert (len(items), code) == (3, 1)
    assert "raised in flow 'failing', at failing/stream/halved, item 3" in said
    assert said.startswith("closed\n")


def test_failures_among_the_items_are_a_partial_success():
    """Outcomes look as they do in a list, and the code is 3."""
    items, _, code = printed("outcomes", "last=5")
    assert ([item["ok"] for item in items], code) == ([True, True, True, False, True], 3)


def test_an_item_that_cannot_be_printed_ends_the_stream():
    """What was printed stays, and the text says why."""
    items, said, code = printed("nests", "depth=100000")
    assert (items, code) == (["fine"], 1)
    assert "nested too deeply" in said


def test_what_user_code_prints_is_no_item():
    """It goes to stderr."""
    assert printed("prints", "last=2") == ([0, 1], "said 0\nsaid 1\n", 0)


def test_the_trace_counts_items():
    """Streams tell how many items they gave; calls for items are folded into one place."""
    _, said, _ = printed("outcomes", "last=3", "--trace")
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert [line.partition("1 ×")[0].strip(" ─├└│") for line in lines if line.endswith("3 items")] == [
        "outcomes",
        "numbers",
        "stream",
    ]
    assert "halved 3 ×" in said.replace("  ", " ")


class Counting(io.RawIOBase):
    """Takes lines, and tells how many were taken when each item was made."""

    def __init__(self):
        self.lines = self.flushed = 0

    def write(self, line):
        self.lines += 1
        return len(line)

    def flush(self):
        self.flushed = self.lines


def test_every_line_leaves_before_the_next_item_is_made():
    """Nothing is collected, over a million items."""
    out, worst = Counting(), 0

    def items():
        nonlocal worst
        for number in range(1_000_000):
            worst = max(worst, number - out.flushed)
            yield number

    Lines(out, bool).read(items())
    assert (worst, out.flushed) == (0, 1_000_000)


class Gone(io.RawIOBase):
    def write(self, line):
        raise OSError(28, "No space left on device")


def test_a_stream_that_cannot_be_written_is_closed(monkeypatch):
    """Its `finally` runs before the text says what went wrong."""
    closed = []
    monkeypatch.setattr("os.dup2", lambda *_: None)  # this process goes on printing

    def items():
        try:
            yield 1
        finally:
            closed.append(1)

    with pytest.raises(Unwritable, match="No space left"):
        Lines(Gone(), bool).read(items())
    assert closed == [1]


def begun(flow):
    """Start a run in a process of its own, and wait for its first line."""
    process = subprocess.Popen(
        [*COMMAND, "run", f"{FLOWING}:{flow}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline()


@posix
@pytest.mark.parametrize("flow", ["endless", "waits", "never_waits"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_the_stream(flow, number):
    """Every line is whole, every `finally` runs, and the exit code is 130."""
    process, first = begun(flow)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    for line in [first, *out.splitlines(keepends=True)]:
        json.loads(line)
    assert process.returncode == 130
    assert "omnitron: interrupted" in err
    assert err.endswith("closed\n")


@posix
@pytest.mark.parametrize("flow", ["endless", "never_waits"])
def test_a_reader_that_has_enough_closes_the_stream(flow):
    """As in `omnitron run ... | head -1`; nothing is said of it."""
    process, first = begun(flow)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert (json.loads(first), process.stderr.read()) == (0, "closed\n")
    assert process.wait(30) == 1


def test_items_reach_a_pipe_as_they_come():
    """The first line is there although the second never comes."""
    process, first = begun("waits")
    process.kill()
    process.communicate()
    assert json.loads(first) == "first"


def test_show_tells_of_streams():
    """The tree has its node with the options."""
    done = elsewhere("show", f"{FLOWING}:outcomes")
    assert "stream(mode='collect')" in done.stdout
