"""What every test may count on."""

import signal


def pytest_configure():
    """Let Ctrl-C be one, also where the tests run in the background of a shell, which has processes there ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
