"""A planted secret is never found in what the command line prints."""

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console
from rich.traceback import Traceback

from omnitron import Secret, context, flow
from omnitron.cli.results import Described, render_result
from tests.planting import PLANTED, shows

from .calling import call

SOURCE = Path(__file__).with_name("guarding.py")
LIKE_JSON = f'"{PLANTED}"'

COMMANDS = {
    "result": ["run", "echo", f"token={PLANTED}"],
    "result of a default": ["run", "echo"],
    "rows": ["run", "logins", f"token={PLANTED}"],
    "outcomes": ["run", "outcomes", f"token={PLANTED}"],
    "traced": ["run", "echo", f"token={PLANTED}", "--trace", "--json"],
    "bound": ["run", "both"],
    "context": ["run", "keyed", "--context", f"token={PLANTED}"],
    "failure": ["run", "fail", f"token={PLANTED}"],
    "failure with traceback": ["run", "fail", f"token={PLANTED}", "--traceback"],
    "wrong argument": ["run", "count", f"number={PLANTED}"],
    "wrong JSON argument": ["run", "count", f'number=["{PLANTED}"]'],
    "wrong context": ["run", "pinned", "--context", f"pin={PLANTED}"],
    "wrong input": ["run", "enter", "--input", f'{{"login": {{"name": "a", "token": ["{PLANTED}"]}}}}'],
    "wrong place": ["run", "enter", "--input", f'{{"login": "{PLANTED}", "account": {{"age": "{PLANTED}"}}}}'],
    "wrong model": ["run", "enter", "--input", f'{{"login": {{}}, "account": ["{PLANTED}"]}}'],
    "wrong value of a key": ["run", "table", "--input", f'{{"rows": {{"{PLANTED}": "x"}}}}'],
    "no argument": ["run", "echo", f"my-token={PLANTED}"],
    "bare word": ["run", "echo", PLANTED],
    "no key": ["run", "keyed", "--context", f"={PLANTED}"],
    "shown": ["show", "echo"],
    "shown as it is bound": ["show", "both"],
}

SILENT = {"no argument", "no key"}
"""These print no value, whatever it is."""


def printed(source: Path, command: str, flow: str, *words: str) -> str:
    """Give all that a command prints."""
    done = call(command, f"{source}:{flow}", *words)
    return f"{done.exit_code}\n{done.stdout}\n{done.stderr}"


@pytest.fixture
def plain(tmp_path):
    """Give the same flows, in which nothing is a secret."""
    text = SOURCE.read_text()
    for mark, instead in ((r"Secret\[(\w+)\]", r"\1"), (r"Secret\(", "("), (r"\.reveal\(\)", ""), (r": Secret\b", "")):
        text = re.sub(mark, instead, text)
    file = tmp_path / "plainly.py"
    file.write_text(text)
    return file


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_planted_secret_is_never_printed(words):
    """Results, tables, errors, trees, schemas and examples have its mask, or nothing."""
    assert not shows(printed(SOURCE, *words))


@pytest.mark.parametrize("words", [COMMANDS[name] for name in COMMANDS if name not in SILENT])
def test_a_plain_value_is_printed(plain, words):
    """The search looks where values are printed: without the word Secret each of them is found."""
    assert shows(printed(plain, *words))


@pytest.mark.parametrize("name", ["echo", "logins", "outcomes"])
def test_a_table_has_the_mask(name):
    """For a person too."""
    out = io.StringIO()
    words = {"echo": {"a": Secret(PLANTED)}, "logins": [{"a": Secret(PLANTED)}], "outcomes": [Secret(PLANTED)]}

    render_result(Described(words[name]).value, Console(file=out, width=100))

    assert "Secret(***)" in out.getvalue()
    assert not shows(out.getvalue())


def test_rich_shows_locals_without_it():
    """Where tracebacks are printed with the locals of every frame."""

    @flow
    def fail(secret):
        held = {"a": [secret]}
        raise ValueError(held)

    out = io.StringIO()
    try:
        context(token=Secret(PLANTED)).run(fail, Secret(PLANTED))
    except ValueError as error:
        shown = Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True)
        Console(file=out, width=200).print(shown)

    assert "held = {'a': [Secret(***)]}" in out.getvalue()
    assert not shows(out.getvalue())


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize(
    ("words", "result"),
    [
        (["length", "token=hunter2"], 7),
        (["length", "token=12345"], 5),
        (["length", 'token="a"'], 3),
        (["length", "--input", '"hunter2"'], 7),
        (["length", "--input", '{"token": "hunter2"}'], 7),
        (["count", "number=5"], "Secret(***)"),
        (["bare", "token=5"], "str Secret(***)"),
        (["bare", "--input", '{"token": 5}'], "int Secret(***)"),
        (["keyed", "--context", "token=5"], ["Secret(***)"]),
        (["pinned", "--context", "pin=null"], None),
    ],
)
def test_a_secret_is_read_as_what_it_holds(words, result):
    """A text as it stands; the result is the mask, as JSON."""
    name, *more = words

    assert json.loads(printed(SOURCE, "run", name, *more).split("\n")[1]) == result


def test_an_input_comes_from_a_file_that_nobody_lists(tmp_path):
    """A command line can be read by others on the machine, a pipe cannot."""
    done = call("run", f"{SOURCE}:length", "--input-file", "-", stdin='{"token": "hunter2"}')

    assert done.stdout == "7\n"


def test_what_is_wrong_is_said_without_the_value():
    """Place and rule are there."""
    command = COMMANDS["wrong input"]

    assert "  login.token: Input should be a valid string\n" in printed(SOURCE, *command)


def test_the_schema_says_that_it_is_a_password():
    """A form hides what is typed; no default is written."""
    shown = printed(SOURCE, "show", "echo")

    assert '"format": "password"' in shown
    assert '"writeOnly": true' in shown
    assert '"default"' not in shown
    assert "echo(Secret(***)) → {'a': Secret(***)}" in shown


def test_a_missing_secret_is_named_with_its_type():
    """As any other value of the context."""
    assert "token: omnitron.Secret[str], needed by keyed" in printed(SOURCE, "run", "keyed")
