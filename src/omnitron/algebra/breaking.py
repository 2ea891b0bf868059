"""The node that refuses calls of what keeps failing. When it does is told by the machine in `omnitron.policy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from omnitron import runtime
from omnitron.algebra.branching import check_no_stream, check_on
from omnitron.algebra.node import Node
from omnitron.algebra.policing import Policy
from omnitron.algebra.timing import inside
from omnitron.errors import CircuitOpen, DefinitionError
from omnitron.model import PolicyChanged
from omnitron.policy import CLOSED, OPEN, BreakerCell, CircuitBreaker, valve
from omnitron.runtime import current_context, log

if TYPE_CHECKING:
    from omnitron.algebra.writer import Args, Writer
    from omnitron.policy import Breaker, Turned
    from omnitron.runtime import Site

__all__ = ["Breaking", "breaker_in"]


class Breaking(Policy):
    """Call a flow unless it keeps failing. The fields beside `body` and `cell` are those of `omnitron.CircuitBreaker`.

    Attributes:
        body: the flow.
        cell: the state; no part of equality.
    """

    __slots__ = (
        "body", "failures", "share", "window", "within", "minimum", "slow", "on", "open_for", "probes", "cell",
    )  # fmt: skip
    body: Node
    failures: int
    share: float | None
    window: int
    within: float | None
    minimum: int
    slow: float | None
    on: Any
    open_for: float
    probes: int
    cell: BreakerCell
    kind = "circuit_breaker"
    tunable: ClassVar = {
        "failures": int, "share": float, "window": int, "within": float, "minimum": int, "slow": float, "open_for": float,
        "probes": int,
    }  # fmt: skip

    @classmethod
    def of(cls, body: Node, policy: CircuitBreaker) -> Breaking:
        """Give the node of a policy over a flow; all that are made of one policy share its cell."""
        return cls(body, *(getattr(policy, name) for name in CircuitBreaker.fields), policy.cell)

    def policy(self) -> CircuitBreaker:
        """Give the policy as a value, which shares the state of this node."""
        made = CircuitBreaker(**{name: getattr(self, name) for name in CircuitBreaker.fields})
        object.__setattr__(made, "_cell", self.cell)
        return made

    def check(self) -> None:
        """Refuse what is no policy, and a flow that has only begun when its call is over."""
        CircuitBreaker(**{name: getattr(self, name) for name in CircuitBreaker.fields})
        check_on(self.on)
        if not isinstance(self.cell, BreakerCell):
            raise DefinitionError(f"the cell of a circuit breaker is a BreakerCell, got {self.cell!r}.")
        check_no_stream(
            self.body,
            "nothing has failed yet when its call is over",
            "Put `.circuit_breaker` on the flow of one item: `f.circuit_breaker().stream()`.",
        )

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the body between the asking and the counting. While nothing fails in a row neither is a call of ours."""
        place = w.cursor - 1
        inner: Node = self
        for _ in range(inside(self)):
            inner = inner.children[0]
        fuse = Fuse(self, w.site(inner, place + inside(self), awaits=w.awaits) if w.seen else None)
        book, closed, held, began = w.bind(fuse.breaker), w.bind(CLOSED), w.temp(), ""
        error, result = w.temp(), w.temp() if self.body.children else target
        w.mark(f"{held} = {book}.epoch if {book}.state is {closed} else {w.bind(fuse.enter)}()", place)
        if self.slow is not None:
            began = w.temp()
            w.line(f"{began} = {w.bind(fuse.now)}()")
        more = f", {began}" if began else ""
        with w.block("try:"):
            w.call(self.body, args, result)
        with w.block(f"except BaseException as {error}:"):
            w.line(f"{w.bind(fuse.failed)}({held}, {error}{more})")
            w.line("raise")
        passed = f"{w.bind(fuse.passed)}({held}{more})"
        if self.slow is None and self.share is None:
            passed = f"if {book}.failed or {book}.state is not {closed}: {passed}"
        w.line(passed)
        if result != target:
            w.line(f"{target} = {result}")
            w.line(f"del {result}")

    def detail(self) -> str:
        """Give what opens it, and the options that are not the default."""
        share = None if self.share is None else f"{self.share:g} of "
        window = f"the last {self.window}" if self.within is None else f"{self.within:g} s"
        shown = [f"{self.failures} failures" if share is None else f"{share}{window}"]
        default = CircuitBreaker()
        for name in ("slow", "on", "open_for", "probes"):
            value = getattr(self, name)
            if value != getattr(default, name):
                text = f"{value:g} s" if name in ("slow", "open_for") else getattr(value, "__qualname__", repr(value))
                shown.append(f"{name}={text}")
        return ", ".join(shown)


