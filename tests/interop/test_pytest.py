"""pytest: a flow is a test, a fixture and a parametrised one of either, as it stands in a module."""

import pytest

pytest_plugins = ["pytester"]

MODULE = '''
import asyncio
import pytest
from omnitron import flow

@pytest.fixture(scope="session")
@flow
def number():
    """A number."""
    return 4

@pytest.fixture
@flow
def opened():
    """Something that is closed again."""
    closed = []
    yield closed
    closed.append("closed")

doubled = pytest.fixture(name="doubled")(flow(lambda number: number * 2) | str)

@pytest.fixture(params=[1, 2])
@flow
def each(request):
    return request.param

@flow
async def later(x):
    await asyncio.sleep(0)
    return x + 1

@flow
def test_lone(number, opened, doubled):
    assert (number, opened, doubled) == (4, [], "8")

@flow
def plain(each):
    assert each in (1, 2)

test_refined = plain.retry(attempts=2, delay=0)
test_piped = flow(lambda number: number + 1) | flow(lambda x: None)

@pytest.mark.parametrize("x", [1, 2])
@flow
def test_marked_above(x):
    assert asyncio.run(later(x)) == x + 1

@flow
@pytest.mark.parametrize("x", [1, 2])
def test_marked_below(x):
    assert x

@pytest.mark.skip(reason="not now")
@flow
def test_skipped():
    raise AssertionError

class TestMethods:
    @flow
    def test_method(self, number):
        assert (type(self).__name__, number) == ("TestMethods", 4)

    @flow
    @pytest.mark.parametrize("x", [1, 2])
    def test_each(self, x):
        assert x

@pytest.mark.anyio
@flow
async def test_async(number):
    assert await later(number) == 5

@pytest.fixture
def anyio_backend():
    return "asyncio"

@flow
def test_wrong(number):
    """Fail."""
    assert later(number) is None
'''


@pytest.fixture
def outcome(pytester):
    """What pytest makes of the module, in a process of its own, warnings being errors."""
    pytester.makepyfile(test_flows=MODULE)
    return pytester.runpytest_subprocess(
        "-W", "error", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:langsmith_plugin", "-v"
    )


def test_flows_are_tests_and_fixtures(outcome):
    """Each of them is collected, marked, given its fixtures and run, and none is warned of."""
    outcome.assert_outcomes(passed=12, failed=1, skipped=1)
    outcome.stdout.no_fnmatch_line("*cannot collect*")
    outcome.stdout.fnmatch_lines(["*::test_refined?1? PASSED*", "*::TestMethods::test_method PASSED*"])


def test_a_failing_flow_shows_its_line(outcome):
    """The assertion is told as for a function."""
    outcome.stdout.fnmatch_lines([">       assert later(number) is None", "E       assert <coroutine object*"])
