# Two commands do it all: `make demo` and `make test`. The environment lives in .venv.
# Tests of engines have the machine for themselves: two engines at once starve each other on two cores.
# The other files are given out in their order: by default the files with few, long tests come last, alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps
SOURCES := rm_ray jobs demo tests benchmarks requirements

.PHONY: demo test quick chaos bench judge check format lock clean

demo: $(VENV)/.installed
	$(BIN)/python -m demo.run

test: $(VENV)/.installed
	$(BIN)/python -m pytest -m "vllm and not chaos"
	$(BIN)/python -m pytest -m "not (vllm or chaos)" -n 2 --dist loadfile --no-loadscope-reorder

quick: $(VENV)/.installed
	$(BIN)/python -m pytest -m "not (ray or vllm or browser or cluster or slow or chaos)"

chaos: $(VENV)/.installed
	$(BIN)/python -m pytest -m chaos -n 2 --dist loadfile
	$(BIN)/python -m tests.chaos

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks.bench
	$(BIN)/python -m benchmarks.families
	$(BIN)/python -m benchmarks.tokenising

judge: $(VENV)/.installed
	$(BIN)/python -m demo.blank_judge --output outputs/judge/blank
	$(BIN)/python -m demo.training_corpus --output outputs/judge/corpus
	$(BIN)/python jobs/pairs.py --config demo/judge/pairs.yaml
	$(BIN)/python jobs/train.py --config demo/judge/train.yaml
	$(BIN)/python jobs/pairs.py --config demo/judge/pairs_again.yaml
	$(BIN)/python jobs/train.py --config demo/judge/train_again.yaml
	$(BIN)/python jobs/pairs.py --config demo/judge/pairs_third.yaml
	$(BIN)/python jobs/train.py --config demo/judge/train_third.yaml
	$(BIN)/python jobs/evaluate.py --config demo/judge/evaluate.yaml

check: $(VENV)/.installed
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

format: $(VENV)/.installed
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

lock:
	$(PYTHON) requirements/lock.py

$(VENV)/.installed: requirements/cpu.txt requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rm_ray needs Python 3.11 or later; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python requirements/check_torch.py
	@echo "installing into $(VENV): about two minutes"
	$(INSTALL) -r requirements/cpu.txt -r requirements/dev.txt
	$(INSTALL) --no-build-isolation --editable .
	@touch $@

clean:
	rm -rf $(VENV) outputs .mypy_cache .ruff_cache .pytest_cache .hypothesis
