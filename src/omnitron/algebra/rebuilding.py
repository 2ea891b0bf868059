"""From plain data back to a flow: `rebuild`, the other half of `flow.describe()`.

A description names what it is made of by import paths, and rebuilding it imports and calls what it names: it is code,
and as much to be trusted as code. Who reads descriptions from elsewhere gives a `find` that knows what may be named.
How descriptions look is told in `omnitron.algebra.describing` and `omnitron.algebra.constants`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from math import nan
from types import BuiltinFunctionType, MethodType
from typing import TYPE_CHECKING, Any

from omnitron.algebra.constants import HOLDS, OWN, SECRET, contents, is_special, member
from omnitron.algebra.describing import FORMAT
from omnitron.algebra.flows import from_node
from omnitron.algebra.making import step_of
from omnitron.algebra.node import Node, checked_name, fill
from omnitron.algebra.pickling import look_up
from omnitron.algebra.steps import Step
from omnitron.errors import DefinitionError, InvalidValue, OmnitronError
from omnitron.model import FlowMeta, Record

if TYPE_CHECKING:
    from omnitron.algebra.flows import AsyncFlow, Flow

__all__ = ["rebuild"]


def rebuild(
    data: Mapping[str, Any], *, find: Callable[[str], Any] | None = None
) -> Flow[..., Any] | AsyncFlow[..., Any]:
    """Give the flow that `flow.describe()` described, equal to it. Nothing is checked that needs the flow to run.

    A description is code: rebuilding imports the modules that it names, and calls what it says. Do not rebuild what
    comes from somebody you do not trust, unless `find` says what may be named.

    Args:
        data: what `describe` gave, also after a round through JSON.
        find: takes an import path `module:qualname`, gives what stands there, raises (or gives None) to refuse. It
            replaces the import for everything but the library's own nodes and records.

    Raises:
        DefinitionError: something in it is opaque, is not found, or does not fit; or it is no description.

    Example:
        >>> from omnitron import flow, rebuild
        >>> shouted = flow(str.upper) | print
        >>> rebuild(shouted.describe()) == shouted
        True
    """
    if not isinstance(data, Mapping) or "omnitron" not in data or not is_node(data.get("flow")):
        raise DefinitionError("rebuild takes what `flow.describe()` gave: an object with `omnitron` and `flow`.")
    if data["omnitron"] != FORMAT:
        raise InvalidValue(
            f"the description is of format {data['omnitron']!r}, this version of Omnitron reads {FORMAT}. "
            "Describe the flow anew with this version."
        )
    refuse_opaque(dict(data))
    try:
        return from_node(Making(data, find).whole(data["flow"]))  # type: ignore[no-any-return] # of either colour
    except RecursionError as error:
        raise DefinitionError("a value in the description is nested too deep to be rebuilt.") from error


class Making:
    """What is being rebuilt: the nodes that are made already, and what was looked up."""

    __slots__ = ("classes", "find", "found", "made", "parts")

    def __init__(self, data: Mapping[str, Any], find: Callable[[str], Any] | None) -> None:
        self.find = find
        self.classes: dict[str, type] = {}
        self.found: dict[str, Any] = {}
        self.made: dict[int, Node] = {}
        self.parts: Any = data.get("parts", [])

    def whole(self, root: dict[str, Any]) -> Node:
        """Make the node of a description, children before parents, without recursion."""
        stack: list[tuple[dict[str, Any], bool]] = [(root, False)]
        open_: set[int] = set()
        while stack:
            form, ready = stack.pop()
            if ready:
                open_.discard(id(form))
                self.made[id(form)] = self.node(form)
            elif id(form) not in self.made:
                if id(form) in open_:
                    raise DefinitionError("a part of the description contains itself.")
                open_.add(id(form))
                stack.append((form, True))
                stack.extend((inside, False) for inside in self.beneath(form))
        return self.made[id(root)]

    def beneath(self, form: dict[str, Any]) -> list[dict[str, Any]]:
        """Give the descriptions of nodes that stand directly in that of another."""
        nodes: list[dict[str, Any]] = []
        stack: list[Any] = [value for _, value in contents(form)]
        while stack:
            value = stack.pop()
            if is_node(value):
                nodes.append(value)
            elif type(value) is dict and "part" in value:
                nodes.append(self.part(value["part"]))
            else:
                stack += [held for _, held in contents(value)]
        return nodes

    def part(self, number: Any) -> dict[str, Any]:
        """Give the description of a part."""
        parts = self.parts
        if type(number) is not int or not isinstance(parts, list) or not 0 <= number < len(parts):
            raise DefinitionError(f"the description has no part {number!r}.")
        if not is_node(parts[number]):
            raise DefinitionError(f"part {number} of the description is no node.")
        part: dict[str, Any] = parts[number]
        return part

    def node(self, form: dict[str, Any]) -> Node:
        """Make a node of its description, over children that are made."""
        kind = self.look(form["class"], Node)
        fields, label, meta, colour = form["fields"], form.get("label"), form.get("meta"), form.get("colour")
        if not isinstance(fields, dict) or fields.keys() != set(kind.fields):
            raise DefinitionError(
                f"{form['class']} has the fields {', '.join(kind.fields) or 'none'}, the description gives "
                f"{', '.join(map(str, fields)) or 'none'}. Describe the flow anew with this version of the class."
            )
        values = [self.field(form, name, fields[name]) for name in kind.fields]
        if label is not None:
            checked_name(label)
        if meta is not None:
            meta = made_of(form, "meta", FlowMeta, {name: self.field(form, name, held) for name, held in meta.items()})
        if kind is Step:
            step_of(values[0], colour)  # refuses a function that has changed its colour since
        node: Node = kind.__new__(kind)
        if not any(isinstance(value, Node) for value in self.flat(values)):
            fill(node, "is_async", colour == "async")
        node._setup(values, label, meta)
        return node

    def flat(self, values: list[Any]) -> Iterator[Any]:
        """Give values, and the members of those that are tuples."""
        for value in values:
            if isinstance(value, tuple):
                yield from value
            yield value

    def field(self, form: dict[str, Any], name: str, held: Any) -> Any:
        """Give the value of a field."""
        try:
            return self.value(held)
        except (OmnitronError, RecursionError):
            raise
        except Exception as error:
            raise DefinitionError(
                f"the field {name!r} of {form['class']} cannot be rebuilt: {type(error).__name__}: {error}."
            ) from error

    def value(self, form: Any) -> Any:
        """Give the value that plain data stands for."""
        if isinstance(form, list):
            return tuple([self.value(item) for item in form])
        if not isinstance(form, dict):
            return form
        if is_node(form):
            return self.made[id(form)]
        if "part" in form:
            return self.made[id(self.part(form["part"]))]
        words = FORMS.keys() & form.keys()
        if len(words) != 1:
            raise DefinitionError(
                f"the description has an object of no known form, with {', '.join(form) or 'nothing'}."
            )
        word = words.pop()
        return FORMS[word](self, form[word], form)

    def pairs(self, held: Any) -> list[tuple[Any, Any]]:
        """Give pairs of values."""
        return [(self.value(key), self.value(value)) for key, value in held]

    def named(self, held: dict[str, Any]) -> dict[str, Any]:
        """Give values by name."""
        return {name: self.value(value) for name, value in held.items()}

    def look(self, path: Any, wanted: type) -> Any:
        """Give the class under a path, which must be one of `wanted`."""
        found = self.classes.get(path) if isinstance(path, str) else None
        if found is None:
            found = own_class(path, wanted) or self.search(path)
        if not isinstance(found, type) or not issubclass(found, wanted):
            raise DefinitionError(f"{path!r} in the description is no subclass of {wanted.__name__}: {found!r}.")
        self.classes[path] = found
        return found

    def search(self, path: Any) -> Any:
        """Give what stands under an import path."""
        if not isinstance(path, str) or path.count(":") != 1:
            raise DefinitionError(f"an import path is written `module:qualname`, the description has {path!r}.")
        found = self.found.get(path)
        if found is None:
            found = self.found[path] = (imported if self.find is None else partial(asked, self.find))(path)
        return found


def imported(path: str) -> Any:
    """Import what stands under a path; one that ends with its colon is that of the module."""
    module, _, qualname = path.partition(":")
    try:
        return look_up(module, qualname) if qualname else import_module(module)
    except (ImportError, AttributeError, ValueError) as error:
        raise DefinitionError(
            f"the description names {path!r}, which is not there: {error}. "
            "Put it back under that name, or give `rebuild` a `find` that knows where it is."
        ) from error


def asked(find: Callable[[str], Any], path: str) -> Any:
    """Ask the caller's own function for what stands under a path."""
    try:
        found = find(path)
    except OmnitronError:
        raise
    except Exception as error:
        raise DefinitionError(f"`find` has nothing under {path!r}: {type(error).__name__}: {error}.") from error
    if found is None:
        raise DefinitionError(f"`find` has nothing under {path!r}: it gave None.")
    return found


