# Two commands for a newcomer: `make demo` and `make test`. Nothing here needs root, Docker or a running server.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A stamp says which lock the environment was last brought up to; the development lock contains the runtime one.
RUNTIME := $(VENV)/.runtime-installed
DEVELOPMENT := $(VENV)/.development-installed
# A lock is complete, so pip need not resolve. Nor does it compile: that takes longer than all the rest.
INSTALL := $(BIN)/python -m pip install -qq --no-deps --no-compile
LOCK := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-header --no-emit-index-url \
	--no-emit-find-links --allow-unsafe --build-deps-for editable

DEMO ?= .handrail-demo

export DO_NOT_TRACK := true
export GX_ANALYTICS_ENABLED := false
export MLFLOW_DISABLE_TELEMETRY := true
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# What the first process imports it compiles and keeps for the next ones: seconds at each start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo sums test test-quick check up bench peers faults images lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(DEVELOPMENT)  ## the environment .venv with the development lock

demo: $(RUNTIME)  ## the rehearsal of the sample business: 24 weeks of the sample business (ARGS="--weeks 8" for fewer)
	@$(BIN)/handrail demo $(ARGS)

sums: setup  ## the demo's figures beside plain SQL on its workspace (DEMO=folder for another one)
	@HANDRAIL_DEMO_HOME="$(DEMO)" $(BIN)/python -m pytest -q tests/journeys/test_demo_sums.py $(ARGS)

# Two workers on few cores: a sum that starts threads of its own only waits for them.
test test-quick faults: export OMP_NUM_THREADS := 1
test test-quick faults: export OPENBLAS_NUM_THREADS := 1

# In the order of tests/conftest.py, which has the long files first.
test: setup  ## every test but the long fault runs
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not faults" $(ARGS)

test-quick: setup  ## rules, values, files and models, and the shape of the house: while working
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile tests/domain tests/data tests/test_architecture.py \
		tests/test_import_cycles.py tests/test_names.py tests/test_one_door.py $(ARGS)

check: setup  ## style, types and import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

up: $(RUNTIME)  ## desk, server, flows and MLflow for daily use; Ctrl-C stops them
	@$(BIN)/handrail init >/dev/null && $(BIN)/handrail up $(ARGS)

bench: setup  ## every benchmark in its quick form, and one table (ARGS="model triage" for some)
	@$(BIN)/python benchmarks/table.py --quick $(ARGS)

peers: benchmarks/peers/.venv/.installed  ## the rivals that the benchmarks measure beside Handrail, apart from it

benchmarks/peers/.venv/.installed: benchmarks/peers/requirements.txt
	$(PYTHON) -m venv benchmarks/peers/.venv
	benchmarks/peers/.venv/bin/python -m pip install -qq --no-compile -r $<
	@touch $@

# Steps of the state machine; CI plays a tenth of them.
STEPS ?= 50000

faults: setup  ## the long fault runs: kills, torn files, full disks, the state machine's long life
	@HANDRAIL_STEPS=$(STEPS) $(BIN)/python -m pytest -q -m faults $(ARGS)

images: setup  ## the pictures of the desk in docs/images, from the demo's workspace
	@$(BIN)/python docs/take_images.py $(ARGS)

lock: setup  ## both locks anew, from the ranges in pyproject.toml
	$(LOCK) --upgrade --extra dev --output-file requirements-dev.lock pyproject.toml
	$(LOCK) --upgrade --constraint requirements-dev.lock --output-file requirements.lock pyproject.toml

clean:  ## the environment and every cache; workspaces stay
	rm -rf $(VENV) *.egg-info build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null || { \
		echo "Handrail needs Python 3.11 to 3.14, but '$(PYTHON)' is" \
			"$$($(PYTHON) --version 2>/dev/null || echo 'not installed')." \
			"Install one, or name it: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "'$(PYTHON) -m venv' failed: install its venv module (on Debian: python3-venv), then run make again." >&2; exit 1; }

$(RUNTIME): requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what Handrail runs on into $(VENV) (about a minute) ..."
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --no-build-isolation -e .
	@touch $@

$(DEVELOPMENT): requirements-dev.lock requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the development lock into $(VENV) (one to two minutes) ..."
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@$(INSTALL) --no-build-isolation -e .
	@$(BIN)/python -m compileall -qq -j 0 -x /tests/ $(VENV)/lib || :  # tests start many processes: compile once
	@touch $(RUNTIME) $@
