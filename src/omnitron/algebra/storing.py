"""`Shelf`: between a cached flow and its storage. Whatever the storage does, the call goes on.

A key there is the flow's name and version, a hash of its description and its `key=`, and a hash of the form of the call's
key: flows that share a storage never read each other's results. What stands there is read by `omnitron.policy.Coding`.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable
from contextlib import suppress
from copy import copy
from math import inf
from time import monotonic
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from omnitron.algebra.constants import Constants, hidden_in, path_to
from omnitron.algebra.describing import describe_node
from omnitron.algebra.looking import Look
from omnitron.algebra.resting import SILENT_S, rest_s
from omnitron.code import COROUTINE
from omnitron.errors import DefinitionError
from omnitron.model import StoredValue, canonical
from omnitron.policy import Coding, Former
from omnitron.runtime import log

if TYPE_CHECKING:
    from datetime import datetime

    from omnitron.algebra.caching import Cached
    from omnitron.model import Clock

__all__ = ["Shelf", "storage_methods"]

ENDLESS_S = 1e10
"""What is kept for longer than this (three centuries) is kept without an end: dates do not reach much further."""
CLOCKS_S = 60.0
"""By so much the wall clocks of those who share a storage may differ."""


class Shelf:
    """The results of one cached flow in a storage.

    Attributes:
        storage: the storage.
        prefix: what all its keys begin with.
        coding: writes and reads results.
        authority: the capabilities under which results were made; None for all.
    """

    __slots__ = ("authority", "coding", "is_endless", "name", "prefix", "storage", "told", "ttl", "window")

    def __init__(self, node: Cached) -> None:
        self.authority: frozenset[str] | None = None
        self.storage = node.store
        self.name = node.body.name
        self.is_endless = node.ttl is None or node.ttl + node.stale_while_revalidate > ENDLESS_S
        self.ttl = node.ttl or 0.0
        self.window = node.stale_while_revalidate
        self.coding = Coding(Look(names=True).gives(node.body))
        self.prefix = f"{self.name}/{node.version}/{self.described(node)}/"
        self.told: dict[str, float] = {}

    def described(self, node: Cached) -> str:
        """Give a hash of what the flow is, as far as its description tells: not of the code of its functions."""
        data = describe_node(node.identity())
        hidden = hidden_in(data)
        if hidden is not None:
            raise DefinitionError(
                f"{self.name!r} is cached in a store, and holds {hidden}, which has no name that is the same in the next "
                "process. Put it under a name at the top of a module, or cache it in memory: leave `store` out."
            )
        from hashlib import blake2b

        text = repr(data if node.key is None else (data, key_form(node.key)))
        main = getattr(sys.modules.get("__main__"), "__file__", None) if "__main__:" in text else None
        return blake2b(f"{text}{main}".encode(), digest_size=16).hexdigest()

    def beside(self, guards: Any, authority: frozenset[str] | None, fakes: Any) -> Shelf | None:
        """Give the results of contexts with the same capabilities; those with guards or fakes keep none in a storage."""
        if guards or fakes:
            return None
        found: Shelf = copy(self)
        found.authority = authority
        return found

    def text(self, key: Hashable) -> str:
        """Give the key of a storage for a key of the process.

        Raises:
            DefinitionError: something in it means nothing in another process.
        """
        from hashlib import blake2b

        whole = key if self.authority is None else (key, self.authority)
        return f"{self.prefix}{blake2b(canonical(whole), digest_size=16).hexdigest()}"

    # In threads

    def load(self, key: Hashable, clock: Clock) -> tuple[Any, bool] | None:
        """Give what is kept and whether it is stale; None where there is nothing, or nothing that can be read."""
        text, began = self.text(key), monotonic()
        if self.rests("read from"):
            return None
        try:
            return self.read(self.here(self.storage.get(text)), clock)
        except Exception as error:
            self.report("read from", error, began)
            return None

    def save(self, key: Hashable, value: Any, clock: Clock) -> None:
        """Keep a result, if it can be kept and the storage does."""
        stored, began = self.stored(value, clock), monotonic()
        if stored is not None and not self.rests("write to"):
            try:
                self.here(self.storage.set(self.text(key), stored))
            except Exception as error:
                self.report("write to", error, began)

    def drop(self, key: Hashable) -> None:
        """Forget what was kept just now."""
        try:
            self.here(self.storage.delete(self.text(key)))
        except Exception as error:
            self.report("delete from", error)

    def here(self, answer: Any) -> Any:
        """Refuse an answer that a sync flow cannot await."""
        if is_later(answer):
            close = getattr(answer, "close", None)
            if close is not None:
                close()
            raise TypeError(
                f"{type(self.storage).__name__} is asynchronous, and the flow is sync: nothing can await it"
            )
        return answer

    # In tasks

    async def load_async(self, key: Hashable, clock: Clock) -> tuple[Any, bool] | None:
        """The async twin of `load`."""
        text, began = self.text(key), monotonic()
        if self.rests("read from"):
            return None
        try:
            answer = self.storage.get(text)
            return self.read(await answer if is_later(answer) else answer, clock)
        except Exception as error:
            self.report("read from", error, began)
            return None

    async def save_async(self, key: Hashable, value: Any, clock: Clock) -> None:
        """The async twin of `save`."""
        stored, began = self.stored(value, clock), monotonic()
        if stored is not None and not self.rests("write to"):
            try:
                answer: Any = self.storage.set(self.text(key), stored)
                if is_later(answer):
                    await answer
            except Exception as error:
                self.report("write to", error, began)

    async def drop_async(self, key: Hashable) -> None:
        """The async twin of `drop`."""
        try:
            answer: Any = self.storage.delete(self.text(key))
            if is_later(answer):
                await answer
        except Exception as error:
            self.report("delete from", error)

    # Of both

    def outcome(self, key: Hashable, clock: Clock) -> str:
        """Say what a call would find: "hit", "stale" or "miss"; "unknown" of an async storage."""
        answer: Any = self.storage.get(self.text(key))
        if is_later(answer):
            with suppress(TypeError):
                self.here(answer)
            return "unknown"
        found = self.read(answer, clock)
        return "miss" if found is None else "stale" if found[1] else "hit"

    def read(self, stored: StoredValue | None, clock: Clock) -> tuple[Any, bool] | None:
        """Give what a storage answered: the result, and whether it is stale."""
        if stored is None:
            return None
        now = clock.now()
        if (stored.expires_at is not None and now >= stored.expires_at) or self.lasts_too_long(stored, now):
            return None
        return self.coding.decode(stored.data), stored.stale_at is not None and now >= stored.stale_at

    def lasts_too_long(self, stored: StoredValue, now: datetime) -> bool:
        """Say whether a result claims a time that this flow gives none: another `ttl` wrote it, or a clock went back."""
        if self.is_endless:
            return False
        left_s = inf if stored.stale_at is None else (stored.stale_at - now).total_seconds()
        return left_s > self.ttl + CLOCKS_S

    def stored(self, value: Any, clock: Clock) -> StoredValue | None:
        """Give a result as a storage has it; None, and say why, if it could not be read again as what it is."""
        try:
            data = self.coding.encode(value)
            if b'"class"' in data and not alike_again(value, self.coding.decode(data)):
                raise DefinitionError("what is read again is not equal to it")
        except Exception as error:
            self.report_unkept(error)
            return None
        if self.is_endless:
            return StoredValue(data)
        from datetime import timedelta

        stale_at = clock.now() + timedelta(seconds=self.ttl)
        return StoredValue(data, stale_at, stale_at + timedelta(seconds=self.window))

    def is_due(self, what: str) -> bool:
        """Say whether something is to be logged now, and not still silent."""
        now = monotonic()
        if now < self.told.get(what, -SILENT_S) + SILENT_S:
            return False
        self.told[what] = now
        return True

    def rests(self, what: str) -> bool:
        """Say whether a storage that took long to fail is not asked."""
        return monotonic() < self.told.get(f"{what} again", -inf)

    def report(self, what: str, error: Exception, began: float = inf) -> None:
        """Log what a storage does wrong; let it rest if it took its time."""
        now = monotonic()
        self.told[f"{what} again"] = now + rest_s(now - began)
        if self.is_due(what):
            log("error", "could not %s the store of %r; calls go on without it", what, self.name, error=error)

    def report_unkept(self, error: Exception) -> None:
        """Log that a result cannot be kept."""
        if self.is_due("keep"):
            log("warning", "a result of %r cannot be kept in its store: %s", self.name, error)


def key_form(key: Any) -> Any:
    """Give what tells one `key=` from another in every process: its name; of a function without a path, its code too."""
    constants = Constants(lambda node: node.name, lambda node: node.name)
    if type(key) is not FunctionType or path_to(key) is not None:
        return constants.plain(key)
    held = [cell.cell_contents for cell in key.__closure__ or ()]
    return [
        key.__module__,
        key.__qualname__,
        code_form(key.__code__),
        constants.each([*held, *(key.__defaults__ or ())]),
    ]


def code_form(code: CodeType) -> Any:
    """Give what a function does, wherever it stands."""
    constants: list[Any] = []
    for value in code.co_consts:
        if isinstance(value, CodeType):
            value = code_form(value)
        constants.append(sorted(map(repr, value)) if isinstance(value, frozenset) else value)
    return [code.co_code.hex(), code.co_names, code.co_varnames, constants]


def is_later(answer: Any) -> bool:
    """Say whether an answer has to be awaited."""
    return hasattr(type(answer), "__await__")


def alike_again(value: Any, again: Any) -> bool:
    """Say whether a result was read as what it was, in all that tells values apart in keys."""
    form = Former()
    return bool(form(again) == form(value))


def storage_methods(storage: Any, *, is_async: bool) -> None:
    """Refuse what is no storage, and one that a sync flow could not await."""
    if isinstance(storage, str) or hasattr(storage, "__fspath__"):
        raise DefinitionError(
            f"`store` is an object that keeps results, got {storage!r}. Write `SQLiteStore({str(storage)!r})`."
        )
    missing = [name for name in ("get", "set", "delete", "clear") if not callable(getattr(storage, name, None))]
    if missing or isinstance(storage, dict | type):
        raise DefinitionError(
            f"`store` is an object with get, set, delete and clear (see omnitron.CacheStorage); {storage!r} has no "
            f"{' and no '.join(missing) or 'such methods'}."
        )
    if not is_async and getattr(getattr(storage.get, "__code__", None), "co_flags", 0) & COROUTINE:
        raise DefinitionError(
            f"{type(storage).__name__} is asynchronous, and the flow is sync: nothing could await it. Give a store with "
            "plain methods, for example SQLiteStore, or make the flow async."
        )
