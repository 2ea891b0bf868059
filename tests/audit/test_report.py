"""Totals in any order, rows that fit, and a shape that stays."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnitron.audit.files import FileReport, Package, Source, Trouble
from omnitron.audit.imports import Import
from omnitron.audit.knowledge import Reach
from omnitron.audit.report import COLUMNS, Report, Totals

SOCKET = Import(3, "socket", "import", Reach.NETWORK)
OS = Import(4, "os", "import", Reach.PROCESS | Reach.FILE | Reach.ENVIRONMENT)
TYPED = Import(5, "ssl", "import", Reach.NETWORK, runs=False)


def file(package="p", path="/p/a.py", lines=10, functions=2, imports=(), trouble=None, is_file=True) -> FileReport:
    """A file report with everything that a test does not care for."""
    return FileReport(Source(Package(package, "1", "folder"), path), lines, functions, imports, trouble, is_file)


def report(*files: FileReport) -> Report:
    """The report over some files."""
    return Report(Totals().extend(files), ["x"])


some_files = st.lists(
    st.builds(
        file,
        package=st.sampled_from("pqr"),
        path=st.uuids().map(str),
        lines=st.integers(0, 99),
        functions=st.integers(0, 9),
        imports=st.sampled_from([(), (SOCKET,), (SOCKET, OS), (TYPED,)]),
        trouble=st.sampled_from([None, Trouble("syntax", "invalid", 3)]),
    )
)


@given(some_files, st.randoms(use_true_random=False), st.integers(0, 20))
def test_the_order_of_adding_and_merging_does_not_matter(files, random, cut):
    """Any order and any parts give one report."""
    shuffled = random.sample(files, len(files))
    parts = Totals().extend(shuffled[:cut]).merge(Totals().extend(shuffled[cut:]))

    assert Report(parts).describe() == Report(Totals().extend(files)).describe()


@given(some_files, st.integers(3, 6))
def test_rows_keep_the_limit_and_add_up(files, limit):
    """However many packages, the rows fit, and those above the last add up to it."""
    *packages, everything = report(*files).rows(limit)

    assert len(packages) < limit
    for place in range(len(COLUMNS)):
        assert sum(row.numbers[place] for row in packages) == everything.numbers[place]


def test_functions_reach_out_with_their_module():
    """Functions count as reaching where the module has an import that reaches out and runs."""
    found = report(
        file(path="a", functions=5, imports=(SOCKET,)),
        file(path="b", functions=3),
        file(path="c", functions=2, imports=(TYPED,)),
    )

    assert found.totals.functions == 10
    assert found.totals.reaching_functions == 5
    assert found.totals.reaching_files == 1
    assert found.totals.imports["network"] == 2


def test_packages_with_most_functions_in_reach_come_first():
    """Then those with more functions, then by name."""
    found = report(
        file("b", "1", functions=1),
        file("a", "2", functions=1),
        file("most", "3", functions=9, imports=(OS,)),
        file("large", "4", functions=50),
    )

    assert [row.name for row in found.rows()] == ["most", "large", "a", "b", "all"]


def test_packages_beyond_the_limit_stand_in_one_row():
    """The rest is summed and says how many it is."""
    found = report(*(file(f"p{n:02}", f"{n}", functions=99 - n) for n in range(40)))
    rows = found.rows(5)

    assert [row.name for row in rows] == ["p00", "p01", "p02", "37 more", "all"]
    assert rows[3].numbers[COLUMNS.index("functions")] == sum(99 - n for n in range(3, 40))
    assert len(found.rows()) <= 26
    assert len(found.rows(41)) == 41


def test_a_failure_counts_in_its_own_row_only():
    """A bad file is a file of its package; a folder that could not be entered is not a file."""
    good = file("good", "a")
    before = report(good).rows()[0]
    after = report(
        good,
        file("bad", "b", 0, 0, trouble=Trouble("unreadable", "Permission denied")),
        file("bad", "c", 0, 0, trouble=Trouble("link loop", "leads back"), is_file=False),
    )
    rows = {row.name: row for row in after.rows()}

    assert rows["good"] == before
    assert rows["bad"].numbers[COLUMNS.index("failures")] == 2
    assert rows["bad"].numbers[COLUMNS.index("files")] == 1
    assert [one.source.path for one in after.failures] == ["b", "c"]


@pytest.mark.parametrize(("trouble", "strict", "code"), [(None, True, 0), ("x", False, 0), ("x", True, 3)])
def test_failures_count_for_the_exit_only_when_strict(trouble, strict, code):
    """An audit that reports its failures has done its work."""
    found = report(file(trouble=Trouble("syntax", trouble) if trouble else None))

    assert found.exit_code(strict=strict) == code


def test_the_written_shape_is_the_documented_one():
    """Packages, files and totals, in plain data that survives JSON."""
    found = report(
        file(path="/p/a.py", imports=(SOCKET, TYPED)),
        file(path="/p/b.py", functions=0, trouble=Trouble("encoding", "byte 0xff", 7)),
    )
    counts = {
        "files": 2,
        "lines": 20,
        "functions": 2,
        "reaching_files": 1,
        "reaching_functions": 2,
        "imports": {"network": 2, "process": 0, "file": 0, "environment": 0, "dynamic": 0},
        "failures": 1,
    }
    described = found.describe()

    assert json.loads(json.dumps(described)) == described
    assert list(described) == ["schema", "python", "targets", "packages", "files", "totals"]
    assert described["packages"] == [{"name": "p", "version": "1", "origin": "folder", **counts}]
    assert described["totals"] == counts
    assert described["files"] == [
        {
            "package": "p",
            "path": "/p/a.py",
            "kind": "file",
            "lines": 10,
            "functions": 2,
            "reach": ["network"],
            "imports": [
                {"line": 3, "module": "socket", "how": "import", "reach": ["network"], "runs": True},
                {"line": 5, "module": "ssl", "how": "import", "reach": ["network"], "runs": False},
            ],
            "failure": None,
        },
        {
            "package": "p",
            "path": "/p/b.py",
            "kind": "file",
            "lines": 10,
            "functions": 0,
            "reach": [],
            "imports": [],
            "failure": {"kind": "encoding", "text": "byte 0xff", "line": 7},
        },
    ]


def test_a_path_that_is_no_text_can_be_printed():
    """Bytes of a file name that are not UTF-8 stand as escapes."""
    found = report(file(path="/p/\udcff.py"))

    assert found.describe()["files"][0]["path"].encode() == rb"/p/\udcff.py"
