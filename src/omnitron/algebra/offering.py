"""The signature that a flow offers to those who call it by its parameters: frameworks, `inspect.signature`, `help()`.

It leaves out what the context fills, for a framework fills every parameter that it finds, a web framework from what
strangers send. Annotations that are texts are looked up: the parts of a flow may stand in several modules, and nobody who
is handed a signature looks them up himself, `inspect.signature(eval_str=True)` neither. What names nothing stays a text.
The bare parameters are made in `omnitron.algebra.signature`.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from omnitron.algebra.annotated import annotation_at, is_need, looked_up, typed_result
from omnitron.algebra.node import Node
from omnitron.algebra.policing import Policy
from omnitron.algebra.refining import Bound, Receiver
from omnitron.algebra.signature import ANY_NUMBER, signature_of
from omnitron.algebra.steps import Step
from omnitron.algebra.uncompiled import in_class
from omnitron.errors import DefinitionError

__all__ = ["called_signature", "offered_annotations", "offered_signature"]

EMPTY: Any = inspect.Signature.empty


class Offered(inspect.Signature):
    """A signature without the parameters that the context fills; `bind` takes them, for a caller may pass them too.

    As text it shows them, to people.
    """

    __slots__ = ("whole",)
    whole: inspect.Signature

    def __init__(self, whole: inspect.Signature) -> None:
        kept = [one for one in whole.parameters.values() if not is_need(one)]
        super().__init__(kept, return_annotation=whole.return_annotation)
        self.whole = whole

    def bind(self, *args: Any, **kwargs: Any) -> inspect.BoundArguments:
        """Bind a call, which may pass what the context would fill."""
        return self.whole.bind(*args, **kwargs)

    def bind_partial(self, *args: Any, **kwargs: Any) -> inspect.BoundArguments:
        """Bind a part of a call."""
        return self.whole.bind_partial(*args, **kwargs)

    def replace(self, **changes: Any) -> inspect.Signature:  # type: ignore[override] # a plain one: of other parameters
        """Give a plain signature with other parameters or another result."""
        plain = inspect.Signature([*self.parameters.values()], return_annotation=self.return_annotation)
        return plain.replace(**changes)

    if not TYPE_CHECKING:
        __replace__ = replace

    def format(self, **options: Any) -> str:
        """Give it as text, with what the context fills."""
        return self.whole.format(**options) if hasattr(self.whole, "format") else str(self.whole)

    def __str__(self) -> str:
        return str(self.whole)

    def __reduce__(self) -> tuple[Any, ...]:
        return Offered, (self.whole,)


class Either(inspect.Signature):
    """The signature of a flow in a class body, which `bind` takes with the object and without.

    `unittest.mock` asks the flow in the class, and then checks the calls of the objects by its answer.
    """

    __slots__ = ("offered",)
    offered: inspect.Signature

    def __init__(self, offered: inspect.Signature) -> None:
        super().__init__([*offered.parameters.values()], return_annotation=offered.return_annotation)
        self.offered = offered

    def bind(self, *args: Any, **kwargs: Any) -> inspect.BoundArguments:
        """Bind a call of an object's flow, or of the class's."""
        whole = getattr(self.offered, "whole", self.offered)
        of_object = whole.replace(parameters=[*whole.parameters.values()][1:])
        try:
            return of_object.bind(*args, **kwargs)
        except TypeError as error:
            try:
                return self.offered.bind(*args, **kwargs)
            except TypeError:
                raise error from None

    def replace(self, **changes: Any) -> inspect.Signature:  # type: ignore[override] # a plain one: of other parameters
        """Give a plain signature with other parameters or another result."""
        return self.offered.replace(**changes)

    if not TYPE_CHECKING:
        __replace__ = replace

    def __str__(self) -> str:
        return str(self.offered)

    def __reduce__(self) -> tuple[Any, ...]:
        return Either, (self.offered,)


def called_signature(node: Node) -> inspect.Signature:
    """Give what `flow.__call__` shows as its signature, which is what `unittest.mock` checks calls by."""
    found = offered_signature(node)
    return Either(found) if found.parameters and node.binds and in_class(node) else found


def offered_signature(node: Node) -> inspect.Signature:
    """Give what a flow of this tree shows as its signature."""
    found = signature_of(node)
    fn = function_of(node)
    if fn is not None:
        found = found.replace(
            parameters=[one.replace(annotation=meant(fn, one.annotation)) for one in found.parameters.values()],
            return_annotation=meant(fn, found.return_annotation),
        )
    else:
        found = found.replace(
            parameters=[placed(node, place, one) for place, one in enumerate(found.parameters.values())],
            return_annotation=result_of(node, found.return_annotation),
        )
    return Offered(found) if any(is_need(one) for one in found.parameters.values()) else found


def offered_annotations(node: Node) -> dict[str, Any]:
    """Give the annotations of what is composed: those of its signature, and the result as `return`."""
    signature = offered_signature(node)
    found = {name: one.annotation for name, one in signature.parameters.items() if one.annotation is not EMPTY}
    return found if signature.return_annotation is EMPTY else {**found, "return": signature.return_annotation}


def function_of(node: Node) -> Any:
    """Give the function of a tree that is one function and what refines it, or None."""
    while isinstance(node, (Bound, Receiver, Policy)):
        node = node.body
    return node.fn if isinstance(node, Step) else None


def meant(fn: Any, annotation: Any) -> Any:
    """Give what an annotation of a function means: a text is looked up where the function stands."""
    if not isinstance(annotation, str):
        return annotation
    try:
        return plain(looked_up(fn, "it", annotation, "a parameter"))
    except DefinitionError:
        return annotation


def plain(annotation: Any) -> Any:
    """Give `None` for the type of None, as it is written."""
    return None if annotation is type(None) else annotation


def placed(node: Node, place: int, parameter: inspect.Parameter) -> inspect.Parameter:
    """Give a parameter with its annotation looked up; one that names nothing stays a text."""
    if parameter.kind in ANY_NUMBER:
        return parameter
    try:
        return parameter.replace(annotation=plain(annotation_at(node, place, parameter.name)))
    except DefinitionError:
        return parameter


def result_of(node: Node, bare: Any) -> Any:
    """Give the annotation of the result, looked up; none for a stream, which gives its items and no list of them."""
    if node.streams:
        return EMPTY
    try:
        return plain(typed_result(node))
    except DefinitionError:
        return bare if isinstance(bare, str) else EMPTY
