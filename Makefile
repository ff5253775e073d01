# CityWatch: every command a newcomer needs. `make run` shows the first outbreak; `make test` proves it.
PYTHON ?= python3
CITY   ?= beijing
VENV   := .venv
BIN    := $(VENV)/bin
export CITY HOST PORT DEMO_PUBLIC

# A mirror set for pip serves uv too.
ifdef PIP_INDEX_URL
export UV_INDEX_URL ?= $(PIP_INDEX_URL)
endif
INSTALL = $(BIN)/uv pip install -q --python $(BIN)/python

.PHONY: run setup setup-dev setup-cluster demo-reset test check bench torture wheelhouse screenshots clean

run: setup
	@CITYWATCH_MODE=demo $(BIN)/citywatch demo

setup: $(VENV)/.base $(VENV)/.assets

setup-dev: setup $(VENV)/.dev

setup-cluster: setup-dev $(VENV)/.cluster

demo-reset: setup
	@CITYWATCH_MODE=demo $(BIN)/citywatch demo --reset

test: setup-dev
	@$(BIN)/python scripts/test.py

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# One core, one thread: the peers have no more, and a figure that leans on idle cores is nobody's.
bench: export OMP_NUM_THREADS = 1
bench: export OPENBLAS_NUM_THREADS = 1
bench: setup-dev
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done
	@if grep -q '"quick"' benchmarks/detection_quality/run.py; then \
	  echo "== benchmarks/detection_quality, quick"; $(BIN)/python benchmarks/detection_quality/run.py quick; fi

# What takes hours to prove: kills, power cuts, sequences of messages. TORTURE=quick takes minutes.
torture: setup-dev
	@$(BIN)/python benchmarks/torture/run.py $(TORTURE)

wheelhouse: setup
	@rm -rf wheelhouse build
	$(BIN)/python -m pip download -q --require-hashes -r requirements/base.txt -d wheelhouse
	$(BIN)/python -m pip wheel -q --no-deps --no-build-isolation . -w wheelhouse
	@rm -rf build
	@echo "Copy wheelhouse/ and requirements/ to the closed network, then:"
	@echo "  python3 -m venv .venv && .venv/bin/pip install --no-index --find-links wheelhouse 'citywatch[pg]'"

screenshots: setup-dev
	$(BIN)/python scripts/screenshots.py
	$(BIN)/python scripts/gallery.py

clean:
	rm -rf $(VENV) var wheelhouse node_modules src/citywatch/server/static/npm

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "CityWatch needs Python 3.11 or later; set PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python's venv is missing; run: apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv || echo "uv could not be installed; plain pip will do."

$(VENV)/.base: requirements/base.txt pyproject.toml | $(BIN)/uv
	@echo "Installing CityWatch into $(VENV) ..."
	@$(INSTALL) --require-hashes -r requirements/base.txt 2>/dev/null || $(BIN)/python -m pip install -q --require-hashes -r requirements/base.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.base
	@$(INSTALL) --require-hashes -r requirements/dev.txt 2>/dev/null || $(BIN)/python -m pip install -q --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.cluster: requirements/cluster.txt $(VENV)/.dev
	@$(INSTALL) --require-hashes -r requirements/cluster.txt 2>/dev/null || $(BIN)/python -m pip install -q --require-hashes -r requirements/cluster.txt
	@touch $@

$(VENV)/.assets: package-lock.json scripts/fetch_assets.py scripts/compile_messages.py $(shell find src -name django.po 2>/dev/null) | $(VENV)/.base
	@$(BIN)/python scripts/fetch_assets.py
	@$(BIN)/python scripts/compile_messages.py
	@touch $@
