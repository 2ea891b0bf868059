"""What is read out of one source text, and what a module is known for."""

import ast
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnitron.audit.imports import Import, count_lines, decode, read_imports
from omnitron.audit.knowledge import Reach, reach_of


def modules(text: str, own: str = "") -> list[tuple[int, str]]:
    """The lines and modules of the imports that reach out."""
    return [(one.line, one.module) for one in read_imports(text, own=own).imports]


# ------------------------------------------------------------------ functions and lines


def test_functions_are_defs_of_both_colours_at_any_depth():
    """Methods and nested functions count, wherever they stand; lambdas do not."""
    text = """
def a():
    async def b():
        try: ...
        except ValueError:
            def c(): ...
        else:
            def d(): ...
        finally:
            def e(): ...
class C:
    def f(self): ...
    class D:
        @staticmethod
        async def g(): ...
match 1:
    case 1:
        def h(): ...
while 0:
    for x in ():
        def i(): ...
    else:
        with x:
            def j(): ...
    k = lambda: 0
try: ...
except* ValueError:
    def l(): ...
async def m():
    async with x:
        async for y in z:
            def n(): ...
"""
    assert read_imports(text).functions == 13


def test_functions_agree_with_a_full_walk_over_the_standard_library():
    """Walking statements only finds the same functions and imports as walking every node."""
    root = Path(sysconfig.get_path("stdlib"))
    for name in ("typing.py", "asyncio/base_events.py", "inspect.py", "tarfile.py", "_pydecimal.py"):
        text = (root / name).read_text("utf-8")
        nodes = list(ast.walk(ast.parse(text)))
        reading = read_imports(text)
        assert reading.functions == sum(isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)) for n in nodes)
        lines = {n.lineno for n in nodes if isinstance(n, (ast.Import, ast.ImportFrom))}
        assert {one.line for one in reading.imports if one.how != "call"} <= lines


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", 0),
        (b"a", 1),
        (b"a\n", 1),
        (b"a\nb", 2),
        (b"a\r\nb\r\n", 2),
        (b"a\rb", 2),
        (b"\n\n", 2),
        (b"\xff\x00\n", 1),
    ],
)
def test_lines_are_counted_in_bytes(data, lines):
    """Every end of line counts once, and so does a last line without one."""
    assert count_lines(data) == lines


# ------------------------------------------------------------------ imports


@pytest.mark.parametrize(
    ("text", "module", "reach"),
    [
        ("import socket", "socket", Reach.NETWORK),
        ("import os", "os", Reach.PROCESS | Reach.FILE | Reach.ENVIRONMENT),
        ("import os.path", "os.path", Reach.PROCESS | Reach.FILE | Reach.ENVIRONMENT),
        ("import os.path as p", "os.path", Reach.FILE),
        ("from os import path", "os.path", Reach.FILE),
        ("from os import environ", "os.environ", Reach.ENVIRONMENT),
        ("from os import *", "os", Reach.PROCESS | Reach.FILE | Reach.ENVIRONMENT),
        ("from urllib import request", "urllib.request", Reach.NETWORK),
        ("from urllib.request import urlopen as u", "urllib.request", Reach.NETWORK),
        ("from concurrent.futures import ProcessPoolExecutor", "concurrent.futures", Reach.PROCESS),
        ("from subprocess import run", "subprocess", Reach.PROCESS),
        ("import requests.adapters", "requests.adapters", Reach.NETWORK),
        ("from pip._vendor import requests", "pip._vendor.requests", Reach.NETWORK),
        ("import ctypes", "ctypes", Reach.DYNAMIC),
        ("import pickle as p", "pickle", Reach.DYNAMIC),
        ("from builtins import eval", "builtins.eval", Reach.DYNAMIC),
        ("import importlib.metadata", "importlib.metadata", Reach.DYNAMIC | Reach.FILE),
    ],
)
def test_import_of_a_module_that_reaches_out(text, module, reach):
    """Each spelling is found, under the most precise name that is known."""
    (one,) = read_imports(text).imports

    assert (one.module, one.reach, one.line, one.runs) == (module, reach, 1, True)


@pytest.mark.parametrize(
    "text",
    [
        "import math, re, typing",
        "from . import socket",
        "from .socket import x",
        "from .. import os",
        "import urllib.parse",
        "from http import HTTPStatus",
        "from os import PathLike, fspath",
        "from os.path import join",
        "from asyncio import gather, Lock",
        "from pathlib import PurePath",
        "import sockets, osmium, my.socket",
        "x = 'import socket'",
        "open('x'); eval('1')",
        "__import__(name)",
        "import_module(name)",
    ],
)
def test_what_reaches_nothing_is_not_listed(text):
    """Relative imports, harmless names, calls of builtins and mere look-alikes do not count."""
    assert read_imports(text).imports == ()


def test_one_statement_gives_each_module_once_and_lines_are_in_order():
    """Several names of one module are one import; imports within functions stand at their lines."""
    text = "def f():\n    import ssl\nfrom os import getpid, fork, environ\nimport socket, subprocess\n"

    assert modules(text) == [(2, "ssl"), (3, "os"), (3, "os.environ"), (4, "socket"), (4, "subprocess")]


