"""Prefect: an Omnitron flow is a task and a Prefect flow, run by Prefect's engine against its own temporary server."""

import asyncio
import gc

import pytest
from prefect import flow as prefect_flow
from prefect import task
from prefect.testing.utilities import prefect_test_harness

from omnitron import flow
from tests.interop import shop

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("default", "ignore::ResourceWarning")]


@pytest.fixture(scope="module", autouse=True)
def server():
    """A server with a database of its own, in this machine's memory and a temporary folder."""
    with prefect_test_harness(server_startup_timeout=120):
        yield
    gc.collect()  # the sockets that it leaves open are told of here and not in other tests


def test_a_task_has_the_name_and_the_words_of_the_flow():
    """As if it were made of the function; a composed flow has a source that it is known by."""
    made = [task(one) for one in (shop.tried, shop.held, shop.mixed, shop.both)]

    assert [one.name for one in made] == ["double", "later", "double → later", "parallel"]
    assert [one.isasync for one in made] == [False, True, True, False]
    assert made[0].description == "Double a number."
    assert "# later" in made[2].source_code


@pytest.mark.parametrize("made", [shop.double, shop.tried, shop.limited, shop.both, shop.chosen])
def test_a_flow_is_a_task(made):
    """Called, submitted and mapped inside a Prefect flow."""

    @prefect_flow
    def plan():
        step = task(made)
        return step(20), step.submit(20).result(), step.map([20, 1]).result()

    assert plan() == (made(20), made(20), [made(20), made(1)])


@pytest.mark.parametrize("made", [shop.later, shop.held, shop.mixed, shop.moved])
def test_an_async_flow_is_an_async_task(made):
    """It is awaited in Prefect's loop."""

    @prefect_flow
    async def plan():
        return await task(made)(3)

    assert asyncio.run(plan()) == asyncio.run(made(3))


def test_prefect_tries_a_task_again_that_fails():
    """Its retries stand around those of the flow, and see the flow's own error."""
    calls = []

    @flow
    def fails(x: int) -> int:
        calls.append(x)
        if len(calls) < 4:
            raise OSError("not yet")
        return x

    @prefect_flow
    def plan():
        return task(fails.retry(attempts=2, delay=0), retries=1)(5)

    assert (plan(), len(calls)) == (5, 4)


def test_two_tasks_of_one_source_are_told_apart():
    """What Prefect keeps of one composed flow is not given for another that begins alike."""

    @prefect_flow
    def plan():
        alike = [shop.double | str, shop.double | abs, shop.double.bind(times=2) | abs, shop.double.bind(times=3)]
        alike += [shop.double.bind(times=4), shop.Till(5).price]
        return [task(one, persist_result=True)(4) for one in alike]

    assert plan() == ["8", 8, 16, 24, 32, 20]


def test_a_flow_is_a_prefect_flow():
    """Parameters are validated by its annotations, also those of a composed one."""
    assert prefect_flow(shop.piped)(order={"item": "tea", "count": 2}) == 14
    assert prefect_flow(shop.tried)("4") == 8
    assert asyncio.run(prefect_flow(shop.mixed)(4)) == 9


def test_a_task_outside_a_prefect_flow_runs():
    """As a function does."""
    assert task(shop.tried)(5) == 10
