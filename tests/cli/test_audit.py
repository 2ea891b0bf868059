"""`omnitron audit` prints its table, its comparison and its times, or all of it as JSON."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from omnitron.audit import COLUMNS, Row
from omnitron.cli import main
from omnitron.cli.auditing import table_lines

from .calling import call, elsewhere


@pytest.fixture
def project(tmp_path) -> Path:
    """Forty packages of one file, and one file that is no Python."""
    for number in range(40):
        folder = tmp_path / f"p{number:02}"
        folder.mkdir()
        (folder / "__init__.py").write_text("import socket\n" + "def f(): pass\n" * number)
    (tmp_path / "bad.py").write_text("def f(:\n")
    return tmp_path


def test_the_table_the_comparison_and_the_times(project):
    """The table comes first, sorted, at most thirty lines; then one measured line; then the tree with times."""
    folders = sorted(str(one) for one in project.iterdir())
    done = elsewhere("audit", "--compare", *folders)
    table, failures, comparison, times = done.stdout.split("\n\n")
    lines = table.splitlines()
    assert len(lines) == 30
    assert lines[0].split() == ["package", "version", *COLUMNS]
    assert (lines[2].split()[0], lines[-1].split()[0]) == ("p39", "all")
    assert "1 could not be looked into" in failures
    assert "bad.py: syntax" in failures
    assert "plain loop" in comparison
    assert "; from its cache " in comparison
    assert "equal reports" in comparison
    assert len(comparison.splitlines()) == 1
    assert times.splitlines()[0].startswith("audit ")
    assert any("inspect" in line and "41 ×" in line for line in times.splitlines())
    assert (done.stderr, done.returncode) == ("", 0)


def test_json_has_everything(project):
    """The report as documented, with the times beside it."""
    done = elsewhere("audit", "--json", "--strict", str(project))
    data = json.loads(done.stdout)
    assert (data["schema"], data["totals"]["files"], data["totals"]["failures"]) == (1, 41, 1)
    assert data["comparison"] is None
    assert {"path": "audit", "calls": 1, "failed": 0}.items() <= data["times"][0].items()
    assert done.returncode == 3


def test_a_target_that_is_nothing_is_misuse():
    """The exit code is 2 and the message is a sentence."""
    done = call("audit", "no-such-package-anywhere")
    assert done.exit_code == 2
    assert "no-such-package-anywhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_narrow_table_leaves_columns_out():
    """Numbers are never cut, and what the table is sorted by stays."""
    rows = [Row("package", "1.0", tuple(range(1000, 1000 + len(COLUMNS)))), Row("all", "", (9,) * len(COLUMNS))]
    lines = table_lines(rows, 50)
    assert max(map(len, lines)) <= 50
    assert {"package", "reaching", "functions", "failures"} <= set(lines[0].split())


def test_without_the_extra_the_command_says_how_to_get_it():
    """No dependency, no traceback: the exit code is 2."""
    source = str(Path(__file__).parent.parent.parent / "src")
    code = f"import sys; sys.path.insert(0, {source!r}); from omnitron.cli import main; sys.exit(main(['--help']))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 2)
    assert "pip install 'omnitron[cli]'" in done.stderr


@pytest.mark.parametrize("name", ["click", "rich", "pydantic", "platformdirs"])
def test_a_part_of_the_extra_is_not_enough(name, monkeypatch, capsys):
    """Other packages bring some of what it needs."""
    monkeypatch.setattr("omnitron.cli.find_spec", lambda each: None if each == name else True)
    assert main(["--help"]) == 2
    assert capsys.readouterr().err == (
        f"omnitron: this needs the package {name!r}. Install it with: pip install 'omnitron[cli]'\n"
    )


def times(done) -> str:
    """The tree with its times, which comes last."""
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n\n")[-1]


def test_the_second_run_reads_no_text_again(project, own_cache):
    """What the first one read stands in the user's cache folder."""
    first, again = elsewhere("audit", str(project)), elsewhere("audit", str(project))
    assert (own_cache / "omnitron" / "audit.db").is_file()
    assert "41 ×" in times(first)
    assert "41 ×" not in times(again)
    assert again.stdout.split("\n\n")[0] == first.stdout.split("\n\n")[0]


def test_the_cache_can_stand_elsewhere(project, tmp_path, own_cache):
    """Its folder is made."""
    elsewhere("audit", str(project), "--cache", str(tmp_path / "new" / "kept.db"))
    assert (tmp_path / "new" / "kept.db").is_file()
    assert list(own_cache.iterdir()) == []


def test_nothing_is_kept_unasked(project, own_cache):
    """`--no-cache` reads everything, and writes nothing."""
    done = [elsewhere("audit", str(project), "--no-cache") for _ in range(2)]
    assert all("41 ×" in times(one) for one in done)
    assert list(own_cache.iterdir()) == []


def test_a_cache_that_cannot_be_used_is_told(project, tmp_path):
    """The audit goes on without."""
    (tmp_path / "kept.db").write_text("this is no database" * 200)
    done = elsewhere("audit", str(project), "--cache", str(tmp_path / "kept.db"))
    assert "41 ×" in times(done)
    assert done.stderr.startswith(f"{tmp_path / 'kept.db'} cannot be used as the cache of the audit (")


def test_both_options_are_misuse(project):
    """One says the opposite of the other."""
    done = call("audit", str(project), "--cache", "kept.db", "--no-cache")
    assert (done.exit_code, "leave one out" in done.stderr) == (2, True)
