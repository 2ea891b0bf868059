"""Log records of worker processes come home."""

import asyncio
import logging
import os
import re
import subprocess
import sys
import warnings

import pytest

from omnitron import Secret, WorkerLost, context, flow
from omnitron.runtime.homing import Line

from . import talkers
from .listening import listening, log, say


@pytest.fixture
def kept():
    """A handler on the logger of this module."""
    yield from listening(log)


@pytest.fixture
def library():
    """A handler without the filter on the library's own logger."""
    for handler in listening(logging.getLogger("omnitron")):
        handler.filters.clear()
        yield handler


@pytest.fixture(scope="module")
def runner():
    """One event loop for several tests, which keeps its worker processes."""
    with asyncio.Runner() as one:
        yield one


@pytest.fixture
def home():
    """A handler on the logger of the flows in `talkers`."""
    yield from listening(talkers.log)


def in_process(step, x=1):
    """Give the coroutine of a run of a step of `talkers` in a process."""
    return context().run((say | step.on("process")).named("whole"), x)


def test_a_record_of_a_worker_comes_home(runner, home):
    """With its message, what it carries, and the run, path and process of where it was made."""
    runner.run(in_process(talkers.talk))

    talk, inner = home.records
    assert [talk.getMessage(), inner.getMessage()] == ["talk 1", "inner 1"]
    assert [talk.path, inner.path] == ["whole/talk", "whole/talk/inner"]
    assert (talk.levelname, inner.levelname) == ("INFO", "DEBUG")
    assert talk.point == talkers.Point(1)
    assert (talk.funcName, talk.processName, talk.process == os.getpid()) == ("talk", "omnitron-worker", False)
    assert talk.run_id == inner.run_id
    assert len(talk.run_id) == 16


def test_the_time_of_a_record_is_counted_from_the_start_of_the_parent(runner, home):
    """As that of all others which are written here."""
    runner.run(in_process(talkers.talk))

    here = logging.makeLogRecord({})
    later_ms = (here.created - home.records[0].created) * 1000
    assert here.relativeCreated - home.records[0].relativeCreated == pytest.approx(later_ms, abs=1)


def test_a_record_of_a_worker_tells_the_run_of_the_parent(runner, home, kept):
    """The id is that of the records that were made here, the path goes on from here."""

    @flow
    async def body(x):
        say(x)
        return await (talkers.talk | talkers.talk).on("process")(x)

    runner.run(context().run(body, 1))

    assert home.runs() == kept.runs()
    first = "body/talk → talk"
    assert [path for _, path in home.told()] == [
        f"{first}/talk",
        f"{first}/talk/inner",
        f"{first}/talk#2",
        f"{first}/talk#2/inner",
    ]


def test_a_record_of_a_watched_run_has_the_moving_path(runner, home):
    """As events have it, with the attempt."""
    runner.run(context().as_run("r").run((say | talkers.talk.on("process")).named("whole"), 1))

    assert [path for _, path in home.told()] == ["whole/talk", "whole/talk/inner@2[0]"]
    assert {(record.run_id, record.attempt) for record in home.records} == {("r", 1)}


def test_records_have_come_when_the_result_has(runner, home):
    """Each worker's in the order in which they were made."""
    runner.run(in_process(talkers.later))
    assert [message for message, _ in home.told()] == ["before", "after"]


def test_the_levels_of_the_parent_travel(runner, home):
    """What nobody wants here is not made there, and what is wanted from now on is made from the next job on."""
    made = []
    home.addFilter(lambda record: made.append(record.getMessage()) or True)
    talkers.log.setLevel("INFO")
    runner.run(in_process(talkers.talk))
    talkers.log.setLevel("DEBUG")
    runner.run(in_process(talkers.talk))
    logging.disable(logging.INFO)
    try:
        runner.run(in_process(talkers.talk))
    finally:
        logging.disable(logging.NOTSET)

    assert made == ["talk 1", "talk 1", "inner 1"]