def test_literal_dynamic_imports_are_found():
    """`import_module` and `__import__` with the name written out are imports by call."""
    text = "import importlib\nx = importlib.import_module('socket')\ny = [__import__('pickle'), __import__('math')]"
    calls = [one for one in read_imports(text).imports if one.how == "call"]

    assert calls == [Import(2, "socket", "call", Reach.NETWORK), Import(3, "pickle", "call", Reach.DYNAMIC)]


@pytest.mark.parametrize("test", ["TYPE_CHECKING", "typing.TYPE_CHECKING", "t.TYPE_CHECKING"])
def test_imports_for_checkers_are_listed_but_never_run(test):
    """What stands beneath `if TYPE_CHECKING:` reaches nothing; its `else` does."""
    text = f"if {test}:\n    import socket\nelse:\n    import ssl\n"

    assert [(one.module, one.runs) for one in read_imports(text).imports] == [
        ("socket", False),
        ("ssl", True),
    ]


def test_a_package_does_not_reach_out_by_importing_itself():
    """Its own absolute imports are left out, copies vendored inside it are not."""
    text = "import trio.abc\nimport socket\nfrom trio._vendor import requests\n"

    assert modules(text, own="trio") == [(2, "socket"), (3, "trio._vendor.requests")]


# ------------------------------------------------------------------ what cannot be read


@pytest.mark.parametrize(
    "text",
    [
        "def f(:\n",
        "\x00",
        "print 'old'",
        "(" * 5000,
        "-" * 200_000 + "1",
        "x = " + "[" * 150 + "]" * 150 + ")",
    ],
)
def test_text_that_does_not_parse_raises_what_the_parser_says(text):
    """Wrong syntax, null bytes and bottomless nesting are errors of known types, never a crash."""
    with pytest.raises((SyntaxError, ValueError, RecursionError, MemoryError)):
        read_imports(text)


def test_somebody_elses_wrong_escape_is_not_reported():
    """Warnings of the parser do not come out."""
    assert read_imports("x = '\\d'\nassert (1, 'x')\n").functions == 0


def test_encodings_follow_the_mark_the_coding_line_or_utf8():
    """A file is decoded as Python would."""
    assert decode("x = 'é'".encode()) == "x = 'é'"
    assert decode(b"# -*- coding: latin-1 -*-\nx = '\xe9'") == "# -*- coding: latin-1 -*-\nx = 'é'"
    assert decode(b"\xef\xbb\xbfx = 1") == "x = 1"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"x = '\xe9'", UnicodeDecodeError),
        (b"# coding: no-such-thing\n", LookupError),
        (b"# coding: hex\n00", LookupError),
        (b"\xef\xbb\xbf# coding: latin-1\n", LookupError),
        (b"x\n\n" + b"\xff", UnicodeDecodeError),
    ],
)
def test_bad_bytes_are_an_error_of_decoding(data, error):
    """Bytes that are no text, and coding lines that name none, are told from wrong syntax."""
    with pytest.raises(error):
        decode(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_by_a_known_error(data):
    """No input makes the reader fail in a way that its callers do not expect."""
    try:
        reading = read_imports(decode(data))
    except (SyntaxError, ValueError, LookupError, RecursionError, MemoryError):
        return
    assert reading.functions >= 0


# ------------------------------------------------------------------ knowledge


def test_kinds_are_named_in_one_order():
    """A reach names its kinds in the order of the class."""
    assert (Reach.DYNAMIC | Reach.NETWORK).kinds == ("network", "dynamic")
    assert Reach.NONE.kinds == ()


def test_longest_listed_name_decides():
    """A name in a module may reach less than the module."""
    assert reach_of("os.path.join")[1] is Reach.NONE
    assert reach_of("os.path.exists") == ("os.path", Reach.FILE)
    assert reach_of("os.getcwd")[0] == "os"
    assert reach_of("nothing.known") == ("", Reach.NONE)


def test_names_of_the_standard_library_in_the_table_exist():
    """A misspelt module would never be found; each one of the running version must import, or be another system's."""
    from omnitron.audit import knowledge

    known = [name for name in knowledge._KNOWN if name.partition(".")[0] in sys.stdlib_module_names]
    code = (
        "import importlib, sys, pkgutil, warnings\nwarnings.simplefilter('ignore')\n"
        "for name in sys.argv[1:]:\n"
        "    try: pkgutil.resolve_name(name)\n"
        "    except (ImportError, AttributeError): print(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *known], capture_output=True, text=True, check=True)
    elsewhere = {
        "nt",
        "msvcrt",
        "winreg",
        "_winapi",
        "ctypes.wintypes",
        "resource",
        "posix",
        "pty",
        "fcntl",
        "pwd",
    }
    elsewhere |= {
        "grp",
        "spwd",
        "_posixsubprocess",
        "os.environb",
        "os.getenvb",
        "_sqlite3",
        "sqlite3",
        "dbm",
    }

    assert set(done.stdout.split()) <= elsewhere
