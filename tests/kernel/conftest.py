"""Where `OMNITRON_NO_NETWORK` is set, a test that reaches out of this machine fails."""

import os
import socket

import pytest


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse connections to anything but this machine."""
    if os.environ.get("OMNITRON_NO_NETWORK"):

        def connect(self, address):
            raise AssertionError(f"a test of the core connects to {address!r}")

        monkeypatch.setattr(socket.socket, "connect", connect)
