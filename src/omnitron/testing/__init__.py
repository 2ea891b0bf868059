"""For tests of flows: a clock that the test turns, examples that are run, inputs that are drawn.

Tested themselves; nothing in the library imports them. The pytest plugin is the module `omnitron_pytest`.
"""

from omnitron.testing.clock import ManualClock
from omnitron.testing.examples import Case, Mismatch, cases_of, check_examples, failed, top_flows
from omnitron.testing.strategies import inputs

__all__ = ["Case", "ManualClock", "Mismatch", "cases_of", "check_examples", "failed", "inputs", "top_flows"]
