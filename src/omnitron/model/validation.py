"""How pydantic reads, writes and describes a `Secret`. It is pydantic that asks, so here it is installed.

Read from outside, the value is validated by the annotation in the brackets. What is wrong with it is said without the
value: the texts of pydantic that may quote it are left out, and so are the places inside it. A function stands around that
validation, so in strict mode what comes from JSON is read there by the rules for Python's data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from omnitron.model.secrecy import MASK, Secret

__all__ = ["core_schema_of", "json_schema_of"]

TELLING = {"min_length", "max_length", "pattern", "gt", "ge", "lt", "le", "multiple_of", "expected"}
"""What pydantic may say of a limit, for it stands in the annotation."""


def core_schema_of(source: Any, handler: Any) -> Any:
    """Give the schema of `Secret[T]`: that of T, and around it what wraps and masks."""
    from pydantic_core import core_schema

    inside = handler.generate_schema((*get_args(source), Any)[0])
    masked = core_schema.plain_serializer_function_ser_schema(
        shown, info_arg=True, return_schema=core_schema.any_schema()
    )
    return core_schema.no_info_wrap_validator_function(read, inside, serialization=masked)


def shown(secret: Any, info: Any) -> Any:
    """Give the mask for JSON; in Python's data the Secret itself, so that a model can be made of it again."""
    return MASK if info.mode_is_json() else secret


def read(value: Any, check: Callable[[Any], Any]) -> Secret[Any]:
    """Give a Secret of the value that was checked. See Note [No trace of a value] in `omnitron.model.secrecy`."""
    found = checked(value, check)
    if isinstance(found, Secret):
        return found
    from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

    del value
    wrong = [InitErrorDetails(type=PydanticCustomError(kind, text), input=MASK) for kind, text in found.items()]
    raise ValidationError.from_exception_data("Secret", wrong)


def checked(value: Any, check: Callable[[Any], Any]) -> Secret[Any] | dict[str, str]:
    """Give a Secret, or what is wrong with its value."""
    from pydantic_core import ValidationError

    if isinstance(value, str) and value == MASK:
        return {"secret_masked": "Input should be the secret itself, and is the mask that is shown in its place"}
    try:
        if not isinstance(value, Secret):
            return Secret(check(value))
        found = check(value.reveal())
        return value if found is value.reveal() else Secret(found)
    except ValidationError as error:
        return {one["type"]: text_of(one) for one in error.errors(include_url=False)}


def text_of(error: Any) -> str:
    """Give pydantic's own text where it is made of the annotation alone."""
    from pydantic_core import core_schema

    fixed = error["type"] in get_args(core_schema.ErrorType) and error.get("ctx", {}).keys() <= TELLING
    return str(error["msg"]) if fixed else f"Input is not valid ({error['type']})"


def json_schema_of(schema: Any, handler: Any) -> dict[str, Any]:
    """Give the JSON schema of what is read or, where pydantic asks for that, of the mask that is written."""
    found = {"type": "string"} if handler.mode == "serialization" else dict(handler(schema))
    if "$ref" in found:  # what stands beside a reference would be written into what it names
        found = {"allOf": [found]}
    if found.get("type") == "string":
        found.setdefault("format", "password")
    return {**found, "writeOnly": True}
