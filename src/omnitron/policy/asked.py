"""What a server asks for: how long an error says to wait before the next attempt.

The protocol: an exception with an attribute `retry_after`, which is a number of seconds, a timedelta, a text as in the
HTTP header Retry-After (RFC 9110, 10.2.3: seconds, or a date), or None. Where it has none, the `headers` of the exception,
and then of its `response`, are asked for that header, as those of httpx, requests, aiohttp and urllib have it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

__all__ = ["retry_after"]


def retry_after(error: BaseException, now: Callable[[], datetime]) -> float | None:
    """Give how many seconds an error asks to wait; None where it asks for nothing that can be understood.

    Args:
        error: the error.
        now: gives the wall time, asked for only where the error names a date.
    """
    try:
        value = getattr(error, "retry_after", None)
        if value is None:
            value = header_of(error)
        return None if value is None else seconds_of(value, now)
    except Exception:  # an attribute of a foreign class may do anything
        return None


def header_of(error: Any) -> Any:
    """Give the Retry-After header of an error, or None."""
    for holder in (error, getattr(error, "response", None)):
        headers = getattr(holder, "headers", None)
        get: Any = getattr(headers, "get", lambda name: None)
        for name in ("Retry-After", "retry-after"):
            value = get(name)
            if value is not None:
                return value
    return None


def seconds_of(value: Any, now: Callable[[], datetime]) -> float | None:
    """Give a number of seconds from a number, from a timedelta, from digits, or from an HTTP date."""
    total = getattr(value, "total_seconds", None)
    if total is not None:
        value = total()
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if isinstance(value, str):
        text = value.strip()
        if not text.replace(".", "", 1).isdecimal():
            return until(text, now())
        value = float(text)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        return None
    return float(value)


def until(text: str, now: datetime) -> float | None:
    """Give the seconds until an HTTP date, at least 0; None where the text is none."""
    from datetime import UTC
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())
