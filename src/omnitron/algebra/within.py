"""The node that runs a flow in a context derived for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omnitron import runtime
from omnitron.algebra.node import NOTHING, Node, walk_nodes
from omnitron.errors import DefinitionError
from omnitron.model import covers

if TYPE_CHECKING:
    from collections.abc import Set

    from omnitron.algebra.writer import Args, Writer
    from omnitron.code import Parameters

__all__ = ["Within"]


class Within(Node):
    """Run a flow in a context derived from the current one.

    Attributes:
        body: the flow.
        values: more values, as pairs of key and value.
        options: options of the context and values by name, as pairs.
    """

    __slots__ = ("body", "values", "options")
    body: Node
    values: tuple[tuple[Any, Any], ...]
    options: tuple[tuple[str, Any], ...]
    kind = "within"
    direct = "first"
    segment = False

    def _derive(self) -> None:
        super()._derive()
        held = runtime.check_changes(dict(self.values), dict(self.options))
        needs = frozenset(need for need in self.needs if not self.gives_what(need))
        object.__setattr__(self, "needs", needs | (held or NOTHING))  # what is handed on must be held

    def gives_what(self, need: Any) -> bool:
        """Say whether the derived context has other values for a need than the one around, which then need not have any."""
        if not isinstance(need, runtime.Need):
            return False
        given = {key.name if isinstance(key, runtime.Key) else key for key, _ in self.values}
        given |= {name for name, _ in self.options}
        target = need.target
        if isinstance(target, runtime.Resource):
            return target in given or not given.isdisjoint(target.keys)
        return isinstance(target, runtime.Key) and target.name in given

    def needs_beside(self, given: Set[str]) -> frozenset[Any]:
        """Give what the flow asks for besides what is passed, and what the derived context has."""
        return frozenset(need for need in super().needs_beside(given) if not self.gives_what(need))

    def check(self) -> None:
        """Refuse capabilities that leave out what the flow needs."""
        held = runtime.check_changes(dict(self.values), dict(self.options))
        for name in () if held is None else self.body.capabilities:
            if not any(covers(one, name) for one in held or ()):
                who = [path for path, node in walk_nodes(self.body) if node.meta and name in node.meta.capabilities]
                raise DefinitionError(
                    f"within leaves out the capability {name!r}, which {', '.join(who) or self.body.name} needs. "
                    "Name it in `capabilities`, or leave that option out to keep all that is held."
                )

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the call of the machine that derives."""
        index = w.cursor - 1
        body, awaits = self.body, w.awaits
        fn = w.function(body, args, awaits=awaits)
        if w.seen:
            w.enter_at(index, fn, awaits=awaits)
            if awaits and not body.is_async:
                w.cursor = index + 1
                w.enter_at(index, w.function(body, args, awaits=False), awaits=False)
        changes = runtime.Derivation(
            dict(self.values), dict(self.options), part=body, place=w.spot(index), is_async=body.is_async
        )
        run = f"await {w.bind(runtime.run_derived_async)}" if awaits else w.bind(runtime.run_derived)
        passed = f", {args.call}" if args.call else ""
        w.mark(f"{target} = {run}({w.bind(changes)}, {fn}{passed})", index + 1)

    def parameters(self) -> Parameters | None:
        """Give the body's."""
        return self.body.parameters()

    def detail(self) -> str:
        """Give the names, and the values of options that are no secret."""
        shown = [f"{getattr(key, 'name', key)}=…" for key, _ in self.values]
        for name, value in self.options:
            text = sorted(map(str, value)) if name == "capabilities" else value
            shown.append(f"{name}={text}" if name in {"capabilities", "deadline"} else f"{name}=…")
        return ", ".join(shown)

    def title(self) -> str:
        """Give the body's name."""
        return self.body.name

    @property
    def binds(self) -> bool:  # type: ignore[override]
        """Whether the body binds like a method."""
        return self.body.binds
