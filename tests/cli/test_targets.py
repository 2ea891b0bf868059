"""A target is a file or a module, and the flow in it; what is not there is said."""

import sys

import pytest

from .calling import FLOWS, call, elsewhere, result, run

DOUBLE = "from omnitron import flow\n\n@flow\ndef double(x: int) -> int:\n    return 2 * x\n"


def test_a_plain_function_is_run_as_a_flow():
    """What is no flow yet is made one."""
    assert result("plain", "x=1") == 2


def test_methods_are_named_through_an_object():
    """A static method also through its class."""
    assert (result("shop.sell", "x=1"), result("shop.count", "x=1"), result("Shop.weigh", "x=1")) == (1, 1, 2)


def test_a_file_is_imported_under_its_stem_from_its_folder(tmp_path):
    """The module has the name by which other processes find it."""
    (tmp_path / "twice.py").write_text(DOUBLE)
    assert call("run", f"{tmp_path / 'twice.py'}:double", "x=2").stdout == "4\n"
    assert (sys.modules["twice"].__file__, sys.path[0]) == (str(tmp_path / "twice.py"), str(tmp_path))


def test_a_file_in_a_package_is_imported_by_its_dotted_name(tmp_path):
    """Relative imports work, and the folder above the outermost package is on the path."""
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    (tmp_path / "outer" / "__init__.py").touch()
    (tmp_path / "outer" / "inner" / "__init__.py").touch()
    (tmp_path / "outer" / "twice.py").write_text(DOUBLE)
    (tmp_path / "outer" / "inner" / "use.py").write_text("from ..twice import double\nfour = double | double\n")
    done = call("run", f"{tmp_path}/outer/inner/use.py:four", "x=1")
    assert (done.stdout, sys.path[0]) == ("4\n", str(tmp_path))


def test_a_module_is_found_from_the_working_folder(tmp_path, monkeypatch):
    """As with `python -m`."""
    (tmp_path / "twice_here.py").write_text(DOUBLE)
    monkeypatch.chdir(tmp_path)
    assert call("run", "twice_here:double", "x=3").stdout == "6\n"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (FLOWS, "names no flow"),
        (f"{FLOWS}:nothing", "has no 'nothing'. It has both, chain"),
        (f"{FLOWS}:NOT_A_FLOW", "is no flow and no function: int"),
        ("nowhere/at/all.py:f", "there is no file"),
        ("no_such_module:f", "there is no file and no module 'no_such_module'"),
        (f"{FLOWS}:Shop.sell", "Shop.sell is a method, which needs an object"),
        (f"{FLOWS}:Shop.count", "`it = Shop()`"),
        ("json.nothing:f", "there is no file and no module 'json.nothing'"),
        (":f", "no file and no module before the colon"),
        ("::f", "there is no file and no module ':'"),
        (".flows:f", "there is no file '.flows', and the name of a module does not begin with a dot"),
    ],
)
def test_what_is_not_there_is_misuse(target, said):
    """The exit code is 2, and the message says what is there instead."""
    done = call("run", target)
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_thing", "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise SystemExit(4)", "SystemExit: 4"),
        ("def f(:", "SyntaxError"),
    ],
)
def test_a_file_that_cannot_be_imported_is_misuse(tmp_path, text, said):
    """Type, message and line are told, the traceback only when asked for."""
    (tmp_path / "broken.py").write_text(text)
    target = f"{tmp_path / 'broken.py'}:f"
    done = call("run", target)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "broken.py" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in call("run", target, "--traceback").stderr


def test_what_the_library_refuses_at_import_is_placed_in_the_file(tmp_path):
    """The line is the user's, not one of the library."""
    (tmp_path / "wrong.py").write_text("from omnitron import flow\n\nwrong = flow(len) | 3\n")
    done = call("run", f"{tmp_path / 'wrong.py'}:wrong")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == f"  at {tmp_path / 'wrong.py'}:3"


def test_a_file_whose_name_is_taken_is_refused(tmp_path):
    """Another module of that name would be run in its place."""
    (tmp_path / "sys.py").write_text(DOUBLE)
    done = call("run", f"{tmp_path / 'sys.py'}:double", "x=1")
    assert done.exit_code == 2
    assert "Rename the file" in done.stderr


def test_a_target_runs_in_worker_processes(tmp_path):
    """They import it by the same name."""
    text = DOUBLE + "\nremote = double.on('process').each()\n"
    (tmp_path / "twice_remote.py").write_text(text)
    done = elsewhere("run", f"{tmp_path / 'twice_remote.py'}:remote", "--input", "[1, 2]", cwd="/")
    assert (done.stdout, done.stderr, done.returncode) == ("[2, 4]\n", "", 0)


def test_show_gives_tree_and_facts():
    """The flow does not run."""
    assert call("show", f"{FLOWS}:fetch").stdout.startswith(
        "fetch  body\n\n"
        "signature:    (x: int = 1) -> int\n"
        "effects:      NETWORK\n"
        "capabilities: net:api\n"
        "version:      1.2.0\n"
        "about:        Fetch something.\n"
        "tags:         shop\n"
        "\n"
        "input:\n"
    )
    assert call("show", f"{FLOWS}:both").stdout.startswith(
        "parallel    tree\n├── double  body\n└── later   body\n\nsignature:    async (x: int) -> tuple[int, int]"
    )


def test_capabilities_are_granted_by_name():
    """Left out, nothing is restricted; what is required must be among those given."""
    assert result("fetch") == 1
    assert result("fetch", "--capability", "fs:*", "--capability", "net:*") == 1
    done = run("fetch", "--capability", "fs:*")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "net:api, needed by fetch" in done.stderr
    assert run("fetch", "--capability", "net").exit_code == 2


def test_context_values_are_json_or_text():
    """`--context key=value` puts a value into the context of the run."""
    assert result("who", "--context", "tenant=acme") == "acme"
    assert result("who", "--context", "tenant=[1]") == [1]


def test_show_draws_what_bodies_call():
    """Flows that a body is known to call stand dashed beneath it, each once whole, and recursion ends."""
    target = FLOWS.replace("flows.py", "bodies.py")
    shown = call("show", f"{target}:calling").stdout.partition("\n\n")[0]

    assert [line.rpartition(" ")[0].rstrip() for line in shown.splitlines()] == [
        "calling",
        "├── body",
        "│   ├╌╌ double",
        "│   ├╌╌ calling (above)",
        "│   └╌╌ pair",
        "│       ├── double",
        "│       └── again",
        "│           └╌╌ again (above)",
        "├── len",
        "└── cached",
        "    └╌╌ double (above)",
    ]
    assert [line.split()[-1] for line in shown.splitlines()] == [
        *("tree", "body", "body", "tree", "tree", "body", "body", "body", "opaque", "body", "body"),
    ]
