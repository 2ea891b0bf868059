"""What a target stands for: the standard library, distributions, packages, folders, files."""

import os
import sys
import sysconfig
from pathlib import Path

import pytest

from omnitron.audit.folders import python_files
from omnitron.audit.sources import Inventory, locate, merge
from omnitron.errors import InvalidValue


def names(inventory: Inventory, root) -> list[str]:
    """The paths of the sources, relative to a folder."""
    return [os.path.relpath(source.path, root) for source in inventory.sources]


def write(path: Path, text: str = "") -> Path:
    """Write a file, making the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A folder on the import path, to install distributions in."""
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    (tmp_path / "lib").mkdir()
    return tmp_path / "lib"


def install(lib: Path, name: str, version: str, files: list[str], **more: str) -> None:
    """Write a distribution as an installer would."""
    folder = lib / f"{name.replace('-', '_')}-{version}.dist-info"
    write(folder / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    for file in files:
        if file.endswith(".py"):
            write(lib / file)
    write(folder / "RECORD", "".join(f"{file},sha256=x,0\n" for file in files))
    for file, text in more.items():
        write(folder / file.replace("__", "."), text)


# ------------------------------------------------------------------ the standard library and the environment


def test_standard_library_is_whole_without_its_tests():
    """Many files, one row, no tests and nothing that was installed."""
    inventory = locate("stdlib")
    paths = names(inventory, sysconfig.get_path("stdlib"))
    folders = {part for path in paths for part in Path(path).parts[:-1]}

    assert len(paths) > 400
    assert {"socket.py", os.path.join("json", "decoder.py")} <= set(paths)
    assert folders.isdisjoint({"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"})
    assert {source.package.origin for source in inventory.sources} == {"standard library"}
    assert inventory.troubles == ()


def test_environment_holds_each_distribution_with_its_version(installed):
    """Files come from the installer's record, `.py` only, under the name and version of their distribution."""
    install(installed, "Some-Thing", "2.1", ["some/__init__.py", "some/x.py", "some/data.json", "single.py"])

    found = [source for source in locate("environment").sources if source.package.name == "Some-Thing"]

    assert [os.path.relpath(source.path, installed) for source in found] == [
        "single.py",
        os.path.join("some", "__init__.py"),
        os.path.join("some", "x.py"),
    ]
    assert {source.package.version for source in found} == {"2.1"}
    assert {source.own for source in found} == {"single", "some"}


def test_first_distribution_of_a_name_hides_the_others(installed, tmp_path, monkeypatch):
    """As for imports, what stands first on the path is meant."""
    install(installed, "twice", "1", ["twice.py"])
    other = tmp_path / "before"
    install(other, "Twice", "2", ["twice.py"])
    monkeypatch.syspath_prepend(str(other))

    found = [source for source in locate("environment").sources if source.package.name.lower() == "twice"]

    assert [(source.package.version, source.path) for source in found] == [("2", str(other / "twice.py"))]


def test_a_distribution_installed_in_place_is_found_where_it_stands(installed, tmp_path):
    """The folder of its path file is looked through."""
    write(tmp_path / "project" / "src" / "placed" / "__init__.py")
    write(installed / "_placed.pth", f"{tmp_path / 'project' / 'src'}\n")
    described = f'{{"url": "{(tmp_path / "project").as_uri()}", "dir_info": {{"editable": true}}}}'
    install(installed, "placed", "3", ["_placed.pth"], direct_url__json=described)

    assert names(locate("placed"), tmp_path) == [os.path.join("project", "src", "placed", "__init__.py")]


def test_a_distribution_in_place_without_a_path_file_is_found_by_its_project(installed, tmp_path):
    """Other ways to install in place name the project only."""
    write(tmp_path / "project" / "flat.py")
    described = f'{{"url": "{(tmp_path / "project").as_uri()}", "dir_info": {{"editable": true}}}}'
    install(installed, "flat", "3", [], direct_url__json=described)

    assert names(locate("flat"), tmp_path / "project") == ["flat.py"]


def test_a_distribution_without_a_record_is_found_by_its_top_level_names(installed):
    """Old ways of installing leave only the names that import."""
    write(installed / "old-1.egg-info" / "PKG-INFO", "Metadata-Version: 1.0\nName: old\nVersion: 1\n")
    write(installed / "old-1.egg-info" / "top_level.txt", "old\nalone\n")
    write(installed / "old" / "__init__.py")
    write(installed / "alone.py")

    assert names(locate("old"), installed) == ["alone.py", os.path.join("old", "__init__.py")]


# ------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("json", {"__init__.py", "decoder.py"}),
        ("json.decoder", {"decoder.py"}),
        ("os", {"os.py"}),
        ("socket", {"socket.py"}),
    ],
)
def test_a_name_of_the_standard_library(name, files, tmp_path, monkeypatch):
    """Packages, modules, and modules frozen into the interpreter are found by the name that imports them."""
    monkeypatch.chdir(tmp_path)
    inventory = locate(name)

    assert files <= {os.path.basename(source.path) for source in inventory.sources}
    assert {source.package.name for source in inventory.sources} == {name}


