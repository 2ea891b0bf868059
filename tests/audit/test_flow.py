"""The audit as a whole: the flow on processes, the plain loop, and what planted files do to them."""

import asyncio
import os
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from omnitron import CallStarted, EventLog, InvalidValue, SQLiteStore, Tracing, Unpicklable, context, walk
from omnitron.algebra import Each, On, Parallel, TryWith
from omnitron.audit import DEFAULT_TARGETS, Package, Report, Source, audit, audit_flow, compare, open_binary, plain_loop
from omnitron.audit.files import Content
from omnitron.audit.flow import reading_flow
from omnitron.audit.rules import rules_version

from .openers import deadly, refusing

places = pytest.mark.parametrize("processes", [0, 2], ids=["thread", "processes"])


def run(*targets, **options) -> Report:
    """Audit some targets."""
    return asyncio.run(audit([str(target) for target in targets], **options))


@pytest.fixture
def project(tmp_path) -> Path:
    """A folder with two packages of sound files, enough of them for several chunks."""
    for package, lines in (("good", "import socket\ndef f(): pass\n"), ("plain", "def g(): pass\n")):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        for number in range(20):
            (tmp_path / package / f"m{number}.py").write_text(lines)
    return tmp_path


def rows(report: Report) -> dict[str, tuple[int, ...]]:
    """The numbers of each row, by name."""
    return {row.name: row.numbers for row in report.rows()}


@places
def test_planted_troubles_are_outcomes_and_change_no_other_row(project, processes):
    """Bad bytes, a refused file, a link loop and five megabytes stand in the table, and nothing else moves."""
    before = rows(run(project, processes=processes))
    (project / "planted").mkdir()
    (project / "planted" / "__init__.py").write_bytes(b"x = '\xff'\n")
    (project / "planted" / "secret.py").write_text("import os\n")
    (project / "planted" / "loop").symlink_to("..")
    (project / "planted" / "loop.py").symlink_to("loop.py")
    (project / "planted" / "large.py").write_bytes(b"#" * 5_000_000)

    report = run(project, processes=processes, opener=partial(refusing, "secret.py"))
    after = rows(report)
    kinds = {os.path.basename(one.source.path): one.trouble.kind for one in report.failures if one.trouble}

    assert kinds == {
        "__init__.py": "encoding",
        "secret.py": "unreadable",
        "loop": "link loop",
        "loop.py": "link loop",
        "large.py": "too large",
    }
    assert {name: after[name] for name in ("good", "plain")} == {name: before[name] for name in ("good", "plain")}
    assert (report.exit_code(), report.exit_code(strict=True)) == (0, 3)


@places
def test_flow_and_plain_loop_give_the_same_report(project, processes):
    """Wherever the work is done and in whatever order, the report is the same."""
    (project / "bad.py").write_text("def f(:\n")

    by_flow = run(project, "json", processes=processes)

    assert by_flow == plain_loop([str(project), "json"])
    assert by_flow.describe() == plain_loop([str(project), "json"]).describe()
    assert by_flow.totals.failures == 1


def test_a_file_that_ends_its_worker_is_lost_alone(project):
    """The rest of its chunk is done again, file by file."""
    (project / "good" / "deadly.py").touch()

    report = run(project, processes=2, opener=partial(deadly, "deadly.py"))

    assert [(os.path.basename(one.source.path), one.trouble and one.trouble.kind) for one in report.failures] == [
        ("deadly.py", "lost")
    ]
    assert report.totals.files == 43
    assert report.totals.functions == 40


def test_an_opener_that_cannot_travel_is_an_error_and_no_outcome(project):
    """Wrong use of the audit is not blamed on the files."""
    with pytest.raises(Unpicklable):
        run(project, processes=2, opener=lambda path: open_binary(path))


@places
def test_a_target_that_is_nothing_is_refused(processes):
    """The error names it; nothing is audited."""
    with pytest.raises(InvalidValue, match="no_such_package"):
        run("json", "no_such_package", processes=processes)


@pytest.mark.parametrize("processes", [-1, 1.5, True, "2"])
def test_a_number_of_processes_that_is_none_is_refused(processes):
    """Refused when the flow is made."""
    with pytest.raises(InvalidValue, match="processes"):
        audit_flow(processes=processes)


