"""The node that tries a flow once more beside itself when it is slow. What runs stands in `omnitron.algebra.hedges`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from omnitron.algebra.branching import check_no_stream, check_on
from omnitron.algebra.hedges import Attempts, Plan, note_left
from omnitron.algebra.node import UNDOES, Node, walk_nodes
from omnitron.algebra.policing import Policy
from omnitron.algebra.retrying import text_of
from omnitron.algebra.timing import inside
from omnitron.errors import DefinitionError
from omnitron.model import Effect
from omnitron.policy import Hedge, HedgeCell

if TYPE_CHECKING:
    from omnitron.algebra.writer import Args, Writer
    from omnitron.policy import RetryBudget

__all__ = ["Hedged"]


class Hedged(Policy):
    """Run an async flow, and once more beside it when no result comes in time. The fields are those of `omnitron.Hedge`.

    Attributes:
        body: the flow.
        cell: what was counted and measured; no part of equality.
    """

    __slots__ = ("body", "delay", "at_most", "percentile", "minimum", "on", "budget", "idempotent", "cell", "_policy")
    body: Node
    delay: float
    at_most: int
    percentile: float | None
    minimum: float
    on: Any
    budget: float | RetryBudget | None
    idempotent: bool
    cell: HedgeCell
    _policy: Hedge
    kind = "hedge"
    tunable: ClassVar = {"delay": float, "at_most": int, "percentile": float, "minimum": float}

    @classmethod
    def of(cls, body: Node, policy: Hedge) -> Hedged:
        """Give the node of a policy over a flow; all that are made of one policy share its cell."""
        return cls(body, *(getattr(policy, name) for name in Hedge.fields), policy.cell)

    def check(self) -> None:
        """Refuse what is no policy, what cannot run beside itself, and to do twice what writes."""
        check_on(self.on)
        object.__setattr__(self, "_policy", Hedge(**{name: getattr(self, name) for name in Hedge.fields}))
        if not isinstance(self.cell, HedgeCell):
            raise DefinitionError(f"the cell of a hedge is a HedgeCell, got {self.cell!r}.")
        name = self.body.name
        check_no_stream(
            self.body,
            "a hedge would be over before",
            "Put `.hedge` on the flow of one item: `f.hedge(0.1).stream()`.",
        )
        if not self.body.is_async:
            raise DefinitionError(
                f"{name!r} is sync, and nothing starts beside a Python function that computes. Run it elsewhere, and wait "
                "for it: `.on('process').hedge(...)` ends the attempt that is not needed, `.on('thread').hedge(...)` "
                "abandons it."
            )
        for path, node in () if self.idempotent else walk_nodes(self):
            declared = None if node.meta is None else node.meta.effects
            if declared is not None and Effect.WRITE in declared:
                raise DefinitionError(
                    f"hedge runs {name!r} twice where it is slow, and {path!r} declares Effect.WRITE: both attempts may "
                    "write. If doing it twice does no harm, say so: `.hedge(..., idempotent=True)`; "
                    "`current_step().key` is the same in every attempt, for a service that takes idempotency keys."
                )

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the call of the machine."""
        place = w.cursor - 1 + inside(self)
        plan = Plan(self._policy, self.cell, undoes=UNDOES in self.needs, seen=bool(w.seen))
        fn = w.function(self.body, args, awaits=True)
        attempts, error = w.temp(), w.temp()
        w.line(f"{attempts} = {w.bind(Attempts)}({w.bind(plan)})")
        with w.block("try:"):
            w.mark(f"{target} = await {attempts}.run({fn}{f', {args.call}' if args.call else ''})", place)
        with w.block(f"except Exception as {error}:"):
            w.line(f"{w.bind(note_left)}({error}, {attempts})")
            w.line("raise")
        with w.block("finally:"):
            w.line(f"del {attempts}")

    def detail(self) -> str:
        """Give the options that are not the default."""
        default, shown = Hedge(), [f"{self.delay:g} s"]
        for name in Hedge.fields[1:]:
            value = getattr(self, name)
            if value != getattr(default, name):
                shown.append(f"{name}={text_of(value)}")
        return ", ".join(shown)