def test_an_import_name_has_the_version_of_its_distribution(installed, monkeypatch):
    """A package that imports under another name than it installs is found by either."""
    install(installed, "Py-Thing", "7", ["thing/__init__.py", "thing/part/__init__.py", "thing/part/leaf.py"])

    whole, part = locate("thing"), locate("thing.part")

    assert locate("py_thing").sources[0].package == ("Py-Thing", "7", "distribution")
    assert {source.package for source in whole.sources} == {("thing", "7", "package")}
    assert len(whole.sources) == 3
    assert len(part.sources) == 2


def test_nothing_is_imported_to_find_it(installed):
    """The code that is looked at does not run."""
    write(installed / "explosive" / "__init__.py", "raise SystemExit")
    write(installed / "explosive" / "inner" / "__init__.py", "raise SystemExit")

    inventory = locate("explosive.inner")

    assert len(inventory.sources) == 1
    assert "explosive" not in sys.modules


@pytest.mark.parametrize("name", ["no_such_package", "no/such/folder", "sys", "", "a..b", "os.path", "no such"])
def test_a_target_that_is_nothing_is_refused(name):
    """The error says what was looked for."""
    with pytest.raises(InvalidValue, match="nothing to audit"):
        locate(name)


# ------------------------------------------------------------------ folders and files


def test_a_folder_gives_a_row_for_each_package_and_one_for_the_rest(tmp_path):
    """Packages are known by their outermost `__init__.py`."""
    write(tmp_path / "one" / "__init__.py")
    write(tmp_path / "one" / "sub" / "__init__.py")
    write(tmp_path / "one" / "data" / "x.py")
    write(tmp_path / "two" / "__init__.pyi")
    write(tmp_path / "two" / "b.py")
    write(tmp_path / "setup.py")

    rows = {os.path.relpath(source.path, tmp_path): source.package.name for source in locate(str(tmp_path)).sources}

    assert rows == {
        "setup.py": tmp_path.name,
        os.path.join("one", "__init__.py"): "one",
        os.path.join("one", "data", "x.py"): "one",
        os.path.join("one", "sub", "__init__.py"): "one",
        os.path.join("two", "b.py"): tmp_path.name,
    }
    assert {source.package.name for source in locate(str(tmp_path / "one" / "sub")).sources} == {"one"}


def test_caches_hidden_folders_and_environments_are_left_out(tmp_path):
    """What nobody wrote is not audited with a folder, except when it is the folder that was named."""
    for place in ("__pycache__", ".git", "env"):
        write(tmp_path / place / "x.py")
    write(tmp_path / "env" / "pyvenv.cfg")
    write(tmp_path / "kept.py")

    assert names(locate(str(tmp_path)), tmp_path) == ["kept.py"]
    assert names(locate(str(tmp_path / "env")), tmp_path / "env") == ["x.py"]


