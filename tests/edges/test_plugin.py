"""The pytest plugin: examples of flows are tests where they are asked for, and nothing is there where they are not."""

import json
import os
import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

SHOP = '''
import asyncio
from omnitron import FlowExample, flow

@flow(examples=[FlowExample(1, 2), FlowExample(2, 5, "wrong")])
def double(x):
    """Double.

    >>> double(4)
    8
    """
    return 2 * x

@flow(examples=[FlowExample(1, 3)])
async def later(x):
    await asyncio.sleep(0)
    return x + 2

@flow
def broken(x):
    """Break.

    >>> broken(1)
    'a...c'
    """
    raise KeyError(x)

whole = (double | later).with_meta(examples=[FlowExample(1, 4)])
again = double
renamed = flow(double.fn, name="other")
'''


@pytest.fixture(autouse=True)
def alone(pytester, monkeypatch):
    """Load this plugin and no other, so that a test does not import what others bring."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:cacheprovider -p omnitron_pytest")


@pytest.fixture
def installed(alone, monkeypatch):
    """Load what is installed, as users have it."""
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:cacheprovider")


@pytest.fixture
def shop(pytester):
    """A module with flows, and a test of it that imports them."""
    pytester.makepyfile(
        shop=SHOP, test_shop="from shop import double, later, whole\ndef test_it():\n    assert double(1) == 2\n"
    )
    return pytester


def outcomes(run, *words):
    """Run pytest in this process; give the outcome of each test by its id."""
    done = run.inline_run(*words)
    reports = [report for report in done.getreports() if hasattr(report, "when") and report.when == "call"]
    return {report.nodeid: report.outcome for report in reports}


def test_examples_are_tests_where_they_are_asked_for(shop):
    """Each declared example and each docstring once, at the module that has the function."""
    assert outcomes(shop, "--omnitron-examples") == {
        "shop.py::double[example 1]": "passed",
        "shop.py::double[example 2 (wrong)]": "failed",
        "shop.py::double[doctest]": "passed",
        "shop.py::later[example 1]": "passed",
        "shop.py::broken[doctest]": "failed",
        "shop.py::whole[example 1]": "passed",
        "test_shop.py::test_it": "passed",
    }


def test_they_are_not_there_where_nobody_asks(shop):
    """Only the test is run, and the module is not even looked at."""
    assert outcomes(shop) == {"test_shop.py::test_it": "passed"}


def test_a_configuration_file_can_ask(shop):
    """By `omnitron_examples`."""
    shop.makeini("[pytest]\nomnitron_examples = true\n")

    assert "shop.py::later[example 1]" in outcomes(shop)


def test_of_a_stream_the_items_count(pytester):
    """Of either kind, as a list."""
    pytester.makepyfile(
        shop="from omnitron import FlowExample, flow\n"
        "def up(last):\n    yield from range(last)\n"
        "async def up_later(last):\n    for x in range(last): yield x\n"
        "examples = [FlowExample(2, [0, 1]), FlowExample(2, [0])]\n"
        "up, up_later = flow(up, examples=examples), flow(up_later, examples=examples)\n"
    )

    assert outcomes(pytester, "--omnitron-examples") == {
        "shop.py::up[example 1]": "passed",
        "shop.py::up[example 2]": "failed",
        "shop.py::up_later[example 1]": "passed",
        "shop.py::up_later[example 2]": "failed",
    }


def test_one_example_can_be_chosen(shop):
    """By its id, as every test."""
    chosen = "shop.py::double[example 1]"

    assert outcomes(shop, "--omnitron-examples", chosen) == {chosen: "passed"}


def test_a_failure_says_what_was_expected_and_what_came(shop):
    """And an error of the flow's own is shown with its traceback."""
    done = shop.runpytest("--omnitron-examples", "shop.py")

    done.stdout.fnmatch_lines(["*double, example 2 (wrong): double(2)", "*expected: 5", "*got:      4"])
    done.stdout.fnmatch_lines(["*raised KeyError: 1", "*raise KeyError(x)", "E * KeyError: 1"])


def test_flags_of_doctest_are_those_of_the_configuration(pytester):
    """As for pytest's own doctests."""
    pytester.makepyfile(
        shop="from omnitron import flow\n"
        "def f(x):\n    '\\n    >>> f(1)\\n    [1...]\\n'\n    return [x, 2, x]\nmade = flow(f)\n"
    )
    pytester.makeini("[pytest]\ndoctest_optionflags = ELLIPSIS\n")

    assert outcomes(pytester, "--omnitron-examples") == {"shop.py::made[doctest]": "passed"}


