"""Why a call would be a hit or a miss: which part of its key is another than that of the nearest call before."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from omnitron.model import Record
from omnitron.policy.entries import Book, Space

__all__ = ["CacheExplanation", "explain"]


class CacheExplanation(Record):
    """What a call would find now.

    Attributes:
        outcome: "hit", "stale" (the old result is given, and a new one computed), "error" (a kept one is raised),
            "computing" (the call would wait for another), "miss", or "unknown" (only an async storage could tell).
        reason: of a miss: "expired", "evicted", "invalidated", "changed", "not stored", or "first".
        moved: what "changed" against the nearest call before: names of parameters, `needed tenant` for a value of the
            context, "version", "policy", or "context" (its clock, guards, replacements or capabilities).
    """

    __slots__ = ("outcome", "reason", "moved")
    outcome: str
    reason: str
    moved: tuple[str, ...]

    def __init__(self, outcome: str, reason: str = "", moved: tuple[str, ...] = ()) -> None:
        self._fill(outcome=outcome, reason=reason, moved=moved)

    def __str__(self) -> str:
        """Say it in a sentence."""
        if self.outcome != "miss":
            return SAID[self.outcome]
        if self.reason == "changed":
            what = " and ".join(self.moved)
            return f"a miss: the nearest call before differs in {what}."
        return f"a miss: {REASONS[self.reason]}."


SAID = {
    "hit": "a hit.",
    "stale": "a stale hit: the old result is given, and a new one computed.",
    "error": "a hit: the error that is kept is raised again.",
    "computing": "it is being computed, and the call would wait for it.",
    "unknown": "not known: the storage is asynchronous.",
}
REASONS = {
    "expired": "what was kept is past its time",
    "evicted": "what was kept had to make room",
    "invalidated": "what was kept was invalidated",
    "not stored": "the store has it no more, or could not keep it",
    "first": "no call before is like it",
}


def explain(
    book: Book, space: Space, key: Hashable, parts: tuple[str, ...], now: float, dropped: list[Any] | None = None
) -> CacheExplanation:
    """Explain what a call with a key would find (with the lock held).

    Args:
        book: the cell.
        space: the space of the call's context.
        key: its key.
        parts: the names of what a key is made of, in order.
        now: the time.
        dropped: takes what was past its time, as in `Book.look`.
    """
    entry = book.look(space, key, now, dropped)
    if entry is not None:
        return CacheExplanation("error" if entry.failed else "hit" if now < entry.expires else "stale")
    if key in space.flights:
        return CacheExplanation("computing")
    for who, gone, why in reversed(book.gone):
        if who == space.who and gone == key:
            return CacheExplanation("miss", why)
    beside = beside_of(book, space, key)
    if beside:
        return CacheExplanation("miss", "changed", (beside,))
    moved = nearest(book, space, key, parts)
    return CacheExplanation("miss", "changed", moved) if moved else CacheExplanation("miss", "first")


def beside_of(book: Book, space: Space, key: Hashable) -> str:
    """Give what is another where the very key is kept for the same flow under something else, or ""."""
    mine: Any = space.who
    for who, other in list(book.spaces.items()):
        if other is space or not isinstance(who, tuple) or (key not in other.entries and key not in other.errors):
            continue
        if who[:2] == mine[:2]:  # the flow, and what makes its keys
            return "version" if who[2] != mine[2] else "policy" if who[3] != mine[3] else "context"
    return ""


def nearest(book: Book, space: Space, key: Any, parts: tuple[str, ...]) -> tuple[str, ...]:
    """Give the parts in which a key differs from the one before that is most like it."""
    best: tuple[str, ...] = ()
    for other in keys_before(book, space):
        if len(parts) == 1:
            return parts
        moved = tuple(name for name, one, two in zip(parts, key, other, strict=True) if one != two)
        if not best or len(moved) < len(best):
            best = moved
    return best


def keys_before(book: Book, space: Space) -> Iterator[Any]:
    """Give the keys of the same space, the last first."""
    yield from (entry.key for entry in reversed(list(book)) if entry.space is space)
    yield from (gone for who, gone, _ in reversed(book.gone) if who == space.who)
