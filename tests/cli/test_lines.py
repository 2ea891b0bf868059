"""`omnitron run` prints a stream as lines of JSON while it flows."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from omnitron.cli.lines import Lines
from omnitron.cli.running import Interruptions
from omnitron.cli.streams import Unwritable

from .calling import COMMAND, call, elsewhere

FLOWING = str(Path(__file__).with_name("flowing.py"))

NOTICE = "\nomnitron: interrupted, cleaning up (once more gives up at once)\n"

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


@pytest.mark.parametrize(("what", "shown"), [("class", "<class 'map'>"), ("half", "half")])
def test_what_only_looks_like_an_iterator_is_a_result(what, shown):
    """A class of iterators, and what has no `__iter__`."""
    assert printed("kinds", f"what={what}")[::2] == ([shown], 0)


def test_a_lone_stream_reads_a_list():
    """As `.each()` does; its results are lines."""
    assert printed("doubled", "items=[1, 2, 3]")[::2] == ([2, 4, 6], 0)


def test_an_empty_stream_prints_nothing():
    """No line, no error."""
    assert printed("numbers", "last=0") == ([], "closed\n", 0)


def test_a_run_is_open_as_long_as_its_stream():
    """What was opened for it closes after the last item."""
    assert printed("rows", "last=2") == (["a", "b"], "table closed\n", 0)


@pytest.mark.parametrize("flow", ["shelves", "shelves_later"])
def test_an_iterator_inside_of_a_result_belongs_to_the_run(flow):
    """It is written out as a list while the context is entered, so that what it reads is open."""
    assert printed(flow, "last=2")[::2] == ([{"rows": ["a", "b"]}], 0)


def test_a_stream_inside_of_a_result_is_a_list():
    """Only what the flow itself gives is printed as lines."""
    assert printed("kept", "last=0")[::2] == ([[0, []]], 0)


@pytest.mark.parametrize("flow", ["inside", "inside_items"])
@pytest.mark.parametrize(
    ("what", "error"), [("raises", "no more"), ("refuses", "invalid literal"), ("gives bytes", "invalid utf-8")]
)
def test_what_an_iterator_inside_has_given_is_not_left_out(flow, what, error):
    """What cannot be written out to its end is told as an error, and nothing of it is printed."""
    items, said, code = printed(flow, f"what={what}")
    assert (items, code) == ([], 1)
    assert error in said.splitlines()[0]
    assert "raised while an iterator inside of " in said.splitlines()[1]


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
    assert said.startswith("omnitron: item 1 of the stream (list) is nested too deeply to be printed.")


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
    """Nothing is collected, over a hundred thousand items."""
    out, worst = Counting(), 0

    def items():
        nonlocal worst
        for number in range(100_000):
            worst = max(worst, number - out.flushed)
            yield number

    Lines(out, Interruptions()).take(items())
    assert (worst, out.flushed) == (0, 100_000)


@pytest.mark.parametrize(("flow", "most"), [("things", 2), ("things_on", 2), ("things_ahead", 5)])
def test_a_run_keeps_no_item(flow, most):
    """No more are alive than one in hand beside those that are on the way, also where calls are counted."""
    lines = call("run", f"{FLOWING}:{flow}", "last=10000", "--trace")
    assert (lines.stdout.count("\n"), lines.exit_code) == (10_000, 0)
    assert int(lines.stderr.splitlines()[0].removeprefix("at most ")) <= most


class Gone(io.RawIOBase):
    def write(self, line):
        raise OSError(28, "No space left on device")


def test_a_stream_that_cannot_be_written_is_closed():
    """Its `finally` runs before the text says what went wrong."""
    closed = []

    def items():
        try:
            yield 1
        finally:
            closed.append(1)

    with pytest.raises(Unwritable, match="No space left"):
        Lines(Gone(), Interruptions()).take(items())
    assert closed == [1]


def begun(flow, *words):
    """Start a run in a process of its own, and wait for its first line."""
    process = subprocess.Popen(
        [*COMMAND, "run", f"{FLOWING}:{flow}", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline()


def ended(process):
    """Give the lines that a run still printed, what stands on stderr, and the exit code."""
    with process.stdout, process.stderr:  # `communicate` would lose what `readline` has read ahead
        return process.stdout.readlines(), process.stderr.read(), process.wait(30)


@posix
@pytest.mark.parametrize("flow", ["endless", "waits", "never_waits"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_the_stream(flow, number):
    """Every line is whole, every `finally` runs, and the exit code is 130."""
    process, first = begun(flow)
    process.send_signal(number)
    lines, err, code = ended(process)
    for line in [first, *lines]:
        json.loads(line)
    assert code == 130
    assert "omnitron: interrupted" in err
    assert err.endswith("closed\n")


@posix
@pytest.mark.parametrize("flow", ["large", "large_later"])
def test_a_line_that_is_being_written_is_finished(flow):
    """Although it is longer than a pipe holds, and the reader stands still when the signal comes."""
    process, _ = begun(flow, "size=1000000")
    assert process.stdout.read(1) == '"'  # the second line is on its way
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() + process.stderr.readline() == NOTICE
    lines, err, code = ended(process)
    assert ([len(line) for line in lines], err, code) == ([1_000_002], "closed\n", 130)


@posix
def test_the_second_signal_gives_up_at_once():
    """Even when closing the stream would take a minute."""
    process, _ = begun("stubborn")
    process.send_signal(signal.SIGINT)
    while process.stderr.readline() != "closing\n":
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert ended(process)[2] == 130


@posix
def test_an_interrupted_stream_whose_reader_has_gone_was_interrupted():
    """As when Ctrl-C ends both sides of a pipe."""
    reader, writer = os.pipe()
    os.close(reader)
    words = [*COMMAND, "run", f"{FLOWING}:interrupts_itself"]
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.stderr, done.returncode) == (f"{NOTICE}closed\n", 130)


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
