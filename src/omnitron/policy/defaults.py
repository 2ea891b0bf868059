"""The numbers that policies have where nobody says another, in signatures: importing this loads no machine."""

__all__ = ["ATTEMPTS", "DELAY_S", "HEDGES", "HEDGE_BUDGET", "MAX_DELAY_S", "MAX_ENTRIES", "MAX_WAIT_S", "SIZE"]

ATTEMPTS = 3
DELAY_S = 0.1
HEDGES = 2
HEDGE_BUDGET = 0.1
MAX_DELAY_S = 30.0
MAX_ENTRIES = 1024
MAX_WAIT_S = 0.01
SIZE = 100
