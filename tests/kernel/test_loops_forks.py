"""One flow, one context: in loops one after the other, in two loops at the same time, and in forked children."""

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from omnitron import Key, context, flow, needs, parallel, resource

SOURCE = Path(__file__).parent.parent.parent / "src"
number = Key("number", int)
opened: list[object] = []

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


@resource(scope="app")
async def connection():
    opened.append(asyncio.get_running_loop())
    yield len(opened)


@flow
async def add(x: int, *, more: int = needs(number)) -> int:
    await asyncio.sleep(0)
    return x + more


@flow
async def connected(x: int, *, found: int = needs(connection)) -> int:
    return found


@flow
async def ticks(last: int):
    for tick in range(last):
        await asyncio.sleep(0)
        yield tick


both = parallel(add, add)
row = ticks | add.stream(concurrency=2)


async def everything(app):
    """Use what is tied to a loop: tasks, streams ahead, a started run, a deadline, a thread."""
    pairs = await app.run(both, 1)
    streamed = [item async for item in app.run(row, 3)]
    started = await app.start(add, 5)
    late = await app.with_(deadline=60).run(add.on("thread"), 7)
    return pairs, streamed, started, late


EXPECTED = ((2, 2), [1, 2, 3], 6, 8)


def test_loops_one_after_the_other():
    """The same flows and the same context serve each of them."""
    app = context(number=1)
    assert [asyncio.run(everything(app)) for _ in range(3)] == [EXPECTED] * 3


def test_two_loops_in_two_threads():
    """At the same time, through the same flows."""
    app, found, meet = context(number=1), [], threading.Barrier(2)

    def work():
        meet.wait(30)
        found.extend(asyncio.run(everything(app)) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert found == [EXPECTED] * 40


def test_an_async_resource_of_the_app_is_opened_for_each_loop():
    """And once for all runs of that loop."""
    opened.clear()
    with context() as app:
        found = [asyncio.run(twice(app)) for _ in range(2)]

    assert (found, len({id(loop) for loop in opened}) + len(opened)) == ([[1, 1], [2, 2]], 4)


async def twice(app):
    return [await app.run(connected, 0), await app.run(connected, 0)]


def test_uvloop():
    """Loops of uvloop, one after the other and after one of asyncio."""
    uvloop = pytest.importorskip("uvloop")
    app = context(number=1)
    asyncio.run(everything(app))

    def once():
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(everything(app))

    assert [once(), once()] == [EXPECTED] * 2


def forked(code):
    """Run a program that forks; give what it printed and its exit code. One that hangs is killed, and fails."""
    program = textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n{program}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split(), done.returncode


@forks
def test_flows_work_in_a_forked_child_while_threads_of_the_parent_compile():
    """A lock that another thread held when the child was forked off is free there."""
    printed = forked("""
        import asyncio, os, threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        from omnitron import Config, context, flow, resource, needs
        from omnitron.algebra.program import shapes_lock
        from omnitron.algebra.tuning import lock
        from omnitron.runtime.scopes import making

        held, go = threading.Event(), threading.Event()

        def hold():
            with shapes_lock, making, lock:
                held.set()
                go.wait()

        threading.Thread(target=hold, daemon=True).start()
        held.wait()
        child = os.fork()
        if child == 0:
            @resource(scope="run")
            def one():
                yield 1
            @flow
            def add(x, *, more=needs(one)):
                return x + more
            print(context(config={"each": {"threads": 2}}).run((add | str).each(), [1, 2]), flush=True)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        go.set()
        print(status)
    """)
    assert printed == (["['2',", "'3']", "0"], 0)


@forks
def test_a_forked_child_ends_by_itself_and_leaves_the_runs_of_its_parent():
    """It waits for no thread that is not there, and the parent's run goes on."""
    printed = forked("""
        import os, sys, threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        from omnitron import context, flow

        go = threading.Event()
        run = context().start(flow(lambda x: go.wait() and x), 7)
        child = os.fork()
        if child == 0:
            sys.exit(context().run(flow(len), "abc"))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        go.set()
        print(status, run.result())
    """)
    assert printed == (["3", "7"], 0)


@forks
def test_a_forked_child_leaves_the_workers_of_its_parent_and_has_its_own():
    """It ends none when it exits, and a job there runs in a process of its own."""
    printed = forked("""
        import asyncio, os, sys, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        from omnitron import flow

        away = flow(len).on("process")

        async def once(value):
            return await away(value)

        if __name__ == "__main__":
            runner = asyncio.Runner()
            print(runner.run(once("ab")), flush=True)
            child = os.fork()
            if child == 0:
                print(asyncio.run(once("abcd")), flush=True)
                sys.exit(0)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), runner.run(once("abc")))
            runner.close()
    """)
    assert printed == (["2", "4", "0", "3"], 0)
