"""What a flow needs of the context is given by `--context`, or refused before anything runs."""

import json
import signal
import subprocess
import sys

import pytest
from click.testing import Result

from .calling import COMMAND, FLOWS, call

TARGET = FLOWS.replace("flows.py", "wanting.py")


def run(flow: str, *words: str) -> Result:
    """Run a flow of `wanting.py` in this process."""
    return call("run", f"{TARGET}:{flow}", *words)


def given(flow: str, *words: str) -> object:
    """Give the JSON that a run printed."""
    done = run(flow, *words)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def refusal(flow: str, *words: str) -> list[str]:
    """Give the lines that refuse a run."""
    done = run(flow, *words)
    assert (done.exit_code, done.stdout) == (2, "")
    return done.stderr.splitlines()


@pytest.mark.parametrize(
    ("flow", "words", "value"),
    [
        ("greet", ["name=you", "--context", "tenant=123"], "123 greets you"),
        ("cap", ["x=9", "--context", "limit=5"], 5),
        ("body", ["x=9", "--context", "limit=5"], 5),
        ("lately", ["name=a", "--context", "since=2024-05-06", "--context", "tenant=b"], "a datetime.date(2024, 5, 6)"),
        ("greet", ["name=you", "--context", "tenant="], " greets you"),
        ("odd", ["--context", "odd key="], ["", 1]),
        ("odd", ["--context", 'odd key={"a": 1}'], [{"a": 1}, 1]),
        ("odd", ["--context", "odd key=text", "--context", "more=1"], ["text", 2]),
        ("mixed", ["name=you", "--context", "tenant=a"], ["a greets you", "inner greets you", "me greets you"]),
        ("key", ["--run-id", "order-17"], "order-17"),
    ],
)
def test_a_value_is_read_by_the_type_of_its_key(flow, words, value):
    """Also the keys of flows that a body calls; a key without a type takes JSON or else text."""
    assert given(flow, *words) == value


def test_missing_values_and_capabilities_are_refused_together():
    """The refusal names what is missing, its type, who needs it, and how to give it."""
    assert refusal("lately", "name=a", "--context", "tennant=b", "--capability", "fs:*") == [
        "omnitron: the run would lack values and capabilities.",
        "  since: datetime.date, needed by lately",
        "  tenant: str, needed by lately → table",
        "  net:api, needed by lately",
        "The context has tennant.",
        "Give them by: --context since=VALUE --context tenant=VALUE --capability net:api",
    ]


def test_only_who_lacks_a_value_is_named():
    """What is fixed or given inside the tree lacks nothing."""
    assert refusal("mixed", "name=a")[1] == "  tenant: str, needed by parallel/greet"


@pytest.mark.parametrize(
    ("flow", "words", "said"),
    [
        ("cap", ["x=1", "--context", "limit="], "limit: Input should be a valid integer, unable to parse string"),
        ("cap", ["x=1", "--context", "limit=many"], "limit: Input should be a valid integer"),
        ("body", ["x=1", "--context", "limit=many"], "The flow 'body' needs limit: int."),
        ("greet", ["name=a", "who=me"], "who: is filled from the context; give it as --context tenant=VALUE"),
        ("lately", ["name=a", "rows=[]"], "rows: is filled by the resource"),
        ("odd", ["ctx=1"], "ctx: is filled by the context"),
        ("greet", ["--context", "tenant=a"], "The flow 'greet' takes (name: str)."),
        ("greet", ["name=a", "--context", "tenant"], "it is written --context KEY=VALUE"),
        (
            "greet",
            ["name=a", "--context", "tenant=a", "--context", "tenant=b"],
            "'tenant' for the context is given twice",
        ),
        ("sealed", ["x=1"], "client: tests.cli.wanting.Client, needed by sealed; no text gives one"),
        ("sealed", ["x=1", "--context", "client=1"], "the value 'client' of the context cannot be read from outside"),
        ("odd", [], "Give them by: --context 'odd key=VALUE'"),
        ("key", ["--run-id", " "], "the name of a run is a string that is not empty"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(flow, words, said):
    """Nothing runs, and the exit code is 2."""
    assert said in "\n".join(refusal(flow, *words))


def test_what_a_body_lacks_says_how_it_is_given():
    """It is only known once it runs."""
    done = run("body", "x=1")
    assert done.exit_code == 1
    assert "On the command line: --context limit=VALUE" in done.stderr.splitlines()


def test_resources_are_opened_for_the_run_and_closed_after_it():
    """In reverse order, before the result is printed."""
    done = run("late", "name=a", "--context", "tenant=b")
    assert done.stdout == '"session of b, a"\n'
    assert done.stderr.splitlines() == ["table opened", "session opened", "session closed", "table closed"]


def test_resources_see_the_error_that_ended_the_run():
    """A transaction can be rolled back."""
    done = run("refuse", "name=a", "--context", "tenant=b")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[:3] == ["table opened", "table rolled back: ValueError", "table closed"]


@pytest.mark.parametrize("flow", ["lazy", "lazy_async"])
def test_a_lazy_result_is_printed_while_resources_are_open(flow):
    """What its items still do belongs to the run."""
    done = run(flow, "size=2", "--context", "tenant=b")
    assert (done.stdout, done.exit_code) == ('[]\n["b"]\n', 0)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("flow", "after"),
    [
        ("hold", ["table rolled back: Interrupted", "table closed"]),
        ("hold_async", ["session closed", "table rolled back: CancelledError", "table closed"]),
    ],
)
def test_a_signal_closes_what_is_open(flow, after, number):
    """Of either colour, and the exit code is 130."""
    words = [*COMMAND, "run", f"{TARGET}:{flow}", "name=a", "--context", "tenant=b"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while process.stderr.readline() != "started\n":
        assert process.poll() is None
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == ("", 130)
    assert err.splitlines()[2:] == after


def test_show_lists_what_is_needed():
    """Name, type, scope of a resource, and who asks."""
    lines = call("show", f"{TARGET}:late").stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("needs:"))
    assert lines[start : start + 3] == [
        "needs:        session: str (resource, run)      late",
        "              table: list[str] (resource, app)  late → session",
        "              tenant: str                       late → session → table",
    ]
    assert (
        "needs:        odd key: object  odd\n              the context      odd" in call("show", f"{TARGET}:odd").stdout
    )
    assert "needs:" not in call("show", f"{TARGET}:body").stdout
