"""The node that tries a flow again. What runs between two attempts stands in `omnitron.algebra.attempts`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from omnitron import runtime
from omnitron.algebra.attempts import (
    ASKS_NOTHING,
    NO_ITERATORS,
    again,
    begin,
    count_left,
    enter_attempt,
    goes_at_once,
    reads_once,
    retried,
    retried_async,
)
from omnitron.algebra.branching import check_on
from omnitron.algebra.node import WAITS, Node, walk_nodes
from omnitron.algebra.policing import Policy
from omnitron.algebra.undoing import Whole
from omnitron.errors import DefinitionError
from omnitron.model import Effect
from omnitron.policy import Retry

if TYPE_CHECKING:
    from omnitron.algebra.writer import Args, Writer
    from omnitron.policy import RetryBudget, Schedule

__all__ = ["Retrying"]


class Retrying(Policy):
    """Run a flow, and again when it fails. The fields beside `body` are those of `omnitron.Retry`.

    Attributes:
        body: the flow; of one that gives a stream, everything before its first item is tried again.
    """

    __slots__ = (
        "body", "attempts", "delay", "backoff", "on", "jitter", "max_delay", "deadline", "budget", "idempotent", "_policy",
    )  # fmt: skip
    body: Node
    attempts: int | None
    delay: float | None
    backoff: str | Schedule
    on: Any
    jitter: str | None
    max_delay: float
    deadline: float | None
    budget: RetryBudget | None
    idempotent: bool
    _policy: Retry
    kind = "retry"
    tunable: ClassVar = {
        "attempts": int, "delay": float, "backoff": str, "jitter": str, "max_delay": float, "deadline": float,
    }  # fmt: skip

    @classmethod
    def of(cls, body: Node, policy: Retry) -> Retrying:
        """Give the node of a policy over a flow."""
        return cls(body, *(getattr(policy, name) for name in Retry.fields))

    def _derive(self) -> None:
        super()._derive()
        object.__setattr__(self, "needs", self.needs | {WAITS})

    def check(self) -> None:
        """Refuse what is no policy, and to do again what writes."""
        check_on(self.on)
        object.__setattr__(self, "_policy", Retry(**{name: getattr(self, name) for name in Retry.fields}))
        if self.body.streams and (self.body.is_async or self.body.kind == "stream"):
            what = "reads its input as it goes" if self.body.kind == "stream" else "is awaited first"
            raise DefinitionError(
                f"{self.body.name!r} gives a stream and {what}: a second attempt could miss what the first has read. Put "
                "`.retry` on the flow of one item: `f.retry(...).stream()`, or on the generator function itself."
            )
        for path, node in () if self.idempotent else walk_nodes(self):
            declared = None if node.meta is None else node.meta.effects
            if declared is not None and Effect.WRITE in declared:
                raise DefinitionError(
                    f"retry runs {self.body.name!r} again, and {path!r} declares Effect.WRITE: an attempt that failed may "
                    "have written before. If doing it twice does no harm, say so: `.retry(idempotent=True)`; "
                    "`current_step().key` is the same in every attempt, for a service that takes idempotency keys."
                )

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write a loop around the body: what does not fail meets a `try`, and nothing else."""
        policy = self._policy
        if policy.budget is not None:
            w.line(f"{w.bind(policy.budget.note_call)}()")
        if self.body.streams:
            self.emit_stream(w, args, target)
            return
        tries, error = w.temp(), w.temp()
        result = w.temp() if self.body.children else target  # what is half done must not stand where the input does
        w.line(f"{tries} = {f'{w.bind(begin)}({w.bind(policy)})' if policy.schedule.timed else 1}")
        with w.block("while True:"):
            frame = w.temp() if w.seen else None
            if frame is not None:
                w.line(f"{frame} = {w.bind(enter_attempt)}({tries})")
            with w.block("try:"):
                if frame is None:
                    self.emit_body(w, args, result)
                else:
                    with w.block("try:"):
                        self.emit_body(w, args, result)
                    with w.block("finally:"):
                        w.line(f"{w.bind(runtime.leave_frame if w.awaits else runtime.reset_watch)}({frame})")
                w.line("break")
            caught = w.bind(policy.on) if isinstance(policy.on, type | tuple) else "Exception"
            with w.block(f"except {caught} as {error}:"):
                if frame is None and not w.awaits:
                    self.emit_at_once(w, args, tries, error)
                w.line(f"{tries} = {w.bind(again)}({w.bind(policy)}, {tries}, {error}, {args.value})")
                w.line(f"if {tries} is None: raise")
            if caught != "Exception" and policy.on is not Exception:
                with w.block(f"except Exception as {error}:"):
                    w.line(f"{w.bind(count_left)}({error}, {tries})")
                    w.line("raise")
            w.line(f"await {tries}.wait_async()" if w.awaits else f"{tries}.wait()")
        if result != target:
            w.line(f"{target} = {result}")
            w.line(f"del {result}")

    def emit_at_once(self, w: Writer, args: Args, tries: str, error: str) -> None:
        """Write the next attempt where nothing has to be asked for it. See Note [At once] in `attempts`."""
        last = 0 if WAITS in self.body.needs else goes_at_once(self._policy)
        if not last:
            return
        free = w.temp()
        plain = f"{w.bind(runtime.current_context)}()._runtime is {w.bind(runtime.PLAIN)}"
        again = f"type({args.value}) in {w.bind(NO_ITERATORS)} or not {w.bind(reads_once)}({args.value})"
        with w.block(f"if {tries} < {last}:"):
            with w.block("try:"):
                w.line(f"{free} = {ASKS_NOTHING.format(error)} and ({tries} > 1 or ({plain} and ({again})))")
            with w.block("except Exception:"):  # an attribute of a foreign class may do anything
                w.line(f"{free} = False")
            with w.block(f"if {free}:"):
                w.line(f"{tries} += 1")
                w.line("continue")

    def emit_body(self, w: Writer, args: Args, target: str) -> None:
        """Write one attempt: what was done in one that fails is undone before the next."""
        with w.undoing(self.body):
            if w.call(self.body, args, target, keep=w.keep):
                w.keep = None

    def emit_stream(self, w: Writer, args: Args, target: str) -> None:
        """Write the call that gives a stream."""
        place = w.cursor - 1
        body = w.function(Whole.of(self.body), args, awaits=self.body.is_async)
        make = retried_async if self.streams == "async" else retried
        passed = f", {args.call}" if args.call else ""
        w.mark(f"{target} = {w.bind(make)}({body}, {w.bind(self._policy)}, {w.bind(w.spot(place))}{passed})", place)

    def detail(self) -> str:
        """Give the options that are not the default."""
        default, shown = Retry(), []
        for name in Retry.fields:
            value = getattr(self, name)
            if value != getattr(default, name):
                shown.append(f"{name}={text_of(value)}")
        return ", ".join(shown)


def text_of(value: Any) -> str:
    """Give an option as a user would write it."""
    if isinstance(value, tuple):
        return f"({', '.join(map(text_of, value))})"
    return getattr(value, "__qualname__", None) or repr(value)
