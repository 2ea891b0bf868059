"""The nodes that choose one of several flows by the input: choose, by_type; and those that keep the input: keep, tap.

What users call stands in `omnitron.algebra.selecting`. Read next: `omnitron.algebra.branching`, which has `when`.
"""

from __future__ import annotations

from types import GenericAlias
from typing import TYPE_CHECKING, Any

from omnitron.algebra.branching import common_parameters
from omnitron.algebra.looking import all_of, one_of
from omnitron.algebra.node import Node
from omnitron.algebra.steps import ONE_VALUE
from omnitron.code import WIDER, Every
from omnitron.errors import DefinitionError, NoMatch

if TYPE_CHECKING:
    from collections.abc import Hashable

    from omnitron.algebra.looking import Before, Look
    from omnitron.algebra.writer import Args, Writer
    from omnitron.code import Parameters

__all__ = ["ByType", "Choose", "Keep", "Tap"]

NO_ARM = -1


class Keep(Node):
    """Run a flow; give a pair of its input and its result."""

    __slots__ = ("body",)
    body: Node
    kind = "keep"
    direct = "first"
    shares = "input"
    segment = False

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the body and the pair."""
        result = w.temp()
        w.call(self.body, args, result)
        w.line(f"{target} = ({args.value}, {result})")
        w.line(f"del {result}")

    def takes(self, look: Look) -> Any:
        """Give what the body takes."""
        return look.takes(self.body)

    def gives(self, look: Look, before: Before) -> Any:
        """Give the pair."""
        return GenericAlias(tuple, (look.comes(self.body, before), look.gives(self.body, before)))

    def parameters(self) -> Parameters | None:
        """Give the body's."""
        return self.body.parameters()

    def title(self) -> str:
        """Give the body's name."""
        return self.body.name


class Tap(Node):
    """Run a flow and give its input on; what it gives is dropped."""

    __slots__ = ("body",)
    body: Node
    kind = "tap"
    direct = "first"
    looks = "body"
    segment = False

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the body, and an assignment where one is needed."""
        result = w.temp()
        w.call(self.body, args, result)
        if args.value != target:
            w.line(f"{target} = {args.value}")
        w.line(f"del {result}")

    def takes(self, look: Look) -> Any:
        """Give what the body takes."""
        return look.takes(self.body)

    def gives(self, look: Look, before: Before) -> Any:
        """Give what comes in."""
        return look.comes(self.body, before)

    def parameters(self) -> Parameters | None:
        """Give the body's."""
        return self.body.parameters()

    def title(self) -> str:
        """Give the body's name."""
        return self.body.name


class Choose(Node):
    """Run the flow that stands under a key of the input.

    Attributes:
        key: gives the key.
        keys: the constants that it is compared with, one an arm.
        arms: the flows.
        otherwise: run when the key is none of them; None refuses the value.
    """

    __slots__ = ("key", "keys", "arms", "otherwise")
    key: Node
    keys: tuple[Hashable, ...]
    arms: tuple[Node, ...]
    otherwise: Node | None
    kind = "choose"
    direct = "all"
    looks = "key"

    def check(self) -> None:
        """Refuse no arms, and keys that are no constants."""
        if not self.arms:
            raise DefinitionError("choose takes at least one arm: `choose(key, {'a': flow})`.")
        if len(self.keys) != len(self.arms):
            raise DefinitionError(f"choose has {len(self.arms)} arms and {len(self.keys)} keys.")
        for key in self.keys:
            if isinstance(key, Node) or hasattr(type(key), "acall"):
                raise DefinitionError(f"the keys of choose are constants such as 'a' or 3, got the flow {key!r}.")
        if len(dict.fromkeys(self.keys)) != len(self.keys):
            raise DefinitionError("choose has two arms under one key; keys are compared as those of a dictionary.")

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the key, and a row of `if`s over the number of the arm."""
        place, key, arm = w.cursor - 1, w.temp(), w.temp()
        w.call(self.key, args, key)
        w.line(f"{arm} = {w.bind(Places(self.keys))}({key})")
        emit_arms(w, self.arms, arm, args, target)
        with w.block("else:"):
            if self.otherwise is not None:
                w.call(self.otherwise, args, target)
            else:
                refuse = w.bind(Refusal(tuple(map(repr, self.keys)), self.name))
                w.mark(f"raise {refuse}({key})", place)
        w.line(f"del {key}, {arm}")

    def takes(self, look: Look) -> Any:
        """Give what the key takes, and one of the arms."""
        return all_of((look.takes(self.key), one_of(map(look.takes, self.children[1:]))))

    def gives(self, look: Look, before: Before) -> Any:
        """Give what one of the arms gives."""
        return one_of(look.gives(arm, before) for arm in self.children[1:])

    def streams_after(self, before: str) -> str:
        """Give that of an arm that gives a stream."""
        return next(filter(None, (arm.streams_after(before) for arm in self.children[1:])), "")

    def parameters(self) -> Parameters | None:
        """Give those that key and arms share."""
        return common_parameters(self.children)

    def roles(self) -> tuple[str, ...]:
        """Give the keys of the arms."""
        return ("key", *(short(repr(key)) for key in self.keys), *(() if self.otherwise is None else ("default",)))


class ByType(Node):
    """Run the flow that takes values of the input's class.

    Attributes:
        kinds: for each arm the classes that it takes; `object` takes what no other arm does.
        arms: the flows.
    """

    __slots__ = ("kinds", "arms")
    kinds: tuple[tuple[type, ...], ...]
    arms: tuple[Node, ...]
    kind = "by_type"
    direct = "all"

    def check(self) -> None:
        """Refuse no arms, and a class that two arms take."""
        if not self.arms:
            raise DefinitionError("by_type takes at least one flow, whose parameter is annotated with a class.")
        if len(self.kinds) != len(self.arms):
            raise DefinitionError(f"by_type has {len(self.arms)} arms and {len(self.kinds)} groups of classes.")
        owners: dict[type, Node] = {}
        for kinds, arm in zip(self.kinds, self.arms, strict=True):
            for kind in kinds:
                if kind in owners:
                    raise DefinitionError(
                        f"by_type: both {owners[kind].name!r} and {arm.name!r} take {kind.__qualname__}, so that one of "
                        "them would never run. Leave one out, or annotate it with another class."
                    )
                owners[kind] = arm

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write a row of `if`s over the number of the arm."""
        place, arm = w.cursor - 1, w.temp()
        w.line(f"{arm} = {w.bind(Classes(self.kinds))}({args.value})")
        emit_arms(w, self.arms, arm, args, target)
        with w.block("else:"):
            refuse = w.bind(Refusal(tuple(row_text(kinds) for kinds in self.kinds), self.name))
            w.mark(f"raise {refuse}(type({args.value}))", place)
        w.line(f"del {arm}")

    def takes(self, look: Look) -> Any:
        """Give the classes of all arms."""
        return Every(tuple(kind for row in self.kinds for kind in row))

    def gives(self, look: Look, before: Before) -> Any:
        """Give what one of the arms gives."""
        return one_of(map(look.gives, self.arms))

    def streams_after(self, before: str) -> str:
        """Give that of an arm that gives a stream."""
        return next(filter(None, (arm.streams_after(before) for arm in self.children)), "")

    def parameters(self) -> Parameters:
        """One value."""
        return ONE_VALUE

    def roles(self) -> tuple[str, ...]:
        """Give the classes of the arms."""
        return tuple(row_text(kinds) for kinds in self.kinds)


