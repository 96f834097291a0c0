# Every command of this repository. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NODE_STAMP := node_modules/.installed
.DEFAULT_GOAL := help
# A file stays with one process, which has a database, a node and a house of its own.
TEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile
SEED ?= 1
STEPS ?= 2000
SECONDS ?= 60
.PHONY: help install browser demo dev test simulate chaos soak load soak-load promote fuzz audit sbom check format bench schema pictures lock image

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

install: $(STAMP) $(NODE_STAMP) ## install everything this repository needs into .venv and node_modules

$(STAMP): requirements.lock pyproject.toml
	@echo "installing Python packages into $(VENV) (once, about two minutes)"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@PYTHONWARNINGS="ignore:Editable installation" $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(NODE_STAMP): package-lock.json
	@echo "installing the Ethereum node, the Solidity compiler and what browsers need into node_modules"
	@npm ci --loglevel=error --no-update-notifier --no-fund --no-audit
	@$(PYTHON) app/console/vendor.py
	@touch $@

browser: ## install what some tests need besides: Debian's chromium, hledger and promtool
	@if (command -v chromium || command -v chromium-browser || command -v google-chrome) >/dev/null && \
		command -v hledger >/dev/null && command -v promtool >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "install chromium, hledger and promtool; on Debian, as root: make browser" >&2; exit 1; fi; \
	echo "installing chromium, hledger and promtool"; \
	apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends chromium fonts-liberation hledger >/dev/null
# The program alone: its package would start a server on this machine.
	@command -v promtool >/dev/null || { folder=$$(mktemp -d) && cd "$$folder" && \
		apt-get -qq -o APT::Sandbox::User=root download prometheus && \
		dpkg-deb --fsys-tarfile prometheus_*.deb | tar --extract ./usr/bin/promtool && \
		install usr/bin/promtool /usr/local/bin/ && rm -r "$$folder"; }

demo: install ## watch an agent and a person buy credits, settled for real, granted once
	@$(BIN)/pennyrail demo

dev: install ## run everything on this machine until Ctrl-C (data stays in .pennyrail/dev)
	@$(BIN)/pennyrail dev

test: install ## run every test
	@$(TEST)

simulate: install ## play random purchases on both rails with faults and crashes: SEED=n STEPS=m
	@$(BIN)/python -m tests.simulation --seed $(SEED) --steps $(STEPS)

chaos: install ## kill, stop, cut off and starve the house's processes under load: SEED=n or 1-25 SECONDS=s
	@$(BIN)/python -m tests.faults --seeds $(SEED) --seconds $(SECONDS)

soak: install ## 20 seeds of purchases, one with every process killed, and 200,000 operations against a model
	@$(BIN)/python -m tests.simulation --seeds 20 --steps 2000 --at-once 2
	@$(BIN)/python -m tests.simulation --real-processes --steps 2000
	@PENNYRAIL_SOAK_STEPS=200000 $(BIN)/python -m pytest --timeout 0 -k credits tests/properties

load: install ## find where one of each process is full, and what then; writes docs/load.md and docs/load.png
	@$(BIN)/python -m bench load

soak-load: install ## hours of purchases and holds in ten minutes; fails if memory, files, rows or keys grow
	@$(BIN)/python -m bench --strict soak

promote: install ## kill the database's primary under load, five times, and count what its standby lacks
	@$(BIN)/python -m tests.operations.promotion --seeds 1-5

fuzz: install ## send thousands of well-formed and malformed requests to every door, and nonsense to every parser
	@PENNYRAIL_FUZZ_EXAMPLES=150 $(BIN)/python -m pytest --timeout 0 tests/app/test_openapi_fuzz.py tests/fuzz

audit: install ## ask which weaknesses are known of what is locked; Error 75 if nobody could be asked
	@$(BIN)/python -m tests.supply audit

sbom: install ## write what the house is made of, as CycloneDX, into .artifacts/sbom
	@$(BIN)/python -m tests.supply sbom

check: install ## format, lint, import contracts, types, then every test
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/mypy
	@$(TEST) -m "not style"

format: install ## format and fix what can be fixed
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: install ## measure, each figure against its limit in the same run
	@$(BIN)/python -m bench

schema: install ## write docs/schema.sql again, from the migrations, and docs/api.md, from the doors
	@$(BIN)/python -m tests.ledger.snapshot
	@$(BIN)/python -m tests.reference

pictures: install browser ## take the console's pictures in docs/pictures again
	@$(BIN)/python -m tests.browser.portraits

LOCKED := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock: ## compile the three locks again: all of it, what the image runs, what builds it (needs uv)
	uv pip compile pyproject.toml --all-extras $(LOCKED) --output-file requirements.lock
	uv pip compile pyproject.toml --extra telemetry --constraint requirements.lock $(LOCKED) --no-annotate --output-file requirements-production.lock
	echo "setuptools>=80" | uv pip compile - --constraint requirements.lock $(LOCKED) --no-annotate --output-file requirements-build.lock

image: install ## run the Dockerfile's own steps on this machine, without an engine, and serve from what they make
	@PENNYRAIL_IMAGE_STEPS=1 $(BIN)/python -m pytest --timeout 900 tests/house/test_image_steps.py
