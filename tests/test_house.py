"""The house itself: public names, cheap import, no dependency of the core, sizes, versions."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import omnitron
from omnitron.errors import MissingExtra

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "omnitron"
MODULES = sorted(SOURCE.rglob("*.py"))

CORE = ("errors", "model", "runtime", "code", "algebra", "testing")
"""The rooms that must stand on the standard library alone."""

LATE = ("asyncio", "concurrent.futures", "dataclasses", "inspect", "json", "logging")
"""What importing the library must leave for later."""

EXTRAS = {"click", "platformdirs", "rich", "pydantic", "docstring_parser", "langchain_core"}
"""What an optional extra brings, and an installation may lack."""


def module_name(file: Path) -> str:
    """Return the dotted name of a file of the package."""
    parts = file.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def interpret(code: str, *flags: str) -> Any:
    """Run code in a fresh interpreter that sees only our source, and return what it prints as JSON."""
    prelude = f"import sys; sys.path.insert(0, {str(SOURCE.parent)!r})\n"
    done = subprocess.run(
        [sys.executable, "-I", *flags, "-c", prelude + code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def import_everything() -> None:
    """Import each submodule whose extra is installed."""

    def failed(name: str) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, MissingExtra) and getattr(error, "name", None) not in EXTRAS:
            raise AssertionError(f"{name} does not import") from error

    for found in pkgutil.walk_packages(omnitron.__path__, "omnitron.", onerror=failed):
        if found.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(found.name)
        except ImportError:
            failed(found.name)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Give every function of a module, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


# ------------------------------------------------------------------ public names


@pytest.mark.parametrize("name", omnitron.__all__)
def test_public_name_survives_import_of_all_submodules(name: str) -> None:
    """A public name is never replaced by a submodule of the same name."""
    before = getattr(omnitron, name)

    import_everything()

    after = getattr(omnitron, name)
    assert after is before
    assert not isinstance(after, types.ModuleType)


@pytest.mark.parametrize("name", omnitron.__all__)
def test_no_room_bears_the_name_of_a_public_name(name: str) -> None:
    """A room called like a public name would replace it at first import."""
    assert not (SOURCE / name).exists()
    assert not (SOURCE / f"{name}.py").exists()


def test_public_names_are_listed_once_and_shown_by_dir() -> None:
    """`__all__` has no duplicates, and `dir` shows lazy names too."""
    assert len(omnitron.__all__) == len(set(omnitron.__all__))
    assert set(omnitron.__all__) <= set(dir(omnitron))


def test_star_import_gives_every_public_name() -> None:
    """`from omnitron import *` in a fresh interpreter gives all that is promised."""
    names = interpret("from omnitron import *\nimport json\nprint(json.dumps(list(globals())))")

    assert set(omnitron.__all__) <= set(names)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """The lazy door refuses what it does not have as any module does."""
    name = "no_such_name"

    with pytest.raises(AttributeError, match=name):
        getattr(omnitron, name)


@pytest.mark.parametrize("name", [name for name in omnitron.__all__ if name != "__version__"])
def test_public_object_has_a_docstring(name: str) -> None:
    """Every public object says what it is for."""
    subject = getattr(omnitron, name)
    # An alias of the typing module has no place for words of its own.
    if type(subject).__module__ == "typing":
        return

    # `inspect.getdoc` would pass a docstring inherited from a base on as the object's own.
    words = subject.__dict__.get("__doc__") if isinstance(subject, type) else subject.__doc__

    assert (words or "").strip()


@pytest.mark.parametrize("room", CORE)
def test_door_of_a_room_lists_what_it_gives(room: str) -> None:
    """Every name in `__all__` of a room is there."""
    door = importlib.import_module(f"omnitron.{room}")

    missing = [name for name in getattr(door, "__all__", ()) if not hasattr(door, name)]

    assert missing == []


@pytest.mark.parametrize("name", ["OmnitronError", "DefinitionError"])
def test_errors_derive_from_one_root(name: str) -> None:
    """Every error of the library is an `OmnitronError`."""
    assert issubclass(getattr(omnitron, name), omnitron.OmnitronError)


# ------------------------------------------------------------------ imports


def test_import_leaves_heavy_modules_for_later() -> None:
    """`import omnitron` is cheap: what few programs need waits until it is used."""
    code = f"import omnitron\nfound = [m for m in {LATE!r} if m in sys.modules]\n"
    code += "import json\nprint(json.dumps(found))"

    assert interpret(code, "-S") == []


@pytest.mark.parametrize("room", CORE)
def test_core_needs_the_standard_library_only(room: str) -> None:
    """Each room of the core imports where no package is installed."""
    code = (
        f"import pkgutil, importlib\nroom = importlib.import_module('omnitron.{room}')\n"
        "for found in pkgutil.walk_packages(getattr(room, '__path__', []), room.__name__ + '.'):\n"
        "    importlib.import_module(found.name)\n"
        "roots = {name.partition('.')[0] for name in sys.modules}\n"
        "import json\nprint(json.dumps(sorted(roots - sys.stdlib_module_names - {'omnitron', '__main__', '__mp_main__'})))"
    )

    assert interpret(code, "-S") == []


def test_every_public_name_loads_without_any_package() -> None:
    """The whole facade works on a bare interpreter."""
    code = "import omnitron\nfound = [getattr(omnitron, n) for n in omnitron.__all__]\nprint(len(found))"

    assert interpret(code, "-S") == len(omnitron.__all__)


# ------------------------------------------------------------------ sizes


@pytest.mark.parametrize("file", MODULES, ids=module_name)
def test_module_keeps_the_measure_of_the_house(file: Path) -> None:
    """At most 500 lines a module and 60 a function, and words at the head of each module."""
    text = file.read_text(encoding="utf-8")
    tree = ast.parse(text)

    long = [f.name for f in functions(tree) if (f.end_lineno or 0) - f.lineno + 1 > 60]

    assert ast.get_docstring(tree)
    assert text.count("\n") <= 500
    assert long == []


# ------------------------------------------------------------------ log records


def calls_of(name: str) -> Iterator[ast.Call]:
    """Give every call of a plain function of this name in the package."""
    for file in MODULES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield node


def test_every_log_record_of_the_library_is_documented() -> None:
    """The page lists level and text of each call of `log`, and nothing else logs."""
    page = (ROOT / "docs" / "logging.md").read_text(encoding="utf-8")
    said = [[ast.literal_eval(part) for part in call.args[:2]] for call in calls_of("log")]
    rows = [f"| {level.upper()} | `{re.sub('%[sr]', '…', text)}` |" for level, text in said]

    assert len(rows) == sum(page.count(f"| {level} |") for level in ("ERROR", "WARNING", "INFO"))
    assert [row for row in rows if row not in page] == []
    assert len([*calls_of("logger")]) == 2


# ------------------------------------------------------------------ versions


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The tables of `pyproject.toml`."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_version_is_one_plain_release_number() -> None:
    """The version stands in one place, in a form that every tool reads."""
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+|\.dev\d+)?", omnitron.__version__)


def test_changelog_names_the_version() -> None:
    """Users find the version that they run in the changelog."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.search(rf"^## .*{re.escape(omnitron.__version__)}", text, re.MULTILINE)


