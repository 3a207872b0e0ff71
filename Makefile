# Two commands do everything on a fresh clone: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RESULTS ?= results/demo

.PHONY: demo test lint bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   the whole grid on the built-in corpus; ends with the table and the report"
	@echo "make test   the tests"
	@echo "make lint   ruff, mypy, import-linter"
	@echo "make bench  the benchmarks that a CPU can run"

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: $(STAMP)
	$(BIN)/python -m sweep.grid run --preset demo --store $(RESULTS)

test: $(STAMP)
	$(BIN)/python -m pytest -q

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python benchmarks/orchestration.py

clean:
	rm -rf $(VENV) results build *.egg-info
