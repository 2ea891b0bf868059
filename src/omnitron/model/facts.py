"""What a flow does to the world, and what it requires: effects and capabilities.

Both are declared as a part of `omnitron.model.meta`. Source: the specification, sections 1 and 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Flag

from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model.record import Record

__all__ = ["Capability", "Effect", "capability_names", "covers"]


class Effect(Flag):
    """What a flow does to the world beyond computing its result.

    READ and WRITE are of state outside the flow; ASYNC suspends; ERROR may raise; IO does input or output; RANDOM is
    not deterministic; NETWORK talks to other machines; COMPUTE and MEMORY are intensive in either. The members and their
    values are the specification's. A flow that declares nothing is *undeclared* (`FlowMeta.effects is None`), which is
    not `Effect.NONE`.

    Example:
        >>> from omnitron import flow
        >>> flow(print, effects=Effect.WRITE | Effect.READ).meta.effects
        <Effect.READ|WRITE: ...>
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
    if not isinstance(given, Iterable):
        raise DefinitionError(f"`capabilities` takes a set of names, got {given!r}. Write {{'net:api.example'}}.")
    return frozenset(item.name if isinstance(item, Capability) else check_capability(item) for item in given)


def covers(held: str, wanted: str) -> bool:
    """Say whether the capability `held` includes `wanted` (which may itself end in `*`)."""
    if held.endswith("*"):
        return wanted.startswith(held[:-1])
    return held == wanted
