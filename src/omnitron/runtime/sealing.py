"""Pickles for the worker processes of this program: the only ones that take a `Secret` along.

A secret lies in them under a mask of random bytes, which lies beside it. That hides it from nobody who means to look, but
from logs, from the locals of a traceback, and from whoever reads the bytes by accident.
"""

from __future__ import annotations

import copyreg
import os
import pickle
from io import BytesIO
from typing import Any

from omnitron.errors import Unpicklable
from omnitron.model import Secret

__all__ = ["sealed"]


def sealed(value: Any) -> bytes:
    """Pickle a value for a process of this program. No pickler but this one, and nothing that is called meanwhile, does so.

    Raises:
        Exception: what pickling raises; `Unpicklable` for a Secret of something that does not pickle.
    """
    out = BytesIO()
    pickler = pickle.Pickler(out, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = copyreg.dispatch_table | {Secret: reduce_secret}
    pickler.dump(value)
    return out.getvalue()


def reduce_secret(secret: Secret[Any]) -> tuple[Any, ...]:
    """Say how to make a secret again, from its masked pickle."""
    found = masked(secret)
    if isinstance(found, str):
        raise Unpicklable(
            f"a Secret of a {type(secret.reveal()).__qualname__} cannot travel: what it holds does not pickle ({found})."
        )
    return restore, found


def restore(mask: bytes, content: bytes) -> Secret[Any]:
    """Make a secret of its masked pickle."""
    found = unmasked(mask, content)
    if isinstance(found, str):
        raise Unpicklable(f"a Secret that came from another process cannot be loaded here ({found}).")
    return found


# See Note [No trace of a value] in `omnitron.model.secrecy`.


def masked(secret: Secret[Any]) -> tuple[bytes, bytes] | str:
    """Give a mask and the pickle of what a secret holds beneath it, or the name of the error."""
    try:
        return cover(sealed(secret.reveal()))
    except Exception as error:
        return type(error).__name__


def unmasked(mask: bytes, content: bytes) -> Secret[Any] | str:
    """Give a secret, or the name of the error."""
    try:
        return Secret(pickle.loads(mixed(mask, content)))
    except Exception as error:
        return type(error).__name__


def cover(content: bytes) -> tuple[bytes, bytes]:
    """Give a new mask, and bytes beneath it."""
    mask = os.urandom(len(content))
    return mask, mixed(mask, content)


def mixed(one: bytes, other: bytes) -> bytes:
    """Give the bits in which two texts of one length differ."""
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(len(one))
