"""The nightly job: as a program, over real files on real processes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from examples import nightly

PROGRAM = [sys.executable, "-W", "error", nightly.__file__]


@pytest.fixture
def tills(tmp_path):
    """A folder with the files of three tills."""
    folder = tmp_path / "tills"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.csv").write_text("apple,2,30\npear,1,45\napple,1,30\n")
    return folder


def run(tills):
    """Run the job as a program; give its end and the summary."""
    summary = tills.parent / "summary.json"
    done = subprocess.run([*PROGRAM, tills, summary], capture_output=True, text=True, timeout=120, check=False)
    return done, json.loads(summary.read_text())


def test_all_files_are_added_up(tills):
    """The summary has each article's takings."""
    done, summary = run(tills)
    assert (done.stdout, done.stderr, done.returncode) == ("3 files, 4.05, 0 broken\n", "", 0)
    assert summary == {"files": 3, "cents": {"apple": 270, "pear": 135}, "broken": {}}


def test_a_broken_file_is_told_of_and_costs_no_other(tills):
    """Whatever is wrong with it."""
    (tills / "words.csv").write_text("apple,two,30")
    (tills / "bytes.csv").write_bytes(b"\xff,1,1")
    (tills / "folder.csv").mkdir()
    done, summary = run(tills)
    assert done.stdout == "3 files, 4.05, 3 broken\n"
    assert {Path(file).name: error.partition(":")[0] for file, error in summary["broken"].items()} == {
        "words.csv": "ValueError",
        "bytes.csv": "UnicodeDecodeError",
        "folder.csv": "IsADirectoryError",
    }


def test_the_last_summary_stays_when_the_new_one_cannot_be_written(tills, monkeypatch):
    """It is replaced as a whole or not at all."""
    file = tills.parent / "summary.json"
    file.write_text("yesterday's")

    def full(descriptor):
        raise OSError("no space")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        nightly.main(tills, file)
    assert file.read_text() == "yesterday's"


def test_the_last_summary_stays_when_there_is_nothing_to_add_up(tills):
    """A folder that is not there is an error, not a day without takings."""
    file = tills.parent / "summary.json"
    file.write_text("yesterday's")
    with pytest.raises(FileNotFoundError):
        nightly.main(tills / "misspelled", file)
    assert file.read_text() == "yesterday's"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe among the files")
@pytest.mark.parametrize("group", [False, True], ids=["the job", "as a terminal does"])
def test_an_interrupt_ends_cleanly(tills, group):
    """While a worker reads a file that does not end: no process stays, no summary is written, nothing is traced."""
    os.mkfifo(tills / "endless.csv")
    summary = tills.parent / "summary.json"
    words = [*PROGRAM, tills, summary]
    job = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    with open(tills / "endless.csv", "w"):  # waits until a worker reads
        (os.killpg if group else os.kill)(job.pid, signal.SIGINT)
        out, err = job.communicate(timeout=30)  # until nobody holds the streams, the workers neither
    assert (out, err, job.returncode) == ("", "interrupted: nothing was written\n", 130)
    assert not summary.exists()


@pytest.mark.real
def test_thousands_of_files(tmp_path):
    """Each is added up once, the broken one among them is told of."""
    tills = tmp_path / "tills"
    tills.mkdir()
    for number in range(3000):
        (tills / f"{number:05}.csv").write_text("pear,1,45\napple,2,30\n" * 20 if number else "apple,two,30")
    done, summary = run(tills)
    assert (done.returncode, summary["files"]) == (0, 2999)
    assert summary["cents"] == {"apple": 2999 * 1200, "pear": 2999 * 900}
    assert list(summary["broken"]) == [str(tills / "00000.csv")]