class Fuse:
    """Where one place of generated code asks, and tells what came of a call."""

    __slots__ = ("breaker", "name", "node", "site")

    def __init__(self, node: Breaking, site: Site | None) -> None:
        self.node = node
        self.name = node.body.name
        self.breaker: Breaker = node.cell.breaker
        self.site = site

    def now(self) -> float:
        """Give the time of the context's clock."""
        return current_context().runtime.clock.monotonic()

    def enter(self) -> int:
        """Ask whether a call is let through; give its epoch.

        Raises:
            CircuitOpen: it is not.
        """
        now, node, breaker = self.now(), self.node, self.breaker
        with valve:
            turned = breaker.wake(node, now)  # type: ignore[arg-type] # a node has the fields of its policy
            epoch = breaker.admit(node, now)  # type: ignore[arg-type]
            state, until, why = breaker.state, breaker.until, breaker.why
        self.tell(turned)
        if epoch is None:
            raise CircuitOpen(self.name, state, why, max(until - now, 0.0) if state == OPEN else None)
        return epoch

    def failed(self, epoch: int, error: BaseException, began: float | None = None) -> None:
        """Count a call that raised; one that was cancelled or interrupted counts for nothing."""
        counted = None
        try:
            if isinstance(error, Exception):
                counted = self.counts(error)
        finally:
            if counted is None:  # the predicate itself may have raised
                with valve:
                    self.breaker.abandoned(epoch)
        if counted is not None:
            self.count(epoch, began, failed=counted)

    def counts(self, error: Exception) -> bool:
        """Say whether an exception is a failure."""
        on = self.node.on
        return isinstance(error, on) if isinstance(on, type | tuple) else bool(on(error))

    def passed(self, epoch: int, began: float | None = None) -> None:
        """Count a call that gave a result."""
        self.count(epoch, began, failed=False)

    def count(self, epoch: int, began: float | None, *, failed: bool) -> None:
        """Count a call; one that was slow has failed."""
        now, node = self.now(), self.node
        late = began is not None and node.slow is not None and now - began > node.slow
        with valve:
            turned = self.breaker.ended(node, epoch, now, failed=failed or late)  # type: ignore[arg-type]
        self.tell(turned)

    def tell(self, turned: Turned | None) -> None:
        """Tell of a change: the log, and whoever watches."""
        if turned is None:
            return
        if turned.after == OPEN:
            log("warning", "the circuit breaker of %r is open now: %s", self.name, turned.why)
        else:
            log("info", "the circuit breaker of %r is %s now: %s", self.name, turned.after, turned.why)
        frame, site = runtime.read_watch(), self.site
        if frame is not None and site is not None:
            around = site.node.segment or site.node.label is not None
            path = runtime.beneath(frame, site.segment) if around else frame.path
            call = runtime.child_frame(frame, path, site, (), {}).call
            assert call is not None
            frame.run.notify(PolicyChanged(call, Breaking.kind, turned.before, turned.after, turned.why))


def breaker_in(root: Node) -> Breaking:
    """Give the circuit breaker that a flow has.

    Raises:
        DefinitionError: it has none.
    """
    node = root
    while not isinstance(node, Breaking):
        if node.direct != "first" or not node.children:
            raise DefinitionError(
                f"{root.name!r} has no circuit breaker. Ask the flow that has it: `f = price.circuit_breaker()`, then "
                "`f.breaker`; or keep the `CircuitBreaker` that you give it."
            )
        node = node.children[0]
    return node
