"""A pytest plugin: what a test module calls while it is imported counts for each of its tests, and quick tests go first.

mutmut asks only the tests that called a function, in no order, and gives what was called before the first test
(schedules and flows among the parameters of a test) to that test alone. The server from which it forks has imported the
test modules; one that calls the changed function while it is imported is imported again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mutmut.mutation.trampoline import get_mutant_under_test, set_mutant_under_test
from mutmut.state import state
from mutmut.utils.format_utils import mangled_name_from_mutant_name

HITS: dict[Path, set[str]] = {}


def pytest_sessionstart() -> None:
    """Forget the test modules that call the changed function while they are imported."""
    mutant = get_mutant_under_test()
    if "__mutmut_" not in mutant:
        return
    function = mangled_name_from_mutant_name(mutant)
    stale = {str(path) for path, called in HITS.items() if function in called}
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) in stale:
            del sys.modules[name]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """Keep apart what is called while the tests of a file are collected."""
    mutant = get_mutant_under_test()
    if mutant not in ("", "stats"):
        return (yield)
    found = state()._stats
    before = set(found)
    set_mutant_under_test("stats")
    try:
        report = yield
    finally:
        set_mutant_under_test(mutant)
    if new := found - before:
        HITS.setdefault(collector.path, set()).update(new)
        found -= new
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Count it for each test of the file."""
    state()._stats.update(HITS.get(item.path, ()))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ask quick tests before slow ones, as far as is known how long they take; refuse names that change with each run."""
    for item in items:
        if " at 0x" in item.nodeid:
            raise pytest.UsageError(f"{item.nodeid} has an address in its name: give its parameters other `ids`.")
    took = state().duration_by_test
    items.sort(key=lambda item: took.get(item.nodeid, 0.0))
