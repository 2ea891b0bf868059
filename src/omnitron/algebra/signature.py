"""The signature of a flow, for `inspect.signature`, `help()` and pictures. Imports `inspect`, so only when asked."""

from __future__ import annotations

import inspect
from typing import Any

from omnitron.algebra.node import Node
from omnitron.algebra.policing import Policy
from omnitron.algebra.refining import Bound, Receiver, Star
from omnitron.algebra.steps import Sequence, Step
from omnitron.code import Parameters
from omnitron.errors import DefinitionError

__all__ = ["signature_of", "signature_text"]


def signature_of(node: Node) -> inspect.Signature:
    """Give the signature: the parameters of what takes the arguments, the result of what gives the value."""
    if isinstance(node, Step):
        try:
            return inspect.signature(node.fn)
        except (TypeError, ValueError):
            return ANYTHING
    if isinstance(node, Sequence):
        first, last = signature_of(node.parts[0]), signature_of(node.parts[-1])
        return first.replace(return_annotation=last.return_annotation)
    if isinstance(node, Receiver):
        inside = signature_of(node.body)
        return inside.replace(parameters=list(inside.parameters.values())[1:])
    if isinstance(node, Bound):
        return bound_signature(node)
    if isinstance(node, Star):
        return of_parameters(node.parameters(), signature_of(node.body).return_annotation)
    if isinstance(node, Policy):
        return signature_of(node.children[0])
    known = node.parameters()
    if known is not None and node.direct != "none":
        parts = [signature_of(child) for child in node.children[: 1 if node.direct == "first" else None]]
        names = set(known.names)  # a wrapper shows the parameters of another function
        if all(one.parameters.keys() == names for one in parts):
            return shared_signature(parts)
    if known is None and node.direct == "all":
        return common_signature([signature_of(child) for child in node.children])
    return annotated_signature(node, of_parameters(known, inspect.Signature.empty))


def annotated_signature(node: Node, bare: inspect.Signature) -> inspect.Signature:
    """Give the signature of what takes one value, items or an item, with the annotations that follow from its flow's."""
    from omnitron.algebra.annotated import annotation_at, given

    if len(bare.parameters) != 1 or node.kind not in ("batch", "chunk", "each", "stream"):
        return bare
    (parameter,) = bare.parameters.values()
    try:
        taken = annotation_at(node, 0, parameter.name)
        result = bare.return_annotation if node.kind == "stream" else given(node, lambda: taken)
        return bare.replace(parameters=[parameter.replace(annotation=taken)], return_annotation=result)
    except DefinitionError:  # a text that names nothing
        return bare


def shared_signature(inside: list[inspect.Signature]) -> inspect.Signature:
    """Give the signature of several parts with the same parameters; an annotation where all have it."""
    first = inside[0]
    kept = [
        parameter
        if all(other.parameters[name].annotation == parameter.annotation for other in inside)
        else parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in first.parameters.items()
    ]
    return first.replace(parameters=kept, return_annotation=inspect.Signature.empty)


def common_signature(parts: list[inspect.Signature]) -> inspect.Signature:
    """Give the parameters that all of several parts begin with, where none of them asks for more: each gets them all."""
    rows = [[*part.parameters.values()] for part in parts]
    count = 0
    for row in zip(*rows, strict=False):
        if len({(one.name, one.kind) for one in row}) > 1:
            break
        count += 1
    asked = [one for row in rows for one in row[count:] if one.default is one.empty and one.kind not in ANY_NUMBER]
    if not count or asked:
        return ANYTHING
    return shared_signature([part.replace(parameters=row[:count]) for part, row in zip(parts, rows, strict=True)])


def bound_signature(node: Bound) -> inspect.Signature:
    """Give the signature without the fixed parameters."""
    inside = signature_of(node.body)
    fixed = {name for name, _ in node.keywords}
    kept: list[inspect.Parameter] = []
    after = False
    for name, parameter in inside.parameters.items():
        if name in fixed:
            after = True
            continue
        if after and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            parameter = parameter.replace(kind=parameter.KEYWORD_ONLY)
        kept.append(parameter)
    kept.sort(key=lambda parameter: parameter.kind)
    return inside.replace(parameters=kept)


def of_parameters(known: Parameters | None, result: Any) -> inspect.Signature:
    """Give the signature that literal parameters stand for."""
    if known is None:
        return ANYTHING.replace(return_annotation=result)
    space: dict[str, Any] = {}
    exec(f"def shape({known.declared}): ...", space)
    shape = space["shape"]
    shape.__defaults__, shape.__kwdefaults__ = known.defaults, known.kwdefaults
    return inspect.signature(shape).replace(return_annotation=result)


ANY_NUMBER = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
ANYTHING = inspect.Signature(
    [
        inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
        inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
    ]
)


def signature_text(node: Node) -> str:
    """Give the signature as text, or a placeholder where there is none."""
    try:
        return str(signature_of(node))
    except (TypeError, ValueError):
        return "(...)"
