"""pydantic and dataclasses: fields that hold flows, flows that validate; and decorators of other libraries over flows."""

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Annotated, Any

import async_lru
import backoff
import cachetools
import hypothesis
import pydantic
import pytest
import stamina
import tenacity
from hypothesis import strategies as st

from omnitron import AsyncFlow, Flow, flow
from omnitron.algebra import rebuild
from tests.interop import shop


class Plan(pydantic.BaseModel):
    """Flows in fields, as what they are and as callables."""

    first: Flow[[int], int]
    then: AsyncFlow[[int], int] | None = None
    last: Callable[[int], Any] = shop.tried


def test_a_field_of_a_model_holds_a_flow():
    """The very flow that was given; its colour is checked."""
    plan = Plan(first=shop.double, then=shop.held)

    assert plan.first is shop.double
    assert (plan.first(2), asyncio.run(plan.then(2)), plan.last(2)) == (4, 3, 4)
    with pytest.raises(pydantic.ValidationError):
        Plan(first=shop.later)


def test_a_model_that_holds_flows_is_written_as_json():
    """A flow is written as its description, of which an equal one is made."""
    written = Plan(first=shop.tried, then=shop.mixed).model_dump(mode="json", include={"first", "then"})

    assert (rebuild(written["first"]), rebuild(written["then"])) == (shop.tried, shop.mixed)


def test_a_flow_validates_a_field():
    """As an annotated validator, and as one of a class."""

    class Sum(pydantic.BaseModel):
        amount: Annotated[int, pydantic.AfterValidator(shop.tried)]
        other: int = 0
        _check = pydantic.field_validator("other")(flow(lambda cls, value: value + 1))

    assert Sum(amount=3, other=4).model_dump() == {"amount": 6, "other": 5}


def test_a_flow_of_a_validated_function_validates():
    """`@flow` stands above `@validate_call`, which takes functions only."""
    checked = flow(pydantic.validate_call(shop.double.fn))

    assert (checked | str)("4") == "8"
    with pytest.raises(pydantic.ValidationError):
        checked("many")


def test_a_field_of_a_dataclass_holds_a_flow():
    """As a value and as a default; it is not taken for a method."""

    @dataclasses.dataclass(frozen=True)
    class Plan:
        run: Flow[[int], int] = shop.tried

    assert (Plan().run(3), Plan(shop.limited).run(4)) == (6, 8)
    assert Plan() == Plan(shop.tried)
    assert hash(Plan()) == hash(Plan())


# ------------------------------------------------------------------ decorators


@pytest.mark.parametrize("decorated", [tenacity.retry(stop=tenacity.stop_after_attempt(3)), stamina.retry(on=OSError)])
def test_decorators_that_retry_take_flows(decorated):
    """Both colours, and the colour is kept."""
    fails = iter([OSError("once"), None])

    @flow
    def work(x: int) -> int:
        error = next(fails, None)
        if error is not None:
            raise error
        return x

    assert decorated(work)(3) == 3
    assert asyncio.run(decorated(shop.held)(3)) == 4


def test_decorators_of_backoff_take_flows():
    """Both colours."""
    decorated = backoff.on_exception(backoff.constant, OSError, interval=0, max_tries=2)

    assert (decorated(shop.tried)(3), asyncio.run(decorated(shop.held)(3))) == (6, 4)


def test_decorators_that_cache_take_flows():
    """`cachetools.cached`, `async_lru.alru_cache`."""
    cached = cachetools.cached({})(shop.chosen)

    async def twice():
        late = async_lru.alru_cache(shop.mixed)
        return await late(3), await late(3), late.cache_info().hits

    assert [cached(20), cached(20)] == [-20, -20]
    assert asyncio.run(twice()) == (7, 7, 1)


def test_hypothesis_gives_values_to_a_flow():
    """A flow is a test under `given`, its strategies found by its annotations, and a function for `builds`."""
    seen = []

    @flow
    def check(x: int) -> None:
        seen.append(x)
        assert shop.double(x) == 2 * x

    settings = hypothesis.settings(max_examples=5, database=None)
    settings(hypothesis.given(x=st.integers())(check))()
    settings(hypothesis.given(x=...)(check.retry(attempts=2)))()

    assert {type(one) for one in seen} == {int}
    assert hypothesis.find(st.builds(shop.pair, low=st.just(1), high=st.just(2)), lambda pair: True).high == 2
