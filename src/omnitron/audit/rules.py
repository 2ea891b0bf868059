"""By what the readings of one text are told apart: the text, whose it is, and the rules it was read by.

A reading that is kept outlives the code that made it; its version is that of these rules.
"""

from __future__ import annotations

import sys
from functools import cache
from hashlib import blake2b
from importlib import resources
from typing import Final

from omnitron.audit.files import Content

__all__ = ["rules_version", "text_key"]

RULES: Final = ("imports.py", "knowledge.py")
"""The files that say how a text is read, and what the modules that it imports are known for."""


@cache
def rules_version() -> str:
    """Give what changes whenever a text could be read otherwise: the grammar of this Python, and the rules."""
    digest = blake2b(sys.version.encode(), digest_size=8)
    for name in RULES:
        digest.update(resources.files(__package__).joinpath(name).read_bytes())
    return digest.hexdigest()


def text_key(content: Content) -> tuple[bytes, str]:
    """Give what tells one text from another: a hash of its bytes, and the package whose own imports are not listed."""
    return blake2b(content.data, digest_size=16).digest(), content.source.own
