"""SIGINT and SIGTERM end a run cleanly: real processes, real signals."""

import os
import signal
import subprocess
import sys

import pytest

import omnitron_command

from .calling import COMMAND, FLOWS, elsewhere

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

both_signals = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


def begun(*words: str) -> subprocess.Popen[str]:
    """Start a run and wait until its flow has begun."""
    process = subprocess.Popen(
        [*COMMAND, "run", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "started\n"
    return process


def ended(process: subprocess.Popen[str]) -> tuple[str, str, int]:
    """Give what a process printed and its exit code."""
    out, err = process.communicate(timeout=30)
    return out, err, process.returncode


@both_signals
@pytest.mark.parametrize("name", ["hold", "hold_async"])
def test_a_signal_runs_every_finally(name, number):
    """Either colour cleans up, and the exit code is 130."""
    process = begun(f"{FLOWS}:{name}", "seconds=60")
    process.send_signal(number)
    out, err, code = ended(process)
    assert (out, code) == ("", 130)
    assert err.splitlines()[1:] == ["omnitron: interrupted, cleaning up (once more gives up at once)", "closed"]


def test_every_call_that_is_on_its_way_is_closed():
    """Concurrent items are cancelled and awaited."""
    process = begun(f"{FLOWS}:held", "--input", "[60, 60, 60]")
    assert process.stderr is not None
    assert process.stderr.readline() == "started\n"
    process.send_signal(signal.SIGINT)
    _, err, code = ended(process)
    assert (err.count("closed"), code) == (2, 130)


@pytest.mark.real
@both_signals
def test_a_worker_process_ends_with_the_run(number):
    """Nobody is left who holds stderr open, although the work would take a minute."""
    process = begun(f"{FLOWS}:held_elsewhere", "seconds=60")
    process.send_signal(number)
    assert ended(process)[2] == 130


def test_an_interrupt_of_the_whole_group_is_clean():
    """As a terminal does it: the workers get the signal too, and say nothing."""
    process = begun(f"{FLOWS}:held_elsewhere", "seconds=60")
    os.killpg(process.pid, signal.SIGINT)
    _, err, code = ended(process)
    assert code == 130
    assert "Traceback" not in err


def test_the_second_interrupt_gives_up_at_once():
    """Even when cleaning up would take a minute."""
    process = begun(f"{FLOWS}:stubborn", "seconds=60")
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while process.stderr.readline() != "closing\n":
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert ended(process)[2] == 130


def test_a_signal_that_breaks_no_wait_ends_it_all_the_same():
    """It may come to another thread, or just before the wait begins."""
    process = begun(f"{FLOWS}:signalled_elsewhere", "seconds=60")
    _, err, code = ended(process)
    assert (err.count("closed"), code) == (1, 130)


def test_what_a_cancelled_flow_still_gives_is_printed():
    """The exit code says that it was interrupted."""
    process = begun(f"{FLOWS}:keeps", "seconds=60")
    process.send_signal(signal.SIGINT)
    out, _, code = ended(process)
    assert (out, code) == ('"half"\n', 130)


def test_a_reader_that_has_gone_makes_no_noise():
    """A closed pipe is no traceback."""
    done = elsewhere("run", f"{FLOWS}:rows", "n=100000", stdin=subprocess.DEVNULL)
    assert done.returncode == 0
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [*COMMAND, "run", f"{FLOWS}:rows", "n=100000"], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (process.stderr, process.returncode) == (b"", 1)


def test_an_interrupt_that_cannot_be_told_is_clean_too():
    """Whoever read stderr was interrupted first, as a pipeline is."""
    process = begun(f"{FLOWS}:keeps", "seconds=60")
    assert process.stderr is not None
    process.stderr.close()
    process.stderr = None
    process.send_signal(signal.SIGINT)
    out, _, code = ended(process)
    assert (out, code) == ('"half"\n', 130)


@both_signals
@pytest.mark.parametrize("package", ["omnitron", "click"])
def test_a_signal_while_the_library_is_imported_ends_quietly(tmp_path, package, number):
    """Nothing has run yet, so nothing is cleaned up and nothing is said."""
    (tmp_path / f"{package}.py").write_text(f"import os\nos.kill(os.getpid(), {int(number)})\nimport no_such_module\n")
    source = os.path.dirname(omnitron_command.__file__)
    done = subprocess.run(
        [sys.executable, "-c", "import sys, omnitron_command; sys.exit(omnitron_command.main())", "--help"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), source])},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_a_signal_while_the_target_is_imported_ends_the_command(tmp_path):
    """What the import has begun is left by the exception that ends it."""
    (tmp_path / "slow.py").write_text(
        "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGTERM)\nfinally:\n    print('left')\n"
    )
    done = elsewhere("run", f"{tmp_path / 'slow.py'}:f")
    assert (done.returncode, done.stdout) == (130, "")
    assert "\nleft\n" in done.stderr
    assert "Traceback" not in done.stderr
