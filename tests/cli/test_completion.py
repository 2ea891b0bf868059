"""What shells complete: commands, options, FILE:FLOW and NAME=, without importing anything of the user's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from omnitron.cli.commands import cli

from .calling import call

SHOP = """
raise SystemExit("imported")

from omnitron import flow

RATE = 3


@flow
async def price(sku: str, *, region: str = "eu") -> float: ...


def plain(text): ...


class Book: ...


quote = price.timeout(2).retry(4).cache(60)
whole: object = quote | plain
both = parallel(price, plain)
many = price.each()
_hidden = price.named("x")
round_ = round_
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a module, one that does not parse, and a package."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "broken.py").write_text("def (")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "__init__.py").write_text("raise SystemExit\n")
    (tmp_path / "store" / "orders.py").write_text("def book(order, count): ...\n")
    return tmp_path


def completed(*words: str) -> list[str]:
    """Give what the last word can go on with."""
    items = ShellComplete(cli, {}, "omnitron", "_OMNITRON_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [item.value for item in items]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sh"], ["show"]),
        (["show", "--conf"], ["--config"]),
        (["run", "s"], ["shop.py:", "store/"]),
        (["run", "store/"], ["store/orders.py:"]),
        (["run", "nowhere/"], []),
        (
            ["run", "shop.py:"],
            [f"shop.py:{name}" for name in ("both", "many", "plain", "price", "quote", "round_", "whole")],
        ),
        (["show", "shop:qu"], ["shop:quote"]),
        (["run", "store.orders:"], ["store.orders:book"]),
        (["run", "broken.py:"], []),
        (["run", "no.such:"], []),
        (["run", ":"], []),
        (["run", "shop.py:price", ""], ["sku=", "region="]),
        (["run", "shop.py:quote", "r"], ["region="]),
        (["run", "shop.py:quote", "sku=tea", ""], ["region="]),
        (["run", "shop.py:whole", ""], ["sku=", "region="]),
        (["run", "shop.py:both", ""], []),
        (["run", "shop.py:many", ""], []),
        (["run", "shop.py:round_", ""], []),
        (["run", "shop.py", ""], []),
        (["explain", "rate"], ["RateLimited"]),
        (["explain", "OMN30"], ["OMN301", "OMN302", "OMN303", "OMN304", "OMN305", "OMN306"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_a_word_can_go_on_with(shop: Path, words: list[str], expected: list[str]) -> None:
    """Files and flows by the text of the files alone."""
    assert completed(*words) == expected


def test_a_key_does_not_wait_for_what_only_a_run_needs() -> None:
    """Checking, drawing, and the texts of errors are imported when a command runs."""
    heavy = ["asyncio", "importlib.metadata", "omnitron.cli.acting", "omnitron.testing", "pydantic", "rich"]
    code = f"import sys, omnitron.cli.commands; print([each for each in {heavy} if each in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    """It asks the command by a variable."""
    done = call("completion", shell)
    assert done.exit_code == 0
    assert "_OMNITRON_COMPLETE" in done.stdout


def test_the_shell_is_the_one_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its variable, and without a guess where that names none."""
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert "function _omnitron_completion" in call("completion").stdout
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    done = call("completion")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Write one: omnitron completion bash" in done.stderr


DRIVER = r"""
eval "$("$1" -m omnitron completion bash)"
omnitron() { "$python" -m omnitron "$@"; }
python=$1; shift
compopt() { echo "$2"; }
for line in "$@"; do
    COMP_LINE="$line"; COMP_POINT=${#line}; COMPREPLY=()
    _omnitron_completion omnitron
    printf '%s\n' "${COMPREPLY[@]}"
done
"""


@pytest.mark.real
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not there")
def test_bash_replaces_what_follows_the_colon_only(shop: Path) -> None:
    """It takes a colon and an equals sign for the ends of words."""
    lines = ["omnitron sh", "omnitron run shop.py:qu", "omnitron run sh", "omnitron run shop.py:quote s"]
    done = subprocess.run(
        ["bash", "-c", DRIVER, "bash", sys.executable, *lines], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.split("\n") == [
        "show",
        "quote",
        "nospace",
        "shop.py:",
        "nospace",
        "sku=",
        "",
    ]
