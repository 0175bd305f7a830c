# make setup · run · test · check · train · demo · bench
# A machine with Python 3.11, git and make needs nothing else: uv is found, or installed into .tools/.

PYTHON ?= python3.11
ifeq ($(shell command -v $(PYTHON) 2>/dev/null),)
PYTHON := python3
endif
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
BIN := .venv/bin
export RASA_TELEMETRY_ENABLED := false
export SQLALCHEMY_SILENCE_UBER_WARNING := 1
RUN ?=
HOST ?= 127.0.0.1
PORT ?= 8080

.PHONY: help setup run test test-slow check format train demo bench clean

help: ## what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

.tools/bin/uv:
	$(PYTHON) -m venv .tools
	.tools/bin/pip install --quiet --disable-pip-version-check uv

.venv/.synced: pyproject.toml uv.lock $(filter .tools/bin/uv,$(UV))
	$(UV) sync --locked
	@touch $@

setup: .venv/.synced ## the environment and the first models
	@$(BIN)/python -c "import sys; from pathlib import Path; from bot.settings import Settings; from bot.training.train import published; sys.exit(not published(Settings.from_environment().models))" \
	  || $(BIN)/python -m bot train

run: setup ## serve: shop with widget at /, agents at /agent
	$(BIN)/python -m bot serve --host $(HOST) --port $(PORT)

test: setup ## all tests but the long ones
	$(BIN)/python -m pytest -m "not slow" $(RUN)

test-slow: setup ## killing, soaking, racing
	$(BIN)/python -m pytest -m slow $(RUN)

check: setup ## format, lint, types, layers, training data
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py tests/test_docs.py
	$(BIN)/python -m bot data
	$(BIN)/rasa data validate --fail-on-warnings
	$(BIN)/rasa test core --stories tests/stories --fail-on-prediction-errors --out results

format: .venv/.synced ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

train: .venv/.synced ## train and publish all models
	$(BIN)/python -m bot train

demo: .venv/.synced ## sample customers, products, orders and conversations
	$(BIN)/python -m bot demo

bench: setup ## ours against Rasa as it comes, in one run; figures go to results/bench.json
	$(BIN)/python -m bench $(RUN)

clean: ## everything that was made here
	rm -rf .venv .tools var results .rasa .mypy_cache .ruff_cache .pytest_cache models/*.skops models/*.json models/*.tar.gz