def own_class(path: Any, wanted: type) -> Any:
    """Give a class of the library that stands at the door of one of its rooms, or None."""
    module = str(path).partition(":")[0]
    if not module.startswith(f"{OWN}.") or module.count(".") != 1:
        return None
    found = imported(path)
    return found if isinstance(found, type) and issubclass(found, wanted) else None


def is_node(form: Any) -> bool:
    """Say whether plain data describes a node."""
    return type(form) is dict and "class" in form and "fields" in form


def refuse_opaque(data: dict[str, Any]) -> None:
    """Refuse a description with something in it that cannot be found again."""
    found: list[tuple[Any, str]] = []
    stack: list[tuple[Any, Any]] = [(data, None)]
    while stack:
        form, place = stack.pop()
        if type(form) is dict and "opaque" in form:
            found.append((place, str(form["opaque"])))
        else:
            stack += [(held, (place, where)) for where, held in contents(form)]
    if found:
        place, text = found[-1]
        if text.endswith(SECRET):
            raise DefinitionError(
                f"the flow cannot be rebuilt: it holds {text} (at {place_text(place)}), which no description tells. "
                'Let the flow ask for it, `needs(Key("token", Secret[str]))`, and give it by the context of each run; then '
                "describe the flow anew."
            )
        more = f" Nor to {len(found) - 1} more." if len(found) > 1 else ""
        raise DefinitionError(
            f"the flow cannot be rebuilt: no import path leads to {text} (at {place_text(place)}).{more} Put it under a "
            "name at the top of a module (a lambda as a function written by `def`), or pass it when the flow is called; "
            "then describe the flow anew."
        )