def test_pytests_own_doctests_are_not_run_twice(shop):
    """With `--doctest-modules` the docstrings are pytest's."""
    found = outcomes(shop, "--omnitron-examples", "--doctest-modules", "shop.py")

    assert (found["shop.py::shop.double"], "shop.py::double[doctest]" in found) == ("passed", False)
    assert found["shop.py::double[example 1]"] == "passed"


def test_a_conftest_gives_the_context(pytester):
    """The hook is asked for each example."""
    pytester.makepyfile(
        shop="from omnitron import FlowExample, current_context, flow\n"
        "ask = flow(lambda x: current_context().get('tenant'), examples=[FlowExample(1, 'acme')])\n"
    )
    pytester.makeconftest(
        "from omnitron import context\ndef pytest_omnitron_context(item):\n    return context(tenant='acme')\n"
    )

    assert outcomes(pytester, "--omnitron-examples") == {"shop.py::ask[example 1]": "passed"}


def test_a_module_that_does_not_import_is_an_error_of_collection(pytester):
    """As for pytest's own tests."""
    pytester.makepyfile(shop="import nowhere_to_be_found\n")

    done = pytester.runpytest("--omnitron-examples")

    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*nowhere_to_be_found*"])


def test_packages_setups_and_conftests_are_no_trouble(pytester):
    """A package's module is imported under its own name; scripts are left out."""
    package = pytester.mkpydir("package")
    package.joinpath("shop.py").write_text(
        "from omnitron import FlowExample, flow\ndouble = flow(lambda x: 2 * x, examples=[FlowExample(1, 2)])\n"
    )
    package.joinpath("__main__.py").write_text("raise SystemExit(1)\n")
    pytester.makepyfile(setup="raise SystemExit(1)\n", plain="x = 1\n")

    assert outcomes(pytester, "--omnitron-examples") == {"package/shop.py::double[example 1]": "passed"}


@pytest.mark.parametrize("mode", ["prepend", "append", "importlib"])
def test_every_import_mode_works(shop, mode):
    """The module is imported as pytest imports tests."""
    shop.makeini("[pytest]\npythonpath = .\n")

    assert len(outcomes(shop, "--omnitron-examples", f"--import-mode={mode}")) == 7


def test_a_test_can_ask_for_virtual_time(pytester):
    """Each has a clock of its own."""
    pytester.makepyfile(
        test_time="import asyncio, pytest\n"
        "@pytest.mark.parametrize('hours', [1, 2])\n"
        "def test_it(virtual_clock, hours):\n"
        "    virtual_clock.run(asyncio.sleep(3600 * hours))\n"
        "    assert virtual_clock.monotonic() == 3600 * hours\n"
    )

    assert {*outcomes(pytester).values()} == {"passed"}


# ------------------------------------------------------------------ unused


def test_unused_it_imports_nothing_and_registers_nothing(pytester, installed):
    """Neither the library nor anything that pytest had not imported itself."""
    pytester.makepyfile(
        test_it="import json, sys\n"
        "def test_it(pytestconfig):\n"
        "    found = sorted(name for name in sys.modules if name.split('.')[0] == 'omnitron')\n"
        "    assert found == [] and not pytestconfig.pluginmanager.hasplugin('omnitron-examples')\n"
        "    assert pytestconfig.pluginmanager.hasplugin('omnitron')\n"
    )

    done = pytester.runpytest_subprocess("-W", "error")

    done.assert_outcomes(passed=1)


def test_it_can_be_turned_off(pytester, installed):
    """By `-p no:omnitron`, as every plugin."""
    pytester.makepyfile(test_it="def test_it(): pass\n")

    pytester.runpytest_subprocess("-p", "no:omnitron", "-W", "error").assert_outcomes(passed=1)


def test_strict_runs_take_its_configuration(pytester, installed):
    """Its option and its line are declared."""
    pytester.makeini("[pytest]\nomnitron_examples = false\naddopts = --strict-config --strict-markers\n")
    pytester.makepyfile(test_it="def test_it(): pass\n")

    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_importing_it_adds_only_itself():
    """Beside what pytest imports."""
    code = (
        "import sys, json, pytest, doctest, _pytest.doctest\nbefore = set(sys.modules)\nimport omnitron_pytest\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == ["omnitron_pytest"]
