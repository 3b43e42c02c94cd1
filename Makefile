# make book   build the book, and say where to open it
# make test   lint, tests, and every stored output against a fresh run
# make run    execute the notebooks in place: all, or NB=book/NAME.ipynb
# make fix    mend quotes, common cells, tables of chapters, formatting
# make lock   pin what requirements.in asks for; UPGRADE=--upgrade moves pins
# make pages  look at the built book in Chromium; SAMPLE=--sample, a few pages
# make pdf    print the built book into one PDF, with Chromium
# JOBS=N      so many tests side by side, 2 by default
# make lint, make serve, make bench, make clean

PYTHON ?= python3
NB ?=
PORT ?= 8000
JOBS ?= 2
UPGRADE ?=
SAMPLE ?=

VENV := .venv
BIN := $(if $(filter Windows_NT,$(OS)),$(VENV)/Scripts,$(VENV)/bin)
READY := $(VENV)/ready
HTML := _build/html

.DEFAULT_GOAL := book
.PHONY: book pages pdf test lint run fix serve bench lock clean env

define say
	@printf '\n== %s\n' "$(1)"
endef

env: $(READY)

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
	  sys.exit(None if (3, 11) <= v <= (3, 13) else \
	  f"Python {v[0]}.{v[1]} found, 3.11 to 3.13 needed: make PYTHON=...")'
	$(call say,environment in $(VENV): torch and the rest take some minutes)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --progress-bar off -r requirements.txt
	$(BIN)/python -m pip install --progress-bar off --no-deps --editable .
	@touch $@

book: $(READY)
	$(call say,the book)
	$(BIN)/jupyter-book build -W --keep-going -n .
	$(call say,its pages)
	$(BIN)/python tools/check_html.py $(HTML)
	@printf '\nOpen %s\n' \
	  "$$($(BIN)/python -c 'import pathlib as p; print(p.Path("$(HTML)/index.html").resolve().as_uri())')"

pages: $(READY)
	$(call say,the pages in Chromium)
	$(BIN)/python -m pip install --quiet --progress-bar off \
	  -r tools/pages.txt
	$(BIN)/python tools/pages.py $(SAMPLE) $(HTML)
	$(BIN)/python tools/page_model_check.py $(HTML)

pdf: book
	$(call say,the book as one PDF)
	$(BIN)/python tools/pdf.py $(HTML)

lint: $(READY)
	$(call say,lint: package tools notebooks)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(call say,lint: workflows)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows \
	  .github/workflows/*.yml
	$(BIN)/zizmor --offline --quiet .github

test: lint
	$(call say,tests)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --durations=15
	$(call say,notebooks: every stored output against a fresh run)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --nbval --nbval-current-env \
	  --nbval-cell-timeout=600 -n $(JOBS) --dist loadscope book

run: $(READY)
	$(call say,notebooks: from top to bottom)
	$(BIN)/python tools/notebooks.py run $(NB)
	$(BIN)/python tools/guards.py $(NB)

fix: $(READY)
	$(BIN)/python tools/notebooks.py fix
	$(BIN)/python tools/quotes.py --fix
	$(BIN)/python tools/contents.py
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

serve: book
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(HTML) $(PORT)

bench: $(READY)
	$(BIN)/python benchmarks/bench.py

lock: $(READY)
	$(BIN)/python -m pip install --progress-bar off uv
	$(BIN)/uv pip compile --quiet $(UPGRADE) --universal \
	  --python-version 3.11 --custom-compile-command "make lock" \
	  --output-file requirements.txt requirements.in

clean:
	rm -rf _build build dist .mypy_cache .pytest_cache .ruff_cache
