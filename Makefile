# Two commands for a fresh machine: `make demo` and `make test`. `make help` tells the rest.
# PYTHON=/path/to/python3 chooses the interpreter; PYTEST_ARGS=... is handed to pytest.

BIN := .venv/bin
# One more than there are cores: some tests wait for a clock or for a process.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PYTEST_ARGS ?=
# In continuous integration the tests get fourteen minutes; what hangs is ended and so fails.
LIMIT := $(if $(CI),timeout --kill-after=30 840)
SOURCES := ledger sync stations audit $(wildcard bench)

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint format sim bench bundle screens lock clean

help:  ## tell what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## set up .venv with everything that checks and tests need
	@.ci/setup test

demo:  ## set up what banjian needs and run its demonstration
	@.ci/setup run
	@$(BIN)/banjian demo

# A folder of its own for each run: pytest's common one is shut by every other run of the same user, and the test
# server of PostgreSQL, which does not run as root, then finds its door closed. `.ci/scratch` says where it lies.
test: check  ## every check, then every test; skips are told with their reasons
	@folder=$$(.ci/scratch) && trap 'rm -rf "$$folder"' EXIT && trap 'exit 130' INT TERM HUP && \
	TMPDIR=$$folder PYTEST_DEBUG_TEMPROOT=$$folder $(LIMIT) $(BIN)/python -m pytest -q \
	  -n $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart=0 $(PYTEST_ARGS)

check: setup lint  ## style, types, floors between the packages
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports --no-logo

lint: setup  ## style alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup  ## rewrite the sources in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

sim: setup  ## the whole system simulated, seed by seed: make sim SEEDS=1-50 WORKERS=2
	@$(BIN)/python -m tests.simulation $(or $(SEEDS),1-20) $(WORKERS)

bench: setup  ## the measurements, one JSON line
	@$(BIN)/python -m bench.ledger $(or $(N),10000)

bundle: setup  ## what an office without internet installs from, for each kind of machine
	@$(BIN)/python deploy/build.py all

screens: setup  ## pictures of every page into docs/screens (needs Chromium and a Chinese font)
	@$(BIN)/python -m tests.web.screens

lock:  ## write the locks anew (needs uv and the network)
	@.ci/lock.sh

clean:  ## remove the environment and the caches
	rm -rf .venv .venv.old .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find ledger sync stations audit tests -name __pycache__ -type d -prune -exec rm -rf {} +
