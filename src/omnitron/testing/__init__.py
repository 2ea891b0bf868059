"""For tests of flows: clocks whose time is the test's, faults, examples that are run, inputs that are drawn.

Tested themselves; nothing in the library imports them. The pytest plugin is the module `omnitron_pytest`.
"""

from omnitron.testing.clock import ManualClock
from omnitron.testing.driving import Broken, check_faults
from omnitron.testing.examples import Case, Mismatch, cases_of, check_examples, failed, top_flows
from omnitron.testing.failures import Deadlock, ExamplesFailed, InvariantBroken
from omnitron.testing.faults import Fault, Faulty, Injected
from omnitron.testing.injecting import inject
from omnitron.testing.strategies import inputs
from omnitron.testing.virtual import VirtualClock

__all__ = [
    "Broken",
    "Case",
    "Deadlock",
    "ExamplesFailed",
    "Fault",
    "Faulty",
    "Injected",
    "InvariantBroken",
    "ManualClock",
    "Mismatch",
    "VirtualClock",
    "cases_of",
    "check_examples",
    "check_faults",
    "failed",
    "inject",
    "inputs",
    "top_flows",
]
