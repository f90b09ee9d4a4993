# `make help` lists the targets. Everything runs in .venv, which `make setup` builds and every target brings up to date.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
READY := .venv/.ready

.PHONY: help setup check test lint types constraints schemas bench demo picture

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Build .venv with everything (needs Python 3.11+ and a network; PYTHON=… chooses the interpreter)

$(READY): pyproject.toml constraints.txt scripts/setup
	@scripts/setup
	@touch $@

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

demo: $(READY) ## See it live: a simulated day on a stack of its own (ARGS=--once: end after the summary)
	@exec $(BIN)/touchpoint demo $(ARGS)

picture: $(READY) ## Take the picture of the board that the README shows
	$(BIN)/touchpoint demo --once --picture docs/board.svg

check: lint types ## Format, lint, types and the quick tests: about a minute
	$(BIN)/pytest -q --numprocesses 2 tests/unit tests/contract

test: lint types ## The same with all tests, integration and faults included, three files at a time, as much of them is waiting: twelve minutes on two idle cores
	@scripts/kcat
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder tests

bench: $(READY) ## Measure CPU per event, latency, memory, signals and scores (needs the recorded calls, see README)
	$(BIN)/python -m tests.bench.engine
	$(BIN)/python -m tests.bench.latency
	$(BIN)/python -m tests.bench.memory
	$(BIN)/python -m tests.bench.clock_jump
	$(BIN)/python -m tests.bench.signals
	$(BIN)/python -m tests.bench.scoring

schemas: $(READY) ## Generate schemas/events and schemas/asyncapi.yaml from the types
	$(BIN)/python -m pipeline.contract schemas

constraints: $(READY) ## Compile constraints.txt anew from the ranges in pyproject.toml (UPGRADE=--upgrade: to the newest)
	$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --extra dev $(UPGRADE) \
		--quiet --output-file constraints.txt pyproject.toml
