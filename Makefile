# `make` lists what there is. Everything it makes stays in .venv and in DATA_DIR.

PORT ?= 8000
DATA_DIR ?= .local
COVERAGE ?= 98
WORKERS ?= 2
PYTHON ?=
STAGE ?= dev

export PORT DATA_DIR

VENV := .venv
NODE := tests/web/node_modules
GENERATORS := tests/generators/node_modules
BIN := $(VENV)/bin
UV := UV_SYSTEM_CERTS=true $(BIN)/uv --quiet
INSTALL := $(UV) pip install --require-hashes --python $(BIN)/python --constraint requirements/lock.txt -r pyproject.toml

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run setup setup-dev test prove generators setup-generators check artefacts lock setup-checks soak format deploy destroy rehearse bytecode web-types bench figures screenshots clean

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-11s %s\n", $$1, $$2 }'

# Only HOST=... after `make run` counts: some shells set a variable of this name.
run: setup ## start everything on this machine (PORT=8000, DATA_DIR=.local; HOST=0.0.0.0 for phones); Ctrl-C stops it
	@$(if $(filter command line,$(origin HOST)),LISTEN_HOST=$(HOST)) exec $(BIN)/python -m infra.local

PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder

test: setup-dev ## run the tests, and check that they cover the service (five minutes; COVERAGE=98)
	$(PYTEST) -m "not proof" -p no:schemathesis --hypothesis-profile=quick --cov --cov-report=term --cov-fail-under=$(COVERAGE)

prove: setup-dev ## run the slow proofs: faults at every call, races, browsers, a deployment (some ten minutes)
	$(PYTEST) -m "proof or hypothesis"

generators: setup-dev setup-generators ## generate clients from the documents, check their types, and run them (a minute)
	$(BIN)/python -m pytest -q -n $(WORKERS) -p no:schemathesis tests/generators/checks.py

check: setup-dev ## run all checks for a merge: format, lint, types, package, tests, proofs, clients
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@$(MAKE) -s artefacts
	@$(MAKE) -s test
	@$(MAKE) -s prove
	@$(MAKE) -s generators

artefacts: setup-checks ## check the deployment: package, templates, code, libraries
	@$(BIN)/python -m infra.checks

lock: $(VENV)/made ## pin the dependencies in pyproject.toml, with hashes (UPGRADE=--upgrade takes the newest)
	$(BIN)/python -m infra.locks $(UPGRADE)

soak: setup-dev ## run 20 clients under all faults, kill a stack 20 times, 10,000 mutated frames, more races (half an hour)
	$(BIN)/python -m tests.soak
	FUZZ_FRAMES=10000 $(BIN)/python -m pytest -q tests/integration/test_ws_limits.py -k mutated_frames
	RACE_ROUNDS=20 STATE_MACHINE_EXAMPLES=200 $(BIN)/python -m pytest -q -n $(WORKERS) \
		tests/integration/test_races.py tests/integration/test_message_races.py tests/integration/test_moderation_races.py \
		tests/integration/test_state_machine.py

format: setup-dev ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

deploy: setup $(VENV)/deploy ## create or update a stage in AWS (STAGE=dev; ARGS=--plan only prints the plan)
	@$(BIN)/python -m infra.deploy $(STAGE) $(if $(EDGE),--edge) $(ARGS)

destroy: setup $(VENV)/deploy ## delete a stage and all its data, after a question (STAGE=dev)
	@$(BIN)/python -m infra.deploy.destroy $(STAGE) $(ARGS)

rehearse: setup ## deploy to an emulator of AWS, use the stage, upgrade it, and destroy it (a minute)
	@$(BIN)/python -m infra.rehearse

bytecode: setup ## compile the functions' imports: the next deployment starts twice as fast
	@$(BIN)/python -m infra.bytecode

web-types: setup-dev ## generate the TypeScript declarations of the client library
	@$(BIN)/python -m tests.web.declarations

bench: setup-dev ## measure starts, operations, frames, posts, the package and the page (some minutes)
	@for name in startup usage frames posting package page "cost --write" "scaling --write"; do \
		echo; echo "== bench $$name"; echo; $(BIN)/python -m bench.$$name || exit; \
	done

