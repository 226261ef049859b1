# The targets of the project. Each makes the environment first, if it is missing.
PYTHON ?= python3
BIN := .venv/bin
OFFICE := $(BIN)/python src/office.py
HARNESS := PYTHONPATH=src:tests $(BIN)/python -m

# The tests start hundreds of processes: each would compile the sources again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run demo test setup setup-dev db stop migrate merge analytics status verify replay rebuild erased archive report contracts chaos kills pipe-kills flood fuzz properties mutants assets bench bench-against profile simulate bench-audit bench-pages lint lint-python lint-sql sql audit format lock clean

demo: setup  ## makes up a day of history, processes it and shows the pages; Ctrl-C stops
	@$(OFFICE) demo

run: setup  ## runs everything with an embedded PostgreSQL and a live status; Ctrl-C stops
	@$(OFFICE) run

migrate merge analytics status verify replay rebuild erased archive report contracts: setup
	@$(OFFICE) $@

db: setup  ## starts the embedded server, keeps it running, and prints its DATABASE_URL
	@$(OFFICE) db

stop: setup  ## stops the embedded server
	@$(OFFICE) db --stop

test: setup-dev lint  ## runs the linters and then all tests
	$(BIN)/pytest -n 4 --dist worksteal --durations 30

chaos: setup-dev  ## N=1000 faults in two pipelines, and a table by fault; SEED= repeats a run, ONLY= runs one fault by name
	@$(HARNESS) faults.chaos --faults $(or $(N),1000) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only "$(ONLY)")

kills: setup-dev  ## kills ingestors and the broker while N=100000 events flow; measures the rate with 1, 2 and 4 ingestors
	@$(HARNESS) faults.kills $(if $(N),--events $(N)) $(if $(SEED),--seed $(SEED))

pipe-kills: setup-dev  ## kills N=20 publishers and N ingestors while events flow through named pipes; SEED= repeats a run
	@$(HARNESS) faults.pipe_kills $(if $(N),--kills $(N)) $(if $(SEED),--seed $(SEED))

flood: setup-dev  ## publishes at 100 times the usual rate for 60 s
	OFFICE_FLOOD_SECONDS=60 $(BIN)/pytest tests/faults/test_flood.py

fuzz: setup-dev  ## compares the outcomes of N=100000 generated payloads with the model; SEED= repeats a run
	@$(HARNESS) faults.fuzz --payloads $(or $(N),100000) $(if $(SEED),--seed $(SEED))

properties: setup-dev  ## compares the database with the independent model on generated histories; N=5 times as many as in `make test`
	OFFICE_EXAMPLES=$(or $(N),5) $(BIN)/pytest -n 2 tests/integration/test_properties.py tests/integration/test_rebuild_properties.py \
		tests/integration/test_late_commits.py

mutants: setup-dev  ## makes deliberate bugs, one at a time, and shows which test catches each
	@$(HARNESS) mutants.run

sql: setup  ## renders the SQL templates to .office/sql/, so that they can be read as plain SQL
	@PYTHONPATH=src $(BIN)/python -m pipeline.core.render

lint: setup-dev sql  ## runs the linters: style, types, layers, SQL
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint-python lint-sql

lint-python:
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/mypy
	@PYTHONPATH=src $(BIN)/lint-imports --no-cache --no-logo

lint-sql:
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar setup src/pipeline/sql .office/sql

assets: setup-dev  ## copies the scripts, styles and fonts of the pages from npm packages, as locked in package-lock.json (needs npm)
	@$(BIN)/python tests/assets.py

bench: setup-dev  ## compares the speed with other tools: ONLY=a,b of the rows, N=1000000 lines, BASES=1e6,10e6 earlier claims, RUNS=5
	@$(HARNESS) benchmarks.bench $(if $(ONLY),--only $(ONLY)) $(if $(N),--rows $(N)) $(if $(BASES),--bases $(BASES)) \
		$(if $(RUNS),--runs $(RUNS)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(MEMORY_SECONDS),--memory-seconds $(MEMORY_SECONDS))

bench-against: setup-dev  ## compares the speed of this checkout with COMMIT=, in alternating runs; N=300000 rows, RUNS=5
	@$(HARNESS) benchmarks.against --commit $(COMMIT) $(if $(N),--rows $(N)) $(if $(RUNS),--runs $(RUNS)) $(if $(ONLY),--only $(ONLY))

profile: setup-dev  ## prints where the time of a merged batch goes, by statement, beside a floor of plain SQL; N=200000 rows, BATCH=100000
	@$(HARNESS) benchmarks.profile $(if $(N),--rows $(N)) $(if $(BATCH),--batch $(BATCH))

simulate: setup-dev  ## runs OFFICES=1000 through one broker and one PostgreSQL for SECONDS=120; compares the revenue with the model
	@$(HARNESS) benchmarks.simulation $(if $(OFFICES),--offices $(OFFICES)) $(if $(SECONDS),--seconds $(SECONDS))

bench-audit: setup-dev  ## times Adminer's queries on the audit views, with N=10000000 raw rows
	@$(HARNESS) benchmarks.audit $(if $(N),--rows $(N))

bench-pages: setup-dev  ## times the pages, with 10 and with 1,000 recorded runs; N= raw rows in the database
	@$(HARNESS) benchmarks.pages $(if $(N),--rows $(N))

audit: setup-dev  ## checks the locked packages for known vulnerabilities
	@$(BIN)/python tests/audit.py

format: setup-dev  ## formats Python and SQL
	$(BIN)/ruff check --fix src tests
	$(BIN)/ruff format src tests
	$(BIN)/sqlfluff fix --disable-progress-bar setup src/pipeline/sql

setup: .venv/runtime  ## makes the environment with the packages of the pipeline
setup-dev: .venv/dev  ## adds the packages of the tests

.venv/runtime: requirements.lock
	@echo "Making the environment in .venv (once, about a minute) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Say which with: make PYTHON=python3.11 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.venv/dev: requirements-dev.lock .venv/runtime
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

lock:  ## locks the packages of requirements*.txt anew, with hashes (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements.txt -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -c requirements.lock requirements-dev.txt -o requirements-dev.lock

clean: setup  ## removes the environment, the embedded server and its data
	@$(OFFICE) db --stop
	rm -rf .venv .office
