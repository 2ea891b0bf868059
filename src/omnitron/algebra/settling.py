"""Which place and parameter of a tree each entry of a configuration means, and what is wrong with one that means none.

What is then done to the tree stands in `omnitron.algebra.tuning`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NoReturn

from omnitron.algebra.flows import AnyFlow
from omnitron.algebra.node import Node, remake, walk_nodes
from omnitron.algebra.steps import Step
from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model import Record
from omnitron.runtime import Config, Setting, Variable, spelled, variable_name

__all__ = ["REPLACE", "Entry", "Places", "Settled", "divide", "refines_place"]

REPLACE = "replace"
CLOSE = 0.75
SHORTEST = 3
COMPARED = 10_000
Entry = Setting | Variable
Key = tuple[str, str]


class Settled(Record):
    """An entry whose place and parameter are known.

    Attributes:
        entry: where the value stands.
        path, parameter: what it sets.
        index: the number of the node in the order of walking.
    """

    __slots__ = ("entry", "path", "parameter", "index")
    entry: Entry
    path: str
    parameter: str
    index: int

    def __init__(self, entry: Entry, path: str, parameter: str, index: int) -> None:
        self._fill(entry=entry, path=path, parameter=parameter, index=index)


def refines_place(node: Node) -> bool:
    """Say whether a node refines its first child and has no place of its own: what is set on it is set at that child's."""
    return bool(node.children) and not node.segment and node.label is None and node.kind != "sequence"