figures: setup-dev ## print the sizes of the code and their limits
	@$(BIN)/python -m infra.figures

screenshots: setup-dev ## take the pictures of the page in docs/img/ (needs Chromium)
	$(BIN)/python -m docs.img.screenshots

clean: ## delete the data, the virtual environments and the caches
	rm -rf $(VENV) $(NODE) $(GENERATORS) .local vendor .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The virtual environments. MiniStack pins botocore exactly, and checkov many libraries: each has an environment of its
# own. Two environments are installed at the same time; each is installed again only when its lock file changes.
LOCK := pyproject.toml requirements/lock.txt | $(VENV)/made

setup:
	@$(MAKE) -s -j2 $(VENV)/local $(VENV)/engine/done

setup-dev:
	@$(MAKE) -s -j2 $(NODE)/done $(VENV)/engine/done

setup-checks:
	@$(MAKE) -s -j2 $(VENV)/dev $(VENV)/checks/done

$(VENV)/local: $(LOCK)
	@echo "Installing the gateway"
	@$(INSTALL) --group local
	@touch $@

$(VENV)/deploy: $(LOCK)
	@echo "Installing what sign-in to AWS needs"
	@$(INSTALL) --group deploy
	@touch $@

$(VENV)/dev: $(LOCK)
	@echo "Installing what the tests need"
	@$(INSTALL) --group dev
	@touch $@ $(VENV)/local

# The tests of the page. Node.js is in the environment.
NPM := PATH="$(abspath $(BIN)):$$PATH" npm --prefix tests/web

$(NODE)/done: tests/web/package-lock.json $(VENV)/dev
	@echo "Installing what the tests of the page need"
	@$(NPM) ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

$(VENV)/engine/done: requirements/engine.txt | $(VENV)/made
	@echo "Installing the database engine"
	@$(UV) venv --clear --no-project --python $(BIN)/python $(VENV)/engine
	@$(UV) pip sync --require-hashes --python $(VENV)/engine/bin/python requirements/engine.txt
	@touch $@

$(VENV)/checks/done: requirements/checks.txt | $(VENV)/made
	@echo "Installing the tools that check what is deployed"
	@$(UV) venv --clear --no-project --python $(BIN)/python $(VENV)/checks
	@$(UV) pip sync --require-hashes --python $(VENV)/checks/bin/python requirements/checks.txt
	@touch $@

setup-generators:
	@$(MAKE) -s -j2 $(GENERATORS)/done $(VENV)/generators/done

$(VENV)/generators/done: requirements/generators.txt | $(VENV)/made
	@echo "Installing the generators of Python clients"
	@$(UV) venv --clear --no-project --python $(BIN)/python $(VENV)/generators
	@$(UV) pip sync --require-hashes --python $(VENV)/generators/bin/python requirements/generators.txt
	@touch $@

$(GENERATORS)/done: tests/generators/package-lock.json $(VENV)/dev
	@echo "Installing the generators of TypeScript clients"
	@PATH="$(abspath $(BIN)):$$PATH" npm --prefix tests/generators ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

# The first Python that fits, and can make virtual environments: Debian and Ubuntu pack that apart. pip installs uv.
FITS := import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))

$(VENV)/made: requirements/uv.txt
	@for python in $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3); do \
		if "$$python" -c '$(FITS)' 2> /dev/null; then \
			echo "Making $(VENV) with $$("$$python" --version)"; \
			"$$python" -m venv --clear $(VENV) && $(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check \
				--require-hashes -r requirements/uv.txt && touch $@; \
			exit; \
		fi; \
	done; \
	echo "error: No Python 3.11 to 3.14 with venv found: install one (on Debian and Ubuntu with python3-venv)," \
		"or say where it is with PYTHON=/path/to/python" >&2; \
	exit 1

# A Python that was removed or updated takes the environment with it.
ifeq ($(wildcard $(BIN)/python),)
.PHONY: $(VENV)/made
endif
