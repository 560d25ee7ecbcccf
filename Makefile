PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test bench up deploy check

demo: .venv/ready
	@mkdir -p .demo/prefect
	PREFECT_HOME=$(CURDIR)/.demo/prefect $(BIN)/python -m deployments.demo

up: .venv/ready
	@mkdir -p .demo/prefect
	$(if $(DEMO),PREFECT_HOME=$(CURDIR)/.demo/prefect )$(BIN)/python -m deployments.up $(if $(DEMO),--demo)

deploy: .venv/ready
	$(BIN)/python -m deployments.deploy --pool "$(or $(POOL),deployteq)" $(if $(TYPE),--type "$(TYPE)") $(if $(IMAGE),--image "$(IMAGE)") $(if $(FOLDER),--folder "$(FOLDER)")

test: check
	$(BIN)/pytest

check: .venv/ready
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/ready
	$(BIN)/python -m tests.bench

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say which with: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@
