"""Fakes for tests of flows: a clock that the test turns.

Tested themselves; nothing in the library imports them.
"""

from omnitron.testing.clock import ManualClock

__all__ = ["ManualClock"]