def place_text(place: Any) -> str:
    """Give a place in a description, for example `flow.parts[1].fn`."""
    steps: list[str] = []
    while place is not None:
        place, step = place
        steps.append(f"[{step}]" if type(step) is int else f".{step}")
    return "".join(reversed(steps)).removeprefix(".")


def made_of(form: dict[str, Any], word: str, kind: Callable[..., Any], named: dict[str, Any]) -> Any:
    """Call a class with values by name."""
    try:
        return kind(**named)
    except OmnitronError:
        raise
    except TypeError as error:
        raise DefinitionError(f"the {word} of a {form.get('kind', 'record')} do not fit: {error}.") from error


def enum_of(made: Making, path: Any, form: dict[str, Any]) -> Any:
    """Give a member of an enum."""
    from enum import Enum

    found = member(made.look(path, Enum), form["name"])
    if found is None:
        raise DefinitionError(f"{path} has no member {form['name']!r}.")
    return found


def method_of(made: Making, name: Any, form: dict[str, Any]) -> Any:
    """Give a method of an object; nothing else of it, so that a `find` that holds little gives no way to more."""
    found = getattr(made.value(form["of"]), name)
    if is_special(name) or not isinstance(found, MethodType | BuiltinFunctionType):
        raise DefinitionError(f"the description asks for {name!r} of an object, which is no method of its own.")
    return found


def referred(made: Making, path: Any, form: dict[str, Any]) -> Any:
    """Give what stands under a path, or the function that it holds."""
    found = made.search(path)
    if "attribute" not in form:
        return found
    if form["attribute"] not in HOLDS:
        raise DefinitionError(f"the description asks for {form['attribute']!r} of {path}, not for its function.")
    return getattr(found, form["attribute"], found)


def called(made: Making, make: Callable[..., Any], form: dict[str, Any]) -> Any:
    """Make an object as its `__reduce__` said."""
    found = make(*[made.value(item) for item in form["args"]])
    if "state" in form:
        state = made.value(form["state"])
        if hasattr(found, "__setstate__"):
            found.__setstate__(state)
        else:
            plain, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
            vars(found).update(plain or {})
            for name, value in (slots or {}).items():
                setattr(found, name, value)
    if "items" in form:
        found.extend([made.value(item) for item in form["items"]])
    for key, value in made.pairs(form.get("pairs", ())):
        found[key] = value
    return found


def new_of(made: Making, kind: Any, form: dict[str, Any]) -> Any:
    """Make an object by the `__new__` of its class."""
    found = made.value(kind)
    if not isinstance(found, type):
        raise DefinitionError(f"the description would make a new {found!r}, which is no class.")
    return called(made, partial(found.__new__, found), form)


FORMS: dict[str, Callable[[Making, Any, dict[str, Any]], Any]] = {
    "bytearray": lambda made, held, form: bytearray.fromhex(held),
    "bytes": lambda made, held, form: bytes.fromhex(held),
    "call": lambda made, held, form: called(made, made.value(held), form),
    "complex": lambda made, held, form: complex(*[made.value(part) for part in held]),
    "dict": lambda made, held, form: dict(made.pairs(held)),
    "enum": enum_of,
    "float": lambda made, held, form: nan if held == "nan" else float(held),
    "flow": lambda made, held, form: from_node(made.value(held)),
    "frozenset": lambda made, held, form: frozenset(made.value(held)),
    "int": lambda made, held, form: int(held, 16),
    "list": lambda made, held, form: list(made.value(held)),
    "method": method_of,
    "module": lambda made, held, form: made.search(f"{held}:"),
    "new": new_of,
    "partial": lambda made, held, form: partial(
        made.value(held), *made.value(form["args"]), **made.named(form["keywords"])
    ),
    "record": lambda made, held, form: made_of(
        form, f"fields of {held}", made.look(held, Record), made.named(form["fields"])
    ),
    "ref": referred,
    "set": lambda made, held, form: set(made.value(held)),
}
