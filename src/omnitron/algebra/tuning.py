"""A flow as a configuration has it: its tree with other values in some fields, and other flows at some places.

Which entry means which place stands in `omnitron.algebra.settling`; what may stand in a place, in
`omnitron.algebra.standins`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar
from weakref import ref

from omnitron.algebra.flows import AnyFlow, from_node
from omnitron.algebra.node import Node, alike, remake
from omnitron.algebra.places import BUILT_IN, On
from omnitron.algebra.settling import REPLACE, Entry, Places, Settled, divide, near_to
from omnitron.algebra.steps import Sequence
from omnitron.algebra.within import Within
from omnitron.errors import DefinitionError, InvalidValue, OmnitronError
from omnitron.model import Record
from omnitron.runtime import Config, Mutex, Setting

__all__ = ["Change", "Tuning", "near_place", "tune", "tuned_flow", "unplaced_text"]

F = TypeVar("F", bound=AnyFlow[..., Any])
KINDS: dict[Any, str] = {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}
WORDS = {"true": True, "false": False}


class Change(Record):
    """What a configuration sets at one place of a tree.

    Attributes:
        path, parameter: what is set.
        value: to what.
        before: what stands there without it.
        source: where the setting stands, for a reader.
    """

    __slots__ = ("path", "parameter", "value", "before", "source")
    path: str
    parameter: str
    value: Any
    before: Any
    source: str

    def __init__(self, path: str, parameter: str, value: Any, before: Any, source: str) -> None:
        self._fill(path=path, parameter=parameter, value=value, before=before, source=source)


class Tuning(Record):
    """A tree as a configuration has it, and why.

    Attributes:
        node: the tree.
        changes: what is set in it, also to what stands there already.
        others: the entries that are for other flows.
        unplaced: those of the changes that name a place which only the executor of a context may know.
    """

    __slots__ = ("node", "changes", "others", "unplaced")
    node: Node
    changes: tuple[Change, ...]
    others: tuple[Entry, ...]
    unplaced: tuple[Change, ...]

    def __init__(
        self,
        node: Node,
        changes: tuple[Change, ...],
        others: tuple[Entry, ...] = (),
        unplaced: tuple[Change, ...] = (),
    ) -> None:
        self._fill(node=node, changes=changes, others=others, unplaced=unplaced)


# Note [Kept tunings]
# What a configuration makes of a flow is kept with the flow, not with the configuration: a function of it may lead back to
# the flow, and the configuration, which often lives as long as the program, would then keep both for ever. The flow has it
# under the identity of the configuration's mark, with a weak reference to the mark that takes it out again. `Config.apply`
# looks there first.

lock = Mutex()


def tuned_flow(flow: F, config: Config) -> F:
    """Give a flow as a configuration has it, and keep it with the flow. See Note [Kept tunings]."""
    root, mark = flow.node, config._mark
    found = tune(root, config)
    made = None if found.node is root else from_node(found.node)
    unplaced = "".join(map(unplaced_text, found.unplaced[:1]))
    gone = partial(forget, ref(flow), id(mark))
    with lock:  # two threads may have made one each; both get the first
        known = getattr(flow, "_tunings", None)
        if known is None:
            known = flow._tunings = {}
        kept = known.get(id(mark))
        if kept is None or kept[0]() is not mark:
            kept = known[id(mark)] = ref(mark, gone), made, unplaced
    return flow if kept[1] is None else kept[1]


def forget(flow: ref[AnyFlow[..., Any]], key: int, mark: ref[Any]) -> None:
    """Take out what a configuration made of a flow, when the configuration is gone."""
    known = getattr(flow(), "_tunings", None)
    if known is not None and known.get(key, (None,))[0] is mark:
        known.pop(key, None)


def tune(root: Node, config: Config) -> Tuning:
    """Give a tree as a configuration has it, with what was set; the very same tree where that changes nothing.

    First what stands in the place of parts, the outer places before those inside; then the values of fields, also in what
    now stands there.

    Raises:
        DefinitionError: an entry for this flow means nothing in it, or its value does not fit.
    """
    mine, others = divide(root, config)
    changes: list[Change] = []
    unplaced: list[Change] = []
    done: set[str] = set()
    while mine:
        places = Places(root)
        found, lost = places.settle(mine)
        waiting = [one for one in found.values() if one.parameter == REPLACE and one.path not in done]
        if not waiting:
            for entry in lost:
                places.refuse(entry)
            fields = [one for one in found.values() if one.parameter != REPLACE]
            root = set_fields(places, fields, changes)
            moved = {one.path for one in fields if needs_executor(places, one)}
            placed = (one for one in changes if one.parameter == "place" and one.path in moved)
            unplaced = [one for one in placed if one.value not in BUILT_IN]
            break
        outer = min(waiting, key=lambda one: (one.path.count("/"), one.index))
        done.add(outer.path)
        root = replaced(places, outer, changes)
    return Tuning(root, tuple(changes), tuple(others), tuple(unplaced))


def replaced(places: Places, one: Settled, changes: list[Change]) -> Node:
    """Give a tree with something else at one place."""
    from omnitron.algebra.standins import check_row, stand_in

    index, before = one.index, places.rows[one.index][1]
    entry = one.entry
    try:
        made = stand_in(places, index, entry.value)
        root = rebuilt(places, {index: lambda node: made}, check_row)
    except OmnitronError as error:
        raise from_source(error, entry.source) from error
    changes.append(Change(one.path, REPLACE, entry.value, shown(before), entry.source))
    return root


def shown(node: Node) -> str:
    """Give the import path of a step's function, or the kind of another node."""
    fn = getattr(node, "fn", None)
    module = getattr(fn, "__module__", None)
    return node.kind if fn is None else f"{module or 'builtins'}:{getattr(fn, '__qualname__', node.name)}"


