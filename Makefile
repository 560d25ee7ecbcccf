PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-fast test-long test-debian bench up deploy check audit

demo: .venv/ready
	@$(BIN)/python -m deployments.demo $(if $(DEPLOYTEQ),--deployteq)

up: .venv/ready
	@$(BIN)/python -m deployments.up $(if $(DEMO),--demo) $(if $(DEPLOYTEQ),--deployteq) $(if $(PORT),--port "$(PORT)")

deploy: .venv/ready
	$(BIN)/python -m deployments.deploy --pool "$(or $(POOL),deployteq)" $(if $(TYPE),--type "$(TYPE)") $(if $(IMAGE),--image "$(IMAGE)") $(if $(FOLDER),--folder "$(FOLDER)")

PYTEST := $(BIN)/pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: check
	$(PYTEST)

# Without Prefect, PostgreSQL and browser: for the inner loop.
test-fast: .venv/dev
	$(PYTEST) -m "not prefect and not postgresql"

# What `make test` leaves out, and more of what it does a little of: soaks, property tests.
test-long: .venv/dev test-debian
	$(PYTEST) --long

# The tests of the customer database once more, on Debian's version of PostgreSQL; CI runs them beside `make test`.
test-debian: .venv/dev
	$(PYTEST) --postgresql debian -m "postgresql and not flow"

check: .venv/dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

# In an environment of its own: it is no part of what it looks at. Fails when a package could not be looked up.
audit:
	$(PYTHON) -m venv build/audit
	build/audit/bin/pip install --quiet --disable-pip-version-check pip-audit
	build/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement requirements-dev.lock

bench: .venv/dev
	$(BIN)/python -m tests.bench

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say which with: make PYTHON=python3.12")'
	@echo "Installing what is needed to run into .venv: about 600 MB, once; it takes a minute or two ..."
	@$(PYTHON) -m venv --upgrade-deps .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/dev: .venv/ready requirements-dev.lock
	@echo "Installing what the tests need besides ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@
