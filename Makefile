# Everything runs in .venv, made on first use; buf (Node.js) lives in .tools. Nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BUF_VERSION := 1.75.0
BUF := .tools/node_modules/.bin/buf
PROTOS := $(wildcard protos/uptake/v1/*.proto)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test serve bench lint breaking format proto clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.installed: pyproject.toml clients/python/pyproject.toml
	@echo "Setting up $(VENV) (about a minute, once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Uptake needs Python 3.11 or newer; call make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --editable clients/python --editable '.[embedded,report,dev]'
	@touch $@

$(BUF):
	@npm install --silent --no-audit --no-fund --prefix .tools @bufbuild/buf@$(BUF_VERSION)

demo: $(VENV)/.installed ## Show the main job on the embedded database
	@$(BIN)/uptake demo

test: $(VENV)/.installed ## Run all tests
	@$(BIN)/pytest

serve: $(VENV)/.installed ## Start the service on the embedded database
	@$(BIN)/uptake serve

bench: $(VENV)/.installed ## Measure, each figure beside its baseline
	@$(BIN)/python -m tests.benchmarks

lint: $(VENV)/.installed $(BUF) ## Check style, types and the contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BUF) lint
	$(BUF) format --diff --exit-code
	@$(MAKE) --no-print-directory proto OUT=.tools/proto
	diff -r -x '__init__.py' -x '__pycache__' .tools/proto/uptake/v1 clients/python/uptake/v1

breaking: $(BUF) ## Check the contract against the branch main
	$(BUF) breaking --against '.git#branch=main'

format: $(VENV)/.installed $(BUF) ## Bring code and contract into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BUF) format -w

OUT := clients/python
proto: $(VENV)/.installed ## Generate the clients' code from protos/
	@rm -f $(OUT)/uptake/v1/*_pb2*.py $(OUT)/uptake/v1/*_pb2*.pyi
	@mkdir -p $(OUT)
	$(BIN)/python -m grpc_tools.protoc -Iprotos --python_out=$(OUT) --pyi_out=$(OUT) --grpc_python_out=$(OUT) \
		--plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc --mypy_grpc_out=quiet:$(OUT) $(PROTOS)

clean: ## Remove what make made
	rm -rf $(VENV) .tools .pytest_cache .mypy_cache .ruff_cache
