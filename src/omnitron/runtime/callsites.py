"""Where in the code of a function a call stands: its ordinal, which no edit of comments or line breaks moves."""

from __future__ import annotations

from types import CodeType
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["call_ordinal", "is_own", "passes_on"]

OWN_CODE: set[CodeType] = set()
ordinals: WeakKeyDictionary[CodeType, dict[int, int]] = WeakKeyDictionary()


def passes_on(code: CodeType) -> None:
    """Say that the function of this code only passes calls on, so that its frame is no call site."""
    OWN_CODE.add(code)


def is_own(code: CodeType) -> bool:
    """Say whether a function only passes calls on."""
    return code in OWN_CODE


def call_ordinal(code: Any, offset: int) -> int:
    """Give the ordinal (from 0) of the call at bytecode `offset` among the calls of `code`."""
    known = ordinals.get(code)
    if known is None:
        import dis

        calls = [
            i.offset for i in dis.get_instructions(code) if i.opname.startswith("CALL") and "INTRINSIC" not in i.opname
        ]
        known = ordinals[code] = {place: number for number, place in enumerate(calls)}
    found = known.get(offset)
    if found is None:  # an `await` of what was called just before it
        found = max((number for place, number in known.items() if place < offset), default=0)
    return found
