# Two commands do everything on a fresh clone: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RESULTS ?= results/demo
GPU_PYTHON ?= python3
GPU := --device cuda --encoder large --precision bf16 --steps 66 --tokens benchmarks/tokens

.PHONY: help demo test test-fast lint bench chaos bench-tokens bench-gpu clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   a small sweep of all targets on the built-in corpus; ends with the table and the report"
	@echo "make test   the tests; make test-fast without those that start Ray"
	@echo "make lint   ruff, mypy, import-linter"
	@echo "make chaos  kills, damaged files, full disks, hung workers: what a sweep makes of them (15 minutes)"
	@echo "make bench  the benchmarks that a CPU can run; make bench-tokens, make bench-gpu for a GPU"

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[demo,dev]"
	touch $@

demo: $(STAMP)
	$(BIN)/xstilts run --preset demo --store $(RESULTS)

test: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 -m "not ray"
	$(BIN)/python -m pytest -q -m ray

test-fast: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 -m "not ray"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m benchmarks.orchestration
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.evaluation
	$(BIN)/python -m benchmarks.mining
	$(BIN)/python -m benchmarks.hidden_states --rows 40 --threads 1
	$(BIN)/python -m benchmarks.deltas
	$(BIN)/python -m benchmarks.racing
	$(BIN)/python -m benchmarks.intervals
	$(BIN)/python -m benchmarks.loading
	$(BIN)/python -m benchmarks.row_scores
	$(BIN)/python -m benchmarks.page
	$(BIN)/python -m benchmarks.checkpoints

chaos: $(STAMP)
	$(BIN)/python -m benchmarks.chaos
	$(BIN)/python -m benchmarks.interruptions

# GPU: torch, transformers, accelerate (for Trainer), pyarrow and safetensors are enough, and the tokens that
# `make bench-tokens` makes on a machine with the data
bench-tokens: $(STAMP)
	$(BIN)/python -m benchmarks.training --prepare --tasks all --tokens benchmarks/tokens

bench-gpu:
	$(GPU_PYTHON) -m benchmarks.training $(GPU) --tasks all --contenders engine "engine, whole table" Trainer "Trainer, length grouping" --json benchmarks/results/gpu-training.json
	$(GPU_PYTHON) -m benchmarks.training $(GPU) --contenders engine --compile layers --json benchmarks/results/gpu-training-compiled.json
	$(GPU_PYTHON) -m benchmarks.training $(GPU) --contenders engine --compile graphs --json benchmarks/results/gpu-training-graphs.json
	$(GPU_PYTHON) -m benchmarks.training $(GPU) --contenders engine --no-unpadded --json benchmarks/results/gpu-training-padded.json
	$(GPU_PYTHON) -m benchmarks.training $(GPU) --tasks qqp --batch 512 --steps 27 --json benchmarks/results/gpu-training-large-batch.json
	$(GPU_PYTHON) -m benchmarks.mining --device cuda --width 1024 --json benchmarks/results/gpu-mining.json --contenders engine
	$(GPU_PYTHON) -m benchmarks.grid_cost benchmarks/results/gpu-training.json

clean:
	rm -rf $(VENV) results build *.egg-info
