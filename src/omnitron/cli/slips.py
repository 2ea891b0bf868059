"""What a misspelt word was meant to be: of options, parameters, flows, files and codes."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["near_sentence", "near_text", "near_words"]

CLOSE = 0.6


def near_text(word: str, among: Iterable[str]) -> str:
    """Give "Near it: …. " with at most three of the words that are close to `word`, or the empty text."""
    return near_sentence(near_words(word, among))


def near_sentence(near: Iterable[str]) -> str:
    """Give words as a sentence and a space, or the empty text for none."""
    said = ", ".join(near)
    return f"Near it: {said}. " if said else ""


def near_words(word: str, among: Iterable[str]) -> list[str]:
    """Give at most three of the words that are close to `word`, the closest first; capitals do not matter."""
    from difflib import get_close_matches

    known: dict[str, str] = {}
    for each in among:
        known.setdefault(each.lower(), each)
    return [known[each] for each in get_close_matches(word.lower(), known, 3, CLOSE)]
