"""The numbers that policies have where nobody says another, in signatures: importing this loads no machine."""

__all__ = [
    "ATTEMPTS",
    "DELAY_S",
    "FAILURES",
    "HEDGES",
    "HEDGE_BUDGET",
    "MAX_DELAY_S",
    "MAX_ENTRIES",
    "MAX_WAIT_S",
    "OPEN_FOR_S",
    "SIZE",
    "WINDOW",
]

ATTEMPTS = 3
DELAY_S = 0.1
FAILURES = 5
HEDGES = 2
HEDGE_BUDGET = 0.1
MAX_DELAY_S = 30.0
MAX_ENTRIES = 1024
MAX_WAIT_S = 0.01
OPEN_FOR_S = 30.0
SIZE = 100
WINDOW = 100