def set_fields(places: Places, settled: list[Settled], changes: list[Change]) -> Node:
    """Give a tree with other values in the fields of its nodes."""
    by_node: dict[int, dict[str, tuple[Any, str]]] = {}
    for one in settled:
        node, entry = places.rows[one.index][1], one.entry
        value = read_value(node.tunable[one.parameter], one, entry)
        by_node.setdefault(one.index, {})[one.parameter] = value, entry.source
        changes.append(Change(one.path, one.parameter, value, getattr(node, one.parameter), entry.source))

    def changing(values: Mapping[str, tuple[Any, str]]) -> Callable[[Node], Node]:
        return lambda node: with_fields(node, values)

    return rebuilt(places, {index: changing(values) for index, values in by_node.items()})


def with_fields(node: Node, values: Mapping[str, tuple[Any, str]]) -> Node:
    """Give a node with other values in some fields, which it checks itself."""
    if all(alike(getattr(node, name), value) for name, (value, _) in values.items()):
        return node
    fields = [values[name][0] if name in values else getattr(node, name) for name in node.fields]
    try:
        return remake(node, fields, node.label, node.meta)
    except OmnitronError as error:
        raise from_source(error, " and ".join(source for _, source in values.values())) from error


def needs_executor(places: Places, one: Settled) -> bool:
    """Say whether a setting moves a part to a place for which the context has to know an executor: none is in the tree."""
    if not isinstance(places.rows[one.index][1], On) or one.parameter != "place":
        return False
    around = (node for index, (_, node) in enumerate(places.rows[: one.index]) if index + node.size > one.index)
    return not any(isinstance(node, Within) and dict(node.options).get("executor") is not None for node in around)


def near_place(name: str) -> str:
    """Give the built-in place that a name is but for a slip, or ""."""
    return "".join(near_to(name, BUILT_IN))


def unplaced_text(change: Change) -> str:
    """Say that a place is known to nothing here, and which are."""
    near = near_place(change.value)
    hint = f" Near is {near!r}." if near else ""
    return (
        f"{change.source} sets 'place' of {change.path!r} to {change.value!r}, which nothing here knows.{hint} Built in "
        f"are {', '.join(map(repr, BUILT_IN))}; any other is for the executor of a context, `context(executor=...)`."
    )


def from_source(error: OmnitronError, source: str) -> DefinitionError:
    """Give an error that says where the value stands that it is about."""
    return (InvalidValue if isinstance(error, InvalidValue) else DefinitionError)(f"{source}: {error}")


def read_value(kind: Callable[[Any], Any], one: Settled, entry: Entry) -> Any:
    """Give the value of a field, from a TOML value or from the text of a variable.

    Raises:
        DefinitionError: it is not of that kind.
    """
    value = entry.value
    try:
        if kind not in KINDS:
            return kind(value)
        if isinstance(entry, Setting):
            if type(value) is kind or (kind is float and type(value) is int):
                return value
            raise ValueError
        if kind is bool:
            return WORDS[value.strip().lower()]
        return kind(value.strip())
    except (ValueError, TypeError, KeyError) as error:
        says = f"{entry.source} sets {one.parameter!r} of {one.path!r} to {value!r}"
        if kind not in KINDS:
            raise DefinitionError(f"{says}, which it does not take: {error}.") from error
        hint = " Write it without quotes." if isinstance(entry, Setting) and isinstance(value, str) else ""
        raise DefinitionError(f"{says}, and it takes {KINDS[kind]}.{hint}") from error


def rebuilt(
    places: Places, change: Mapping[int, Callable[[Node], Node]], check: Callable[[Sequence, int], None] | None = None
) -> Node:
    """Give a tree with changed nodes, by their numbers in the order of walking; what is not changed is the same.

    Args:
        places: the tree.
        change: takes a node over its rebuilt children, gives what stands there instead.
        check: called with each pipe that has a changed part, and the number of that part.
    """
    made: list[Node] = []
    for index in range(len(places.rows) - 1, -1, -1):
        node = places.rows[index][1]
        if node.children:
            before = node.children
            after = tuple([made.pop() for _ in before])
            moved = [place for place, (a, b) in enumerate(zip(before, after, strict=True)) if a is not b]
            if moved:
                node = node.rebuild(after)
                if check is not None and isinstance(node, Sequence):
                    for place in moved:
                        check(node, place)
        made.append(change[index](node) if index in change else node)
    return made[0]
