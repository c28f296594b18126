# Everything runs in .venv and in node_modules, made on first use; buf lives in .tools. Nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BUF_VERSION := 1.75.0
BUF := .tools/node_modules/.bin/buf
XDS_VERSION := 1.85.0
XDS := .tools/xds
TYPESCRIPT := clients/typescript
NODE_MODULES := $(TYPESCRIPT)/node_modules
CONTRACT := protos/tagged.binpb
PROTOS := $(wildcard protos/uptake/v1/*.proto)
RULES := protos/buf/validate/validate.proto
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test serve bench bench-full faults soak fuzz lint contract format proto docs clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.installed: pyproject.toml clients/python/pyproject.toml packages/uptake-embedded/pyproject.toml
	@echo "Setting up $(VENV) (about a minute, once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Uptake needs Python 3.11 or newer; call make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --quiet --editable clients/python --editable packages/uptake-embedded \
		--editable '.[embedded,report,tracing,dev]'
	@touch $@

$(NODE_MODULES)/.installed: $(TYPESCRIPT)/package.json $(TYPESCRIPT)/package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2> /dev/null && command -v npm > /dev/null \
		|| { echo "The TypeScript client needs Node.js 20 or newer with npm; install both (Debian: nodejs and npm)"; exit 1; }
	@npm ci --silent --no-audit --no-fund --prefix $(TYPESCRIPT)
	@touch $@

# Brings files of other packages too, so it has a folder of its own.
$(XDS)/.installed: $(VENV)/.installed
	@$(BIN)/pip install --quiet --quiet --no-deps --target $(XDS) xds-protos==$(XDS_VERSION)
	@touch $@

$(BUF):
	@npm install --silent --no-audit --no-fund --prefix .tools @bufbuild/buf@$(BUF_VERSION)

demo: $(VENV)/.installed ## Show the main job on the embedded database
	@$(BIN)/uptake demo

test: $(VENV)/.installed $(NODE_MODULES)/.installed ## Run all tests
	@$(BIN)/pytest --numprocesses 3
	@npm test --silent --prefix $(TYPESCRIPT)

serve: $(VENV)/.installed ## Start the service on the embedded database
	@$(BIN)/uptake serve

$(VENV)/.bench: $(VENV)/.installed
	@$(BIN)/pip install --quiet --quiet --editable '.[bench]'
	@touch $@

bench: $(VENV)/.bench ## Measure, each figure beside its baseline
	@$(BIN)/python -m tests.benchmarks

bench-full: $(VENV)/.bench ## Measure for longer and up to the largest sizes, for an hour or two
	@$(BIN)/python -m tests.benchmarks --full

faults: $(VENV)/.installed $(NODE_MODULES)/.installed ## Kill, freeze, cut and fill what the service runs on, for half an hour
	@$(BIN)/python -m tests.faults

MINUTES := 30
soak: $(VENV)/.installed ## Work at random under random harm for MINUTES (30), held against a model
	@$(BIN)/python -m tests.faults.soak --minutes $(MINUTES)

fuzz: $(VENV)/.installed ## Send garbage for ten minutes
	@$(BIN)/python -m tests.faults.fuzz

lint: $(VENV)/.installed $(NODE_MODULES)/.installed $(BUF) $(XDS)/.installed ## Check style, types, contract and deploy files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@npm run lint --silent --prefix $(TYPESCRIPT)
	$(BUF) lint
	$(BUF) format --diff --exit-code
	$(BUF) breaking --against $(CONTRACT)
	$(BIN)/kubernetes-validate --strict --quiet deploy/kubernetes/*.yaml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml
	PYTHONPATH=$(XDS) $(BIN)/python deploy/check_envoy.py
	@$(MAKE) --no-print-directory proto OUT=.tools/proto
	diff -r -x '__init__.py' -x '__pycache__' .tools/proto/clients/python/uptake/v1 clients/python/uptake/v1
	diff -r -x '__pycache__' .tools/proto/clients/python/buf clients/python/buf
	diff -r .tools/proto/$(TYPESCRIPT)/src/gen $(TYPESCRIPT)/src/gen

# Written together with a version's tag, and at no other time: from then on the contract only grows.
contract: $(BUF) ## Make the contract that is here the one that later ones must not break
	$(BUF) build --exclude-source-info --output $(CONTRACT)

format: $(VENV)/.installed $(NODE_MODULES)/.installed $(BUF) ## Bring code and contract into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	@npm run format --silent --prefix $(TYPESCRIPT)
	$(BUF) format -w

OUT := .
proto: $(VENV)/.installed $(NODE_MODULES)/.installed $(BUF) ## Generate the clients' code from protos/
	@rm -rf $(OUT)/clients/python/uptake/v1/*_pb2*.py* $(OUT)/clients/python/buf $(OUT)/$(TYPESCRIPT)/src/gen
	@mkdir -p $(OUT)/clients/python
	$(BIN)/python -m grpc_tools.protoc -Iprotos --python_out=$(OUT)/clients/python --pyi_out=$(OUT)/clients/python \
		--grpc_python_out=$(OUT)/clients/python --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc \
		--mypy_grpc_out=quiet:$(OUT)/clients/python --include_source_info --descriptor_set_out=.tools/commented.binpb \
		$(PROTOS)
	$(BIN)/python -m grpc_tools.protoc -Iprotos --python_out=$(OUT)/clients/python --pyi_out=$(OUT)/clients/python $(RULES)
	$(BIN)/python protos/document_stubs.py .tools/commented.binpb $(OUT)/clients/python
	PATH="$(CURDIR)/$(NODE_MODULES)/.bin:$$PATH" $(BUF) generate --output $(OUT)
	@# The details of errors are Google's; their definitions come with googleapis-common-protos.
	@installed=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
		&& PATH="$(CURDIR)/$(NODE_MODULES)/.bin:$$PATH" $(BUF) generate $$installed --output $(OUT) \
		--path $$installed/google/rpc/error_details.proto \
		--type google.rpc.ErrorInfo,google.rpc.BadRequest,google.rpc.RetryInfo

docs: $(VENV)/.installed ## Write docs/settings.md
	@$(BIN)/python docs/settings_table.py

clean: ## Remove what make made
	rm -rf $(VENV) $(NODE_MODULES) $(TYPESCRIPT)/dist $(TYPESCRIPT)/.build .tools .pytest_cache .mypy_cache .ruff_cache
