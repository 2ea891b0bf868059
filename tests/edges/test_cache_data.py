"""Keys and stored results of pydantic models and numpy arrays."""

from typing import Any

import pytest

from omnitron import DefinitionError, flow

pydantic = pytest.importorskip("pydantic")


class Item(pydantic.BaseModel):
    """A model."""

    name: str
    count: Any = 1


class Open(pydantic.BaseModel, extra="allow"):
    """A model that takes more than its fields."""

    name: str
    _seen: int = pydantic.PrivateAttr(0)


class Named(pydantic.BaseModel):
    """A model whose field is given under another name."""

    count: int = pydantic.Field(alias="Count")


def cached_and_calls(**options):
    """Give a cached flow that gives the number of its call."""
    calls = []

    @flow
    def f(x):
        calls.append(x)
        return len(calls)

    return f.cache(60, **options)


def test_models_are_told_apart_by_their_fields():
    """By type too; what came besides, and private attributes, count."""
    cached = cached_and_calls()
    private = Open(name="a")
    private._seen = 3
    models = [
        Item(name="a"), Item(name="b"), Item(name="a", count=True), Item(name="a", count=1.0), Open(name="a"),
        Open(name="a", more=1), Open(name="a", more=True), private,
    ]  # fmt: skip
    got = [cached(one) for one in models]
    assert (got, [cached(one.model_copy(deep=True)) for one in models]) == (list(range(1, 9)), list(range(1, 9)))


def test_which_fields_were_set_counts():
    """A function can tell by it, `model_dump(exclude_unset=True)` for example."""
    cached = cached_and_calls()
    models = [Item(name="a"), Item(name="a", count=1), Item.model_construct()]
    models[2].name, models[2].count = "a", 1
    models[2].__pydantic_fields_set__.clear()
    assert [cached(one) for one in models * 2] == [1, 2, 3] * 2


class Storage:
    """The smallest storage."""

    def __init__(self):
        self.held = {}

    def get(self, key):
        return self.held.get(key)

    def set(self, key, value):
        self.held[key] = value

    def delete(self, key):
        self.held.pop(key, None)

    def clear(self, prefix):
        self.held.clear()


calls = []


@flow
def items(x: int) -> list[Item | Named]:
    """Give models."""
    calls.append(x)
    return [Item(name="a", count=(1, 2)), Named(Count=x)]


@flow
def opened(x: int) -> Open:
    """Give a model with more than its fields."""
    return Open(name="a", more=x)


def test_models_are_stored_and_validated():
    """What the annotation leads to is read as it was."""
    calls.clear()
    storage = Storage()
    first, again = (items.cache(60, store=storage, version="1")(1) for _ in range(2))
    assert (first, len(calls), type(again[1])) == (again, 1, Named)


@flow
def partly(x: int) -> Item:
    """Give a model whose count was not set."""
    calls.append(x)
    return Item(name="a")


def test_a_stored_model_knows_which_fields_were_set():
    """What reads them, `model_dump(exclude_unset=True)` for example, finds the same."""
    calls.clear()
    cached = partly.cache(60, store=Storage(), version="1")
    got = [cached(1).model_dump(exclude_unset=True) for _ in range(2)]
    assert (got, calls) == ([{"name": "a"}] * 2, [1])


def test_a_model_that_would_not_be_read_as_it_was_is_not_stored(caplog):
    """The call goes on."""
    storage = Storage()
    assert opened.cache(60, store=storage, version="1")(5).more == 5
    assert (storage.held, "cannot be kept" in caplog.text) == ({}, True)


def test_a_stored_model_that_does_not_validate_is_computed_anew(caplog):
    """The constructor of the class has the last word."""
    calls.clear()
    storage = Storage()
    items.cache(60, store=storage, version="1")(1)
    ((key, value),) = storage.held.items()
    storage.held[key] = value.replace(data=value.data.replace(b'"a"', b"5"))
    items.cache(60, store=storage, version="1")(1)
    assert (len(calls), "could not read from" in caplog.text) == (2, True)


def test_arrays_are_told_apart_by_content():
    """By the type of their items, their shape and what they hold; other kinds of arrays are refused."""
    numpy = pytest.importorskip("numpy")
    cached = cached_and_calls()
    rows = [
        numpy.array([1, 2, 3, 4]), numpy.array([1, 2, 3, 5]), numpy.array([[1, 2], [3, 4]]),
        numpy.array([1, 2, 3, 4], "int32"), numpy.array([1.0, 2, 3, 4]), numpy.zeros(1000), numpy.ones(1000),
        numpy.float64(1), numpy.float32(1), numpy.int64(1), numpy.bool_(True), numpy.datetime64("2026-01-01"),
        numpy.array([(1, 2)], dtype=[("a", int), ("b", int)]), numpy.array([(1, 2)], dtype=[("a", int), ("c", int)]),
        numpy.array([float("nan")]),
    ]  # fmt: skip
    got = [cached(one) for one in rows]
    assert (got, [cached(one.copy()) for one in rows]) == (list(range(1, len(rows) + 1)),) * 2
    assert cached(numpy.arange(8)[::2]) == cached(numpy.array([0, 2, 4, 6]))
    for wrong in (numpy.array([object()]), numpy.ma.array([1], mask=[True])):
        with pytest.raises(DefinitionError):
            cached(wrong)
