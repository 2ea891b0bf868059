"""By what a cache tells the calls of a flow apart: its arguments as the flow takes them, and what of the context it needs.

However a flow is reached (called, in a pipe, watched, with defaults left out), the same call has the same key. The forms of
single values stand in `omnitron.policy`.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, NoReturn

from omnitron import runtime
from omnitron.algebra.node import walk_nodes
from omnitron.algebra.refining import Bound, entry_function
from omnitron.errors import DefinitionError
from omnitron.model import Secret
from omnitron.policy import PLAIN, Former, Same
from omnitron.runtime import Context, Key, Need, Resource, current_context

if TYPE_CHECKING:
    from omnitron.algebra.caching import Cached
    from omnitron.algebra.node import Node
    from omnitron.algebra.writer import Args, Writer

__all__ = ["Keying", "has_stand_in", "unseen_need"]


def unseen_need(needs: frozenset[Any]) -> Any:
    """Give a need whose value nobody can tell before the flow runs: the whole context, what lives for one run; or None."""
    for need in needs:
        target = need.target if isinstance(need, Need) else None
        if target is Context:
            return target
        if isinstance(target, Resource) and (target.scope == "run" or Context in target.keys):
            return target
    return None


def called_needs(body: Node) -> set[Need]:
    """Give what the flows need that the functions of a tree are known to call, and those that these call."""
    from omnitron.algebra.bodies import called_flows

    found: set[Need] = set()
    waiting, seen = [body], {id(body)}
    for root in waiting:
        for _, node in walk_nodes(root):
            for flow in called_flows(node):
                if id(flow.node) not in seen:
                    seen.add(id(flow.node))
                    waiting.append(flow.node)
                    found |= {need for need in flow.node.needs if isinstance(need, Need)}
    return found


class Part:
    """One part of a key.

    Attributes:
        name: what a reader calls it: the parameter, or the needed value.
        form: makes the form of what the parameter holds.
        plain: whether what is of a plain class is its own form.
        ground: gives the form of what the context has, where it is no parameter.
    """

    __slots__ = ("form", "ground", "name", "plain")

    def __init__(
        self,
        name: str,
        form: Callable[[Any], Any] | None = None,
        *,
        plain: bool = False,
        ground: Callable[[], Any] | None = None,
    ) -> None:
        self.name = name
        self.form = form
        self.plain = plain
        self.ground = ground


class Keying:
    """Makes the keys of one cached flow.

    Attributes:
        known: the parameters of the flow, None where it takes any.
        parts: what a key is made of; one part is the key itself, several are a tuple.
        key_of: takes the arguments of a call, gives its key.
        asked: the parameters that the context fills; `met` what of that a `within` inside the cache has, always the same.
    """

    __slots__ = ("asked", "form", "key", "key_of", "known", "met", "name", "parts")

    def __init__(self, node: Cached) -> None:
        body = node.body
        known = body.parameters()
        if known is not None and any(name[:2] == "o_" for name in known.names):
            known = None
        self.name = body.name
        self.key = node.key
        self.form = Former()
        if node.store is not None:
            self.form.known[Secret] = refuse_secret
        self.known = known
        defaults = {} if known is None else known.by_position() | (known.kwdefaults or {})
        self.asked = {name: value for name, value in defaults.items() if isinstance(value, Need)}
        self.parts = self.argument_parts(node, defaults)
        self.met = {need for need in self.asked.values() if need not in body.needs}
        asked = {name for name, need in self.asked.items() if need not in self.met}
        held = {need for need in body.needs_beside(asked) if isinstance(need, Need)}
        for need in sorted(held, key=lambda need: str(getattr(need.target, "name", ""))):
            if node.key is None or isinstance(need.target, Key):
                self.parts.append(Part(f"needed {need.target.name}", ground=partial(self.seen, need)))
        for need in sorted(self.called(node) - held, key=lambda need: str(getattr(need.target, "name", ""))):
            self.parts.append(Part(f"needed {need.target.name}", ground=partial(self.seen_if_held, need.target)))
        self.parts += [] if node.key is not None else self.bound_parts(body)
        self.key_of: Callable[..., Any] = self.made()

    def called(self, node: Cached) -> set[Need]:
        """Give what the flows need that the functions of this one are known to call.

        Raises:
            DefinitionError: one needs what no key can hold.
        """
        needs = called_needs(node.body)
        unseen = unseen_need(frozenset(needs))
        if unseen is not None and node.key is None:
            what = "the whole context" if unseen is Context else f"the resource {unseen.name!r}, which is of one run"
            raise DefinitionError(
                f"{self.name!r} is cached, and calls a flow that needs {what}, so that nothing tells which calls give the "
                "same. Say it: `.cache(ttl, key=...)` takes a function of the arguments."
            )
        return {need for need in needs if isinstance(need.target, Key) or node.key is None}

    def argument_parts(self, node: Cached, defaults: dict[str, Any]) -> list[Part]:
        """Give the parts that are of the arguments."""
        known = self.known
        if known is None or node.key is not None:
            parts = [Part("arguments" if node.key is None else "key")]
            return parts + [Part(name, self.seen) for name, need in self.asked.items() if isinstance(need.target, Key)]
        around = class_around(entry_function(node.body))
        owner = known.positional[0] if known.positional and around else None
        parts = []
        for name in known.names:
            if name == owner:
                parts.append(Part(name, self.former_of_first(around)))
            elif name in self.asked:
                parts.append(Part(name, self.seen))
            elif name in defaults and not self.has_form(defaults[name]):
                parts.append(Part(name, partial(self.form_but, name, defaults[name])))
            else:
                parts.append(Part(name, self.form, plain=True))
        return parts

    def bound_parts(self, body: Node) -> list[Part]:
        """Give the parts that are of values fixed by `bind` which may change: what they hold when a call is made."""
        held = [pair for _, one in walk_nodes(body) if isinstance(one, Bound) for pair in one.keywords]
        return [
            Part(f"bound {name}", ground=partial(self.form, value))
            for name, value in held
            if not is_hashable(value) and self.has_form(value)
        ]

    def has_form(self, value: Any) -> bool:
        """Say whether a default has a form."""
        try:
            self.form(value)
        except Exception:
            return False
        return True

    def form_but(self, name: str, default: Any, value: Any) -> Any:
        """Give the form of an argument whose default has none: its name stands for that one very object."""
        return (Same, name) if value is default else self.form(value)

    def former_of_first(self, around: str) -> Callable[[Any], Any]:
        """Give what makes the form of a first argument: of the object of a method, or of whatever a static method takes."""
        known: dict[type, Callable[[Any], Any]] = {}

        def form(value: Any) -> Any:
            make = known.get(type(value))
            if make is None:
                owned = any(base.__qualname__ == around for base in type(value).__mro__)
                make = known[type(value)] = self.form.of_owner if owned else self.form
            return make(value)

        return form

    # What the context has

    def seen(self, value: Any) -> Any:
        """Give the form of a parameter that the context fills where it was not passed."""
        if not isinstance(value, Need):
            return self.form_or_same(value)
        target = value.target
        if value in self.met:
            return (Need,)
        if isinstance(target, Key):
            return self.form_or_same(runtime.take(target))
        return self.resource_form(target, current_context())

    def seen_if_held(self, target: Any) -> Any:
        """Give the form of what a called flow needs; it may be passed there, so the context need not have it."""
        if isinstance(target, Resource):
            return self.resource_form(target, current_context())
        held = current_context()._values
        return (Key, self.form_or_same(held[target.name])) if target.name in held else None

    def resource_form(self, target: Resource[Any], ctx: Context) -> Any:
        """Give what tells a resource from another: what stands in its place, or the values that it is opened with."""
        values = ctx._values
        if target in values:
            return (Resource, Same(values[target]))
        if target.scope == "app" and ctx._scope is not None:
            values = ctx._scope.root.context._values
        found: list[Any] = []
        for key in sorted(target.keys, key=lambda key: str(getattr(key, "name", key))):
            if isinstance(key, Resource):
                found.append((Resource, Same(values[key])) if key in values else None)
            else:
                found.append((key, self.form_or_same(values[key])) if key in values else None)
        return (Resource, *found)

    def form_or_same(self, value: Any) -> Any:
        """Give the form of a value of the context; under an explicit `key=` one without a form counts as that object."""
        if self.key is None:
            return self.form(value)
        try:
            return self.form(value)
        except DefinitionError:
            return (Same, Same(value))

    # The function, and the text

    def made(self) -> Callable[..., Any]:
        """Make the function that gives the key of a call, with the parameters of the flow."""
        if self.known is None:
            return self.loose
        from omnitron.algebra.program import code_of

        known = self.known
        space: dict[str, Any] = {"__builtins__": builtins.__dict__, "__name__": __name__}
        texts = []
        for number, part in enumerate(self.parts):
            if part.ground is not None:
                space[f"o_{number}"] = part.ground
                texts.append(f"o_{number}()")
            elif part.form is None:
                space[f"o_{number}"] = self.keyed
                texts.append(f"o_{number}({self.passed(known.passed)})")
            else:
                space[f"o_{number}"] = part.form
                texts.append(f"o_{number}({part.name})")
        text = f"def run({known.declared}):\n    return {joined(texts)}\n"
        code = code_of(text).replace(co_filename=f"flow {self.name} (key)", co_name=self.name, co_qualname=self.name)
        fn = FunctionType(code, space, self.name, known.defaults)
        fn.__kwdefaults__ = known.kwdefaults
        return fn

    def passed(self, text: str) -> str:
        """Give the text of a call without what the context fills."""
        asked = {f"{name}={name}" for name in self.asked}
        return ", ".join(one for one in text.split(", ") if one not in asked)

    def keyed(self, *args: Any, **kwargs: Any) -> Any:
        """Give the form of what the user's `key` makes of the arguments."""
        assert self.key is not None
        return self.form(self.key(*args, **kwargs))

    def loose(self, *args: Any, **kwargs: Any) -> Any:
        """Give the key of a call whose parameters are not known."""
        parts = []
        for part in self.parts:
            if part.ground is not None:
                parts.append(part.ground())
            elif self.key is not None:
                parts.append(self.keyed(*args, **kwargs))
            else:
                parts.append((self.form(args), self.form(kwargs)) if kwargs else self.form(args))
        return parts[0] if len(parts) == 1 else tuple(parts)

    def write(self, w: Writer, args: Args, place: int) -> str:
        """Write what makes the key at one place, of the node with that number; give the variable that holds it.

        It is written out where the arguments stand in variables; else a function finds out what is passed for what.
        """
        known, key = self.known, w.temp()
        direct = known is not None and args.call == known.passed and args.value != args.call
        alone = known is not None and args.single and args.value.isidentifier() and known.positional and known.take(1)
        if known is None or self.key is not None or not (direct or alone):
            w.mark(f"{key} = {w.bind(self.key_of)}({args.call})", place)
            return key
        defaults = known.by_position() | (known.kwdefaults or {})
        texts: list[str] = []
        for number, part in enumerate(self.parts):
            if part.ground is not None:
                texts.append(f"{w.bind(part.ground)}()")
            elif direct or not number:
                name = part.name if direct else args.value
                texts.append(self.write_plain(w, name, place) if part.plain else f"{w.bind(part.form)}({name})")
            else:
                assert part.form is not None
                value = defaults.get(part.name, () if part.name == known.rest else {})
                fixed = part.name not in self.asked
                texts.append(w.bind(part.form(value), "k") if fixed else f"{w.bind(part.form)}({w.bind(value, 'k')})")
        if len(texts) == 1 and texts[0].isidentifier():
            return texts[0]
        w.mark(f"{key} = {joined(texts)}", place)
        return key

    def write_plain(self, w: Writer, name: str, place: int) -> str:
        """Write what makes the form of a variable; give the one that holds it. The commonest classes are asked for first.

        A text or a whole number is its own form, and so is a tuple of what is.
        """
        form, found, kind, item = self.form, w.temp(), w.temp(), w.temp()
        type_, str_, int_, plain, make = map(w.bind, (type, str, int, PLAIN, form))
        with w.block(f"if ({kind} := {type_}({name})) is {str_} or {kind} is {int_}:"):
            w.line(f"{found} = {name}")
        with w.block(f"elif {kind} is {w.bind(tuple)}:"):
            w.line(f"{found} = {name}")
            with w.block(f"for {item} in {name}:"):
                one = f"({kind} := {type_}({item}))"
                with w.block(f"if {one} is not {str_} and {kind} is not {int_} and {kind} not in {plain}:"):
                    w.mark(f"{found} = {make}({name})", place)
                    w.line("break")
        with w.block(f"elif {kind} in {plain}:"):
            w.line(f"{found} = {name}")
        with w.block("else:"):
            w.mark(f"{found} = ({w.bind(form.known.get)}({kind}) or {make})({name})", place)
        return found


def is_hashable(value: Any) -> bool:
    """Say whether a value has a hash, as what never changes has."""
    try:
        hash(value)
    except Exception:
        return False
    return True


def has_stand_in(key: Any) -> bool:
    """Say whether something of the context stood in the place of a resource when a key was made."""
    if type(key) is not tuple:
        return False
    return (len(key) == 2 and key[0] is Resource and type(key[1]) is Same) or any(map(has_stand_in, key))


def refuse_secret(value: Any) -> NoReturn:
    """Refuse a secret in a key that others can read."""
    raise DefinitionError(
        "a Secret stands in a call of a flow that is cached in a store, where it could be guessed from its hash. Say by "
        "`key=` what tells one call from another, or cache the flow in memory: leave `store` out."
    )


def joined(texts: list[str]) -> str:
    """Give the text of one part, or of a tuple of several."""
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def class_around(fn: Any) -> str:
    """Give the name of the class in whose body a function was written, whose first argument is then the object; or ""."""
    around = str(getattr(fn, "__qualname__", "")).rpartition(".")[0]
    return "" if type(fn) is not FunctionType or around.endswith("<locals>") else around