def test_a_level_that_is_taken_back_here_is_taken_back_there(runner, home):
    """The logger then asks its parents again, here as there."""
    talkers.log.setLevel("CRITICAL")
    runner.run(in_process(talkers.talk))
    talkers.log.setLevel(logging.NOTSET)
    before = logging.root.level
    logging.root.setLevel("INFO")
    try:
        runner.run(in_process(talkers.talk))
    finally:
        logging.root.setLevel(before)

    assert [message for message, _ in home.told()] == ["talk 1"]


def test_a_level_that_is_raised_during_a_job_counts_at_once(runner, home):
    """What comes home is not handled where it would not have been made."""
    home.addFilter(lambda record: talkers.log.setLevel("ERROR") or True)
    runner.run(in_process(talkers.talk))

    assert home.told() == [("talk 1", "whole/talk")]


def test_a_disabled_logger_takes_no_records(runner, home):
    """What comes home is treated as if it had been made here."""
    talkers.log.disabled = True
    try:
        runner.run(in_process(talkers.talk))
    finally:
        talkers.log.disabled = False

    assert home.records == []


def test_a_traceback_comes_home_as_text(runner, home):
    """Formatters write it; the exception itself stays."""
    runner.run(in_process(talkers.fail))

    (record,) = home.records
    assert record.exc_info is None
    assert logging.Formatter("%(message)s").format(record).startswith("caught\nTraceback (most recent call last):\n")
    assert "ValueError: ('within', 1)" in record.exc_text


def test_no_record_breaks_a_job(runner, home):
    """What cannot be formatted or sent is told as text; a large message is whole."""
    assert runner.run(in_process(talkers.odd)) == 1

    value, number, carries, large, between = home.records
    assert value.getMessage() == "value %s (its arguments cannot be formatted: ZeroDivisionError: no text)"
    assert "its arguments cannot be formatted: TypeError" in number.getMessage()
    assert carries.sore == "<Sore, whose text cannot be made: ZeroDivisionError>"
    assert carries.call.startswith("<function")
    assert (carries.run_id, carries.path) == ("mine", "whole/odd")
    assert large.getMessage() == "é\ud800 " + "z" * 3_000_000
    assert between.levelname == "Level 35"


def test_a_secret_stays_one(runner, home):
    """A record is no way out for it: neither its message nor what it carries."""
    runner.run(context().run(talkers.whisper.on("process"), Secret("s3cr3t")))

    (record,) = home.records
    assert "s3cr3t" not in str(record.__dict__)
    assert (record.getMessage(), record.key) == (f"key {Secret('')}", str(Secret("")))


def test_a_handler_that_raises_loses_its_record_only(runner, home, library):
    """The job goes on, and the library says what happened."""

    def refuse(record):
        raise SystemExit("no")

    home.emit = refuse
    assert runner.run(in_process(talkers.talk)) == 1

    said = [record.getMessage() for record in library.records]
    assert said == ["a log record of a worker process could not be handled: SystemExit: no"] * 2
    assert {record.path for record in library.records} == {"whole/talk", "whole/talk/inner"}


def test_the_last_words_of_a_process_are_heard(runner, home):
    """What was sent before it died is not lost."""
    with pytest.raises(WorkerLost):
        runner.run(in_process(talkers.die))

    assert home.told() == [("last words", "whole/die")]


def test_threads_of_a_worker_log_while_it_answers(home):
    """Each message comes whole; what a thread logs after the answer comes with the next job, or at the end."""

    async def main():
        return [await in_process(talkers.chatter) for _ in range(3)]

    assert asyncio.run(main()) == ["y" * 1_000_000] * 3

    mine = [message for message, _ in home.told() if message[0] == "a"]
    assert mine == [f"a {number}" for number in range(200)] * 3
    assert {message[:2] for message, _ in home.told()} <= {"a ", "b ", "c "}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_a_thread_logs_after_the_answer_comes_when_the_worker_is_closed(home, tmp_path):
    """Nobody reads the pipe between jobs; it is read to its end before it is closed."""
    doors = tmp_path / "enter", tmp_path / "leave"
    for door in doors:
        os.mkfifo(door)

    async def main():
        await in_process(talkers.linger, doors)
        assert home.records == []
        doors[0].write_text("")
        doors[1].read_text()

    asyncio.run(main())

    assert home.told() == [("late", "")]


