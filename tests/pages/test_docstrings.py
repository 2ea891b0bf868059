"""The examples in docstrings run, and every public name is described."""

import doctest
import inspect
import re
from importlib import import_module
from pkgutil import walk_packages

import pytest

import omnitron
from omnitron import interop, testing

from .reading import ROOT

ROOMS = (omnitron, testing, interop)
ELSEWHERE = {"omnitron.interop.runnables"}
"""What imports a library that is not installed here; nothing public is defined there."""


def examined():
    """Give the docstrings that a collection by modules finds, as pytest collects `src`."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    names = ["omnitron", *(one.name for one in walk_packages(omnitron.__path__, "omnitron."))]
    modules = [import_module(name) for name in names if not name.endswith("__main__") and name not in ELSEWHERE]
    return {test.docstring for module in modules for test in finder.find(module) if test.examples}


def public_things():
    """Give each public thing, and each public member of a class, by its name."""
    for room in ROOMS:
        for name in room.__all__:
            thing = getattr(room, name)
            yield f"{room.__name__}.{name}", thing
            for member in dir(thing) if isinstance(thing, type) else ():
                if not member.startswith("_"):
                    yield f"{room.__name__}.{name}.{member}", inspect.getattr_static(thing, member)


def test_every_example_of_a_public_thing_runs():
    """None stands where pytest does not look, for example behind a descriptor."""
    run = examined()
    found = {name: thing.__doc__ for name, thing in public_things() if ">>>" in (getattr(thing, "__doc__", None) or "")}
    assert len(found) > 20
    assert [name for name, text in found.items() if text not in run] == []


@pytest.mark.parametrize("room", ROOMS)
def test_the_reference_names_every_public_thing_once(room):
    """On one of its pages."""
    text = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))
    named = re.findall(rf"^\.\. auto\w+:: {re.escape(room.__name__)}\.(\w+)$", text, re.M)
    assert sorted(named) == sorted({*room.__all__} - {"__version__"})