def test_a_single_file_of_any_name(tmp_path):
    """A script needs no ending, and a link that leads nowhere is still a target."""
    script = write(tmp_path / "script", "import os\n")
    (tmp_path / "loop.py").symlink_to("loop.py")

    assert [source.path for source in locate(str(script)).sources] == [str(script)]
    assert [source.package.name for source in locate(str(tmp_path / "loop.py")).sources] == ["loop.py"]


def test_a_folder_before_a_package_and_the_words_before_both(tmp_path, monkeypatch):
    """`json` is the folder here, `stdlib` is not."""
    write(tmp_path / "json" / "mine.py")
    write(tmp_path / "stdlib" / "mine.py")
    monkeypatch.chdir(tmp_path)

    assert names(locate("json"), tmp_path) == [os.path.join("json", "mine.py")]
    assert len(locate("stdlib").sources) > 400
    assert names(locate("./stdlib"), tmp_path) == [os.path.join("stdlib", "mine.py")]


def test_a_file_belongs_to_the_first_target_that_names_it(tmp_path):
    """Overlapping targets count nothing twice."""
    write(tmp_path / "pack" / "__init__.py")
    whole, part = locate(str(tmp_path)), locate(str(tmp_path / "pack" / "__init__.py"))

    assert merge(whole, part) == whole
    assert merge(Inventory(), whole) == whole


# ------------------------------------------------------------------ links and refusals


def links(root: Path) -> dict[str, str]:
    """The troubles beneath a folder: what is wrong with each path."""
    found = python_files(str(root))
    return {os.path.relpath(one.path, root): one.trouble.kind for one in found if one.trouble}


@pytest.mark.parametrize("target", [".", "..", "../a", "../../{root}"])
def test_a_link_to_a_folder_above_is_a_loop(tmp_path, target):
    """It is told, and the files are found once."""
    write(tmp_path / "a" / "x.py")
    (tmp_path / "a" / "link").symlink_to(target.format(root=tmp_path.name))

    assert links(tmp_path) == {os.path.join("a", "link"): "link loop"}
    assert names(locate(str(tmp_path)), tmp_path) == [os.path.join("a", "x.py")]


def test_links_that_lead_to_each_other_are_loops(tmp_path):
    """Two folders that hold links to one another, and two links that are nothing but each other."""
    for one, other in (("a", "b"), ("b", "a")):
        write(tmp_path / one / "x.py")
        (tmp_path / one / "over").symlink_to(f"../{other}")
        (tmp_path / f"{one}.py").symlink_to(f"{other}.py")

    expected = [os.path.join("a", "over"), os.path.join("b", "over"), "a.py", "b.py"]

    assert links(tmp_path) == dict.fromkeys(expected, "link loop")


def test_a_link_inside_is_silent_and_a_link_outside_is_told(tmp_path):
    """What is found at its own place needs no second mention; what is not looked at does."""
    write(tmp_path / "root" / "a" / "x.py")
    write(tmp_path / "elsewhere" / "y.py")
    (tmp_path / "root" / "again").symlink_to("a")
    (tmp_path / "root" / "out").symlink_to("../elsewhere")

    assert links(tmp_path / "root") == {"out": "link outside"}


def test_a_folder_that_refuses_to_be_listed_is_an_outcome(tmp_path):
    """`PermissionError`, injected because root lists everything; the other folders are read."""
    write(tmp_path / "closed" / "x.py")
    write(tmp_path / "open" / "y.py")

    def scan(folder):
        if folder.endswith("closed"):
            raise PermissionError(13, "Permission denied", folder)
        return os.scandir(folder)

    found = list(python_files(str(tmp_path), scanner=scan))

    assert [(os.path.basename(one.path), one.trouble and one.trouble.kind) for one in found] == [
        ("closed", "unreadable"),
        ("y.py", None),
    ]
