"""A person sees tables, and progress when it takes long: a real terminal's other end."""

import json
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from .calling import COMMAND, FLOWS

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
FLOWING = str(Path(__file__).with_name("flowing.py"))


def seen(*words: str, into: str = "", **variables: str) -> tuple[str, int]:
    """Run the command line on a terminal; give what it wrote there, without codes, and its exit code.

    With `into`, a redirection or a pipe of a shell takes stdout; `variables` go to the environment.
    """
    import pty
    import subprocess

    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    env.pop("NO_COLOR", None)
    env |= variables
    line = [*COMMAND, *words] if not into else ["sh", "-c", f"{shlex.join([*COMMAND, *words])} {into}"]
    process = subprocess.Popen(line, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    written = b""
    while True:
        try:
            written += os.read(ours, 65536)
        except OSError:
            break
    os.close(ours)
    return CODES.sub("", written.decode().replace("\r", "")), process.wait(30)


def test_rows_are_a_table():
    """Names above, a row a line, and long tables are cut."""
    text, code = seen("run", f"{FLOWS}:rows", "n=60")
    lines = [line.split() for line in text.splitlines()]
    assert (lines[0], lines[2], code) == (["name", "size"], ["row", "0", "0"], 0)
    assert "… 10 more" in text


def test_outcomes_are_a_table():
    """Failures stand beside values, with their input and path."""
    text, code = seen("run", f"{FLOWS}:outcomes", "--input", "[0, 2]")
    assert re.search(r"0 +ZeroDivisionError: division by zero +0 +each/inverse", text)
    assert code == 3


def test_what_a_quorum_did_not_wait_for_is_a_row_of_its_own():
    """Beside the outcomes of what ended."""
    text, code = seen("run", f"{FLOWS}:enough", "--input", "7", "--quiet")
    assert re.search(r"0 +7 *\n", text)
    assert re.search(r"[12] +not ended *\n", text)
    assert code in (0, 3)


def test_results_cannot_steer_the_terminal():
    """Control characters are written out."""
    assert r"\x1b[31m" in seen("run", f"{FLOWS}:odd_values")[0]


@pytest.mark.parametrize("columns", ["1", "20"])
def test_a_table_loses_nothing_on_a_narrow_terminal(columns):
    """Its lines go on in the next one, rather than be of no width."""
    text, code = seen("run", f"{FLOWS}:rows", "n=2", COLUMNS=columns)
    assert ([line.split() for line in text.splitlines()][2:], code) == ([["row", "0", "0"], ["row", "1", "1"]], 0)


def test_a_terminal_without_lines_gets_trees_of_dashes():
    """Its encoding has no sign for them; tables too."""
    text, code = seen("show", f"{FLOWS}:both", PYTHONIOENCODING="ascii")
    assert ("`-- " in text, text.isascii(), code) == (True, True, 0)
    text, code = seen("run", f"{FLOWS}:rows", "n=1", PYTHONIOENCODING="ascii")
    assert ("row 0" in text, text.isascii(), code) == (True, True, 0)


@pytest.mark.real
@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_a_terminal_without_colour_gets_none(variables):
    """An outcome that failed is red elsewhere."""
    import pty
    import subprocess

    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", **variables}
    subprocess.run(
        [*COMMAND, "run", f"{FLOWS}:outcomes", "--input", "[0]"], stdout=theirs, stderr=theirs, env=env, check=False
    )
    os.close(theirs)
    written = os.read(ours, 65536)
    os.close(ours)
    assert b"ZeroDivisionError" in written
    assert re.search(rb"\x1b\[[0-9;]*3[0-9]", written) is None


def test_json_on_request():
    """`--json` prints to a terminal what a pipe gets."""
    assert seen("run", f"{FLOWS}:rows", "n=1", "--json")[0] == '[{"name": "row 0", "size": 0}]\n'


def test_long_work_shows_its_tree():
    """After half a second the tree appears, with how far it is."""
    text, code = seen("run", f"{FLOWS}:held", "--input", "[0.4, 0.4, 0.4]")
    assert "└── hold_async" in text
    assert "item 3 of 3" in text
    assert code == 0


def test_a_loop_tells_its_turn():
    """Of how many it takes at most."""
    assert "turn 3 of 4" in seen("run", f"{FLOWS}:turning", "--input", "0.4")[0]


def test_an_interrupt_is_told_beneath_the_tree():
    """What is drawn stays whole, and is taken away as a whole."""
    text, code = seen("run", f"{FLOWS}:interrupted", "seconds=0.8")
    assert re.search(r"\d s  omnitron: interrupted, cleaning up", text)
    assert code == 130


def test_short_or_quiet_work_shows_nothing():
    """Only the result is there."""
    assert seen("run", f"{FLOWS}:double", "x=4")[0] == "8\n"
    assert "└──" not in seen("run", f"{FLOWS}:held", "--input", "[0.7]", "--quiet")[0]


def test_items_are_lines_of_json_here_too():
    """Each does nothing to the terminal, and can be read as JSON all the same."""
    text, code = seen("run", f"{FLOWING}:steering")
    assert (text.splitlines(), code) == ([r'"\u001b[31m\u009b31m\u202eé"'], 0)
    assert json.loads(text) == "\x1b[31m\x9b31m\u202eé"


@pytest.mark.parametrize("into", ["", "| cat"])
def test_the_tree_goes_before_the_first_item(into):
    """Whoever waits for it sees the tree; then lines alone, whoever prints them to the terminal."""
    text, code = seen("run", f"{FLOWING}:slow", "--input", "[0.9, 0.7]", into=into)
    before, _, after = text.partition("0.9\n")
    assert "└── waited" in before
    assert (after, code) == ("0.7\n", 0)


def test_a_stream_into_a_file_shows_its_tree(tmp_path):
    """With how many items it gave."""
    kept = tmp_path / "kept"
    text, code = seen("run", f"{FLOWING}:slow", "--input", "[0.2, 0.7]", into=f"> {kept}")
    assert "1 running  1 item" in text
    assert (kept.read_text(), code) == ("0.2\n0.7\n", 0)
