"""Functions that worker processes can import, for the tests of places."""

import os
import signal


class Sore(Exception):
    """An exception that pickles but does not load."""

    def __init__(self, first, second):
        super().__init__(first)


class Local(Exception):
    """An exception that cannot be pickled."""

    def __init__(self, text):
        super().__init__(text)
        self.hold = lambda: None


def pid_and(x):
    """Give this process and the input."""
    return os.getpid(), x


async def late_pid_and(x):
    """Give this process and the input, later."""
    import asyncio

    await asyncio.sleep(0)
    return os.getpid(), x


def die(x):
    """End this process as the system would."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail(x):
    """Raise an exception that travels."""
    raise ValueError("far away", x)


def fail_local(x):
    """Raise an exception that cannot travel."""
    raise Local(f"stays {x}")


def fail_sore(x):
    """Raise an exception that pickles and does not load."""
    raise Sore("one", "two")


def give_lambda(x):
    """Give what cannot be pickled."""
    return lambda: x


def tenant(x):
    """Give what the context of this call holds."""
    from omnitron import current_context

    return current_context().get("tenant"), x


def place(x):
    """Give the run and the path of this call."""
    from omnitron import current_step

    return current_step().run_id, current_step().path


def boom(x):
    """Leave without clean-up."""
    os._exit(7)


def hold(paths):
    """Say that work began, wait to be ended, and say that the clean-up ran."""
    import time

    begun, ended = paths
    try:
        with open(begun, "w") as file:
            file.write("begun")
        time.sleep(60)
    finally:
        with open(ended, "w") as file:
            file.write("ended")


class Model:
    """A callable object whose state changes."""

    def __init__(self):
        self.trained = 0

    def __call__(self, x):
        return self.trained, x


def listed(x, into):
    """Give a bound list as it is now."""
    return list(into)


async def again(x):
    """Go from one process into another."""
    from omnitron import flow

    return await flow(pid_and).on("process")(x)


def whole_stack(x):
    """Give all frames of this process as text, with what their locals show."""
    import traceback

    frames = list(traceback.walk_stack(None))
    return "".join(traceback.StackSummary.extract(iter(frames), capture_locals=True).format())


class Hoarder:
    """An object that pickles what it holds by itself."""

    def __init__(self, held):
        self.held = held

    def __reduce__(self):
        import pickle

        return Hoarder, (pickle.dumps(self.held),)


def several(x):
    """Count up, as a generator."""
    yield from range(x)


def sleep_and_note(file):
    """Write this process's number into a file, and sleep on."""
    import time
    from pathlib import Path

    Path(file).write_text(str(os.getpid()))
    time.sleep(60)
