.DEFAULT_GOAL := help
.PHONY: help install demo notebooks test test-slow test-real test-oldest quality style benchmark benchmark-systems clean

PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
OLDEST_TORCH ?= 2.13.0
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_DIR ?= demo
NOTEBOOK_PAGES ?= $(DEMO_DIR)/notebooks
# One thread a test process: four busy libraries on two cores only wait for one another.
PYTEST := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m pytest

help: ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(STAMP) ## Install mmser with everything its tests and its demo need into .venv

$(STAMP): pyproject.toml $(CONSTRAINTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) torch
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[dev]'
	touch $@

demo: $(STAMP) ## Five miniature corpora, HuBERT and fusion trained on them, their scores, one prediction
	PATH="$(abspath $(BIN)):$$PATH" HF_HUB_OFFLINE=1 recipes/demo.sh $(DEMO_DIR)

notebooks: export MMSER_NOTEBOOK_CORPUS ?= $(abspath $(DEMO_DIR))/corpus
notebooks: export MMSER_NOTEBOOK_DATA ?= $(abspath $(DEMO_DIR))/data
notebooks: export MMSER_NOTEBOOK_RUN ?= $(abspath $(DEMO_DIR))/runs/fusion
notebooks: export MMSER_NOTEBOOK_OTHER ?= $(abspath $(DEMO_DIR))/runs/hubert
notebooks: $(STAMP) ## Run the notebooks on the demo, or on $$MMSER_NOTEBOOK_CORPUS, _DATA, _RUN, _OTHER: HTML pages
	test -f "$$MMSER_NOTEBOOK_RUN/metrics.json" || $(MAKE) demo
	HF_HUB_OFFLINE=1 $(BIN)/python -m nbconvert --execute --to html --output-dir $(NOTEBOOK_PAGES) \
		--HTMLExporter.mathjax_url= --HTMLExporter.require_js_url= notebooks/*.ipynb

test: $(STAMP) ## Run the tests (no network, no GPU)
	$(PYTEST) -n 2 -m 'not slow and not gpu and not corpus and not weights'

test-slow: $(STAMP) ## Run the slow tests too
	$(PYTEST) -n 2 -m 'not gpu and not corpus and not weights'

test-real: $(STAMP) ## Run the tests on real audio ($$MMSER_CORPORA) and real weights ($$MMSER_MODELS), and the slow ones
	$(PYTEST) -m '(slow or corpus or weights) and not gpu'

test-oldest: ## Install the oldest versions allowed into .venv-oldest and run the tests with them
	mkdir -p .venv-oldest
	{ cat constraints-oldest.txt; echo torch==$(OLDEST_TORCH); } > .venv-oldest/constraints.txt
	$(MAKE) test VENV=.venv-oldest CONSTRAINTS=.venv-oldest/constraints.txt

quality: $(STAMP) ## Check style, types, layers, spelling and the Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/hadolint Dockerfile

style: $(STAMP) ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmark: $(STAMP) ## Measure builds, transcription and memory on the clips of $$MMSER_CORPORA (minutes, a quiet machine)
	$(BIN)/python benchmarks/bench_build.py
	$(BIN)/python benchmarks/bench_transcription.py
	$(BIN)/python benchmarks/bench_memory.py

benchmark-systems: $(STAMP) ## Train every system on the clips of $$MMSER_CORPORA and rank them (hours on a CPU)
	$(BIN)/python benchmarks/run_systems.py $(BENCHMARK_FLAGS)

clean: ## Remove what make made, .venv included; a DEMO_DIR that holds no demo is kept
	rm -rf "$(VENV)" .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	@if [ -f "$(DEMO_DIR)/.mmser-demo" ]; then rm -rf "$(DEMO_DIR)"; \
	elif [ -e "$(DEMO_DIR)" ]; then echo "$(DEMO_DIR): kept, since it is not the demo's (no .mmser-demo in it)."; fi