def test_the_clean_up_of_a_cancelled_job_is_heard(home):
    """A process that is ended in the midst of a message sends it to its end, and then what its `finally` logs."""

    async def main():
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()
        home.addFilter(lambda record: loop.call_soon_threadsafe(begun.set) and True)
        task = asyncio.ensure_future(in_process(talkers.hold))
        await begun.wait()
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())  # ends with its loop: the pool has seen the process out

    messages = [message for message, _ in home.told()]
    assert (messages[0], messages[-1]) == ("begun", "ended")
    assert set(messages[1:-1]) <= {"x" * 100_000}


def test_warnings_are_captured_there_if_they_are_here(runner):
    """`logging.captureWarnings` goes with the levels."""
    warned = logging.getLogger("py.warnings")
    with warnings.catch_warnings():
        logging.captureWarnings(True)
        try:
            for handler in listening(warned):
                runner.run(in_process(talkers.warn))
                (record,) = handler.records
        finally:
            logging.captureWarnings(False)

    assert "UserWarning: take care" in record.getMessage()
    assert record.path == "whole/warn"


def test_what_a_flow_does_to_logging_there_lasts_no_longer_than_its_job(runner, home):
    """It may take its records from home, not those of the next job."""

    async def main():
        await in_process(talkers.anew)
        await asyncio.gather(*(in_process(talkers.talk) for _ in range(8)))

    runner.run(main())

    assert sorted(message for message, _ in home.told()) == ["inner 1"] * 8 + ["talk 1"] * 8


def test_handlers_of_a_module_are_taken_down_there(runner):
    """They stand here too, where its records are written."""
    kinds = runner.run(in_process(talkers.handlers))

    assert kinds[1] == []
    assert "Homeward" in kinds[0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_of_a_worker_leaves_the_pipe_alone(runner, home):
    """Its records do not come home: two processes would mix their messages."""
    runner.run(in_process(talkers.branch_off))

    assert home.told() == [("parent", "whole/branch_off")]


@pytest.mark.real
def test_a_record_comes_home_through_two_processes(runner, home):
    """A worker is the parent of another one."""
    runner.run(in_process(talkers.further))

    assert home.told() == [
        ("further", "whole/further"),
        ("talk 1", "whole/further/talk"),
        ("inner 1", "whole/further/talk/inner"),
    ]
    assert (len(home.runs()), len({record.process for record in home.records})) == (1, 2)


@pytest.mark.real
def test_a_program_writes_each_record_once(tmp_path):
    """Its configuration stands in the main module, which each worker imports too."""
    program = tmp_path / "program.py"
    program.write_text(
        "import asyncio, logging\n"
        "logging.basicConfig(level='INFO', format='%(process)d %(message)s')\n"
        "from omnitron import context, flow\n"
        "log = logging.getLogger('main')\n"
        "@flow\n"
        "def step(x):\n"
        "    log.info('step %s', x)\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(context().run(step.on('process'), 1))\n"
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60, check=False)

    assert re.fullmatch(r"\d+ step 1\n", done.stderr)


# ------------------------------------------------------------------ the pipe


class Pipe:
    """Takes messages; what is given as `meanwhile` happens in the midst of the first."""

    def __init__(self, meanwhile=None):
        self.messages = []
        self.meanwhile = meanwhile

    def send_bytes(self, message):
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        self.messages.append(message)


def test_a_finalizer_that_logs_in_the_midst_of_a_message_waits_for_its_end():
    """It runs in the thread that sends, which no lock holds up."""
    line = Line(Pipe(lambda: line.send(b"second")))
    line.send(b"first")

    assert line.connection.messages == [b"first", b"second"]


def test_a_signal_in_the_midst_of_a_message_waits_for_its_end():
    """The process ends as soon as the message is whole."""
    seen = []
    line = Line(Pipe(lambda: leave(15, None)))
    leave = line.between(lambda number, frame: seen.append([*line.connection.messages]))
    line.send(b"whole")
    leave(15, None)

    assert seen == [[b"whole"], [b"whole"]]
