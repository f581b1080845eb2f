# Moorage. `make` alone lists what there is.
SHELL := /bin/sh
PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help run deploy-local test-deploy test check test-fast lint clients clients-all conformance bench bench-quick cost package images terraform-check terraform-scan lock clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## set up and run the registry on an embedded local stack
	@sh scripts/setup_venv requirements-local.txt
	@exec $(PYTHON) -m localstack.run

PACKAGED := app.py chalicelib requirements.txt scripts/package.py scripts/package_contents.py scripts/bytecode.py scripts/wheelhouse.py

deploy-local: ## deploy with Terraform to an emulator and serve it (CHECK=1: run its tests instead, DOWN=1: take it away)
	@sh scripts/setup_venv requirements-dev.txt
	@zip=build/moorage-lambda-x86_64.zip; if [ -z "$(DOWN)" ] && { [ ! -f $$zip ] || [ -n "$$(find $(PACKAGED) -newer $$zip -not -path '*__pycache__*' | head -n 1)" ]; }; \
	then $(MAKE) --no-print-directory package; fi
	@if [ -n "$(DOWN)" ]; then exec $(PYTHON) -m localstack.deploy --remove; \
	elif [ -n "$(CHECK)" ]; then sh scripts/terraform version >/dev/null && exec $(PYTHON) -m pytest -m "deploy and not slow" tests/deploy; \
	else exec $(PYTHON) -m localstack.deploy; fi

test-deploy: ## the same as deploy-local CHECK=1
	@$(MAKE) --no-print-directory deploy-local CHECK=1

test: ## set up and run all tests; real clients that are missing are skipped by name
	@sh scripts/setup_venv requirements-dev.txt
	@$(PYTHON) -m pytest -m "not deploy and not localstack"

test-localstack: package ## run the storage, event and deployment suites against LocalStack; ALL=1 adds the longest tests
	@sh scripts/setup_venv requirements-dev.txt
	@$(PYTHON) -m localstack.community || { sh scripts/get_dynamodb_local && PYTHON=python3.13 VENV=.venv-localstack sh scripts/setup_venv localstack/requirements.txt; }
	@$(PYTHON) -m tests.localstack_suite.run $(if $(ALL),--all)

check: lint ## lint, types, import contracts and the fast tests: what every commit must pass
	@$(PYTHON) -m pytest -q -m "not clients and not slow and not deploy and not localstack"

lint: ## lint, types and import contracts
	@sh scripts/setup_venv requirements-dev.txt
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports

clients: ## build the pinned Go clients (crane, oras, regctl, the conformance suite) into .clients/bin
	@sh scripts/build_clients
	@sh scripts/get_dynamodb_local

clients-all: ## the same, with helm and the peers of the benchmark
	@sh scripts/build_clients --all

conformance: ## run the official OCI conformance suite against the embedded stack, with auth on
	@sh scripts/setup_venv requirements-dev.txt
	@$(PYTHON) -m tests.conformance.run

bench: ## measure Moorage beside docker-registry and distribution
	@sh scripts/setup_venv requirements-dev.txt
	@$(PYTHON) -m bench

bench-quick: ## a short run of the same
	@sh scripts/setup_venv requirements-dev.txt
	@$(PYTHON) -m bench --quick

package: ## build the zips of the Lambda functions, for arm64 and x86_64
	@sh scripts/setup_venv requirements-dev.txt
	@$(PYTHON) -m scripts.package

cost: ## what a deployment costs on AWS, from list prices and measured counts (python3 -m scripts.cost --help)
	@python3 -m scripts.cost

images: ## build the container images offline on BASE=<image with Python 3.13, by digest> for ARCH=arm64 or x86_64
	@sh scripts/setup_venv requirements-dev.txt
	@$(PYTHON) -m scripts.images --base "$(BASE)" --arch "$(or $(ARCH),arm64)"

terraform-check: terraform-scan ## everything about infra/terraform that needs no account: form, validity, tests of plans, policies
	@sh scripts/setup_venv requirements-dev.txt
	@$(PYTHON) -m pytest -q tests/infra/test_terraform.py tests/infra/test_terraform_refusals.py

terraform-scan: ## check infra/terraform with the policy scanner checkov, offline
	@VENV=.venv-scan sh scripts/setup_venv requirements-scan.txt
	@CKV_SKIP_PACKAGE_UPDATE_CHECK=true .venv-scan/bin/checkov --config-file infra/terraform/checkov.yaml

lock: ## resolve the *.in files into hash-locked requirements (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' requirements.in -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' upload_service/requirements.in -o upload_service/requirements.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' -c requirements.txt requirements-local.in -o requirements-local.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' -c requirements-local.txt requirements-dev.in -o requirements-dev.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' requirements-scan.in -o requirements-scan.txt
	uv pip compile -q --exclude-newer 2026-03-05 --python-version 3.13 --generate-hashes --no-annotate --custom-compile-command 'make lock' localstack/requirements.in -o localstack/requirements.txt  # newer packages than LocalStack 4.14 break it

clean: ## remove what the targets made, but not your data in .moorage and .moorage-deploy
	rm -rf .venv .venv-scan .venv-localstack .clients .conformance .pytest_cache .mypy_cache .ruff_cache .hypothesis build
