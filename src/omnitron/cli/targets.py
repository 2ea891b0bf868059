"""From `FILE_OR_MODULE:FLOW` to the flow.

A file is imported as a module under the name by which worker processes can import it too: its stem, with its folder
put first on `sys.path`; inside a package its dotted name, with the folder above the outermost package. What a flow
takes is read in `omnitron.cli.inputs`.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from inspect import getattr_static
from types import FunctionType, ModuleType
from typing import Any

from omnitron.algebra import AsyncFlow, Flow, flow, identity
from omnitron.cli.exits import Misuse
from omnitron.cli.slips import near_sentence, near_text, near_words
from omnitron.errors import OmnitronError

__all__ = ["AnyFlow", "Place", "find_flow", "module_name"]

AnyFlow = Flow[..., Any] | AsyncFlow[..., Any]
Place = tuple[str, str]


def find_flow(target: str, *, show_traceback: bool = False) -> AnyFlow:
    """Import what `target` names and give its flow; a plain function is given as the flow that it makes.

    Raises:
        Misuse: says what is not there, or what the import raised.
    """
    source, colon, name = target.rpartition(":")
    if not colon or os.sep in name or name.endswith(".py"):
        source, name = target, ""
    module = load(source, show_traceback=show_traceback)
    if not name:
        raise Misuse(f"{target!r} names no flow. Write {source}:FLOW. {offer(module)}")
    found: Any = module
    holder: Any = module
    part = ""
    for part in name.split("."):
        holder, found = found, getattr(found, part, None)
        if found is None:
            raise Misuse(f"{source} has no {name!r}. {near_text(name, flow_names(module))}{offer(module)}")
    if isinstance(holder, type) and is_method(getattr_static(holder, part)):
        raise Misuse(
            f"{name} is a method, which needs an object. Make one at the top of the module, for example "
            f"`it = {holder.__name__}()`, and name {source}:it.{part}."
        )
    if isinstance(found, Flow | AsyncFlow):
        return found
    if not callable(found):
        raise Misuse(f"{target} is no flow and no function: {type(found).__name__}. {offer(module)}")
    return as_flow(found, target)


def is_method(held: Any) -> bool:
    """Say whether what stands in a class takes its object."""
    return isinstance(held, FunctionType) or (isinstance(held, Flow | AsyncFlow) and held.node.binds)


def as_flow(found: Callable[..., Any], target: str) -> AnyFlow:
    """Give the flow of a plain function."""
    try:
        made: AnyFlow = flow(found)
    except OmnitronError as error:
        raise Misuse(f"{target} cannot be made a flow: {error}") from error
    return made


def flow_names(module: ModuleType) -> list[str]:
    """Give the names of the flows at the top of a module."""
    names = [name for name, value in vars(module).items() if isinstance(value, Flow | AsyncFlow)]
    return [name for name in names if name[0] != "_" and getattr(module, name) is not identity]


def offer(module: ModuleType) -> str:
    """Say which flows a module has."""
    names = flow_names(module)
    return f"It has {', '.join(sorted(names))}." if names else "It has no flow at its top level."


def load(source: str, *, show_traceback: bool) -> ModuleType:
    """Import a file or a module."""
    if is_file(source):
        if not os.path.isfile(source):
            raise Misuse(
                f"there is no file {source!r}. {beside(source) or f'It is looked for from {working_folder()}.'}"
            )
        folder, name = module_name(source)
    elif source.strip():
        folder, name = working_folder(), source
    else:
        raise Misuse("the target names no file and no module before the colon. Write FILE_OR_MODULE:FLOW.")
    if name.startswith("."):
        raise Misuse(f"there is no file {source!r}, and the name of a module does not begin with a dot.")
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            advice = beside(source) or "Write FILE_OR_MODULE:FLOW, for example shop.py:price."
            raise Misuse(f"there is no file and no module {source!r}. {advice}") from error
        raise refused(source, error, show_traceback=show_traceback) from error
    except (Exception, SystemExit) as error:
        raise refused(source, error, show_traceback=show_traceback) from error
    if is_file(source):
        check_found(module, source, name)
    return module


def beside(source: str) -> str:
    """Say which Python files, or modules, of its folder have a name like a source that is not there."""
    folder, name = os.path.split(source)
    stem, written = os.path.splitext(name)[0], name.lower().endswith(".py")
    try:
        stems = [each[:-3] for each in sorted(os.listdir(folder or ".")) if each.endswith(".py")]
    except OSError:
        return ""
    near = near_words(stem, stems)
    return near_sentence(os.path.join(folder, f"{each}.py" if written else each) for each in near).rstrip()


def working_folder() -> str:
    """Give the folder that modules are looked for in."""
    try:
        return os.getcwd()
    except OSError as error:
        raise Misuse(f"the working folder cannot be read: {error.strerror}.") from error


def is_file(source: str) -> bool:
    """Say whether a source is meant as a file."""
    return source.endswith(".py") or os.sep in source or os.path.isfile(source)


def module_name(path: str) -> Place:
    """Give the folder to import from and the dotted name of a file there."""
    path = os.path.abspath(path)
    folder, stem = os.path.dirname(path), os.path.splitext(os.path.basename(path))[0]
    if "." in stem or not path.endswith(".py"):
        raise Misuse(f"{os.path.basename(path)!r} cannot be imported: its name would be NAME.py, without another dot.")
    parts = [] if stem == "__init__" else [stem]
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        parts.insert(0, package)
    return folder, ".".join(parts)


def check_found(module: ModuleType, source: str, name: str) -> None:
    """Refuse a module of the same name that stands somewhere else."""
    where = getattr(module, "__file__", None)
    if where is None or not os.path.samefile(where, source):
        there = "a part of Python" if where is None else where
        raise Misuse(f"{source} would be imported as {name!r}, which is already {there}. Rename the file.")


def refused(source: str, error: BaseException, *, show_traceback: bool) -> Misuse:
    """Say what the import of a target raised, and where."""
    said = "".join(traceback.format_exception_only(error)).strip()
    if show_traceback:
        text = "".join(traceback.format_exception(error)).strip()
        return Misuse(f"{source} cannot be imported:\n{text}")
    if isinstance(error, SyntaxError):
        return Misuse(f"{source} cannot be imported:\n{said}")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not is_own(frame.filename)]
    place = f"\n  at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return Misuse(f"{source} cannot be imported: {said}{place}")


def is_own(filename: str) -> bool:
    """Say whether a file is Python's import or the library, which no user mends."""
    return filename.startswith(("<frozen", PACKAGE)) or filename == importlib.__file__


PACKAGE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
