"""What a flow wants of the context: who asks for it, the values that the command gives, and what is still lacking.

Values are read by the types of their keys as arguments are by their annotations, in `omnitron.cli.inputs`.
"""

from __future__ import annotations

import inspect
import shlex
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from omnitron.algebra import called_flows, walk
from omnitron.cli.exits import Misuse
from omnitron.cli.inputs import adapter_of, as_json_or_text, complaints, from_text
from omnitron.cli.targets import AnyFlow
from omnitron.errors import DefinitionError
from omnitron.runtime import Context, Key, Need, Resource, missing_needs

__all__ = ["Wants", "check_wants", "option_text", "read_values", "want_lines", "wants_of"]

Wants = dict[Any, list[str]]
"""What is asked for (keys, resources, the class `Context`), each with who asks."""


# ------------------------------------------------------------------ who asks for what


def wants_of(flow: AnyFlow) -> Wants:
    """Give what the steps of a tree ask for, and what the resources among it ask for, in the order of the tree."""
    found: Wants = {}
    for first, path in asked(flow):
        waiting = [(first, path)]
        for target, who in waiting:
            paths = found.setdefault(target, [])
            if who not in paths:
                paths.append(who)
            if isinstance(target, Resource):
                waiting += [(need.target, f"{who} → {target.name}") for need in target.needs.values()]
    return found


def asked(flow: AnyFlow) -> Iterator[tuple[Any, str]]:
    """Give what each step asks for that nothing around it in the tree gives, with the step's path."""
    around = [flow.node.needs]
    for path, node in walk(flow):
        open_needs = around.pop() & node.needs
        around += [open_needs] * len(node.children)
        for need in getattr(node, "asked", {}).values():
            if need in open_needs:
                yield need.target, path


def known_keys(flow: AnyFlow) -> dict[str, Key[Any]]:
    """Give the keys that a tree asks for, and those of the flows that its bodies are known to call, by name."""
    found: dict[str, Key[Any]] = {}
    waiting, seen = [flow], {id(flow.node)}
    for one in waiting:
        for target in wants_of(one):
            if isinstance(target, Key):
                found.setdefault(target.name, target)
        for _, node in walk(one):
            inside = [called for called in called_flows(node) if id(called.node) not in seen]
            seen.update(id(called.node) for called in inside)
            waiting += inside
    return found


# ------------------------------------------------------------------ values from the command


def read_values(flow: AnyFlow, words: Mapping[str, str]) -> dict[str, Any]:
    """Give the values for the context: those that a known key names by its type, others as JSON or else as text.

    Raises:
        Misuse: names each value that is not of its key's type.
    """
    keys = known_keys(flow) if words else {}
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name, text in words.items():
        annotation = keys[name].type if name in keys else object
        if annotation is object:
            values[name] = as_json_or_text(text)
            continue
        try:
            values[name] = from_text(adapter_of(annotation, f"the value {name!r} of the context"), annotation, text)
        except ValidationError as error:
            wrong += complaints(name, error, annotation)
    if wrong:
        lines = [f"  {line}" for line in wrong]
        raise Misuse("\n".join(["the values for the context do not fit.", *lines, *wanted_lines(flow, keys, words)]))
    return values


def wanted_lines(flow: AnyFlow, keys: Mapping[str, Key[Any]], names: Iterable[str]) -> list[str]:
    """Say what the flow wants under some names."""
    texts = [f"{name}: {type_text(keys[name].type)}" for name in names if name in keys]
    return [f"The flow {flow.name!r} needs {', '.join(texts)}."]


def check_wants(flow: AnyFlow, ctx: Context, passed: Mapping[str, Any]) -> None:
    """Refuse a run that would lack values or capabilities.

    Args:
        flow: what is to run.
        ctx: the context in which it is to run.
        passed: the arguments by name.

    Raises:
        Misuse: names what is missing, who needs it, and how it is given.
    """
    lines, options = [], []
    try:
        lacking = missing_needs(
            {need.target for need in flow.node.needs_beside(passed.keys()) if isinstance(need, Need)}, ctx
        )
    except DefinitionError as error:
        raise Misuse(str(error)) from error
    for key, who in wants_of(flow).items():
        if isinstance(key, Key) and key.name in lacking:
            can = can_be_given(key)
            lines.append(f"  {key.name}: {type_text(key.type)}, needed by {', '.join(who)}{'' if can else BEYOND}")
            options += [option_text(key.name)] if can else []
    capabilities = sorted(name for name in flow.node.capabilities if not ctx.has_capability(name))
    for name in capabilities:
        paths = [path for path, node in walk(flow) if node.meta is not None and name in node.meta.capabilities]
        lines.append(f"  {name}, needed by {', '.join(paths)}")
        options.append(f"--capability {name}")
    if lines:
        what = " and ".join(["values"] * bool(lacking) + ["capabilities"] * bool(capabilities))
        there = [f"The context has {', '.join(map(str, ctx))}."] if lacking and len(ctx) else []
        give = [f"Give them by: {' '.join(options)}"] if options else []
        raise Misuse("\n".join([f"the run would lack {what}.", *lines, *there, *give]))


def option_text(name: str) -> str:
    """Give the words that give a value, as a shell takes them."""
    return f"--context {shlex.quote(f'{name}=VALUE')}"


BEYOND = "; no text gives one: run the flow from Python, in a context that holds it"


def can_be_given(key: Key[Any]) -> bool:
    """Say whether a text can be read as a key's type."""
    try:
        adapter_of(EMPTY if key.type is object else key.type, "")
    except Misuse:
        return False
    return True


EMPTY: Any = inspect.Parameter.empty


# ------------------------------------------------------------------ for a person


def want_lines(flow: AnyFlow) -> list[str]:
    """Give what a flow wants of the context, one a line: name and type, the scope of a resource, who asks."""
    rows = [(want_text(target), ", ".join(who)) for target, who in wants_of(flow).items()]
    width = max((len(left) for left, _ in rows), default=0)
    return [f"{left:<{width}}  {who}" for left, who in rows]


def want_text(target: Any) -> str:
    """Give name and type of what is asked for."""
    if isinstance(target, Key):
        return f"{target.name}: {type_text(target.type)}"
    if isinstance(target, Resource):
        kind = opened_text(target)
        return f"{target.name}{kind and f': {kind}'} (resource, {target.scope})"
    return "the context"


def opened_text(target: Resource[Any]) -> str:
    """Give the type of what opening a resource gives, as far as its function is annotated."""
    text = target.fn.__annotations__.get("return", "")
    try:
        annotation = typing.get_type_hints(target.fn)["return"]
    except Exception:  # a name that is not there: what was written is still the best that can be shown
        return text if isinstance(text, str) else type_text(text)
    inside = typing.get_args(annotation)
    return type_text(inside[0] if target.closes and inside else annotation)


def type_text(kind: Any) -> str:
    """Give a type as it is written."""
    return inspect.formatannotation(kind)
