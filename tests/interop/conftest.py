"""These tests run where their libraries are: in the environment that `make test-interop` makes.

Elsewhere the folder is not collected at all; there, a library that is missing is a failure and not a skip.
"""

import os

collect_ignore_glob = [] if os.environ.get("OMNITRON_INTEROP") else ["*"]

# Nothing here asks anything of a network, and nothing reports home.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("LANGSMITH_TRACING", "false")
