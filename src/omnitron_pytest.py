"""The pytest plugin of Omnitron: with `--omnitron-examples`, the examples of a module's flows are tests; and fixtures.

It stands beside the package, because pytest imports the plugins of all that is installed: it imports nothing of the library
before a file is searched for examples or a test asks for a fixture, and registers nothing more unless it is asked to.
"""

from __future__ import annotations

import doctest
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from omnitron import Context
    from omnitron.testing import Case, VirtualClock

LEFT_OUT = ("conftest.py", "setup.py", "__main__.py")


class Hooks:
    """What a `conftest.py` may say to this plugin."""

    @pytest.hookspec(firstresult=True)
    def pytest_omnitron_context(self, item: pytest.Item) -> Context | None:
        """Give the context in which the declared example `item` runs; without one it runs outside of any run."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Let a `conftest.py` implement `pytest_omnitron_context`."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option and the line of a configuration file that ask for examples."""
    words = "collect the examples of the flows that modules have at their top level"
    parser.getgroup("omnitron").addoption("--omnitron-examples", action="store_true", default=False, help=words)
    parser.addini("omnitron_examples", words, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Register what collects, if anybody asks for it."""
    if config.getoption("omnitron_examples") or config.getini("omnitron_examples"):
        config.pluginmanager.register(Collecting(), "omnitron-examples")


@pytest.fixture
def virtual_clock() -> VirtualClock:
    """A clock of virtual time that stands at 0: `virtual_clock.run(main())` runs hours in milliseconds."""
    from omnitron.testing import VirtualClock

    return VirtualClock()


class Collecting:
    """Takes each Python file as a place that may hold flows."""

    def __init__(self) -> None:
        self.seen: set[tuple[int, str]] = set()
        self.kept: list[Any] = []

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """Collect a Python file, beside what else collects it."""
        if file_path.suffix != ".py" or file_path.name in LEFT_OUT:
            return None
        made: FlowFile = FlowFile.from_parent(parent, path=file_path)
        made.collecting = self
        return made

    def first(self, case: Case) -> bool:
        """Say whether this case is met for the first time: a flow that another module imports is tested once."""
        place = (id(getattr(case.node, "fn", case.node) if case.title == "doctest" else case.node), case.title)
        if place in self.seen:
            return False
        self.seen.add(place)
        self.kept.append(case.node)
        return True


class FlowFile(pytest.File):
    """The flows at the top level of one module."""

    collecting: Collecting

    def collect(self) -> Iterator[pytest.Item]:
        """Import the module as pytest does, and give an item for each case of its flows."""
        module = pytest.Module.from_parent(self.parent, path=self.path).obj
        if "omnitron" not in sys.modules:
            return
        from omnitron.testing import cases_of, top_flows

        doctests = not self.config.getoption("doctestmodules", False)
        for name, flow in top_flows(module):
            for case in cases_of(flow, doctests=doctests, options=flags(self.config)):
                made_here = getattr(getattr(case.node, "fn", None), "__module__", module.__name__) == module.__name__
                if made_here and self.collecting.first(case):
                    inside = case.path.partition("/")[2]
                    title = f"{inside}: {case.title}" if inside else case.title
                    yield ExampleItem.from_parent(self, name=f"{name}[{title}]", case=case)


class ExampleItem(pytest.Item):
    """One declared example, or the examples of one docstring."""

    def __init__(self, *, case: Case, **options: Any) -> None:
        super().__init__(**options)
        self.case = case

    def runtest(self) -> None:
        """Run it."""
        from omnitron.testing import failed

        wrong = self.case.run(self.ihook.pytest_omnitron_context(item=self))
        if wrong:
            raise failed(self.case.node.name, self.case.count, wrong)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Say what does not hold; where an example raised, with the traceback of its error."""
        from omnitron.testing import ExamplesFailed

        if not isinstance(excinfo.value, ExamplesFailed):
            return super().repr_failure(excinfo, style)
        cause = excinfo.value.__cause__
        if cause is None:
            return str(excinfo.value)
        raised = pytest.ExceptionInfo.from_exception(cause)
        return f"{excinfo.value}\n\n{super().repr_failure(raised, style)}"

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Say where it stands."""
        return self.path, self.case.line, self.name


def flags(config: pytest.Config) -> int:
    """Give the flags of doctest that the configuration names, as for pytest's own doctests."""
    try:
        names = config.getini("doctest_optionflags")
    except ValueError:
        return 0
    found = 0
    for name in names:
        found |= doctest.OPTIONFLAGS_BY_NAME.get(name, 0)
    return found
