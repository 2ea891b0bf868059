"""What every test of the command line is given."""

import sys

import pytest


@pytest.fixture(autouse=True)
def own_imports(monkeypatch):
    """Take back what a target's import did to the path and to the loaded modules."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if "pytest-of-" in file:
            del sys.modules[name]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    """Give every test a cache folder of its own, also in other processes."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder
