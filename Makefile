# `make up` runs Ringback on this machine, `make test` proves it. Both start from a bare Debian:
# git, make and python3, and nothing else. `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WITH_NODE := PATH="$(CURDIR)/$(BIN):$$PATH"

PYTEST_ARGS ?=
BENCH_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help up demo test soak check format web web-check bench pictures lock words errors messages audit sbom clean env-run env-dev node system

help: ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

up: env-run web ## run everything here: store, gateway, workers, an inbox for the emails
	$(BIN)/ringback up

demo: env-run web ## the same, with jobs to look at
	$(BIN)/ringback up --demo

test: system check audit web-check web ## all that CI runs
	$(WITH_NODE) $(BIN)/python -m pytest $(PYTEST_ARGS)

soak: env-dev web ## break things on purpose, more and longer than `test` does (docs/faults.md)
	@$(WITH_NODE) FAULTS=long $(BIN)/python -m pytest tests/faults $(PYTEST_ARGS)

check: env-dev ## linters, types, layers
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: env-dev ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

web: node ## build the pages into gateway/static
	@$(WITH_NODE) $(BIN)/python tools/web.py build

web-check: node
	@$(WITH_NODE) $(BIN)/python tools/web.py check

bench: env-dev node ## measure, beside socket.io on Node (docs/performance.md tells how to read it)
	@$(WITH_NODE) NODE_USE_SYSTEM_CA=1 npm --prefix bench ci --silent --no-audit --no-fund
	@$(WITH_NODE) $(BIN)/python -m bench.run $(BENCH_ARGS)

errors: env-dev ## write docs/errors again, from the table in gateway/kinds.py
	@PYTHONPATH=. $(BIN)/python tools/error_pages.py

pictures: system env-dev web ## take docs/images again, of the real pages and emails
	@$(WITH_NODE) $(BIN)/python -m tests.e2e_page.pictures
	@$(WITH_NODE) $(BIN)/python -m tests.e2e_page.letter_pictures

messages: env-dev ## bring the catalogs of the emails' languages up to date (docs/languages.md)
	@PYTHONPATH=. $(BIN)/python tools/messages.py

words: env-dev ## write the tables of docs/authors.md again, from letters/vocabulary.py
	@PYTHONPATH=. $(BIN)/python tools/author_tables.py

lock: env-dev ## pin requirements/*.in again (UPGRADE=1 for newer versions)
	tools/lock.sh

contract: env-dev ## publish the shapes of the API as they are now (docs/contract.md)
	PYTHONPATH=. $(BIN)/python tools/contract.py

audit: env-dev node ## ask PyPI and npm for known holes in what is pinned; says so where it can't ask
	@$(WITH_NODE) $(BIN)/python tools/audit.py

sbom: env-dev node ## list what the product is made of in dist/, as CycloneDX
	@$(WITH_NODE) $(BIN)/python tools/sbom.py

clean: ## remove all that was made, but no data
	rm -rf $(VENV) web/node_modules web/.test-build gateway/static bench/node_modules bench/results
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

env-run:
	@$(PYTHON) tools/bootstrap.py run

env-dev:
	@$(PYTHON) tools/bootstrap.py dev

# A venv first, of whatever set: the tools below run on its Python. (With `env-dev` in the same
# call this costs nothing, for dev satisfies run; .NOTPARALLEL keeps two pips apart.)
node: env-run
	@$(WITH_NODE) $(BIN)/python tools/node.py

system:
	@tools/system_packages

.NOTPARALLEL:
