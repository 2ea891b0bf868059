"""No tests here; the modules need mutmut, which only the environment of `make mutants` has."""

collect_ignore_glob = ["*.py"]