def emit_arms(w: Writer, arms: tuple[Node, ...], number: str, args: Args, target: str) -> None:
    """Write the arms beneath a row of `if`s that compare the number of the arm."""
    for place, arm in enumerate(arms):
        with w.block(f"{'el' if place else ''}if {number} == {place}:"):
            w.call(arm, args, target)


class Places:
    """Gives the number of the arm of a key."""

    __slots__ = ("places",)

    def __init__(self, keys: tuple[Hashable, ...]) -> None:
        self.places = {key: place for place, key in enumerate(keys)}

    def __call__(self, key: Any) -> int:
        """Give the number; a key that is not hashable has no arm."""
        try:
            return self.places.get(key, NO_ARM)
        except TypeError:
            if is_hashable(key):
                raise
            return NO_ARM


def is_hashable(value: Any) -> bool:
    """Say whether a value can be looked up at all."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


class Classes:
    """Gives the number of the arm of a value: the nearest class of its own line first, then abstract classes in order.

    An arm for float takes an int that has no arm of its own, and one for complex both, as type checkers say.
    """

    __slots__ = ("kinds", "places", "rest")

    def __init__(self, kinds: tuple[tuple[type, ...], ...]) -> None:
        self.kinds = [(kind, place) for place, row in enumerate(kinds) for kind in row if kind is not object]
        self.places = dict(self.kinds)
        self.rest = next((place for place, row in enumerate(kinds) if object in row), NO_ARM)

    def __call__(self, value: Any) -> int:
        """Give the number."""
        places = self.places
        found = places.get(type(value))
        return found if found is not None else self.look(value)

    def look(self, value: Any) -> int:
        """Give the number of the arm of a value whose very class has none."""
        for kind in type(value).__mro__:
            for wanted in (kind, *WIDER.get(kind, ())):
                if wanted in self.places:
                    return self.places[wanted]
        for kind, place in self.kinds:
            if isinstance(value, kind):
                return place
        return self.rest


class Refusal:
    """Makes the error for what no arm takes."""

    __slots__ = ("arms", "name")

    def __init__(self, arms: tuple[str, ...], name: str) -> None:
        self.arms = arms
        self.name = name

    def __call__(self, key: Any) -> NoMatch:
        """Give the error."""
        return NoMatch(key, self.arms, self.name)


def row_text(kinds: tuple[type, ...]) -> str:
    """Give the classes of one arm as a reader would write them."""
    return " | ".join("None" if kind is type(None) else kind.__qualname__ for kind in kinds)


def short(text: str) -> str:
    """Give a text that fits beside a node in a picture."""
    return text if len(text) <= 40 else f"{text[:39]}…"
