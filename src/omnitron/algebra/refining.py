"""The nodes that change how one flow is called: with a tuple spread, with parameters fixed, as the method of an object."""

from __future__ import annotations

from keyword import iskeyword
from types import FunctionType
from typing import TYPE_CHECKING, Any

from omnitron.algebra.node import Node
from omnitron.algebra.steps import ONE_VALUE, Sequence, Step
from omnitron.algebra.writer import Args
from omnitron.code import UNKNOWN, exact_classes, named_annotation, parameter_annotation
from omnitron.errors import DefinitionError
from omnitron.model import Secret
from omnitron.runtime import Need

if TYPE_CHECKING:
    from collections.abc import Set

    from omnitron.algebra.looking import Before, Look
    from omnitron.algebra.writer import Writer
    from omnitron.code import Parameters

__all__ = ["Bound", "Receiver", "Star", "entry_function", "plain_name"]

fill = object.__setattr__


class Star(Node):
    """Call a flow with the members of the one value as its positional arguments."""

    __slots__ = ("body",)
    body: Node
    kind = "star"
    segment = False

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write a call with a star."""
        w.pass_on(self.body, Args(f"*{args.value}"), target)

    def gives(self, look: Look, before: Before) -> Any:
        """Give what the body gives."""
        return look.gives(self.body)

    def parameters(self) -> Parameters:
        """One value, the tuple."""
        return ONE_VALUE

    def streams_after(self, before: str) -> str:
        """Give the body's."""
        return self.body.streams

    def title(self) -> str:
        """Give the body's name."""
        return self.body.name


class Bound(Node):
    """Call a flow with some of its parameters fixed.

    Attributes:
        body: the flow.
        keywords: the fixed parameters as pairs of name and value.
    """

    __slots__ = ("body", "keywords")
    body: Node
    keywords: tuple[tuple[str, Any], ...]
    kind = "bind"
    segment = False
    direct = "first"

    def _derive(self) -> None:
        super()._derive()
        if self.needs:
            fill(self, "needs", self.needs_beside(frozenset()))

    def needs_beside(self, given: Set[str]) -> frozenset[Any]:
        """Give what the flow asks for besides what is fixed or passed."""
        return super().needs_beside({*given, *(name for name, _ in self.keywords)})

    def check(self) -> None:
        """Refuse names that the flow cannot take by keyword."""
        known = self.body.parameters()
        if known is None:
            return
        for name, value in self.keywords:
            if isinstance(value, Need):
                raise DefinitionError(
                    f"`bind` fixes `{name}` of {self.body.name!r} to a value, and {value!r} is none yet. Write it as the "
                    "default of the parameter."
                )
            if name in known.positional[: known.positional_only]:
                raise DefinitionError(
                    f"`{name}` of {self.body.name!r} is positional-only and cannot be bound by name; "
                    "use functools.partial(f, value)."
                )
            if known.more is None and name not in known.positional and name not in known.keyword_only:
                shown = ", ".join((*known.positional, *known.keyword_only)) or "none"
                raise DefinitionError(f"{self.body.name!r} has no parameter {name!r} to bind; it has {shown}.")
            if type(value) is not Secret and refuses_plain(entry_function(self.body), name, value):
                raise DefinitionError(
                    f"`{name}` of {self.body.name!r} takes a Secret, and `bind` would fix it to a {type(value).__name__}, "
                    f"which every picture of the flow would show. Write {name}=Secret(...)."
                )

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the call with the fixed values as keywords."""
        before, stars, more = args.call.partition("**")
        fixed = [f"{name}={w.bind(value, 'k')}" for name, value in self.keywords if plain_name(name)]
        odd = {name: value for name, value in self.keywords if not plain_name(name)}
        parts = [before.rstrip(", "), *fixed, *([f"**{w.bind(odd, 'k')}"] if odd else []), stars + more]
        w.pass_on(self.body, Args(", ".join(part for part in parts if part)), target)

    def takes(self, look: Look) -> Any:
        """Give what the body takes, unless its first parameter is fixed."""
        known = self.body.parameters()
        fixed = {name for name, _ in self.keywords}
        return UNKNOWN if known is None or fixed.intersection(known.positional[:1]) else look.takes(self.body)

    def gives(self, look: Look, before: Before) -> Any:
        """Give what the body gives."""
        return look.gives(self.body, before)

    def parameters(self) -> Parameters | None:
        """Give the body's without the fixed ones; what came after them is passed by keyword."""
        known = self.body.parameters()
        return None if known is None else known.without({name for name, _ in self.keywords})

    def detail(self) -> str:
        """Give the fixed parameters."""
        return ", ".join(f"{name}={value!r}" for name, value in self.keywords)

    def streams_after(self, before: str) -> str:
        """Give the body's."""
        return self.body.streams_after(before)

    def title(self) -> str:
        """Give the body's name."""
        return self.body.name

    @property
    def binds(self) -> bool:  # type: ignore[override]
        """Whether the body binds like a method."""
        return self.body.binds


def refuses_plain(fn: Any, name: str, value: Any) -> bool:
    """Say whether a parameter is annotated so that it takes a Secret, and not this value."""
    if type(fn) is not FunctionType:
        return False
    annotation = fn.__annotations__.get(name)
    if isinstance(annotation, str) and "Secret" not in annotation:  # looking a text up costs, and may fail
        return False
    kinds = exact_classes(named_annotation(fn, name, names=True)) or ()
    return Secret in kinds and not isinstance(value, kinds)


def plain_name(name: str) -> bool:
    """Say whether a name can be written in code as a keyword of a call."""
    return name.isidentifier() and not iskeyword(name)


def entry_function(node: Node) -> Any:
    """Give the function that a node's arguments reach first, as far as its parameters are known."""
    while True:
        if isinstance(node, Step):
            return node.fn
        if isinstance(node, Sequence):
            node = node.parts[0]
        elif (len(node.children) == 1 or node.kind == "undo") and node.parameters() is not None:
            node = node.children[0]
        else:
            return None


class Receiver(Node):
    """Call a flow made in a class body as a method of one object.

    Attributes:
        body: the flow.
        owner: the object.
    """

    __slots__ = ("body", "owner")
    body: Node
    owner: object
    kind = "method"
    segment = False
    direct = "first"

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the call with the object before the other arguments."""
        owner = w.bind(self.owner, "k")
        w.pass_on(self.body, Args(f"{owner}, {args.call}" if args.call else owner), target)

    def takes(self, look: Look) -> Any:
        """Give the annotation of the parameter after the object's."""
        node = self.body
        while isinstance(node, Bound):
            node = node.body
        return parameter_annotation(getattr(node, "fn", None), 1, names=look.names)

    def gives(self, look: Look, before: Before) -> Any:
        """Give what the body gives."""
        return look.gives(self.body)

    def parameters(self) -> Parameters | None:
        """Give the body's without the first."""
        known = self.body.parameters()
        return None if known is None else known.after_first()

    def streams_after(self, before: str) -> str:
        """Give the body's."""
        return self.body.streams

    def title(self) -> str:
        """Give the body's name."""
        return self.body.name
