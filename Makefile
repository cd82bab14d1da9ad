# Weft: `make help` lists what can be done here. Needs Python 3.11 or newer with venv, make and git.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --output-sync=target

# The first Python here that is new enough and can make a virtual environment. Each candidate is
# run rather than looked up: a version manager may leave a `python3.13` that only prints an error.
PYTHON = $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/ready
PIP := -m pip -qq --disable-pip-version-check --no-input

# A Python that was asked for is the one that is used, also when an environment stands already.
ifneq ($(origin PYTHON),file)
ifneq ($(PYTHON),$(shell cat $(READY) 2>/dev/null))
.PHONY: $(READY)
endif
endif

.PHONY: help demo test check lint format types contracts fix bench dist lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-7s %s\n", $$1, $$2}' Makefile

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with venv found: make PYTHON=..."; exit 1; }
	@echo "Making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(RUN) $(PIP) install --require-hashes -r requirements.lock
	@$(RUN) $(PIP) install --no-deps --no-build-isolation -e .
	@echo "$(PYTHON)" > $@

demo: $(READY)  ## which patterns does the standard library use? A real run on real input
	@$(RUN) examples/stdlib_survey/plan.py | $(RUN) -m weft run -f - -C examples/stdlib_survey

test: $(READY)  ## all tests, the examples in docstrings and pages among them; ARGS="-k retry" picks some
	@$(RUN) -m pytest -n auto $(ARGS)

check: lint format types contracts  ## everything that is checked without running the code

lint: $(READY)
	@$(RUN) -m ruff check

format: $(READY)
	@$(RUN) -m ruff format --check

types: $(READY)
	@$(RUN) -m mypy

contracts: $(READY)
	@$(VENV)/bin/lint-imports --no-logo

fix: $(READY)  ## mend what `check` can mend by itself
	@$(RUN) -m ruff check --fix
	@$(RUN) -m ruff format

bench: $(READY)  ## every table of bench/, side by side with the competitors found on this machine
	@failed=; for script in bench/[a-z]*.py; do \
		echo; echo "== $$script"; $(RUN) $$script || failed="$$failed $$script"; \
	done; test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

dist: $(READY)  ## the sdist and the wheel, into dist/
	@$(RUN) -m hatchling build

lock:  ## choose the newest versions of all dependencies again
	@$(PYTHON) -m venv --clear $(VENV)-lock
	@$(VENV)-lock/bin/python $(PIP) install uv
	@$(VENV)-lock/bin/uv pip compile --quiet --no-config --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		--all-extras --group dev pyproject.toml --output-file requirements.lock
	@rm -rf $(VENV)-lock

clean:  ## take away everything that can be made again
	@rm -rf .venv .venv-lock dist build .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find src tests bench examples -name __pycache__ -prune -exec rm -rf {} +
