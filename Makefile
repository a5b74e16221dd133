# Two commands to begin with: `make demo` and `make test`. Both make a virtual environment and install into it if needed.

PYTHON ?= python3
VENV ?= .venv
# A Python that has rule4ml, with which the benchmark of the resource estimate compares.
RULE4ML ?=
export FPGA_FLOW_DATA ?= $(wildcard ../shared/data)
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
OPEN := $(VENV)/.open

.PHONY: help demo test test-all lint docs bench clean

help:
	@echo "make demo      train, compress and C-simulate a small network; prints where its report is"
	@echo "make test      style, types and the tests (some minutes)"
	@echo "make test-all  the slow tests, too"
	@echo "make lint      style and types"
	@echo "make docs      the documentation as a site, site/index.html"
	@echo "make bench     all benchmarks; rewrites benchmarks/results/ and the tables of the README and the docs"
	@echo "make clean     remove the virtual environment and what tools left"

demo: $(INSTALLED)
	$(BIN)/fpga-flow run hls_configs/digits_mlp.yaml

test: lint
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow"

test-all: lint $(OPEN)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(INSTALLED)
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

bench: $(OPEN)
	$(BIN)/python benchmarks/resource_estimate.py --json benchmarks/results/resource_estimate.json $(RULE4ML:%=--rule4ml %)
	$(BIN)/python benchmarks/vendor_reports.py --json benchmarks/results/vendor_reports.json
	$(BIN)/python benchmarks/distributed_arithmetic.py --json benchmarks/results/distributed_arithmetic.json
	$(BIN)/python benchmarks/deep_compression.py --json benchmarks/results/deep_compression.json
	$(BIN)/python benchmarks/compact.py --json benchmarks/results/compact.json
	$(BIN)/python benchmarks/compact_specs.py --json benchmarks/results/compact_specs.json
	$(BIN)/python benchmarks/strategies.py --json benchmarks/results/strategies.json
	$(BIN)/python benchmarks/distillation.py --json benchmarks/results/distillation.json
	$(BIN)/python benchmarks/large_networks.py --json benchmarks/results/large_networks.json
	$(BIN)/python benchmarks/full_size.py --simulate --json benchmarks/results/full_size.json
	$(BIN)/python benchmarks/storage.py --json benchmarks/results/storage.json
	$(BIN)/python benchmarks/layers.py --json benchmarks/results/layers.json
	$(BIN)/python benchmarks/csim.py --json benchmarks/results/csim.json
	$(BIN)/python benchmarks/sweep.py --json benchmarks/results/sweep.json
	-$(BIN)/python benchmarks/descend.py --json benchmarks/results/descend.json # its exit code 1: a bar is missed
	$(BIN)/python benchmarks/open_synthesis.py --json benchmarks/results/open_synthesis.json
	$(BIN)/python benchmarks/flow.py --json benchmarks/results/flow.json
	$(BIN)/python benchmarks/robustness.py --json benchmarks/results/robustness.json
	$(BIN)/python benchmarks/tables.py

clean:
	rm -rf $(VENV) .pytest_cache .hypothesis .mypy_cache .ruff_cache build dist site

$(INSTALLED): pyproject.toml constraints.txt
	@command -v $(PYTHON) > /dev/null || { echo "error: expected Python 3.11 or later as $(PYTHON); set PYTHON=..."; exit 3; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
		{ echo "error: expected Python 3.11 to 3.13, got $$($(PYTHON) --version); set PYTHON=..."; exit 3; }
	@command -v $${CXX:-g++} > /dev/null || \
		{ echo "error: expected a C++ compiler: install g++ (Debian, Ubuntu: apt-get install g++) or set CXX"; exit 3; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $@

# Yosys, nextpnr and their like: 700 MB
$(OPEN): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --editable ".[open]"
	@touch $@
