"""The node that calls a flow so often at most. What waits for a permit stands in `omnitron.algebra.permitting`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from omnitron.algebra.branching import check_no_stream, check_plain
from omnitron.algebra.node import WAITS, Node
from omnitron.algebra.permitting import Limiter, take_method
from omnitron.algebra.policing import Policy
from omnitron.errors import DefinitionError
from omnitron.policy import RateCell, RateLimit

if TYPE_CHECKING:
    from omnitron.algebra.writer import Args, Writer

__all__ = ["Limited"]


class Limited(Policy):
    """Call a flow so often at most. The fields beside `body` and `cell` are those of `omnitron.RateLimit`.

    Attributes:
        body: the flow.
        cell: the permits, and who waits; no part of equality.
    """

    __slots__ = (
        "body", "count", "per", "algorithm", "burst", "wait", "max_wait", "key", "store", "limit", "cell",
    )  # fmt: skip
    body: Node
    count: int
    per: float
    algorithm: str
    burst: int | None
    wait: bool
    max_wait: float | None
    key: Callable[..., Any] | None
    store: Any
    limit: str | None
    cell: RateCell
    kind = "rate_limit"
    tunable: ClassVar = {"count": int, "per": float, "burst": int, "wait": bool, "max_wait": float}

    @classmethod
    def of(cls, body: Node, policy: RateLimit) -> Limited:
        """Give the node of a policy over a flow; all that are made of one policy share its cell."""
        return cls(body, *(getattr(policy, name) for name in RateLimit.fields), policy.cell)

    def _derive(self) -> None:
        super()._derive()
        object.__setattr__(self, "needs", self.needs | {WAITS})

    def check(self) -> None:
        """Refuse what is no policy, and a flow whose work begins when it has been called."""
        fields = dict(zip(RateLimit.fields, (getattr(self, name) for name in self.fields[1:-1]), strict=True))
        RateLimit(**fields)
        if not isinstance(self.cell, RateCell):
            raise DefinitionError(f"the cell of a rate limit is a RateCell, got {self.cell!r}.")
        if self.key is not None:
            check_plain("`key`", self.key)
        if self.store is not None:
            take_method(self.store, is_async=self.body.is_async)
        check_no_stream(
            self.body,
            "a limit of its calls would not slow down its items",
            "Put `.rate_limit` on the flow of one item: `f.rate_limit(10).stream()`.",
        )

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the taking of a permit, and the body after it."""
        place, limiter, key = w.cursor - 1, Limiter(self), ""
        if self.key is not None:
            key = w.temp()
            w.mark(f"{key} = {w.bind(limiter.key_of)}({args.call})", place)
        wait = f"await {w.bind(limiter.enter_async)}({key})" if w.awaits else f"{w.bind(limiter.enter)}({key})"
        if w.seen or self.store is not None:
            w.mark(wait, place)
        else:
            w.mark(f"if not {w.bind(limiter.admit())}({key}): {wait}", place)
        w.pass_on(self.body, args, target)

    def detail(self) -> str:
        """Give the options that are not the default."""
        shown = [f"{self.count} per {self.per:g} s"] + ([] if self.algorithm == "bucket" else [self.algorithm])
        for name in ("burst", "max_wait", "key", "store", "limit"):
            value = getattr(self, name)
            if value is not None:
                shown.append(
                    f"{name if name != 'limit' else 'name'}={getattr(value, '__qualname__', None) or repr(value)}"
                )
        return ", ".join(shown if self.wait else [*shown, "wait=False"])
