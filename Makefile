# Each target in its plain `pip` and `fv` lines, for machines without make: see README.md.
PYTHON ?= python3
REFRESH ?= synthetic
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Two cores share the work by processes, not by the threads of a matrix product.
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help report test quick test-all bench lint lock preview quarto

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

report: $(READY) ## simulate the synthetic refresh, run every analysis, render the HTML and the PDF
	$(BIN)/fv simulate synthetic
	$(BIN)/fv render synthetic

test: $(READY) ## run the tests
	$(BIN)/python -m pytest -q -n 2

quick: $(READY) ## run one case of each test that is over soon: an answer in two minutes
	$(BIN)/python -m pytest -q -n 2 -m "not slow and not thorough"

test-all: $(READY) ## run the tests, the slow ones included (simulation studies)
	$(BIN)/python -m pytest -q -n 2 -m ""

bench: $(READY) ## measure speed and memory as ratios within one run; writes bench.json
	$(BIN)/python -m tests.bench

lint: $(READY) ## check style, types, who may import whom, and the chapters
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	PATH="$(CURDIR)/$(BIN):$$PATH" panache lint index.qmd chapters

lock: $(READY) ## write requirements.lock (pip) and environment.yml (conda) after pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --extra dev --extra dask pyproject.toml -o requirements.lock
	$(BIN)/python -m tests.lock

preview: $(READY) ## render the HTML alone and say where it is
	$(BIN)/fv render $(REFRESH) --to html

quarto: $(READY) ## render with the Quarto on the PATH too, and compare it with the portable render
	$(BIN)/python -m tests.quarto $(REFRESH)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || { \
	  echo "Python 3.11, 3.12 or 3.13 is needed. On Debian or Ubuntu: apt install python3. Or name one: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "Python's venv and pip are missing. On Debian or Ubuntu: apt install python3-venv python3-pip" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)
