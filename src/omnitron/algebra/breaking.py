"""The node that refuses calls of what keeps failing. When it does is told by the machine in `omnitron.policy`."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import ref

from omnitron import runtime
from omnitron.algebra.branching import check_no_stream, check_on
from omnitron.algebra.node import Node
from omnitron.algebra.policing import Policy
from omnitron.algebra.timing import inside
from omnitron.errors import BulkheadFull, CircuitOpen, DefinitionError, MissingPart, RateLimited
from omnitron.model import PolicyChanged
from omnitron.policy import CLOSED, HALF_OPEN, OPEN, BreakerCell, CircuitBreaker, valve
from omnitron.runtime import current_context, log

if TYPE_CHECKING:
    from omnitron.algebra.writer import Args, Writer
    from omnitron.policy import Breaker, Shift
    from omnitron.runtime import Site

__all__ = ["Breaking", "breaker_in"]


REFUSALS = (BulkheadFull, CircuitOpen, RateLimited)
"""What policies inside raise in the place of a call: it tells nothing of the other side."""


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
        if self.slow is not None:
            began = w.temp()
            w.line(f"{began} = {w.bind(fuse.now)}()")
        w.line(
            f"{held} = {book}.epoch"
        )  # read before the state: if that changes meanwhile, the call counts for nothing
        w.mark(f"if {book}.state is not {closed}: {held} = {w.bind(fuse.enter)}()", place)
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


class Probe:
    """A call that was let through by a breaker that is half-open, as long as it runs.

    What it calls under the same breaker is a part of it: that is let through and not counted. Were it refused, the probe of
    a flow that calls itself, or one that shares its breaker, would fail each time, and the breaker would never close.

    Attributes:
        breaker, epoch: who let it through, and in which epoch.
        outer: the probe, of another breaker, in whose course it is made.
        runs: whether it still runs; a task that it has left behind is no part of it any more.
    """

    __slots__ = ("__weakref__", "breaker", "epoch", "outer", "runs")

    def __init__(self, breaker: Breaker, epoch: int, outer: ref[Probe] | None) -> None:
        self.breaker = breaker
        self.epoch = epoch
        self.outer = outer
        self.runs = True

    def covers(self, breaker: Breaker) -> bool:
        """Say whether a call that is made in its course is a part of a probe of a breaker (with the lock held)."""
        probe: Probe | None = self
        while probe is not None:
            if probe.breaker is breaker and probe.runs:
                return breaker.state == HALF_OPEN and probe.epoch >= breaker.began
            probe = held_by(probe.outer)
        return False

    def end(self) -> int:
        """Note that it is over; give its epoch."""
        self.runs = False
        if held_by(probing.get()) is self:  # a coroutine may be closed in another context than it ran in
            probing.set(self.outer)
        return self.epoch


probing: ContextVar[ref[Probe] | None] = ContextVar("omnitron_probing", default=None)
"""The innermost probe in whose course the running code is; its call alone keeps it alive, so that a lost one is none."""
COVERED = -1
"""The epoch of a call that is a part of a probe: what comes of it counts for nothing."""


def held_by(found: ref[Probe] | None) -> Probe | None:
    """Give the probe that a reference stands for, if there is one still."""
    return None if found is None else found()


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

    def enter(self) -> int | Probe:
        """Ask whether a call is let through; give its epoch, or the probe that it is.

        Raises:
            CircuitOpen: it is not.
        """
        node, breaker, around = self.node, self.breaker, probing.get()
        outer = held_by(around)
        clock = current_context().runtime.clock
        now = clock.monotonic()
        with valve:
            if outer is not None and outer.covers(breaker):
                return COVERED
            breaker.follow(clock, now)
            turned = breaker.wake(node, now)  # type: ignore[arg-type] # a node has the fields of its policy
            epoch = breaker.admit(node, now)  # type: ignore[arg-type]
            state, until, why = breaker.state, breaker.until, breaker.why
        try:
            self.tell(turned)
        except BaseException:  # an observer was interrupted, and the call does not begin
            if epoch is not None:
                self.abandon(epoch)
            raise
        if epoch is None:
            raise CircuitOpen(self.name, state, why, max(until - now, 0.0) if state == OPEN else None)
        if state == CLOSED:
            return epoch
        probe = Probe(breaker, epoch, around)
        probing.set(ref(probe))
        return probe

    def abandon(self, epoch: int) -> None:
        """Give back the place of a call of which nothing came."""
        with valve:
            self.breaker.abandoned(epoch)

    def failed(self, held: int | Probe, error: BaseException, began: float | None = None) -> None:
        """Count a call that raised; one that was cancelled, interrupted, or refused inside counts for nothing."""
        epoch = held if type(held) is int else held.end()  # type: ignore[union-attr] # it is a probe then
        counted = None
        try:
            if isinstance(error, Exception) and not isinstance(error, REFUSALS):
                counted = self.counts(error)
        finally:
            if counted is None:  # the predicate itself may have raised
                self.abandon(epoch)
        if counted is not None:
            self.count(epoch, began, failed=counted)

    def counts(self, error: Exception) -> bool:
        """Say whether an exception is a failure."""
        on = self.node.on
        return isinstance(error, on) if isinstance(on, type | tuple) else bool(on(error))

    def passed(self, held: int | Probe, began: float | None = None) -> None:
        """Count a call that gave a result."""
        epoch = held if type(held) is int else held.end()  # type: ignore[union-attr] # it is a probe then
        self.count(epoch, began, failed=False)

    def count(self, epoch: int, began: float | None, *, failed: bool) -> None:
        """Count a call; one that was slow has failed."""
        node, breaker = self.node, self.breaker
        clock = current_context().runtime.clock
        now = clock.monotonic()
        late = began is not None and node.slow is not None and now - began > node.slow
        with valve:
            if clock is breaker.clock:
                breaker.seen = now
            else:
                breaker.follow(clock, now)
            turned = breaker.ended(node, epoch, now, failed=failed or late)  # type: ignore[arg-type]
        self.tell(turned)

    def tell(self, turned: Shift | None) -> None:
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
        MissingPart: it has none.
    """
    node = root
    while not isinstance(node, Breaking):
        if node.direct != "first" or not node.children:
            raise MissingPart(
                f"{root.name!r} has no circuit breaker. Ask the flow that has it: `f = price.circuit_breaker()`, then "
                "`f.breaker`; or keep the `CircuitBreaker` that you give it."
            )
        node = node.children[0]
    return node
