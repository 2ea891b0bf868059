"""What the site needs beside Sphinx: links for names in code, and types of annotations that are looked for.

A name in single backticks of a docstring becomes a link where it is public. A type of an annotation that no page
describes has to be there, in the library or in the standard library; else the build fails.
"""

from __future__ import annotations

import builtins
import sys
from contextlib import suppress
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.napoleon import GoogleDocstring
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

import omnitron
import omnitron.interop
import omnitron.testing
from omnitron import AsyncFlow, Flow, OmnitronError, PolicyWarning
from omnitron.algebra import Node

ROOMS = (omnitron, omnitron.testing, omnitron.interop)


def public_name(name: str) -> str | None:
    """Give the full name of what users know as `name`, or None where it is no public name."""
    bare = name.removesuffix("()")
    first, *rest = bare.split(".")
    for room in ROOMS:
        if first in room.__all__:
            thing = getattr(room, first)
            for part in rest:
                if not hasattr(thing, part):
                    return None
                thing = getattr(thing, part)
            return f"{room.__name__}.{bare}"
    return None


def public_role(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Any = ()
) -> tuple[list[nodes.Node], list[Any]]:
    """Make a link of a public name (`Retry`, `Flow.retry`), and code of everything else."""
    literal = nodes.literal(rawtext, text.replace("\x00", "\\"))
    target = public_name(text)
    if target is None:
        return [literal], []
    return [pending_xref("", literal, refdomain="py", reftype="obj", reftarget=target, refwarn=False)], []


def everything() -> dict[str, Any]:
    """Give all that the modules of the library know by a name: their own things, aliases, type variables, imports."""
    known: dict[str, Any] = {}
    for found in walk_packages(omnitron.__path__, "omnitron."):
        if not found.name.endswith("__main__"):
            with suppress(ModuleNotFoundError):  # of a library that only some adapters need
                known.update(vars(import_module(found.name)))
    return known


KNOWN = everything()


def missing_reference(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.Element) -> Any:
    """Resolve a type that no page describes under that very name: to its public name, or to its name as it stands."""
    if node.get("refdomain") != "py":
        return None
    module, _, name = node["reftarget"].rpartition(".")
    if module.partition(".")[0] == "omnitron" and name in KNOWN and public_name(name):
        domain = env.get_domain("py")
        return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", str(public_name(name)), node, text)
    if module.partition(".")[0] in {"omnitron", *sys.stdlib_module_names}:
        return text if name in KNOWN or hasattr(import_module(module), name) else None
    return text if (module or name) in KNOWN or hasattr(builtins, name) else None


def read_property(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Read the docstring of a property like a method's: napoleon takes what is before its first colon for a type."""
    if what in {"attribute", "data", "property"}:
        lines[:] = ["..", "", *GoogleDocstring(lines, app.config, app, "method", name, thing, options).lines()]


def name_code(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Add its code to what is told of a class of errors."""
    if what in {"class", "exception"} and issubclass(thing, (OmnitronError, PolicyWarning)):
        lines += ["", f"Code: ``{thing.code}``, see :doc:`/errors`."]


def hide_constructor(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """Leave out the parameters of a class that refuses to be called: a flow is made by `flow` and by combinators."""
    return ("", "") if what == "class" and issubclass(thing, (Flow, AsyncFlow)) else None


def annotations_of(thing: Any, name: str, *default: Any) -> Any:
    """Give an attribute of a class; its annotations only where they are some: flows have a property of that name."""
    value = getattr(thing, name, *default)
    return {} if name == "__annotations__" and not isinstance(value, dict) else value


def without_overloads(analyze: Any) -> Any:
    """Make the analyser forget overloads: one signature tells a reader more than forty."""

    def analyzed(self: ModuleAnalyzer) -> None:
        analyze(self)
        self.overloads.clear()

    return analyzed


class Tunables(SphinxDirective):
    """A table of what a configuration may set, as the kinds of nodes declare it."""

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        words = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
        kinds = {kind.kind: kind.tunable for kind in every_subclass(Node) if kind.tunable and kind.kind}
        lines = ["| kind | parameter | value |", "|---|---|---|"]
        for kind, tunable in sorted(kinds.items()):
            for number, (parameter, reads) in enumerate(tunable.items()):
                lines.append(f"| {'' if number else f'`{kind}`'} | `{parameter}` | {words[reads]} |")
        return self.parse_text_to_nodes("\n".join(lines))


def every_subclass(kind: type) -> set[Any]:
    """Give the classes that derive from one."""
    return {kind, *(one for child in kind.__subclasses__() for one in every_subclass(child))}


def setup(app: Sphinx) -> dict[str, Any]:
    """Add all of it to the builder."""
    app.add_directive("tunables", Tunables)
    app.add_role("public", public_role)
    app.add_autodoc_attrgetter(type, annotations_of)
    app.connect("missing-reference", missing_reference)
    app.connect("autodoc-process-docstring", read_property, priority=400)
    app.connect("autodoc-process-signature", hide_constructor)
    app.connect("autodoc-process-docstring", name_code, priority=600)
    ModuleAnalyzer.analyze = without_overloads(ModuleAnalyzer.analyze)  # type: ignore[method-assign]
    return {"version": omnitron.__version__}
