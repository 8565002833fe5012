# Two commands set everything up: `make demo` and `make test`. Both install what they need into this checkout
# (.venv and .cache), need no root, and may run twice or beside another checkout.
SHELL := /bin/bash
# The first that runs and is 3.11 or 3.12.
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# Two processes: the stories are half of the time and mostly wait, so the rest runs beside them (conftest.py).
PYTEST := $(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test unit properties check bench bench-validity crd stack models test-torch push-models lock clean

help: ## Show the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: .venv/ready ## Promote a good model and roll back two bad ones, on real parts, in about four minutes
	@$(BIN)/python -m e2e.demo

test: .venv/ready ## Everything that needs no Docker, the stories on the local stack included
	@$(BIN)/python -m e2e.stack tools
	@$(BIN)/python -m e2e.node prepare
	$(PYTEST)

unit: .venv/ready ## Only what needs no stack, in a minute or two
	$(PYTEST) -q -m "not stack" operator/tests models/tests

properties: .venv/ready ## Ten thousand random histories against every invariant, and elections in bad worlds
	HYPOTHESIS_PROFILE=properties $(BIN)/pytest -n 2 -q operator/tests/plan/test_invariants.py operator/tests/leading

check: .venv/ready ## Format, lint, types, layers, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m modelrollout crd | diff -u crds/modelrollouts.yaml - || { echo "crds/ is stale: run make crd"; exit 1; }
	$(BIN)/python docs/reference.py --check
	$(BIN)/python docs/states.py --check
	$(BIN)/python charts/readme.py --check
	$(BIN)/python charts/dashboards --check
	$(BIN)/python charts/argocd/argocd_cm.py --check

bench: .venv/ready ## Print the figures: queries, writes, CPU, memory, lags, serving
	@$(BIN)/python -m e2e.stack tools
	@$(BIN)/python -m e2e.bench

bench-validity: .venv/ready ## Simulate every world by the thousand and write docs/validity.md, in about an hour
	@$(BIN)/python -m modelrollout.simulate.bench --runs 1000 --workers 2

crd: .venv/ready ## Generate crds/, and whatever else is written from the code
	$(BIN)/python -m modelrollout crd > crds/modelrollouts.yaml
	cp crds/modelrollouts.yaml charts/modelrollout/files/
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/states.py
	$(BIN)/python charts/readme.py
	$(BIN)/python charts/dashboards
	$(BIN)/python charts/argocd/argocd_cm.py
	@$(BIN)/python -m e2e.stack tools
	$(BIN)/python charts/kustomize/render.py --helm .cache/bin/helm

sbom: .venv/ready ## Write the images' bills of materials (CycloneDX) to dist/
	@mkdir -p dist
	for image in operator models; do $(BIN)/python -m e2e.node.sbom --image $$image > dist/sbom-$$image.json || exit 1; done

stack: .venv/ready ## Start the local stack for your own experiments (python -m e2e.stack down ends it)
	@$(BIN)/python -m e2e.stack up

models: .venv-train/ready ## Train the models again (installs torch, about 3 GB on Linux)
	.venv-train/bin/python -m rolloutmodels.train --model all

test-torch: .venv-train/ready ## What needs torch: training, checkpoints and the torch runtime
	.venv-train/bin/python -m pytest -q $$(grep -l mark.torch models/tests/test_*.py)

push-models: .venv/ready ## Upload the models to an S3-compatible store: BUCKET=... [ENDPOINT=https://...]
	@test -n "$(BUCKET)" || { echo "BUCKET is not set: make push-models BUCKET=ml-models"; exit 2; }
	@$(BIN)/python -m rolloutmodels.push --bucket "$(BUCKET)" $(if $(ENDPOINT),--endpoint "$(ENDPOINT)")

LOCKED := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
lock: .venv/ready ## Pin the newest versions that pyproject.toml allows
	$(BIN)/pip install -q uv
	for extra in dev train; do $(LOCKED) pyproject.toml --extra $$extra -o requirements/$$extra.txt || exit 1; done
	$(LOCKED) pyproject.toml -o requirements/operator.txt
	$(BIN)/python -c 'import tomllib; print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["serve"]))' \
	  | $(LOCKED) -c requirements/dev.txt - -o requirements/models.txt
	echo hatchling | $(LOCKED) - -o requirements/build.txt

clean: ## Remove what the commands installed and built
	rm -rf .venv .venv-train .cache

.venv/ready: requirements/dev.txt pyproject.toml
	@echo "Installing the Python packages into .venv (about a minute, once)"
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed and none is on PATH: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

.venv-train/ready: requirements/train.txt pyproject.toml
	@echo "Installing torch into .venv-train (about 3 GB, once)"
	@$(PYTHON) -m venv .venv-train
	@.venv-train/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements/train.txt
	@.venv-train/bin/pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@
