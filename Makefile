# Everything runs in .venv, installed from requirements.lock. `make help` lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PACKAGES := errors compressors indexes rag eval service migrations

.DEFAULT_GOAL := help
.PHONY: help install demo test lint types format bench bench-exit bench-exit-llm bench-family bench-index bench-service report report-slow llmlingua report-peers fuzz lock clean package

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/installed: pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tersus needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.lock
	$(BIN)/python -m pip install --quiet --quiet --no-deps -e .
	@touch $@

install: $(VENV)/installed ## Create .venv and install from the lock

demo: install ## Install, then show the main job on Python's own documentation
	$(BIN)/tersus models install
	$(BIN)/tersus demo

WORKERS ?= 2
test: install lint types ## Install, then lint, types and tests (WORKERS=2 processes)
	$(BIN)/tersus models install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)

lint: install ## Ruff: style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install ## mypy --strict, over links that give the folders their import name
	@mkdir -p build/types/tersus
	@for p in $(PACKAGES); do ln -sfn ../../../$$p build/types/tersus/$$p; done
	$(BIN)/mypy $(addprefix -p tersus.,$(PACKAGES))
	$(BIN)/mypy tests

format: install ## Format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install ## Compressors on the dev files of ../shared/data (skips without them)
	$(BIN)/python -m tersus.eval.bench

bench-exit: install ## The targets of exit on the same files: met or missed, baselines beside (skips without them)
	$(BIN)/python -m tersus.eval.bench_exit

bench-exit-llm: install ## exit-llm with shared prefixes: times faster, and the same scores (skips without data or model)
	$(BIN)/python -m tersus.eval.bench_exit_llm

LIMIT ?= 40
bench-family: install ## All compressors at 0.1, 0.25, 0.5, then CRAG, frugal and gemfilter (LIMIT=40 questions a set)
	$(BIN)/tersus models install
	$(BIN)/python -m tersus.eval.bench --compressors all --ratios 0.1,0.25,0.5 --limit $(LIMIT)
	$(BIN)/python -m tersus.eval.crag.table
	$(BIN)/python -m tersus.eval.frugal.table --limit $(LIMIT)
	$(BIN)/python -m tersus.eval.gemfilter.speed

bench-index: install ## Index kinds at 10^5 and 10^6 vectors beside bare FAISS and peers (about an hour)
	$(BIN)/python -m tersus.eval.index_bench

bench-service: install ## The service: throughput and overhead, faults, kills, restarts, ten minutes of load (about 20 minutes)
	$(BIN)/tersus models install
	for what in throughput upstream kills database soak; do $(BIN)/python -m tersus.eval.load $$what || exit 1; done

NEEDS_DATA = $(BIN)/python -c 'from tersus.eval.data_files import data_file; data_file("hotpotqa")' 2>/dev/null || { echo "skipped: no data set is here (see TERSUS_DATA_DIR)"; exit 0; }
EVAL = $(BIN)/tersus eval run --workers 2 --no-store
report: install ## The repository's own report: fast compressors, then with the local reader (about an hour; skips without data)
	$(BIN)/tersus models install
	@$(NEEDS_DATA); \
	$(EVAL) --config eval/described/context.toml -o build/report/context && \
	$(EVAL) --config eval/described/reading.toml -o build/report/reading && \
	$(BIN)/tersus eval run --threads 2 --no-store --config eval/described/timing.toml -o build/report/timing && \
	$(BIN)/python -m tersus.eval.report.publish build/report/context docs/results/context --readme README.md && \
	$(BIN)/python -m tersus.eval.report.publish build/report/reading docs/results/reading --readme README.md && \
	$(BIN)/python -m tersus.eval.report.publish build/report/timing docs/results/timing

report-slow: install ## The compressors that run a language model or write anew (hours on two cores; skips without data)
	$(BIN)/tersus models install
	@$(NEEDS_DATA); \
	$(EVAL) --config eval/described/slow.toml -o build/report/slow && \
	$(BIN)/python -m tersus.eval.report.publish build/report/slow docs/results/slow

LLMLINGUA := .venv-llmlingua
$(LLMLINGUA)/installed:
	$(PYTHON) -m venv $(LLMLINGUA)
	$(LLMLINGUA)/bin/python -m pip install --quiet llmlingua==0.2.2 transformers==4.43.4 torch==2.13.0
	touch $@

llmlingua: $(LLMLINGUA)/installed ## LLMLingua in an environment of its own, .venv-llmlingua (it needs transformers 4), to measure it beside ours

report-peers: install llmlingua ## Beside LLMLingua and LongLLMLingua, into build/report/peers (half an hour; skips without data)
	$(BIN)/tersus models install
	@$(NEEDS_DATA); \
	TERSUS_LLMLINGUA_PYTHON=$(CURDIR)/$(LLMLINGUA)/bin/python $(EVAL) --config eval/described/peers.toml -o build/report/peers

fuzz: install ## Whatever the OpenAPI allows, and does not, sent to the service (EXAMPLES=200 an operation)
	$(BIN)/python -m tersus.service.fuzz --examples $(or $(EXAMPLES),200)

lock: ## Renew requirements.lock from pyproject.toml
	$(BIN)/python -m piptools compile --quiet --strip-extras --extra cpu --extra otel --extra dev --no-emit-options --no-emit-index-url --no-emit-find-links --constraint constraints.txt -o requirements.lock pyproject.toml
	@sed -i 's/^\(torch==[0-9.]*\)+cpu/\1/' requirements.lock  # any build of torch will do

package: install ## Build the wheel, install it alone in a clean environment, run it from there
	bash tests/package.sh

clean: ## Remove the environment and everything built
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
