"""The node that runs a flow in a context derived for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omnitron import runtime
from omnitron.algebra.node import NOTHING, Node, walk_nodes
from omnitron.algebra.policing import Policy
from omnitron.errors import DefinitionError
from omnitron.model import covers

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Set

    from omnitron.algebra.writer import Args, Writer

__all__ = ["Within"]


def keys_of(target: Any, given: Container[Any]) -> Iterator[runtime.Key[Any]]:
    """Give the keys whose values a target asks for, but for what is in `given`."""
    if isinstance(target, runtime.Key):
        if target.name not in given:
            yield target
    elif isinstance(target, runtime.Resource) and target not in given:
        for need in target.needs.values():
            yield from keys_of(need.target, given)


class Within(Policy):
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

    def _derive(self) -> None:
        super()._derive()
        held = runtime.check_changes(dict(self.values), dict(self.options))
        object.__setattr__(
            self, "needs", self.left_of(self.needs) | (held or NOTHING)
        )  # what is handed on must be held

    @property
    def given(self) -> dict[Any, Any]:
        """The values of the derived context, by the names of keys or by resources."""
        by_key = {key.name if isinstance(key, runtime.Key) else key: value for key, value in self.values}
        return by_key | {name: value for name, value in self.options if name not in runtime.OPTIONS}

    def left_of(self, needs: frozenset[Any]) -> frozenset[Any]:
        """Give what the context around must have: without what the derived one has instead."""
        given, left = self.given.keys(), set()
        for need in needs:
            target = need.target if isinstance(need, runtime.Need) else None
            if isinstance(target, runtime.Key):
                left |= set() if target.name in given else {need}
            elif isinstance(target, runtime.Resource) and target not in given and target.scope == "run":
                keys = set(keys_of(target, given))
                left |= {need} if keys == set(keys_of(target, ())) else {runtime.Need(key) for key in keys}
            elif target not in given:
                left.add(need)
        return frozenset(left)

    def needs_beside(self, given: Set[str]) -> frozenset[Any]:
        """Give what the flow asks for besides what is passed, and what the derived context has."""
        return self.left_of(super().needs_beside(given))

    def check(self) -> None:
        """Refuse capabilities that leave out what the flow needs, and values that are not of the types it needs."""
        values = self.given
        for need in self.body.needs:
            for key in keys_of(need.target, ()) if isinstance(need, runtime.Need) else ():
                if key.name in values:
                    key.check(values[key.name])
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

    def detail(self) -> str:
        """Give the names, and the values of options that are no secret."""
        shown = [f"{getattr(key, 'name', key)}=…" for key, _ in self.values]
        for name, value in self.options:
            text = sorted(map(str, value)) if name == "capabilities" else value
            shown.append(f"{name}={text}" if name in {"capabilities", "deadline"} else f"{name}=…")
        return ", ".join(shown)
