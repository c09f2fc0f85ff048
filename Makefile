# Tallylight: `make run` runs it, `make test` tests it, `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
DEV_STAMP := $(VENV)/.ready-dev
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run setup setup-dev test check bench simulate fuzz screenshots docs site lock clean fmt

help: ## list targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

run: setup ## set up and run the whole product at http://127.0.0.1:8000
	@exec $(BIN)/tally up

setup: $(STAMP) ## install what running needs into .venv

setup-dev: $(DEV_STAMP) ## install what testing needs into .venv

# Whether the environment is whole: it may have been left half made, its Python removed, or the directory moved.
WHOLE := $(shell $(BIN)/python -c 'import pip' >/dev/null 2>&1 && test -x "$$(sed -n '1s/^\#!//p' $(BIN)/pip)" && echo yes)
ifneq ($(WHOLE),yes)
.PHONY: $(BIN)/pip
endif

INSTALL_FAILED = echo "The packages could not be installed, for the reason above. Run make again to go on; if it fails at the same place, run 'make clean' first." >&2; exit 1

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Tallylight needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=/path/to/python3.11 run" >&2; exit 1; }
	@echo "[1/3] making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); echo "No virtual environment could be made with $(PYTHON). Debian and Ubuntu keep what that needs in a package of its own: run 'sudo apt install python3-venv' (for another Python than the system's, python3.12-venv and the like), then make again." >&2; exit 1; }

$(STAMP): $(BIN)/pip requirements.txt pyproject.toml
	@echo "[2/3] installing pinned packages (a minute or two, once)"
	@$(BIN)/pip install --quiet --require-hashes --no-deps -r requirements.txt || { $(INSTALL_FAILED); }
	@echo "[3/3] installing tallylight itself"
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable . || { $(INSTALL_FAILED); }
	@touch $@

$(DEV_STAMP): $(STAMP) requirements-dev.txt
	@echo "[dev] installing pinned test and lint tools"
	@$(BIN)/pip install --quiet --require-hashes --no-deps -r requirements-dev.txt || { $(INSTALL_FAILED); }
	@touch $@

check: setup-dev ## lint, types, import contracts, documentation site
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory site

fmt: setup-dev ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: setup-dev ## set up and run all tests, including the browser's
	@sh tests/browser_setup.sh
	@sh tests/all.sh $(BIN)/python

bench: setup-dev ## run benchmarks (ratios)
	$(BIN)/python -m bench

simulate: setup-dev ## run the simulation with random seeds until stopped
	@$(BIN)/python -m tests.simulation

fuzz: setup-dev ## fuzz webhooks and conditions until stopped
	@$(BIN)/python -m tests.fuzz

docs: setup-dev ## generate docs/reference from code, and the index of decisions
	@$(BIN)/python -m tests.tools.cli_reference
	@$(BIN)/python -m tests.tools.reference_pages
	@$(BIN)/python -m tests.tools.decision_index

site: setup-dev ## build the documentation site in site/
	@$(BIN)/zensical build --strict --clean

screenshots: setup-dev ## take the screenshots of the README
	@sh tests/browser_setup.sh
	@$(BIN)/python -m tests.tools.screenshots

lock: setup-dev ## compile requirements from pyproject.toml (needs uv)
	uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --no-annotate pyproject.toml requirements.in -o requirements.txt
	uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --no-annotate --extra dev pyproject.toml requirements.in -c requirements.txt -o requirements-dev.txt

clean: ## remove the virtual environment and caches (never the data in var/)
	rm -rf $(VENV) build dist site .cache *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
