# The one command surface. `make preview` and `make test` need Python 3.11+ and nothing else typed.
PYTHON ?= python3
# STACK is dev, as in `python -m ops`; only `make preview` by itself shows prod: the whole architecture.
STACK ?= dev
PREVIEW_STACK := $(if $(filter file,$(origin STACK)),prod,$(STACK))
ARGS ?=
VENV := .venv
PY := $(VENV)/bin/python
RUN := $(VENV)/.run-installed
DEV := $(VENV)/.dev-installed

.DEFAULT_GOAL := help
.PHONY: help preview up refresh destroy dev test check lint types bench deploy rollback assess cost diagram clean lock

help: ## Show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# pip is the toolchain Pulumi.yaml names; hashes are checked. A stamp is written last, so that an
# interrupted install is taken up again.
$(RUN): requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not there; install Python 3.11 or newer, or name it: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is %d.%d; name another: make PYTHON=python3.12" % sys.version_info[:2])'
	@echo "Installing the pinned packages into $(VENV) (once, about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(DEV): $(RUN) requirements-dev.txt
	@echo "Installing what tests and checks need into $(VENV) (once) ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

preview: $(RUN) ## Plan prod with the real engine, offline unless signed in (STACK=dev: the small stack)
	@$(PY) -m ops preview --stack $(PREVIEW_STACK) $(ARGS)

up: $(RUN) ## Bring dev up; needs AWS credentials and a Pulumi login (STACK=prod)
	@$(PY) -m ops up --stack $(STACK) $(ARGS)

refresh: $(RUN) ## Write what really runs into the state of dev (STACK=prod)
	@$(PY) -m ops refresh --stack $(STACK) $(ARGS)

destroy: $(RUN) ## Remove dev from AWS; nothing goes if anything is protected (STACK=prod)
	@$(PY) -m ops destroy --stack $(STACK) $(ARGS)

dev: $(RUN) ## The whole system on this machine
	@$(PY) -m ops dev $(ARGS)

deploy: $(RUN) ## Put site/ online in dev (STACK=prod)
	@$(PY) -m ops deploy site --stack $(STACK) $(ARGS)

rollback: $(RUN) ## Back to the release before
	@$(PY) -m ops rollback --stack $(STACK) $(ARGS)

assess: $(RUN) ## What is there and what is wrong with it, read-only
	@$(PY) -m ops check $(ARGS)

cost: $(RUN) ## Monthly estimate by resource
	@$(PY) -m ops cost --stack $(STACK) $(ARGS)

diagram: $(RUN) ## The architecture as the preview knows it
	@$(PY) -m ops diagram --stack $(STACK) $(ARGS)

# Four workers on two cores, as nearly half of the time is waiting: for a stream, a lock, a process. Each has
# a part of the suite of its own (tests/conftest.py): nothing is collected, compiled or made twice.
# Compiled files are kept whatever the shell says: workers and some forty processes read the same code.
test: $(DEV) ## The unit suite, under a minute
	@PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n 4 --dist each --ignore=tests/browser -m "not slow and not browser" $(ARGS)

lint: $(DEV)
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .

types: $(DEV)
	@$(VENV)/bin/pyright

check: ## All that CI runs
	@bash .ci/run

bench: $(RUN) ## The benchmarks, side by side with the usual tools (ARGS=deploy|api|program|edge)
	@$(PY) -m ops bench $(ARGS)

lock: $(DEV) ## Compile the pinned requirements after a change in pyproject.toml
	@$(VENV)/bin/uv pip compile pyproject.toml --python-version 3.11 --universal --generate-hashes --no-header --no-annotate --quiet -o requirements.txt
	@$(VENV)/bin/uv pip compile pyproject.toml --group dev -c requirements.txt --python-version 3.11 --universal --generate-hashes --no-header --no-annotate --quiet -o requirements-dev.txt

clean: ## Remove what was built here (the environment stays)
	@rm -rf .build .pytest_cache .ruff_cache .hypothesis
