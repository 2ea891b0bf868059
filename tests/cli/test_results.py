"""What a flow gives is printed, as JSON to a pipe; how it ended is the exit code."""

import json
import shlex
import subprocess
import sys

import pytest

from .calling import COMMAND, FLOWS, call, elsewhere, result, run


def test_outcomes_are_described_and_a_failure_among_them_is_partial():
    """Each input has its outcome; the exit code 3 says that some failed."""
    done = run("outcomes", "--input", "[0, 2]")
    assert done.exit_code == 3
    assert json.loads(done.stdout) == [
        {
            "ok": False,
            "error": {"type": "ZeroDivisionError", "message": "division by zero"},
            "input": 0,
            "path": "each/inverse",
        },
        {"ok": True, "value": 0.5},
    ]


def test_outcomes_without_failure_are_success():
    """The exit code is 0."""
    assert result("outcomes", "--input", "[2]") == [{"ok": True, "value": 0.5}]


def test_values_that_json_has_not_are_given_as_texts():
    """The output is JSON, whatever the value is."""
    nan, raw, text, ok, kind = result("odd_values")
    assert (nan, text, ok) == ("NaN", "\x1b[31m", {"ok": True, "value": {"1": [2, 3]}})
    assert raw == "_w=="
    assert "Unreadable" in kind


def test_a_value_that_cannot_be_written_is_named():
    """Its neighbours are printed all the same."""
    assert result("unsayable") == ["<Mute, whose repr raised ValueError>", hex(1 << 20_000)]


def test_a_result_that_is_nested_too_deeply_is_told_in_a_line():
    """The flow ran, and nothing of it can be printed: the exit code is 1."""
    done = run("nested", "depth=100000")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("omnitron: the result of the flow (list) is nested too deeply to be printed. Let a")
    assert done.stderr.count("\n") == 1


def test_a_failing_flow_tells_type_message_and_path():
    """The exit code is 1, stdout is empty, and no traceback is shown unless asked for."""
    done = run("chain", "x=2")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "ValueError: cannot take 4",
        "  raised in flow 'double → refuse', at double → refuse/refuse",
        "Run it with --traceback to see where.",
    ]


def test_the_traceback_begins_in_the_flow():
    """The command's own frames are left out, the line that names the step is there."""
    lines = run("chain", "x=2", "--traceback").stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith('  File "flow double')
    assert not any("omnitron/cli" in line for line in lines)


def test_a_flow_that_exits_has_failed():
    """Its own exit code would say something else than the command's."""
    done = run("leave", "x=1")
    assert done.exit_code == 1
    assert "SystemExit: 0" in done.stderr


def test_a_passed_deadline_is_a_failure():
    """The flow is cancelled."""
    done = run("hold_async", "seconds=60", "--deadline", "0.01")
    assert done.exit_code == 1
    assert "closed" in done.stderr
    assert "DeadlineExceeded" in done.stderr


@pytest.mark.parametrize("flow", ["hold_async", "late"])
def test_a_deadline_of_the_command_is_named_as_its_option(flow):
    """For both colours."""
    done = run(flow, "seconds=60" if flow == "hold_async" else "x=1", "--deadline", "0.01")

    line = "On the command line: --deadline 0.01 lets the run take no longer; give it more seconds, or leave it out."
    assert line in done.stderr.splitlines()


@pytest.mark.parametrize("words", [[], ["--deadline", "60"]])
def test_a_deadline_of_the_flows_own_is_not_the_commands(words):
    """More time for the run would not help."""
    done = run("own_deadline", "x=1", *words)

    assert "DeadlineExceeded" in done.stderr
    assert "--deadline" not in done.stderr


@pytest.mark.parametrize("deadline", ["nan", "soon"])
def test_a_deadline_is_a_number(deadline):
    """Else nothing runs."""
    assert run("double", "x=1", "--deadline", deadline).exit_code == 2


def test_trace_prints_the_tree_with_calls_and_times():
    """On stderr, also when the flow fails; stdout has the result alone."""
    done = run("many", "--input", "[1, 2]", "--trace")
    assert done.stdout == "[2, 4]\n"
    assert [line.split()[:3] for line in done.stderr.splitlines()] == [["each", "1", "×"], ["└──", "double", "2"]]
    assert "1 failed" in run("chain", "x=1", "--trace").stderr


def test_trace_shows_runs_that_were_started_inside():
    """They stand beneath the root, apart from calls of the same flows."""
    lines = run("starter", "x=1", "--trace").stderr.splitlines()
    assert [line.rpartition("×")[0].rstrip() for line in lines] == [
        "starter                      1",
        "├── later → later (started)  1",
        "│   ├── later                1",
        "│   └── later#2              1",
        "└── later (started)          1",
    ]


def test_what_a_flow_prints_goes_to_stderr():
    """Stdout has the result alone, also when a worker process prints."""
    done = elsewhere("run", f"{FLOWS}:chatty", "x=1")
    assert (done.stdout, done.stderr) == ("1\n", "chatter\n")
    done = elsewhere("run", f"{FLOWS}:remote", "x=1")
    assert (done.stdout, done.stderr) == ("1\n", "chatter\n")
    done = run("chatty", "x=1")
    assert (done.stdout, done.stderr) == ("1\n", "chatter\n")


def test_help_and_version_and_unknown_commands():
    """The usual words work."""
    assert "Exit codes" in call("--help").stdout
    assert call("--version").stdout.startswith("omnitron, version ")
    assert call("nonsense").exit_code == 2


@pytest.mark.real
@pytest.mark.skipif(sys.platform == "win32", reason="the redirections are those of a POSIX shell")
@pytest.mark.parametrize(
    ("without", "printed"),
    [("<&-", "8\n"), ("2>&-", "8\n"), (">&-", ""), ("<&- >&- 2>&-", "")],
)
def test_a_stream_that_the_process_was_started_without_is_no_trouble(without, printed):
    """What would go to it is lost, and the rest is as ever."""
    line = f"{shlex.join([*COMMAND, 'run', f'{FLOWS}:double', 'x=4', '--trace'])} {without}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == (printed, 0)
    assert "Traceback" not in done.stderr
