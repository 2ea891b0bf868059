"""Streams that have no sign for a line of a tree: nothing breaks, and trees stay trees."""

import io
import os
import sys

import pytest

from omnitron.cli.streams import LEGIBLE, mend_streams, person_bytes

from .calling import FLOWS, elsewhere

ASCII = {**os.environ, "PYTHONIOENCODING": "ascii"}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("├── é 3 × 4 µs", b"|-- \\xe9 3 x 4 us"),
        ("a → b…", b"a -> b..."),
        ("└╌╌ 😀 plain", b"`-- \\U0001f600 plain"),
    ],
)
def test_signs_that_are_not_there_are_written_in_others(text, written):
    """Lines by dashes, letters by escapes."""
    assert text.encode("ascii", LEGIBLE) == written


def test_signs_that_are_there_stay():
    """An encoding is used as far as it goes."""
    assert "é ├ µ".encode("latin-1", LEGIBLE) == "é | µ".encode("latin-1")


def test_a_bad_byte_is_no_sign():
    """Reading is not mended: only writing is."""
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", LEGIBLE)


def test_an_audit_is_printed_in_ascii(tmp_path):
    """Its table and its tree."""
    (tmp_path / "one.py").write_text("import socket\n")
    done = elsewhere("audit", str(tmp_path), env=ASCII)
    assert (done.returncode, done.stderr) == (0, "")
    assert "|-- parallel" in done.stdout
    assert "-----" in done.stdout.splitlines()[1]


def test_json_into_a_pipe_is_utf_8_all_the_same():
    """It is what reads it that counts on that, and `--trace` is for a person."""
    done = elsewhere("run", f"{FLOWS}:double", "x=4", "--trace", env=ASCII)
    assert (done.returncode, done.stdout) == (0, "8\n")
    assert "1 x " in done.stderr


@pytest.mark.parametrize(
    ("encoding", "errors", "mended"),
    [
        ("ascii", "strict", LEGIBLE),
        ("latin-1", "backslashreplace", LEGIBLE),
        ("ascii", "replace", "replace"),
        ("utf-8", "strict", "strict"),
        ("UTF8", "surrogateescape", "surrogateescape"),
    ],
)
def test_only_streams_that_lack_signs_are_mended(monkeypatch, encoding, errors, mended):
    """And none for which somebody chose what to do."""
    with monkeypatch.context() as patch:
        for name in ("stdout", "stderr"):
            patch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding, errors))
        mend_streams()
        found = (sys.stdout.errors, sys.stderr.errors)
    assert found == (mended, mended)


def test_half_a_sign_can_be_written_too():
    """It is none, and the rest is shown all the same."""
    assert person_bytes("a\udcc3 é") == b"a\\udcc3 " + "é".encode()
