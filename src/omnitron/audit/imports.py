"""What one source text says: its functions, and its imports of modules that reach out.

Pure: text in, plain records out, nothing opened and nothing imported. Functions are `def` and `async def`,
nested ones and methods included; lambdas are expressions and are not counted. Imports are the statements,
wherever they stand, and calls of `import_module` and `__import__` with the name written out. Relative imports
stay inside the package and never count. What an import is *worth* is said by `omnitron.audit.knowledge`; files
are read in `omnitron.audit.files`.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from omnitron.audit.knowledge import VENDORS, Reach, reach_of

__all__ = ["Import", "Reading", "count_lines", "decode", "read_imports"]

How: TypeAlias = Literal["import", "from", "call"]


class Import(NamedTuple):
    """One import of a module that reaches out.

    Attributes:
        line: where it stands, counted from 1.
        module: what is imported, as far as the knowledge goes: `from os import environ` is `os.environ`.
        how: a statement (`import`, `from`), or a `call` with the name as a literal.
        reach: what the module lets code touch.
        runs: whether it is ever executed; an import beneath `if TYPE_CHECKING:` is not.
    """

    line: int
    module: str
    how: How
    reach: Reach
    runs: bool = True


class Reading(NamedTuple):
    """What was read from one text that parses."""

    functions: int
    imports: tuple[Import, ...]


def count_lines(data: bytes) -> int:
    """Count the lines of a file, whatever its bytes are; a last line without an end counts."""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data.count(b"\n") + (not data.endswith(b"\n") if data else 0)


def decode(data: bytes) -> str:
    """Turn the bytes of a Python file into text, by its mark or its coding line, else UTF-8.

    Raises:
        UnicodeError: The bytes are not in that encoding.
        LookupError: The coding line names no text encoding.

    Source: PEP 263.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        data.decode("utf-8")  # Where this fails, it says at which byte.
        raise LookupError(str(error.msg)) from error
    return data.decode(encoding)


def read_imports(text: str, *, own: str = "") -> Reading:
    r"""Parse a source text and list its imports that reach out, in the order of lines.

    Args:
        own: The top-level package that the text belongs to; its imports of that package are not listed (what
            they reach is listed where they import others), but those of copies vendored inside it are.

    Raises:
        SyntaxError: It is not Python of the running version.
        ValueError: It cannot be a program at all (a null byte, a lone surrogate).
        RecursionError: It is nested deeper than the parser goes.
        MemoryError: The same, as older parsers say it.

    Cost: linear; nearly all of it is the parser.

    Example:
        >>> read_imports("import socket\ndef f(): pass\n").functions
        1
    """
    with warnings.catch_warnings():
        # A wrong escape in somebody's string is not our reader's business.
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
    functions, found = _statements(tree)
    if "import_module" in text or "__import__" in text:
        found.extend(_calls(tree))
    if own:
        found = [one for one in found if not _inside(one.module, own)]
    found.sort(key=lambda one: one.line)
    return Reading(functions, tuple(found))


def _inside(module: str, own: str) -> bool:
    return module.partition(".")[0] == own and VENDORS.isdisjoint(module.split("."))


# The kinds of statement that hold other statements, by the fields that hold them.
_HOLDERS: Final[dict[type[ast.AST], tuple[str, ...]]] = {
    ast.ClassDef: ("body",),
    ast.If: ("body", "orelse"),
    ast.For: ("body", "orelse"),
    ast.AsyncFor: ("body", "orelse"),
    ast.While: ("body", "orelse"),
    ast.With: ("body",),
    ast.AsyncWith: ("body",),
    ast.Try: ("body", "handlers", "orelse", "finalbody"),
    ast.TryStar: ("body", "handlers", "orelse", "finalbody"),
    ast.ExceptHandler: ("body",),
    ast.Match: ("cases",),
    ast.match_case: ("body",),
}


def _statements(tree: ast.Module) -> tuple[int, list[Import]]:
    """Walk statements only (expressions hold no import), without recursion."""
    functions = 0
    found: list[Import] = []
    pending: list[tuple[list[ast.stmt], bool]] = [(tree.body, True)]
    while pending:
        body, runs = pending.pop()
        for node in body:
            kind = type(node)
            if kind is ast.FunctionDef or kind is ast.AsyncFunctionDef:
                functions += 1
                pending.append((node.body, runs))  # type: ignore[attr-defined]
            elif isinstance(node, ast.Import):
                found.extend(_import(node, runs=runs))
            elif isinstance(node, ast.ImportFrom):
                found.extend(_import_from(node, runs=runs))
            elif isinstance(node, ast.If) and _for_checkers(node.test):
                pending.append((node.body, False))
                pending.append((node.orelse, runs))
            else:
                pending.extend((getattr(node, field), runs) for field in _HOLDERS.get(kind, ()))
    return functions, found


def _import(node: ast.Import, *, runs: bool) -> Iterator[Import]:
    for alias in node.names:
        _, reach = reach_of(alias.name)
        top, dot, _ = alias.name.partition(".")
        if dot and alias.asname is None:
            # `import os.path` binds `os`, and with it all that `os` reaches.
            reach |= reach_of(top)[1]
        if reach:
            yield Import(node.lineno, alias.name, "import", reach, runs)


def _import_from(node: ast.ImportFrom, *, runs: bool) -> Iterator[Import]:
    if node.level or not node.module:
        return
    seen: set[str] = set()
    for alias in node.names:
        listed, reach = reach_of(f"{node.module}.{alias.name}")
        module = listed if len(listed) > len(node.module) else node.module
        if reach and module not in seen:
            seen.add(module)
            yield Import(node.lineno, module, "from", reach, runs)


def _calls(tree: ast.Module) -> Iterator[Import]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called, name = node.func, node.args[0]
        word = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if word not in ("import_module", "__import__"):
            continue
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            _, reach = reach_of(name.value)
            if reach:
                yield Import(node.lineno, name.value, "call", reach)


def _for_checkers(test: ast.expr) -> bool:
    """Say whether a condition is `TYPE_CHECKING`, which is false in every run."""
    return getattr(test, "attr", getattr(test, "id", "")) == "TYPE_CHECKING"