class Places:
    """The places of a tree by their paths, and what can be set there.

    Attributes:
        root: the tree.
        rows: each node with its path, in the order of walking; refinements have the path of what they refine.
    """

    __slots__ = ("_by_path", "_variables", "root", "rows")

    def __init__(self, root: Node) -> None:
        self.root = root
        self.rows = rows = list(walk_nodes(root))
        first = 0
        while refines_place(rows[first][1]):  # the whole keeps its name
            first += 1
        for index in range(len(rows) - 1, first, -1):
            if refines_place(rows[index][1]):
                rows[index] = (rows[index + 1][0], rows[index][1])
        self._by_path: dict[str, list[int]] = {}
        for index, (path, _) in enumerate(rows):
            self._by_path.setdefault(path, []).append(index)
        self._variables: dict[str, list[Key]] | None = None

    def offered(self, path: str) -> dict[str, list[int]]:
        """Give the parameters that can be set at a path, each with the numbers of the nodes that declare it."""
        found: dict[str, list[int]] = {}
        for index in self._by_path.get(path, ()):
            node = self.rows[index][1]
            for parameter in node.tunable:
                found.setdefault(parameter, []).append(index)
            if node.segment or node.label is not None:
                found[REPLACE] = [index]
        return found

    def accepted(self, path: str) -> list[str]:
        """Give the parameters that can be set at a path and that the parts there would take, whatever the value."""
        return sorted(
            parameter
            for parameter, indexes in self.offered(path).items()
            if parameter == REPLACE or any(takes(self.rows[index][1], parameter) for index in indexes)
        )

    def variables(self) -> dict[str, list[Key]]:
        """Give the variables that can be set for this tree, each with what it may mean."""
        if self._variables is None:
            self._variables = {}
            for path in self._by_path:
                for parameter in self.offered(path):
                    self._variables.setdefault(variable_name(path, parameter), []).append((path, parameter))
        return self._variables

    def settle(self, entries: Iterable[Entry]) -> tuple[dict[Key, Settled], list[Entry]]:
        """Give what entries set, of several for one parameter the last; and those that set nothing here.

        Raises:
            DefinitionError: an entry may mean several parameters.
        """
        found: dict[Key, Settled] = {}
        lost: list[Entry] = []
        for entry in entries:
            if isinstance(entry, Setting):
                means = [entry.key] if entry.parameter in self.offered(entry.path) else []
            else:
                means = self.variables().get(entry.name, [])
            if not means:
                lost.append(entry)
                continue
            if len(means) > 1:
                raise DefinitionError(
                    f"{entry.source} may mean {parameters_text(means)}. Set the one that is meant in a file, by its path."
                )
            path, parameter = key = means[0]
            indexes = self.offered(path)[parameter]
            if len(indexes) > 1:
                kinds = " and ".join(f"{self.rows[i][1].kind}({self.rows[i][1].detail()})" for i in indexes)
                raise DefinitionError(
                    f"{entry.source} sets {parameter!r} at {path!r}, where {len(indexes)} parts declare it: {kinds}. Give "
                    "the one that is meant a path of its own by `.named(...)`."
                )
            found.pop(key, None)
            found[key] = Settled(entry, path, parameter, indexes[0])
        return found, lost

    def refuse(self, entry: Entry) -> NoReturn:
        """Say what is wrong with an entry that is this flow's and sets nothing in it."""
        if isinstance(entry, Setting):
            path, parameter = entry.key
            names = path.split("/")
            while names and "/".join(names) not in self._by_path:
                names.pop()
            names = path.split("/")[len(names) :]
        else:
            begins = [path for path in self._by_path if entry.name.startswith(variable_name(path))]
            path = max(begins, key=len, default=self.root.name)
            parameter = entry.name.removeprefix(variable_name(path)).lower()
            names = parameter.split("__") if "__" in parameter else []
        if not names:
            self.refuse_parameter(entry, path, parameter)
        self.refuse_callee(entry, names)
        self.refuse_path(entry)

    def refuse_parameter(self, entry: Entry, path: str, parameter: str) -> NoReturn:
        """Refuse a parameter that a place does not declare."""
        offered = self.accepted(path)
        others = [other for other in self._by_path if parameter in self.accepted(other)]
        near = near_to(parameter, offered)
        there = f"It takes {', '.join(offered) or 'nothing'}."
        if others:
            there += f" {parameter!r} is declared at {shortened(others)}."
        elif parameter == "place":
            there += " What is composed with `.on(...)` has a place."
        elif near:
            there += f" Near is {near[0] if isinstance(entry, Setting) else f'${variable_name(path, near[0])}'}."
        raise DefinitionError(f"{entry.source} sets {parameter!r}, which {path!r} does not declare. {there}")

    def refuse_callee(self, entry: Entry, names: list[str]) -> None:
        """Refuse a path that leads to a flow which a function of the tree calls."""
        given = {spelled(name.partition("@")[0].partition("[")[0]) for name in names}
        for name, caller in self.called():
            if spelled(name) in given:
                raise DefinitionError(
                    f"{entry.source} means {name!r}, which is called in the body of {caller!r} and is no part of the tree; "
                    f"configuration rewrites trees only. Set it under its own name, {name!r}, and let the body run it by "
                    f"`current_context().run({name}, ...)`."
                )

    def called(self) -> Iterator[tuple[str, str]]:
        """Give the names of flows that functions of the tree, and of those flows, call, each with the path of a caller."""
        from omnitron.algebra.bodies import called_flows

        waiting, seen = self.rows, {id(self.root)}
        while waiting:
            inside: list[tuple[str, Node]] = []
            for path, node in waiting:
                for flow in called_flows(node):
                    yield flow.name, path
                    if id(flow.node) not in seen:
                        seen.add(id(flow.node))
                        inside += walk_nodes(flow.node)
            waiting = inside

    def refuse_path(self, entry: Entry) -> NoReturn:
        """Refuse a path that is none of the tree's."""
        called = list(dict.fromkeys(name for name, _ in self.called()))
        hint = f" What its functions call is set under names of its own: {shortened(called)}." if called else ""
        if isinstance(entry, Setting):
            given = entry.path
            around = [path for path in self._by_path if given.startswith(f"{path}/")]
            known = [path for path in self._by_path if path not in around]
            says = f"{entry.source} names {given!r}, which is no place of the flow {self.root.name!r}."
            alone = max(around, key=len, default=self.root.name)
            rest = (
                f"Nothing stands beneath {alone!r}, which itself takes {', '.join(self.accepted(alone)) or 'nothing'}."
            )
        else:
            given = entry.name.upper()
            known = [
                f"${name}"
                for name, keys in self.variables().items()
                if any(parameter in self.accepted(path) for path, parameter in keys)
            ]
            says, rest = (
                f"{entry.source} sets nothing in the flow {self.root.name!r}.",
                "There is nothing to set in it.",
            )
        near = near_to(given, known, 3)
        if near:
            raise DefinitionError(f"{says} Near is {' or '.join(near)}.")
        raise DefinitionError(f"{says} {f'It has {shortened(known)}.' if known else rest}{hint}")


PROBES: dict[Any, Any] = {int: 1, float: 1.0, bool: False, str: "thread"}


