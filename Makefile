# Turnout: every command that a person or a machine needs. Prerequisites: Python >= 3.11, make, git.
PYTHON ?= python3
ARGS ?=
DATA ?= ../shared/data/routing

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
UV := $(BIN)/uv --quiet
INSTALL := $(UV) pip install --python $(PY)
COMPILE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

# Processes start in half the time from bytecode, which some images forbid Python to keep.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX ?= $(CURDIR)/.cache/bytecode

# Stamps: what is installed so far. Each is older than the files that it was made from, or made again.
INSTALLER := $(VENV)/.installer
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
REAL := $(VENV)/.real
TRAIN := $(VENV)/.train

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help env demo up test test-slow test-real bench peers weights lint format protos protos-baseline classifier docs picture lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- environment ---------------------------------------------------------------------------------

$(INSTALLER): requirements-uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Turnout needs Python 3.11 or newer, and '$(PYTHON)' is not: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@touch $@

$(RUNTIME): $(INSTALLER) requirements.lock pyproject.toml
	@echo "Installing requirements.lock"
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): $(RUNTIME) requirements-dev.lock
	@echo "Installing requirements-dev.lock"
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

$(REAL): $(DEV) $(wildcard requirements-real.lock)
	@echo "Installing requirements-real.lock"
	@$(INSTALL) --require-hashes -r requirements-real.lock
	@touch $@

$(TRAIN): $(DEV) requirements-train.lock
	@echo "Installing requirements-train.lock"
	@$(INSTALL) --require-hashes -r requirements-train.lock
	@touch $@

env: $(DEV) ## Make the environment for development in .venv (a no-op when it is current)

# --- running -------------------------------------------------------------------------------------

demo: $(RUNTIME) ## Run the demonstration: both planes, sandbox providers, more than 100 prompts (ARGS="--prompts FILE")
	@$(PY) -m turnout_cli demo $(ARGS)

up: $(RUNTIME) ## Start both planes for real use and stay up
	@$(PY) -m turnout_cli up $(ARGS)

# --- checking ------------------------------------------------------------------------------------

test: lint ## Check everything: lint and all tests but the slow ones and those against a real model
	@$(PY) -m pytest -n 2 --dist loadfile -m "not real and not slow" $(ARGS)

test-slow: $(DEV) ## Kill processes under load for minutes, and count what was lost
	@$(PY) -m pytest -s -m slow -o faulthandler_timeout=900 tests/slow $(ARGS)

test-real: $(REAL) ## Run both planes against a real model served on this machine
	@$(PY) -m pytest -s -m real tests/real $(ARGS)

bench: $(DEV) ## Measure both planes and print the tables of docs/benchmarks.md
	@$(PY) -m tests.benchmarks $(ARGS)

peers: $(INSTALLER) ## Install what the gateway is measured beside, into .cache/peers: LiteLLM, and Portkey where npm is there
	@rm -rf .cache/peers && mkdir -p .cache/peers
	@$(PYTHON) -m venv .cache/peers/litellm
	@$(UV) pip install --python .cache/peers/litellm/bin/python --require-hashes -r requirements-peers.lock
	@cp tests/benchmarks/peers/package*.json tests/benchmarks/peers/.npmrc .cache/peers
	@if command -v npm > /dev/null; then cd .cache/peers && npm ci --no-audit --no-fund --loglevel=error; \
	 else echo "npm is not there: Portkey is left out"; fi

lint: $(DEV) ## Check style, types, import rules and the protos (offline)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo --cache-dir .cache/imports
	@$(PY) -m tools.buf check

format: $(DEV) ## Format code and protos in place
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .
	@$(PY) -m tools.buf format

# --- generated and pinned files --------------------------------------------------------------------

protos: $(DEV) ## Generate Python and the reference from protos/ into clients/python/gen and docs/reference
	@$(PY) -m tools.protos
	@$(PY) -m tools.reference
	@$(PY) -m tools.openapi

protos-baseline: $(DEV) ## Take the protos of now as what later changes may not break
	@$(PY) -m tools.buf baseline

weights: $(TRAIN) ## Make the weights of the encoder from MiniLM, byte for byte (ARGS=--check changes nothing)
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PY) -m tools.encoder_weights $(ARGS)

classifier: $(DEV) ## Train the learned classifier and the second tier anew, after the encoder changed (DATA=folder of the labelled public sets)
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PY) -m tools.classifier_weights $(DATA)

docs: $(DEV) ## Write docs/reference and the OpenAPI document from the protos, the errors, the routes and the command line
	@$(PY) -m tools.reference
	@$(PY) -m tools.openapi

picture: $(DEV) ## Run the demonstration and take docs/images/demo.svg of it
	@$(PY) -m tools.picture

lock: $(INSTALLER) ## Pin requirements*.in in requirements*.lock (ARGS=--upgrade for newer versions)
	@for name in uv "" dev real peers train; do \
	  file=requirements$${name:+-$$name}; \
	  [ -f $$file.in ] || continue; \
	  [ ! -f $$file.lock ] || cp $$file.lock $(VENV)/$$file.lock; \
	  $(COMPILE) $(ARGS) $$file.in -o $(VENV)/$$file.lock || exit 1; \
	  cmp -s $(VENV)/$$file.lock $$file.lock || cp $(VENV)/$$file.lock $$file.lock; \
	done

clean: ## Remove the environment, caches and build products
	@rm -rf $(VENV) .cache build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
