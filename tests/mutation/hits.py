"""A pytest plugin: what a test module calls while it is imported counts for each of its tests.

mutmut asks only the tests that called a function, and gives what was called before the first test (schedules and flows
among the parameters of a test) to that test alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mutmut.state import state

HITS: dict[Path, set[str]] = {}


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """Keep apart what is called while the tests of a file are collected."""
    found = state()._stats
    before = set(found)
    report = yield
    if new := found - before:
        HITS.setdefault(collector.path, set()).update(new)
        found -= new
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Count it for each test of the file."""
    state()._stats.update(HITS.get(item.path, ()))
