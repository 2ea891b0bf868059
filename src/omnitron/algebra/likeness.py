"""Which values in nodes are the same, whatever they are."""

from __future__ import annotations

from functools import partial
from typing import Any

__all__ = ["alike", "likeness"]


def alike(one: Any, other: Any) -> bool:
    """Say whether two values in a node are the same value, also inside of containers and dataclasses.

    `1`, `True` and `1.0` differ, and `0.0` and `-0.0`; functions count by identity.
    """
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple):
        return len(one) == len(other) and all(alike(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, partial):
        return alike(parts_of(one), parts_of(other))
    try:
        return bool(one == other) and alike(members(one), members(other))
    except Exception:
        return False


def likeness(value: Any) -> int:
    """Give a hash that is equal for `alike` values, whatever they are."""
    if isinstance(value, tuple):
        return hash(tuple(likeness(item) for item in value))
    if isinstance(value, partial):
        return likeness(parts_of(value))
    try:
        return hash((type(value), value))
    except Exception:
        return hash(type(value))


def members(value: Any) -> Any:
    """Give what tells more of a value than its own equality does; an empty tuple of one that has nothing more."""
    if isinstance(value, float | complex):  # 0.0 == -0.0
        return repr(value)
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return tuple(value.items())
    if isinstance(value, set | frozenset):
        return tuple(sorted(value, key=repr))
    names = getattr(type(value), "__dataclass_fields__", ())
    return tuple(getattr(value, name, None) for name in names)


def parts_of(value: partial[Any]) -> tuple[Any, ...]:
    """Give what makes one partial the same as another."""
    keywords = value.keywords
    return (value.func, value.args, tuple((name, keywords[name]) for name in sorted(keywords)))
