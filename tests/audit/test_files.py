"""One file, from its path to its row, whatever is wrong with it."""

import os
import pickle

import pytest

from omnitron.audit.files import (
    LIMIT_BYTES,
    FileReport,
    Package,
    Source,
    Trouble,
    examine,
    excuse,
    open_binary,
    trouble_of,
)
from omnitron.audit.knowledge import Reach

PACKAGE = Package("planted", "1", "folder")


def plant(folder, name: str, data: bytes) -> Source:
    """Write a file and give the source for it."""
    (folder / name).write_bytes(data)
    return Source(PACKAGE, str(folder / name))


def test_a_good_file_gives_its_counts_and_imports(tmp_path):
    """Lines, functions, imports, and the union of what they reach."""
    report = examine(plant(tmp_path, "good.py", b"import socket\nimport ctypes\n\ndef f(): pass\n"))

    assert (report.lines, report.functions, report.trouble) == (4, 1, None)
    assert [one.module for one in report.imports] == ["socket", "ctypes"]
    assert report.reach == Reach.NETWORK | Reach.DYNAMIC


def test_imports_that_never_run_give_no_reach(tmp_path):
    """A file that imports only for checkers reaches nothing."""
    report = examine(plant(tmp_path, "typed.py", b"if TYPE_CHECKING:\n    import socket\n"))

    assert report.imports
    assert report.reach is Reach.NONE


@pytest.mark.parametrize(
    ("data", "kind", "line", "lines"),
    [
        (b"x = 1\ny = '\xff'\n", "encoding", 2, 2),
        (b"# coding: no-such\n", "encoding", None, 1),
        (b"a = 1\ndef f(:\n", "syntax", 2, 2),
        (b"a\x00b\n", "syntax", None, 1),
        (b"-" * 300_000 + b"1", "too deep", None, 1),
    ],
)
def test_a_file_that_cannot_be_read_as_python_keeps_its_lines(tmp_path, data, kind, line, lines):
    """What is wrong is named, with the line where it is known."""
    report = examine(plant(tmp_path, "bad.py", data))

    assert report.trouble is not None
    assert report.trouble.kind == kind
    assert line is None or report.trouble.line == line
    assert (report.lines, report.functions, report.imports) == (lines, 0, ())


def test_a_file_beyond_the_limit_is_not_parsed(tmp_path):
    """Five megabytes are an outcome; a file of just the limit is read."""
    large = examine(plant(tmp_path, "large.py", b"#" * 5_000_000))
    just = examine(plant(tmp_path, "just.py", b"#" * LIMIT_BYTES))

    assert large.trouble is not None
    assert large.trouble.kind == "too large"
    assert just.trouble is None


def test_a_refused_open_is_an_outcome(tmp_path):
    """`PermissionError`, injected because root reads everything."""

    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    report = examine(plant(tmp_path, "secret.py", b""), opener=refuse)

    assert report.trouble == Trouble("unreadable", "Permission denied")


def test_an_error_while_reading_is_an_outcome(tmp_path):
    """A disk that fails in the middle of a file is no different."""

    class Failing:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def read(self, size):
            raise OSError(5, "Input/output error")

    report = examine(plant(tmp_path, "x.py", b""), opener=lambda path: Failing())

    assert report.trouble == Trouble("unreadable", "Input/output error")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    """Opening a pipe that nobody writes would never end."""
    os.mkfifo(tmp_path / "pipe.py")

    report = examine(Source(PACKAGE, str(tmp_path / "pipe.py")))

    assert report.trouble == Trouble("unreadable", "Not a regular file")


def test_links_that_lead_to_themselves_and_to_nothing_are_outcomes(tmp_path):
    """A loop is called a loop; a link to nothing is unreadable."""
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "gone.py").symlink_to("nowhere.py")

    loop = examine(Source(PACKAGE, str(tmp_path / "loop.py")))
    gone = examine(Source(PACKAGE, str(tmp_path / "gone.py")))

    assert loop.trouble is not None
    assert loop.trouble.kind == "link loop"
    assert gone.trouble is not None
    assert gone.trouble.kind == "unreadable"


def test_what_nobody_foresaw_is_an_outcome_too():
    """Any other error is named by its text, or by its type when it has none."""
    assert trouble_of(RuntimeError("a\nb")) == Trouble("lost", "a b")
    assert trouble_of(KeyError()) == Trouble("lost", "KeyError")
    assert excuse(Source(PACKAGE, "x"), OSError()).trouble == Trouble("unreadable", "OSError")


def test_reports_travel(tmp_path):
    """A report pickles to an equal one."""
    report = examine(plant(tmp_path, "x.py", b"import os\n"))

    assert isinstance(report, FileReport)
    assert pickle.loads(pickle.dumps(report)) == report
    assert pickle.loads(pickle.dumps(open_binary)) is open_binary
