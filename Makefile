# Omnitron: every verb of the house. `make help` lists them.
#
# Needs: make and Python 3.11 or later. uv is used when it is installed, venv and pip otherwise; both read the
# same lock file. A second call of a verb installs nothing.
#
#   make test VENV=/elsewhere      another place for the environment
#   make test PYTHON=python3.13    another interpreter (with a VENV of its own)
#   make test ARGS="-k retry -x"   more arguments for the command behind the verb

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VENV ?= .venv
BENCH_VENV ?= $(VENV)-bench
CORE_VENV ?= $(VENV)-core
INTEROP_VENV ?= $(VENV)-interop
MUTANTS_VENV ?= $(VENV)-mutants
UV ?= $(shell command -v uv 2>/dev/null)
ARGS ?=
BIN := $(VENV)/bin

# Nothing of the caller's environment may reach into ours.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

# The first interpreter that is new enough, or the one that was asked for. Asking each to run also passes by
# the shims that version managers leave for interpreters they do not have.
define find_python
python=""; \
for candidate in $(if $(PYTHON),$(PYTHON),python3.11 python3.12 python3.13 python3 python); do \
    if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
        python="$$candidate"; break; \
    fi; \
done; \
if [ -z "$$python" ]; then \
    echo "Omnitron needs Python 3.11 or later$(if $(PYTHON),: $(PYTHON) is not,; none was found). Name one: make PYTHON=/path/to/python3.11" >&2; exit 1; \
fi
endef

# $(call install,environment,lock file): a fresh environment with exactly what the lock names, and this package in place.
# `--no-deps`: the lock is complete, and older pips look up `coverage[toml]` past the pin of `coverage`.
define install
@set -euo pipefail; $(find_python); \
echo "Making $(1) with $(if $(UV),uv,pip) from $(2)" >&2; \
if [ -n "$(UV)" ]; then \
    "$(UV)" venv --quiet --clear --python "$$python" "$(1)"; \
    "$(UV)" pip install --quiet --python "$(1)/bin/python" --no-deps --require-hashes -r "$(2)"; \
    "$(UV)" pip install --quiet --python "$(1)/bin/python" --no-deps --no-build-isolation --editable .; \
else \
    "$$python" -m venv --clear "$(1)"; \
    "$(1)/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$(2)"; \
    "$(1)/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .; \
fi; \
touch "$@"
endef

$(VENV)/.installed: pyproject.toml requirements.lock
	$(call install,$(VENV),requirements.lock)

$(BENCH_VENV)/.installed: pyproject.toml requirements-bench.lock
	$(call install,$(BENCH_VENV),requirements-bench.lock)

$(INTEROP_VENV)/.installed: pyproject.toml requirements-interop.lock
	$(call install,$(INTEROP_VENV),requirements-interop.lock)

$(MUTANTS_VENV)/.installed: pyproject.toml requirements-mutants.lock
	$(call install,$(MUTANTS_VENV),requirements-mutants.lock)

$(CORE_VENV)/.installed: requirements-core.lock
	@set -euo pipefail; $(find_python); \
	"$$python" -m venv --clear "$(CORE_VENV)"; \
	"$(CORE_VENV)/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-core.lock; \
	touch "$@"

.PHONY: help
help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: install
install: $(VENV)/.installed ## Make the environment (every other verb does it when needed)

.PHONY: run
run: $(VENV)/.installed ## Audit the standard library and the installed packages, and compare
	$(BIN)/omnitron audit --compare $(ARGS)

.PHONY: test
test: $(VENV)/.installed ## Run the fast tests and the examples in docstrings
	$(BIN)/python -m pytest -m "not real and not cluster" $(ARGS)

.PHONY: test-all
test-all: $(VENV)/.installed ## Run every test, with branch coverage
	$(BIN)/python -m pytest --cov --cov-branch --cov-report=term $(ARGS)

.PHONY: test-core
test-core: $(CORE_VENV)/.installed ## Run the fast tests of the core where nothing but pytest is installed, without network
	PYTHONPATH=src OMNITRON_NO_NETWORK=1 $(CORE_VENV)/bin/python -m pytest -p no:cacheprovider -m "not real and not cluster" tests/kernel $(ARGS)

.PHONY: test-interop
test-interop: $(INTEROP_VENV)/.installed ## Run flows inside the frameworks that users already have
	OMNITRON_INTEROP=1 $(INTEROP_VENV)/bin/python -m pytest -p no:cacheprovider tests/interop $(ARGS)

.PHONY: check
check: lint types floors docs build ## Everything a machine can check without running the tests

.PHONY: lint
lint: $(VENV)/.installed ## Check format and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: types
types: $(VENV)/.installed ## Check types: mypy over the source, two checkers over the public names
	$(BIN)/mypy
	$(BIN)/basedpyright --pythonpath $(BIN)/python

.PHONY: floors
floors: $(VENV)/.installed ## Check that each room imports lower floors only
	$(BIN)/lint-imports --no-logo

.PHONY: docs
docs: $(VENV)/.installed ## Run the code samples of the README and of docs/, and build the site into build/site
	$(BIN)/python docs/samples.py $(ARGS)
	$(BIN)/python docs/build_site.py

.PHONY: build
build: $(VENV)/.installed ## Build sdist and wheel into dist/, and import the wheel without any dependency
	@rm -rf dist
	$(BIN)/python -m hatchling build -d dist
	@$(BIN)/python -m zipfile -l dist/*.whl | grep 'omnitron/py.typed' >/dev/null
	@wheel=$$(ls "$$PWD"/dist/*.whl); $(BIN)/python -I -S -c \
	    'import sys; sys.path.insert(0, sys.argv[1]); import omnitron; print("omnitron", omnitron.__version__, "imports from", omnitron.__file__.rsplit("/", 3)[1])' "$$wheel"

.PHONY: fix
fix: $(VENV)/.installed ## Format, and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: $(BENCH_VENV)/.installed ## Measure against hand-written Python and against the peers
	$(BENCH_VENV)/bin/python -m bench $(ARGS)

.PHONY: mutants
mutants: $(MUTANTS_VENV)/.installed ## Change the marked modules, and list the changes that no test notices (takes hours, goes on where it stopped)
	$(MUTANTS_VENV)/bin/python -m tests.mutation $(ARGS)

LOCK = "$(UV)" pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
    --default-index https://pypi.org/simple --custom-compile-command 'make lock (ARGS=--upgrade takes the newest)'

.PHONY: lock
lock: ## Renew the lock files from pyproject.toml (needs uv: pip install uv)
	@test -n "$(UV)" || { echo "make lock needs uv: python3 -m pip install uv, or https://docs.astral.sh/uv/" >&2; exit 1; }
	$(LOCK) --extra cli --extra dev --output-file requirements.lock pyproject.toml $(ARGS)
	$(LOCK) --group core --output-file requirements-core.lock $(ARGS)
	$(LOCK) --extra bench --group build --output-file requirements-bench.lock pyproject.toml $(ARGS)
	$(LOCK) --extra interop --extra schema --group build --output-file requirements-interop.lock pyproject.toml $(ARGS)
	$(LOCK) --extra mutants --group build --output-file requirements-mutants.lock pyproject.toml $(ARGS)

.PHONY: clean
clean: ## Remove the environments and everything that was made
	rm -rf $(VENV) $(BENCH_VENV) $(CORE_VENV) $(INTEROP_VENV) $(MUTANTS_VENV) build dist mutants .coverage .coverage.* htmlcov
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests bench docs examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