def test_nothing_found_is_a_report_too(tmp_path):
    """An empty folder has no rows but the last."""
    report = run(tmp_path)

    assert rows(report) == {"all": (0,) * 10}


def test_each_part_is_used_for_what_it_is_for():
    """Loops on processes, two readings of one file side by side, and an arm for what fails stand in the tree."""
    kinds = {type(node) for _, node in walk(audit_flow())}

    assert {Each, On, Parallel, TryWith} <= kinds
    assert audit_flow() == audit_flow()


def test_a_tracer_sees_where_the_time_goes(project):
    """Finding, and each chunk, have spans with a duration."""
    tracing = Tracing()
    asyncio.run(context(tracer=tracing).run(audit_flow(processes=0), (str(project),)))
    names = [span.name for span in tracing.spans]

    assert {"audit", "find", "chunk"} <= set(names)
    assert all(span.duration_s is not None for span in tracing.spans)


def inspected(project, store, **options) -> tuple[Report, int]:
    """The report, and how many texts were read for it."""
    log = EventLog()
    report = asyncio.run(context(observers=log).run(audit_flow(store=store, **options), (str(project),)))
    return report, sum(isinstance(one, CallStarted) and one.path.endswith("/inspect") for one in log.events)


@places
def test_a_text_is_read_once(project, tmp_path, processes):
    """The second run gives the equal report, and reads only the text that has changed."""
    with closing(SQLiteStore(tmp_path / "audit.db")) as store:
        first, many = inspected(project, store, processes=processes)
        again, none = inspected(project, store, processes=processes)
        (project / "good" / "m3.py").write_text("import subprocess\n")
        changed, one = inspected(project, store, processes=processes)

    assert many >= 4  # four texts in two packages; of workers that meet the same text at once each reads it
    assert (none, one) == (0, 1)
    assert again == first
    assert changed == run(project, processes=0) != first


def test_a_reading_is_kept_for_a_text_its_package_and_the_rules(tmp_path, monkeypatch):
    """Where a text lies does not matter, but whose it is does; what other rules gave is not taken."""
    text = b"import good\nimport socket\n"
    places = (("here", ""), ("there", ""), ("here", "good"))
    here, there, own = (Content(Source(Package("p", "", "folder"), *place), text) for place in places)
    with closing(SQLiteStore(tmp_path / "audit.db")) as store:
        reading_flow(store)(here)
        found = [reading_flow(store).cached.peek(content) is not None for content in (here, there, own)]
        monkeypatch.setattr("omnitron.audit.flow.rules_version", lambda: "other rules")
        assert reading_flow(store).cached.peek(here) is None

    assert found == [True, True, False]


def test_the_version_is_that_of_the_rules(monkeypatch):
    """It is the same each time, and another where the rules are."""
    before = rules_version()
    assert rules_version.__wrapped__() == before
    monkeypatch.setattr("omnitron.audit.rules.RULES", ("imports.py",))
    assert rules_version.__wrapped__() != before


def test_a_store_that_is_broken_changes_nothing(project, tmp_path, caplog):
    """It is logged, and everything is read."""
    (tmp_path / "audit.db").write_text("this is no database, and never was one; " * 100)
    store = SQLiteStore(tmp_path / "audit.db")

    assert run(project, processes=0, store=store) == run(project)
    assert caplog.records


def test_compare_measures_both_on_the_same_work(project):
    """Both times are of this run, and the reports are compared."""
    found = asyncio.run(compare([str(project)], processes=0))

    assert found.equal
    assert found.files == 42
    assert found.ratio == found.loop_s / found.flow_s > 0
    assert f"{found.ratio:.2f} ×" in found.sentence()
    assert found.describe()["files"] == 42
    assert found.again_s is None


def test_compare_runs_again_from_a_store(project, tmp_path):
    """The report is the same, and the line tells the time."""
    with closing(SQLiteStore(tmp_path / "audit.db")) as store:
        found = asyncio.run(compare([str(project)], processes=0, store=store))

    assert found.equal
    assert f"from its cache {found.again_s:.2f} s" in found.sentence()


@pytest.mark.real
def test_the_whole_machine_is_audited_in_time():
    """The standard library and the environment: many files, under a minute, as the plain loop finds them."""
    started = time.monotonic()
    report = run(*DEFAULT_TARGETS)
    took = time.monotonic() - started

    assert report.totals.files >= 1_000
    assert took < 60
    assert report == plain_loop()
