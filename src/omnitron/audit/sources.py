"""What to audit: from the targets that a user names to the files that stand for them.

A target is the word `stdlib`, the word `environment`, a path, the name of an installed distribution, or a name
that imports. Nothing is imported to find it. Names of packages are looked up as Python would find them, in the
running interpreter. Reading the files found is the work of `omnitron.audit.files`.
"""

from __future__ import annotations

import csv
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit
from urllib.request import url2pathname

from omnitron.audit.files import FileReport, Package, Source, Trouble
from omnitron.audit.folders import ENDINGS, python_files
from omnitron.errors import InvalidValue

__all__ = ["DEFAULT_TARGETS", "TEST_FOLDERS", "Inventory", "locate", "merge"]

DEFAULT_TARGETS: Final = ("stdlib", "environment")
"""What is audited when nothing is named: the standard library, and every distribution that is installed."""

TEST_FOLDERS: Final = frozenset({"test", "tests", "idle_test"})
"""Folders of the standard library that hold its tests."""

_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})


_Pair: TypeAlias = tuple[Source, Trouble | None]


class Inventory(NamedTuple):
    """The files to look at.

    Attributes:
        sources: the files.
        troubles: the places that could not be entered while looking for them.
        known: the rows of further files, whose texts were read before.
    """

    sources: tuple[Source, ...] = ()
    troubles: tuple[FileReport, ...] = ()
    known: tuple[FileReport, ...] = ()


def locate(target: str) -> Inventory:
    """Find the files of one target.

    An existing path comes before a package of the same name; the two words come before both (write `./stdlib`
    for a folder of that name).

    Raises:
        InvalidValue: Nothing of that name is there, or it has no Python source.
    """
    if target == "stdlib":
        return _inventory(_standard_library())
    if target == "environment":
        return _inventory(_environment())
    if os.path.isdir(target):
        return _inventory(_folder(os.path.abspath(target)))
    if os.path.lexists(target):
        path = os.path.abspath(target)
        package = Package(os.path.basename(path), "", "file")
        return Inventory((Source(package, path, _own(_topmost(path, os.path.dirname(path)))),))
    return _named(target)


def merge(so_far: Inventory, more: Inventory) -> Inventory:
    """Put two inventories together; a file that both name belongs to the first."""
    known = {source.path for source in so_far.sources}
    failed = {report.source.path for report in so_far.troubles}
    return Inventory(
        so_far.sources + tuple(source for source in more.sources if source.path not in known),
        so_far.troubles + tuple(report for report in more.troubles if report.source.path not in failed),
    )


def _inventory(found: Iterable[_Pair]) -> Inventory:
    """Sort what was found into files and troubles; a path counts once."""
    sources: dict[str, Source] = {}
    troubles: dict[str, FileReport] = {}
    for source, trouble in found:
        if trouble is None:
            sources.setdefault(source.path, source)
        else:
            troubles.setdefault(source.path, FileReport(source, 0, 0, (), trouble, is_file=False))
    return Inventory(tuple(sources.values()), tuple(troubles.values()))


# ------------------------------------------------------------------ the standard library


