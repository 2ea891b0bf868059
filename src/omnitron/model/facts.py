"""What can be declared of a flow: its effects, the capabilities it requires, its metadata.

Source: the specification, sections 1 and 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Flag
from typing import Any

from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model.record import Record

__all__ = ["Capability", "Effect", "FlowExample", "FlowMeta", "capability_names", "covers"]


class Effect(Flag):
    """What a flow does to the world beyond computing its result.

    READ and WRITE are of state outside the flow; ASYNC suspends; ERROR may raise; IO does input or output; RANDOM is
    not deterministic; NETWORK talks to other machines; COMPUTE and MEMORY are intensive in either. The members and their
    values are the specification's. A flow that declares nothing is *undeclared* (`FlowMeta.effects is None`), which is
    not `Effect.NONE`.
    """

    NONE = 0
    READ = 1 << 0
    WRITE = 1 << 1
    ASYNC = 1 << 2
    ERROR = 1 << 3
    IO = 1 << 4
    RANDOM = 1 << 5
    NETWORK = 1 << 6
    COMPUTE = 1 << 7
    MEMORY = 1 << 8


class Capability(Record):
    """An authority over one kind of resource, written `kind:resource`; a final `*` matches any rest.

    Example:
        >>> Capability("net:*").covers("net:api.example")
        True
    """

    __slots__ = ("name", "description")
    name: str
    description: str

    def __init__(self, name: str, description: str = "") -> None:
        check_capability(name)
        self._fill(description=description, name=name)

    def covers(self, name: str) -> bool:
        """Say whether holding this one is enough where `name` is required."""
        return covers(self.name, name)

    def __str__(self) -> str:
        return self.name


def check_capability(name: object) -> str:
    """Give `name` back if it is a capability's name, else refuse it."""
    if not isinstance(name, str):
        raise DefinitionError(f"a capability is a string `kind:resource`, got {name!r} ({type(name).__name__}).")
    kind, colon, rest = name.partition(":")
    if name != "*" and not (kind and colon and rest):
        raise InvalidValue(f"a capability is written `kind:resource`, for example 'net:api.example'; got {name!r}.")
    if "*" in name[:-1]:
        raise InvalidValue(f"in a capability `*` may only stand at the end; got {name!r}.")
    return name


def capability_names(given: Iterable[str | Capability] | str | None) -> frozenset[str] | None:
    """Normalise what a user gives for `capabilities=` to a set of names; None stays None.

    Raises:
        DefinitionError: a lone string, or something that is no capability's name.
    """
    if given is None:
        return None
    if isinstance(given, str | Capability):
        raise DefinitionError(
            f"`capabilities` takes a set of names, got the single {str(given)!r}. Write {{{str(given)!r}}}."
        )
    return frozenset(item.name if isinstance(item, Capability) else check_capability(item) for item in given)


def covers(held: str, wanted: str) -> bool:
    """Say whether the capability `held` includes `wanted` (which may itself end in `*`)."""
    if held.endswith("*"):
        return wanted.startswith(held[:-1])
    return held == wanted


class FlowExample(Record):
    """One example of a flow's behaviour: an input, and the output that belongs to it."""

    __slots__ = ("input", "output", "description")
    input: Any
    output: Any
    description: str

    def __init__(self, input: Any, output: Any, description: str = "") -> None:
        self._fill(description=description, input=input, output=output)


class FlowMeta(Record):
    """What is declared about a flow. Every field has an empty default; a composed flow derives its own from its parts.

    Attributes:
        version: free text, by convention a semantic version; empty when not given.
        description: what the flow is for; the first line of the function's docstring when not given.
        effects: the declared effects, or None when nothing is declared (which is not `Effect.NONE`).
        capabilities: names of the capabilities that a run must hold.
        tags: free words to search by.
        examples: inputs with the outputs that belong to them.
    """

    __slots__ = ("version", "description", "effects", "capabilities", "tags", "examples")
    version: str
    description: str
    effects: Effect | None
    capabilities: frozenset[str]
    tags: frozenset[str]
    examples: tuple[FlowExample, ...]

    def __init__(
        self,
        *,
        version: str = "",
        description: str = "",
        effects: Effect | None = None,
        capabilities: Iterable[str | Capability] = (),
        tags: Iterable[str] = (),
        examples: Iterable[FlowExample] = (),
    ) -> None:
        for option, value in (("version", version), ("description", description)):
            if not isinstance(value, str):
                raise DefinitionError(f"`{option}` is a string, got {value!r}.")
        if effects is not None and not isinstance(effects, Effect):
            raise DefinitionError(f"`effects` is an Effect such as Effect.READ | Effect.NETWORK, got {effects!r}.")
        if isinstance(tags, str):
            raise DefinitionError(f"`tags` takes a set of words, got the single {tags!r}. Write {{{tags!r}}}.")
        self._fill(
            capabilities=capability_names(capabilities) or frozenset(),
            description=description,
            effects=effects,
            examples=tuple(examples),
            tags=frozenset(tags),
            version=version,
        )
