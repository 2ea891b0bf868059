"""A planted secret, and the search for it in whatever a program leaves behind."""

from __future__ import annotations

import base64
import json
import pickle
import pprint
import reprlib
import traceback
from collections.abc import Iterable, Iterator
from typing import Any

PLANTED = "Zq7Xv9KdPl4ntedW3rtJm2"
"""Letters and digits only, so that no way of quoting changes it."""


class Bare:
    """What a Secret would be if it hid nothing; with it in the place of a Secret every search must find something."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return type(other) is Bare and self.value == other.value

    def __hash__(self):
        return hash(self.value)

    def __repr__(self):
        return f"Bare({self.value!r})"

    def reveal(self):
        return self.value


def forms(text: str) -> Iterator[bytes]:
    """Give a text as it stands in files: in several encodings, each half alone, in case it was shortened."""
    for part in (text[: len(text) // 2], text[len(text) // 2 :]):
        plain = part.encode()
        yield from (part.encode(name) for name in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"))
        yield from (plain.hex().encode(), plain.hex(" ").encode(), plain.hex().upper().encode(), plain[::-1])
        yield "".join(f"%{byte:02X}" for byte in plain).encode()
        yield "".join(f"\\x{byte:02x}" for byte in plain).encode()
        yield "".join(f"\\u{byte:04x}" for byte in plain).encode()
        yield ", ".join(map(str, plain)).encode()
        for shift in range(3):  # where it may begin among the three bytes that become four letters
            encoded = base64.b64encode(b"\0" * shift + plain)
            yield encoded[4 if shift else 0 : -4]


FORMS = tuple(forms(PLANTED))


def shows(content: str | bytes) -> bool:
    """Say whether the planted secret stands in a text or in bytes."""
    content = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else bytes(content)
    return any(form in content for form in FORMS)


def found_in(things: Iterable[tuple[str, Any]]) -> list[str]:
    """Give the names of the things that show the planted secret, each with how they show it."""
    return [f"{name}: {how}" for name, thing in things for how, content in faces(thing) if shows(content)]


def faces(thing: Any) -> Iterator[tuple[str, str | bytes]]:
    """Give every text and every bytes that a thing is likely to become."""
    if isinstance(thing, str | bytes):
        yield "itself", thing
        return
    texts = (repr, str, ascii, format, pprint.pformat, reprlib.repr, as_json)
    yield from ((getattr(tell, "__name__", "text"), attempt(tell, thing)) for tell in texts)
    for protocol in (0, pickle.HIGHEST_PROTOCOL):
        yield f"pickle {protocol}", attempt(pickle.dumps, thing, protocol)
    if isinstance(thing, BaseException):
        yield "traceback with locals", whole_traceback(thing)
        yield "attributes", attempt(repr, vars(thing))


def attempt(make: Any, *args: Any) -> str | bytes:
    """Give what a function makes of a thing, or all that its error says."""
    try:
        return make(*args)  # type: ignore[no-any-return]
    except Exception as error:
        return whole_traceback(error)


def as_json(thing: Any) -> str:
    """Give JSON in which what JSON does not know stands by its text."""
    return json.dumps(thing, default=lambda value: vars(value) if hasattr(value, "__dict__") else str(value))


def whole_traceback(error: BaseException) -> str:
    """Give a traceback as an error reporter would: with locals, causes, contexts, groups and notes."""
    own = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    silenced, seen = [own], [error]
    while (context := seen[-1].__context__) is not None and context not in seen:  # also what `from None` hides
        seen.append(context)
        silenced += traceback.TracebackException.from_exception(context, capture_locals=True).format()
    return "\n".join([*silenced, *(repr(one.args) for one in seen)])
