"""What a run carries: the context, the interception point, deadlines, and the machines that run branches and items.

Nothing here knows the tree of a flow. The names that need asyncio or threads load when they are first touched. Read next:
`omnitron.algebra`.
"""

from typing import TYPE_CHECKING, Any

from omnitron.runtime.callsites import passes_on
from omnitron.runtime.clock import LONGEST_S, SYSTEM_CLOCK, SYSTEM_RANDOM
from omnitron.runtime.contexts import Context, context, current_context, on_clock, read_context
from omnitron.runtime.filling import holds_needs, missing_needs, needs, take, take_async, wanted_keys
from omnitron.runtime.forking import Mutex, after_fork, leave_to_parent
from omnitron.runtime.frames import (
    Frame,
    Site,
    Stopped,
    Watched,
    attempt_frame,
    beneath,
    child_frame,
    frame_here,
    item_frame,
    leave_frame,
    read_watch,
    reset_watch,
    set_watch,
    wait_on,
)
from omnitron.runtime.keys import Key
from omnitron.runtime.options import OPTIONS, PLAIN, Runtime, adopt_factory
from omnitron.runtime.reporting import log, shown
from omnitron.runtime.resources import Need, Resource, needs_of, resource
from omnitron.runtime.steps import CurrentStep, current_step
from omnitron.runtime.stopping import Stop
from omnitron.runtime.watching import (
    run_inside,
    run_inside_async,
    run_seen,
    run_seen_async,
    see,
    see_async,
    see_keeping,
)
from omnitron.runtime.whereabouts import adopt_reader

if TYPE_CHECKING:
    from omnitron.runtime.adapting import each_adaptive, tell_shift
    from omnitron.runtime.apart import context_apart, earlier, outlook, run_apart, run_apart_async
    from omnitron.runtime.configuring import Config, Setting, Variable, spelled, variable_name
    from omnitron.runtime.crews import Crew, crew_here, gate, looks_s, refuse_to_wait
    from omnitron.runtime.deadlines import in_time, stream_in_time
    from omnitron.runtime.deriving import Derivation, check_changes, run_derived, run_derived_async
    from omnitron.runtime.joining import (
        all_ended,
        caller_here,
        each_async,
        each_threads,
        parallel_async,
        parallel_threads,
    )
    from omnitron.runtime.mapping import Mapped, a_row, mapped
    from omnitron.runtime.marking import RunFilter
    from omnitron.runtime.observers import EventLog, Hooks, Span, Tracing
    from omnitron.runtime.places import run_in_executor, run_in_thread, run_in_thread_loop
    from omnitron.runtime.quorums import each_quorum, each_quorum_threads, quorum, quorum_threads
    from omnitron.runtime.racing import each_quorum_async, quorum_async, race_async
    from omnitron.runtime.runs import Run, RunEvents
    from omnitron.runtime.streams import end_all, end_all_async, fail, fail_async
    from omnitron.runtime.undoing import Promise, Saga, keep_both
    from omnitron.runtime.unread import end_read, end_read_async
    from omnitron.runtime.workers import run_in_process

LAZY = {
    "Crew": "crews",
    "crew_here": "crews",
    "gate": "crews",
    "looks_s": "crews",
    "refuse_to_wait": "crews",
    "all_ended": "joining",
    "caller_here": "joining",
    "context_apart": "apart",
    "earlier": "apart",
    "outlook": "apart",
    "run_apart": "apart",
    "run_apart_async": "apart",
    "Config": "configuring",
    "Derivation": "deriving",
    "Mapped": "mapping",
    "a_row": "mapping",
    "end_all": "streams",
    "fail": "streams",
    "fail_async": "streams",
    "end_all_async": "streams",
    "end_read": "unread",
    "end_read_async": "unread",
    "mapped": "mapping",
    "EventLog": "observers",
    "Hooks": "observers",
    "Run": "runs",
    "RunEvents": "runs",
    "RunFilter": "marking",
    "Promise": "undoing",
    "Saga": "undoing",
    "Setting": "configuring",
    "Span": "observers",
    "Tracing": "observers",
    "Variable": "configuring",
    "check_changes": "deriving",
    "each_adaptive": "adapting",
    "tell_shift": "adapting",
    "each_async": "joining",
    "each_quorum": "quorums",
    "each_quorum_async": "racing",
    "each_quorum_threads": "quorums",
    "each_threads": "joining",
    "in_time": "deadlines",
    "keep_both": "undoing",
    "parallel_async": "joining",
    "parallel_threads": "joining",
    "quorum": "quorums",
    "quorum_async": "racing",
    "quorum_threads": "quorums",
    "race_async": "racing",
    "run_derived": "deriving",
    "run_derived_async": "deriving",
    "run_in_executor": "places",
    "run_in_process": "workers",
    "run_in_thread": "places",
    "run_in_thread_loop": "places",
    "spelled": "configuring",
    "stream_in_time": "deadlines",
    "variable_name": "configuring",
}

__all__ = [
    "OPTIONS",
    "PLAIN",
    "LONGEST_S",
    "SYSTEM_CLOCK",
    "SYSTEM_RANDOM",
    "Config",
    "Context",
    "Crew",
    "CurrentStep",
    "Derivation",
    "EventLog",
    "Frame",
    "Hooks",
    "Key",
    "Mapped",
    "Mutex",
    "Need",
    "Promise",
    "Resource",
    "Run",
    "RunEvents",
    "RunFilter",
    "Runtime",
    "Saga",
    "Setting",
    "Site",
    "Span",
    "Stop",
    "Stopped",
    "Tracing",
    "Variable",
    "Watched",
    "a_row",
    "adopt_factory",
    "all_ended",
    "attempt_frame",
    "after_fork",
    "adopt_reader",
    "caller_here",
    "check_changes",
    "beneath",
    "child_frame",
    "context",
    "context_apart",
    "crew_here",
    "current_context",
    "current_step",
    "each_adaptive",
    "each_async",
    "each_quorum",
    "each_quorum_async",
    "each_quorum_threads",
    "each_threads",
    "earlier",
    "end_all",
    "end_all_async",
    "end_read",
    "end_read_async",
    "fail",
    "fail_async",
    "frame_here",
    "gate",
    "holds_needs",
    "in_time",
    "item_frame",
    "keep_both",
    "leave_frame",
    "leave_to_parent",
    "log",
    "looks_s",
    "mapped",
    "missing_needs",
    "needs",
    "needs_of",
    "outlook",
    "parallel_async",
    "parallel_threads",
    "passes_on",
    "quorum",
    "quorum_async",
    "quorum_threads",
    "race_async",
    "on_clock",
    "read_context",
    "read_watch",
    "refuse_to_wait",
    "reset_watch",
    "resource",
    "run_apart",
    "run_apart_async",
    "run_derived",
    "run_derived_async",
    "run_in_executor",
    "run_in_process",
    "run_in_thread",
    "run_in_thread_loop",
    "run_inside",
    "run_inside_async",
    "run_seen",
    "run_seen_async",
    "see",
    "see_async",
    "see_keeping",
    "set_watch",
    "shown",
    "spelled",
    "stream_in_time",
    "take",
    "tell_shift",
    "take_async",
    "variable_name",
    "wait_on",
    "wanted_keys",
]


def __getattr__(name: str) -> Any:
    module = LAZY.get(name)
    if module is None:
        raise AttributeError(f"module 'omnitron.runtime' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"omnitron.runtime.{module}"), name)
    return value