def test_core_declares_no_dependency(project: dict[str, Any]) -> None:
    """Installing the library installs nothing else."""
    assert project["project"]["dependencies"] == []


def test_dev_group_and_dev_extra_are_one_list(project: dict[str, Any]) -> None:
    """Either spelling gives the same tools."""
    assert project["dependency-groups"]["dev"] == project["project"]["optional-dependencies"]["dev"]


@pytest.mark.parametrize("lock", ["requirements.lock", *sorted(path.name for path in ROOT.glob("requirements-*.lock"))])
def test_lock_pins_by_hash(lock: str) -> None:
    """Each locked package has one version and at least one hash."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    pins = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]

    assert pins
    assert [pin for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []


def test_lock_holds_every_declared_tool(project: dict[str, Any]) -> None:
    """A dependency added to `pyproject.toml` is not forgotten in the lock."""
    extras = project["project"]["optional-dependencies"]
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))

    wanted = {re.split(r"[<>=!~\[; ]", need)[0] for need in extras["cli"] + extras["schema"] + extras["dev"]}

    assert wanted - locked == set()


def test_interop_lock_holds_every_library_that_its_tests_meet(project: dict[str, Any]) -> None:
    """A library added to the extra `interop` is not forgotten in its lock."""
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements-interop.lock").read_text(), re.MULTILINE))

    wanted = {re.split(r"[<>=!~\[; ]", need)[0] for need in project["project"]["optional-dependencies"]["interop"]}

    assert wanted - locked == set()


def test_types_are_shipped() -> None:
    """Checkers read our annotations: the marker is there, and empty."""
    assert inspect.getsourcefile(omnitron) is not None
    assert (Path(omnitron.__path__[0]) / "py.typed").read_bytes() == b""
