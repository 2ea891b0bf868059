"""These tests run where their libraries are: in the environment that `make test-interop` makes.

Elsewhere the folder is not collected at all; there, a library that is missing is a failure and not a skip. Nothing here
asks anything of a network, and nothing reports home.
"""

import atexit
import os
import shutil
import tempfile

INTEROP = bool(os.environ.get("OMNITRON_INTEROP"))
collect_ignore_glob = [] if INTEROP else ["*"]

QUIET = {
    "DO_NOT_TRACK": "1",
    "LANGSMITH_TRACING": "false",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}

if INTEROP:
    # Before Prefect and Jupyter are imported, which read where they may write.
    home = tempfile.mkdtemp(prefix="omnitron-interop-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ.update(QUIET, PREFECT_HOME=home, JUPYTER_PLATFORM_DIRS="1", IPYTHONDIR=home, JUPYTER_RUNTIME_DIR=home)