def _standard_library() -> Iterator[_Pair]:
    package = Package("python", platform.python_version(), "standard library")
    roots = {os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    for root in sorted(roots):
        for found in python_files(root, leave_out=TEST_FOLDERS | _INSTALLED):
            yield Source(package, found.path), found.trouble


# ------------------------------------------------------------------ installed distributions


def _environment() -> Iterator[_Pair]:
    first: dict[str, importlib.metadata.Distribution] = {}
    for distribution in importlib.metadata.distributions():
        # As in Python itself, the first on the path hides others of its name.
        first.setdefault(_plain(_name_of(distribution)), distribution)
    for _, distribution in sorted(first.items()):
        yield from _distribution(distribution)


def _distribution(distribution: importlib.metadata.Distribution) -> Iterator[_Pair]:
    package = Package(_name_of(distribution), distribution.version or "", "distribution")
    base = os.path.abspath(str(distribution.locate_file("")))
    for name in _recorded(distribution):
        if name.endswith(ENDINGS):
            top = os.path.splitext(name.replace(os.sep, "/").partition("/")[0])[0]
            yield Source(package, os.path.normpath(os.path.join(base, name)), _own(top)), None
    for folder in _editable(distribution, base):
        for found in python_files(folder):
            yield Source(package, found.path, _own(_topmost(found.path, folder))), found.trouble


def _recorded(distribution: importlib.metadata.Distribution) -> list[str]:
    """The names of a distribution's files, relative to where it is installed, sorted."""
    record = distribution.read_text("RECORD")
    if record is not None:
        return sorted(row[0] for row in csv.reader(record.splitlines()) if row)
    files = [str(file) for file in distribution.files or () if os.path.isfile(str(distribution.locate_file(file)))]
    if files:
        return sorted(files)
    names = (distribution.read_text("top_level.txt") or "").split()
    base = str(distribution.locate_file(""))
    out: list[str] = []
    for name in names:
        place = os.path.join(base, name)
        out.extend(os.path.relpath(found.path, base) for found in python_files(place) if os.path.isdir(place))
        out.extend(name + ending for ending in ENDINGS if os.path.isfile(place + ending))
    return sorted(out)


def _editable(distribution: importlib.metadata.Distribution, base: str) -> list[str]:
    """The folders where a distribution is installed in place: those of its path file, else its project."""
    try:
        described = json.loads(distribution.read_text("direct_url.json") or "{}")
        if not described.get("dir_info", {}).get("editable"):
            return []
        project = url2pathname(urlsplit(described["url"]).path)
    except (ValueError, AttributeError, KeyError):
        return []
    folders = [
        folder
        for name in _recorded(distribution)
        if name.endswith(".pth")
        for folder in _folders_named_in(os.path.join(base, name))
    ]
    within = os.path.join(project, "src")
    return folders or [folder for folder in (within, project) if os.path.isdir(folder)][:1]


def _folders_named_in(path: str) -> list[str]:
    """The folders that a `.pth` file puts on the import path."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            lines = [line.strip() for line in stream]
    except OSError:
        return []
    return [os.path.abspath(line) for line in lines if os.path.isdir(line)]


def _name_of(distribution: importlib.metadata.Distribution) -> str:
    """The name that a distribution gives itself; a broken one gives none."""
    return str(distribution.metadata["Name"] or "") if distribution.metadata else ""


def _plain(name: str) -> str:
    """A name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


# ------------------------------------------------------------------ folders and names


def _folder(root: str) -> Iterator[_Pair]:
    """One row for each topmost package in a folder; files outside any stand under the folder's name."""
    rest = Package(os.path.basename(root) or root, "", "folder")
    for found in python_files(root):
        top = _topmost(found.path, root)
        package = Package(top, "", "package") if top else rest
        yield Source(package, found.path, _own(top)), found.trouble


def _named(target: str) -> Inventory:
    """The files of a distribution or, failing that, of a module or package by the name that imports it."""
    for distribution in importlib.metadata.distributions():
        if _plain(_name_of(distribution)) == _plain(target):
            found = _inventory(_distribution(distribution))
            if found.sources or found.troubles:
                return found
    places = _places(target) if all(part.isidentifier() for part in target.split(".")) else []
    if not places:
        raise InvalidValue(
            f"nothing to audit: {target!r} is no file, no folder and no package with Python source. "
            "Name one that is, or name nothing for the standard library and the whole environment."
        )
    package = Package(target, _version(target.partition(".")[0]), "package")
    return _inventory(_at(places, package))


def _at(places: Iterable[str], package: Package) -> Iterator[_Pair]:
    for place in places:
        if os.path.isdir(place):
            for found in python_files(place):
                yield Source(package, found.path, _own(package.name.partition(".")[0])), found.trouble
        else:
            yield Source(package, place, _own(package.name.partition(".")[0])), None


def _places(name: str) -> list[str]:
    """Where the source of a module or package stands, without importing it or what holds it."""
    top, *below = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    folders = list(spec.submodule_search_locations or ())
    for part in below:
        folders = [os.path.join(folder, part) for folder in folders]
    if folders:
        files = [folder + ending for folder in folders for ending in ENDINGS if below]
        return [place for place in (*folders, *files) if os.path.exists(place)]
    # What is frozen into the interpreter still says which file it was made of.
    origin = getattr(spec.loader_state, "filename", None) or spec.origin or ""
    return [] if below or not origin.endswith(ENDINGS) else [origin]


def _version(top: str) -> str:
    if top in sys.stdlib_module_names:
        return platform.python_version()
    names = importlib.metadata.packages_distributions().get(top, ())
    return importlib.metadata.version(names[0]) if names else ""


def _own(top: str) -> str:
    """The name by which a package imports itself; in the standard library each import is another module's."""
    return "" if top in sys.stdlib_module_names else top


def _topmost(path: str, root: str) -> str:
    """The name of the outermost package that holds a file, "" when none does.

    Beneath `root` a folder without `__init__.py` does not end the search (it may lie in a package all the same);
    above it, it does.
    """
    folder, name, below = os.path.dirname(path), "", ""
    while folder != below:
        if _is_package(folder):
            name = os.path.basename(folder)
        elif len(folder) <= len(root):
            break
        folder, below = os.path.dirname(folder), folder
    return name


def _is_package(folder: str) -> bool:
    return os.path.isfile(os.path.join(folder, "__init__.py"))
