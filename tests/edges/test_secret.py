"""How pydantic and Hypothesis treat a `Secret`, and how schemas describe it."""

import json
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, ValidationError, create_model
from pydantic_core import PydanticCustomError

from omnitron import Inputs, Secret, flow
from omnitron.testing import inputs
from tests.planting import PLANTED, found_in, whole_traceback

MASKED = "Secret(***)"


class Account(BaseModel):
    token: Secret[str]
    age: int = 0


@dataclass
class Login:
    name: str
    token: Secret[str]


class Tree(BaseModel):
    below: "Secret[Tree] | None" = None


def quoting(value: Any) -> Any:
    """Refuse a value with an error that quotes it."""
    raise ValueError(f"{value} is not good")


def custom(value: Any) -> Any:
    """Refuse a value with a text of one's own that quotes it."""
    raise PydanticCustomError("mine", f"{value} is not good")  # type: ignore[arg-type]


def wrong(annotation: Any, value: Any) -> ValidationError:
    """Give the error for a value."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(annotation).validate_python(value)
    return caught.value


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize(
    ("annotation", "value", "held"),
    [
        (Secret[str], "a", "a"),
        (Secret[str], Secret("a"), "a"),
        (Secret[int], "5", 5),
        (Secret[int], Secret("5"), 5),
        (Secret, ["a"], ["a"]),
        (Secret[Account], {"token": "a"}, Account(token=Secret("a"))),
        (Annotated[Secret[Annotated[str, Field(min_length=2)]], Field(description="words")], "ab", "ab"),
    ],
)
def test_a_value_is_validated_by_the_annotation_in_the_brackets(annotation, value, held):
    """A plain value is wrapped, that of a Secret is validated too."""
    assert TypeAdapter(annotation).validate_python(value) == Secret(held)


def test_a_secret_that_needs_no_change_is_kept():
    """No second one is made of it."""
    secret = Secret("a")

    assert TypeAdapter(Secret[str]).validate_python(secret) is secret


def test_json_is_read_too():
    """A text stands for a date there."""
    assert TypeAdapter(Secret[date]).validate_json('"2026-01-02"') == Secret(date(2026, 1, 2))


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Secret[int], PLANTED),
        (Secret[str], [PLANTED]),
        (Secret[list[int]], [PLANTED, PLANTED]),
        (Secret[dict[str, int]], {PLANTED: "x"}),
        (Secret[Literal["a"]], PLANTED),
        (Secret[Annotated[str, Field(max_length=3, pattern="a")]], PLANTED),
        (Secret[Annotated[str, AfterValidator(quoting)]], PLANTED),
        (Secret[Annotated[str, AfterValidator(custom)]], PLANTED),
        (Secret[int], Secret(PLANTED)),
        (Secret[Account], {"token": [PLANTED], "age": PLANTED}),
        (Secret[int] | Secret[float], PLANTED),
        (dict[str, Secret[int]], {"a": PLANTED}),
    ],
)
def test_an_error_does_not_hold_the_value(annotation, value):
    """Neither its text, nor its inputs and places."""
    error = wrong(annotation, value).with_traceback(None)  # pydantic's own frame has it

    assert found_in([("error", error), ("errors", error.errors()), ("json", error.json())]) == []


def test_the_search_would_find_a_value_in_an_error():
    """Without the word Secret the value stands in it."""
    assert found_in([("error", wrong(int, PLANTED).with_traceback(None))]) != []


@pytest.mark.parametrize(
    ("annotation", "value", "text"),
    [
        (Secret[int], "a", "unable to parse string as an integer"),
        (Secret[Annotated[str, Field(min_length=8)]], "a", "at least 8 characters"),
        (Secret[Annotated[str, AfterValidator(quoting)]], "a", "Input is not valid (value_error)"),
        (Secret[Annotated[str, AfterValidator(custom)]], "a", "Input is not valid (mine)"),
        (Secret[str], MASKED, "is the mask that is shown in its place"),
    ],
)
def test_an_error_says_what_is_wrong(annotation, value, text):
    """As far as that is made of the annotation alone."""
    assert text in str(wrong(annotation, value))


# ------------------------------------------------------------------ writing


def test_a_model_writes_the_mask_as_json():
    """Also as keys and beneath other types."""
    model = create_model("Wide", account=Account, keys=dict[Secret[str], Login])
    secret = Secret(PLANTED)
    made = model(account=Account(token=secret), keys={secret: Login("a", secret)})

    assert json.loads(made.model_dump_json()) == {
        "account": {"token": MASKED, "age": 0},
        "keys": {MASKED: {"name": "a", "token": MASKED}},
    }
    assert found_in([("model", made), ("json", made.model_dump(mode="json")), ("python", made.model_dump())]) == []


def test_a_model_can_be_made_again_of_its_data():
    """Data for Python has the Secret itself, which never shows."""
    account = Account(token=Secret("a"))

    assert Account(**account.model_dump()) == account


def test_a_mask_is_not_read_back():
    """What was written for a person is no secret."""
    with pytest.raises(ValidationError, match="is the mask"):
        Account.model_validate_json(Account(token=Secret("a")).model_dump_json())


def test_a_plain_value_in_the_place_of_a_secret_is_masked_too():
    """Where a model was made without validation."""
    assert PLANTED not in Account.model_construct(token=PLANTED).model_dump_json()


# ------------------------------------------------------------------ schemas


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (Secret[str], {"type": "string", "format": "password", "writeOnly": True}),
        (Secret[int], {"type": "integer", "writeOnly": True}),
        (Secret[date], {"type": "string", "format": "date", "writeOnly": True}),
        (Secret, {"writeOnly": True}),
    ],
)
def test_the_schema_is_that_of_the_value(annotation, schema):
    """A string is a password; whatever it is, it is only written."""
    assert TypeAdapter(annotation).json_schema() == schema


def test_the_schema_of_a_secret_model_leaves_the_model_as_it_is():
    """Where it stands in the open too, it is not only written."""
    schema = create_model("Pair", open=Account, sealed=Secret[Account]).model_json_schema()

    assert "writeOnly" not in schema["$defs"]["Account"]
    assert schema["properties"]["sealed"]["writeOnly"] is True


def test_a_model_may_hold_itself_in_a_secret():
    """The schema refers to it."""
    sealed = Tree.model_json_schema()["$defs"]["Tree"]["properties"]["below"]["anyOf"][0]

    assert sealed == {"allOf": [{"$ref": "#/$defs/Tree"}], "writeOnly": True}
    assert Tree.model_validate({"below": {"below": None}}) == Tree(below=Secret(Tree()))


def test_the_schema_of_what_is_written_is_that_of_the_mask():
    """Whatever type it hides."""

    @flow
    def give() -> Secret[int]:
        return Secret(1)

    shown = give.output_schema()
    del shown["$schema"]
    assert shown == {"type": "string", "format": "password", "writeOnly": True}


def test_a_default_that_holds_a_secret_is_not_in_the_schema():
    """Neither the value nor the mask, which somebody might send."""
    hidden, shown = Secret(PLANTED), Login("a", Secret(PLANTED))

    @flow
    def login(first: Secret[str] = hidden, second: Login = shown, third: Any = hidden, fourth: int = 4) -> None: ...

    schema = login.input_schema()
    assert [name for name, one in schema["properties"].items() if "default" in one] == ["fourth"]
    assert "required" not in schema
    assert found_in([("schema", schema)]) == []


# ------------------------------------------------------------------ drawing


@pytest.mark.parametrize(
    ("annotation", "fits"),
    [
        (Secret[int], lambda value: type(value.reveal()) is int),
        (Secret, lambda value: type(value.reveal()) is str),
        (list[Secret[bool]], lambda value: all(type(one.reveal()) is bool for one in value)),
        (Secret[Annotated[int, Field(gt=3)]], lambda value: value.reveal() > 3),
        (Login, lambda value: type(value.token) is Secret),
        (Secret[str] | None, lambda value: value is None or type(value) is Secret),
    ],
)
def test_inputs_draws_secrets(annotation, fits):
    """Of what stands in the brackets; of strings where nothing does."""

    def take(value):
        return value

    take.__annotations__["value"] = annotation

    @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(inputs(flow(take)))
    def holds(value):
        assert fits(value)

    holds()


def test_a_drawn_input_does_not_show_it():
    """The report of a failing example has the mask."""

    @flow
    def login(name: str, token: Secret[str]) -> None: ...

    @settings(max_examples=5, database=None)
    @given(inputs(login))
    def holds(value):
        assert isinstance(value, Inputs)
        raise LookupError(value)

    with pytest.raises(LookupError) as caught:
        holds()
    assert MASKED in whole_traceback(caught.value)
