"""What can be known of a plain function without running it: parameters, annotations, docstring, schema, what it calls.

Read next: `omnitron.algebra`, which copies parameters into the code that it generates.
"""

from typing import TYPE_CHECKING, Any

from omnitron.code.annotations import (
    UNKNOWN,
    WIDER,
    AllOf,
    Every,
    OneOf,
    Yields,
    clash,
    describe_annotation,
    exact_classes,
    input_annotation,
    is_read,
    item_annotation,
    iterations,
    named_annotation,
    output_annotation,
    parameter_annotation,
    streams_in,
    tuple_members,
    untaken,
)
from omnitron.code.calls import Callee, callees
from omnitron.code.flags import ASYNC_GENERATOR, COROUTINE, GENERATOR, ITERABLE_COROUTINE, code_flags, stream_colour
from omnitron.code.parameters import Parameters, parameters_of

if TYPE_CHECKING:
    from omnitron.code.docstrings import docstring_of, parameter_texts, split_docstring
    from omnitron.code.schema import input_schema, output_schema

LAZY = {
    "docstring_of": "docstrings",
    "input_schema": "schema",
    "output_schema": "schema",
    "parameter_texts": "docstrings",
    "split_docstring": "docstrings",
}
"""What is imported when it is first touched, by the module that holds it."""

__all__ = [
    "ASYNC_GENERATOR",
    "COROUTINE",
    "GENERATOR",
    "ITERABLE_COROUTINE",
    "UNKNOWN",
    "WIDER",
    "AllOf",
    "Callee",
    "Every",
    "OneOf",
    "Parameters",
    "Yields",
    "callees",
    "clash",
    "code_flags",
    "describe_annotation",
    "docstring_of",
    "exact_classes",
    "input_annotation",
    "input_schema",
    "is_read",
    "named_annotation",
    "item_annotation",
    "iterations",
    "output_annotation",
    "output_schema",
    "parameter_annotation",
    "parameter_texts",
    "parameters_of",
    "split_docstring",
    "stream_colour",
    "streams_in",
    "tuple_members",
    "untaken",
]


def __getattr__(name: str) -> Any:
    module = LAZY.get(name)
    if module is None:
        raise AttributeError(f"module 'omnitron.code' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"omnitron.code.{module}"), name)
    return value
