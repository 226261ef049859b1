# The office's targets; `make run` and `make test` do all their own set-up.
PYTHON ?= python3
BIN := .venv/bin
OFFICE := $(BIN)/python src/office.py
HARNESS := PYTHONPATH=src:tests $(BIN)/python -m

.PHONY: run demo test setup setup-dev db stop migrate merge analytics status verify replay rebuild archive report chaos kills flood fuzz properties mutants assets bench bench-against simulate bench-audit bench-pages lint sql audit format lock clean

demo: setup  ## a made-up day of the office, worked through and shown; Ctrl-C stops
	@$(OFFICE) demo

run: setup  ## everything, embedded, with a live status; Ctrl-C stops
	@$(OFFICE) run

migrate merge analytics status verify replay rebuild archive report: setup
	@$(OFFICE) $@

db: setup  ## starts the embedded server, to stay, and prints its DATABASE_URL
	@$(OFFICE) db

stop: setup  ## stops the embedded server
	@$(OFFICE) db --stop

test: setup-dev lint  ## linters, then all the tests
	$(BIN)/pytest -n 3 --dist worksteal --durations 30

chaos: setup-dev  ## N=1000 faults in two lanes, a table by fault; SEED= repeats a run, ONLY= one fault by its name
	@$(HARNESS) faults.chaos --faults $(or $(N),1000) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only "$(ONLY)")

kills: setup-dev  ## ingestors and their broker killed while N=100000 events flow, and the rate with 1, 2 and 4 ingestors
	@$(HARNESS) faults.kills $(if $(N),--events $(N)) $(if $(SEED),--seed $(SEED))

flood: setup-dev  ## 100 times the rate for 60 s
	OFFICE_FLOOD_SECONDS=60 $(BIN)/pytest tests/faults/test_flood.py

fuzz: setup-dev  ## generated payloads against the model; N=100000 of them, SEED= repeats a run
	@$(HARNESS) faults.fuzz --payloads $(or $(N),100000) $(if $(SEED),--seed $(SEED))

properties: setup-dev  ## the database against the independent model on many generated histories; N= scales how many
	OFFICE_EXAMPLES=$(or $(N),5) $(BIN)/pytest -n 2 tests/integration/test_properties.py tests/integration/test_rebuild_properties.py

mutants: setup-dev  ## deliberate bugs, one at a time, and which test catches each
	@$(HARNESS) mutants.run

sql: setup  ## writes the SQL that is rendered from templates to .office/sql/, to read
	@PYTHONPATH=src $(BIN)/python -m pipeline.core.render

lint: setup-dev sql
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/mypy
	@PYTHONPATH=src $(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/sqlfluff lint --disable-progress-bar setup src/pipeline/sql .office/sql

assets: setup-dev  ## copies what the pages load from npm's packages, by package-lock.json (needs npm)
	@$(BIN)/python tests/assets.py

bench: setup-dev  ## beside what others use: ONLY=a,b of its works, N=1000000 lines, BASES=1e6,10e6 claims before, RUNS=5
	@$(HARNESS) benchmarks.bench $(if $(ONLY),--only $(ONLY)) $(if $(N),--rows $(N)) $(if $(BASES),--bases $(BASES)) \
		$(if $(RUNS),--runs $(RUNS)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(MEMORY_SECONDS),--memory-seconds $(MEMORY_SECONDS))

bench-against: setup-dev  ## this checkout beside COMMIT=, by turns; N=300000 rows, RUNS=5
	@$(HARNESS) benchmarks.against --commit $(COMMIT) $(if $(N),--rows $(N)) $(if $(RUNS),--runs $(RUNS))

simulate: setup-dev  ## OFFICES=1000 through one broker and one PostgreSQL for SECONDS=120, their revenue against the model's
	@$(HARNESS) benchmarks.simulation $(if $(OFFICES),--offices $(OFFICES)) $(if $(SECONDS),--seconds $(SECONDS))

bench-audit: setup-dev  ## what Adminer asks of the audit views, over N=10000000 raw rows
	@$(HARNESS) benchmarks.audit $(if $(N),--rows $(N))

bench-pages: setup-dev  ## how long the pages take behind a run, with few and with 1,000 recorded; N= raw rows beside
	@$(HARNESS) benchmarks.pages $(if $(N),--rows $(N))

audit: setup-dev  ## looks the locked packages up among the known vulnerabilities
	@$(BIN)/python tests/audit.py

format: setup-dev
	$(BIN)/ruff check --fix src tests
	$(BIN)/ruff format src tests
	$(BIN)/sqlfluff fix --disable-progress-bar setup src/pipeline/sql

setup: .venv/runtime  ## the environment, with what the pipeline needs
setup-dev: .venv/dev  ## and with what the tests need

.venv/runtime: requirements.lock
	@echo "Making the environment in .venv (once, about a minute) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Say which with: make PYTHON=python3.11 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.venv/dev: requirements-dev.lock .venv/runtime
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

lock:  ## resolves requirements*.txt anew, with hashes (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements.txt -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -c requirements.lock requirements-dev.txt -o requirements-dev.lock

clean: setup  ## removes the environment, the embedded server and its data
	@$(OFFICE) db --stop
	rm -rf .venv .office
