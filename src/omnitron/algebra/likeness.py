"""Which values in nodes are the same, whatever they are."""

from __future__ import annotations

from functools import partial
from typing import Any

__all__ = ["alike", "likeness"]


def alike(one: Any, other: Any) -> bool:
    """Say whether two values in a node are the same value: `1`, `True` and `1.0` differ, functions count by identity."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple):
        return len(one) == len(other) and all(alike(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, partial):
        return alike(parts_of(one), parts_of(other))
    try:
        return bool(one == other)
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


def parts_of(value: partial[Any]) -> tuple[Any, ...]:
    """Give what makes one partial the same as another."""
    keywords = value.keywords
    return (value.func, value.args, tuple((name, keywords[name]) for name in sorted(keywords)))