def takes(node: Node, parameter: str) -> bool:
    """Say whether a node would take a parameter, as far as it says so of what it has or of a plain value."""
    value = getattr(node, parameter)
    value = PROBES.get(node.tunable[parameter]) if value is None else value
    if value is None:
        return True
    try:
        remake(node, [value if name == parameter else getattr(node, name) for name in node.fields], None, None)
    except InvalidValue:  # another value may fit
        return True
    except DefinitionError:
        return False
    return True


def parameters_text(keys: Iterable[Key]) -> str:
    """Give parameters with their paths as text."""
    return " or ".join(f"{parameter!r} of {path!r}" for path, parameter in keys)


def shortened(names: list[str]) -> str:
    """Give the first of some names."""
    return ", ".join(map(repr, names[:6])) + (f" and {len(names) - 6:,} more" if len(names) > 6 else "")


def near_to(name: str, known: Iterable[str], count: int = 1) -> list[str]:
    """Give the names that are one's but for a slip, the nearest first."""
    from difflib import get_close_matches

    compared = list(islice(known, COMPARED))
    found = [other for other in compared if is_mistyped(name, other)]
    found += [other for other in get_close_matches(name, compared, count, CLOSE) if other not in found]
    return found[:count]


def is_mistyped(name: str, other: str) -> bool:
    """Say whether two names differ by case only, by two neighbours that changed places, or by one sign.

    `difflib` calls short names far apart that are so near. Two numbers are no slip: `eu1` and `eu2` are two names.

    Example:
        >>> [is_mistyped("etl", other) for other in ("ETL", "tel", "etk", "lte", "et")]
        [True, True, True, False, False]
    """
    one, two = name.casefold(), other.casefold()
    if one == two:
        return True
    if len(one) != len(two) or len(one) < SHORTEST:
        return False
    pairs = [(place, a, b) for place, (a, b) in enumerate(zip(one, two, strict=True)) if a != b]
    if len(pairs) == 1:
        return not (pairs[0][1].isdigit() and pairs[0][2].isdigit())
    if len(pairs) != 2:
        return False
    (first, a, b), (second, c, d) = pairs
    return second == first + 1 and (a, b) == (d, c)


# Whose entries they are


def divide(root: Node, config: Config) -> tuple[list[Entry], list[Entry]]:
    """Give the entries for a flow, and those for others.

    Raises:
        DefinitionError: something is for a flow whose name is this one's but for a slip, and this one has no table for
            itself.
    """
    name = root.name
    beneath, begin = f"{name}/", variable_name(name)
    mine: list[Entry] = []
    others: list[Entry] = []
    for entry in config.entries:
        if isinstance(entry, Setting):
            is_mine = entry.path == name or entry.path.startswith(beneath)
        else:
            is_mine = entry.name.startswith(begin)
        (mine if is_mine else others).append(entry)
    if name not in config.flows:
        refuse_slip(root, others)
    return mine, others


def refuse_slip(root: Node, others: list[Entry]) -> None:
    """Refuse entries for a flow whose name is this one's but for a slip, unless it is known to be another."""
    name = root.name
    near = [entry for entry in others if is_slip(entry, name)]
    if not near:
        return
    known = {*known_flows(root)} - {name}
    known |= {spelled(other) for other in known}
    for entry in near:
        if isinstance(entry, Setting):
            first = entry.path.partition("/")[0]
            says = f"{entry.source} is for a flow {first!r}, and this one is {name!r}. Write {name!r} if it is meant"
        else:
            first = entry.flow.upper()
            says = (
                f"{entry.source} sets nothing in the flow {name!r}, whose variables begin with ${variable_name(name)}. "
            )
            says += "Mend it if this is meant"
        if first not in known:
            raise DefinitionError(
                f"{says}; if it is for another flow, say so by a table for this one, which may be empty: "
                f'`[tool.omnitron.flows."{name}"]`.'
            )


def is_slip(entry: Entry, name: str) -> bool:
    """Say whether an entry for another flow has the name of this one but for a slip."""
    if isinstance(entry, Setting):
        return bool(near_to(name, [entry.path.partition("/")[0]]))
    return bool(near_to(spelled(name), [entry.flow.upper()]))


def known_flows(root: Node) -> Iterator[str]:
    """Give the names of other flows, as far as the functions of a tree and their modules tell."""
    places = Places(root)
    for name, _ in places.called():
        yield name
    modules = {str(getattr(node.fn, "__module__", "")) for _, node in places.rows if isinstance(node, Step)}
    for module in modules & sys.modules.keys():
        for value in list(vars(sys.modules[module]).values()):
            if isinstance(value, AnyFlow):
                yield value.name
