# Everything that people and CI do with Holdfast; each target sets up what it needs.
.DEFAULT_GOAL := help
.PHONY: help demo up test prove mutants check bench migrate replay openapi contracts

PYTHON ?= python3
SETTLED := .venv/.settled
RUN := .venv/bin
TOOLS := node_modules/.settled
CHAIN := contracts/node_modules/.settled
FORGE := node_modules/.bin/forge
ANALYSIS := contracts/.venv/.settled
# Published API descriptions that requests and replies are checked against; tests that want them skip without.
SPECS := $(abspath ../shared/specs)
export HOLDFAST_SPECS ?= $(if $(wildcard $(SPECS)),$(SPECS))
# The tests start Python a hundred times: what was compiled is kept, also where the environment says to keep nothing.
export PYTHONDONTWRITEBYTECODE :=

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: $(SETTLED) $(CHAIN) ## bring up a throw-away stack, run real orders, check the books
	$(RUN)/holdfast demo

up: $(SETTLED) $(CHAIN) ## run everything on this machine until Ctrl-C
	$(RUN)/holdfast up

test: $(SETTLED) $(CHAIN) ## run all tests
	cd contracts && FOUNDRY_PROFILE=quick $(FORGE) test --summary
	$(RUN)/pytest -n 4 --dist load --maxschedchunk 1 --durations=15

prove: $(SETTLED) $(CHAIN) $(ANALYSIS) ## run the fault and proof suites in full size, write docs/proof.md
	HOLDFAST_PROOF=full HOLDFAST_PROOF_REPORT=docs/proof.md $(RUN)/pytest tests/proof -n 3 --dist worksteal
	list=$$(mktemp) && $(RUN)/python -m tests.mutants --report $$list && \
	printf '\n## Deliberate bugs, and who catches each\n\n' | cat - $$list >> docs/proof.md && rm $$list

mutants: $(SETTLED) $(CHAIN) ## switch on deliberate bugs, each alone: a test has to catch each
	$(RUN)/python -m tests.mutants

check: $(SETTLED) $(TOOLS) $(CHAIN) $(ANALYSIS) ## lint, types, import contracts, sizes, the API's description
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports
	cd contracts && $(FORGE) fmt --check && $(FORGE) lint src
	cd contracts && PATH=$$PWD/node_modules/.bin:$$PATH FOUNDRY_PROFILE=quick .venv/bin/slither .
	$(RUN)/pytest -q tests/architecture
	npx --no-install redocly lint docs/openapi.json

bench: $(SETTLED) $(CHAIN) ## measure ratios in one run and print them
	$(RUN)/python -m benchmarks
	$(RUN)/python -m benchmarks.search

migrate: $(SETTLED) ## bring the database of DATABASE_URL to the newest schema
	$(RUN)/holdfast migrate

replay: $(SETTLED) ## record the histories of tests/replay anew
	$(RUN)/pytest -q tests/replay/record.py

openapi: $(SETTLED) ## write the OpenAPI snapshot and its Postman collection anew
	HOLDFAST_RECORD=1 $(RUN)/pytest -q tests/architecture/test_openapi.py

contracts: $(SETTLED) $(CHAIN) ## compile the contracts; write their interfaces, bytecode and gas anew
	HOLDFAST_RECORD=1 $(RUN)/pytest -q tests/architecture/test_artifacts.py tests/integration/test_gas.py

# uv comes from PyPI into the environment that it then fills exactly as locked.
$(SETTLED): pyproject.toml uv.lock
	test -x $(RUN)/python || $(PYTHON) -m venv .venv
	test -x $(RUN)/uv || $(RUN)/python -m pip install --quiet 'uv>=0.13,<0.14'
	$(RUN)/uv sync --locked --quiet
	touch $@

$(TOOLS): package.json package-lock.json
	npm ci --silent
	touch $@

# No package here runs a script of its own: the binaries are in the packages themselves.
$(CHAIN): contracts/package.json contracts/package-lock.json
	cd contracts && npm ci --silent --ignore-scripts
	touch $@

$(ANALYSIS): contracts/pyproject.toml contracts/uv.lock $(SETTLED)
	$(RUN)/uv sync --project contracts --locked --quiet
	touch $@
