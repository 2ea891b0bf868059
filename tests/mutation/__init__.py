"""Mutation testing: `make mutants`. Which modules are changed, and which tests are asked, stands in `pyproject.toml`."""
