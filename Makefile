# GNU make. Every target installs what it needs, on a bare Debian 12 machine too, as root or not.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Debian's interpreter is built with profile and link-time optimisation: a third faster than most
# self-built ones (docs/explanation/performance.md).
PYTHON ?= $(firstword $(wildcard /usr/bin/python3.11) python3)
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help run test soak pictures check format bench lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.installed: pyproject.toml requirements.lock .ci/venv
	.ci/venv "$(PYTHON)" "$(VENV)"

run: $(VENV)/.installed ## start Relevo in sandbox mode (submission 127.0.0.1:2587, console http://127.0.0.1:8080)
	@exec $(BIN)/relevo sandbox

test: $(VENV)/.installed ## all tests, with the servers and clients they need
	.ci/debian-packages
	$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS) \
	  tests/contract tests/dialogue tests/docs tests/property tests/unit
	$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS) tests/e2e tests/integration tests/sdk
	$(BIN)/python -m pytest $(PYTEST_ARGS) tests/crash

soak: $(VENV)/.installed ## the long fault tests: hundreds of kills, disks that fail, storms
	.ci/debian-packages
	$(BIN)/python -m pytest -m soak -s $(PYTEST_ARGS) tests

pictures: $(VENV)/.installed ## the pictures of the manuals, anew
	.ci/debian-packages
	$(BIN)/python -m tests.e2e.manual_pictures

check: $(VENV)/.installed ## format, lint, types, import layers, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/docs

format: $(VENV)/.installed ## rewrite the sources in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed ## throughput benchmark of some five minutes, table and JSON under bench/results/
	.ci/debian-packages
	$(BIN)/python -m bench $(BENCH_ARGS)

lock: ## renew requirements.lock from pyproject.toml
	$(BIN)/pip install -q pip-tools
	$(BIN)/pip-compile -q --upgrade --generate-hashes --strip-extras --no-emit-index-url \
	  --no-emit-trusted-host --no-emit-find-links --allow-unsafe --extra dev \
	  -o requirements.lock pyproject.toml

clean: ## remove what the other targets made (never queue/ or dkim_keys/)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis bench/bin bench/results
