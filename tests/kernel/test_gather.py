"""Branches that fill a record: `gather`."""

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple, TypedDict

import pytest

from omnitron import AsyncFlow, DefinitionError, Flow, flow, gather


@dataclass(frozen=True)
class Quote:
    """A record with a default."""

    price: float
    stock: int
    note: str = "none"


class Plain:
    """Any class by keywords."""

    def __init__(self, *, price, stock):
        self.both = (price, stock)


class Typed(TypedDict):
    """A typed dictionary."""

    price: float
    stock: int


class Loose(TypedDict, total=False):
    """A typed dictionary whose keys may be missing."""

    price: float
    stock: int


class Pair(NamedTuple):
    """A named tuple."""

    price: float
    stock: int


@flow
def price(x):
    return x * 1.5


@flow
def stock(x):
    return x


@flow
async def late_stock(x):
    await asyncio.sleep(0)
    return x


def test_a_dataclass_is_filled():
    """Every branch gets the input and fills the field of its name."""
    quote = gather(Quote, price=price, stock=stock)

    assert type(quote) is Flow
    assert quote(2) == Quote(3.0, 2)


def test_an_async_branch_makes_the_whole_async():
    """The colour follows the branches."""
    quote = gather(Quote, price=price, stock=late_stock)

    assert type(quote) is AsyncFlow
    assert asyncio.run(quote(2)) == Quote(3.0, 2)


def test_the_order_of_writing_does_not_matter():
    """Fields are filled by name."""
    assert gather(Quote, stock=stock, price=price)(2) == Quote(3.0, 2)


def test_a_typed_dict_is_filled():
    """A `TypedDict` gives a dictionary."""
    assert gather(Typed, price=price, stock=stock)(2) == {"price": 3.0, "stock": 2}


def test_a_named_tuple_and_a_plain_class_are_filled():
    """Any class is filled through its keywords."""
    assert gather(Pair, price=price, stock=stock)(2) == Pair(3.0, 2)
    assert gather(Plain, price=price, stock=stock)(2).both == (3.0, 2)


@pytest.mark.parametrize("record", [Quote, Typed, Pair, Plain])
def test_a_missing_field_is_refused_at_composition(record):
    """A required field that no branch fills is refused, and named."""
    with pytest.raises(DefinitionError, match="stock"):
        gather(record, price=price)


@pytest.mark.parametrize("record", [Quote, Typed, Loose, Pair, Plain])
def test_an_unknown_field_is_refused_at_composition(record):
    """A branch for a field that the record has not is refused, and named."""
    with pytest.raises(DefinitionError, match="prize"):
        gather(record, price=price, stock=stock, prize=price)


def test_optional_keys_may_be_left_out():
    """A key that is not required needs no branch."""
    assert gather(Loose, price=price)(2) == {"price": 3.0}


def test_a_field_that_init_does_not_take_is_refused():
    """A field with `init=False` cannot be filled."""

    @dataclass
    class Closed:
        price: float
        stock: int = field(init=False, default=0)

    with pytest.raises(DefinitionError, match="stock"):
        gather(Closed, price=price, stock=stock)


def test_the_error_of_a_branch_leaves_as_it_is():
    """A failing branch fails the whole with its own exception."""
    with pytest.raises(ZeroDivisionError):
        gather(Quote, price=flow(lambda x: x / 0), stock=stock)(1)


def test_the_record_may_refuse_its_values():
    """An exception of the record's own constructor leaves as it is."""

    @dataclass
    class Strict:
        price: float

        def __post_init__(self):
            raise ValueError("never")

    with pytest.raises(ValueError, match="never"):
        gather(Strict, price=price)(1)


def test_a_plain_function_is_refused_as_a_branch():
    """Combinators take flows."""
    with pytest.raises(DefinitionError):
        gather(Quote, price=len, stock=stock)


def test_paths_of_the_branches_are_the_names_of_their_flows():
    """A failure inside a gather is found by the name of its branch's flow."""
    with pytest.raises(ZeroDivisionError) as caught:
        gather(Quote, price=flow(lambda x: x / 0).named("divide"), stock=stock).named("quote")(1)

    assert "quote/divide" in "".join(caught.value.__notes__)
