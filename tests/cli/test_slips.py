"""Whoever misspells an option, a parameter, a flow or a file is told what is near it."""

import pytest

from .calling import call


@pytest.fixture(autouse=True)
def shop(tmp_path, monkeypatch):
    """Stand in a folder with one file of flows."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slips_shop.py").write_text(
        "from omnitron import flow\n\n\n@flow\ndef price(sku: str, count: int = 1) -> float:\n    return 9.5\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["slips_shop.py:prise"], "slips_shop.py has no 'prise'. Near it: price. It has price."),
        (["slip_shop.py:price"], "there is no file 'slip_shop.py'. Near it: slips_shop.py."),
        (["SLIPS_SHOP.PY:price"], "no module 'SLIPS_SHOP.PY'. Near it: slips_shop.py."),
        (["slip_shop:price"], "there is no file and no module 'slip_shop'. Near it: slips_shop."),
        (["price"], "no module 'price'. Write FILE_OR_MODULE:FLOW, for example shop.py:price."),
        (["slips_shop.py:price", "skuu=a"], "skuu: there is no such parameter. Near it: sku\n"),
        (["slips_shop.py:price", "sku=a", "zzz=1"], "zzz: there is no such parameter\n"),
        (["slips_shop.py:price", "--trac"], "no option '--trac'. Near it: --trace, --traceback. Arguments of"),
        (
            ["slips_shop.py:price", "--sku=a"],
            "no option '--sku'. Arguments of the flow are written without dashes: sku=",
        ),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_a_slip_is_told_with_what_is_near(words, said):
    """Nothing runs, and nothing is guessed."""
    done = call("run", *words)
    assert done.exit_code == 2
    assert said in done.stderr


def test_where_a_file_was_looked_for_is_told(shop):
    """When no name in its folder is near."""
    done = call("show", "zzz.py:price")
    assert done.stderr == f"omnitron: there is no file 'zzz.py'. It is looked for from {shop}.\n"


def test_what_is_given_already_is_not_offered():
    """A parameter can be given once."""
    assert "Near it" not in call("run", "slips_shop.py:price", "sku=a", "skuu=b").stderr
